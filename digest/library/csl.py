"""CSL-JSON, which Zotero, Mendeley, Pandoc and Crossref write."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from digest.errors import LibraryError
from digest.latex import readable
from digest.library.records import (
    MAX_ABSTRACT_CHARS,
    MAX_ENTRIES,
    MAX_TITLE_CHARS,
    Collector,
    decode,
    paper_of,
    ref_of,
    refuse_more_than,
)
from digest.markup import plain
from digest.model import Paper
from digest.ports import Likes
from digest.text import clean


def parse(body: bytes, *, place: str, max_entries: int = MAX_ENTRIES) -> Likes:
    """Papers of a CSL-JSON file, in its order, one a key.

    Raises:
        LibraryError: it is not JSON, not a list of items, or holds too many.
    """
    try:
        data = json.loads(decode(body))
    except (json.JSONDecodeError, RecursionError) as error:
        raise LibraryError(f"{place} is not JSON: {error}.", place=place) from error
    items = data.get("items", [data]) if isinstance(data, dict) else data
    if not isinstance(items, list):
        raise LibraryError(f"{place} is JSON, but no list of CSL items.", place=place)
    refuse_more_than(max_entries, len(items), place)
    collector = Collector(place)
    for number, item in enumerate(items, 1):
        where = f"item {number}"
        if not isinstance(item, dict):
            collector.fault(where, "this is no CSL item")
            continue
        name = clean(str(item.get("id", "")))[:80]
        ref = ref_of(_text(item, "DOI"), _text(item, "URL"))
        collector.put(_paper(item), where=where, ref=ref, what=name or "it")
    return collector.likes()


def _paper(item: Mapping[str, Any]) -> Paper | None:
    url = _text(item, "URL")
    archive = _text(item, "archive").lower()
    number = _text(item, "number") or _text(item, "archive_location")
    arxiv = number if "arxiv" in archive or number.lower().startswith("arxiv:") else ""
    return paper_of(
        title=readable(plain(_text(item, "title")[:MAX_TITLE_CHARS])),
        abstract=plain(_text(item, "abstract")[:MAX_ABSTRACT_CHARS]),
        authors=[name for a in _list(item, "author") if (name := _name(a))],
        doi=_text(item, "DOI"),
        url=url,
        eprint=arxiv,
        year=_year(item),
        journal=_text(item, "container-title"),
        source="csl",
    )


def _text(item: Mapping[str, Any], key: str) -> str:
    value = item.get(key)
    if isinstance(value, list):  # Crossref's dialect: titles are lists
        value = value[0] if value else ""
    return clean(str(value)) if isinstance(value, str | int | float) else ""


def _list(item: Mapping[str, Any], key: str) -> list[Any]:
    value = item.get(key)
    return value if isinstance(value, list) else []


def _name(author: Any) -> str:
    if not isinstance(author, dict):
        return ""
    literal = _text(author, "literal")
    parts = (_text(author, k) for k in ("given", "non-dropping-particle", "family", "suffix"))
    return literal or " ".join(p for p in parts if p)


def _year(item: Mapping[str, Any]) -> str:
    for key in ("issued", "published", "submitted"):
        date = item.get(key)
        if isinstance(date, dict):
            parts = date.get("date-parts")
            if isinstance(parts, list) and parts and isinstance(parts[0], list) and parts[0]:
                return str(parts[0][0])
            if found := _text(date, "raw") or _text(date, "literal"):
                return found
    return ""
