"""PubMed's own export, .nbib: lines of a tag, a hyphen and a value, continued by indented ones."""

from __future__ import annotations

import re

from digest.errors import LibraryError
from digest.identifiers import parse_doi
from digest.library.records import (
    MAX_ABSTRACT_CHARS,
    MAX_ENTRIES,
    MAX_TITLE_CHARS,
    Collector,
    decode,
    paper_of,
    ref_of,
    refuse_more_than,
    turned,
)
from digest.ports import Likes
from digest.text import clean

_LINE = re.compile(r"([A-Z0-9]{2,4}) *- ?(.*)")
_RECORD = re.compile(r"^PMID *-", re.M)


def parse(body: bytes, *, place: str, max_entries: int = MAX_ENTRIES) -> Likes:
    """Papers of a .nbib file, in its order, one a key.

    Raises:
        LibraryError: there is text, but not one record in it, or there are too many.
    """
    collector = Collector(place)
    text = decode(body)
    refuse_more_than(max_entries, len(_RECORD.findall(text)), place)
    n_records = 0
    for number, fields in _records(text):
        n_records += 1
        doi = next(
            (
                parse_doi(value)
                for tag in ("LID", "AID")
                for value in fields.get(tag, ())
                if value.endswith("[doi]")
            ),
            "",
        )
        pmid = next((v for v in fields.get("PMID", ()) if v.isdigit()), "")
        page = f"https://pubmed.ncbi.nlm.nih.gov/{pmid}/" if pmid else ""
        paper = paper_of(
            title=_first(fields, "TI")[:MAX_TITLE_CHARS].rstrip("."),
            abstract=_first(fields, "AB")[:MAX_ABSTRACT_CHARS],
            authors=[turned(n) for n in fields.get("FAU", fields.get("AU", []))],
            doi=doi,
            pmid=pmid,
            url=page,
            year=_first(fields, "DP"),
            journal=_first(fields, "JT") or _first(fields, "TA"),
            source="nbib",
        )
        ref = ref_of(doi) or (f"pmid:{pmid}" if pmid else "")
        collector.put(paper, where=f"line {number}", ref=ref, what="this record")
    if not n_records and text.strip():
        raise LibraryError(f"{place} holds no PubMed record (they begin with PMID-).", place=place)
    return collector.likes()


def _records(text: str) -> list[tuple[int, dict[str, list[str]]]]:
    """Each record with the line it begins at; a blank line or another PMID ends one."""
    # joined once, at the end: line by line, a long value would take the square of its time
    found: list[tuple[int, dict[str, list[list[str]]]]] = []
    tag = ""
    for number, line in enumerate(text.splitlines(), 1):
        match = _LINE.match(line)
        if match:
            tag = match[1]
            if tag == "PMID" or not found:
                if tag != "PMID":
                    continue
                found.append((number, {}))
            found[-1][1].setdefault(tag, []).append([match[2]])
        elif line.startswith(" ") and found and found[-1][1].get(tag):
            found[-1][1][tag][-1].append(line)
    return [
        (number, {tag: [clean(" ".join(v)) for v in values] for tag, values in fields.items()})
        for number, fields in found
    ]


def _first(fields: dict[str, list[str]], tag: str) -> str:
    return next(iter(fields.get(tag, ())), "")
