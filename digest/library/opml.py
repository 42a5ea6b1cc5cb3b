"""OPML, the list of feeds that feed readers export."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit
from xml.etree import ElementTree

from digest.errors import LibraryError
from digest.library.records import body_of
from digest.text import clean, safe_url

#: more than anybody reads
MAX_FEEDS = 500


@dataclass(frozen=True, slots=True)
class Feed:
    title: str
    url: str


def feeds(path: Path) -> tuple[Feed, ...]:
    """The feeds of a list, in its order and whatever folders they lie in, each address once.

    Raises:
        LibraryError: the file is missing, unreadable, no OPML, or names no feed.
    """
    body = body_of(path)
    if b"<!ENTITY" in body:
        raise LibraryError(f"{path} declares entities, which no OPML needs.", place=str(path))
    try:
        root = ElementTree.fromstring(body)
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise LibraryError(f"{path} is no XML: {error}.", place=str(path)) from error
    found: dict[str, Feed] = {}
    for outline in root.iter("outline"):
        facts = {k.lower(): v for k, v in outline.attrib.items()}
        url = safe_url(facts.get("xmlurl", ""))
        if url and url not in found:
            title = clean(facts.get("title") or facts.get("text"))[:80]
            found[url] = Feed(title or urlsplit(url).hostname or url, url)
    if not found:
        raise LibraryError(f"{path} names no feed (outline with xmlUrl).", place=str(path))
    return tuple(found.values())[:MAX_FEEDS]
