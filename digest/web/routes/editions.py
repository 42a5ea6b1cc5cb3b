"""One's own editions: a page that may be shown to others, and a feed."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from digest.bibliography import SUFFIXES
from digest.edition.links import Action
from digest.errors import TokenError
from digest.languages import N_
from digest.model import StoredEdition, Subscriber
from digest.usecases.summaries import with_stored
from digest.web import feeds
from digest.web.context import WebContext
from digest.web.pages import day_of
from digest.web.presenters import counts_of, edition_parts
from digest.web.routes.common import GET, bibliography, handles_token_errors


class EditionRoutes:
    """Editions of one reader."""

    def __init__(self, web: WebContext) -> None:
        self._web = web

    def routes(self) -> list[Route]:
        return [
            Route(
                "/editions/{token:str}",
                handles_token_errors(self._web, self.edition),
                methods=GET,
            ),
            Route(
                "/editions/{token:str}/papers.{form:str}",
                handles_token_errors(self._web, self.edition),
                methods=GET,
            ),
            Route(
                "/feed/{token:str}/{form:str}",
                handles_token_errors(self._web, self.own_feed),
                methods=GET,
            ),
        ]

    async def edition(self, request: Request) -> Response:
        web = self._web
        ticket = web.sessions.ticket(request.path_params["token"], Action.EDITION)
        reader = await run_in_threadpool(web.sessions.reader, ticket)
        day = day_of(ticket.about)
        found = (
            await run_in_threadpool(web.store.archive.edition_of, reader.id, day) if day else None
        )
        if found is None:
            raise TokenError(N_("This edition is not here any more."))
        if ending := request.path_params.get("form"):
            if (form := SUFFIXES.get(f".{ending}")) is None:
                return PlainTextResponse("There is no such format.\n", status_code=404)
            return bibliography(request, [p.paper for p in found.picks], form)
        return await run_in_threadpool(self._edition_page, request, reader, found)

    def _edition_page(self, request: Request, reader: Subscriber, found: StoredEdition) -> Response:
        """One edition to show to others: it names nobody, and nothing on it does anything."""
        web, speech = self._web, self._web.pages.speech_of(request)
        if chosen := web.settings.summary:
            language = chosen.language or reader.preferences.language
            picks = with_stored(found.picks, web.store, chosen.model, language)
            found = replace(found, picks=picks)
        return web.pages.page(
            request,
            "edition.html.j2",
            title=found.subject,
            edition=found,
            parts=edition_parts(found, speech),
            summary=counts_of(found, speech),
        )

    async def own_feed(self, request: Request) -> Response:
        """The latest editions as a feed, for who reads there."""
        web = self._web
        form = request.path_params["form"]
        ticket = web.sessions.ticket(request.path_params["token"], Action.FEED)
        if form not in ("atom", "json"):
            return PlainTextResponse("There is no such feed.\n", status_code=404)
        reader = await run_in_threadpool(web.sessions.reader, ticket)
        editions = await run_in_threadpool(web.store.archive.editions_of, reader.id, 10)
        entries: dict[str, feeds.Entry] = {}
        for edition in editions:
            at = datetime.combine(edition.edition_date, time(), tzinfo=UTC)
            for p in edition.picks:
                url = web.pages.absolute(f"/paper/{p.paper.id}")
                entries.setdefault(p.paper.id, feeds.entry_of(p.paper, url, at))
        return feeds.answer(
            feeds.Feed(
                title=f"{web.settings.title}: your papers",
                url=web.pages.absolute("/"),
                own_url=web.pages.absolute(f"/feed/{request.path_params['token']}/{form}"),
                updated=feeds.latest([e.composed_at for e in editions], web.now()),
                entries=tuple(entries.values()),
            ),
            form,
            {"Cache-Control": "private, max-age=600", "X-Robots-Tag": "noindex, nofollow"},
        )
