"""EndNote's XML, which Mendeley, RefWorks and others write as well."""

from __future__ import annotations

from io import BytesIO
from typing import Any
from xml.etree import ElementTree

from digest.errors import LibraryError
from digest.library.encoding import decode
from digest.library.limits import MAX_ENTRIES
from digest.library.records import (
    Collector,
    Record,
    Wanted,
    abstract_of,
    everything,
    names_of,
    refuse_more_than,
    title_of,
)
from digest.ports import Likes
from digest.text import clean


def parse(
    body: bytes, *, place: str, max_entries: int = MAX_ENTRIES, wanted: Wanted = everything
) -> Likes:
    """Papers of an EndNote XML file, in its order, one a work. What stands before a place where
    the file breaks off is used.

    Raises:
        LibraryError: it is no XML of EndNote's, declares entities, or holds too many records.
    """
    decoded = decode(body)
    if "<!ENTITY" in decoded.text:
        raise LibraryError(f"{place} declares entities, which no library needs.", place=place)
    refuse_more_than(max_entries, decoded.text.count("<record>"), place)
    collector = Collector(place, "endnote", wanted)
    # decoded already, so that what the file says of its encoding is of no use any more
    text = decoded.text.split("?>", 1)[-1] if decoded.text.startswith("<?xml") else decoded.text
    number = 0
    try:
        for _, element in ElementTree.iterparse(BytesIO(text.strip().encode())):
            if element.tag == "record":
                number += 1
                collector.put(_record(element), where=f"record {number}")
                element.clear()
    except (ElementTree.ParseError, ValueError) as error:
        if not number:
            raise LibraryError(f"{place} is no XML: {error}.", place=place) from error
        collector.fault(f"record {number + 1}", f"the file breaks off ({error})")
    return collector.likes_of(decoded, "record of EndNote's")


def _texts(element: Any, path: str) -> tuple[str, ...]:
    """The texts of the elements at a path, styled or not."""
    found = (clean("".join(e.itertext())) for e in element.findall(path))
    return tuple(t for t in found if t)


def _text(element: Any, *paths: str) -> str:
    return next((t for path in paths for t in _texts(element, path)), "")


def _record(element: Any) -> Record:
    links = [
        link
        for kind in ("related-urls", "web-urls", "text-urls", "pdf-urls")
        for link in _texts(element, f"urls/{kind}/url")
        if not link.startswith("internal-pdf:")
    ]
    year = _text(element, "dates/year")
    day = _text(element, "dates/pub-dates/date")
    database = _text(element, "remote-database-name").lower()
    number = _text(element, "accession-num")
    return Record(
        title=title_of(_text(element, "titles/title", "titles/short-title")),
        abstract=abstract_of(_text(element, "abstract")),
        authors=names_of(_texts(element, "contributors/authors/author")),
        date=day if year in day and year else f"{day} {year}".strip(),
        journal=title_of(
            _text(
                element,
                "periodical/full-title",
                "titles/secondary-title",
                "periodical/abbr-1",
                "alt-periodical/full-title",
            )
        ),
        language=_text(element, "language"),
        url=next(iter(links), ""),
        ids=(
            *_texts(element, "electronic-resource-num"),
            *links,
            *(
                [f"pmid:{number}"]
                if number.isdigit() and ("medline" in database or "pubmed" in database)
                else []
            ),
        ),
        mentions=(
            *_texts(element, "titles/secondary-title"),
            *_texts(element, "notes"),
            *_texts(element, "custom1"),
            number,
        ),
        tags=_texts(element, "keywords/keyword"),
    )
