"""OpenAlex: works of any field by a filter, with abstracts as inverted indices."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from typing import Any
from urllib.parse import urlencode

from digest.errors import SourceMalformed
from digest.fetcher import Fetcher
from digest.identity import canonical_id, parse_doi, parse_pmid
from digest.model import Listing, Paper
from digest.ports import FetchRequest
from digest.sources.payload import (
    MAX_ABSTRACT_CHARS,
    MAX_TITLE_CHARS,
    language_of,
    listing,
    moment,
    once,
    parse_json,
    read_pages,
    records,
    table,
    text,
    window,
)
from digest.text import clean, plain, safe_url

MAX_PAGES, PER_PAGE = 50, 200
INTERVAL_S = 0.2
#: OpenAlex learns of a work some days after it came out
OVERLAP_DAYS, FIRST_DAYS = 4, 4
_FIELDS = (
    "id,doi,title,display_name,publication_date,type,authorships,primary_location,"
    "primary_topic,abstract_inverted_index,language,ids"
)


def parse(
    body: bytes, *, url: str, today: date, source: str = "openalex"
) -> tuple[tuple[Paper, ...], str]:
    """The works of one page, and the cursor of the next; empty at the end.

    Raises:
        SourceMalformed: it is not an answer of this API.
    """
    data = parse_json(body, url)
    if not isinstance(data, dict) or not isinstance(data.get("results"), list):
        detail = text(data, "message") if isinstance(data, dict) else ""
        said = f": {detail[:200]}" if detail else ""
        raise SourceMalformed(f"{url} sent no list of works{said}.")
    papers = tuple(p for r in records(data, "results") if (p := _paper(r, today, source)))
    return papers, text(table(data, "meta"), "next_cursor")


def unfolded(index: Mapping[str, Any]) -> str:
    """An abstract from its inverted index.

    >>> unfolded({"are": [1], "Roses": [0], "red": [2]})
    'Roses are red'
    """
    placed: dict[int, str] = {}
    for word, places in index.items():
        for place in places if isinstance(places, list) else ():
            if isinstance(place, int) and 0 <= place < MAX_ABSTRACT_CHARS:
                placed[place] = word
    return " ".join(placed[i] for i in sorted(placed))


def _paper(work: Mapping[str, Any], today: date, source: str) -> Paper | None:
    title = plain(text(work, "title") or text(work, "display_name"))
    if not title:
        return None
    location = table(work, "primary_location")
    doi = parse_doi(text(work, "doi"))
    page = safe_url(text(location, "landing_page_url")) or safe_url(text(work, "doi"))
    out = moment(text(work, "publication_date"), _end_of(today))
    topic = table(work, "primary_topic")
    field = text(table(topic, "field"), "display_name")
    subject = text(topic, "display_name")
    return Paper(
        id=canonical_id(doi=doi, url=page, guid=text(work, "id"), title=title),
        title=title[:MAX_TITLE_CHARS],
        abstract=plain(unfolded(table(work, "abstract_inverted_index")))[:MAX_ABSTRACT_CHARS],
        authors=tuple(
            name
            for a in records(work, "authorships")
            if (name := text(table(a, "author"), "display_name"))
        ),
        url=page or safe_url(text(work, "id")),
        pdf_url=safe_url(text(location, "pdf_url")),
        doi=doi,
        categories=tuple(c for c in (subject, field) if c),
        primary_category=subject or field,
        published=out,
        announced=out.date() if out else today,
        journal_ref=text(table(location, "source"), "display_name"),
        source=source,
        affiliations=once(
            text(i, "display_name")
            for a in records(work, "authorships")
            for i in records(a, "institutions")
        ),
        language=language_of(text(work, "language")),
        aliases=tuple(
            f"pmid:{pmid}" for pmid in [parse_pmid(text(table(work, "ids"), "pmid"))] if pmid
        ),
    )


def _end_of(day: date) -> datetime:

    return datetime.combine(day, time(23, 59), tzinfo=UTC)


class OpenAlexSource:
    """Works that match a filter, by the day they came out.

    Args:
        filter: as OpenAlex writes it, such as "topics.id:T10017,language:en"; the dates are added.
        search: words that title or abstract must have, instead of or besides the filter.
    """

    def __init__(
        self,
        fetcher: Fetcher,
        *,
        filter: str = "",
        search: str = "",
        base_url: str = "https://api.openalex.org",
        name: str = "",
        allow_private: bool = False,
    ) -> None:
        self.name = name or "OpenAlex"
        self._fetcher, self._base_url = fetcher, base_url
        self._filter, self._search = clean(filter), clean(search)
        self._allow_private = allow_private

    def fetch(self, request: FetchRequest) -> Listing:
        """All pages of the days since the last fetch, and of some before."""
        first, last = window(request, overlap=OVERLAP_DAYS, first=FIRST_DAYS)
        dates = f"from_publication_date:{first},to_publication_date:{last}"
        query = {"filter": f"{self._filter},{dates}" if self._filter else dates}
        query |= {"search": self._search} if self._search else {}
        query |= {"select": _FIELDS, "per-page": str(PER_PAGE)}
        papers: dict[str, Paper] = {}
        cursor = "*"

        def read() -> bool:
            nonlocal cursor
            url = f"{self._base_url}/works?{urlencode(query | {'cursor': cursor})}"
            got = self._fetcher.get(
                url,
                accept="application/json",
                allow_private=self._allow_private,
                min_interval_s=INTERVAL_S,
            )
            found, cursor = parse(got.body, url=url, today=last)
            papers.update({p.id: p for p in found if p.id not in papers})
            return bool(cursor and found)

        fault = read_pages(read, MAX_PAGES)
        return listing(self.name, papers.values(), request, (first, last), fault)
