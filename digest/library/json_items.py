"""JSON: CSL, Zotero, Better BibTeX, Semantic Scholar, Crossref, OpenAlex, ORCID, Hugging Face and
whatever else names its fields as they do."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from digest.authors import split_names
from digest.errors import LibraryError
from digest.identifiers import name_of
from digest.library.columns import NAMES, TELLING, squeezed
from digest.library.encoding import decode
from digest.library.limits import MAX_ABSTRACT_CHARS, MAX_ENTRIES
from digest.library.records import (
    Collector,
    Record,
    Wanted,
    abstract_of,
    everything,
    moment_of,
    refuse_more_than,
    title_of,
)
from digest.library.zotero_items import is_work, record_of_item
from digest.ports import Likes
from digest.text import clean, unfolded

#: where exports and answers keep their lists, in the order in which they are looked for
_LISTS = (
    "items", "message.items", "results", "data", "papers", "works", "group", "works.group",
    "activities-summary.works.group", "resultList.result", "references", "publications", "articles",
    "entries", "records", "documents", "library", "bookmarks", "likes", "notes", "message",
)  # fmt: skip
#: what an entry of such a list may be wrapped in
_WRAPPERS = ("paper", "citedPaper", "citingPaper", "work", "article", "publication", "entry", "csl")
_IDS = {
    "doi": "", "arxiv": "arxiv:", "pubmed": "pmid:", "pmid": "pmid:", "pubmedcentral": "PMC",
    "pmcid": "", "pmc": "", "corpusid": "corpusid:", "openalex": "", "uri": "", "url": "",
}  # fmt: skip


def parse(
    body: bytes, *, place: str, max_entries: int = MAX_ENTRIES, wanted: Wanted = everything
) -> Likes:
    """Papers of a JSON file, in its order, one a work.

    Raises:
        LibraryError: it is not JSON, not a list of papers, or holds too many.
    """
    decoded = decode(body)
    items = _items(_loaded(decoded.text, place))
    if items is None:
        raise LibraryError(f"{place} is JSON, but no list of papers.", place=place)
    refuse_more_than(max_entries, len(items), place)
    if isinstance(items, list) and len(items) == 1 and not _may_be_paper(items[0]):
        raise LibraryError(f"{place} is JSON, but no list of papers.", place=place)
    collector = Collector(place, "json", wanted)
    n_beside: dict[str, int] = {}
    for number, item in enumerate(items, 1):
        where = f"item {number}"
        if not isinstance(item, dict):
            if isinstance(item, str) and (name := name_of(item)):
                collector.ref(name)
            else:
                collector.fault(where, "this is no entry of a library")
            continue
        data = _unwrapped(item)
        if "itemType" in data:
            record = record_of_item(data)
            if not is_work(data, record):
                kind = str(data["itemType"])
                n_beside[kind] = n_beside.get(kind, 0) + 1
                continue
        else:
            record = _record(data)
            if not _is_paper(data, record, alone=len(items) == 1):
                collector.fault(where, "it has a title, and nothing else that papers have")
                continue
        what = clean(str(data.get("id") or data.get("key") or ""))[:80]
        collector.put(record, where=where, what=what or "it")
    for kind, n in n_beside.items():
        collector.remark(f"{n:,} of its items are no papers ({kind})")
    return collector.likes_of(decoded, "list of papers")


def _may_be_paper(item: Any) -> bool:
    if not isinstance(item, dict) or "itemType" in (data := _unwrapped(item)):
        return True
    return _is_paper(data, _record(data), alone=True)


def _loaded(text: str, place: str) -> Any:
    """The value of a JSON text, or those of its lines.

    Raises:
        LibraryError: it is neither.
    """
    try:
        return json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        lines = [line for line in text.split("\n") if line.strip()]
        try:
            if len(lines) > 1 and all(line.lstrip().startswith("{") for line in lines[:20]):
                return [json.loads(line) for line in lines]
        except (json.JSONDecodeError, RecursionError):
            pass
        raise LibraryError(f"{place} is not JSON: {error}.", place=place) from error


def _items(data: Any) -> list[Any] | None:
    """The list of entries in an export, however it is wrapped; None if there is none."""
    if isinstance(data, list):
        return [one for item in data for one in _ungrouped(item)]
    if not isinstance(data, dict):
        return None
    for path in _LISTS:
        found: Any = data
        for key in path.split("."):
            found = found.get(key) if isinstance(found, dict) else None
        if isinstance(found, list):
            return [one for item in found for one in _ungrouped(item)]
        if isinstance(found, dict) and path in ("message", "data") and "title" in found:
            return [found]
    if "title" in data or name_of(str(data.get("DOI") or data.get("doi") or "")):
        return [data]
    values = list(data.values())
    if values and all(isinstance(v, dict) and "title" in v for v in values):  # keyed by their ids
        return values
    return None


def _ungrouped(item: Any) -> Iterator[Any]:
    """The first of ORCID's records of one work, which lie in groups; others as they are."""
    summaries = item.get("work-summary") if isinstance(item, dict) else None
    yield summaries[0] if isinstance(summaries, list) and summaries else item


def _unwrapped(item: Mapping[str, Any]) -> Mapping[str, Any]:
    data = item.get("data")
    if isinstance(data, dict) and "itemType" in data:  # as Zotero's API answers
        return data
    for key in _WRAPPERS:
        inner = item.get(key)
        if isinstance(inner, dict) and ("title" in inner or "id" in inner):
            return {**item, **inner}
    return item


def _is_paper(data: Mapping[str, Any], record: Record, *, alone: bool) -> bool:
    """Whether an object with a title is a paper: anything may have a title."""
    known = {squeezed(k) for k in data}
    if known & TELLING or record.authors or any(name_of(i) for i in record.ids):
        return True
    return (
        not record.title or known >= {"id", "type"} or (bool(known & {"id", "url"}) and not alone)
    )


# --- one entry ---------------------------------------------------------------------------------


def _record(data: Mapping[str, Any]) -> Record:
    fields: dict[str, Any] = {}
    for key, value in data.items():
        fields.setdefault(squeezed(key), value)

    def first(field: str) -> str:
        return next((t for n in NAMES[field] if (t := _text(fields.get(n)))), "")

    title, subtitle = title_of(first("title")), title_of(first("subtitle"))
    if subtitle and subtitle.lower() not in title.lower():
        title = f"{title}: {subtitle}"
    index = fields.get("abstractinvertedindex")
    folded = unfolded(index, MAX_ABSTRACT_CHARS) if isinstance(index, dict) else ""
    return Record(
        title=title,
        abstract=abstract_of(first("abstract") or folded),
        authors=_authors(fields),
        date=next((t for n in NAMES["date"] if (t := _date(fields.get(n)))), ""),
        journal=title_of(first("journal") or _place_of(fields)),
        language=first("language"),
        url=first("url"),
        ids=tuple(_ids(fields)),
        mentions=(
            *(_text(fields.get(n)) for n in NAMES["mention"]),
            *(_text(fields.get(n)) for n in ("containertitle", "publisher", "archive", "journal")),
        ),
        added=moment_of(first("added") if "dateadded" in fields or "addedat" in fields else ""),
        tags=_list_of_texts(fields.get("tags") or fields.get("keywords") or fields.get("keyword")),
        groups=_list_of_texts(fields.get("collections") or fields.get("groups")),
    )


def _text(value: Any) -> str:
    """A text in a value: itself, the first of a list, or what an object calls its value."""
    if isinstance(value, bool):
        return ""
    if isinstance(value, str | int | float):
        return clean(str(value))
    if isinstance(value, list):
        return next((t for v in value if (t := _text(v))), "")
    if isinstance(value, dict):
        keys = ("value", "title", "name", "raw", "literal", "text", "display_name", "displayName")
        return next((t for k in keys if (t := _text(value.get(k)))), "")
    return ""


def _list_of_texts(value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        return tuple(t for v in re.split(r"[;,]", value) if (t := clean(v)))
    found = (
        _text(v.get("tag") or v.get("name") or "") if isinstance(v, dict) else _text(v)
        for v in (value if isinstance(value, list) else ())
    )
    return tuple(t for t in found if t)


def _place_of(fields: Mapping[str, Any]) -> str:
    """The journal that OpenAlex names within a location."""
    location = fields.get("primarylocation")
    return _text(location.get("source")) if isinstance(location, dict) else ""


def _date(value: Any) -> str:
    """A date as CSL, ORCID or a text has it."""
    if not isinstance(value, dict):
        return _text(value)
    parts = value.get("date-parts")
    if isinstance(parts, list) and parts and isinstance(parts[0], list):
        return "-".join(str(p).zfill(2) for p in parts[0] if isinstance(p, int | str) and p)
    found = [_text(value.get(k)) for k in ("year", "month", "day")]
    if found[0]:
        return "-".join(f for f in found if f)
    return _text(value)


def _authors(fields: Mapping[str, Any]) -> tuple[str, ...]:
    for name in NAMES["authors"]:
        value = fields.get(name)
        if isinstance(value, str) and value.strip():
            return tuple(title_of(n) for n in split_names(value))
        if isinstance(value, list) and (found := [n for a in value if (n := _name(a))]):
            return tuple(dict.fromkeys(found))
    for key in ("authorships", "contributors", "authorlist"):
        value = fields.get(key)
        value = value.get("author") if isinstance(value, dict) else value
        if isinstance(value, list) and (found := [n for a in value if (n := _name(a))]):
            return tuple(dict.fromkeys(found))
    return ()


def _name(author: Any) -> str:
    """An author as CSL, Zotero, Semantic Scholar, OpenAlex or a text has them."""
    if isinstance(author, str):
        return title_of(next(iter(split_names(author)), ""))
    if not isinstance(author, dict):
        return ""
    inner = author.get("author")
    if isinstance(inner, dict):
        return _name(inner)
    known = {squeezed(k): _text(v) for k, v in author.items()}
    whole = next(
        (
            known[k]
            for k in ("literal", "name", "fullname", "displayname", "collectivename")
            if known.get(k)
        ),
        "",
    )
    given = known.get("given") or known.get("firstname") or known.get("first") or ""
    family = known.get("family") or known.get("lastname") or known.get("last") or ""
    particles = [known.get("droppingparticle", ""), known.get("nondroppingparticle", "")]
    suffix = known.get("suffix", "")
    name = " ".join(p for p in (given, *particles, family) if p)
    if suffix and name:
        name = (
            f"{name}, {suffix}" if suffix.lower().startswith(("jr", "sr")) else f"{name} {suffix}"
        )
    return title_of(whole if whole and not (given and family) else name)


def _ids(fields: Mapping[str, Any]) -> Iterator[str]:
    yield from (_text(fields.get(n)) for n in NAMES["doi"])
    for field, before in (("arxiv", "arxiv:"), ("pmid", "pmid:"), ("corpus", "corpusid:")):
        for name in NAMES[field]:
            if found := _text(fields.get(name)):
                yield f"{before}{found}" if found[0].isdigit() else found
    yield from (_text(fields.get(n)) for n in NAMES["pmcid"])
    for key in ("externalids", "ids", "identifiers", "extids"):
        yield from _external(fields.get(key))
    sha = _text(fields.get("paperid"))
    if re.fullmatch(r"[0-9a-f]{40}", sha):
        yield f"https://www.semanticscholar.org/paper/{sha}"
    own = _text(fields.get("id"))
    if "://" in own or "/" in own or re.fullmatch(r"\d{4}\.\d{4,5}(v\d+)?", own):
        yield own
    for name in NAMES["url"]:
        value = fields.get(name)
        yield from (_text(v) for v in (value if isinstance(value, list) else [value]))


def _external(value: Any) -> Iterator[str]:
    """Ids of other registers: an object by register, or a list of objects with type and value."""
    if isinstance(value, dict) and isinstance(value.get("external-id"), list):
        value = value["external-id"]
    pairs: Sequence[tuple[Any, Any]] = ()
    if isinstance(value, dict):
        pairs = list(value.items())
    elif isinstance(value, list):
        pairs = [
            (
                v.get("external-id-type") or v.get("type") or v.get("scheme"),
                v.get("external-id-value") or v.get("value") or v.get("id"),
            )
            for v in value
            if isinstance(v, dict)
        ]
    for register, known in pairs:
        before = _IDS.get(squeezed(str(register)))
        if before is not None and (found := _text(known)):
            yield found if found.lower().startswith(before.lower()) else f"{before}{found}"
