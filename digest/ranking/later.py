"""Papers that a reader kept for later: they come back once a week, until they are rated."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from digest.model import Kept, Pick, Reason, ReasonKind, Section

#: times that a paper comes back
MOST_TIMES = 3
#: papers that come back in one mail
MOST_AT_ONCE = 5


def come_back(kept: Sequence[Kept], day: date, weekday: int, n_before: int) -> tuple[Pick, ...]:
    """What is due on a day, the earliest kept first.

    Where no mail went out on the weekday, the next one brings it.

    Args:
        weekday: 0 is Monday.
        n_before: picks that stand before these.
    """
    latest = day - timedelta(days=(day.weekday() - weekday) % 7)
    due = [k for k in kept if k.n_shown < MOST_TIMES and (k.shown_on or k.added_on) < latest]
    return tuple(
        Pick(
            paper=k.paper,
            score=0.0,
            percentile=0.0,
            rank=n_before + n,
            section=Section.LATER,
            reasons=(Reason(kind=ReasonKind.KEPT, evidence=(k.added_on.isoformat(),)),),
        )
        for n, k in enumerate(due[:MOST_AT_ONCE], 1)
    )
