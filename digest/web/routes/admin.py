"""/admin: what happened, to whom, and why; and what to do for them. It exists if a password is
set."""

from __future__ import annotations

import base64
import binascii
import hmac
import logging
from asyncio import sleep
from collections.abc import Awaitable, Callable
from datetime import timedelta

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from digest import jobs
from digest.errors import DigestError, TokenError
from digest.model import DeliveryState, Subscriber, SubscriberState
from digest.text import clean
from digest.usecases.fetch import describe_source
from digest.usecases.members import add_member, erase, invite, members, rename, send_again
from digest.web.context import WebContext
from digest.web.guard import form_token
from digest.web.routes.common import BOTH, GET, READS

log = logging.getLogger(__name__)

Page = Callable[[Request], Awaitable[Response]]
#: seconds that a wrong password costs its client; who owes more than so many is not answered
GUESS_S, MOST_OWED_S = 10.0, 60.0
#: seconds that the answer to a wrong password takes at most
SLOWEST_S = 3.0
_DAY = timedelta(days=1)
SUBSCRIBERS_PER_PAGE = 200
#: subscribers of a page that shows those in trouble alone
MOST_LOOKED_THROUGH = 5_000
_TROUBLED = (
    DeliveryState.FAILED,
    DeliveryState.DEFERRED,
    DeliveryState.UNKNOWN,
    DeliveryState.SUPPRESSED,
)


class AdminRoutes:
    """What happened, for whoever runs the site."""

    def __init__(self, web: WebContext) -> None:
        self._web = web
        self._password = web.settings.web.password.get_secret_value()

    def routes(self) -> list[Route]:
        return [
            Route("/admin", self.guarded(self.overview), methods=GET),
            Route("/admin/subscribers", self.guarded(self.subscribers), methods=BOTH),
            Route(
                "/admin/subscribers/{subscriber_id:str}",
                self.guarded(self.subscriber),
                methods=BOTH,
            ),
        ]

    @property
    def is_on(self) -> bool:
        return bool(self._password)

    def guarded(self, page: Page) -> Page:
        """Asks for the password: Basic with any name, or Bearer."""

        async def answer(request: Request) -> Response:
            refusal = await self.refusal(request)
            return await page(request) if refusal is None else refusal

        return answer

    async def refusal(self, request: Request) -> Response | None:
        """Why a request is not the admin's; None if it is.

        Wrong passwords are logged, slowed, and counted for each client in the store, so that
        several processes count together.
        """
        header = request.headers.get("authorization", "")
        asks = PlainTextResponse(
            "This wants the admin password (DIGEST_ADMIN_PASSWORD).\n",
            status_code=401,
            headers={"WWW-Authenticate": 'Basic realm="digest", charset="UTF-8"'},
        )
        if not header:
            return asks
        web = self._web
        client = web.sessions.client(request)
        name = f"admin:{client}"
        owed = await run_in_threadpool(web.store.rate_limits.waiting, name, web.now())
        if owed > MOST_OWED_S:
            return PlainTextResponse(
                "Too many wrong passwords; please wait.\n",
                status_code=429,
                headers={"Retry-After": str(int(owed - MOST_OWED_S) + 1)},
            )
        if self._knows(header):
            return None
        owed = await run_in_threadpool(
            lambda: web.store.rate_limits.acquire(name, web.now(), GUESS_S, longest=_DAY)
        )
        log.warning("admin.refused client=%s owed_s=%.0f", client[:8], owed)
        await sleep(min(SLOWEST_S, 0.5 + owed / 20))
        return asks

    async def is_admin(self, request: Request) -> bool:
        """Whether a request has the password, where nobody can count wrong ones."""
        if self._knows(request.headers.get("authorization", "")):
            return True
        await sleep(1.0)
        return False

    def _knows(self, header: str) -> bool:
        kind, _, secret = header.partition(" ")
        if kind.lower() == "basic":
            try:
                secret = base64.b64decode(secret, validate=True).decode().partition(":")[2]
            except (binascii.Error, UnicodeDecodeError):
                return False
        elif kind.lower() != "bearer":
            return False
        return hmac.compare_digest(secret.encode(), self._password.encode())

    async def overview(self, request: Request) -> Response:
        return await run_in_threadpool(self._overview, request)

    def _overview(self, request: Request) -> Response:
        web = self._web
        runs = web.store.runs.latest(20)
        return web.pages.page(
            request,
            "admin.html.j2",
            title="Admin",
            runs=runs,
            sources=[(s, describe_source(s)) for s in runs[0].sources] if runs else [],
            mails=web.store.history.counts(),
            troubled=web.store.history.deliveries(states=_TROUBLED, limit=50),
            states=web.store.subscribers.counts(),
            waiting={
                state: len(web.store.signups.in_state(state))
                for state in ("asked", "mailed", "confirmed", "failed")
            },
            n_papers=len(web.index),
        )

    @property
    def _token(self) -> str:
        """Stands in each form: a browser sends the password with whatever another site makes it
        send, and only this site knows the token."""
        return form_token(self._web.store.keys, f"admin {self._password}")

    async def _form(self, request: Request) -> dict[str, str]:
        """The fields of a form of ours.

        Raises:
            TokenError: it is none of ours.
        """
        async with request.form(max_files=0, max_fields=6) as form:
            values = {k: str(v)[:400].strip() for k, v in form.items()}
        if not hmac.compare_digest(values.get("token", ""), self._token):
            raise TokenError("This form is not of this page. Please open the page again.")
        return values

    async def subscribers(self, request: Request) -> Response:
        if request.method in READS:
            return await run_in_threadpool(self._subscribers, request)
        try:
            values = await self._form(request)
            done = await run_in_threadpool(self._join, values)
        except DigestError as error:
            return await run_in_threadpool(self._subscribers, request, str(error))
        return self._back("/admin/subscribers", done)

    def _back(self, path: str, done: str) -> Response:
        return RedirectResponse(self._web.pages.url(path, done=done), status_code=303)

    def _join(self, values: dict[str, str]) -> str:
        """Add or invite somebody; returns what was done."""
        web, email = self._web, values.get("email", "")
        chosen = web.settings.common_preferences
        if values.get("do") == "add":
            add_member(web.store, email, chosen, web.now())
            return f"{email} is subscribed."
        if not web.pages.public_url:
            raise DigestError("An invitation leads to a page; set [web] url.")
        invite(web.store, email, chosen, signup_id=web.new_id(), now=web.now())
        web.mailer.wake()
        return f"{email} is invited."

    def _subscribers(self, request: Request, fault: str = "") -> Response:
        web = self._web
        only_trouble = request.query_params.get("trouble") == "yes"
        wanted = clean(request.query_params.get("find", "")).lower()
        page = request.query_params.get("page", "1")
        at = int(page) if page.isascii() and page.isdigit() and int(page) > 0 else 1
        size = MOST_LOOKED_THROUGH if only_trouble else SUBSCRIBERS_PER_PAGE
        people, n_found = web.store.subscribers.search(wanted, offset=(at - 1) * size, limit=size)
        found = members(web.store, people)
        return web.pages.page(
            request,
            "subscribers.html.j2",
            title="Subscribers",
            status=422 if fault else 200,
            fault=fault,
            done=clean(request.query_params.get("done", ""))[:300],
            token=self._token,
            people=[m for m in found if m.is_in_trouble or not only_trouble],
            n=n_found,
            find=wanted,
            only_trouble=only_trouble,
            page=at,
            n_pages=max(1, -(-n_found // size)),
        )

    async def subscriber(self, request: Request) -> Response:
        if request.method in READS:
            return await run_in_threadpool(self._subscriber, request)
        wanted = request.path_params["subscriber_id"]
        try:
            values = await self._form(request)
            done, is_gone = await run_in_threadpool(self._change, wanted, values)
        except DigestError as error:
            return await run_in_threadpool(self._subscriber, request, str(error))
        return self._back("/admin/subscribers" + ("" if is_gone else f"/{wanted}"), done)

    def _change(self, subscriber_id: str, values: dict[str, str]) -> tuple[str, bool]:
        """Do what a form asks for somebody: what was done, and whether they are gone."""
        web, do = self._web, values.get("do", "")
        reader = web.store.subscribers.get(by_id=subscriber_id)
        if reader is None:
            raise DigestError("There is no such subscriber any more.")
        if do == "rename":
            changed = rename(web.store, reader, values.get("email", ""))
            more = " Write it into the configuration, too." if reader.origin == "config" else ""
            return f"{reader.email} is {changed.email} now.{more}", False
        if do == "resend":
            day = send_again(web.store, reader, None, web.now())
            return f"The mail of {day} is ready to be sent again.", False
        if do == "forget":
            if values.get("sure") != reader.email:
                raise DigestError("Type the address to confirm.")
            erase(web.store, reader, [s.email for s in web.settings.subscribers])
            return f"Everything about {reader.email} is deleted.", True
        if do in ("pause", "resume"):
            if reader.state is SubscriberState.SUPPRESSED:
                raise DigestError("Mail to this address is suppressed.")
            if do == "pause" and reader.origin == "config":
                raise DigestError("They stand in the configuration file; pause them there.")
            state = SubscriberState.PAUSED if do == "pause" else SubscriberState.ACTIVE
            web.store.subscribers.set_state(reader.id, state)
            return f"{reader.email}: {state.value}.", False
        raise DigestError("There is nothing of this name to do.")

    def _subscriber(self, request: Request, fault: str = "") -> Response:
        web = self._web
        wanted = request.path_params["subscriber_id"]
        reader = web.store.subscribers.get(by_id=wanted)
        if reader is None:
            return web.pages.message(request, "There is no such subscriber", status=404)
        asked = clean(request.query_params.get("paper", ""))[:300]
        return web.pages.page(
            request,
            "subscriber.html.j2",
            title=reader.email,
            status=422 if fault else 200,
            fault=fault,
            done=clean(request.query_params.get("done", ""))[:300],
            token=self._token,
            reader=reader,
            history=web.store.history.of(reader.id, 30),
            strikes=web.store.strikes.of(reader.id),
            n_likes=sum(r.value > 0 for r in web.store.ratings.of(reader.id)),
            n_dislikes=sum(r.value < 0 for r in web.store.ratings.of(reader.id)),
            asked=asked,
            answer=self._answer(reader, asked) if asked else (),
        )

    def _answer(self, reader: Subscriber, asked: str) -> tuple[str, ...]:
        app = self._web.app
        paper = app.store.papers.find(asked)
        if paper is None:
            return (f"{asked} is not stored: no source or service has described it.",)
        return (f"“{paper.title}”", *jobs.why_not(app, reader, paper))
