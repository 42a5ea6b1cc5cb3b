"""Questions at the terminal: each is asked until its answer can be used, and none is lost."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import typer

from digest.cli.output import say
from digest.errors import DigestError
from digest.fields import check_address, check_timezone, parse_time
from digest.identifiers import name_of

T = TypeVar("T")

#: where papers come from, by number
KINDS = {
    "1": ("arXiv", "arxiv"),
    "2": ("Hugging Face Daily Papers", "huggingface"),
    "3": ("bioRxiv", "biorxiv"),
    "4": ("medRxiv", "medrxiv"),
    "5": ("PubMed, by a query", "pubmed"),
    "6": ("a feed, by its address", "feed"),
}
_CATEGORY = re.compile(r"[a-z][a-z-]*(?:\.[A-Za-z-]+)?\Z")


def asked(question: str, read: Callable[[str], T], *, default: str | None = None) -> T:
    """An answer that `read` takes; what it has against another is said, and the question comes
    again."""
    while True:
        given = typer.prompt(question, default=default, show_default=bool(default)).strip()
        try:
            return read(given)
        except (ValueError, DigestError) as error:
            said = str(error)
            say(f"  {said[:1].upper()}{said[1:].rstrip('.')}.")


def email(text: str) -> str:
    return check_address(text)


def time_of_day(text: str) -> str:
    parse_time(text)
    return text


def timezone(text: str) -> str:
    return check_timezone(text)


def categories(text: str) -> list[str]:
    found = [c for c in re.split(r"[,;\s]+", text) if c]
    if not found:
        raise ValueError("name at least one, such as cs.CL")
    if wrong := [c for c in found if not _CATEGORY.match(c)]:
        raise ValueError(f'"{wrong[0]}" is no category of arXiv; they look like cs.CL or hep-th')
    return found


def kinds(text: str) -> list[str]:
    """Numbers of `KINDS`."""
    found = list(dict.fromkeys(re.findall(r"\d+", text)))
    if not found or any(n not in KINDS for n in found):
        raise ValueError(f"say numbers from 1 to {len(KINDS)}, such as: 1 2")
    return [KINDS[n][1] for n in found]


def keywords(text: str) -> list[str]:
    return [k.strip() for k in re.split(r"[,;\n]", text) if k.strip()]


def likes(text: str) -> list[str | Mapping[str, Any]]:
    """References, a library file (its path may have blanks), or a Zotero library."""
    if not text:
        return []
    if match := re.fullmatch(r"(?:zotero\s*[: ]\s*)?((?:users|groups)/\d+)", text, re.I):
        return [{"zotero": match[1].lower()}]
    path = Path(text.strip("\"'")).expanduser()
    if path.is_file():
        if path.suffix == ".sqlite":
            return [{"zotero": str(path)}]
        return [str(path)]
    found: list[str | Mapping[str, Any]] = []
    for part in re.split(r"[,;\s]+", text):
        if not part:
            continue
        if not name_of(part) and not Path(part).expanduser().is_file():
            if "/" in part or part.endswith((".bib", ".ris", ".json", ".csv", ".sqlite")):
                raise ValueError(f"there is no file {part} here")
            raise ValueError(
                f'"{part}" is no arXiv id, DOI or address, no file, and no "users/123" of Zotero'
            )
        found.append(part)
    return found


def feed(text: str) -> str:
    if not re.fullmatch(r"https?://\S+", text):
        raise ValueError("write its whole address, such as https://example.org/journal.rss")
    return text


def something(text: str) -> str:
    if not text:
        raise ValueError("this cannot be empty")
    return text


def sources() -> list[dict[str, Any]]:
    """Ask where papers come from, and of each place which."""
    say("Where should papers come from?")
    for number, (name, _) in KINDS.items():
        say(f"  {number} {name}")
    found: list[dict[str, Any]] = []
    for kind in asked("Numbers", kinds, default="1 2"):
        if kind == "arxiv":
            chosen = asked("arXiv categories", categories, default="cs.LG, cs.CL")
            found.append({"kind": "arxiv", "categories": chosen})
        elif kind in ("biorxiv", "medrxiv"):
            subjects = asked(
                f"{kind} subjects, parted by commas (empty: all)", keywords, default=""
            )
            more = {"categories": subjects} if subjects else {}
            found.append({"kind": "biorxiv", "server": kind, **more})
        elif kind == "pubmed":
            query = asked("A query, as you would type it there", something)
            found.append({"kind": "pubmed", "query": query})
        elif kind == "feed":
            found.append({"kind": "feed", "url": asked("Its address", feed)})
        else:
            found.append({"kind": kind})
    return found
