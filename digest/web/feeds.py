"""Lists of papers as Atom (RFC 4287) and JSON Feed 1.1."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from xml.etree import ElementTree

from starlette.responses import JSONResponse, Response

from digest.model import Paper

_ATOM = "http://www.w3.org/2005/Atom"
ElementTree.register_namespace("", _ATOM)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    id: str
    url: str
    title: str
    summary: str
    authors: tuple[str, ...]
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    title: str
    #: of the page that lists the same
    url: str
    #: of the feed itself
    own_url: str
    updated: datetime
    entries: tuple[Entry, ...]


def entry_of(paper: Paper, url: str, at: datetime) -> Entry:
    return Entry(
        id=f"urn:paper:{paper.id}",
        url=url,
        title=_printable(paper.title) or "Untitled",
        summary=_printable(paper.abstract),
        authors=tuple(_printable(a) for a in paper.authors[:50]),
        at=at,
    )


def _printable(text: str) -> str:
    """What XML 1.0 can hold."""
    return "".join(c for c in text if c >= " " and not 0xD800 <= ord(c) <= 0xDFFF and c not in "￾￿")


def answer(feed: Feed, form: str, headers: dict[str, str]) -> Response:
    """The feed in the form that an address ends with: "atom" or "json"."""
    if form == "json":
        return JSONResponse(
            _json(feed), headers=headers, media_type="application/feed+json; charset=utf-8"
        )
    return Response(_atom(feed), headers=headers, media_type="application/atom+xml; charset=utf-8")


def _stamp(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _atom(feed: Feed) -> bytes:
    root = ElementTree.Element(f"{{{_ATOM}}}feed")

    def put(parent: ElementTree.Element, tag: str, text: str = "", **facts: str) -> None:
        ElementTree.SubElement(parent, f"{{{_ATOM}}}{tag}", facts).text = text or None

    put(root, "id", feed.own_url)
    put(root, "title", _printable(feed.title))
    put(root, "updated", _stamp(feed.updated))
    put(root, "link", rel="alternate", type="text/html", href=feed.url)
    put(root, "link", rel="self", type="application/atom+xml", href=feed.own_url)
    author = ElementTree.SubElement(root, f"{{{_ATOM}}}author")
    put(author, "name", "digest")
    for entry in feed.entries:
        element = ElementTree.SubElement(root, f"{{{_ATOM}}}entry")
        put(element, "id", entry.id)
        put(element, "title", entry.title)
        put(element, "updated", _stamp(entry.at))
        put(element, "link", rel="alternate", type="text/html", href=entry.url)
        for name in entry.authors:
            author = ElementTree.SubElement(element, f"{{{_ATOM}}}author")
            put(author, "name", name)
        put(element, "summary", entry.summary, type="text")
    body: bytes = ElementTree.tostring(root, "utf-8")
    return b'<?xml version="1.0" encoding="utf-8"?>\n' + body


def _json(feed: Feed) -> dict[str, object]:
    return {
        "version": "https://jsonfeed.org/version/1.1",
        "title": feed.title,
        "home_page_url": feed.url,
        "feed_url": feed.own_url,
        "items": [
            {
                "id": e.id,
                "url": e.url,
                "title": e.title,
                "content_text": e.summary,
                "date_published": _stamp(e.at),
                "authors": [{"name": n} for n in e.authors],
            }
            for e in feed.entries
        ],
    }


def latest(moments: Sequence[datetime], otherwise: datetime) -> datetime:
    return max(moments, default=otherwise)
