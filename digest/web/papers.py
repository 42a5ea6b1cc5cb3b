"""The public pages: a day's papers, search, one paper, feeds."""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from urllib.parse import urlencode

from anyio import CapacityLimiter, to_thread
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response

from digest.identity import name_of
from digest.model import Paper
from digest.ports import Listed
from digest.ranking.filters import in_categories
from digest.ranking.selection import heat
from digest.text import clean, counted, shorten
from digest.web import feeds
from digest.web.office import Office, day_of
from digest.web.views import view

PER_PAGE, HITS, MAX_HITS = 50, 20, 200
MAX_QUERY_CHARS = 6_000
#: a question that is longer is a text of its own, not a keyword
MAX_INTEREST_CHARS = 120
#: rendered pages that are kept, and papers in a feed
MAX_KEPT, FEED_PAPERS = 500, 200
SIMILAR = 10
#: searches at a time
SEARCHES = 2


class Kept:
    """Finished public pages, as long as nothing has changed."""

    def __init__(self) -> None:
        self._pages: OrderedDict[str, tuple[str, bytes, str, str]] = OrderedDict()
        self._making: dict[str, asyncio.Future[Response]] = {}

    async def answer(
        self, request: Request, key: str, state: str, make: Callable[[], Response]
    ) -> Response:
        """The page under a key, made if it is not there; 304 if the browser has it."""
        known = self._pages.get(key)
        if known is None or known[0] != state:
            made = await self._made(f"{state} {key}", make)
            if made.status_code != 200:
                return made
            body = bytes(made.body)
            etag = f'"{hashlib.sha256(body).hexdigest()[:24]}"'
            known = (state, body, etag, made.headers["content-type"])
        self._pages[key] = known  # only the event loop's thread comes here
        self._pages.move_to_end(key)
        while len(self._pages) > MAX_KEPT:
            self._pages.popitem(last=False)
        _, body, etag, media_type = known
        headers = {"Cache-Control": "public, max-age=60", "ETag": etag}
        if request.headers.get("if-none-match") == etag:
            return Response(status_code=304, headers=headers)
        return Response(body, headers=headers, media_type=media_type)

    async def _made(self, key: str, make: Callable[[], Response]) -> Response:
        """Many may ask for a page that is not there yet; it is made once."""
        waiting = self._making.get(key)
        if waiting is not None:
            return await asyncio.shield(waiting)
        job = asyncio.ensure_future(run_in_threadpool(make))
        self._making[key] = job
        job.add_done_callback(lambda _: self._making.pop(key, None))
        return await asyncio.shield(job)


class Papers:
    """See the module."""

    def __init__(self, office: Office) -> None:
        self._office, self._kept = office, Kept()
        self._searches = CapacityLimiter(SEARCHES)

    # --- days ----------------------------------------------------------------------------------

    async def front(self, request: Request) -> Response:
        """The latest day with papers."""
        office = self._office

        def make() -> Response:
            today = office.now().date()
            # somewhere on earth it may be tomorrow already
            latest = office.store.previous_day(today + timedelta(days=2))
            return self._day_page(request, latest or today)

        return await self._answer(request, make)

    async def day(self, request: Request) -> Response:
        day = day_of(request.path_params["day"])
        if day is None:
            return self._office.said(
                request, "No such day", "A day is written like 2026-05-20.", status=404
            )
        return await self._answer(request, lambda: self._day_page(request, day))

    async def _answer(self, request: Request, make: Callable[[], Response]) -> Response:
        wanted = {k: request.query_params.get(k, "") for k in ("sort", "category", "page")}
        key = f"{request.scope['path']}?{urlencode(wanted)}"
        return await self._kept.answer(request, key, self._office.state(), make)

    def _day_page(self, request: Request, day: date) -> Response:
        office = self._office
        category = clean(request.query_params.get("category", ""))[:80]
        by_time = request.query_params.get("sort") == "time"
        page = _number(request.query_params.get("page", ""))
        listed = office.store.listed_on(day)
        categories = _categories(listed)
        chosen = [x for x in listed if not category or _is_in(x.paper, category)]
        if not by_time:  # the order of arrival is the order of time
            chosen.sort(key=lambda x: (-heat(x.paper, day), -(x.paper.signals.upvotes or 0)))
        shown = chosen[(page - 1) * PER_PAGE : page * PER_PAGE]
        earlier = office.store.previous_day(day)
        later = office.store.next_day(day)
        thumbnails = office.settings.web.thumbnails
        html = office.render(
            "day.html.j2",
            title=f"Papers of {day.day} {day:%B %Y}",
            description=f"{counted(len(listed), 'paper')} listed on {day.day} {day:%B %Y}, "
            "those that readers vote for first.",
            day=day,
            today=office.now().date(),
            papers=[
                view(
                    x.paper,
                    is_new=x.announce_type == "new",
                    sources=x.sources,
                    thumbnails=thumbnails,
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
            feeds=[(form, office.url(f"/papers/{day}/feed.{form}")) for form in ("atom", "json")],
        )
        return HTMLResponse(html)

    async def day_feed(self, request: Request) -> Response:
        day, form = day_of(request.path_params["day"]), request.path_params["form"]
        if day is None or form not in ("atom", "json"):
            return PlainTextResponse("There is no such feed.\n", status_code=404)
        office = self._office

        def make() -> Response:
            at = datetime.combine(day, time(), tzinfo=UTC)
            listed = sorted(office.store.listed_on(day), key=lambda x: -heat(x.paper, day))
            return feeds.answer(
                feeds.Feed(
                    title=f"{office.settings.title}, {day.day} {day:%B %Y}",
                    url=office.absolute(f"/papers/{day}"),
                    own_url=office.absolute(f"/papers/{day}/feed.{form}"),
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
        office = self._office

        def make() -> Response:
            now = office.now()
            days = [d for d, _ in office.store.days(now.date() + timedelta(days=1), 5)]
            entries: dict[str, feeds.Entry] = {}
            for day in days:
                at = datetime.combine(day, time(), tzinfo=UTC)
                found = sorted(office.store.listed_on(day), key=lambda x: -heat(x.paper, day))
                for x in found[: FEED_PAPERS // 5]:
                    entries.setdefault(x.paper.id, self._entry(x.paper, at))
            return feeds.answer(
                feeds.Feed(
                    title=office.settings.title,
                    url=office.absolute("/"),
                    own_url=office.absolute(f"/feed.{form}"),
                    updated=feeds.latest([e.at for e in entries.values()], now),
                    entries=tuple(entries.values()),
                ),
                form,
                {},
            )

        return await self._answer(request, make)

    def _entry(self, paper: Paper, at: datetime) -> feeds.Entry:
        return feeds.entry_of(paper, self._office.absolute(f"/paper/{paper.id}"), at)

    # --- search --------------------------------------------------------------------------------

    async def search(self, request: Request) -> Response:
        """A few at a time: twenty threads that want one interpreter only delay each other."""
        return await to_thread.run_sync(self._search, request, limiter=self._searches)

    def _search(self, request: Request) -> Response:
        question = clean(request.query_params.get("q", "")[:MAX_QUERY_CHARS])
        if not question:
            return self._results(request, "", None, (), [], 1)
        page = min(_number(request.query_params.get("page", "")), MAX_HITS // HITS)
        known, terms, papers = self._found(question, page)
        return self._results(request, question, known, terms, papers, page)

    def _found(
        self, question: str, page: int = 1
    ) -> tuple[Paper | None, Sequence[str], list[Paper]]:
        """The paper that was meant, if one was; the words that tell; and the nearest papers."""
        office = self._office
        known: Paper | None = None
        if name := name_of(question) or (question if ":" in question else ""):
            paper_id = office.store.known_as({name}).get(name, "")
            known = self._listed(paper_id)
        asked = known or Paper(id="", title=question)
        answer, papers = office.finder.search(
            asked, HITS, (page - 1) * HITS, leave_out=known.id if known else ""
        )
        return known, answer.terms, papers

    def _listed(self, paper_id: str) -> Paper | None:
        """A paper that some source listed: what only readers like is not shown to others."""
        store = self._office.store
        if not paper_id or not store.mentions_of(paper_id):
            return None
        return store.papers({paper_id}).get(paper_id)

    def _results(
        self,
        request: Request,
        question: str,
        known: Paper | None,
        terms: Sequence[str],
        papers: Sequence[Paper],
        page: int,
    ) -> Response:
        office = self._office
        interest = question if len(question) <= MAX_INTEREST_CHARS and not known else ""
        return office.page(
            request,
            "search.html.j2",
            private=False,
            title=f"Papers near {shorten(question, 60)}" if question else "Search",
            query=question,
            known=view(known) if known else None,
            is_id=bool(name_of(question)),
            terms=terms,
            papers=[view(p, terms=terms) for p in papers],
            first=(page - 1) * HITS + 1,
            page=page,
            more=len(papers) == HITS and page < MAX_HITS // HITS,
            n_indexed=len(office.finder),
            indexing=not office.finder.ready.is_set(),
            interest=interest,
            like=known.id if known else "",
            text=question if len(question) > MAX_INTEREST_CHARS and not known else "",
            feeds=[
                (form, office.url(f"/search/feed.{form}", q=question))
                for form in ("atom", "json")
                if question and len(question) <= MAX_INTEREST_CHARS
            ],
        )

    def search_feed(self, request: Request) -> Response:
        office, form = self._office, request.path_params["form"]
        question = clean(request.query_params.get("q", "")[:MAX_QUERY_CHARS])
        if form not in ("atom", "json") or not question:
            return PlainTextResponse("There is no such feed.\n", status_code=404)
        _, _, papers = self._found(question)
        now = office.now()
        entries = tuple(
            self._entry(p, p.published or datetime.combine(p.announced or now, time(), tzinfo=UTC))
            for p in papers
        )
        feed = feeds.Feed(
            title=f"{office.settings.title}: {shorten(question, 80)}",
            url=office.absolute("/search", q=question),
            own_url=office.absolute(f"/search/feed.{form}", q=question),
            updated=feeds.latest([e.at for e in entries], now),
            entries=entries,
        )
        return feeds.answer(feed, form, {"Cache-Control": "public, max-age=600"})

    # --- one paper -----------------------------------------------------------------------------

    def paper(self, request: Request) -> Response:
        office = self._office
        wanted = request.path_params["paper_id"]
        name = wanted if wanted.partition(":")[2] else name_of(wanted)
        paper_id = office.store.known_as({name}).get(name, name)
        reader, token = office.session(request)
        rating, own = 0, None
        if reader is not None:
            rated = {r.paper_id: r.value for r in office.store.ratings(reader.id)}
            rating = rated.get(paper_id, 0)
            own = office.store.rated_papers(reader.id).get(paper_id)
        paper = self._listed(paper_id) or own
        if paper is None:
            return office.said(
                request,
                "This paper is not here",
                "No source has listed it, or it was forgotten after its time.",
                status=404,
                link=("Search for it", office.url("/search", q=name_of(wanted) or wanted)),
            )
        _, similar = office.finder.search(paper, SIMILAR, 0, leave_out=paper.id)
        mentions = office.store.mentions_of(paper.id)
        return office.page(
            request,
            "paper.html.j2",
            private=reader is not None,
            title=shorten(paper.title, 120) or paper.id,
            paper=view(paper, thumbnails=office.settings.web.thumbnails),
            record=paper,
            mentions=mentions[:20],
            similar=[view(p) for p in similar],
            reader=reader,
            rating=rating,
            form_token=token,
            headers={"Vary": "Cookie"},
        )

    # --- for machines --------------------------------------------------------------------------

    async def robots(self, request: Request) -> Response:
        office = self._office
        private = "editions feedback preferences unsubscribe confirm link feed admin".split()
        lines = ["User-agent: *", *(f"Disallow: {office.prefix}/{p}/" for p in private)]
        lines.append(f"Disallow: {office.prefix}/search")
        if office.public_url:
            lines.append(f"Sitemap: {office.absolute('/sitemap.xml')}")
        return PlainTextResponse("\n".join(lines) + "\n")

    def sitemap(self, request: Request) -> Response:
        office = self._office
        days = office.store.days(office.now().date() + timedelta(days=1), 1_000)
        places = [office.absolute("/"), *(office.absolute(f"/papers/{d}") for d, _ in days)]
        body = "".join(f"<url><loc>{p}</loc></url>" for p in places)
        return Response(
            '<?xml version="1.0" encoding="utf-8"?>'
            f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{body}</urlset>',
            media_type="application/xml",
        )


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
