"""A week, a month, and the calendar of all days."""

from __future__ import annotations

import re
from calendar import Calendar
from collections.abc import Mapping, Sequence
from datetime import date, timedelta

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from digest.languages import N_
from digest.web.context import WebContext
from digest.web.page_cache import PageCache
from digest.web.presenters import view
from digest.web.routes.common import GET

#: papers of a week or a month
MOST_PAPERS = 50
#: days of the calendar that have papers
MOST_DAYS = 800


class PeriodRoutes:
    """What was trending over a week or a month, and where each day is."""

    def __init__(self, web: WebContext) -> None:
        self._web, self._kept = web, PageCache()

    def routes(self) -> list[Route]:
        return [
            Route("/days", self.days, methods=GET),
            Route("/week", self.week, methods=GET),
            Route("/week/{name:str}", self.week, methods=GET),
            Route("/month/{name:str}", self.month, methods=GET),
        ]

    async def week(self, request: Request) -> Response:
        name = request.path_params.get("name", "")
        if not name:
            today = self._web.now().date()
            latest = await run_in_threadpool(
                self._web.store.archive.previous_day, today + timedelta(days=2)
            )
            name = week_name(latest or today)
        found = re.fullmatch(r"(\d{4})-W(\d{1,2})", name)
        try:
            first = date.fromisocalendar(int(found[1]), int(found[2]), 1) if found else None
        except ValueError:
            first = None
        if first is None or not 1990 <= first.year <= 9000:
            return self._no_such(request, N_("A week is written like 2026-W21."))
        last = first + timedelta(days=6)
        return await self._page(request, "week", first, last)

    async def month(self, request: Request) -> Response:
        try:
            first = date.fromisoformat(f"{request.path_params['name']}-01")
        except ValueError:
            first = date.min
        if not 1990 <= first.year <= 9000:
            return self._no_such(request, N_("A month is written like 2026-05."))
        last = (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)
        return await self._page(request, "month", first, last)

    def _no_such(self, request: Request, how: str) -> Response:
        return self._web.pages.message(request, N_("No such time"), how, status=404)

    async def _page(self, request: Request, kind: str, first: date, last: date) -> Response:
        web, language = self._web, self._web.pages.language_of(request)

        def make() -> Response:
            speech = web.pages.speech(language)
            months = kind == "month"
            days = web.store.periods.days_between(first, last)
            title = (
                speech.month(first)
                if months
                else f"{speech.full_date(first)} – {speech.full_date(last)}"
            )
            before, after = first - timedelta(days=1), last + timedelta(days=1)
            name = month_name if months else week_name
            return HTMLResponse(
                web.pages.render(
                    "period.html.j2",
                    language=language,
                    title=title,
                    here_in=kind,
                    days=days,
                    papers=[
                        view(p, thumbnails=web.settings.web.thumbnails, speech=speech)
                        for p in web.store.periods.most_voted(first, last, MOST_PAPERS)
                    ],
                    earlier=f"/{kind}/{name(before)}",
                    later=f"/{kind}/{name(after)}" if after <= web.now().date() else "",
                    week=f"/week/{week_name(first)}",
                    month=f"/month/{month_name(last if not months else first)}",
                )
            )

        key = f"{kind} {first} {language}"
        return await self._kept.answer(request, key, web.state(), make)

    async def days(self, request: Request) -> Response:
        """A calendar of the days that have papers."""
        web, language = self._web, self._web.pages.language_of(request)

        def make() -> Response:
            found = dict(web.store.archive.days(web.now().date() + timedelta(days=1), MOST_DAYS))
            return HTMLResponse(
                web.pages.render(
                    "days.html.j2",
                    language=language,
                    title=N_("Days"),
                    here_in="days",
                    months=calendar_of(found),
                )
            )

        return await self._kept.answer(request, f"days {language}", web.state(), make)


def calendar_of(
    counts: Mapping[date, int],
) -> list[tuple[date, Sequence[Sequence[tuple[date | None, int]]]]]:
    """Months that have papers, the latest first: the first day, and weeks of days with counts."""
    months = sorted({d.replace(day=1) for d in counts}, reverse=True)
    weeks_of = Calendar().monthdatescalendar
    return [
        (
            month,
            [
                [(d, counts.get(d, 0)) if d.month == month.month else (None, 0) for d in week]
                for week in weeks_of(month.year, month.month)
            ],
        )
        for month in months
    ]


def week_name(day: date) -> str:
    year, week, _ = day.isocalendar()
    return f"{year}-W{week:02d}"


def month_name(day: date) -> str:
    return f"{day:%Y-%m}"
