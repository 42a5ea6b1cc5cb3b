"""Europe PMC: articles and preprints of the life sciences that match a query."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

from pydantic import Field, StrictStr

from digest.errors import SourceMalformed
from digest.fetcher import Fetcher
from digest.fields import Url
from digest.identifiers import author_id, name_of, parse_doi
from digest.identity import canonical_id
from digest.markup import plain
from digest.model import Listing, Paper, Signals
from digest.ports import FetchRequest
from digest.sources.base import BaseSource, KeyOf, NamedSourceSettings, ask_json
from digest.sources.payload import (
    MAX_ABSTRACT_CHARS,
    MAX_AUTHORS,
    MAX_TITLE_CHARS,
    Page,
    count,
    language_of,
    listing,
    once,
    out_of,
    parse_json,
    read_pages,
    records,
    stated_total,
    table,
    text,
    window,
)
from digest.text import clean

MAX_PAGES, PER_PAGE = 20, 500
INTERVAL_S = 0.5
BASE_URL = "https://www.ebi.ac.uk/europepmc/webservices/rest"
#: articles are indexed some days after they came out
OVERLAP_DAYS, FIRST_DAYS = 3, 3


def parse(body: bytes, *, url: str, now: datetime) -> tuple[tuple[Paper, ...], str, Page]:
    """The articles of one page, the cursor of the next, and how much this one held.

    Raises:
        SourceMalformed: it is not an answer of this API.
    """
    data = parse_json(body, url)
    if not isinstance(data, dict) or not isinstance(data.get("resultList"), dict):
        detail = text(data, "errMsg") if isinstance(data, dict) else ""
        said = f": {detail[:200]}" if detail else ""
        raise SourceMalformed(f"{url} sent no list of articles{said}.")
    found = records(data["resultList"], "result")
    papers = tuple(p for r in found if (p := _paper(r, now)) is not None)
    following = text(data, "nextCursorMark")
    page = Page(len(found), stated_total(data, "hitCount"), more=bool(following))
    return papers, following, page


def _paper(record: Mapping[str, Any], now: datetime) -> Paper | None:
    title = plain(text(record, "title")).rstrip(".")
    if not title:
        return None
    doi, pmid = parse_doi(text(record, "doi")), text(record, "pmid")
    page = f"https://europepmc.org/article/{text(record, 'source')}/{text(record, 'id')}"
    people = records(table(record, "authorList"), "author")
    names = [
        clean(f"{text(a, 'firstName')} {text(a, 'lastName')}")
        or text(a, "fullName")
        or text(a, "collectiveName")
        for a in people
    ]
    if not any(names):
        names = [clean(n) for n in text(record, "authorString").rstrip(".").split(",")]
    out = _date(text(record, "firstPublicationDate"), now)
    indexed = _date(text(record, "firstIndexDate"), now) or out
    journal = table(table(record, "journalInfo"), "journal")
    guid = f"pmid:{pmid}" if pmid.isdigit() else page
    key = canonical_id(doi=doi, guid=guid, title=title)
    return Paper(
        id=key,
        title=title[:MAX_TITLE_CHARS],
        abstract=plain(text(record, "abstractText"))[:MAX_ABSTRACT_CHARS],
        authors=tuple(n for n in names if n),
        url=page,
        doi=doi,
        published=out,
        announced=(indexed or now).date(),
        journal_ref=text(journal, "title"),
        source="europepmc",
        signals=Signals(citations=count(record, "citedByCount")),
        affiliations=once(
            re.sub(r"\S+@\S+", "", text(d, "affiliation")).strip(" .")
            for a in people
            for d in records(table(a, "authorAffiliationDetailsList"), "authorAffiliation")
        ),
        author_ids=once(
            (
                f"{known} {name}"
                for a, name in zip(people, names, strict=False)
                if (known := author_id(text(table(a, "authorId"), "value"))) and name
            ),
            limit=MAX_AUTHORS,
        ),
        language=language_of(text(record, "language")),
        aliases=tuple(
            n
            for n in (guid if pmid.isdigit() else "", name_of(text(record, "pmcid")))
            if n and n != key
        ),
    )


def _date(stamp: str, now: datetime) -> datetime | None:
    try:
        day = date.fromisoformat(stamp)
    except ValueError:
        return None
    return min(datetime(day.year, day.month, day.day, tzinfo=UTC), now)


class EuropePmcApi:
    """Articles and preprints of the life sciences by DOI, PMID and PMC number."""

    name, batch = "Europe PMC", 20

    def __init__(
        self,
        fetcher: Fetcher,
        *,
        base_url: str = BASE_URL,
        allow_private: bool = False,
    ) -> None:
        self._fetcher, self._base_url = fetcher, base_url
        self._allow_private = allow_private

    def knows(self, name: str) -> bool:
        return name.startswith(("pmid:", "pmc:")) or (name.startswith("doi:") and '"' not in name)

    def find(self, names: Sequence[str], now: datetime) -> Mapping[str, Paper]:
        """The papers of these names; unknown ones are absent.

        Raises:
            SourceError: Europe PMC did not answer.
        """
        wanted = " OR ".join(map(_asked, names))
        query = {"query": wanted, "resultType": "core", "format": "json", "pageSize": "100"}
        url = f"{self._base_url}/search?{urlencode(query)}"
        body = ask_json(
            self._fetcher, url, allow_private=self._allow_private, interval_s=INTERVAL_S
        )
        return out_of(names, parse(body, url=url, now=now)[0])


def _asked(name: str) -> str:
    """A name as a clause of a query."""
    register, _, known = name.partition(":")
    if register == "pmid":
        return f"(EXT_ID:{known} AND SRC:MED)"
    return f"PMCID:{known}" if register == "pmc" else f'DOI:"{known}"'


class EuropePmcSource(BaseSource):
    """What a query finds among the articles that were indexed lately.

    Args:
        query: as Europe PMC writes it, such as 'microbiome AND SRC:PPR' (PPR: preprints only).
    """

    def __init__(
        self,
        fetcher: Fetcher,
        *,
        query: str,
        base_url: str = BASE_URL,
        name: str = "",
        allow_private: bool = False,
    ) -> None:
        self.name = name or "Europe PMC"
        self._fetcher, self._query, self._base_url = fetcher, query, base_url
        self._allow_private = allow_private

    def fetch(self, request: FetchRequest) -> Listing:
        """All pages of the days since the last fetch, and of some before."""
        first, last = window(request, overlap=OVERLAP_DAYS, first=FIRST_DAYS)
        query = {
            "query": f"({self._query}) AND FIRST_IDATE:[{first} TO {last}]",
            "resultType": "core",
            "format": "json",
            "pageSize": str(PER_PAGE),
        }
        papers: dict[str, Paper] = {}
        cursor = "*"

        def read() -> Page:
            nonlocal cursor
            url = f"{self._base_url}/search?{urlencode(query | {'cursorMark': cursor})}"
            body = ask_json(
                self._fetcher, url, allow_private=self._allow_private, interval_s=INTERVAL_S
            )
            found, following, page = parse(body, url=url, now=request.now)
            for paper in found:
                papers.setdefault(paper.id, paper)
            last_page = following == cursor
            if found:
                cursor = following
            return replace(page, more=page.more and not last_page)

        fault = read_pages(read, MAX_PAGES, "articles")
        return listing(self.name, papers.values(), request, (first, last), fault)


class EuropePmcSettings(NamedSourceSettings):
    kind: Literal["europepmc"]
    query: Annotated[StrictStr, Field(min_length=1, max_length=4000)]
    base_url: Url = BASE_URL

    def build(self, fetcher: Fetcher, key_of: KeyOf) -> list[BaseSource]:
        return [EuropePmcSource(fetcher, **self.options())]
