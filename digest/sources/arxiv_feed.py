"""arXiv's RSS listings, in its own conventions."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from digest.errors import SourceMalformed
from digest.identifiers import arxiv_key, parse_arxiv_id, parse_doi
from digest.markup import plain
from digest.model import Paper
from digest.sources import feed
from digest.sources.arxiv_calendar import (
    EASTERN,
)
from digest.sources.payload import MAX_ABSTRACT_CHARS, MAX_AUTHORS, MAX_TITLE_CHARS, once
from digest.text import clean

log = logging.getLogger(__name__)

#: an affiliation after a name; it may hold brackets of its own
_BRACKETED = re.compile(r"\(((?:[^()]|\([^()]*\))+)\)")
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
    return tuple(n for n in (clean(n) for n in names) if n)[:MAX_AUTHORS]


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedListing:
    """Papers of one day's listing."""

    papers: tuple[Paper, ...]
    day: date
    fault: str = ""
    remark: str = ""


def parse_listing(
    body: bytes, content_type: str, *, url: str, source: str, now: datetime
) -> ParsedListing:
    """What an arXiv RSS, Atom or RDF feed lists.

    Raises:
        SourceMalformed: not a feed, or arXiv's own error feed.
    """
    parsed = feed.parse_feed(body, content_type, url=url)
    title = clean(parsed.feed.get("title", ""))
    if title.lower().startswith("feed error"):
        reason = clean(parsed.feed.get("subtitle") or parsed.feed.get("description") or title)
        raise SourceMalformed(f"arXiv refuses {url}: {reason}")
    day = _feed_day(parsed, now)
    papers, n_unread = feed.read_entries(parsed, lambda e: _listed(e, source, day, now))
    fault = feed.fault_of(parsed, body)
    if n_unread and not papers:
        fault = fault or f"none of {n_unread} entries has an arXiv id and a title"
    remark = ""
    if n_unread:
        remark = f"{n_unread} of {len(parsed.entries)} entries had no arXiv id or no title"
    return ParsedListing(papers=tuple(papers), day=day, fault=fault, remark=remark)


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
    raw = feed.field(entry, "summary")
    prefix = _PREFIX.match(raw)
    title = clean(feed.field(entry, "title"))
    old = _OLD_TITLE.search(title)
    found = (
        parse_arxiv_id(feed.field(entry, "id"))
        or parse_arxiv_id(feed.field(entry, "link"))
        or (parse_arxiv_id(prefix["id"]) if prefix else None)
    )
    if found is None or not title:
        return None
    arxiv_id, version = found
    announce_type = feed.field(entry, "arxiv_announce_type") or (
        prefix["type"] if prefix else "new"
    )
    categories = [clean(feed.field(t, "term")) for t in feed.tables(entry, "tags")]
    if old:  # the layout until January 2024
        title = title[: old.start()].rstrip(" .")
        announce_type = {"UPDATED": "replace", "CROSS LISTED": "cross"}.get(old["mark"], "new")
        categories = categories or [old["category"]]
        with_version = parse_arxiv_id(old["id"])
        version = with_version[1] if with_version else version
    creators = feed.field(entry, "dc_creator") or feed.field(entry, "author")
    authors = plain(creators) if "<" in creators else creators
    abstract = raw[prefix.end() :] if prefix else raw
    return Paper(
        id=arxiv_key(arxiv_id),
        title=title[:MAX_TITLE_CHARS],
        abstract=(plain(abstract) if old else clean(abstract))[:MAX_ABSTRACT_CHARS],
        authors=split_authors(authors),
        url=f"https://arxiv.org/abs/{arxiv_id}",
        pdf_url=f"https://arxiv.org/pdf/{arxiv_id}",
        doi=parse_doi(feed.field(entry, "arxiv_doi")),
        version=version or (int(prefix["version"]) if prefix and prefix["version"] else None),
        categories=tuple(dict.fromkeys(c for c in categories if c)),
        primary_category=next((c for c in categories if c), ""),
        published=feed.instant(entry, now, "published") if announce_type == "new" else None,
        announced=day,
        announce_type=announce_type if announce_type in _TYPES else "new",
        journal_ref=clean(feed.field(entry, "arxiv_journal_reference")),
        source=source,
        affiliations=once(clean(a) for a in _BRACKETED.findall(authors)),
    )
