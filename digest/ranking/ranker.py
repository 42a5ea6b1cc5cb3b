"""How well each of a day's papers fits a reader, and why.

The reader's direction is the centroid of what they liked, minus what every paper has in common:
"similar to what I like and unlike the rest". The common part is the mean of the day, drawn towards
the mean of the background on thin days. A score is the cosine between a paper and the direction,
so it is a sum over liked papers, and over terms, and can be taken apart again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from digest.model import Paper, Profile
from digest.ranking.vectors import Vectors

#: how many papers' worth of say the background mean has beside the day's own mean; without it a
#: day of one paper would be compared with itself
BACKGROUND_WEIGHT = 50.0
#: empty documents that both means are thought to hold: what few papers have in common is chance
PRIOR_WEIGHT = 50.0
#: how hard dislikes push, beside likes that pull with 1
DISLIKE_WEIGHT = 0.5


@dataclass(frozen=True, slots=True)
class Explanation:
    """One score taken apart: sum(by_liked) + common + sum(by_disliked) == score, to rounding."""

    score: float
    #: (n_liked,) part of each liked paper
    by_liked: NDArray[np.float32]
    #: (n_disliked,) part of each disliked paper, at most 0 where they share terms
    by_disliked: NDArray[np.float32]
    #: part of what all papers share; at most 0
    common: float
    #: terms with their part, greatest first; only positive ones
    terms: tuple[tuple[str, float], ...]


class _Day:
    """A day's candidates as vectors, made once and shared by all readers."""

    def __init__(
        self, vectors: Vectors, candidates: Sequence[Paper], background_mean: NDArray[np.float32]
    ) -> None:
        self.candidates = tuple(candidates)
        self.matrix = vectors.transform(candidates)
        total = np.asarray(self.matrix.sum(axis=0), dtype=np.float32).ravel()
        weight = len(candidates) + BACKGROUND_WEIGHT
        common = (total + np.float32(BACKGROUND_WEIGHT) * background_mean) / np.float32(weight)
        self.common = common.astype(np.float32)


class Ranker:
    """A ranker fitted to a background of papers; make one with `fit`."""

    def __init__(self, background: Sequence[Paper]) -> None:
        self._vectors = Vectors(background)
        matrix = self._vectors.transform(background)
        weight = np.float32(matrix.shape[0] + PRIOR_WEIGHT)
        self._mean = np.asarray(matrix.sum(axis=0), dtype=np.float32).ravel() / weight
        self._last_day: _Day | None = None
        self._last_rated: tuple[Profile, sp.csr_matrix, sp.csr_matrix] | None = None

    def _day(self, candidates: Sequence[Paper]) -> _Day:
        if self._last_day is None or self._last_day.candidates != tuple(candidates):
            self._last_day = _Day(self._vectors, candidates, self._mean)
        return self._last_day

    def _rated(self, profile: Profile) -> tuple[sp.csr_matrix, sp.csr_matrix]:
        """Vectors of what one reader liked and disliked; kept for the reader's next pick."""
        if self._last_rated is None or self._last_rated[0] is not profile:
            self._last_rated = (
                profile,
                self._vectors.transform(profile.liked),
                self._vectors.transform(profile.disliked),
            )
        return self._last_rated[1], self._last_rated[2]

    def score(
        self,
        liked: Sequence[Paper],
        candidates: Sequence[Paper],
        disliked: Sequence[Paper] = (),
    ) -> NDArray[np.float32]:
        """Rate every candidate for one reader; higher is closer.

        Returns:
            (n_candidates,) float32 in [-1, 1]; zeros for a reader without a known word.
        """
        profile = Profile(subscriber_id="", liked=tuple(liked), disliked=tuple(disliked))
        row: NDArray[np.float32] = self.score_block([profile], candidates)[0]
        return row

    def score_block(
        self, profiles: Sequence[Profile], candidates: Sequence[Paper]
    ) -> NDArray[np.float32]:
        """Rate every candidate for many readers at once.

        Returns:
            (n_profiles, n_candidates) float32; comparable within a row only.
        """
        day = self._day(candidates)
        directions = self._directions(profiles, day)
        scores: NDArray[np.float32] = np.asarray(day.matrix @ directions.T, dtype=np.float32).T
        return scores

    def _directions(self, profiles: Sequence[Profile], day: _Day) -> NDArray[np.float32]:
        """(n_profiles, n_terms), rows of unit length or zero."""
        papers: dict[Paper, int] = {}
        for profile in profiles:
            for paper in (*profile.liked, *profile.disliked):
                papers.setdefault(paper, len(papers))
        rated = self._vectors.transform(tuple(papers))
        weights = sp.lil_matrix((len(profiles), len(papers)), dtype=np.float32)
        for row, profile in enumerate(profiles):
            for group, sign in ((profile.liked, 1.0), (profile.disliked, -DISLIKE_WEIGHT)):
                for paper in group:
                    weights[row, papers[paper]] += sign / len(group)
        directions = np.asarray((weights.tocsr() @ rated).todense(), dtype=np.float32)
        known = directions.any(axis=1)
        liking = np.array([bool(p.liked) for p in profiles])
        directions[known & liking] -= day.common
        norms = np.linalg.norm(directions, axis=1, keepdims=True)
        unit: NDArray[np.float32] = np.divide(
            directions, norms, out=np.zeros_like(directions), where=norms > 0
        )
        return unit

    def explain(
        self, profile: Profile, candidates: Sequence[Paper], index: int, n_terms: int = 12
    ) -> Explanation:
        """Take apart the score of `candidates[index]`."""
        day = self._day(candidates)
        liked, disliked = self._rated(profile)
        direction = _weighted_mean(liked, 1.0) - _weighted_mean(disliked, DISLIKE_WEIGHT)
        if profile.liked and direction.any():
            direction = direction - day.common
        norm = float(np.linalg.norm(direction)) or 1.0
        row = day.matrix[[index]]
        paper = np.asarray(row.todense(), dtype=np.float32).ravel()
        by_liked = np.asarray((liked @ row.T).todense(), dtype=np.float32).ravel()
        by_disliked = np.asarray((disliked @ row.T).todense(), dtype=np.float32).ravel()
        common = float(day.common @ paper) if profile.liked and direction.any() else 0.0
        parts = direction[row.indices] * row.data / np.float32(norm)
        order = np.argsort(-parts, kind="stable")[:n_terms]
        names = self._vectors.terms
        return Explanation(
            score=float(direction @ paper) / norm,
            by_liked=by_liked / np.float32(max(1, len(profile.liked)) * norm),
            by_disliked=-DISLIKE_WEIGHT
            * by_disliked
            / np.float32(max(1, len(profile.disliked)) * norm),
            common=-common / norm,
            terms=tuple(
                (str(names[row.indices[i]]), float(parts[i])) for i in order if parts[i] > 0
            ),
        )

    def shared_terms(self, first: Paper, second: Paper, n: int = 4) -> tuple[str, ...]:
        """The terms that make two papers similar, weightiest first, none inside another."""
        pair = self._vectors.transform([first, second])
        product = pair[[0]].multiply(pair[[1]]).tocsr()
        order = np.argsort(-product.data, kind="stable")
        names = self._vectors.terms
        return without_parts([str(names[product.indices[i]]) for i in order], n)

    def profile_terms(self, profile: Profile, n: int = 15) -> tuple[tuple[str, float], ...]:
        """The terms a reader's likes have more of than other papers, with their weight."""
        liked, disliked = self._rated(profile)
        direction = (
            _weighted_mean(liked, 1.0) - _weighted_mean(disliked, DISLIKE_WEIGHT) - self._mean
        )
        order = np.argsort(-direction, kind="stable")[: 4 * n]
        names = self._vectors.terms
        weights = {str(names[i]): float(direction[i]) for i in order if direction[i] > 0}
        return tuple((t, weights[t]) for t in without_parts(list(weights), n))


def _weighted_mean(matrix: sp.csr_matrix, weight: float) -> NDArray[np.float32]:
    n = matrix.shape[0]
    total = np.asarray(matrix.sum(axis=0), dtype=np.float32).ravel()
    return total * np.float32(weight / n) if n else total


def without_parts(terms: Sequence[str], n: int) -> tuple[str, ...]:
    """The first `n` terms, leaving out words that a pair among the next few already says.

    >>> without_parts(["graph", "graph neural", "neural", "protein"], 2)
    ('graph neural', 'protein')
    """
    pairs = [t for t in terms[: 3 * n] if " " in t]
    chosen: list[str] = []
    for term in terms:
        if " " not in term and any(term in p.split() for p in pairs):
            continue
        if any(set(term.split()) & set(c.split()) for c in chosen if " " in c and " " in term):
            continue
        chosen.append(term)
        if len(chosen) == n:
            break
    return tuple(chosen)


def fit(background: Sequence[Paper]) -> Ranker:
    """A ranker whose word statistics come from these papers; nobody needs to have rated them."""
    return Ranker(background)
