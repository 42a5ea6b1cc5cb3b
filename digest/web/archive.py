"""A reader's editions as a folder of files: pages and feeds that any server of files can publish.

Nothing on these pages names the reader or does anything: links lead to the papers themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, time
from pathlib import Path

from digest.app import App, speeches
from digest.bibliography import write
from digest.colour import Accent
from digest.config import Settings
from digest.model import StoredEdition, Subscriber
from digest.text import safe_url
from digest.web import feeds
from digest.web.pages import Pages
from digest.web.presenters import counts_of, edition_parts

#: editions in the folder, and those whose papers stand in the feeds
MAX_EDITIONS, IN_FEEDS = 2_000, 30


class _FilePages(Pages):
    """Pages that find each other by their files' names."""

    def __init__(self, settings: Settings, papers: Mapping[str, str]) -> None:
        super().__init__(settings, speeches())
        self._papers = papers

    def url(self, path: str, **query: object) -> str:
        """A paper's own address, or a file beside the page."""
        if path.startswith("/paper/"):
            return self._papers.get(path.removeprefix("/paper/"), "")
        return path.lstrip("/") or "index.html"


def publish(app: App, reader: Subscriber, folder: Path, base_url: str = "") -> int:
    """Write a reader's editions into a folder; returns how many pages that are.

    Args:
        base_url: where the folder will be found, for the feeds.

    Raises:
        OSError: the folder cannot be written.
    """
    editions = app.store.archive.editions_of(reader.id, MAX_EDITIONS)
    addresses = {
        p.paper.id: safe_url(p.paper.url) or "index.html" for e in editions for p in e.picks
    }
    pages = _FilePages(app.settings, addresses)
    folder.mkdir(parents=True, exist_ok=True)
    accent = Accent.of(app.settings.mail.accent)
    _put(folder / "site.css", pages.render("site.css", accent=accent))
    language = reader.preferences.language
    speech = pages.speech(language)
    feed_links = [("atom", "feed.atom"), ("json", "feed.json")]
    _put(
        folder / "index.html",
        pages.render("archive.html.j2", language=language, editions=editions, feeds=feed_links),
    )
    for edition in editions:
        stem = edition.edition_date.isoformat()
        body = pages.render(
            "archive_edition.html.j2",
            language=language,
            edition=edition,
            parts=edition_parts(edition, speech),
            summary=counts_of(edition, speech),
            stem=stem,
        )
        _put(folder / f"{stem}.html", body)
        _put(folder / f"{stem}.bib", write((p.paper for p in edition.picks), "bibtex"))
    for form, name in feed_links:
        found = feeds.answer(_feed(app, editions, base_url.rstrip("/"), name), form, {})
        _put(folder / name, bytes(found.body))
    return len(editions)


def _feed(app: App, editions: tuple[StoredEdition, ...], base: str, name: str) -> feeds.Feed:
    entries: dict[str, feeds.Entry] = {}
    for edition in editions[:IN_FEEDS]:
        at = datetime.combine(edition.edition_date, time(), tzinfo=UTC)
        for pick in edition.picks:
            url = safe_url(pick.paper.url) or f"{base}/{edition.edition_date}.html"
            entries.setdefault(pick.paper.id, feeds.entry_of(pick.paper, url, at))
    return feeds.Feed(
        title=app.settings.title,
        url=f"{base}/index.html",
        own_url=f"{base}/{name}",
        updated=feeds.latest([e.composed_at for e in editions], app.clock()),
        entries=tuple(entries.values()),
    )


def _put(path: Path, body: str | bytes) -> None:
    """Write a file as a whole, and only where it changed: a server may be reading it."""
    data = body.encode() if isinstance(body, str) else body
    if path.exists() and path.read_bytes() == data:
        return
    half = path.with_name(f".{path.name}.new")
    half.write_bytes(data)
    half.replace(path)
