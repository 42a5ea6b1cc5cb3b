"""Preferences: what a reader gets and likes.

No page hands out more than its own link is for. Mails are forwarded and kept for years, so the link
to the preferences that stands in each of them is good for everything on its day and the next, for
settings in its first week, and after that only to have a fresh one mailed to the reader's address.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from digest.edition.links import Action
from digest.fields import WEEKDAYS
from digest.languages import N_
from digest.model import Subscriber, SubscriberState
from digest.preferences import MOST_INTERESTS
from digest.ranking.filters import unused_terms
from digest.text import safe_url
from digest.usecases.feedback import unrate
from digest.usecases.library_list import libraries_of
from digest.web import forms, interest_form
from digest.web.context import SESSION, WebContext
from digest.web.routes.common import BOTH, POST, READS, zones
from digest.web.routes.members import STRONG_DAYS, Members

SESSION_S = 180 * 86_400
#: of the form of preferences, with all interests that there may be
MAX_FIELDS = 60 + (MOST_INTERESTS + 1) * interest_form.FIELDS_EACH


class PreferencesRoutes:
    """A reader's own page and its forms."""

    def __init__(self, web: WebContext, members: Members) -> None:
        self._web, self._members = web, members

    def routes(self) -> list[Route]:
        mine, only = "/preferences/{token:str}", self._members.only
        return [
            Route(mine, only(self.preferences), methods=BOTH),
            Route(f"{mine}/ratings", only(self.take_back), methods=POST),
            Route(f"{mine}/state", only(self.pause), methods=POST),
            Route(f"{mine}/browser", only(self.recognise), methods=POST),
        ]

    async def preferences(self, request: Request) -> Response:
        web = self._web
        reader = await self._members.of(request)
        if request.method in READS:
            return await run_in_threadpool(
                self._preferences_page,
                request,
                reader,
                forms.values_of(reader.preferences),
                {},
                200,
            )
        if reader.origin == "config":
            return self._members.changed_elsewhere(request)
        async with request.form(max_files=0, max_fields=MAX_FIELDS) as form:
            filled = forms.preferences(form, reader)
        if filled.subscriber is None:
            return await run_in_threadpool(
                self._preferences_page, request, reader, filled.values, filled.faults, 422
            )
        await run_in_threadpool(web.store.subscribers.save, filled.subscriber)
        return self._members.back(request, "saved")

    def _preferences_page(
        self,
        request: Request,
        reader: Subscriber,
        values: Mapping[str, Any],
        faults: Mapping[str, str],
        status: int,
    ) -> Response:
        web = self._web
        token = request.path_params["token"]
        ratings = web.store.ratings.of(reader.id)
        papers = web.store.ratings.papers_of(reader.id)
        rated = [
            (r, papers[r.paper_id].title, safe_url(papers[r.paper_id].url))
            for r in sorted(ratings, key=lambda r: r.rated_at, reverse=True)
            if r.paper_id in papers
        ]
        known, _ = web.sessions.of(request)
        return web.pages.page(
            request,
            "preferences.html.j2",
            status=status,
            title=N_("What you get"),
            reader=reader,
            values=values,
            faults=faults,
            here=f"/preferences/{token}",
            done=request.query_params.get("done", ""),
            libraries=libraries_of(web.store, reader),
            zones=zones(),
            weekdays=WEEKDAYS,
            groups=forms.groups(),
            no_interest=interest_form.empty(),
            most_interests=MOST_INTERESTS,
            n_kept=len(web.store.reading_list.of(reader.id)),
            unused=unused_terms(reader.preferences),
            liked=[x for x in rated if x[0].value > 0][:300],
            disliked=[x for x in rated if x[0].value < 0][:300],
            is_known_here=known is not None and known.id == reader.id,
            feed=web.pages.absolute(f"/feed/{web.sessions.token(Action.FEED, reader)}/atom")
            if web.pages.public_url
            else "",
            api_token=web.sessions.token(Action.API, reader),
            unsubscribe=web.pages.url(
                f"/unsubscribe/{web.sessions.token(Action.UNSUBSCRIBE, reader)}"
            ),
            is_strong=self._members.age_days(request) <= STRONG_DAYS,
        )

    async def take_back(self, request: Request) -> Response:
        """A like or a dislike is removed."""
        reader = await self._members.of(request)
        async with request.form(max_files=0, max_fields=5) as form:
            paper_id = str(form.get("paper", ""))[:400]
        await run_in_threadpool(unrate, self._web.store, reader, [paper_id], self._web.now())
        return self._members.back(request, "removed")

    async def pause(self, request: Request) -> Response:
        """No mail for now, or mail again."""
        reader = await self._members.of(request)
        if reader.origin == "config":
            return self._members.changed_elsewhere(request)
        async with request.form(max_files=0, max_fields=5) as form:
            wanted = str(form.get("state", ""))
        state = SubscriberState.PAUSED if wanted == "pause" else SubscriberState.ACTIVE
        if reader.state is SubscriberState.SUPPRESSED:
            return self._web.pages.message(
                request,
                N_("Mail to you came back"),
                N_("Nothing is sent to this address, because mail to it was refused."),
                status=409,
            )
        await run_in_threadpool(self._web.store.subscribers.set_state, reader.id, state)
        return self._members.back(
            request, "paused" if state is SubscriberState.PAUSED else "resumed"
        )

    async def recognise(self, request: Request) -> Response:
        """This browser's pages show like buttons from now on, or do not any more."""
        web = self._web
        reader = await self._members.of(request)
        async with request.form(max_files=0, max_fields=5) as form:
            wanted = form.get("remember") == "yes"
        answer = self._members.back(request, "recognised" if wanted else "not-recognised")
        place = web.pages.prefix or "/"
        if wanted:
            answer.set_cookie(
                SESSION,
                web.sessions.token(Action.SESSION, reader),
                max_age=SESSION_S,
                path=place,
                secure=web.pages.is_secure,
                httponly=True,
                samesite="lax",
            )
        else:
            answer.delete_cookie(SESSION, path=place)
        return answer
