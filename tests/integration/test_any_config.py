"""No configuration is a traceback: every key with values that no key is meant to have."""

from __future__ import annotations

import copy
import json
import math
import random
import re
import tomllib
from collections.abc import Iterator
from contextlib import suppress
from datetime import date, datetime, time
from operator import attrgetter
from pathlib import Path
from typing import Any

import pytest

from digest import jobs
from digest.app import App
from digest.cli import check
from digest.config import load_settings, load_text
from digest.errors import ConfigError, DigestError
from digest.monitor.ping import Ping
from digest.usecases.fetch import fetch
from tests.conftest import FUZZING

pytestmark = pytest.mark.sqlite

#: a value for each key; nothing listens at port 1
EVERYTHING = """
title = "Morning papers"
length = 12
trending = 3
min_score = 0.1
on_empty = "nothing"
[schedule]
time = "07:30"
timezone = "Europe/Berlin"
weekdays = ["mon"]
wait_until = "09:00"
[[sources]]
kind = "arxiv"
name = "a"
categories = ["cs.CL"]
announce_types = ["new"]
base_url = "http://127.0.0.1:1"
api_url = "http://127.0.0.1:1"
allow_private = true
[[sources]]
kind = "feed"
name = "f"
url = "http://127.0.0.1:1/x"
max_age_days = 10
allow_private = true
[[sources]]
kind = "opml"
path = "x.opml"
[[sources]]
kind = "crossref"
issn = ["1476-4687"]
base_url = "http://127.0.0.1:1"
allow_private = true
[[subscribers]]
email = "ada@example.org"
name = "Ada"
likes = ["lib.bib", "2405.00001", { title = "T", abstract = "A" }]
keywords = ["laser"]
authors = ["A"]
muted = ["m"]
required = []
muted_authors = ["A"]
affiliations = ["X"]
muted_affiliations = ["Y"]
languages = ["en"]
journal_versions = true
min_upvotes = 0
announce_types = ["new"]
categories = ["cs.CL"]
reserved = { "cs.CL" = 2 }
length = 3
trending = 1
min_score = 0.1
on_empty = "note"
language = "de"
paused = false
[subscribers.schedule]
time = "07:30"
timezone = "UTC"
weekdays = ["tue"]
wait_until = "10:00"
[smtp]
host = "127.0.0.1"
port = 1
security = "none"
username = "ada"
password_file = "pw"
sender = "A <a@example.org>"
reply_to = "r@example.org"
bounces_to = "b@example.org"
messages_per_connection = 10
connections = 1
per_second = 1.0
pipelining = true
timeout_s = 1
[delivery]
on_unknown = "resend"
suppress_after = 3
give_up_after_h = 24
[inbox]
host = "127.0.0.1"
port = 1
security = "none"
username = "x"
folder = "INBOX"
every_minutes = 10
[monitor]
ping_url = "http://127.0.0.1:1"
metrics_port = 0
log_format = "text"
[mail]
language = "en"
accent = "#9a3412"
thumbnails = false
templates = "own"
[ranking]
half_life_days = 30
semantic = ""
variety = 0.3
explore = 1
semantic_weight = 0.1
[web]
url = "https://example.org/x"
host = "127.0.0.1"
port = 0
trusted_proxies = ["127.0.0.1"]
signups = true
thumbnails = false
requests_per_minute = 60
[store]
path = "digest.db"
retention_days = 365
[fetch]
contact = "x"
timeout_s = 1
retries = 0
[lookup]
services = ["arxiv", "openalex"]
openalex_url = "http://127.0.0.1:1"
zotero_url = "http://127.0.0.1:1"
allow_private = true
[cluster]
block = 10
dead_after_s = 10
"""
ODD: list[Any] = [
    *("", " ", "\0", "a\0b", "é", "日本", "a" * 300, "a" * 70_000, "..", "/", "//", "own"),
    *("own/../own", "~nobody9/x", "%", "%s", "{0}", "\x7f", "\u202e", "\ufeff", "-", "../x"),
    *("http://[::1", "http://a:99999999/", "http://x:port/", "http://a b/", "http://a..b/"),
    *("http://.a/", f"http://{'a' * 300}.com", "https://:80", "http://\u3002.com", "a..b"),
    *("x.example:587", "Europe", "a@b", f"a@{'b' * 70}.com", "<a@b.c>", "a@[1.2.3.4]", "1e5"),
    *("~nobody9/x.bib", "a\0.bib", f"{'a' * 300}.bib", "monkey", "24:00"),
    *(-1, 0, 1, 10**9, 10**18, 10**30, -(10**30), 1e308, math.nan, math.inf, True, False),
    *([], [""], ["\0"], ["a" * 300], [[]], [1], {}, {"a": 1}, {"": ""}),
    *(date(1979, 5, 27), time(7, 32), datetime(1979, 5, 27, 7, 32)),
]


def toml(value: Any) -> str:
    """A value as TOML writes it inline."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and not math.isfinite(value):
        return "nan" if math.isnan(value) else "inf"
    if isinstance(value, str):
        return json.dumps(value).replace("\x7f", "\\u007f")
    if isinstance(value, list):
        return f"[{', '.join(map(toml, value))}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(k)} = {toml(v)}" for k, v in value.items()) + "}"
    return value.isoformat() if isinstance(value, date | time) else repr(value)


def places(table: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where a value stands: keys, tables among them, and members of lists."""
    for key, value in table.items() if isinstance(table, dict) else enumerate(table):
        yield (*above, key)
        if isinstance(value, dict | list):
            yield from places(value, (*above, key))


def changed(place: tuple[Any, ...], value: Any) -> str:
    found = copy.deepcopy(tomllib.loads(EVERYTHING))
    inside = found
    for key in place[:-1]:
        inside = inside[key]
    inside[place[-1]] = value
    return "\n".join(f"{json.dumps(k)} = {toml(v)}" for k, v in found.items())


ALL = [(place, value) for place in places(tomllib.loads(EVERYTHING)) for value in ODD]
SAMPLE = ALL if FUZZING else random.Random(1).sample(ALL, 600)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "x.opml").write_text(
        '<opml><body><outline xmlUrl="http://127.0.0.1:1/f"/></body></opml>', "utf-8"
    )
    (tmp_path / "own").mkdir()
    (tmp_path / "pw").write_text("hush", "utf-8")
    (tmp_path / "lib.bib").write_text("@misc{a, title={T}, abstract={A}}", "utf-8")
    return tmp_path


def use(app: App) -> None:
    """What commands do with settings, as far as it needs no network."""
    app.fetcher._sleep = app.fetcher._pacer._sleep = lambda seconds: None
    for part in ("sources", "lookups", "mail.letterhead", "renderer", "store"):
        attrgetter(part)(app)
    for attempt in (
        lambda: app.mail.transport().connect(),
        app.mail.inbox,
        lambda: [r.name for r in app.mail.channel.routes],
        lambda: check._store(app),
        lambda: check._likes(app),
        lambda: check._web(app),
    ):
        try:
            attempt()
        except DigestError:
            continue
    jobs.drafts(app, stored=True)
    jobs.purge(app)
    fetch(app.sources, app.store, now=app.clock())
    ping = Ping(app.fetcher, app.settings.monitor.ping_url)
    ping.start()
    ping.done(failed=False)


def told_of(text: str, path: Path) -> tuple[Any, tuple[str, ...]]:
    """The settings, or what is wrong."""
    try:
        return load_text(text, path=path, environ={}), ()
    except ConfigError as error:
        return None, error.problems


def test_any_value_of_any_key_is_used_or_told(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    n_used = 0
    path = folder / "config.toml"
    for place, value in SAMPLE:
        settings, problems = told_of(changed(place, value), path)
        assert all(len(told) < 1000 for told in problems), place
        if settings is None:
            continue
        n_used += 1
        if n_used > 12 and not FUZZING:  # using takes a hundred times as long as reading
            continue
        for left in folder.glob("digest.db*"):
            left.unlink()
        try:
            with App(settings) as app:
                use(app)
        except DigestError:
            continue
        assert "crashed" not in caplog.text, (place, value)
    assert n_used > 12


@pytest.mark.parametrize(
    "body",
    [
        "title = 'Übersicht'".encode("latin-1"),
        "title = 'x'".encode("utf-16"),
        b"\x00" * 100,
        b"title = \xe2\x80\x9cx\xe2\x80\x9d",
        b"[" * 100_000,
        b"a = " + b"[" * 10_000,
        b"a." * 500 + b"b = 1",
        b"title = 1\ntitle = 2",
    ],
    ids=lambda body: repr(body[:12]),
)
@pytest.mark.parametrize("name", ["config.toml", ".env"])
def test_any_bytes_are_a_sentence(folder: Path, body: bytes, name: str) -> None:
    (folder / "config.toml").write_text(EVERYTHING, "utf-8")
    (folder / name).write_bytes(body)
    if name == "config.toml":
        with pytest.raises(ConfigError, match=re.escape(str(folder))):
            load_settings(folder / "config.toml", {})
    else:
        with suppress(ConfigError):  # most bytes are some line of it
            load_settings(folder / "config.toml", {})


@pytest.mark.parametrize("what", ["a folder", "nothing", "a link to itself", "closed"])
def test_a_path_that_is_no_file_is_a_sentence(folder: Path, what: str) -> None:
    path = folder / "config.toml"
    if what == "a folder":
        path.mkdir()
    elif what == "a link to itself":
        path.symlink_to(path)
    elif what == "closed":
        (folder / "f").write_text("x", "utf-8")
        path = folder / "f" / "config.toml"
    with pytest.raises(ConfigError):
        load_settings(path, {})
