"""bioRxiv and medRxiv: their details API, which lists what was posted on each day.

A page holds 100 records, or 30 since 2026: the answer's own count says. Each version of a paper is
a record; the first is new, later ones are replacements.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal
from urllib.parse import quote

from pydantic import Field

from digest.errors import SourceMalformed
from digest.fetcher import Fetcher
from digest.fields import Url, Words
from digest.identifiers import doi_name, parse_doi
from digest.identity import canonical_id
from digest.markup import plain
from digest.model import Listing, Paper
from digest.ports import FetchRequest
from digest.sources.base import BaseSource, KeyOf, NamedSourceSettings, ask_json
from digest.sources.payload import (
    MAX_ABSTRACT_CHARS,
    MAX_TITLE_CHARS,
    Page,
    listing,
    once,
    parse_json,
    read_pages,
    records,
    stated_total,
    text,
    window,
)
from digest.text import clean

MAX_PAGES = 100
INTERVAL_S = 1.0


def parse(body: bytes, *, url: str, server: str) -> tuple[tuple[Paper, ...], Page]:
    """The papers of one page, and how much it held.

    Raises:
        SourceMalformed: it is not an answer of this API.
    """
    data = parse_json(body, url)
    if not isinstance(data, dict) or not isinstance(data.get("collection"), list):
        raise SourceMalformed(f"{url} sent something else than a list of preprints.")
    head = next(iter(records(data, "messages")), {})
    status = text(head, "status")
    if status and status != "ok" and "no " not in status.lower():
        raise SourceMalformed(f"{url} answered: {status[:200]}.")
    found = records(data, "collection")
    papers = tuple(p for r in found if (p := _paper(r, server)) is not None)
    return papers, Page(len(found), stated_total(head, "total"))


def _number(record: Mapping[str, Any], key: str) -> int:
    try:
        return max(0, int(record.get(key) or 0))
    except (TypeError, ValueError):
        return 0


def _paper(record: Mapping[str, Any], server: str) -> Paper | None:
    doi, title = parse_doi(text(record, "doi")), plain(text(record, "title"))
    if not doi or not title:
        return None
    version = _number(record, "version") or 1
    try:
        posted = date.fromisoformat(text(record, "date"))
    except ValueError:
        return None
    category = clean(text(record, "category")).lower()
    page = f"https://www.{server}.org/content/{quote(doi)}v{version}"
    return Paper(
        id=canonical_id(doi=doi),
        title=title[:MAX_TITLE_CHARS],
        abstract=plain(text(record, "abstract"))[:MAX_ABSTRACT_CHARS],
        authors=_authors(text(record, "authors")),
        url=page,
        pdf_url=f"{page}.full.pdf",
        doi=doi,
        version=version,
        categories=(category,) if category else (),
        primary_category=category,
        published=datetime(posted.year, posted.month, posted.day, tzinfo=UTC),
        announced=posted,
        announce_type="new" if version == 1 else "replace",
        source=server,
        affiliations=once([clean(text(record, "author_corresponding_institution"))]),
        # "NA" until a journal has it
        aliases=tuple(doi_name(d) for d in [parse_doi(text(record, "published"))] if d),
    )


def _authors(names: str) -> tuple[str, ...]:
    """ "Kim, S. Y.; Yang, L.-Q." as people write it."""
    found = []
    for name in names.split(";"):
        family, _, given = name.partition(",")
        found.append(clean(f"{given} {family}"))
    return tuple(n for n in found if n)


class BiorxivSource(BaseSource):
    """What one server posted, by days.

    Args:
        server: "biorxiv" or "medrxiv".
        categories: only these, as the server writes them; empty: all.
        announce_types: "new", "replace".
    """

    def __init__(
        self,
        fetcher: Fetcher,
        *,
        server: str = "biorxiv",
        categories: Sequence[str] = (),
        announce_types: Sequence[str] = ("new",),
        base_url: str = "https://api.biorxiv.org",
        name: str = "",
        allow_private: bool = False,
    ) -> None:
        self.name = name or {"biorxiv": "bioRxiv", "medrxiv": "medRxiv"}[server]
        self._fetcher, self._server, self._base_url = fetcher, server, base_url
        self._categories = frozenset(c.strip().lower().replace("_", " ") for c in categories)
        self._types, self._allow_private = frozenset(announce_types), allow_private

    def fetch(self, request: FetchRequest) -> Listing:
        """All pages of the days since the last fetch."""
        first, last = window(request, overlap=1, first=2)
        papers: dict[str, Paper] = {}
        cursor = 0

        def read() -> Page:
            nonlocal cursor
            url = f"{self._base_url}/details/{self._server}/{first}/{last}/{cursor}/json"
            body = ask_json(
                self._fetcher, url, allow_private=self._allow_private, interval_s=INTERVAL_S
            )
            found, page = parse(body, url=url, server=self._server)
            papers.update({p.id: p for p in found if self._is_wanted(p) and p.id not in papers})
            cursor += page.n_records
            return page

        fault = read_pages(read, MAX_PAGES, "preprints")
        return listing(self.name, papers.values(), request, (first, last), fault)

    def _is_wanted(self, paper: Paper) -> bool:
        if paper.announce_type not in self._types:
            return False
        return not self._categories or paper.primary_category in self._categories


class BiorxivSettings(NamedSourceSettings):
    kind: Literal["biorxiv"]
    server: Literal["biorxiv", "medrxiv"] = "biorxiv"
    categories: Words = ()
    announce_types: Annotated[tuple[Literal["new", "replace"], ...], Field(min_length=1)] = ("new",)
    base_url: Url = "https://api.biorxiv.org"

    def build(self, fetcher: Fetcher, key_of: KeyOf) -> list[BaseSource]:
        return [BiorxivSource(fetcher, **self.options())]
