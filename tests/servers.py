"""Real servers on loopback: HTTP that answers as a test says, SMTP that keeps or refuses."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit
from xml.sax.saxutils import escape

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword


@dataclass
class Answer:
    """What the HTTP server sends back."""

    body: bytes = b""
    status: int = 200
    content_type: str = "application/rss+xml"
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Request:
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes = b""


Route = Callable[[Request], Answer]


class WebServer:
    """Routes by path; remembers what it was asked."""

    def __init__(self) -> None:
        self.routes: dict[str, Route] = {}
        self.requests: list[Request] = []
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def says(self, path: str, *answers: Answer) -> None:
        """Answer with these in turn, the last one for ever."""
        left = list(answers)
        self.routes[path] = lambda _: left.pop(0) if len(left) > 1 else left[0]

    def asked(self, path: str) -> list[Request]:
        return [r for r in self.requests if r.path == path]


@contextmanager
def web_server() -> Iterator[WebServer]:
    web = WebServer()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.do_GET()

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = {k: v[0] for k, v in parse_qs(parts.query).items()}
            headers = {k.lower(): v for k, v in self.headers.items()}
            body = self.rfile.read(int(headers.get("content-length", 0)))
            request = Request(parts.path, query, headers, body)
            web.requests.append(request)
            route = web.routes.get(parts.path)
            answer = route(request) if route else Answer(status=404)
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.content_type)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            with suppress(OSError):  # a client may leave in the middle
                self.wfile.write(answer.body)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.handle_error = lambda *_: None  # type: ignore[method-assign]  # clients may hang up
    web.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield web
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def rss(papers: list[dict[str, Any]], day: str) -> bytes:
    """Records (id, title, abstract, authors, categories, announce_type) as an arXiv listing."""
    items = []
    for p in papers:
        kind = p.get("announce_type", "new")
        version = p.get("version", 1)
        categories = "".join(f"<category>{escape(c)}</category>" for c in p["categories"])
        items.append(
            f"<item><title>{escape(p['title'])}</title>"
            f"<link>https://arxiv.org/abs/{p['id']}</link>"
            f"<description>arXiv:{p['id']}v{version} Announce Type: {kind} \n"
            f"Abstract: {escape(p['abstract'])}</description>"
            f'<guid isPermaLink="false">oai:arXiv.org:{p["id"]}v{version}</guid>{categories}'
            f"<pubDate>{day}</pubDate><arxiv:announce_type>{kind}</arxiv:announce_type>"
            f"<dc:creator>{escape(', '.join(p['authors']))}</dc:creator></item>"
        )
    return (
        '<?xml version="1.0" encoding="UTF-8"?><rss xmlns:arxiv="http://arxiv.org/schemas/atom" '
        'xmlns:dc="http://purl.org/dc/elements/1.1/" version="2.0"><channel>'
        "<title>cs.CL updates on arXiv.org</title><link>http://rss.arxiv.org/rss/cs.CL</link>"
        f"<description>updates</description><pubDate>{day}</pubDate>"
        f"{''.join(items)}</channel></rss>"
    ).encode()


def api(papers: list[dict[str, Any]], total: int | None = None) -> bytes:
    """Records as one page of the arXiv API."""
    entries = []
    for p in papers:
        authors = "".join(f"<author><name>{escape(a)}</name></author>" for a in p["authors"])
        categories = "".join(f'<category term="{escape(c)}"/>' for c in p["categories"])
        published = p.get("submitted", "2026-05-18T12:00:00Z")
        entries.append(
            f"<entry><id>http://arxiv.org/abs/{p['id']}v1</id><title>{escape(p['title'])}</title>"
            f"<summary>{escape(p['abstract'])}</summary><published>{published}</published>"
            f"<updated>{published}</updated>{authors}{categories}</entry>"
        )
    n = len(papers) if total is None else total
    return (
        '<?xml version="1.0" encoding="UTF-8"?><feed xmlns="http://www.w3.org/2005/Atom" '
        'xmlns:opensearch="http://a9.com/-/spec/opensearch/1.1/">'
        f"<title>arXiv Query</title><opensearch:totalResults>{n}</opensearch:totalResults>"
        f"{''.join(entries)}</feed>"
    ).encode()


def as_json(data: object) -> Answer:
    return Answer(json.dumps(data).encode(), content_type="application/json")


def gzipped(body: bytes) -> Answer:
    return Answer(gzip.compress(body), headers={"Content-Encoding": "gzip"})


@dataclass
class Mail:
    sender: str
    recipient: str
    body: bytes


class MailServer:
    """Takes mail, refuses whom a test names; remembers everything."""

    def __init__(self) -> None:
        self.mails: list[Mail] = []
        #: recipient to the reply it gets
        self.refuse: dict[str, str] = {}
        #: reply after the data, if not acceptance
        self.after_data = ""
        self.n_sessions = 0
        self.logins: list[str] = []
        self.password = ""
        self.port = 0
        self.on_mail: Callable[[Mail], None] = lambda mail: None

    def to(self, recipient: str) -> list[Mail]:
        return [m for m in self.mails if m.recipient == recipient]

    # aiosmtpd's hooks

    async def handle_EHLO(
        self, server: SMTP, session: Any, envelope: Any, hostname: str, responses: list[str]
    ) -> list[str]:
        self.n_sessions += 1
        session.host_name = hostname
        return responses

    async def handle_RCPT(
        self, server: SMTP, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        if address in self.refuse:
            return self.refuse[address]
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 fine"

    async def handle_DATA(self, server: SMTP, session: Any, envelope: Any) -> str:
        if self.after_data:
            return self.after_data
        for recipient in envelope.rcpt_tos:
            mail = Mail(envelope.mail_from, recipient, envelope.content)
            self.mails.append(mail)
            self.on_mail(mail)
        return "250 2.0.0 taken"

    def authenticate(
        self, server: SMTP, session: Any, envelope: Any, mechanism: str, data: Any
    ) -> AuthResult:
        if not isinstance(data, LoginPassword):
            return AuthResult(success=False, handled=False)
        self.logins.append(data.login.decode())
        right = data.password.decode() == self.password
        return AuthResult(success=right, handled=False)


@contextmanager
def mail_server(**options: Any) -> Iterator[MailServer]:
    """An SMTP server on a free loopback port; options go to aiosmtpd's SMTP."""
    box = MailServer()

    class AnyPort(Controller):
        def _trigger_server(self) -> None:
            self.port = self.server.sockets[0].getsockname()[1]
            super()._trigger_server()

    if options.get("auth_required"):
        options["authenticator"] = box.authenticate
    implicit = options.pop("implicit_tls", None)
    controller = AnyPort(box, hostname="127.0.0.1", port=0, ssl_context=implicit, **options)
    controller.start()
    box.port = controller.port
    try:
        yield box
    finally:
        controller.stop()
