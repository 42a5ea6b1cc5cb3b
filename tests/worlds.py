"""A whole installation in a folder: config, web server, mail server, a clock that a test moves."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, time
from pathlib import Path

from digest.app import App
from digest.config import load_settings
from digest.model import Subscriber
from digest.ports import Library, Progress, silent
from digest.preferences import Preferences
from digest.store import schema
from digest.store.subscribers import row_of
from digest.usecases.imports import ImportReport, import_likes
from tests import postgres
from tests.conftest import NOW
from tests.servers import MailServer, WebServer, mail_server, web_server

CONFIG = """
title = "Morning papers"
{top}
[schedule]
time = "07:30"
timezone = "Europe/Berlin"
{schedule}
[[sources]]
kind = "arxiv"
categories = ["cs.CL", "cs.LG"]
base_url = "{web}"
api_url = "{web}/api/query"
allow_private = true

[[sources]]
kind = "huggingface"
base_url = "{web}"
allow_private = true
{sources}
{subscribers}
[smtp]
host = "127.0.0.1"
port = {smtp}
security = "none"
sender = "Morning papers <digest@example.org>"

[store]
path = "digest.db"
url = "{store}"

[fetch]
retries = 0
timeout_s = 5

[lookup]
services = {services}
openalex_url = "{web}"
crossref_url = "{web}"
semantic_scholar_url = "{web}"
zotero_url = "{web}"
allow_private = true
"""
ADA = """
[[subscribers]]
email = "ada@example.org"
likes = [{ title = "Laser beam mirror", abstract = "laser beam lens mirror polarisation" }]
"""


@dataclass
class World:
    folder: Path
    web: WebServer
    smtp: MailServer
    now: datetime = NOW
    #: of a PostgreSQL database; nothing: SQLite
    store: str = ""
    parts: dict[str, str] = field(default_factory=dict)

    def write(self, *, subscribers: str = ADA, **parts: str) -> Path:
        path = self.folder / "config.toml"
        values = {"top": "", "schedule": "", "sources": "", "services": '["arxiv"]'} | parts
        path.write_text(
            CONFIG.format(
                store=self.store,
                web=self.web.url,
                smtp=self.smtp.port,
                subscribers=subscribers,
                **values,
            ),
            "utf-8",
        )
        return path

    @property
    def config(self) -> Path:
        path = self.folder / "config.toml"
        return path if path.exists() else self.write()

    def app(self) -> App:
        app = App(load_settings(self.config, {}), clock=lambda: self.now)
        app.fetcher._sleep = app.fetcher._pacer._sleep = lambda seconds: None
        return app

    def quiet(self) -> None:
        """Sources that list nothing."""
        from tests.servers import Answer, as_json, rss

        stamp = self.now.strftime("%a, %d %b %Y 00:00:00 -0400")
        self.web.says("/rss/cs.CL+cs.LG", Answer(rss([], stamp)))
        self.web.says("/api/daily_papers", as_json([]))


@contextmanager
def make_world(folder: Path) -> Iterator[World]:
    with web_server() as web, mail_server() as smtp:
        world = World(folder, web, smtp, store=postgres.fresh() if postgres.wanted else "")
        world.quiet()
        yield world


def record(number: int, **changes: object) -> dict[str, object]:
    """A paper as a server would list it."""
    return {
        "id": f"2605.{number:05d}",
        "title": f"Laser beam study {number}",
        "abstract": f"A laser beam meets a mirror and a lens, polarisation follows. Case {number}.",
        "authors": ["Ada Lovelace", "Grace Hopper"],
        "categories": ["cs.CL"],
    } | changes


def join(world: World, n: int, **preferences: object) -> None:
    """So many readers who are due at any hour, as if they had joined on the web."""
    settings: dict[str, object] = {"timezone": "UTC", "time": time(0, 0)} | preferences
    chosen = Preferences().model_copy(update=settings)
    with world.app() as app:
        for start in range(0, n, 1000):
            rows = []
            for i in range(start, min(start + 1000, n)):
                reader = Subscriber(
                    id="", email=f"p{i}@example.org", origin="web", preferences=chosen
                )
                rows.append({"id": f"{i:032x}", "created_at": world.now} | row_of(reader))
            with app.store.database.write() as connection:
                connection.execute(schema.subscribers.insert(), rows)


def import_from(
    app: App,
    subscriber: Subscriber,
    library: Library,
    name: str = "",
    *,
    dry_run: bool = False,
    progress: Progress = silent,
) -> ImportReport | None:
    """What `digest import` does."""
    return import_likes(
        app.store,
        app.lookups,
        subscriber,
        library,
        name or library.name,
        app.clock(),
        dry_run=dry_run,
        progress=progress,
    )
