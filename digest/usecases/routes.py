"""Pauses of a mail server in trouble: one back-off for `run --wait`, worker and cluster.

A route that failed rests for growing whiles, since a wrong password tried every minute locks an
account. The pause is kept in the store, so that whoever sends next, in whatever process, knows it.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from digest.store import Store

#: the first pause, and the longest
FIRST_PAUSE, LONGEST_PAUSE = timedelta(minutes=1), timedelta(minutes=30)
_PREFIX = "rest:"


def pause_until(store: Store, route: str, now: datetime) -> datetime | None:
    """Until when a route rests; None if it does not."""
    found = store.facts.get(_PREFIX + route)
    if not found:
        return None
    until = datetime.fromisoformat(json.loads(found)["until"])
    # a clock that was ahead must not silence the route until then
    return until if now < until <= now + LONGEST_PAUSE else None


def note_result(store: Store, route: str, fault: str, n_settled: int, now: datetime) -> None:
    """After sending: begin or lengthen the pause of a route that failed; end that of one that sent.

    Args:
        fault: why the route was given up, if it was.
        n_settled: mails that the server answered.
    """
    found = store.facts.get(_PREFIX + route)
    if fault:
        n_faults = json.loads(found)["n"] if found else 0
        until = now + min(FIRST_PAUSE * 2**n_faults, LONGEST_PAUSE)
        note = {"until": until.isoformat(), "n": min(n_faults + 1, 10), "fault": fault}
        store.facts.set(_PREFIX + route, json.dumps(note))
    elif n_settled and found:
        store.facts.delete(_PREFIX + route)


def resting_routes(store: Store, now: datetime) -> dict[str, str]:
    """Routes that rest now, each with its fault."""
    found = {}
    for key, value in store.facts.list(_PREFIX).items():
        route = key.removeprefix(_PREFIX)
        if value and pause_until(store, route, now) is not None:
            found[route] = str(json.loads(value)["fault"])
    return found
