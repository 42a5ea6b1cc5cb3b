"""The public pages: a day's papers, search, one paper, feeds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from digest.bibliography import SUFFIXES
from digest.bibliography.facts import facts_of
from digest.edition.cards import author_line, in_short
from digest.identifiers import name_of
from digest.languages import N_
from digest.model import Listed, Paper
from digest.query import Query, parse
from digest.ranking.filters import in_categories
from digest.ranking.selection import heat
from digest.text import clean, shorten
from digest.usecases.lookup import stored_id
from digest.web import feeds
from digest.web.context import WebContext
from digest.web.page_cache import PageCache
from digest.web.pages import day_of
from digest.web.presenters import MAX_AUTHORS, view
from digest.web.routes.common import GET, bibliography
from digest.web.search_index import MOST_HITS, Found

PER_PAGE, HITS = 50, 20
MAX_QUERY_CHARS = 6_000
#: a question that is longer is a text of its own, not a keyword
MAX_INTEREST_CHARS = 120
#: papers in a feed
FEED_PAPERS = 200
SIMILAR = 10
#: as what a source listed a paper
KINDS = {
    "new": N_("new"),
    "cross": N_("cross-list"),
    "replace": N_("new version"),
    "replace-cross": N_("new version"),
    "published": N_("published in a journal"),
}


class PaperRoutes:
    """The public pages."""

    def __init__(self, web: WebContext) -> None:
        self._web, self._kept, self._searches = web, PageCache(), PageCache()

    def routes(self) -> list[Route]:
        return [
            Route("/", self.front, methods=GET),
            Route("/papers/{day:str}", self.day, methods=GET),
            Route("/papers/{day:str}/feed.{form:str}", self.day_feed, methods=GET),
            Route("/feed.{form:str}", self.latest_feed, methods=GET),
            Route("/search", self.search, methods=GET),
            Route("/search/feed.{form:str}", self.search_feed, methods=GET),
            Route("/paper/{paper_id:path}", self.paper, methods=GET),
        ]

    # --- days ----------------------------------------------------------------------------------

    async def front(self, request: Request) -> Response:
        """The latest day with papers."""
        web = self._web

        def make() -> Response:
            today = web.now().date()
            # somewhere on earth it may be tomorrow already
            latest = web.store.archive.previous_day(today + timedelta(days=2))
            return self._day_page(request, latest or today)

        return await self._answer(request, make)

    async def day(self, request: Request) -> Response:
        day = day_of(request.path_params["day"])
        if day is None:
            return self._web.pages.message(
                request, N_("No such day"), N_("A day is written like 2026-05-20."), status=404
            )
        return await self._answer(request, lambda: self._day_page(request, day))

    async def _answer(self, request: Request, make: Callable[[], Response]) -> Response:
        wanted = {k: request.query_params.get(k, "") for k in ("sort", "category", "page")}
        wanted["language"] = self._web.pages.language_of(request)
        key = f"{request.scope['path']}?{urlencode(wanted)}"
        return await self._kept.answer(request, key, self._web.state(), make)

    def _day_page(self, request: Request, day: date) -> Response:
        web = self._web
        category = clean(request.query_params.get("category", ""))[:80]
        by_time = request.query_params.get("sort") == "time"
        page = _number(request.query_params.get("page", ""))
        listed = web.store.archive.listed_on(day)
        categories = _categories(listed)
        chosen = [x for x in listed if not category or _is_in(x.paper, category)]
        if not by_time:  # the order of arrival is the order of time
            chosen = most_voted(chosen, day)
        shown = chosen[(page - 1) * PER_PAGE : page * PER_PAGE]
        earlier = web.store.archive.previous_day(day)
        later = web.store.archive.next_day(day)
        thumbnails = web.settings.web.thumbnails
        language = web.pages.language_of(request)
        speech = web.pages.speech(language)
        told = speech.ngettext(
            "{n} paper listed on {day}, those that readers vote for first.",
            "{n} papers listed on {day}, those that readers vote for first.",
            len(listed),
        )
        html = web.pages.render(
            "day.html.j2",
            language=language,
            here_in="days",
            title=speech.gettext("Papers of {day}").format(day=speech.full_date(day)),
            description=told.format(day=speech.full_date(day)),
            day=day,
            today=web.now().date(),
            papers=[
                view(
                    x.paper,
                    year=day.year,
                    is_new=x.announce_type == "new",
                    sources=x.sources,
                    thumbnails=thumbnails,
                    speech=speech,
                )
                for x in shown
            ],
            n=len(chosen),
            n_listed=len(listed),
            first=(page - 1) * PER_PAGE + 1,
            page=page,
            n_pages=max(1, -(-len(chosen) // PER_PAGE)),
            category=category,
            categories=categories,
            by_time=by_time,
            earlier=earlier,
            later=later,
            feeds=[
                (form, web.pages.url(f"/papers/{day}/feed.{form}")) for form in ("atom", "json")
            ],
        )
        return HTMLResponse(html)

    async def day_feed(self, request: Request) -> Response:
        day, form = day_of(request.path_params["day"]), request.path_params["form"]
        if day is None or form not in ("atom", "json"):
            return PlainTextResponse("There is no such feed.\n", status_code=404)
        web = self._web

        def make() -> Response:
            at = datetime.combine(day, time(), tzinfo=UTC)
            listed = most_voted(web.store.archive.listed_on(day), day)
            return feeds.answer(
                feeds.Feed(
                    title=f"{web.settings.title}, {day.day} {day:%B %Y}",
                    url=web.pages.absolute(f"/papers/{day}"),
                    own_url=web.pages.absolute(f"/papers/{day}/feed.{form}"),
                    updated=at,
                    entries=tuple(self._entry(x.paper, at) for x in listed[:FEED_PAPERS]),
                ),
                form,
                {},
            )

        return await self._answer(request, make)

    async def latest_feed(self, request: Request) -> Response:
        """The latest week in one feed, for feed readers that stay."""
        form = request.path_params["form"]
        if form not in ("atom", "json"):
            return PlainTextResponse("There is no such feed.\n", status_code=404)
        web = self._web

        def make() -> Response:
            now = web.now()
            days = [d for d, _ in web.store.archive.days(now.date() + timedelta(days=1), 5)]
            entries: dict[str, feeds.Entry] = {}
            for day in days:
                at = datetime.combine(day, time(), tzinfo=UTC)
                found = most_voted(web.store.archive.listed_on(day), day)
                for x in found[: FEED_PAPERS // 5]:
                    entries.setdefault(x.paper.id, self._entry(x.paper, at))
            return feeds.answer(
                feeds.Feed(
                    title=web.settings.title,
                    url=web.pages.absolute("/"),
                    own_url=web.pages.absolute(f"/feed.{form}"),
                    updated=feeds.latest([e.at for e in entries.values()], now),
                    entries=tuple(entries.values()),
                ),
                form,
                {},
            )

        return await self._answer(request, make)

    def _entry(self, paper: Paper, at: datetime) -> feeds.Entry:
        return feeds.entry_of(paper, self._web.pages.absolute(f"/paper/{paper.id}"), at)

    # --- search --------------------------------------------------------------------------------

    async def search(self, request: Request) -> Response:
        web = self._web
        question = clean(request.query_params.get("q", "")[:MAX_QUERY_CHARS])
        page = min(_number(request.query_params.get("page", "")), MOST_HITS // HITS)

        def make() -> Response:
            if not question:
                return self._results(request, Query(), None, Found((), ()), 1)
            known, query, found = self.found(question, page)
            return self._results(request, query, known, found, page, question)

        key = f"{web.pages.language_of(request)} {page} {question}"
        state = f"{web.state()} {web.index.state}"
        return await self._searches.answer(request, key, state, make)

    def found(self, question: str, page: int = 1) -> tuple[Paper | None, Query, Found]:
        """The paper that was meant, if one was; the question taken apart; and what it finds."""
        web, skip = self._web, (page - 1) * HITS
        known: Paper | None = None
        if name := name_of(question) or (question if ":" in question else ""):
            paper_id = web.store.papers.resolve({name}).get(name, "")
            known = self.listed(paper_id)
        if known is not None:
            return known, Query(text=question), web.index.near(known, HITS, skip)
        query = parse(question)
        return None, query, web.index.find(query, HITS, skip)

    def listed(self, paper_id: str) -> Paper | None:
        """A paper that some source listed: what only readers like is not shown to others."""
        store = self._web.store
        if not paper_id or not store.papers.entries_of(paper_id):
            return None
        return store.papers.get({paper_id}).get(paper_id)

    def _results(
        self,
        request: Request,
        query: Query,
        known: Paper | None,
        found: Found,
        page: int,
        question: str = "",
    ) -> Response:
        web, papers, terms = self._web, found.papers, found.terms
        speech = web.pages.speech_of(request)
        interest = query.text if len(question) <= MAX_INTEREST_CHARS and not known else ""
        return web.pages.page(
            request,
            "search.html.j2",
            private=False,
            title=shorten(question, 60) or N_("Search"),
            here_in="search",
            query=question,
            known=view(known, speech=speech) if known else None,
            is_id=bool(name_of(question)),
            unclear=query.unclear,
            strict=query.is_strict,
            terms=terms,
            papers=[view(p, terms=terms, speech=speech) for p in papers],
            first=(page - 1) * HITS + 1,
            page=page,
            more=len(papers) == HITS and page < MOST_HITS // HITS,
            n_indexed=len(web.index),
            indexing=not web.index.ready.is_set(),
            interest=interest,
            like=known.id if known else "",
            text=question if len(question) > MAX_INTEREST_CHARS and not known else "",
            feeds=[
                (form, web.pages.url(f"/search/feed.{form}", q=question))
                for form in ("atom", "json")
                if question and len(question) <= MAX_INTEREST_CHARS
            ],
        )

    def search_feed(self, request: Request) -> Response:
        web, form = self._web, request.path_params["form"]
        question = clean(request.query_params.get("q", "")[:MAX_QUERY_CHARS])
        if form not in ("atom", "json") or not question:
            return PlainTextResponse("There is no such feed.\n", status_code=404)
        papers = self.found(question)[2].papers
        now = web.now()
        entries = tuple(
            self._entry(p, p.published or datetime.combine(p.announced or now, time(), tzinfo=UTC))
            for p in papers
        )
        feed = feeds.Feed(
            title=f"{web.settings.title}: {shorten(question, 80)}",
            url=web.pages.absolute("/search", q=question),
            own_url=web.pages.absolute(f"/search/feed.{form}", q=question),
            updated=feeds.latest([e.at for e in entries], now),
            entries=entries,
        )
        return feeds.answer(feed, form, {"Cache-Control": "public, max-age=600"})

    def _with_form(self, wanted: str) -> tuple[str, str]:
        """The id of a paper, and the format that an ending of the address asks for: of an id that
        ends so itself, none."""
        base, dot, ending = wanted.rpartition(".")
        form = SUFFIXES.get(f".{ending}", "") if dot else ""
        if not form or self._web.store.papers.resolve({wanted}):
            return wanted, ""
        return base, form

    # --- one paper -----------------------------------------------------------------------------

    def paper(self, request: Request) -> Response:
        web = self._web
        wanted, form = self._with_form(request.path_params["paper_id"])
        paper_id = stored_id(web.store, wanted)
        reader, token = web.sessions.of(request)
        rating, own, is_kept = 0, None, False
        if reader is not None:
            rated = {r.paper_id: r.value for r in web.store.ratings.of(reader.id)}
            rating = rated.get(paper_id, 0)
            own = web.store.ratings.papers_of(reader.id).get(paper_id)
            is_kept = any(k.paper.id == paper_id for k in web.store.reading_list.of(reader.id))
        paper = self.listed(paper_id) or own
        if paper is None:
            return web.pages.message(
                request,
                N_("This paper is not here"),
                N_("No source has listed it, or it was forgotten after its time."),
                status=404,
                link=(N_("Search for it"), web.pages.url("/search", q=name_of(wanted) or wanted)),
            )
        if form:
            return bibliography(request, [paper], form)
        similar = web.index.near(paper, SIMILAR).papers
        newest_first = request.query_params.get("similar") == "newest"
        if newest_first:
            similar = tuple(sorted(similar, key=lambda p: p.announced or date.min, reverse=True))
        if reader is not None:
            request.state.language = reader.preferences.language
        speech = web.pages.speech_of(request)
        authors, more = author_line(paper.authors, MAX_AUTHORS, speech)
        mentions = web.store.papers.entries_of(paper.id)
        return web.pages.page(
            request,
            "paper.html.j2",
            private=reader is not None,
            title=shorten(paper.title, 120) or paper.id,
            paper=view(paper, thumbnails=web.settings.web.thumbnails, speech=speech),
            authors=authors,
            more_authors=more,
            in_short=in_short(paper, speech),
            kinds=KINDS,
            newest_first=newest_first,
            record=paper,
            facts=facts_of(paper),
            mentions=mentions[:20],
            similar=[view(p, speech=speech) for p in similar],
            reader=reader,
            rating=rating,
            is_kept=is_kept,
            form_token=token,
            headers={"Vary": "Accept-Language, Cookie"},
        )


def most_voted(listed: Iterable[Listed], day: date) -> list[Listed]:
    """Those first that readers elsewhere vote for."""
    return sorted(listed, key=lambda x: (-heat(x.paper, day), -(x.paper.signals.upvotes or 0)))


def _categories(listed: Sequence[Listed]) -> list[tuple[str, int]]:
    counts: dict[str, int] = {}
    for x in listed:
        for category in dict.fromkeys(x.paper.categories[:6]):
            counts[category] = counts.get(category, 0) + 1
    return sorted(counts.items(), key=lambda c: (-c[1], c[0]))[:30]


def _is_in(paper: Paper, category: str) -> bool:
    return bool(paper.categories) and in_categories(paper, (category,))


def _number(text: str) -> int:
    return max(1, min(10_000, int(text))) if text.isascii() and text.isdigit() else 1
