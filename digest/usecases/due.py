"""Who is due: whose edition should be made now, and when to look at the others again."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from digest import schedule
from digest.model import EditionStatus, Subscriber, SubscriberState
from digest.ranking.listings import LONGEST_ABSENCE

if TYPE_CHECKING:
    from digest.store import Store
    from digest.store.subscribers import SubscriberList

#: time zones differ by a day and two hours at most, and clocks are seldom set back by more
WENT_BACK = timedelta(days=2)
#: readers who are looked at together
LOOKED_AT = 1_000
#: of a day, until which readers are spread
LAST_MINUTE = timedelta(hours=23, minutes=59)


def went_back(status: EditionStatus, subscriber: Subscriber, now: datetime) -> bool:
    """Whether today lies shortly before a date that had its edition: then it has none of its own.

    One far ahead was made by a clock that was wrong, and must not silence the days until then.
    """
    today, latest = schedule.edition_date(subscriber, now), status.latest
    return latest is not None and timedelta(0) < latest - today <= WENT_BACK


def offset(subscriber: Subscriber, spread: timedelta) -> timedelta:
    """How long after their hour a reader's edition is made: always the same of the same reader, so
    that mails of one hour do not all leave at once; and on the same day."""
    drawn = hashlib.sha256(subscriber.id.encode()).digest()
    hour = subscriber.preferences.time
    left = LAST_MINUTE - timedelta(hours=hour.hour, minutes=hour.minute)
    return min(spread, max(left, timedelta(0))) * (int.from_bytes(drawn[:4], "big") / 2**32)


def _has_come(subscriber: Subscriber, now: datetime, spread: timedelta) -> bool:
    """Whether the reader's minute of today has come."""
    before = now - offset(subscriber, spread)
    if schedule.edition_date(subscriber, before) != schedule.edition_date(subscriber, now):
        return False  # shortly after midnight: what was due yesterday is not due today
    return schedule.is_due(subscriber, before)


def is_due(
    subscriber: Subscriber,
    status: EditionStatus,
    now: datetime,
    spread: timedelta = timedelta(0),
) -> bool:
    """Whether a worker should make this reader's edition now: the hour has come, and neither an
    edition nor a final "nothing today" stands in the store.

    Args:
        status: of the reader's date of today.
        spread: over which readers of one hour are spread.
    """
    if subscriber.state is not SubscriberState.ACTIVE or not _has_come(subscriber, now, spread):
        return False
    if status.delivery is not None or went_back(status, subscriber, now):
        return False
    return not status.empty or (status.again_at is not None and status.again_at <= now)


def due_subscribers(
    store: Store, now: datetime, limit: int, spread: timedelta = timedelta(0)
) -> SubscriberList:
    """Readers whose edition should be made now. The others that were looked at are put off until
    that may change."""
    while True:
        looked_at = store.subscribers.due(now, limit)
        due: list[str] = []
        for start in range(0, len(looked_at), LOOKED_AT):
            block = looked_at[start : start + LOOKED_AT]
            statuses = store.history.edition_statuses(
                {s.id: schedule.edition_date(s, now) for s in block}
            )
            ready = {s.id for s in block if is_due(s, statuses[s.id], now, spread)}
            others = [s for s in block if s.id not in ready]
            store.subscribers.reschedule(
                {s.id: next_look(s, statuses[s.id], now, spread) for s in others}, now
            )
            due += [s.id for s in block if s.id in ready]
        if len(looked_at) < limit or len(due) == limit:
            return looked_at.of(due)


def next_look(
    subscriber: Subscriber,
    status: EditionStatus,
    now: datetime,
    spread: timedelta = timedelta(0),
) -> datetime:
    """When to see again whether somebody is due who is not now."""
    later = offset(subscriber, spread)
    following = schedule.next_look(subscriber, now - later)
    following = following + later if following else now + LONGEST_ABSENCE
    again_at = status.again_at
    if status.delivery is None and again_at is not None and again_at > now:
        return min(again_at, following)
    return following
