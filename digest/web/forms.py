"""Forms and settings: what a person types, as the settings of a subscriber, and back."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from starlette.datastructures import FormData, UploadFile

from digest.app import subscriber_of
from digest.config import Settings, check_subscriber
from digest.errors import LibraryError
from digest.identity import name_of
from digest.library import KINDS, SUFFIXES
from digest.model import Subscriber
from digest.ports import Likes
from digest.schedule import WEEKDAYS
from digest.subscriptions import inline_paper
from digest.text import clean

MAX_LINES, MAX_LINE_CHARS = 200, 300
#: fields with one thing a line
LISTS = (
    "keywords",
    "authors",
    "muted",
    "required",
    "muted_authors",
    "affiliations",
    "muted_affiliations",
)
#: fields whose parts stand apart by blanks or commas
WORDS = ("categories", "languages")


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


#: reads the bytes of a library file: its kind, the bytes, and how messages call it
ReadLibrary = Callable[[str, bytes, str], Awaitable[Likes]]


async def likes_in(form: FormData, read: ReadLibrary) -> tuple[Likes, str]:
    """Ids and links of a form, and its uploaded library; and what is wrong with that."""
    refs = [w for w in re.split(r"[\s,]+", _text(form, "papers")) if w][:MAX_LINES]
    unknown = [r for r in refs if not name_of(r)]
    if unknown:
        return Likes(), f"“{unknown[0][:60]}” is no id or address of a paper."
    upload = form.get("library")
    if not isinstance(upload, UploadFile) or not upload.filename:
        return Likes(refs=tuple(refs)), ""
    suffix = "." + upload.filename.rpartition(".")[2].lower()
    kind = SUFFIXES.get(suffix, "")
    if kind not in KINDS:
        return Likes(), f"A library is a file that ends with one of {', '.join(SUFFIXES)}."
    try:
        found = await read(kind, await upload.read(), clean(upload.filename)[:80])
    except LibraryError as error:
        return Likes(), str(error)
    return Likes(papers=found.papers, refs=(*refs, *found.refs), faults=found.faults), ""


async def joining(form: FormData, settings: Settings, read: ReadLibrary) -> Filled:
    """The short form of who wants to join; its library is read if all else is sound."""
    values = {
        name: _text(form, name)
        for name in ("email", "interests", "categories", "text", "papers", "time", "timezone")
    }
    found, wrong = check_subscriber(_wish(values))
    if found is None:
        faults = {_FIELD_OF.get(name, name): told for name, told in wrong.items()}
        return Filled(values=values, faults=faults)
    likes, fault = await likes_in(form, read)
    if fault:
        return Filled(values=values, faults={"papers": fault})
    if text := clean(values["text"]):
        likes = replace(likes, papers=(*likes.papers, inline_paper("", text)))
    if not (found.keywords or found.categories or likes.refs or likes.papers):
        told = "Say at least one thing you are interested in: words, categories or papers."
        return Filled(values=values, faults={"": told})
    subscriber = subscriber_of(found, settings, origin="web")
    return Filled(subscriber=subscriber, likes=likes, values=values)


def _wish(values: Mapping[str, str]) -> dict[str, Any]:
    """The short form as settings."""
    return {
        "email": values["email"].strip(),
        "keywords": lines(values["interests"], commas=True),
        "categories": words(values["categories"]),
        "schedule": {
            "time": values["time"] or None,
            "timezone": values["timezone"].strip() or None,
        },
    }


#: what the form calls a setting
_FIELD_OF = {"keywords": "interests", "schedule": "time"}


def preferences(form: FormData, before: Subscriber, settings: Settings) -> Filled:
    """The long form of who has joined."""
    values: dict[str, Any] = {
        name: _text(form, name)
        for name in (
            *LISTS, *WORDS, "name", "time", "timezone", "length", "trending", "min_upvotes",
            "min_score", "on_empty", "language",
        )
    }  # fmt: skip
    days = [d for d in form.getlist("weekdays") if isinstance(d, str)]
    values["weekdays"] = days
    values["journal_versions"] = form.get("journal_versions") == "yes"
    data: dict[str, Any] = {
        "email": before.email,
        "name": clean(values["name"])[:100],
        "schedule": {
            "time": values["time"],
            "timezone": values["timezone"].strip(),
            "weekdays": days,
        },
        "length": _whole(values["length"]),
        "trending": _whole(values["trending"]),
        "min_upvotes": _whole(values["min_upvotes"] or "0"),
        "min_score": _decimal(values["min_score"] or "0"),
        "on_empty": values["on_empty"],
        "language": values["language"],
        "journal_versions": values["journal_versions"],
        **{name: lines(values[name], commas=name == "keywords") for name in LISTS},
        **{name: words(values[name]) for name in WORDS},
    }
    found, faults = check_subscriber(data)
    if found is None:
        return Filled(values=values, faults=faults)
    return Filled(subscriber=subscriber_of(found, settings, origin="web"), values=values)


def _whole(text: str) -> object:
    text = text.strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 7 else text


def _decimal(text: str) -> object:
    try:
        return float(text.strip().replace(",", "."))
    except ValueError:
        return text


def values_of(s: Subscriber) -> dict[str, Any]:
    """A subscriber's settings as the long form shows them."""
    return {
        "name": s.name,
        "time": f"{s.send_at:%H:%M}",
        "timezone": s.timezone,
        "weekdays": [WEEKDAYS[d] for d in s.weekdays],
        "length": s.edition_size,
        "trending": s.trending_size,
        "min_upvotes": s.min_upvotes,
        "min_score": s.min_score,
        "on_empty": s.on_empty,
        "language": s.language,
        "journal_versions": s.journal_versions,
        "keywords": "\n".join(s.keywords),
        "authors": "\n".join(s.followed_authors),
        "muted": "\n".join(s.muted_terms),
        "required": "\n".join(s.required_terms),
        "muted_authors": "\n".join(s.muted_authors),
        "affiliations": "\n".join(s.followed_affiliations),
        "muted_affiliations": "\n".join(s.muted_affiliations),
        "categories": " ".join(s.categories),
        "languages": " ".join(s.languages),
    }
