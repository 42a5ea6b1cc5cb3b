"""Any RSS or Atom feed, and the parsing that the arXiv source shares with it."""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, StrictInt

from digest.authors import split_names
from digest.errors import SourceMalformed
from digest.fetcher import Fetcher
from digest.fields import Url
from digest.identifiers import parse_arxiv_id, parse_doi
from digest.identity import canonical_id
from digest.markup import plain
from digest.model import Listing, Paper
from digest.ports import FetchRequest
from digest.sources.base import BaseSource, KeyOf, NamedSourceSettings
from digest.sources.payload import language_of
from digest.text import clean, safe_url

ACCEPT = (
    "application/atom+xml, application/rss+xml, application/xml;q=0.9, text/xml;q=0.8, */*;q=0.1"
)
MAX_ENTRIES = 20_000
MAX_TITLE_CHARS = 1_000
MAX_ABSTRACT_CHARS = 20_000
MAX_AUTHORS = 5_000


def parse_feed(body: bytes, content_type: str, *, url: str) -> Any:
    """feedparser's result for a feed that has a version, whole or torn.

    Raises:
        SourceMalformed: this is not a feed: HTML, an empty body, something else.
    """
    import feedparser

    # Counted before they are parsed, which takes a second for five thousand: what is beyond the
    # limit is cut off.
    starts = [m.start() for m in _FIRST_ITEM.finditer(body)]
    if len(starts) > MAX_ENTRIES:
        body = body[: starts[MAX_ENTRIES]]
    # The text is made plain by us, so feedparser need not rewrite markup it finds in it; a
    # charset in the header is the only thing of it that the parser uses.
    parsed = feedparser.parse(
        body,
        response_headers={"content-type": content_type} if content_type else {},
        sanitize_html=False,
        resolve_relative_uris=False,
    )
    if not parsed.get("version") and not parsed.entries:
        start = clean(body[:200].decode("utf-8", "replace"))[:60]
        what = "an empty answer" if not body.strip() else f'something that begins "{start}"'
        raise SourceMalformed(f"{url} sent {what} where a feed was expected.")
    parsed["n_sent"] = len(starts)
    return parsed


_LAST_TAG = re.compile(
    rb"</(?:rss|feed|channel|(?:\w+:)?rdf)\s*>\s*(?:<!--.*?-->\s*)*$", re.I | re.S
)
_FIRST_ITEM = re.compile(rb"<(?:\w+:)?(?:item|entry)[\s>]", re.I)


def fault_of(parsed: Any, body: bytes) -> str:
    """What is missing from a parsed feed; empty if nothing is.

    Many feeds are wrong (an undeclared entity, a stray byte) and whole all the same: feedparser
    reads them, and nothing is missing. One that stops in the middle, or whose items it could not
    find, has to be asked for again.
    """
    if not parsed.get("bozo"):
        return ""
    plain_text = body.replace(b"\0", b"")  # UTF-16 and UTF-32 keep ASCII tags recognisable
    whole = _LAST_TAG.search(plain_text[-2000:]) is not None
    found_some = bool(parsed.entries) or _FIRST_ITEM.search(plain_text) is None
    if whole and found_some:
        return ""
    error = parsed.get("bozo_exception")
    detail = clean(str(error))[:120] or type(error).__name__
    return f"the feed is broken off or unreadable ({detail}); what could be read was used"


def instant(entry: Any, now: datetime, *keys: str) -> datetime | None:
    """The first of the entry's dates that makes sense; none lies in the future."""
    for key in keys:
        # not entry.get: feedparser would hand out one date for another
        parts = dict.get(entry, f"{key}_parsed")
        if not parts:
            continue
        try:
            found = datetime.fromtimestamp(calendar.timegm(parts), UTC)
        except (OverflowError, ValueError, OSError, TypeError):
            continue
        if found.year >= 1900:
            return min(found, now)
    return None


def _authors(entry: Any) -> tuple[str, ...]:
    names = [clean(plain(a.get("name", ""))) for a in entry.get("authors", ()) if a]
    found: list[str] = []
    for name in names or [clean(plain(entry.get("author", "")))]:
        found += split_names(name)
    return tuple(dict.fromkeys(n for n in found if n))[:MAX_AUTHORS]


def _abstract(entry: Any) -> str:
    """The longest of the entry's texts, plain."""
    texts = [entry.get("summary", "")]
    texts += [c.get("value", "") for c in entry.get("content", ()) if c]
    return max((plain(t)[:MAX_ABSTRACT_CHARS] for t in texts), key=len, default="")


def entries(parsed: Any) -> Iterator[Any]:
    yield from parsed.entries[:MAX_ENTRIES]


def parse(
    body: bytes, content_type: str, *, url: str, source: str, now: datetime
) -> tuple[tuple[Paper, ...], str]:
    """Papers of a feed, in its order, and its fault if it has one.

    An entry without title and abstract says nothing and is left out.

    Raises:
        SourceMalformed: this is not a feed.
    """
    parsed = parse_feed(body, content_type, url=url)
    spoken = language_of(str(parsed.feed.get("language", "") or ""))
    papers = [p for e in entries(parsed) if (p := _paper(e, source, now, spoken)) is not None]
    fault = fault_of(parsed, body)
    if parsed.n_sent > MAX_ENTRIES:
        fault = f"the feed has {parsed.n_sent:,} entries; the first {MAX_ENTRIES:,} were used"
    return tuple(papers), fault


def _paper(entry: Any, source: str, now: datetime, spoken: str) -> Paper | None:
    title = plain(entry.get("title", ""))[:MAX_TITLE_CHARS]
    abstract = _abstract(entry)
    if not title and not abstract:
        return None
    link = safe_url(entry.get("link", ""))
    doi = _doi(entry, link)
    arxiv = parse_arxiv_id(link)
    key = canonical_id(url=link, doi=doi, guid=clean(entry.get("id", "")), title=title or abstract)
    return Paper(
        id=key,
        title=title or abstract[:120],
        abstract=abstract,
        authors=_authors(entry),
        url=link or (f"https://doi.org/{doi}" if doi else ""),
        pdf_url=f"https://arxiv.org/pdf/{arxiv[0]}" if arxiv else "",
        doi=doi,
        version=arxiv[1] if arxiv else None,
        categories=tuple(dict.fromkeys(c for t in entry.get("tags", ()) if (c := _tag(t))))[:20],
        published=instant(entry, now, "published", "created", "updated"),
        updated=instant(entry, now, "updated"),
        source=source,
        language=language_of(str(entry.get("language", "") or "")) or spoken,
    )


def _tag(tag: Any) -> str:
    return clean(plain(tag.get("term") or tag.get("label") or ""))[:80] if tag else ""


def _doi(entry: Any, link: str) -> str:
    for key in ("prism_doi", "dc_identifier", "arxiv_doi", "id"):
        if found := parse_doi(str(entry.get(key, "") or "")):
            return found
    return parse_doi(link) if "doi.org/" in link or "/doi/" in link else ""


class FeedSource(BaseSource):
    """One feed, asked for once a run."""

    def __init__(
        self,
        fetcher: Fetcher,
        *,
        url: str,
        name: str = "",
        max_age_days: int = 60,
        allow_private: bool = False,
    ) -> None:
        self.name = name or urlsplit(url).hostname or url
        self._fetcher, self._url = fetcher, url
        self._max_age = timedelta(days=max_age_days)
        self._allow_private = allow_private

    def fetch(self, request: FetchRequest) -> Listing:
        """All entries; those older than `max_age_days` come without an announcement date."""
        got = self._fetcher.get(
            self._url,
            accept=ACCEPT,
            validators=request.validators.get(self._url),
            allow_private=self._allow_private,
        )
        if got.unchanged:
            return Listing(source=self.name, papers=(), fetched_at=request.now, unchanged=True)
        papers, fault = parse(
            got.body, got.content_type, url=self._url, source=self.name, now=request.now
        )
        today = request.until or request.now.date()
        oldest = request.now - self._max_age
        dated = (
            p if p.published and p.published < oldest else replace(p, announced=today)
            for p in papers
        )
        return Listing(
            source=self.name,
            papers=tuple(dated),
            fetched_at=request.now,
            complete=not fault,
            fault=fault,
            rolling=True,
            # A torn feed must be asked for again, so its validators are not kept.
            validators=() if fault else (got.validators,),
        )


class FeedSettings(NamedSourceSettings):
    kind: Literal["feed"]
    url: Url
    max_age_days: Annotated[StrictInt, Field(ge=1, le=3650)] = 60

    def build(self, fetcher: Fetcher, key_of: KeyOf) -> list[BaseSource]:
        return [FeedSource(fetcher, **self.options())]
