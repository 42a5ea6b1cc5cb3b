"""When arXiv announces what: its listing days."""

from __future__ import annotations

import logging
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

log = logging.getLogger(__name__)

EASTERN = ZoneInfo("America/New_York")
#: between a submission and its announcement there are up to four days with a weekend
MODERATION_DAYS = 4
#: a longer absence is not caught up: nobody reads a mail about a month
MAX_MISSED_DAYS = 7
_DEADLINE = time(14, 0)


def _weekday_before(day: date) -> date:
    day -= timedelta(days=1)
    while day.weekday() > 4:
        day -= timedelta(days=1)
    return day


def submission_window(listing_day: date) -> tuple[datetime, datetime]:
    """When the papers of a weekday's listing were submitted: from one 14:00 Eastern to the next.

    A listing dated Wednesday was announced on Tuesday evening and holds what came between 14:00
    on Monday and 14:00 on Tuesday. (https://info.arxiv.org/help/availability.html)
    """
    end = _weekday_before(listing_day)
    start = _weekday_before(end)
    return (
        datetime.combine(start, _DEADLINE, EASTERN).astimezone(UTC),
        datetime.combine(end, _DEADLINE, EASTERN).astimezone(UTC),
    )


def listing_day(submitted: datetime) -> date:
    """The date of the listing that announces a paper submitted then (holidays not known here)."""
    local = submitted.astimezone(EASTERN)
    day = local.date()
    if local.time() >= _DEADLINE:
        day += timedelta(days=1)
    while day.weekday() > 4:
        day += timedelta(days=1)
    # `day` is now the weekday at whose 14:00 the window closed; the listing carries the next one.
    day += timedelta(days=1)
    while day.weekday() > 4:
        day += timedelta(days=1)
    return day


def missed_days(covered: frozenset[date], feed_day: date, until: date | None) -> tuple[date, ...]:
    """Weekdays that no fetch has covered: gaps since the first known day, and `until` itself."""
    last = min(feed_day, until) if until else feed_day
    first = last - timedelta(days=MAX_MISSED_DAYS)
    known = {d for d in covered if d >= first}
    wanted = {until} if until and until <= feed_day else set()
    if known:
        day = min(known)
        while day <= last:
            wanted.add(day)
            day += timedelta(days=1)
    return tuple(
        sorted(d for d in wanted if d.weekday() < 5 and d not in covered and d != feed_day)
    )
