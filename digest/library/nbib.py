"""PubMed's and ERIC's own export, .nbib: lines of a tag, a hyphen and a value, continued by
indented ones."""

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

_LINE = re.compile(r"\s?([A-Z]{2,4}) {0,2}-(?:\s|$)(.*)")
_PUBMED = Dialect(line=_LINE, starts=frozenset({"PMID"}))
_ERIC = Dialect(line=_LINE, starts=frozenset({"OWN"}), blank_ends=True)
_RECORD = re.compile(r"^(?:PMID *-|OWN *- *ERIC)", re.MULTILINE)


def parse(
    body: bytes, *, place: str, max_entries: int = MAX_ENTRIES, wanted: Wanted = everything
) -> Likes:
    """Papers of a .nbib file, in its order, one a work.

    Raises:
        LibraryError: there is text, but not one record in it, or there are too many.
    """
    decoded = decode(body)
    found = _RECORD.findall(decoded.text)
    refuse_more_than(max_entries, len(found), place)
    collector = Collector(place, "nbib", wanted)
    # records of PubMed may hold an empty line; a line of ERIC's belongs to a record of PubMed, too
    dialect = _PUBMED if any(f.startswith("PMID") for f in found) else _ERIC
    for lines in records(decoded.text, dialect) if found else ():
        fields = lines.fields
        if "PMID" in fields or dialect is _ERIC:  # not what stands before the first
            collector.put(_record(fields), where=f"line {lines.number}")
    return collector.likes_of(decoded, "PubMed or ERIC record (they begin with PMID- or OWN - )")


def _record(fields: dict[str, list[str]]) -> Record:
    pmid = next((v for v in fields.get("PMID", ()) if v.isdigit()), "")
    dois = [
        v.removesuffix("[doi]").strip()
        for v in every(fields, "LID", "AID", "SO")
        if v.endswith("[doi]")
    ]
    links = [v for v in every(fields, "AID", "LID", "UR") if v.startswith("http")]
    return Record(
        title=title_of(first(fields, "TI", "BTI", "TT")).removesuffix("."),
        abstract=abstract_of(first(fields, "AB", "OAB")),
        authors=names_of(
            (*every(fields, "FAU" if "FAU" in fields else "AU"), *every(fields, "CN"))
        ),
        date=first(fields, "DP", "DEP"),
        journal=title_of(first(fields, "JT", "TA", "BTI")),
        language=first(fields, "LA"),
        url=f"https://pubmed.ncbi.nlm.nih.gov/{pmid}/" if pmid else next(iter(links), ""),
        ids=(*dois, *links, f"pmid:{pmid}" if pmid else "", *every(fields, "PMC")),
        mentions=every(fields, "SO", "JT"),
        tags=every(fields, "OT", "MH"),
    )
