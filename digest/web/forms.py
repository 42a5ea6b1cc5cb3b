"""Forms: what a person types, as preferences and likes, and back.

The form of preferences is made of `preferences.catalogue`: each has a widget, and each widget is
read and shown here.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import time
from itertools import groupby
from typing import Any

from starlette.datastructures import FormData, UploadFile

from digest.config import Settings, check_preferences
from digest.errors import LibraryError
from digest.fields import WEEKDAYS, check_address
from digest.identifiers import name_of
from digest.languages import N_
from digest.model import Subscriber
from digest.ports import Likes
from digest.preferences import Preference, Preferences, catalogue
from digest.text import clean
from digest.usecases.imports import inline_paper
from digest.web import interest_form

MAX_LINES, MAX_LINE_CHARS, MAX_NAME_CHARS = 200, 300, 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled:
    """A form that was sent: what it means, or what is wrong with it."""

    subscriber: Subscriber | None = None
    likes: Likes = field(default_factory=Likes)
    #: as they were typed, to be shown again
    values: Mapping[str, Any] = field(default_factory=dict)
    #: sentences by field; "" for the form as a whole
    faults: Mapping[str, str] = field(default_factory=dict)


def _text(form: FormData, name: str) -> str:
    value = form.get(name, "")
    return value[:20_000] if isinstance(value, str) else ""


def lines(text: str, *, commas: bool = False) -> list[str]:
    """One thing a line, each once; commas part things, too, if they may."""
    parts = re.split(r"[\r\n,]+" if commas else r"[\r\n]+", text)
    found = dict.fromkeys(c[:MAX_LINE_CHARS] for p in parts if (c := clean(p)))
    return list(found)[:MAX_LINES]


def words(text: str) -> list[str]:
    return list(dict.fromkeys(w[:80] for w in re.split(r"[\s,]+", text) if w))[:MAX_LINES]


#: reads a library file: its bytes, and how messages call it
ReadLibrary = Callable[[bytes, str], Awaitable[Likes]]


def file_name(text: str) -> str:
    """The name of an uploaded file, as a library is listed."""
    return clean(text.replace("\\", "/").rpartition("/")[2])[:80] or "papers"


async def likes_in(form: FormData, read: ReadLibrary) -> tuple[Likes, str]:
    """Ids and links of a form, and its uploaded library; and what is wrong with that."""
    refs = [w for w in re.split(r"[\s,]+", _text(form, "papers")) if w][:MAX_LINES]
    unknown = [r for r in refs if not name_of(r)]
    if unknown:
        return Likes(), f"“{unknown[0][:60]}” is no id or address of a paper."
    upload = form.get("library")
    if not isinstance(upload, UploadFile) or not upload.filename:
        return Likes(refs=tuple(refs), n_entries=len(refs)), ""
    try:
        found = await read(await upload.read(), file_name(upload.filename))
    except LibraryError as error:
        return Likes(), str(error)
    if found.faults and not (found.papers or found.refs):
        return Likes(), found.faults[0]
    return replace(found, refs=(*refs, *found.refs), n_entries=found.n_entries + len(refs)), ""


# --- the short form, of who wants to join ---------------------------------------------------------

#: preferences that it asks for, by the names of its fields, which other sites' forms use, too
_FIRST = {"interests": "keywords"} | {n: n for n in ("categories", "time", "timezone")}


async def joining(form: FormData, settings: Settings, read: ReadLibrary) -> Filled:
    """What somebody wants who joins; their library is read if all else is sound."""
    names = (*_FIRST, "email", "text", "papers", "trending")
    values: dict[str, Any] = {n: _text(form, n) for n in names}
    known = {p.name: p for p in catalogue()}
    given = {
        name: _read(replace(known[name], name=field_name), form)
        for field_name, name in _FIRST.items()
        if values[field_name].strip()
    }
    faults: dict[str, str] = {}
    try:
        email = check_address(values["email"])
    except ValueError as error:
        faults["email"] = str(error)
    common = settings.common_preferences.model_dump()
    found, wrong = check_preferences(common | given)
    if found is None or faults:
        fields = {name: field_name for field_name, name in _FIRST.items()}
        faults |= {fields.get(name, name): fault for name, fault in wrong.items()}
        return Filled(values=values, faults=faults)
    likes, fault = await likes_in(form, read)
    if fault:
        return Filled(values=values, faults={"papers": fault})
    if text := clean(values["text"]):
        likes = replace(likes, papers=(*likes.papers, inline_paper("", text)))
    is_trending = form.get("trending") == "yes"
    if not (is_trending or found.keywords or found.categories or likes.refs or likes.papers):
        told = N_("Say at least one thing you are interested in: words, categories or papers.")
        return Filled(values=values, faults={"": told})
    subscriber = Subscriber(id="", email=email, origin="web", preferences=found)
    return Filled(subscriber=subscriber, likes=likes, values=values)


# --- the long form, of who has joined -------------------------------------------------------------


def groups() -> list[tuple[str, list[Preference]]]:
    """The preferences that are asked for, by the parts of the form."""
    asked = [p for p in catalogue() if p.choice.group]
    order = list(dict.fromkeys(p.choice.group for p in asked))
    asked.sort(key=lambda p: order.index(p.choice.group))
    return [(group, list(members)) for group, members in groupby(asked, lambda p: p.choice.group)]


def preferences(form: FormData, before: Subscriber) -> Filled:
    """What somebody chose, over what the form does not ask for."""
    asked = [p for p in catalogue() if p.choice.group]
    values = {p.name: _typed(p, form) for p in asked}
    given = {p.name: _read(p, form) for p in asked}
    found, faults = check_preferences(before.preferences.model_dump() | given)
    if found is None:
        return Filled(values=values, faults=faults)
    return Filled(subscriber=replace(before, preferences=found), values=values)


def _typed(preference: Preference, form: FormData) -> Any:
    """As it was typed, to be shown again."""
    if preference.choice.widget == "weekdays":
        return [d for d in form.getlist(preference.name) if isinstance(d, str)]
    if preference.choice.widget == "interests":
        return interest_form.typed(form)
    if preference.choice.widget == "checkbox":
        return form.get(preference.name) == "yes"
    return _text(form, preference.name)


def _read(preference: Preference, form: FormData) -> Any:
    """What was typed, as the preference wants it; what cannot be read is left for the check."""
    typed, choice = _typed(preference, form), preference.choice
    if choice.widget == "interests":
        return interest_form.read(typed, lambda text: lines(text, commas=True))
    if choice.widget == "lines":
        return lines(typed, commas=choice.commas)
    if choice.widget == "words":
        return words(typed)
    if choice.widget == "number":
        text = typed.strip() or str(preference.default)
        return int(text) if text.isascii() and text.isdigit() and len(text) < 7 else text
    if choice.widget == "decimal":
        text = typed.strip() or str(preference.default)
        try:
            return float(text.replace(",", "."))
        except ValueError:
            return text
    if choice.widget == "text":
        return clean(typed)[:MAX_NAME_CHARS]
    return typed.strip() if isinstance(typed, str) else typed


def values_of(chosen: Preferences) -> dict[str, Any]:
    """Preferences as the form shows them."""
    return {p.name: _shown(p, getattr(chosen, p.name)) for p in catalogue() if p.choice.group}


def _shown(preference: Preference, value: Any) -> Any:
    if preference.choice.widget == "weekdays":
        return [WEEKDAYS[day] for day in value]
    if preference.choice.widget == "interests":
        return interest_form.shown(value)
    if preference.choice.widget == "lines":
        return "\n".join(value)
    if preference.choice.widget == "words":
        return " ".join(value)
    if preference.choice.widget == "decimal":
        return f"{value:g}"
    return f"{value:%H:%M}" if isinstance(value, time) else value
