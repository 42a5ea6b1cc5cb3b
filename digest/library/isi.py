"""Formats of two letters, a blank and a value: Web of Science's (.ciw, .isi) and that of RefWorks,
which CNKI writes as well."""

from __future__ import annotations

import re

from digest.library.encoding import decode
from digest.library.limits import MAX_ENTRIES
from digest.library.records import (
    Collector,
    Record,
    Wanted,
    abstract_of,
    every,
    everything,
    first,
    names_of,
    refuse_more_than,
    title_of,
)
from digest.library.tagged import Dialect, records
from digest.ports import Likes
from digest.text import clean

_DIALECT = Dialect(
    line=re.compile(r"([A-Z][A-Z0-9])(?: (.*))?$"),
    starts=frozenset({"PT", "RT"}),
    ends=frozenset({"ER", "EF"}),
)
_START = re.compile(r"^(?:PT |RT |ER *$)", re.MULTILINE)
#: fields of which every line is a value of its own
_LISTS = frozenset({"AU", "AF", "BA", "BF", "CA"})


def parse(
    body: bytes, *, place: str, max_entries: int = MAX_ENTRIES, wanted: Wanted = everything
) -> Likes:
    """Papers of a Web of Science file, in its order, one a work.

    Raises:
        LibraryError: there is text, but not one record in it, or there are too many.
    """
    decoded = decode(body)
    refuse_more_than(max_entries, len(_START.findall(decoded.text)), place)
    collector = Collector(place, "isi", wanted)
    for found in records(decoded.text, _DIALECT):
        lists = {t: [x for v in found.values.get(t, ()) for x in v] for t in _LISTS}
        fields = found.fields | {
            t: [clean(x) for x in v if clean(x)] for t, v in lists.items() if v
        }
        if fields.keys() & {"TI", "AU", "DI", "UT", "PT", "T1", "A1"}:  # not the file's own head
            collector.put(record_of(fields), where=f"line {found.number}")
    return collector.likes_of(
        decoded, "record of Web of Science or RefWorks (they begin with PT or RT)"
    )


def record_of(fields: dict[str, list[str]]) -> Record:
    """A record of Web of Science by its two-letter tags, which its tables use as well."""
    pmid = first(fields, "PM")
    return Record(
        title=title_of(first(fields, "TI", "T1", "FT")),
        abstract=abstract_of(first(fields, "AB")),
        authors=names_of(
            every(fields, "AF" if fields.get("AF") else "AU")
            or every(fields, "A1", "BF", "BA", "CA")
        ),
        date=f"{first(fields, 'PD')} {first(fields, 'PY', 'YR', 'EA')}",
        journal=title_of(first(fields, "SO", "JF", "JI", "J9", "SE")),
        language=first(fields, "LA"),
        url=first(fields, "DL", "LK", "UL"),
        ids=(
            *every(fields, "DI", "DO", "DL", "LK", "UL"),
            f"pmid:{pmid}" if pmid.isdigit() else "",
        ),
        mentions=every(fields, "SO", "AR"),
        tags=tuple(t.strip() for v in every(fields, "DE") for t in v.split(";") if t.strip()),
    )
