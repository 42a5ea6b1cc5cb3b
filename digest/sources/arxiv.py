"""arXiv: the day's RSS listing, and the API for look-ups and for days that were missed.

Layouts as recorded in 2018 to 2026; see the captures' notes in the shared manifest. RSS says what
is new today and nothing else; the API knows every day, but one request in three seconds is the
rule.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time
from typing import Annotated, Literal
from urllib.parse import quote

from pydantic import Field, StrictStr, field_validator

from digest.errors import SourceError
from digest.fetcher import Fetcher
from digest.fields import AnnounceType, Url
from digest.model import Listing, Paper
from digest.ports import FetchRequest
from digest.sources import feed
from digest.sources.arxiv_api import ArxivApi
from digest.sources.arxiv_calendar import (
    EASTERN,
    MODERATION_DAYS,
    listing_day,
    missed_days,
    submission_window,
)
from digest.sources.arxiv_feed import parse_listing
from digest.sources.base import BaseSource, KeyOf, NamedSourceSettings
from digest.sources.payload import is_repeat, listing, window

log = logging.getLogger(__name__)


class ArxivQuerySource(BaseSource):
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
        found, fault = self.api.matching(self._query, start, end, request.now)
        papers = [replace(p, announced=listing_day(p.published or end)) for p in found]
        return listing(self.name, papers, request, (first, last), fault)


class ArxivSource(BaseSource):
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
        day, fault, remark = max(request.covered, default=today(request.now)), "", ""
        is_open = False
        if not got.unchanged:
            listed = parse_listing(
                got.body,
                got.content_type,
                url=got.location or self._url,
                source="arxiv",
                now=request.now,
            )
            day, remark = listed.day, listed.remark
            found = tuple(p for p in listed.papers if p.announce_type in self._announce_types)
            fault = listed.fault
            if not fault and day not in request.covered and is_repeat(found, request.latest):
                fault = f"the listing dated {day} still shows the papers of the day before"
            else:
                papers = found
            expected = day.weekday() < 5 and day not in request.covered
            if not listed.papers and not fault and expected:
                # The truth on a holiday, which the API confirms when the next listing is out.
                is_open = True
                remark = f"nothing is listed for {day} yet: arXiv has a holiday, or is late"
        covered = [] if fault or is_open else [day]
        missed = missed_days(request.covered, day, request.until)
        if missed:
            try:
                late, short = self._caught_up(missed, request.now)
                papers += late
                covered += [] if short else missed
            except SourceError as error:
                short = str(error)
            if short:
                days = ", ".join(d.isoformat() for d in missed)
                fault = "; ".join(
                    f for f in (fault, f"{days} could not be caught up: {short}") if f
                )
        return Listing(
            source=self.name,
            papers=papers,
            fetched_at=request.now,
            complete=not fault,
            fault=fault,
            remark=remark,
            unchanged=got.unchanged and not missed,
            days=tuple(sorted(covered)),
            validators=() if fault or is_open or got.unchanged else (got.validators,),
        )

    def _caught_up(self, days: Sequence[date], now: datetime) -> tuple[tuple[Paper, ...], str]:
        """Papers of missed listings, and what is missing of them. Submission tells their day;
        replacements are not found."""
        start, _ = submission_window(days[0])
        _, end = submission_window(days[-1])
        log.info("arxiv.catching_up days=%s", ",".join(d.isoformat() for d in days))
        found, short = self.api.submitted(self._categories, start, end, now)
        return tuple(replace(p, announced=_nearest(p, days)) for p in found), short


def today(now: datetime) -> date:
    """The date at arXiv."""
    return now.astimezone(EASTERN).date()


def _nearest(paper: Paper, days: Sequence[date]) -> date:
    if paper.published is None:
        return days[-1]
    day = listing_day(paper.published)
    return day if day in days else min(days, key=lambda d: abs((d - day).days))


class ArxivSettings(NamedSourceSettings):
    kind: Literal["arxiv"]
    categories: Annotated[tuple[StrictStr, ...], Field(min_length=1, max_length=100)]
    announce_types: Annotated[tuple[AnnounceType, ...], Field(min_length=1)] = ("new", "cross")
    base_url: Url = "https://rss.arxiv.org"
    api_url: Url = "https://export.arxiv.org/api/query"

    @field_validator("categories")
    @classmethod
    def _check_categories(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for category in value:
            if not re.fullmatch(r"[a-z][a-z-]*(\.[A-Za-z][A-Za-z-]*)?", category):
                raise ValueError(
                    f'"{category}" is not an arXiv category; they look like "cs.CL" or "hep-th"'
                )
        return value

    def build(self, fetcher: Fetcher, key_of: KeyOf) -> list[BaseSource]:
        return [ArxivSource(fetcher, **self.options())]


class ArxivQuerySettings(NamedSourceSettings):
    kind: Literal["arxiv-query"]
    query: Annotated[StrictStr, Field(min_length=1, max_length=2000)]
    api_url: Url = "https://export.arxiv.org/api/query"

    def build(self, fetcher: Fetcher, key_of: KeyOf) -> list[BaseSource]:
        return [ArxivQuerySource(fetcher, **self.options())]
