"""OpenReview: the papers of a venue, as its API v2 gives them (and v1, whose fields are bare)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal
from urllib.parse import quote, urlencode

from pydantic import Field, StrictInt, StrictStr

from digest.errors import SourceMalformed
from digest.fetcher import Fetcher
from digest.fields import Url
from digest.identity import feed_key
from digest.model import Listing, Paper
from digest.ports import FetchRequest
from digest.sources.base import BaseSource, KeyOf, NamedSourceSettings, ask_json
from digest.sources.payload import (
    MAX_ABSTRACT_CHARS,
    MAX_TITLE_CHARS,
    Page,
    parse_json,
    read_pages,
    records,
    stated_total,
    table,
    text,
)
from digest.text import clean

MAX_PAGES, PER_PAGE = 30, 1000
INTERVAL_S = 1.0
SITE = "https://openreview.net"


def parse(
    body: bytes, *, url: str, now: datetime, oldest: datetime
) -> tuple[tuple[Paper, ...], Page]:
    """The papers of one answer, and how much it held.

    Args:
        oldest: what came out before is no news; it only teaches the ranking its words.

    Raises:
        SourceMalformed: it is not an answer of this API.
    """
    data = parse_json(body, url)
    if not isinstance(data, dict) or not isinstance(data.get("notes"), list):
        detail = text(data, "message") if isinstance(data, dict) else ""
        said = f": {detail[:200]}" if detail else ""
        raise SourceMalformed(f"{url} sent no list of notes{said}.")
    notes = records(data, "notes")
    papers = tuple(p for n in notes if (p := _paper(n, now, oldest)) is not None)
    return papers, Page(len(notes), stated_total(data, "count"), more=len(notes) >= PER_PAGE)


def _paper(note: Mapping[str, Any], now: datetime, oldest: datetime) -> Paper | None:
    content = table(note, "content")
    forum = text(note, "forum") or text(note, "id")
    title = _string(content, "title")
    if not forum or not title:
        return None
    out = next((t for k in ("odate", "pdate", "cdate") if (t := _instant(note, k, now))), None)
    page = f"{SITE}/forum?id={quote(forum)}"
    venue = _string(content, "venue")
    return Paper(
        id=feed_key(page),
        title=title[:MAX_TITLE_CHARS],
        abstract=_string(content, "abstract")[:MAX_ABSTRACT_CHARS],
        authors=_strings(content, "authors"),
        url=page,
        pdf_url=f"{SITE}/pdf?id={quote(forum)}" if _value(content, "pdf") else "",
        categories=(venue,) if venue else (),
        primary_category=venue,
        published=out,
        announced=out.date() if out and out >= oldest else None,
        comment=", ".join(_strings(content, "keywords"))[:500],
        source="openreview",
    )


def _value(content: Mapping[str, Any], key: str) -> Any:
    found = content.get(key)
    return found.get("value") if isinstance(found, dict) else found


def _string(content: Mapping[str, Any], key: str) -> str:
    found = _value(content, key)
    return clean(found) if isinstance(found, str) else ""


def _strings(content: Mapping[str, Any], key: str) -> tuple[str, ...]:
    found = _value(content, key)
    listed = found if isinstance(found, list) else []
    return tuple(s for v in listed if isinstance(v, str) and (s := clean(v)))


def _instant(note: Mapping[str, Any], key: str, now: datetime) -> datetime | None:
    """Milliseconds since 1970, never later than now."""
    stamp = note.get(key)
    if not isinstance(stamp, int) or isinstance(stamp, bool) or not 0 < stamp < 10**14:
        return None
    return min(datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=stamp), now)


class OpenReviewSource(BaseSource):
    """All papers of a venue; those that came out lately are news.

    Args:
        venue: the venue's id, such as "colmweb.org/COLM/2024/Conference".
        max_age_days: older papers only teach the ranking their words.
    """

    def __init__(
        self,
        fetcher: Fetcher,
        *,
        venue: str,
        max_age_days: int = 60,
        base_url: str = "https://api2.openreview.net",
        name: str = "",
        allow_private: bool = False,
    ) -> None:
        self.name = name or "OpenReview"
        self._fetcher, self._venue, self._base_url = fetcher, venue, base_url
        self._max_age = timedelta(days=max_age_days)
        self._allow_private = allow_private

    def fetch(self, request: FetchRequest) -> Listing:
        """All pages of the venue."""
        papers: dict[str, Paper] = {}
        n_seen = 0

        def read() -> Page:
            nonlocal n_seen
            query = {
                "content.venueid": self._venue,
                "limit": str(PER_PAGE),
                "offset": str(n_seen),
                "sort": "cdate:desc",
            }
            url = f"{self._base_url}/notes?{urlencode(query)}"
            body = ask_json(
                self._fetcher, url, allow_private=self._allow_private, interval_s=INTERVAL_S
            )
            found, page = parse(body, url=url, now=request.now, oldest=request.now - self._max_age)
            papers.update({p.id: p for p in found if p.id not in papers})
            n_seen += page.n_records
            return page

        fault = read_pages(read, MAX_PAGES, "papers")
        return Listing(
            source=self.name,
            papers=tuple(papers.values()),
            fetched_at=request.now,
            complete=not fault,
            fault=fault,
        )


class OpenReviewSettings(NamedSourceSettings):
    kind: Literal["openreview"]
    venue: Annotated[StrictStr, Field(min_length=1)]
    max_age_days: Annotated[StrictInt, Field(ge=1, le=3650)] = 60
    base_url: Url = "https://api2.openreview.net"

    def build(self, fetcher: Fetcher, key_of: KeyOf) -> list[BaseSource]:
        return [OpenReviewSource(fetcher, **self.options())]
