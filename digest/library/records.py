"""What library files have in common: a record of a paper, and what a file held."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime

from digest.errors import LibraryError
from digest.identifiers import parse_arxiv_id, parse_doi, parse_pmid
from digest.identity import canonical_id
from digest.model import Paper
from digest.ports import Likes
from digest.text import clean, safe_url

#: entries of one file, unless its reader sets another bound; characters of one entry
MAX_ENTRIES, MAX_ENTRY_CHARS = 200_000, 300_000
#: characters of a title and of an abstract that are read; no real ones are longer
MAX_TITLE_CHARS, MAX_ABSTRACT_CHARS = 2_000, 30_000


def refuse_more_than(max_entries: int, n_entries: int, place: str) -> None:
    """Counting is quick, reading is not, so it comes first.

    Raises:
        LibraryError: a file holds more entries than are read from one.
    """
    if n_entries > max_entries:
        raise LibraryError(
            f"{place} holds {n_entries:,} entries; at most {max_entries:,} are read from one file.",
            place=place,
        )


class Collector:
    """Collects what a file holds, and counts it, so that no entry is lost without a word."""

    def __init__(self, place: str) -> None:
        self._place = place
        self._papers: dict[str, Paper] = {}
        self._refs: dict[str, None] = {}
        self._faults: list[str] = []
        self._n_duplicates = 0

    def put(self, paper: Paper | None, *, where: str, ref: str = "", what: str = "entry") -> None:
        """A record; or a mere reference, if it has no words; or the fault that it is neither."""
        if paper is not None:
            self._n_duplicates += paper.id in self._papers
            self._papers.setdefault(paper.id, paper)
        elif ref:
            self._n_duplicates += ref in self._refs
            self._refs.setdefault(ref)
        else:
            self.fault(where, f"{what} has no title, no abstract and no id")

    def fault(self, where: str, text: str) -> None:
        self._faults.append(f"{self._place}, {where}: {text}.")

    def likes(self) -> Likes:
        return Likes(
            papers=tuple(self._papers.values()),
            refs=tuple(self._refs),
            faults=tuple(self._faults),
            n_duplicates=self._n_duplicates,
        )


def ref_of(*candidates: str) -> str:
    """The first arXiv id or DOI among some texts; nothing if there is none."""
    for text in candidates:
        if text and (arxiv := parse_arxiv_id(text)):
            return arxiv[0]
    return next((doi for text in candidates if text and (doi := parse_doi(text))), "")


def decode(body: bytes) -> str:
    """UTF-8 with or without BOM, UTF-16 with one, else what Windows wrote."""
    if body.startswith((b"\xff\xfe", b"\xfe\xff")):
        return body.decode("utf-16", "replace")
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError:
        return body.decode("cp1252", "replace")


def paper_of(
    *,
    title: str,
    abstract: str = "",
    authors: Sequence[str] = (),
    doi: str = "",
    pmid: str = "",
    url: str = "",
    eprint: str = "",
    year: str = "",
    journal: str = "",
    language: str = "",
    source: str,
) -> Paper | None:
    """A record as a paper; None if it has neither title nor abstract.

    Args:
        eprint: an arXiv id, if the record names one.
        year: any text with a year in it.
    """
    if not title and not abstract:
        return None
    doi = parse_doi(doi)
    url = safe_url(url)
    arxiv = parse_arxiv_id(eprint) if eprint else None
    arxiv = arxiv or parse_arxiv_id(url)
    guid = f"https://arxiv.org/abs/{arxiv[0]}" if arxiv else ""
    pmid = pmid or parse_pmid(url)
    key = canonical_id(
        url=guid or (url if "doi.org" in url else ""),
        doi=doi,
        guid=f"pmid:{pmid}" if pmid else "",
        title=title or abstract,
    )
    match = re.search(r"\d{4}", year)
    published = datetime(int(match[0]), 1, 1, tzinfo=UTC) if match and match[0] > "1000" else None
    return Paper(
        id=key,
        title=title,
        abstract=abstract,
        authors=tuple(authors),
        url=guid or url or (f"https://doi.org/{doi}" if doi else ""),
        doi=doi,
        published=published,
        journal_ref=journal,
        source=source,
        language=language,
        aliases=(f"pmid:{pmid}",) if pmid and key != f"pmid:{pmid}" else (),
    )


def turned(name: str) -> str:
    """ "Hopper, Grace" as "Grace Hopper"."""
    if name.count(",") == 1:
        family, given = name.split(",")
        name = f"{given} {family}"
    return clean(name)
