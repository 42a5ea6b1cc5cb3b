"""Some papers to say yes or no to, so that the first mail fits already."""

from __future__ import annotations

from datetime import timedelta

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from digest.edition.links import Action
from digest.languages import N_
from digest.model import Paper, Subscriber
from digest.query import Query
from digest.ranking.filters import filter_candidates
from digest.ranking.selection import heat
from digest.usecases.feedback import rate
from digest.web.context import WebContext
from digest.web.presenters import view
from digest.web.routes.common import BOTH, ORIGIN, READS
from digest.web.routes.members import Members
from digest.web.routes.signup import days_in_words

#: papers that are asked about
N_PAPERS = 20
#: of those, papers that a reader's own words find
N_NEAR = 12
#: days whose papers are asked about
N_DAYS = 5


class TasteRoutes:
    """Rating papers of the latest days on one page."""

    def __init__(self, web: WebContext, members: Members) -> None:
        self._web, self._members = web, members

    def routes(self) -> list[Route]:
        page = self._members.only(self.taste)
        return [Route("/preferences/{token:str}/taste", page, methods=BOTH)]

    async def taste(self, request: Request) -> Response:
        web = self._web
        reader = await self._members.of(request)
        if request.method not in READS:
            async with request.form(max_files=0, max_fields=N_PAPERS + 5) as form:
                said = [str(v).split(" ", 1) for k, v in form.items() if k.startswith("paper_")]
            await run_in_threadpool(self._note, reader, said)
            return self._members.back(request, "tasted")
        papers = await run_in_threadpool(self._sample, reader)
        speech, chosen = web.pages.speech_of(request), reader.preferences
        return web.pages.page(
            request,
            "taste.html.j2",
            title=N_("Which of these would you like to get?"),
            papers=[view(p, speech=speech) for p in papers],
            here=f"/preferences/{request.path_params['token']}",
            is_new=bool(request.query_params.get("new")),
            to=reader.email,
            time=f"{chosen.time:%H:%M}",
            zone=chosen.timezone,
            days=days_in_words(speech, chosen.weekdays),
        )

    def _note(self, reader: Subscriber, said: list[list[str]]) -> None:
        store, now = self._web.store, self._web.now()
        for action in (Action.LIKE, Action.DISLIKE):
            ids = {paper[:400] for verb, *rest in said for paper in rest if verb == action}
            known = store.papers.get(ids)
            rate(store, reader, known, action, origin=ORIGIN, now=now)

    def _sample(self, reader: Subscriber) -> list[Paper]:
        """What the reader's words find among the latest days' papers, what readers vote for, and
        some of the rest; nothing that they rated or filter."""
        web, store = self._web, self._web.store
        days = [d for d, _ in store.archive.days(web.now().date() + timedelta(days=1), N_DAYS)]
        listed = {x.paper.id: x.paper for d in days for x in store.archive.listed_on(d)}
        rated = {r.paper_id for r in store.ratings.of(reader.id)}
        fresh = filter_candidates(tuple(listed.values()), reader.preferences, rated).papers
        chosen: dict[str, Paper] = {}
        here = {p.id for p in fresh}
        for word in reader.preferences.keywords[:N_NEAR]:
            found = web.index.find(Query(text=word), N_NEAR).papers
            for paper in [p for p in found if p.id in here][: max(2, N_NEAR // 3)]:
                if len(chosen) < N_NEAR:
                    chosen.setdefault(paper.id, paper)
        voted = sorted(fresh, key=lambda p: -heat(p, days[0])) if days else []
        for paper in [p for p in voted if p.signals.upvotes][: (N_PAPERS - N_NEAR) // 2]:
            chosen.setdefault(paper.id, paper)
        rest = [p for p in fresh if p.id not in chosen]
        n_more = N_PAPERS - len(chosen)
        step = max(1, len(rest) // n_more) if n_more > 0 else 1
        for paper in rest[::step][: max(0, n_more)]:
            chosen[paper.id] = paper
        return list(chosen.values())
