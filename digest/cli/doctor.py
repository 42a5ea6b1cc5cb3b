"""`digest doctor`: everything that can be wrong, in one list, each with what helps."""

from __future__ import annotations

import shutil
import socket
import sys
from collections.abc import Iterator
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from digest import __version__
from digest.cli.check import Check, Told, checks, found_by
from digest.cli.documents import Finding
from digest.distribution import missing
from digest.errors import DigestError
from digest.text import counted

if TYPE_CHECKING:
    from digest.app import App

#: bytes of free disk below which is told, and below which nothing can be relied on
LITTLE_DISK, NO_DISK = 1_000_000_000, 100_000_000
#: after a run that is older, something that should start it does not
OLDEST_RUN = timedelta(days=4)
#: how far two clocks may be apart
MOST_APART = timedelta(minutes=2)


def examine(app: App) -> Iterator[Finding]:
    """Look at everything."""
    parts: list[Check] = [
        ("program", _program),
        ("extras", lambda: _extras(app)),
        ("time zones", lambda: _zones(app)),
        ("clock", lambda: _clock(app)),
        ("disk", lambda: _disk(app)),
        ("ports", lambda: _ports(app)),
        ("subscribers", lambda: _subscribers(app)),
        ("runs", lambda: _runs(app)),
    ]
    by_mail = app.settings.channel is None and app.settings.maildir is None
    yield from found_by(parts)
    yield from checks(app, "", dns=by_mail)


def _program() -> str:
    version = ".".join(map(str, sys.version_info[:3]))
    return f"digest {__version__}, Python {version}, {sys.executable}"


def wanted_extras(app: App) -> Iterator[tuple[str, str, str]]:
    """What the configuration needs beside the program: what for, a module, and its extra."""
    settings = app.settings
    semantic = settings.ranking.semantic
    channel = getattr(settings.channel, "kind", "")  # other packages' channels need none of ours
    by_key = bool(settings.reports.sns_topics or settings.reports.sendgrid.get_secret_value())
    for is_wanted, what, module, extra in (
        (bool(settings.web.url), "The web side", "starlette", "web"),
        (bool(settings.web.url), "The web side", "multipart", "web"),
        (bool(settings.mail.dkim), "DKIM", "dkim", "dkim"),
        (channel == "apprise", "[channel] apprise", "apprise", "apprise"),
        (by_key, "[reports] of SES or SendGrid", "cryptography", "reports"),
        (settings.oauth is not None, "Logging in by OAuth", "oauthlib", "oauth"),
        (settings.mail.thumbnails, "Thumbnails", "PIL", "thumbnails"),
        (semantic == "wordllama", "The light model", "wordllama", "semantic"),
        (
            bool(semantic) and semantic != "wordllama",
            semantic,
            "sentence_transformers",
            "transformers",
        ),
        (settings.monitor.metrics_port > 0, "Metrics", "prometheus_client", "metrics"),
        (not isinstance(settings.store.where, Path), "PostgreSQL", "psycopg", "postgres"),
    ):
        if is_wanted:
            yield what, module, extra


def _extras(app: App) -> str:
    wanted = list(wanted_extras(app))
    lacking = {missing(what, m, extra) for what, m, extra in wanted if find_spec(m) is None}
    if lacking:
        raise DigestError("\n".join(sorted(lacking)))
    extras = dict.fromkeys(extra for _, _, extra in wanted)
    return f"all there ({', '.join(extras)})" if extras else "none is needed"


def _zones(app: App) -> str:
    names = {app.settings.preferences_of(s).timezone for s in app.settings.subscribers}
    names |= {s.preferences.timezone for s in app.store.subscribers.search(limit=1_000)[0]}
    unknown = []
    for name in sorted(names | {"UTC"}):
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            unknown.append(name)
    if unknown:
        raise DigestError(
            f"this machine does not know {', '.join(unknown)}. Install its time zone data (tzdata, "
            "from the system or by pip)."
        )
    return f"{counted(len(names), 'zone')} known"


def _clock(app: App) -> str:
    """Beside the server's, and the last run: a clock that went back keeps mails waiting."""
    now = app.clock()
    server = app.store.server_time()
    if server is not None and abs(server - now) > MOST_APART:
        raise DigestError(
            f"this machine says {now:%H:%M:%S}, the database server {server:%H:%M:%S} (UTC). Let "
            "both keep time (NTP)."
        )
    latest = app.store.runs.latest(1)
    if latest and latest[0].started_at > now + MOST_APART:
        raise DigestError(
            f"it is {now:%Y-%m-%d %H:%M} here, but a run began at "
            f"{latest[0].started_at:%Y-%m-%d %H:%M} (UTC). Set the clock; until then mails wait."
        )
    return f"{now:%Y-%m-%d %H:%M} UTC"


def _disk(app: App) -> Told:
    where = app.settings.store.where
    folder = where.parent if isinstance(where, Path) else Path.cwd()
    folder = folder.resolve() if folder.exists() else Path.cwd()
    free = shutil.disk_usage(folder).free
    said = f"{free / 1e9:,.1f} GB free in {folder}"
    if free < NO_DISK:
        raise DigestError(f"only {said}. Nothing can be stored, so nothing is sent; make room.")
    little = [f"Only {said}; a year of listings takes about a gigabyte."]
    return Told(said, little if free < LITTLE_DISK else ())


def _ports(app: App) -> str:
    port = app.settings.monitor.metrics_port
    if not port:  # 0: whichever is free
        return "none is configured"
    with socket.socket() as listener:
        try:
            listener.bind((app.settings.monitor.metrics_host, port))
        except OSError:
            return f"{port} (metrics) is in use: by a worker, if one runs here"
    return f"{port} (metrics) is free: no worker runs here"


def _subscribers(app: App) -> Told:
    from digest import jobs
    from digest.usecases.members import members

    jobs.sync_subscribers(app)
    people, n = app.store.subscribers.search(limit=10_000)
    if not n:
        raise DigestError(
            "there are none, so nothing is ever sent. Name one in [[subscribers]], or by `digest "
            "subscribers add`."
        )
    troubled = [m.subscriber.email for m in members(app.store, people) if m.is_in_trouble]
    shown = ", ".join(troubled[:5]) + (" and others" if len(troubled) > 5 else "")
    warning = f"Mail did not reach {shown}: `digest subscribers list --trouble` says why."
    text = f"{counted(n, 'subscriber')}, {len(troubled)} in trouble"
    return Told(text, [warning] if troubled else ())


def _runs(app: App) -> str | Told:
    latest = app.store.runs.latest(1)
    if not latest:
        return "none so far; `digest run` is the first"
    run = latest[0]
    age = app.clock() - run.started_at
    if age > OLDEST_RUN:
        raise DigestError(
            f"the last was on {run.started_at:%Y-%m-%d %H:%M} UTC, {age.days} days ago. Nothing "
            "starts `digest run` or keeps `digest worker` going; look at cron or the unit."
        )
    if run.route_fault:
        raise DigestError(f"the last could not send: {run.route_fault}")
    faults = [f"{s.source}: {s.fault}" for s in run.sources if s.fault]
    return Told(
        f"the last on {run.started_at:%Y-%m-%d %H:%M} UTC, {counted(len(faults), 'source')} faulty",
        [f"The last run missed papers of {fault}" for fault in faults],
    )
