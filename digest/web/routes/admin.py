"""/admin: what happened, to whom, and why. Only to look at; it exists if a password is set."""

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
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from digest import jobs
from digest.model import DeliveryState, Subscriber
from digest.text import clean
from digest.usecases.fetch import describe_source
from digest.web.context import WebContext
from digest.web.routes.common import GET

log = logging.getLogger(__name__)

Page = Callable[[Request], Awaitable[Response]]
#: seconds that a wrong password costs its client; who owes more than so many is not answered
GUESS_S, MOST_OWED_S = 10.0, 60.0
#: seconds that the answer to a wrong password takes at most
SLOWEST_S = 3.0
_DAY = timedelta(days=1)
SUBSCRIBERS_PER_PAGE = 200
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
            Route("/admin/subscribers", self.guarded(self.subscribers), methods=GET),
            Route(
                "/admin/subscribers/{subscriber_id:str}",
                self.guarded(self.subscriber),
                methods=GET,
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

    async def subscribers(self, request: Request) -> Response:
        return await run_in_threadpool(self._subscribers, request)

    def _subscribers(self, request: Request) -> Response:
        web = self._web
        wanted = clean(request.query_params.get("find", "")).lower()
        page = request.query_params.get("page", "1")
        at = int(page) if page.isascii() and page.isdigit() and int(page) > 0 else 1
        people, n_found = web.store.subscribers.search(
            wanted, offset=(at - 1) * SUBSCRIBERS_PER_PAGE, limit=SUBSCRIBERS_PER_PAGE
        )
        return web.pages.page(
            request,
            "subscribers.html.j2",
            title="Subscribers",
            people=people,
            n=n_found,
            find=wanted,
            page=at,
            n_pages=max(1, -(-n_found // SUBSCRIBERS_PER_PAGE)),
        )

    async def subscriber(self, request: Request) -> Response:
        return await run_in_threadpool(self._subscriber, request)

    def _subscriber(self, request: Request) -> Response:
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
