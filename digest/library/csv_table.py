"""Tables: CSV and tab-separated values as Zotero, Google Scholar, Scopus, PubMed, IEEE, Dimensions,
Web of Science and others export them."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence

from digest.authors import split_names
from digest.errors import LibraryError
from digest.library.columns import TELLING, columns_of, squeezed
from digest.library.encoding import decode
from digest.library.isi import record_of
from digest.library.limits import MAX_ENTRIES, MAX_ENTRY_CHARS
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
from digest.ports import Likes
from digest.text import clean

#: lines above the names of the columns, such as "About the data: Exported on …"
MAX_PREFACE = 8
_DELIMITERS = (",", "\t", ";", "|")


def header_of(text: str) -> tuple[int, str] | None:
    """Where the names of the columns stand, and what parts them; None if a text is no table."""
    for number, line in enumerate(text.lstrip("\ufeff").split("\n")[:MAX_PREFACE]):
        for delimiter in _DELIMITERS:
            names = [clean(n.strip(" '\"")) for n in line.split(delimiter)]
            if len(names) < 2:
                continue
            known = {squeezed(n) for n in names}
            fields = columns_of(names)
            if ("title" in fields or fields.keys() & {"doi", "arxiv", "pmid"}) and (
                known & TELLING or "url" in fields
            ):
                return number, delimiter
            if {"PT", "AU", "TI", "SO"} <= set(names):
                return number, delimiter
    return None


def parse(
    body: bytes, *, place: str, max_entries: int = MAX_ENTRIES, wanted: Wanted = everything
) -> Likes:
    """Papers of a table, in its order, one a work.

    Raises:
        LibraryError: it has no row with names of columns, or too many rows.
    """
    decoded = decode(body)
    text = decoded.text.replace("\x00", "")
    found = header_of(text)
    if found is None:
        raise LibraryError(
            f"{place} is no table of papers: its first line names no title, author or DOI.",
            place=place,
        )
    preface, delimiter = found
    refuse_more_than(20 * max_entries, text.count("\n"), place)
    csv.field_size_limit(MAX_ENTRY_CHARS)
    collector = Collector(place, "csv", wanted)
    body_text = "\n".join(text.split("\n")[preface:])
    rows = csv.reader(body_text.splitlines(keepends=True), delimiter=delimiter)
    header: list[str] = []
    while True:
        number = preface + rows.line_num + 1
        try:
            row = next(rows)
        except StopIteration:
            break
        except csv.Error as error:
            collector.fault(f"line {number}", f"this row cannot be read ({error})")
            continue
        if not header:
            header = [clean(n) for n in row]
        elif any(c.strip() for c in row):
            refuse_more_than(max_entries, collector.n_entries + 1, place)
            collector.put(_record(header, row), where=f"line {number}", what="this row")
    return collector.likes_of(decoded, "row with a paper")


def _record(header: Sequence[str], row: Sequence[str]) -> Record:
    if {"PT", "AU", "TI", "SO"} <= set(header):
        fields = {h: [clean(v)] for h, v in zip(header, row, strict=False) if clean(v)}
        for names in ("AU", "AF", "BA", "BF"):
            fields[names] = [clean(n) for v in fields.get(names, ()) for n in v.split(";")]
        return record_of(fields)
    places = columns_of(header)

    def every(field: str) -> list[str]:
        return [t for at in places.get(field, ()) if at < len(row) and (t := _cell(row[at]))]

    def first(field: str) -> str:
        return next(iter(every(field)), "")

    title, subtitle = title_of(first("title")), title_of(first("subtitle"))
    return Record(
        title=f"{title}: {subtitle}" if title and subtitle else title,
        abstract=abstract_of(first("abstract")),
        authors=tuple(title_of(n) for n in _names(first("authors"))),
        date=first("date"),
        journal=title_of(first("journal")),
        language=first("language"),
        url=first("url"),
        ids=(
            *every("doi"),
            *(f"arxiv:{a}" if a[:1].isdigit() else a for a in every("arxiv")),
            *(f"pmid:{p}" for p in every("pmid") if p.isdigit()),
            *every("pmcid"),
            *every("openalex"),
            *(f"corpusid:{c}" for c in every("corpus") if c.isdigit()),
            *every("url"),
        ),
        mentions=(*every("mention"), *every("journal")),
        added=moment_of(first("added")),
        tags=tuple(
            clean(t) for v in every("tags") for t in v.replace("|", ";").split(";") if t.strip()
        ),
        groups=tuple(clean(g) for v in every("groups") for g in v.split(";") if g.strip()),
    )


def _cell(text: str) -> str:
    """The text of a cell, without the mark that keeps a spreadsheet from running it."""
    text = clean(text)
    return text[1:] if text[:1] == "'" and text[1:2] in ("=", "+", "-", "@", "'") else text


def _names(text: str) -> list[str]:
    """Authors of one cell, without the ids that Scopus writes behind them."""
    return split_names(re.sub(r"\s*\(\d{6,}\)", "", text))
