"""What a reader keeps for later: a page to rate it on, and a file of it."""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from digest.bibliography import SUFFIXES
from digest.edition.links import Action
from digest.languages import N_
from digest.model import Subscriber
from digest.ranking.later import MOST_TIMES
from digest.usecases.feedback import rate
from digest.web.context import WebContext
from digest.web.presenters import view
from digest.web.routes.common import BOTH, GET, ORIGIN, READS, bibliography
from digest.web.routes.members import Members


class ReadingListRoutes:
    """A reader's reading list."""

    def __init__(self, web: WebContext, members: Members) -> None:
        self._web, self._members = web, members

    def routes(self) -> list[Route]:
        mine, only = "/preferences/{token:str}/later", self._members.only
        return [
            Route(mine, only(self.reading_list), methods=BOTH),
            Route(f"{mine}.{{form:str}}", only(self.export), methods=GET),
        ]

    async def reading_list(self, request: Request) -> Response:
        web = self._web
        reader = await self._members.of(request)
        if request.method not in READS:
            async with request.form(max_files=0, max_fields=5) as form:
                paper_id, value = str(form.get("paper", ""))[:400], str(form.get("value", ""))
            done = await run_in_threadpool(self._changed, reader, paper_id, value)
            return self._members.back(request, done, "/later")
        kept = await run_in_threadpool(web.store.reading_list.of, reader.id)
        speech = web.pages.speech_of(request)
        return web.pages.page(
            request,
            "reading_list.html.j2",
            title=N_("Your reading list"),
            reader=reader,
            entries=[(view(k.paper, speech=speech), k) for k in kept],
            most_times=MOST_TIMES,
            here=f"/preferences/{request.path_params['token']}",
            done=request.query_params.get("done", ""),
        )

    def _changed(self, reader: Subscriber, paper_id: str, value: str) -> str:
        """Rate a paper of the list, or take it off; returns what was done."""
        store = self._web.store
        if value == "remove":
            return "removed" if store.reading_list.remove(reader.id, paper_id) else ""
        stands = {k.paper.id for k in store.reading_list.of(reader.id)}
        if value not in (Action.LIKE, Action.DISLIKE) or paper_id not in stands:
            return ""
        rate(store, reader, [paper_id], Action(value), origin=ORIGIN, now=self._web.now())
        return "saved"

    async def export(self, request: Request) -> Response:
        """The list for a reference manager."""
        reader = await self._members.of(request)
        form = SUFFIXES.get(f".{request.path_params['form']}")
        if form is None:
            return PlainTextResponse("There is no such format.\n", status_code=404)
        kept = await run_in_threadpool(self._web.store.reading_list.of, reader.id)
        return bibliography(request, [k.paper for k in kept], form)
