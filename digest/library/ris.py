"""RIS, as Zotero, EndNote, publishers and databases write it."""

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
    moment_of,
    names_of,
    refuse_more_than,
    title_of,
)
from digest.library.tagged import Dialect, records
from digest.ports import Likes

#: tags of the format, which may be written with fewer blanks than it wants
_TAGS = (
    "A[1-5BDUNV]|BT|C[1-9ALNPTY]|D[ABIOPS]|E[DPRT]|I[DPS]|J[12AFO]|K[1W]|L[1-4ABKR]|M[1-3]|"
    "N[12TV]|O[LP]|P[ABMPYT]|R[DINPT]|S[EINPTV]|T[1-5AITY]|U[1-5R]|V[LO]|W[TV]|X[OT]|Y[1-3]"
)
_DIALECT = Dialect(
    line=re.compile(
        rf"\s*((?:{_TAGS})(?=\s*-(?:\s|$))|[A-Z][A-Z0-9](?=  ?-(?:\s|$)))\s*-(?:\s|$)(.*)"
    ),
    starts=frozenset({"TY"}),
    ends=frozenset({"ER"}),
    continued=re.compile(r"\s*\S"),
)
_START = re.compile(r"^[ \t]*(?:TY[ \t]*-\s|ER[ \t]*-(?:\s|$))", re.MULTILINE)


def parse(
    body: bytes, *, place: str, max_entries: int = MAX_ENTRIES, wanted: Wanted = everything
) -> Likes:
    """Papers of a RIS file, in its order, one a work.

    Raises:
        LibraryError: there is text, but not one record in it, or there are too many.
    """
    decoded = decode(body)
    refuse_more_than(max_entries, len(_START.findall(decoded.text)), place)
    collector = Collector(place, "ris", wanted)
    for found in records(decoded.text, _DIALECT):
        collector.put(_record(found.fields), where=f"line {found.number}")
    return collector.likes_of(decoded, "RIS record (they begin with TY  - )")


def _record(fields: dict[str, list[str]]) -> Record:
    is_book = first(fields, "TY").upper() in ("BOOK", "EBOOK", "EDBOOK")
    titles = ("TI", "T1", "CT", *(("BT", "T2") if is_book else ()), "TT", "ST", "BT")
    return Record(
        title=title_of(first(fields, *titles)),
        abstract=abstract_of(" ".join(every(fields, "AB")) or " ".join(every(fields, "N2"))),
        authors=names_of(every(fields, "A1", "AU")),
        date=first(fields, "DA" if _is_whole_date(first(fields, "DA")) else "PY", "PY", "Y1", "DA"),
        journal=title_of(first(fields, "T2", "JF", "JO", "BT", "JA", "J2", "T3")),
        language=first(fields, "LA"),
        url=first(fields, "UR", "LK", "L2", "L1"),
        ids=every(fields, "DO", "DI", "UR", "LK", "M3", "L3", "ID", "L2", "L1", "C7", "C5"),
        mentions=(
            *every(fields, "JO", "JF", "T2", "N1", "U1", "M1", "VL", "PB"),
            _accession(fields),
        ),
        added=moment_of(first(fields, "RD") if "RD" in fields else ""),
        tags=every(fields, "KW"),
    )


def _is_whole_date(text: str) -> bool:
    return re.match(r"\d{4}[/-]\d{1,2}[/-]\d{1,2}", text) is not None


def _accession(fields: dict[str, list[str]]) -> str:
    """The number of a record in its database, where that is PubMed."""
    database = " ".join(every(fields, "DB", "DP")).lower()
    number = first(fields, "AN", "C5", "PM")
    if number.isdigit() and ("pubmed" in database or "medline" in database or "PM" in fields):
        return f"PMID: {number}"
    return number if "pmid" in number.lower() or "medline" in number.lower() else ""
