"""Whose page it is, and whether the link at hand is fresh enough for what is asked."""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from digest.edition.links import Action
from digest.languages import N_
from digest.model import Subscriber
from digest.usecases.signup import ask_for_link
from digest.web.context import WebContext
from digest.web.routes.common import POST, READS, Page, asked_too_often, handles_token_errors

#: days that the link of a mail is good for everything (export, deletion, calling in links), and
#: for settings; who comes later is mailed another
STRONG_DAYS, FRESH_DAYS = 1, 7
#: what a page says whose link is too old for what was asked
_WANTS_FRESH = N_(
    "Mails get forwarded and kept, so their links change settings for a week, and only export or "
    "delete what is stored on their day and the next."
)


class _Weak(Exception):
    """The link at hand is good, and not good enough."""


class Members:
    """Opens the pages of members to who has a link to them."""

    def __init__(self, web: WebContext) -> None:
        self._web = web

    def routes(self) -> list[Route]:
        page = handles_token_errors(self._web, self.mail_link)
        return [Route("/link/{token:str}", page, methods=POST)]

    def age_days(self, request: Request) -> int:
        ticket = self._web.sessions.ticket(request.path_params["token"], Action.PREFERENCES)
        return ticket.age_days(self._web.now().date())

    async def of(self, request: Request, most_days: int = FRESH_DAYS) -> Subscriber:
        """Whose preferences a link opens.

        Raises:
            _Weak: the link is older than this needs.
            TokenError: it is no such link.
        """
        ticket = self._web.sessions.ticket(request.path_params["token"], Action.PREFERENCES)
        reader = await run_in_threadpool(self._web.sessions.reader, ticket)
        if self.age_days(request) > most_days:
            raise _Weak
        return reader

    def only(self, page: Page) -> Page:
        """A page for members: one that offers a fresh link where the one at hand is too old."""

        async def answer(request: Request) -> Response:
            try:
                return await page(request)
            except _Weak:
                return self._offer_link(request, 200 if request.method in READS else 403)

        return handles_token_errors(self._web, answer)

    def _offer_link(self, request: Request, status: int) -> Response:
        heading = N_("You need a fresh link")
        if not self._web.pages.public_url:
            return self._web.pages.message(request, heading, _WANTS_FRESH, status=status)
        return self._web.pages.page(
            request,
            "ask.html.j2",
            status=status,
            title=heading,
            heading=heading,
            paragraphs=(
                _WANTS_FRESH,
                N_(
                    "Press the button: a fresh link is mailed to the address that gets your papers."
                ),
            ),
            button=N_("Mail me a link"),
            action=f"/link/{request.path_params['token']}",
            fields={},
            back="",
            paper=None,
        )

    async def mail_link(self, request: Request) -> Response:
        """Mail a link to everything about a reader to their own address."""
        web = self._web
        ticket = web.sessions.ticket(
            request.path_params["token"], Action.PREFERENCES, Action.UNSUBSCRIBE
        )
        reader = await run_in_threadpool(web.sessions.reader, ticket)
        allowed = bool(web.pages.public_url) and await run_in_threadpool(
            lambda: ask_for_link(
                web.store,
                reader,
                signup_id=web.new_id(),
                client=web.sessions.client(request),
                now=web.now(),
            )
        )
        if not allowed:
            return asked_too_often(web, request)
        web.mailer.wake()
        return web.pages.message(
            request,
            N_("Check your mail"),
            N_("A link is on its way to the address that your papers go to."),
            status=202,
        )

    def back(self, request: Request, done: str, below: str = "") -> Response:
        """To the page after a form, so that a reload does not send it again."""
        path = f"/preferences/{request.path_params['token']}{below}"
        return RedirectResponse(self._web.pages.url(path, done=done), status_code=303)

    def changed_elsewhere(self, request: Request) -> Response:
        return self._web.pages.message(
            request,
            N_("This is changed elsewhere"),
            N_(
                "Your subscription is part of this site’s configuration file, so its operator "
                "changes this. You can still like, dislike and unsubscribe."
            ),
            status=409,
        )
