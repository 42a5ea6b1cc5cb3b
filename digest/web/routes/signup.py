"""Subscribing: a form, a mail, one confirmation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from digest.edition.links import Action
from digest.edition.speech import Speech
from digest.fields import WEEKDAYS
from digest.languages import N_
from digest.model import Subscriber
from digest.usecases.signup import MAX_PAPERS, ask, confirm, may_ask, wished
from digest.web import forms
from digest.web.context import WebContext
from digest.web.routes.common import (
    BOTH,
    READS,
    asked_too_often,
    handles_token_errors,
    reading,
    zones,
)


def days_in_words(speech: Speech, weekdays: Sequence[int]) -> str:
    """ "every day", or which days of the week."""
    if len(weekdays) == len(WEEKDAYS):
        return speech.gettext("every day")
    return speech.listed([speech.weekday(day) for day in weekdays])


class SignupRoutes:
    """Subscribing; nothing counts before it is confirmed."""

    def __init__(self, web: WebContext) -> None:
        self._web = web

    def routes(self) -> list[Route]:
        token_errors = handles_token_errors
        return [
            Route("/subscribe", token_errors(self._web, self.subscribe), methods=BOTH),
            Route("/confirm/{token:str}", token_errors(self._web, self.confirm), methods=BOTH),
        ]

    async def subscribe(self, request: Request) -> Response:
        web = self._web
        if not web.pages.can_join:
            return web.pages.message(
                request,
                N_("Subscriptions are closed"),
                N_("The operator of this site has not opened it for subscriptions."),
                status=404,
            )
        if request.method in READS:
            query = request.query_params
            values = {
                "interests": query.get("interests", "")[:1000],
                "text": query.get("text", "")[:6000],
                "papers": query.get("like", "")[:300].removeprefix("arxiv:").removeprefix("doi:"),
            }
            return self._join_form(request, values, {}, 200)
        client, now = web.sessions.client(request), web.now()
        if not await run_in_threadpool(may_ask, web.store, client, now):
            return asked_too_often(web, request)
        async with request.form(max_files=1, max_fields=30) as form:
            filled = await forms.joining(form, web.settings, reading(web, client))
        if filled.subscriber is None:
            return self._join_form(request, filled.values, filled.faults, 422)
        language = web.pages.language_of(request)
        wish, likes = filled.subscriber, filled.likes
        wish = replace(wish, preferences=wish.preferences.model_copy(update={"language": language}))
        allowed = await run_in_threadpool(
            lambda: ask(
                web.store,
                wish,
                likes,
                signup_id=web.new_id(),
                client=client,
                now=now,
            )
        )
        if not allowed:
            return asked_too_often(web, request)
        web.mailer.wake()
        return self._sent(request, wish, len(likes.papers) + len(likes.refs))

    def _sent(self, request: Request, wish: Subscriber, n_papers: int) -> Response:
        """A mail to confirm is on its way, if it may."""
        web, speech = self._web, self._web.pages.speech_of(request)
        cut = speech.gettext(
            "Your library is large, so {n} of its papers are used for now. You can add all of it "
            "once you are subscribed."
        )
        sent = speech.gettext(
            "If {email} can be subscribed, a mail is on its way there. Nothing else is sent until "
            "you confirm."
        )
        return web.pages.message(
            request,
            N_("Check your mail"),
            sent.format(email=wish.email),
            N_(
                "Did nothing arrive? Look in your spam folder, or try again tomorrow: an address "
                "gets one such mail a day."
            ),
            *([cut.format(n=speech.number(MAX_PAPERS))] if n_papers > MAX_PAPERS else ()),
            status=202,
        )

    def _join_form(
        self,
        request: Request,
        values: Mapping[str, Any],
        faults: Mapping[str, str],
        status: int,
    ) -> Response:
        web = self._web
        settings = web.settings.schedule
        empty = {
            "email": "",
            "interests": "",
            "categories": "",
            "text": "",
            "papers": "",
            "trending": "",
            "time": f"{settings.time:%H:%M}",
            "timezone": settings.timezone,
        }
        return web.pages.page(
            request,
            "subscribe.html.j2",
            status=status,
            title=N_("Subscribe"),
            values=empty | dict(values),
            faults=faults,
            zones=zones(),
        )

    async def confirm(self, request: Request) -> Response:
        web = self._web
        ticket = web.sessions.ticket(request.path_params["token"], Action.CONFIRM)
        wish = await run_in_threadpool(wished, web.store, ticket.subscriber_id, web.now())
        if wish is None:
            return self._has_begun(request)
        if request.method in READS:
            return web.pages.page(
                request,
                "confirm.html.j2",
                title=N_("Confirm"),
                wish=wish,
                days=days_in_words(web.pages.speech_of(request), wish.preferences.weekdays),
                action=request.scope["path"],
            )
        reader = await run_in_threadpool(confirm, web.store, ticket.subscriber_id, web.now())
        if reader is None:
            return self._has_begun(request)
        web.mailer.wake()
        # the first press proves, just now, that the address is theirs; no later one does
        token = web.sessions.token(Action.PREFERENCES, reader)
        where = web.pages.url(f"/preferences/{token}/taste", new="yes")
        return RedirectResponse(where, status_code=303)

    def _has_begun(self, request: Request) -> Response:
        return self._web.pages.message(
            request,
            N_("You are subscribed already"),
            N_("This subscription was confirmed before. Every mail has a link to change it."),
        )
