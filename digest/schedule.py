"""When an edition is due: pure functions of a subscriber and an instant.

Wall time is compared with wall time, so a missing hour in spring is passed (02:30 is due at
03:00) and a doubled one in autumn finds its date already taken.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from digest.fields import WEEKDAYS
from digest.model import Subscriber


def local_now(subscriber: Subscriber, now: datetime) -> datetime:
    return now.astimezone(ZoneInfo(subscriber.preferences.timezone))


def edition_date(subscriber: Subscriber, now: datetime) -> date:
    """The date that an edition made now would carry, in the reader's zone."""
    return local_now(subscriber, now).date()


def is_sending_day(subscriber: Subscriber, day: date) -> bool:
    return day.weekday() in subscriber.preferences.weekdays


def is_due(subscriber: Subscriber, now: datetime) -> bool:
    """Whether today's edition should be on its way: a sending day, and its hour has come."""
    local = local_now(subscriber, now)
    return is_sending_day(subscriber, local.date()) and local.time() >= subscriber.preferences.time


def may_wait(subscriber: Subscriber, again_at: datetime) -> bool:
    """Whether a late listing is still looked for at that instant, for the edition of its day."""
    local = local_now(subscriber, again_at)
    until = subscriber.preferences.wait_until
    if until is None or until <= subscriber.preferences.time:
        return True
    return local.time() <= until


def describe_weekdays(weekdays: tuple[int, ...]) -> str:
    """The days as a person writes them.

    >>> describe_weekdays((0, 1, 2, 3, 4))
    'Mon to Fri'
    """
    names = [d.capitalize() for d in WEEKDAYS]
    days = sorted(set(weekdays))
    if len(days) == 7:
        return "every day"
    if len(days) > 2 and days[-1] - days[0] == len(days) - 1:
        return f"{names[days[0]]} to {names[days[-1]]}"
    return ", ".join(names[d] for d in days)


def next_due(subscriber: Subscriber, now: datetime) -> datetime | None:
    """The next instant after `now` at which an edition falls due, in the reader's zone."""
    zone = ZoneInfo(subscriber.preferences.timezone)
    local = now.astimezone(zone)
    for ahead in range(9):
        day = local.date() + timedelta(days=ahead)
        when = datetime.combine(day, subscriber.preferences.time, tzinfo=zone)
        if is_sending_day(subscriber, day) and when > local:
            return when
    return None


#: how often an hour that the clock skips is looked for
NEAR_A_GAP = timedelta(minutes=10)


def next_look(subscriber: Subscriber, now: datetime) -> datetime | None:
    """When to see again whether an edition is due: at `next_due`, and before it if its hour does
    not exist on that day, since it is due as soon as the clock has skipped it."""
    due = next_due(subscriber, now)
    if due is None:
        return None
    after = due.replace(fold=1)
    skipped = (after.utcoffset() or timedelta(0)) - (due.utcoffset() or timedelta(0))
    instant = due.astimezone(UTC)
    if skipped <= timedelta(0):
        return instant
    return min(instant, max(instant - skipped, now + NEAR_A_GAP))
