"""The web side over a test's world: a real server in a thread, and its pages as a browser sees
them."""

from __future__ import annotations

import html
import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email import message_from_bytes, policy
from itertools import count

import httpx
import uvicorn

from digest import jobs
from digest.app import App
from digest.edition.links import Action, Ticket
from digest.model import Subscriber
from digest.web.context import WebContext
from digest.web.protocol import HttpProtocol
from digest.web.site import application
from tests.servers import Mail
from tests.worlds import World

ADMIN = "the-admin-password"


@dataclass
class Site:
    world: World
    app: App
    url: str
    web_context: WebContext

    def __post_init__(self) -> None:
        self.http = httpx.Client(base_url=self.url, follow_redirects=True, timeout=30)

    def get(self, path: str, **options: object) -> httpx.Response:
        return self.http.get(path, **options)  # type: ignore[arg-type]

    def post(self, path: str, data: object = None, **options: object) -> httpx.Response:
        return self.http.post(path, data=data, **options)  # type: ignore[arg-type]

    def token(self, action: Action, about: str = "", email: str = "ada@example.org") -> str:
        ticket = Ticket(action, self.reader(email).id, about)
        return self.app.mail.letterhead.seal.sign(ticket, self.world.now.date())

    def reader(self, email: str = "ada@example.org") -> Subscriber:
        return next(s for s in self.app.store.subscribers.all() if s.email == email)

    def people(self) -> dict[str, str]:
        return {s.email: s.state.value for s in self.app.store.subscribers.all()}

    def mail(self, to: str, n: int = 1) -> Mail:
        """The n-th mail to an address, once it is there."""
        wait(lambda: len(self.world.smtp.to(to)) >= n)
        return self.world.smtp.to(to)[n - 1]

    def indexed(self, n: int = 1) -> None:
        """Wait until so many papers can be searched for."""
        wait(lambda: len(self.web_context.index) >= n)


def wait(holds: object, seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not holds():  # type: ignore[operator]
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def form_of(page: httpx.Response) -> dict[str, object]:
    """What a browser would send back from the long form: of boxes those that are ticked."""
    form = page.text.split("<fieldset>", 1)[1].split("</form>", 1)[0]
    values: dict[str, object] = {}
    for name, value in re.findall(r'<input id="\w+" name="(\w+)" type="\w+" value="(.*?)"', form):
        values[name] = html.unescape(value)
    for name, value in re.findall(
        r'<textarea id="\w+" name="(\w+)".*?>(.*?)</textarea>', form, re.S
    ):
        values[name] = html.unescape(value)
    for name, body in re.findall(r'<select id="\w+" name="(\w+)".*?>(.*?)</select>', form, re.S):
        chosen = re.search(r'<option(?: value="(\w+)")? selected>(.*?)<', body)
        assert chosen
        values[name] = chosen[1] or chosen[2]
    for name, value in re.findall(r'type="checkbox" name="(\w+)" value="([^"]+)" checked', form):
        values.setdefault(name, [])
        values[name].append(value)  # type: ignore[attr-defined]
    return values


def link_in(mail: Mail, place: str) -> str:
    """The path of the first link to some place of the site in a mail's plain text."""
    body = message_from_bytes(mail.body, policy=policy.default).get_body(("plain",))
    assert body is not None
    found = re.search(rf"https?://[^\s/]+(/[^\s]*{place}/[^\s]+)", body.get_content())
    assert found, body.get_content()
    return found[1]


@contextmanager
def served(
    world: World, *, web: str = "", admin: str = "", public: str = "", **parts: str
) -> Iterator[Site]:
    """The site of a world.

    Args:
        web: further keys of [web].
        public: the address that links lead to, {port} in it; by default where the server listens.
    """
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    address = (public or "http://127.0.0.1:{port}").format(port=port)
    pace = "" if "requests_per_minute" in web else "requests_per_minute = 0\n"
    path = world.write(**parts)
    text = path.read_text("utf-8") + f'\n[web]\nurl = "{address}"\n{pace}{web}\n'
    path.write_text(text, "utf-8")
    with world.app() as app:
        if admin:
            from pydantic import SecretStr

            chosen = app.settings.web.model_copy(update={"password": SecretStr(admin)})
            app.settings = app.settings.model_copy(update={"web": chosen})
        jobs.sync_subscribers(app)
        numbers = count(1)
        made = application(app, new_id=lambda: f"signup{next(numbers)}")
        config = uvicorn.Config(
            made,
            http=HttpProtocol,
            log_level="error",
            lifespan="on",
            access_log=False,
            proxy_headers=False,
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        wait(lambda: server.started)
        site = Site(world, app, f"http://127.0.0.1:{port}", made.state.web)
        try:
            yield site
        finally:
            site.http.close()
            server.should_exit = True
            thread.join(15)
            listener.close()
