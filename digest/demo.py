"""`digest demo`: the whole job on real parts, without internet: a web server, an SMTP server and a
database on this machine, and a listing of papers that nobody wrote."""

from __future__ import annotations

import email.policy
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import parse_qs, urlsplit

from digest import jobs
from digest.app import App, system_clock
from digest.config import Settings, load_settings
from digest.errors import DigestError
from digest.model import DeliveryState, PlannedEdition
from digest.ports import Clock, Progress

SAMPLE = Path(__file__).resolve().parent / "sample"
#: what stands for "today" in the sample files
_DAY = "2026-01-01"
_STAMPS = ("Thu, 01 Jan 2026 05:00:00 +0000", "Thu, 01 Jan 2026 00:00:00 -0500")


def sample_listing(today: datetime) -> bytes:
    """The bundled RSS listing, dated today."""
    text = (SAMPLE / "arxiv.xml").read_text("utf-8")
    stamp = format_datetime(today.replace(hour=0, minute=0, second=0, microsecond=0))
    for old in _STAMPS:
        text = text.replace(old, stamp)
    return text.encode()


def sample_daily_papers(today: datetime) -> bytes:
    """The bundled Daily Papers list, dated today."""
    text = (SAMPLE / "daily_papers.json").read_text("utf-8")
    return text.replace(_DAY, today.date().isoformat()).encode()


class _SampleHandler(BaseHTTPRequestHandler):
    """Answers like the two sources, from the bundled files."""

    clock: Clock

    def do_GET(self) -> None:
        now = self.clock()
        parts = urlsplit(self.path)
        if parts.path.startswith("/rss/"):
            return self._answer("application/rss+xml", sample_listing(now))
        if parts.path == "/api/daily_papers":
            wanted = parse_qs(parts.query).get("date", [now.date().isoformat()])[0]
            today = wanted == now.date().isoformat()
            body = sample_daily_papers(now) if today else json.dumps([]).encode()
            return self._answer("application/json", body)
        return self.send_error(404)

    def _answer(self, content_type: str, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@contextmanager
def sample_server(clock: Clock) -> Iterator[int]:
    """A web server on loopback; yields its port."""
    handler = type("Handler", (_SampleHandler,), {"clock": staticmethod(clock)})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _CatchAll:
    """Takes every mail for everybody and keeps it."""

    def __init__(self) -> None:
        self.arrived: list[tuple[str, bytes]] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.arrived += [(recipient, envelope.content) for recipient in envelope.rcpt_tos]
        return "250 2.0.0 caught"


@contextmanager
def catch_all() -> Iterator[tuple[int, _CatchAll]]:
    """An SMTP server on loopback; yields its port and what arrives."""
    from aiosmtpd.controller import Controller

    class AnyPort(Controller):
        """aiosmtpd asks for a port beforehand; 0 lets the system choose a free one."""

        def _trigger_server(self) -> None:
            self.port = self.server.sockets[0].getsockname()[1]  # type: ignore[union-attr]
            super()._trigger_server()  # type: ignore[no-untyped-call]

    box = _CatchAll()
    controller = AnyPort(box, hostname="127.0.0.1", port=0)
    controller.start()
    try:
        yield controller.port, box
    finally:
        controller.stop()


def demo_config(web_port: int, smtp_port: int) -> str:
    text = (SAMPLE / "config.toml").read_text("utf-8")
    text = text.replace("127.0.0.1:8000", f"127.0.0.1:{web_port}")
    return text.replace("port = 2525", f"port = {smtp_port}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrived:
    """What the demo left behind."""

    drafts: Mapping[str, PlannedEdition]
    #: .html, .txt and .eml of each mail, in order of arrival
    files: tuple[Path, ...]


def run_demo(
    folder: Path, *, clock: Clock = system_clock, tell: Progress = lambda line: None
) -> Arrived:
    """Run the whole job; leaves what arrived as .eml, .html and .txt in `folder`.

    Raises:
        DigestError: the folder cannot be written, or a mail did not arrive.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.glob("digest.db*"):
            old.unlink()  # each demo is a first day
    except OSError as error:
        raise DigestError(f"{folder} cannot be written: {error.strerror}.") from error
    with sample_server(clock) as web_port, catch_all() as (smtp_port, box):
        path = folder / "config.toml"
        path.write_text(demo_config(web_port, smtp_port), "utf-8")
        settings = load_settings(path, environ={})
        with App(settings, clock=clock) as app:
            report = jobs.run(app, progress=tell)
            drafts, _ = jobs.drafts(app)
    assert report is not None  # nobody else works on a database that was made just now
    undelivered = [s for s in report.subscribers if s.result is not DeliveryState.SENT]
    if undelivered or len(box.arrived) != len(settings.subscribers):
        reasons = "; ".join(f"{s.email}: {s.result}, {s.detail}" for s in undelivered)
        raise DigestError(f"Not every mail of the demo arrived: {reasons or 'some were lost'}.")
    bodies = dict(box.arrived)
    files = [path for who in drafts for path in _written(folder / who, bodies[who])]
    return Arrived(drafts=drafts, files=tuple(files))


def send_sample(settings: Settings, *, clock: Clock = system_clock) -> tuple[str, ...]:
    """Send an edition of five invented papers to each configured subscriber, by the configured way;
    nothing is stored. Returns what became of each.

    Raises:
        DigestError: there is nobody to send to, or the mail server cannot be reached.
    """
    if not settings.subscribers:
        raise DigestError("There are no [[subscribers]] to send to.")
    with TemporaryDirectory() as folder, sample_server(clock) as web_port:
        path = Path(folder) / "config.toml"
        path.write_text(demo_config(web_port, 1), "utf-8")
        sample = load_settings(path, environ={})
        reader = sample.subscribers[0]
        people = [reader.model_copy(update={"email": s.email}) for s in settings.subscribers]
        mixed = settings.model_copy(
            update={
                "title": f"{settings.title} (a sample)",
                "length": 5,
                "trending": 1,
                "sources": sample.sources,
                "subscribers": tuple(people),
                "store": sample.store,
                "schedule": sample.schedule,
                "inbox": None,
                "groups": (),
                "summary": None,
            }
        )
        with App(mixed, clock=clock) as app:
            report = jobs.run(app)
    assert report is not None  # nobody else works on a database that was made just now
    if report.route_fault:
        raise DigestError(report.route_fault)
    return tuple(f"{s.email}: {s.result}, {s.detail}" for s in report.subscribers)


def _written(stem: Path, body: bytes) -> list[Path]:
    """The mail as received, and its parts as files."""
    message = message_from_bytes(body, policy=email.policy.default)
    paths = []
    for suffix, kind in ((".html", "html"), (".txt", "plain")):
        part = message.get_body((kind,))
        if part is not None:
            path = stem.with_name(stem.name + suffix)
            path.write_text(part.get_content(), "utf-8")
            paths.append(path)
    raw = stem.with_name(stem.name + ".eml")
    raw.write_bytes(body)
    return [*paths, raw]
