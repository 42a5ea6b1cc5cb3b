"""arXiv's API: papers by id, by query and by time of submission."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from digest.errors import SourceError, SourceMalformed
from digest.fetcher import Fetcher
from digest.identifiers import arxiv_key, parse_arxiv_id, parse_doi
from digest.model import Paper
from digest.sources import feed
from digest.sources.payload import (
    MAX_ABSTRACT_CHARS,
    MAX_AUTHORS,
    MAX_TITLE_CHARS,
    Page,
    once,
    out_of,
    read_pages,
)
from digest.text import clean

log = logging.getLogger(__name__)

#: an affiliation after a name; it may hold brackets of its own
_BRACKETED = re.compile(r"\(((?:[^()]|\([^()]*\))+)\)")
#: arXiv's rule for its API
API_INTERVAL_S = 3.0
IDS_A_REQUEST = 100
PAGE_SIZE = 500
MAX_PAGES = 40


def parse_api(
    body: bytes, content_type: str, *, url: str, source: str, now: datetime
) -> tuple[tuple[Paper, ...], int, int | None]:
    """Papers of one page of the API, how many entries it has, and how many there are in all.

    Raises:
        SourceMalformed: not a feed, a torn one, or the API's error entry.
    """
    parsed = feed.parse_feed(body, content_type, url=url)
    for entry in parsed.entries:
        failed = clean(feed.field(entry, "title")) == "Error"
        if failed and "/api/errors" in feed.field(entry, "id"):
            said = clean(feed.field(entry, "summary"))
            raise SourceMalformed(f"the arXiv API refuses {url}: {said}")
    if fault := feed.fault_of(parsed, body):
        raise SourceMalformed(f"{url}: {fault}")
    papers, _ = feed.read_entries(parsed, lambda e: _found(e, source, now))
    total = feed.field(parsed.feed, "opensearch_totalresults")
    n_entries = len(parsed.entries)
    return tuple(papers), n_entries, int(total) if total.isdigit() else None


def _found(entry: Any, source: str, now: datetime) -> Paper | None:
    parsed = parse_arxiv_id(feed.field(entry, "id"))
    title = clean(feed.field(entry, "title"))
    if parsed is None or not title:
        return None
    arxiv_id, version = parsed
    primary = dict.get(entry, "arxiv_primary_category")
    categories = [clean(feed.field(t, "term")) for t in feed.tables(entry, "tags")]
    comment = clean(feed.field(entry, "arxiv_comment"))
    return Paper(
        id=arxiv_key(arxiv_id),
        title=title[:MAX_TITLE_CHARS],
        abstract=clean(feed.field(entry, "summary"))[:MAX_ABSTRACT_CHARS],
        authors=tuple(
            n for a in feed.tables(entry, "authors") if (n := clean(feed.field(a, "name")))
        )[:MAX_AUTHORS],
        url=f"https://arxiv.org/abs/{arxiv_id}",
        pdf_url=f"https://arxiv.org/pdf/{arxiv_id}",
        doi=parse_doi(clean(feed.field(entry, "arxiv_doi"))),
        version=version,
        # ACM and MSC classes stand among the categories; they hold spaces, commas or no letters
        categories=tuple(
            dict.fromkeys(c for c in categories if re.fullmatch(r"[a-z-]+(\.[A-Za-z-]+)?", c))
        ),
        primary_category=clean(feed.field(primary, "term")) if isinstance(primary, dict) else "",
        published=feed.instant(entry, now, "published"),
        updated=feed.instant(entry, now, "updated"),
        comment=comment,
        journal_ref=clean(feed.field(entry, "arxiv_journal_ref")),
        source=source,
        # feedparser keeps only the last one of an entry
        affiliations=once([clean(feed.field(entry, "arxiv_affiliation"))]),
    )


# --- fetching ----------------------------------------------------------------------------------


class ArxivApi:
    """The query interface, at its pace of one request in three seconds."""

    name, batch = "arXiv", IDS_A_REQUEST

    def __init__(
        self,
        fetcher: Fetcher,
        *,
        api_url: str = "https://export.arxiv.org/api/query",
        source: str = "arxiv",
        allow_private: bool = False,
    ) -> None:
        self._fetcher, self._api_url, self._source = fetcher, api_url, source
        self._allow_private = allow_private

    def knows(self, name: str) -> bool:
        return name.startswith("arxiv:")

    def find(self, names: Sequence[str], now: datetime) -> Mapping[str, Paper]:
        """The papers of these names; unknown ones are absent.

        Raises:
            SourceError: the API did not answer.
        """
        return out_of(names, self._batch([n.removeprefix("arxiv:") for n in names], now))

    def _batch(self, ids: Sequence[str], now: datetime) -> tuple[Paper, ...]:
        query = {"id_list": ",".join(ids), "max_results": str(len(ids))}
        try:
            return self._page(query, now)[0]
        except SourceError as error:
            refused = isinstance(error, SourceMalformed) or getattr(error, "status", None) == 400
            if not refused:
                raise
            if len(ids) == 1:
                return ()
            # One id that arXiv dislikes spoils the request; halving finds it.
            middle = len(ids) // 2
            return self._batch(ids[:middle], now) + self._batch(ids[middle:], now)

    def submitted(
        self, categories: Sequence[str], start: datetime, end: datetime, now: datetime
    ) -> tuple[list[Paper], str]:
        """Papers first submitted within the window, in order of submission; and what is missing."""
        wanted = " OR ".join(
            f"cat:{c}" if "." in c else f"cat:{c}.* OR cat:{c}" for c in categories
        )
        return self.matching(wanted, start, end, now)

    def matching(
        self, wanted: str, start: datetime, end: datetime, now: datetime
    ) -> tuple[list[Paper], str]:
        """Papers that match a query and were first submitted within the window; and what is
        missing.

        Args:
            wanted: as the API writes it, such as 'ti:"large language model" AND cat:cs.CL'.
        """
        window = f"submittedDate:[{start:%Y%m%d%H%M} TO {end:%Y%m%d%H%M}]"
        found: list[Paper] = []
        n_seen = 0

        def read() -> Page:
            nonlocal n_seen
            papers, n_entries, total = self._page(
                {
                    "search_query": f"({wanted}) AND {window}",
                    "start": str(n_seen),
                    "max_results": str(PAGE_SIZE),
                    "sortBy": "submittedDate",
                    "sortOrder": "ascending",
                },
                now,
            )
            found.extend(papers)
            n_seen += n_entries
            return Page(n_entries, total)

        return found, read_pages(read, MAX_PAGES, "papers")

    def _page(
        self, query: Mapping[str, str], now: datetime
    ) -> tuple[tuple[Paper, ...], int, int | None]:
        url = f"{self._api_url}?{urlencode(query, safe=':,')}"
        got = self._fetcher.get(
            url,
            accept=feed.ACCEPT,
            allow_private=self._allow_private,
            min_interval_s=API_INTERVAL_S,
            accept_status=frozenset({400}),
        )
        return parse_api(got.body, got.content_type, url=url, source=self._source, now=now)
