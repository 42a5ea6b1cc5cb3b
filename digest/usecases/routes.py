"""Pauses of a mail server in trouble: one back-off for `run --wait`, worker and cluster.

A route that failed rests for growing whiles, since a wrong password tried every minute locks an
account. The pause is kept in the store, so that whoever sends next, in whatever process, knows it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from digest.model import RouteShare
from digest.ports import Route

if TYPE_CHECKING:
    from digest.store import Store
    from digest.usecases.journal import SendReport
    from digest.usecases.retry import RetryPolicy

#: the first pause, and the longest
FIRST_PAUSE, LONGEST_PAUSE = timedelta(minutes=1), timedelta(minutes=30)
#: a limit of the day is over so long after midnight; if it is not, it is asked again so much later
AFTER_MIDNIGHT, QUOTA_AGAIN = timedelta(minutes=10), timedelta(hours=1)
LONGEST_QUOTA = timedelta(hours=26)
#: a route that warms up may take so many times yesterday's mails
WARMING = 1.5
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


# --- several routes ----------------------------------------------------------------------------


def day_limit(store: Store, route: Route, today: date) -> int:
    """Most mails that a route may take on a day; 0: no limit.

    While it warms up, half as many more on each day that it is used.
    """
    limits = [route.per_day] if route.per_day else []
    if route.warm_up:
        n_days = min(store.traffic.n_days(route.name, today), 60)
        limits.append(math.ceil(route.warm_up * WARMING**n_days))
    return min(limits, default=0)


def awake_routes(
    store: Store, routes: Sequence[Route], now: datetime, shut: Collection[str] = ()
) -> tuple[Route, ...]:
    """Routes that do not rest."""
    return tuple(
        r for r in routes if r.name not in shut and pause_until(store, r.name, now) is None
    )


def resting_until(store: Store, routes: Sequence[Route], now: datetime) -> datetime | None:
    """When the first of the routes wakes up; None if one of them is awake."""
    pauses = [pause_until(store, r.name, now) for r in routes]
    if not pauses or None in pauses:
        return None
    return min(p for p in pauses if p is not None)


def shares(usable: Sequence[Route], routes: Sequence[Route]) -> dict[str, RouteShare | None]:
    """Which mails each of the usable routes takes, by name; None: all of them.

    Those of the lowest priority share readers by weight, so that a reader's mail keeps to one
    server while nothing changes. What has a route of its own waits for it.

    Args:
        routes: all that are configured.
    """
    if len(routes) == 1:
        return {r.name: None for r in usable}
    names = tuple(r.name for r in routes)
    others = tuple(sorted({recipient for r in routes for recipient in r.recipients}))
    found: dict[str, RouteShare | None] = {}
    taken: set[str] = set()
    for route in sorted((r for r in usable if r.recipients), key=lambda r: r.priority):
        own = tuple(r for r in route.recipients if r not in taken)
        taken |= set(own)
        if own:
            found[route.name] = RouteShare(route=route.name, routes=names, recipients=own)
    general = [r for r in usable if not r.recipients]
    group = [r for r in general if r.priority == min(g.priority for g in general)]
    total, low = sum(r.weight for r in group), 0
    for n, route in enumerate(group):
        high = low + route.weight
        found[route.name] = RouteShare(
            route=route.name,
            routes=names,
            # subscriber ids are hexadecimal and drawn by lot
            first_id=f"{low * 2**32 // total:08x}" if n else "",
            last_id=f"{high * 2**32 // total:08x}" if n + 1 < len(group) else "~",
            others=others,
        )
        low = high
    return found
