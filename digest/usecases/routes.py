"""Pauses of a mail server in trouble: one back-off for `run --wait`, worker and cluster.

A route that failed rests for growing whiles, since a wrong password tried every minute locks an
account. The pause is kept in the store, so that whoever sends next, in whatever process, knows it.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from digest.store import Store
    from digest.usecases.journal import SendReport
    from digest.usecases.retry import RetryPolicy

#: the first pause, and the longest
FIRST_PAUSE, LONGEST_PAUSE = timedelta(minutes=1), timedelta(minutes=30)
#: a limit of the day is over so long after midnight; if it is not, it is asked again so much later
AFTER_MIDNIGHT, QUOTA_AGAIN = timedelta(minutes=10), timedelta(hours=1)
LONGEST_QUOTA = timedelta(hours=26)
_PREFIX = "rest:"


def pause_until(store: Store, route: str, now: datetime) -> datetime | None:
    """Until when a route rests; None if it does not."""
    found = store.facts.get(_PREFIX + route)
    if not found:
        return None
    until = datetime.fromisoformat(json.loads(found)["until"])
    # a clock that was ahead must not silence the route until then
    return until if now < until <= now + LONGEST_QUOTA else None


def quota_until(store: Store, route: str, now: datetime) -> datetime | None:
    """Until when a route rests because our limit of the day is reached; None if it does not."""
    found = store.facts.get(_PREFIX + route)
    if not found or not json.loads(found).get("quota"):
        return None
    return pause_until(store, route, now)


def note_result(
    store: Store, route: str, sent: SendReport, now: datetime, policy: RetryPolicy
) -> None:
    """After sending: begin or lengthen the pause of a route that failed; end that of one that sent.

    A limit of the day is over when the next day has begun where the operator is. Providers count in
    days of their own, so if it still holds then, it is asked every hour.
    """
    key = _PREFIX + route
    found = store.facts.get(key)
    last = json.loads(found) if found else {}
    if not sent.route_fault:
        if sent.settled and found:
            store.facts.delete(key)
        return
    n_faults = last.get("n", 0)
    until = now + min(FIRST_PAUSE * 2**n_faults, LONGEST_PAUSE)
    if sent.until_tomorrow:
        until = _tomorrow(now, ZoneInfo(policy.zone))
        if last.get("quota") and now - datetime.fromisoformat(last["until"]) < 6 * QUOTA_AGAIN:
            until = min(until, now + QUOTA_AGAIN)
    note = {
        "until": until.isoformat(),
        "n": min(n_faults + 1, 10),
        "fault": sent.route_fault,
        "quota": sent.until_tomorrow,
    }
    store.facts.set(key, json.dumps(note))


def _tomorrow(now: datetime, zone: ZoneInfo) -> datetime:
    day = now.astimezone(zone).date() + timedelta(days=1)
    return (datetime.combine(day, time(), zone) + AFTER_MIDNIGHT).astimezone(UTC)


def resting_routes(store: Store, now: datetime, zone: str) -> dict[str, str]:
    """Routes that rest now, each with what holds the mail up and when it goes on."""
    found = {}
    for key, value in store.facts.list(_PREFIX).items():
        route = key.removeprefix(_PREFIX)
        until = pause_until(store, route, now)
        if not value or until is None:
            continue
        fault = str(json.loads(value)["fault"])
        local, today = until.astimezone(ZoneInfo(zone)), now.astimezone(ZoneInfo(zone)).date()
        day = "" if local.date() == today else "tomorrow "
        n_waiting = store.deliveries.n_waiting()
        going = "mails go" if n_waiting != 1 else "mail goes"
        found[route] = f"{fault} {n_waiting:,} {going} out {day}from {local:%H:%M}."
    return found
