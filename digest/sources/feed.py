"""Any RSS or Atom feed, and the parsing that the arXiv source shares with it."""

from __future__ import annotations

import calendar
import html
import logging
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal
from urllib.parse import urljoin, urlsplit

from pydantic import Field, StrictInt

from digest.authors import split_names
from digest.dates import parse_date
from digest.errors import SourceMalformed
from digest.fetcher import Fetcher
from digest.fields import Url
from digest.identifiers import parse_arxiv_id, parse_doi, version_of
from digest.identity import bare_title, canonical_id, feed_key
from digest.markup import of_plain_text, plain
from digest.model import Listing, Paper
from digest.ports import FetchRequest
from digest.sources.base import BaseSource, KeyOf, NamedSourceSettings
from digest.sources.payload import (
    MAX_ABSTRACT_CHARS,
    MAX_AUTHORS,
    MAX_TITLE_CHARS,
    language_of,
)
from digest.sources.publishers import Description, read_description, without_heading
from digest.text import clean, counted, fold, safe_url

log = logging.getLogger(__name__)

ACCEPT = (
    "application/atom+xml, application/rss+xml, application/xml;q=0.9, text/xml;q=0.8, */*;q=0.1"
)
MAX_ENTRIES = 20_000


def parse_feed(body: bytes, content_type: str, *, url: str) -> Any:
    """feedparser's result for a feed that has a version, whole or torn.

    Args:
        url: where it was found, which relative addresses in it are relative to.

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
        response_headers={"content-location": url}
        | ({"content-type": content_type} if content_type else {}),
        sanitize_html=False,
        resolve_relative_uris=False,
    )
    if not parsed.get("version") and not parsed.entries:
        if found := feeds_of_page(body, url):
            raise SourceMalformed(
                f"{url} is a page and no feed; it says that its feed is {' or '.join(found)}"
            )
        start = clean(body[:200].decode("utf-8", "replace"))[:60]
        what = "an empty answer" if not body.strip() else f'something that begins "{start}"'
        raise SourceMalformed(f"{url} sent {what} where a feed was expected.")
    parsed["n_sent"] = len(starts)
    return parsed


_LINK = re.compile(r"<link\s[^<>]{1,2000}>", re.IGNORECASE)
_OF_FEED = re.compile(r"application/(?:rss|atom|rdf)\+xml", re.IGNORECASE)
_TARGET = re.compile(r"href\s*=\s*[\"']?([^\"'\s<>]+)", re.IGNORECASE)


def feeds_of_page(body: bytes, url: str) -> list[str]:
    """The addresses of the feeds that a web page names in its head."""
    head = body[:200_000].decode("utf-8", "replace")
    found = [
        safe_url(urljoin(url, html.unescape(target[1])))
        for link in _LINK.findall(head)
        if _OF_FEED.search(link) and (target := _TARGET.search(link))
    ]
    return list(dict.fromkeys(f for f in found if f))[:3]


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
        spelled = dict.get(entry, key)
        found = parse_date(spelled) if isinstance(spelled, str) else None
        if found is None and (parts := dict.get(entry, f"{key}_parsed")):
            try:
                found = datetime.fromtimestamp(calendar.timegm(parts), UTC)
            except (OverflowError, ValueError, OSError, TypeError):
                continue
        if found is not None and found.year >= 1900:
            return min(found, now)
    return None


def field(entry: Any, key: str) -> str:
    """A text of an entry; empty where the feed has something else there.

    feedparser puts elements that it does not know under their own names, so a key that is a list
    with others may hold a text.
    """
    value = dict.get(entry, key)
    if value is None:
        try:
            value = entry.get(key)  # what feedparser derives from other elements
        except (AttributeError, TypeError, KeyError):
            return ""
    return value if isinstance(value, str) else ""


def tables(entry: Any, key: str) -> list[Any]:
    """The records of an entry under a key; what is none is left out."""
    value = dict.get(entry, key)
    return [v for v in value if isinstance(v, dict)] if isinstance(value, list) else []


def _authors(entry: Any) -> tuple[str, ...]:
    fields = [plain(field(a, "name")) for a in tables(entry, "authors")]
    fields = [f for f in fields if f] or [plain(field(entry, "authors"))]  # IEEE: <authors>
    if not any(fields):
        fields = [plain(field(entry, "author") or field(entry, "dc_creator"))]
    found = (name for f in fields for name in split_names(f))
    return tuple(dict.fromkeys(found))[:MAX_AUTHORS]


def _is_text(entry: Any, key: str, atom: bool) -> bool:
    """Whether the feed says that a field is no markup; RSS cannot say it."""
    detail = dict.get(entry, f"{key}_detail")
    return atom and isinstance(detail, dict) and detail.get("type") == "text/plain"


def _title(entry: Any, *, atom: bool) -> str:
    raw = field(entry, "title")
    shown = of_plain_text(raw) if _is_text(entry, "title", atom) else plain(raw)
    return shown[:MAX_TITLE_CHARS]


def _description(entry: Any, title: str, atom: bool) -> Description:
    """What the longest of the entry's texts says."""
    texts = [(field(entry, "summary"), _is_text(entry, "summary", atom))]
    texts += [
        (field(c, "value"), atom and c.get("type") == "text/plain")
        for c in tables(entry, "content")
    ]
    read = [
        Description(abstract=without_heading(of_plain_text(t)))
        if as_text
        else read_description(t, title)
        for t, as_text in texts
    ]
    best = max(read, key=lambda d: len(d.abstract))
    return replace(
        best,
        abstract=best.abstract[:MAX_ABSTRACT_CHARS],
        authors=next((d.authors for d in read if d.authors), ()),
        doi=next((d.doi for d in read if d.doi), ""),
        published=next((d.published for d in read if d.published), None),
    )


def entries(parsed: Any) -> Iterator[Any]:
    yield from parsed.entries[:MAX_ENTRIES]


def read_entries(parsed: Any, read: Callable[[Any], Paper | None]) -> tuple[list[Paper], int]:
    """The papers of a feed's entries, and how many entries are none.

    An entry that cannot be read costs itself alone.
    """
    papers: list[Paper] = []
    n_left_out = 0
    for entry in entries(parsed):
        try:
            paper = read(entry)
        except Exception:
            log.exception("feed.entry_not_read")
            paper = None
        if paper is None:
            n_left_out += 1
        else:
            papers.append(paper)
    return papers, n_left_out


def parse(
    body: bytes, content_type: str, *, url: str, source: str, now: datetime
) -> tuple[tuple[Paper, ...], str, str]:
    """Papers of a feed, in its order, its fault and a remark if it has one.

    An entry without title and abstract says nothing and is left out, which the remark tells.

    Raises:
        SourceMalformed: this is not a feed.
    """
    parsed = parse_feed(body, content_type, url=url)
    spoken = language_of(field(parsed.feed, "language"))
    atom = str(parsed.get("version", "")).startswith("atom")
    papers, n_left_out = read_entries(parsed, lambda e: _paper(e, source, now, spoken, atom))
    fault = fault_of(parsed, body)
    if parsed.n_sent > MAX_ENTRIES:
        fault = f"the feed has {parsed.n_sent:,} entries; the first {MAX_ENTRIES:,} were used"
    remarks = []
    if n_left_out:
        n_all = counted(len(papers) + n_left_out, "entry", "entries")
        remarks.append(f"{n_left_out} of {n_all} had neither title nor text and were left out")
    if n_bare := sum(1 for p in papers if not p.url):
        remarks.append(f"{counted(n_bare, 'entry', 'entries')} had no link")
    return tuple(told_apart(papers)), fault, "; ".join(remarks)


def told_apart(papers: Sequence[Paper]) -> list[Paper]:
    """Papers with an id each, where entries with different titles share a link or a guid."""
    titles: dict[str, set[str]] = {}
    for paper in papers:
        titles.setdefault(paper.id, set()).add(fold(paper.title))
    return [
        p
        if len(titles[p.id]) == 1 or p.id.startswith("arxiv:")
        else replace(p, id=feed_key(f"{p.id}\n{fold(p.title)}"), doi="")
        for p in papers
    ]


def _paper(entry: Any, source: str, now: datetime, spoken: str, atom: bool) -> Paper | None:
    title = bare_title(_title(entry, atom=atom))
    said = _description(entry, title, atom)
    if not title and not said.abstract:
        return None
    guid = clean(field(entry, "id"))
    link = safe_url(field(entry, "link")) or safe_url(guid)
    doi = _doi(entry, link) or said.doi
    arxiv = parse_arxiv_id(link)
    key = canonical_id(url=link, doi=doi, guid=guid, title=title or said.abstract)
    return Paper(
        id=key,
        title=title or said.abstract[:120],
        abstract=said.abstract,
        authors=_authors(entry) or said.authors,
        url=link or (f"https://doi.org/{doi}" if doi else ""),
        pdf_url=f"https://arxiv.org/pdf/{arxiv[0]}" if arxiv else "",
        doi=doi,
        version=arxiv[1] if arxiv else version_of(doi),
        categories=tuple(dict.fromkeys(c for t in tables(entry, "tags") if (c := _tag(t))))[:20],
        published=instant(entry, now, "published", "created", "updated")
        or (min(said.published, now) if said.published else None),
        updated=instant(entry, now, "updated"),
        source=source,
        language=language_of(field(entry, "language")) or spoken,
    )


def _tag(tag: Any) -> str:
    return clean(plain(field(tag, "term") or field(tag, "label")))[:80]


def _doi(entry: Any, link: str) -> str:
    for key in ("prism_doi", "dc_identifier", "arxiv_doi", "id", "prism_url"):
        if found := parse_doi(field(entry, key)):
            return found
    return parse_doi(link)


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
        papers, fault, remark = parse(
            got.body,
            got.content_type,
            url=got.location or self._url,
            source=self.name,
            now=request.now,
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
            remark=remark,
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
