"""refer, EndNote's own tagged format (.enw): lines that begin with %T, %A, %D."""

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

_LINE = re.compile(r"\s*%([0-9A-Z@!#$^&*()\[>+~<:?=|\\-])(?:\s|$)(.*)")
_DIALECT = Dialect(line=_LINE, starts=frozenset({"0"}), continued=re.compile(r"\s*\S"))
#: older programs part records by empty lines alone
_OLD = Dialect(line=_LINE, starts=frozenset(), blank_ends=True, continued=re.compile(r"\s*\S"))
_START = re.compile(r"^[ \t]*%0(?:\s|$)", re.MULTILINE)
_OLD_START = re.compile(r"(?:\A|\n[ \t]*\n)[ \t]*%[A-Z]\s")


def parse(
    body: bytes, *, place: str, max_entries: int = MAX_ENTRIES, wanted: Wanted = everything
) -> Likes:
    """Papers of a refer file, in its order, one a work.

    Raises:
        LibraryError: there is text, but not one record in it, or there are too many.
    """
    decoded = decode(body)
    n_starts, n_blocks = len(_START.findall(decoded.text)), len(_OLD_START.findall(decoded.text))
    refuse_more_than(max_entries, max(n_starts, n_blocks), place)
    collector = Collector(place, "refer", wanted)
    # %0 stands anywhere in a record where each has one and empty lines part them
    by_blanks = not n_starts or (n_blocks >= n_starts and not _begins_with_kind(decoded.text))
    for found in records(decoded.text, _OLD if by_blanks else _DIALECT):
        collector.put(_record(found.fields), where=f"line {found.number}")
    return collector.likes_of(decoded, "refer record (lines of %T, %A, %D)")


def _begins_with_kind(text: str) -> bool:
    match = _LINE.search(text.lstrip())
    return match is not None and match[1] == "0"


def _record(fields: dict[str, list[str]]) -> Record:
    return Record(
        title=title_of(first(fields, "T", "!", "Q")),
        abstract=abstract_of(" ".join(every(fields, "X"))),
        authors=names_of(every(fields, "A")),
        date=_date(first(fields, "8"), first(fields, "D")),
        journal=title_of(first(fields, "J", "B")),
        language=first(fields, "G"),
        url=first(fields, "U", ">"),
        ids=every(fields, "R", "U", ">"),
        mentions=every(fields, "J", "B", "M", "O", "Z", "N", "V"),
        tags=every(fields, "K"),
    )


def _date(day: str, year: str) -> str:
    """A day as it is where it names its year, else with it."""
    return day if re.search(r"\d{4}", day) else f"{day} {year}".strip()
