"""arXiv: the day's RSS listing, and the API for look-ups and for days that were missed.

Layouts as recorded in 2018 to 2026; see the captures' notes in the shared manifest. RSS says what
is new today and nothing else; the API knows every day, but one request in three seconds is the
rule.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote, urlencode
from zoneinfo import ZoneInfo

from digest.errors import SourceError, SourceMalformed
from digest.fetcher import Fetcher
from digest.identity import arxiv_key, parse_arxiv_id, parse_doi
from digest.model import Listing, Paper
from digest.ports import FetchRequest
from digest.sources import feed
from digest.sources.payload import listing, once, out_of, window
from digest.text import clean, plain

log = logging.getLogger(__name__)

EASTERN = ZoneInfo("America/New_York")
#: between a submission and its announcement there are up to four days with a weekend
MODERATION_DAYS = 4
#: an affiliation after a name; it may hold brackets of its own
_BRACKETED = re.compile(r"\(((?:[^()]|\([^()]*\))+)\)")
#: arXiv's rule for its API
API_INTERVAL_S = 3.0
IDS_A_REQUEST = 100
PAGE_SIZE = 500
MAX_PAGES = 40
#: a longer absence is not caught up: nobody reads a mail about a month
MAX_MISSED_DAYS = 7
_DEADLINE = time(14, 0)


# --- the calendar ------------------------------------------------------------------------------


def _weekday_before(day: date) -> date:
    day -= timedelta(days=1)
    while day.weekday() > 4:
        day -= timedelta(days=1)
    return day


def submission_window(listing_day: date) -> tuple[datetime, datetime]:
    """When the papers of a weekday's listing were submitted: from one 14:00 Eastern to the next.

    A listing dated Wednesday was announced on Tuesday evening and holds what came between 14:00
    on Monday and 14:00 on Tuesday. (https://info.arxiv.org/help/availability.html)
    """
    end = _weekday_before(listing_day)
    start = _weekday_before(end)
    return (
        datetime.combine(start, _DEADLINE, EASTERN).astimezone(UTC),
        datetime.combine(end, _DEADLINE, EASTERN).astimezone(UTC),
    )


def listing_day(submitted: datetime) -> date:
    """The date of the listing that announces a paper submitted then (holidays not known here)."""
    local = submitted.astimezone(EASTERN)
    day = local.date()
    if local.time() >= _DEADLINE:
        day += timedelta(days=1)
    while day.weekday() > 4:
        day += timedelta(days=1)
    # `day` is now the weekday at whose 14:00 the window closed; the listing carries the next one.
    day += timedelta(days=1)
    while day.weekday() > 4:
        day += timedelta(days=1)
    return day


def missed_days(covered: frozenset[date], feed_day: date, until: date | None) -> tuple[date, ...]:
    """Weekdays that no fetch has covered: gaps since the first known day, and `until` itself."""
    last = min(feed_day, until) if until else feed_day
    first = last - timedelta(days=MAX_MISSED_DAYS)
    known = {d for d in covered if d >= first}
    wanted = {until} if until and until <= feed_day else set()
    if known:
        day = min(known)
        while day <= last:
            wanted.add(day)
            day += timedelta(days=1)
    return tuple(
        sorted(d for d in wanted if d.weekday() < 5 and d not in covered and d != feed_day)
    )


# --- parsing -----------------------------------------------------------------------------------

_PREFIX = re.compile(
    r"^\s*arXiv:(?P<id>\S+?)(?:v(?P<version>\d+))?\s+Announce Type:\s*(?P<type>[\w-]+)\s*"
    r"(?:\n|\s)*(?:Abstract:\s*)?",
    re.IGNORECASE,
)
_OLD_TITLE = re.compile(
    r"\s*\(arXiv:(?P<id>[^\s)]+)\s*\[(?P<category>[^\]]+)\]\s*(?P<mark>UPDATED|CROSS LISTED)?\)\s*$"
)
_TYPES = frozenset({"new", "cross", "replace", "replace-cross"})


def split_authors(creators: str) -> tuple[str, ...]:
    """Names in a dc:creator; an affiliation in brackets follows its name and may hold commas.

    >>> split_authors("Huu Danh (Stanford University, CA), A. B. (X, Y), C. D.")
    ('Huu Danh', 'A. B.', 'C. D.')
    """
    names: list[str] = []
    name, depth = "", 0
    for char in creators:
        if char == "(":
            depth += 1
        elif char == ")":
            depth = max(0, depth - 1)
        elif depth:
            continue
        elif char in ",\n":
            names.append(name)
            name = ""
        else:
            name += char
    names.append(name)
    return tuple(n for n in (clean(n) for n in names) if n)[: feed.MAX_AUTHORS]


def parse_listing(
    body: bytes, content_type: str, *, url: str, source: str, now: datetime
) -> tuple[tuple[Paper, ...], date, str]:
    """Papers of an arXiv RSS, Atom or RDF feed; the listing's date; its fault if it has one.

    Raises:
        SourceMalformed: not a feed, or arXiv's own error feed.
    """
    parsed = feed.parse_feed(body, content_type, url=url)
    title = clean(parsed.feed.get("title", ""))
    if title.lower().startswith("feed error"):
        reason = clean(parsed.feed.get("subtitle") or parsed.feed.get("description") or title)
        raise SourceMalformed(f"arXiv refuses {url}: {reason}")
    day = _feed_day(parsed, now)
    papers: list[Paper] = []
    n_unread = 0
    for entry in feed.entries(parsed):
        paper = _listed(entry, source, day, now)
        if paper is None:
            n_unread += 1
        else:
            papers.append(paper)
    fault = feed.fault_of(parsed, body)
    if n_unread and not fault:
        fault = f"{n_unread} of {len(parsed.entries)} entries had no arXiv id or no title"
    return tuple(papers), day, fault


def _feed_day(parsed: Any, now: datetime) -> date:
    """The channel's date, or the entries' latest, or today.

    As printed: it is midnight Eastern, and reading it in another zone could land on the day
    before. The latest date that holds anywhere on earth bounds it.
    """
    latest = (now + timedelta(hours=14)).date()
    for key in ("published", "updated"):
        if (day := _printed_date(dict.get(parsed.feed, key, ""))) is not None:
            return min(day, latest)
    days = [
        d for e in parsed.entries if (d := _printed_date(dict.get(e, "published", ""))) is not None
    ]
    return min(max(days), latest) if days else now.astimezone(EASTERN).date()


def _printed_date(stamp: str) -> date | None:
    for read in (parsedate_to_datetime, datetime.fromisoformat):
        try:
            return read(stamp.strip()).date()
        except (ValueError, TypeError, IndexError):
            continue
    return None


def _listed(entry: Any, source: str, day: date, now: datetime) -> Paper | None:
    raw = entry.get("summary", "") or ""
    prefix = _PREFIX.match(raw)
    title = clean(entry.get("title", ""))
    old = _OLD_TITLE.search(title)
    found = (
        parse_arxiv_id(entry.get("id", ""))
        or parse_arxiv_id(entry.get("link", ""))
        or (parse_arxiv_id(prefix["id"]) if prefix else None)
    )
    if found is None or not title:
        return None
    arxiv_id, version = found
    announce_type = str(entry.get("arxiv_announce_type") or (prefix["type"] if prefix else "new"))
    categories = [clean(t.get("term", "")) for t in entry.get("tags", ()) if t]
    if old:  # the layout until January 2024
        title = title[: old.start()].rstrip(" .")
        announce_type = {"UPDATED": "replace", "CROSS LISTED": "cross"}.get(old["mark"], "new")
        categories = categories or [old["category"]]
        with_version = parse_arxiv_id(old["id"])
        version = with_version[1] if with_version else version
    creators = entry.get("dc_creator") or entry.get("author") or ""
    authors = plain(creators) if "<" in creators else creators
    abstract = raw[prefix.end() :] if prefix else raw
    return Paper(
        id=arxiv_key(arxiv_id),
        title=title[: feed.MAX_TITLE_CHARS],
        abstract=(plain(abstract) if old else clean(abstract))[: feed.MAX_ABSTRACT_CHARS],
        authors=split_authors(authors),
        url=f"https://arxiv.org/abs/{arxiv_id}",
        pdf_url=f"https://arxiv.org/pdf/{arxiv_id}",
        doi=parse_doi(str(entry.get("arxiv_doi", "") or "")),
        version=version or (int(prefix["version"]) if prefix and prefix["version"] else None),
        categories=tuple(dict.fromkeys(c for c in categories if c)),
        primary_category=next((c for c in categories if c), ""),
        published=feed.instant(entry, now, "published") if announce_type == "new" else None,
        announced=day,
        announce_type=announce_type if announce_type in _TYPES else "new",
        journal_ref=clean(str(entry.get("arxiv_journal_reference", "") or "")),
        source=source,
        affiliations=once(clean(a) for a in _BRACKETED.findall(authors)),
    )


def parse_api(
    body: bytes, content_type: str, *, url: str, source: str, now: datetime
) -> tuple[tuple[Paper, ...], int]:
    """Papers of one page of the API, and how many the whole answer has.

    Raises:
        SourceMalformed: not a feed, a torn one, or the API's error entry.
    """
    parsed = feed.parse_feed(body, content_type, url=url)
    for entry in parsed.entries:
        if clean(entry.get("title", "")) == "Error" and "/api/errors" in entry.get("id", ""):
            raise SourceMalformed(f"the arXiv API refuses {url}: {clean(entry.get('summary', ''))}")
    if fault := feed.fault_of(parsed, body):
        raise SourceMalformed(f"{url}: {fault}")
    papers = [p for e in feed.entries(parsed) if (p := _found(e, source, now)) is not None]
    total = str(parsed.feed.get("opensearch_totalresults", len(papers)))
    return tuple(papers), int(total) if total.isdigit() else len(papers)


def _found(entry: Any, source: str, now: datetime) -> Paper | None:
    parsed = parse_arxiv_id(entry.get("id", ""))
    title = clean(entry.get("title", ""))
    if parsed is None or not title:
        return None
    arxiv_id, version = parsed
    primary = entry.get("arxiv_primary_category") or {}
    categories = [clean(t.get("term", "")) for t in entry.get("tags", ()) if t]
    comment = clean(entry.get("arxiv_comment", ""))
    return Paper(
        id=arxiv_key(arxiv_id),
        title=title[: feed.MAX_TITLE_CHARS],
        abstract=clean(entry.get("summary", ""))[: feed.MAX_ABSTRACT_CHARS],
        authors=tuple(n for a in entry.get("authors", ()) if a and (n := clean(a.get("name", ""))))[
            : feed.MAX_AUTHORS
        ],
        url=f"https://arxiv.org/abs/{arxiv_id}",
        pdf_url=f"https://arxiv.org/pdf/{arxiv_id}",
        doi=parse_doi(clean(entry.get("arxiv_doi", ""))),
        version=version,
        # ACM and MSC classes stand among the categories; they hold spaces, commas or no letters
        categories=tuple(
            dict.fromkeys(c for c in categories if re.fullmatch(r"[a-z-]+(\.[A-Za-z-]+)?", c))
        ),
        primary_category=clean(primary.get("term", "")),
        published=feed.instant(entry, now, "published"),
        updated=feed.instant(entry, now, "updated"),
        comment=comment,
        journal_ref=clean(entry.get("arxiv_journal_ref", "")),
        source=source,
        # feedparser keeps only the last one of an entry
        affiliations=once([clean(str(entry.get("arxiv_affiliation", "") or ""))]),
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
    ) -> Iterator[Paper]:
        """Papers first submitted within the window, in order of submission, page by page."""
        wanted = " OR ".join(
            f"cat:{c}" if "." in c else f"cat:{c}.* OR cat:{c}" for c in categories
        )
        return self.matching(wanted, start, end, now)

    def matching(
        self, wanted: str, start: datetime, end: datetime, now: datetime
    ) -> Iterator[Paper]:
        """Papers that match a query and were first submitted within the window.

        Args:
            wanted: as the API writes it, such as 'ti:"large language model" AND cat:cs.CL'.
        """
        window = f"submittedDate:[{start:%Y%m%d%H%M} TO {end:%Y%m%d%H%M}]"
        n_seen = 0
        for _ in range(MAX_PAGES):
            papers, total = self._page(
                {
                    "search_query": f"({wanted}) AND {window}",
                    "start": str(n_seen),
                    "max_results": str(PAGE_SIZE),
                    "sortBy": "submittedDate",
                    "sortOrder": "ascending",
                },
                now,
            )
            yield from papers
            n_seen += len(papers)
            if not papers or n_seen >= total:
                return

    def _page(self, query: Mapping[str, str], now: datetime) -> tuple[tuple[Paper, ...], int]:
        url = f"{self._api_url}?{urlencode(query, safe=':,')}"
        got = self._fetcher.get(
            url,
            accept=feed.ACCEPT,
            allow_private=self._allow_private,
            min_interval_s=API_INTERVAL_S,
            accept_status=frozenset({400}),
        )
        return parse_api(got.body, got.content_type, url=url, source=self._source, now=now)


class ArxivQuerySource:
    """What matches a query of the API: for words, authors and journals beside whole categories.

    Papers are dated by the listing that announced them, which their submission tells.
    """

    def __init__(
        self,
        fetcher: Fetcher,
        *,
        query: str,
        api_url: str = "https://export.arxiv.org/api/query",
        name: str = "",
        allow_private: bool = False,
    ) -> None:
        self.name = name or "arXiv query"
        self._query = query
        self.api = ArxivApi(fetcher, api_url=api_url, allow_private=allow_private)

    def fetch(self, request: FetchRequest) -> Listing:
        """What was submitted since the last fetch, and some days before it: a paper is announced
        days after its submission, and moderation may take longer."""
        first, last = window(request, overlap=MODERATION_DAYS, first=MODERATION_DAYS)
        start = datetime.combine(first, time(), tzinfo=UTC)
        end = datetime.combine(last, time(23, 59), tzinfo=UTC)
        found = self.api.matching(self._query, start, end, request.now)
        papers = [replace(p, announced=listing_day(p.published or end)) for p in found]
        return listing(self.name, papers, request, (first, last))


class ArxivSource:
    """The listings of some categories: today's by RSS, missed days by the API."""

    def __init__(
        self,
        fetcher: Fetcher,
        *,
        categories: Sequence[str],
        announce_types: Iterable[str] = ("new", "cross"),
        base_url: str = "https://rss.arxiv.org",
        api_url: str = "https://export.arxiv.org/api/query",
        name: str = "",
        allow_private: bool = False,
    ) -> None:
        self.name = name or "arXiv"
        self._categories = tuple(categories)
        self._announce_types = frozenset(announce_types)
        joined = "+".join(quote(c, safe=".-") for c in self._categories)
        self._url = f"{base_url}/rss/{joined}"
        self._allow_private = allow_private
        self._fetcher = fetcher
        self.api = ArxivApi(fetcher, api_url=api_url, allow_private=allow_private)

    def fetch(self, request: FetchRequest) -> Listing:
        """Today's listing and whatever was missed; a catch-up that fails is tried again."""
        got = self._fetcher.get(
            self._url,
            accept=feed.ACCEPT,
            validators=request.validators.get(self._url),
            allow_private=self._allow_private,
            accept_status=frozenset({400}),
        )
        papers: tuple[Paper, ...] = ()
        day, fault = max(request.covered, default=request.now.astimezone(EASTERN).date()), ""
        if not got.unchanged:
            papers, day, fault = parse_listing(
                got.body, got.content_type, url=self._url, source="arxiv", now=request.now
            )
            papers = tuple(p for p in papers if p.announce_type in self._announce_types)
        covered = [] if fault else [day]
        missed = missed_days(request.covered, day, request.until)
        if missed:
            try:
                papers += self._caught_up(missed, request.now)
                covered += missed
            except SourceError as error:
                days = ", ".join(d.isoformat() for d in missed)
                fault = "; ".join(
                    f for f in (fault, f"{days} could not be caught up: {error}") if f
                )
        return Listing(
            source=self.name,
            papers=papers,
            fetched_at=request.now,
            complete=not fault,
            fault=fault,
            unchanged=got.unchanged and not missed,
            days=tuple(sorted(covered)),
            validators=() if fault or got.unchanged else (got.validators,),
        )

    def _caught_up(self, days: Sequence[date], now: datetime) -> tuple[Paper, ...]:
        """Papers of missed listings. Submission tells their day; replacements are not found."""
        start, _ = submission_window(days[0])
        _, end = submission_window(days[-1])
        log.info("arxiv.catching_up days=%s", ",".join(d.isoformat() for d in days))
        return tuple(
            replace(p, announced=_nearest(p, days))
            for p in self.api.submitted(self._categories, start, end, now)
        )


def _nearest(paper: Paper, days: Sequence[date]) -> date:
    if paper.published is None:
        return days[-1]
    day = listing_day(paper.published)
    return day if day in days else min(days, key=lambda d: abs((d - day).days))
