"""Which candidates get the places: the bar, keywords that stand in them, proportion, variety."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from digest.model import Paper
from digest.preferences import Preferences
from digest.ranking.reading import Reading

Floats = NDArray[np.float32]

#: candidates looked at when places are given out
CHOICE = 100


def scores_of(reading: Reading) -> Floats:
    """(n_candidates,) about cosines."""
    return np.asarray(reading.scores / reading.length, dtype=np.float32)


def percentiles(scores: NDArray[np.float32]) -> NDArray[np.float64]:
    """(n,) share of the others that score lower, in [0, 1]; equal scores share the lower rank."""
    if len(scores) < 2:
        return np.ones(len(scores))
    return np.searchsorted(np.sort(scores), scores, side="left") / (len(scores) - 1)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a paper stands among candidates."""

    score: float
    n_closer: int
    n_candidates: int


def place_in(papers: Sequence[Paper], scores: Floats, paper_id: str) -> Place | None:
    """Where a paper stands, or None if it is no candidate.

    Args:
        scores: (n_papers,).
    """
    at = next((n for n, p in enumerate(papers) if p.id == paper_id), None)
    if at is None:
        return None
    return Place(float(scores[at]), int((scores > scores[at]).sum()), len(scores))


def _without_twins(order: Sequence[int], reading: Reading) -> list[int]:
    """The first of each piece of news, in order."""
    some = list(order[:CHOICE])
    if not some:
        return []
    same = reading.day.twins(reading.places(some))
    kept: list[int] = []
    for n in range(len(some)):
        if not same[n, kept].any():
            kept.append(n)
    return [some[n] for n in kept] + list(order[CHOICE:])


def proportional(
    parts: Floats,
    alike: Floats,
    twins: NDArray[np.bool_],
    n: int,
    variety: float,
    taken: Sequence[int] = (),
) -> list[int]:
    """Choose `n` candidates so that every interest gets its share and no two are alike.

    Every liked paper is an aspect of the reader, with its weight as votes. At each place the
    votes are divided by the places an aspect has already (Sainte-Laguë), so a field that has had
    its share waits; the candidate with the most votes is chosen, less what it repeats (maximal
    marginal relevance: Carbonell, Goldstein 1998; proportionality: Dang, Croft 2012).

    Args:
        parts: (n_aspects, n_candidates) what each like says for each candidate, at least 0.
        alike: (n_candidates, n_candidates) cosines.
        twins: (n_candidates, n_candidates) whether two are one piece of news.
        variety: weight of unlikeness beside closeness, in [0, 1].
        taken: candidates that the reader gets anyway.
    """
    n_aspects, n_candidates = parts.shape
    seats = np.zeros(n_aspects, dtype=np.float64)
    free = np.ones(n_candidates, dtype=bool)
    nearest = np.zeros(n_candidates, dtype=np.float64)
    parts = parts.astype(np.float64)
    claims = parts / np.maximum(parts.max(axis=0, keepdims=True), 1e-12)

    def seat(i: int) -> None:
        free[i] = False
        free[twins[i]] = False
        np.maximum(nearest, alike[i], out=nearest)
        # Every like that speaks for the candidate has been served, by how loud it speaks: so the
        # likes of one field fill up together.
        seats[:] += claims[:, i]

    for i in taken:
        seat(i)
    chosen: list[int] = []
    top = float((parts.sum(axis=0)).max()) if n_candidates else 0.0
    while len(chosen) < n and free.any() and top > 0:
        gain = (1 / (2 * seats + 1)) @ parts
        best = float(gain[free].max())
        if best <= 0:
            break
        worth = (1 - variety) * gain / best - variety * nearest
        worth[~free | (gain <= 0)] = -np.inf
        i = int(np.argmax(worth))
        if not np.isfinite(worth[i]):
            break
        chosen.append(i)
        seat(i)
    return chosen


def bar_of(preferences: Preferences, reading: Reading) -> float | None:
    """The least score of "For you": the reader's own, or the one that they set if it is higher.

    None: there is none, and places that are left are filled.
    """
    if preferences.fill or reading.is_mute:
        return preferences.min_score or None
    return max(preferences.min_score, reading.calibration.stretch)


def literal_hits(
    keywords: Sequence[str], reading: Reading, order: Sequence[int], *, twins: bool = False
) -> list[int]:
    """Candidates in which a keyword stands: those with one in the title first, then in order.

    Args:
        twins: whether both papers of one piece of news are wanted.
    """
    if not keywords:
        return []
    found = [reading.day.literal.holding(k.strip()) for k in keywords]
    everywhere = frozenset[int]().union(*(hits for hits, _ in found))
    titles = frozenset[int]().union(*(in_title for _, in_title in found))
    hits = [i for i in order if reading.place(i) in everywhere]
    hits.sort(key=lambda i: reading.place(i) not in titles)
    return hits if twins else _without_twins(hits, reading)


def best(
    reading: Reading,
    scores: Floats,
    order: Sequence[int],
    taken: Collection[int],
    places: int,
    *,
    bar: float | None,
    variety: float,
) -> list[int]:
    """The reader's papers above the bar, each interest in proportion, best score first."""
    in_order = np.asarray(order, dtype=np.int64)
    free = np.zeros(len(scores), dtype=bool)
    free[in_order] = True
    free[list(taken)] = False
    if bar is not None:
        free &= scores >= bar
    above: list[int] = in_order[free[in_order]].tolist()
    parts, common = reading.parts()
    surplus = np.maximum(parts - common / max(1, len(parts)), 0)
    # Enough to choose from: the best by score, and the best of each like.
    nearest = np.argsort(-surplus.max(axis=0), kind="stable")[:CHOICE].tolist()
    field = list(dict.fromkeys([*above[:CHOICE], *(i for i in nearest if free[i])]))
    everything = [*field, *taken]
    at = reading.places(everything)
    same = reading.day.twins(at)
    chosen = proportional(
        surplus[:, everything],
        reading.day.alike(at),
        same,
        places,
        variety,
        taken=range(len(field), len(everything)),
    )
    picked = [everything[i] for i in chosen]
    if bar is None and len(picked) < places:  # the mail is filled
        told = [*chosen, *range(len(field), len(everything))]
        repeats = {everything[i] for i in np.flatnonzero(same[told].any(axis=0))}
        rest = [i for i in above if i not in picked and i not in repeats]
        picked += _without_twins(rest, reading)[: places - len(picked)]
    return sorted(picked, key=lambda i: -float(scores[i]))
