"""Evaluating: where a reader's own likes land when some of them are hidden."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from digest.model import Subscriber
from digest.ports import Progress, silent
from digest.ranking.metrics import Evaluation, evaluate
from digest.ranking.reader import DayRanking
from digest.ranking.selection import chance
from digest.usecases.compose import BACKGROUND_PAPERS

if TYPE_CHECKING:
    from digest.store import Store

#: stored papers that hidden likes are ranked among
MAX_LISTED = 2_000


def evaluate_readers(
    store: Store,
    ranking: DayRanking,
    subscribers: Sequence[Subscriber],
    progress: Progress = silent,
) -> tuple[Evaluation, ...]:
    """One evaluation a reader, with the profile and the ranker that editions are made with."""
    today = ranking.now.date()
    background = store.papers.background(BACKGROUND_PAPERS, ranking.now)
    listed = store.archive.latest(MAX_LISTED)
    found = []
    for subscriber in subscribers:
        state = store.ratings.reader_state(subscriber.id, today)
        profile = ranking.profile(subscriber, state)
        rated = profile.rated_ids
        verdict = evaluate(
            subscriber.email,
            profile,
            tuple(p for p in listed if p.id not in rated),
            ranking.fit(tuple(p for p in background if p.id not in rated)),
            chance(subscriber, today),
            liked_at=state.liked_at,
            disliked_at=state.disliked_at,
        )
        found.append(replace(verdict, coverage=ranking.coverage(profile)))
        progress(f"{subscriber.email}: done")
    return tuple(found)
