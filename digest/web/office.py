"""What all pages share: settings, store, templates, keys, the archive's index, and the post."""

from __future__ import annotations

import hashlib
import hmac
import logging
import threading
import time
from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import jinja2
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from digest import __version__
from digest.app import TEMPLATES, App
from digest.edition.letters import fresh_link, invitation, reminder
from digest.edition.links import Action, Seal, Ticket
from digest.errors import ConfigError, DigestError, TokenError
from digest.membership import send_letters, settle_likes
from digest.model import Message, Paper, Subscriber
from digest.ports import Signup
from digest.ranking.search import Answer, Index
from digest.returns import holder
from digest.text import counted
from digest.web.guard import client_of, form_token
from digest.web.uploads import Uploads

log = logging.getLogger(__name__)

SESSION = "digest_session"
#: seconds between looks at whether the store has changed
LOOK_S = 1.0
#: papers read at a time for the index, and seconds between looks for more
CHUNK, INDEX_AGAIN_S = 2_000, 30.0
#: seconds between looks for letters that are due
POST_S = 30.0
#: fact: the peer whose X-Forwarded-For was not believed
UNTRUSTED_PROXY = "web.untrusted_proxy"


class Office:
    """See the module.

    Args:
        new_id: draws the id of a request to join.
    """

    def __init__(self, app: App, *, new_id: Callable[[], str]) -> None:
        self.app, self.new_id = app, new_id
        self.settings = app.settings
        self.store = app.store
        url = urlsplit(self.settings.web.url)
        #: where links of pages begin: "", or "/digest" behind a proxy
        self.prefix = url.path.rstrip("/")
        self.is_secure = url.scheme == "https"
        self.public_url = self.settings.web.url
        self.finder = Finder(self)
        self.postman = Postman(self)
        self.uploads = Uploads()
        self._environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader(TEMPLATES / "web"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.globals |= {
            "url": self.url,
            "site": self.settings.title,
            "signups": self.can_join,
            "version": __version__,
            "counted": counted,
        }
        self._environment.filters["day"] = lambda d: f"{d.day} {d:%B %Y}"
        self._environment.filters["weekday"] = lambda d: f"{d:%A}, {d.day} {d:%B %Y}"
        self._state, self._looked_at = "", 0.0

    @property
    def can_join(self) -> bool:
        """Letters lead somewhere, and the operator wants it."""
        return bool(self.settings.web.signups and self.public_url)

    @property
    def seal(self) -> Seal:
        return Seal(self.store.keys)

    def now(self) -> datetime:
        return self.app.clock()

    def state(self) -> str:
        """Another text whenever public pages may have changed, looked up once a second."""
        at = time.monotonic()
        if at - self._looked_at > LOOK_S:
            self._state, self._looked_at = f"{self.store.state()}.{self.now().date()}", at
        return self._state

    # --- addresses -----------------------------------------------------------------------------

    def url(self, path: str, **query: object) -> str:
        """The address of a page as links write it."""
        shown = {k: v for k, v in query.items() if v not in (None, "")}
        return f"{self.prefix}{quote(path, safe='/:')}" + (f"?{urlencode(shown)}" if shown else "")

    def absolute(self, path: str, **query: object) -> str:
        """The same as others must write it: in feeds and site maps."""
        root = self.public_url.removesuffix(self.prefix) if self.prefix else self.public_url
        return root + self.url(path, **query)

    def client(self, request: Request) -> str:
        """A keyed hash of where a request comes from: enough to count by, and no address."""
        key = self.store.keys[0]
        return hmac.new(key, client_of(request.scope).encode(), hashlib.sha256).hexdigest()[:32]

    # --- answers -------------------------------------------------------------------------------

    def page(
        self,
        request: Request,
        template: str,
        *,
        status: int = 200,
        private: bool = True,
        headers: Mapping[str, str] | None = None,
        **context: Any,
    ) -> Response:
        """A page; a private one is kept by nobody and listed nowhere."""
        found = {"Cache-Control": "no-store", "X-Robots-Tag": "noindex, nofollow"}
        if not private:
            found = {"Cache-Control": "public, max-age=60"}
        return HTMLResponse(
            self.render(template, private=private, **context),
            status_code=status,
            headers=found | dict(headers or {}),
        )

    def render(self, template: str, **context: Any) -> str:
        whole = {"private": False, "query": "", "feeds": (), "description": ""} | context
        return self._environment.get_template(template).render(whole)

    def said(
        self,
        request: Request,
        heading: str,
        *paragraphs: str,
        status: int = 200,
        link: tuple[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        """A page with a few words."""
        return self.page(
            request,
            "said.html.j2",
            status=status,
            heading=heading,
            paragraphs=paragraphs,
            link=link,
            headers=headers,
        )

    # --- who is there --------------------------------------------------------------------------

    def ticket(self, token: str, *actions: Action) -> Ticket:
        """What a token of an address says, if it is for one of these actions.

        Raises:
            TokenError: it is not.
        """
        found = self.seal.read(token, self.now().date())
        if found.action not in actions:
            raise TokenError("This link is for something else.")
        return found

    def reader(self, ticket: Ticket) -> Subscriber:
        """Whose ticket it is; see `returns.holder`.

        Raises:
            TokenError: it is nobody's any more.
        """
        return holder(ticket, self.store)

    def token(self, action: Action, reader: Subscriber, about: str = "") -> str:
        ticket = Ticket(action, reader.id, about, reader.link_generation)
        return self.seal.sign(ticket, self.now().date())

    def may_leave(self, path: str) -> bool:
        """Whether a path is a valid link to unsubscribe."""
        place, _, token = path.rpartition("/")
        try:
            return place == "/unsubscribe" and bool(self.ticket(token, Action.UNSUBSCRIBE))
        except TokenError:
            return False

    def proxy_seen(self, peer: str) -> None:
        """Remember a proxy that is not trusted, for `digest check`."""
        self.store.remember(UNTRUSTED_PROXY, peer)

    def session(self, request: Request) -> tuple[Subscriber | None, str]:
        """Who this browser belongs to, and the token that their forms carry."""
        cookie = request.cookies.get(SESSION, "")
        if not cookie:
            return None, ""
        try:
            reader = self.reader(self.ticket(cookie, Action.SESSION))
        except DigestError:
            return None, ""
        return reader, form_token(self.store.keys, cookie)

    # --- letters -------------------------------------------------------------------------------

    def invitation(self, signup: Signup) -> Message:
        return invitation(
            self.app.renderer,
            signup.email,
            signup.id,
            self.settings.mail.language,
            self.now(),
        )

    def reminder(self, signup: Signup, known: Subscriber) -> Message:
        return reminder(self.app.renderer, known, signup.id, self.now())

    def fresh_link(self, signup: Signup, known: Subscriber) -> Message:
        return fresh_link(self.app.renderer, known, signup.id, self.now())


class _Thread:
    """Work in the background, woken by a need or by the clock."""

    def __init__(self, every_s: float) -> None:
        self._every_s = every_s
        self._wake, self._stopping = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name=type(self).__name__)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(timeout=10)

    def wake(self) -> None:
        self._wake.set()

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._wake.clear()
            try:
                self.work()
            except DigestError as error:
                log.error("%s failed: %s", type(self).__name__.lower(), error)
            except Exception:  # a fault of the hour must not end the thread
                log.exception("%s crashed", type(self).__name__.lower())
            self._wake.wait(self._every_s)

    def work(self) -> None:
        raise NotImplementedError


class Postman(_Thread):
    """Sends confirmations when they are asked for, and looks up what confirmed people like."""

    def __init__(self, office: Office) -> None:
        super().__init__(POST_S)
        self._office = office

    def work(self) -> None:
        office = self._office
        if office.public_url:
            try:
                send_letters(
                    office.store, office.app.transport, letters=office, clock=office.app.clock
                )
            except ConfigError as error:
                log.error("post cannot leave: %s", error)
        settle_likes(office.store, office.app.lookups, office.now())


class Finder(_Thread):
    """Keeps the archive's index; pages search in whatever it holds by now."""

    def __init__(self, office: Office) -> None:
        super().__init__(INDEX_AGAIN_S)
        self._office = office
        self._index: Index | None = None
        self._position = -1
        self.ready = threading.Event()

    def __len__(self) -> int:
        return len(self._index) if self._index is not None else 0

    def work(self) -> None:
        """Read what arrived since the last look; all of it where statistics are learned anew."""
        started = time.monotonic()
        fresh, position = self._read(self._position)
        if not fresh and self._index is not None:
            return
        larger = self._index.with_more(fresh) if self._index is not None else None
        if larger is None:
            if self._index is not None:
                fresh, position = self._read(-1)
            larger = Index(fresh)
        if self._stopping.is_set():
            return
        self._index, self._position = larger, position
        self.ready.set()
        log.info("index.ready papers=%d took=%.1fs", len(larger), time.monotonic() - started)

    def _read(self, position: int) -> tuple[list[Paper], int]:
        found: list[Paper] = []
        while not self._stopping.is_set():
            part = self._office.store.after(position, CHUNK)
            if not part:
                break
            # What is searched for and shown is title and abstract; the rest is read for the hits.
            found += [Paper(id=p.id, title=p.title, abstract=p.abstract) for _, p in part]
            position = part[-1][0]
        return found, position

    def search(
        self, question: Paper, n: int, skip: int = 0, leave_out: str = ""
    ) -> tuple[Answer, list[Paper]]:
        """The nearest papers that are indexed by now, after those that are skipped."""
        index = self._index
        if index is None:
            return Answer((), ()), []
        answer = index.search(question, skip + n, leave_out=leave_out)
        wanted = [h.paper_id for h in answer.hits[skip:]]
        papers = self._office.store.papers(wanted)
        return answer, [papers[i] for i in wanted if i in papers]


def day_of(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
