"""OPML, the list of feeds that feed readers export."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit
from xml.etree import ElementTree

from pydantic import Field, StrictInt

from digest.errors import ConfigError, LibraryError
from digest.fetcher import Fetcher
from digest.fields import FilePath
from digest.files import read_library
from digest.sources.base import BaseSource, KeyOf, SourceSettings
from digest.sources.feed import FeedSource
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
    body = read_library(path)
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


class OpmlSettings(SourceSettings):
    """All the feeds of a list that feed readers export."""

    kind: Literal["opml"]
    path: FilePath
    max_age_days: Annotated[StrictInt, Field(ge=1, le=3650)] = 60

    def build(self, fetcher: Fetcher, key_of: KeyOf) -> list[BaseSource]:
        """
        Raises:
            ConfigError: the list cannot be read.
        """
        try:
            found = feeds(self.path)
        except LibraryError as error:
            raise ConfigError([str(error)]) from error
        return [
            FeedSource(
                fetcher,
                url=feed.url,
                name=feed.title,
                max_age_days=self.max_age_days,
                allow_private=self.allow_private,
            )
            for feed in found
        ]
