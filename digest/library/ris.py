"""RIS files, as Zotero, EndNote, publishers and PubMed write them, by the rispy library."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from digest.errors import LibraryError
from digest.latex import readable
from digest.library.records import (
    MAX_ABSTRACT_CHARS,
    MAX_ENTRIES,
    MAX_ENTRY_CHARS,
    MAX_TITLE_CHARS,
    Collector,
    decode,
    paper_of,
    ref_of,
    refuse_more_than,
    turned,
)
from digest.markup import plain
from digest.model import Paper
from digest.ports import Likes
from digest.text import clean

_TITLES = ("title", "primary_title", "translated_title", "short_title")
_ABSTRACTS = ("abstract", "notes_abstract")
_JOURNALS = ("journal_name", "secondary_title", "alternate_title3", "alternate_title1")
_START, _END = re.compile(r"^TY\s+-\s", re.M), re.compile(r"^ER\s+-", re.M)


def parse(body: bytes, *, place: str, max_entries: int = MAX_ENTRIES) -> Likes:
    """Papers of a RIS file, in its order, one a key.

    Raises:
        LibraryError: there is text, but not one record in it, or there are too many.
    """
    text = decode(body)
    starts = [m.start() for m in _START.finditer(text)]
    refuse_more_than(max_entries, len(starts), place)
    if not starts and text.strip():
        raise LibraryError(f"{place} holds no RIS record (they begin with TY  - ).", place=place)
    collector = Collector(place)
    line = 1 + text.count("\n", 0, starts[0]) if starts else 1
    for start, end in pairwise([*starts, len(text)]):
        where = f"line {line}"
        line += text.count("\n", start, end)
        entry, fault = _record(text[start:end])
        if fault:
            collector.fault(where, fault)
        if entry is not None:
            collector.put(_paper(entry), where=where, ref=_reference(entry), what="this record")
    return collector.likes()


def _record(text: str) -> tuple[Mapping[str, Any] | None, str]:
    """One record, read for itself, so that a broken one costs only itself."""
    import rispy

    if len(text) > MAX_ENTRY_CHARS:  # rispy joins continued lines one by one
        return None, f"this record is longer than {MAX_ENTRY_CHARS:,} characters"
    torn = _END.search(text) is None
    try:
        found = rispy.loads(text + "\nER  - \n" if torn else text, skip_unknown_tags=True)
    except (OSError, ValueError, LookupError, TypeError) as error:
        return None, f"this record cannot be read ({clean(str(error))[:100]})"
    if not found:
        return None, "this record is empty"
    return found[0], ""


def _reference(entry: Mapping[str, Any]) -> str:
    return ref_of(str(entry.get("doi", "")), *map(str, entry.get("urls", ())))


def _paper(entry: Mapping[str, Any]) -> Paper | None:
    urls = [str(u) for u in entry.get("urls", ())]
    names = [*entry.get("first_authors", ()), *entry.get("authors", ())]
    arxiv = next((u for u in urls if "arxiv.org/" in u.lower()), "")
    doi = str(entry.get("doi", "")) or next((u for u in urls if "doi.org/" in u), "")
    return paper_of(
        title=readable(_first(entry, _TITLES)[:MAX_TITLE_CHARS]),
        abstract=plain(_first(entry, _ABSTRACTS)[:MAX_ABSTRACT_CHARS]),
        authors=[turned(str(n)) for n in dict.fromkeys(names)],
        doi=doi,
        url=arxiv or (urls[0] if urls else ""),
        eprint=arxiv,
        year=_first(entry, ("year", "publication_year", "date")),
        journal=_first(entry, _JOURNALS),
        source="ris",
    )


def _first(entry: Mapping[str, Any], keys: tuple[str, ...]) -> str:
    for key in keys:
        value = entry.get(key)
        text = clean(" ".join(map(str, value)) if isinstance(value, list) else str(value or ""))
        if text:
            return text
    return ""
