"""One reader beside a day's papers: the score of each, what it is made of, how long it is.

Everything asked of one reader is computed once here, since ten picks ask ten times.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from digest.model import Paper, Profile, is_keyword
from digest.ranking.calibration import KEYWORDS_ALONE, MOST_LEFT_OUT, WEIGHTIEST, Calibration
from digest.ranking.day import MEANING_AXES, Day, Floats

#: likes that a reader's direction is measured on, and its least square length
MAX_LIKES_MEASURED, SHORTEST = 300, 1e-3
#: how hard dislikes push, beside likes that pull with 1
DISLIKE_WEIGHT = 0.5


@dataclass(frozen=True, slots=True)
class Explanation:
    """One score taken apart, twice over, to rounding:

    sum(by_liked) + sum(by_disliked) + common == score
    sum of all terms' parts + offset == score
    """

    score: float
    #: (n_liked,) part of each liked paper, and where they stand, the greatest first
    by_liked: Floats
    nearest: NDArray[np.int64]
    #: (n_disliked,) part of each disliked paper
    by_disliked: Floats
    #: part of what all papers share
    common: float
    #: (n_terms_of_paper,) columns of the candidate's terms, and the part of each
    columns: NDArray[np.int32]
    by_term: Floats
    #: (n_shared,) columns of those that speak for it, stand in a like and say something, the
    #: greatest part first
    shared: NDArray[np.int32]
    #: what no term carries: the origins of both spaces, what the day's papers differ in anyway, and
    #: a language model's part
    offset: float


def like_weights(profile: Profile) -> Floats:
    """(n_liked,) weights of the likes, adding up to 1."""
    return _shares(profile.weights or (1.0,) * len(profile.liked))


def dislike_weights(profile: Profile) -> Floats:
    """(n_disliked,) weights of the dislikes, adding up to -DISLIKE_WEIGHT."""
    shares = _shares(profile.dislike_weights or (1.0,) * len(profile.disliked))
    return -np.float32(DISLIKE_WEIGHT) * shares


def _shares(weights: Sequence[float]) -> Floats:
    found = np.array(weights, dtype=np.float64)
    total = found.sum()
    return (found / total if total > 0 else found).astype(np.float32)


def _slices(owners: NDArray[np.int64], n: int) -> list[slice]:
    """Where each of n candidates' values stand among values in order of whose they are."""
    return [slice(a, b) for a, b in pairwise(np.searchsorted(owners, range(n + 1)).tolist())]


class Reading:
    """What a profile makes of some of a day's candidates.

    Args:
        positions: of the candidates in the day; None: all of it.
        scores: (n_candidates,) if they are known from a block.
    """

    def __init__(
        self,
        day: Day,
        profile: Profile,
        positions: NDArray[np.int64] | None = None,
        scores: Floats | None = None,
    ) -> None:
        self.day, self.profile, self.positions = day, profile, positions
        #: of the profile
        self.keywords = tuple(p.title for p in profile.liked if is_keyword(p))
        #: the profile holds no liked paper
        self.keywords_alone = len(self.keywords) == len(profile.liked)
        #: no text of any like is known, so that no score says anything
        self.is_mute = not any(p.title or p.abstract for p in profile.liked)
        self._liked = day.rated.rows(profile.liked)
        self._disliked = day.rated.rows(profile.disliked)
        self._shares = like_weights(profile)
        self._pushes = dislike_weights(profile)
        #: how much likes outweigh dislikes
        self._total = np.float32(self._shares.sum() + self._pushes.sum())
        if scores is not None:
            self.scores = scores

    def among(self, positions: NDArray[np.int64]) -> Reading:
        """The same reader, read beside the whole day, beside some of it: what is known of them
        does not rest on the candidates, but for the scores."""
        found = copy(self)
        found.positions, found.scores = positions, self.scores[positions]
        return found

    @property
    def candidates(self) -> Sequence[Paper]:
        papers = self.day.candidates
        return papers if self.positions is None else [papers[i] for i in self.positions]

    def __len__(self) -> int:
        return len(self.day.candidates if self.positions is None else self.positions)

    def place(self, index: int) -> int:
        """Where in the day a candidate stands."""
        return index if self.positions is None else int(self.positions[index])

    def places(self, indices: Sequence[int]) -> NDArray[np.int64]:
        """(n,) the same of several."""
        found = np.array(indices, dtype=np.int64)
        return found if self.positions is None else self.positions[found]

    @property
    def upvotes(self) -> NDArray[np.int64]:
        """(n_candidates,)."""
        found = self.day.upvotes
        return found if self.positions is None else found[self.positions]

    def _of_candidates(self, values: Floats) -> Floats:
        return values if self.positions is None else values[..., self.positions]

    # --- scores --------------------------------------------------------------------------------

    @cached_property
    def scores(self) -> Floats:
        """(n_candidates,) float32."""
        similarity = self.day.rated.similarity
        found = np.zeros(len(self), dtype=np.float32)
        if len(self._liked):
            found += self._shares @ self._of_candidates(similarity[self._liked])
            found -= self._of_candidates(self.day.common)
        if len(self._disliked):
            found += self._pushes @ self._of_candidates(similarity[self._disliked])
        return found

    def parts(self) -> tuple[Floats, Floats]:
        """What each liked paper adds to each candidate's score, and what all papers share.

        Returns:
            (n_liked, n_candidates), columns add up to the score with the second,
            (n_candidates,), subtracted, dislikes apart.
        """
        similarity = self._of_candidates(self.day.rated.similarity[self._liked])
        return similarity * self._shares[:, None], self._of_candidates(self.day.common)

    # --- the reader's direction ----------------------------------------------------------------

    @cached_property
    def _pull(self) -> Floats:
        """(n_terms,) the likes' part of the direction in the space of words."""
        if not len(self._liked):
            return np.zeros(self.day.vectors.n_terms, dtype=np.float32)
        found: Floats = self.day.rated.vectors_of(self._liked).T @ self._shares
        return found

    @cached_property
    def _direction(self) -> Floats:
        """(n_terms,) likes and dislikes; what all papers share is still in it."""
        if not len(self._disliked):
            return self._pull
        direction: Floats = self._pull + self.day.rated.vectors_of(self._disliked).T @ self._pushes
        return direction

    @cached_property
    def _along(self) -> Floats:
        """(n_axes, 2) what the direction gets along each axis: for words, what is damped of it; and
        along those of meaning, before the length of a candidate's own meaning."""
        day, latent = self.day, self.day.latent
        rows = np.concatenate([self._liked, self._disliked])
        weights = np.concatenate([self._shares, self._pushes])
        coordinates = day.rated.coordinates_of(rows)
        along = weights @ coordinates
        if len(self._liked):
            along = along - day.common_along
        meanings = day.meanings_of(coordinates, day.rated.are_empty(rows))
        scale = latent.meaning * latent.scale[:MEANING_AXES]
        found = np.zeros((latent.n_axes, 2), dtype=np.float32)
        found[:, 0] = latent.damping * along
        found[: len(scale), 1] = (weights @ meanings) * scale
        return found

    @cached_property
    def length(self) -> float:
        """The lengths of the reader's two directions together: a score divided by it is a cosine,
        at most about 1, and comparable between readers. Dislikes are left out."""
        if not len(self._liked):
            return 1.0
        day, latent = self.day, self.day.latent
        # The latest likes stand for the others: the length settles long before the 300th.
        rows, shares = self._liked[-MAX_LIKES_MEASURED:], self._shares[-MAX_LIKES_MEASURED:]
        centre = self._pull
        if len(rows) < len(self._liked):
            shares = shares / shares.sum()
            centre = day.rated.vectors_of(rows).T @ shares
        words = float(centre @ centre)
        square = words + day.common_square - 2 * float(centre @ day.common_vector)
        if latent.n_axes:
            shift = shares @ day.rated.coordinates_of(rows) - day.common_along
            square -= float((latent.damping * shift) @ shift)
        dense = shares @ day.rated.dense_of(rows)
        meaning = dense[:MEANING_AXES]
        square += float(meaning @ meaning)
        square += words + day.ridge.mean_square - 2 * float(centre @ day.ridge.mean)
        square += float(dense @ dense)
        in_the_day = shares @ day.rated.in_the_day_of(rows)
        square -= float((day.ridge.shrinkage * in_the_day) @ in_the_day)
        return float(max(2 * square, SHORTEST) ** 0.5)

    # --- what scores mean ----------------------------------------------------------------------

    @cached_property
    def calibration(self) -> Calibration:
        """From which scores, divided by `length`, papers are close for this reader."""
        if self.keywords_alone:
            return KEYWORDS_ALONE
        return Calibration.of(self._own_scores())

    def _own_scores(self) -> Floats:
        """(n,) scores of some of the weightiest likes, each beside the others and the dislikes."""
        some = np.argsort(-self._shares, kind="stable")[:WEIGHTIEST]
        if len(some) > MOST_LEFT_OUT:
            some = some[np.linspace(0, len(some) - 1, MOST_LEFT_OUT).astype(np.int64)]
        n = len(some)
        if n < 2:
            return np.zeros(0, dtype=np.float32)
        pushing = self._disliked[:MOST_LEFT_OUT]
        between = self.day.between(np.concatenate([self._liked[some], pushing]))
        shares = self._shares[some] / (self._shares[some].sum() or 1)
        left = np.maximum(1 - shares, SHORTEST)
        likes, directions = between.similarity[:n, :n], between.directions[:n, :n]
        found = (shares @ likes - shares * likes.diagonal()) / left - between.common[:n]
        if len(pushing):
            found += self._pushes[: len(pushing)] @ between.similarity[n:, :n]
        along = shares @ directions
        square = max(float(along @ shares), SHORTEST)
        others = (square - 2 * shares * along + shares**2 * directions.diagonal()) / left**2
        lengths = self.length * np.sqrt(np.maximum(others, SHORTEST) / square)
        papers = [self.profile.liked[i] for i in some]
        told = [not is_keyword(p) and bool(p.title or p.abstract) for p in papers]
        return np.asarray(found / lengths, dtype=np.float32)[told]

    # --- explanations --------------------------------------------------------------------------

    def explain(self, indices: Sequence[int]) -> list[Explanation]:
        """Take apart the scores of some candidates."""
        day = self.day
        at = self.places(indices)
        similarity = day.rated.similarity
        by_liked = similarity[self._liked, at[:, None]] * self._shares
        by_disliked = similarity[self._disliked, at[:, None]] * self._pushes
        common = -day.common[at] if len(self._liked) else np.zeros(len(at), dtype=np.float32)
        scores = by_liked.sum(axis=1) + by_disliked.sum(axis=1) + common
        nearest = np.argsort(-by_liked, axis=1, kind="stable")
        columns, owners, by_term = self._by_term(at)
        telling = (by_term > 0) & (self._pull[columns] > 0) & day.telling[columns]
        shared = np.flatnonzero(telling)
        shared = shared[np.lexsort((-by_term[shared], owners[shared]))]
        return [
            Explanation(
                score=score,
                by_liked=by_liked[n],
                nearest=nearest[n],
                by_disliked=by_disliked[n],
                common=float(common[n]),
                columns=columns[terms],
                by_term=by_term[terms],
                shared=columns[shared[of_shared]],
                offset=score - float(by_term[terms].sum()),
            )
            for n, (score, terms, of_shared) in enumerate(
                zip(
                    scores.tolist(),
                    _slices(owners, len(at)),
                    _slices(owners[shared], len(at)),
                    strict=True,
                )
            )
        ]

    def _by_term(
        self, at: NDArray[np.int64]
    ) -> tuple[NDArray[np.int32], NDArray[np.int64], Floats]:
        """The candidates' terms, one candidate's after the other's; of each, whose it is and its
        part: a score is linear in them, but for the length of a candidate's meaning, which is a
        number."""
        day, latent = self.day, self.day.latent
        starts, ends = day.matrix.indptr[at], day.matrix.indptr[at + 1]
        ranges = [np.arange(a, b) for a, b in zip(starts.tolist(), ends.tolist(), strict=True)]
        values = np.concatenate([np.zeros(0, dtype=np.int64), *ranges])
        columns = day.matrix.indices[values]
        #: of each term, the candidate
        owners = np.repeat(np.arange(len(at)), ends - starts)
        by_column: Any = np.zeros(len(columns), dtype=np.float32)
        if len(self._liked) + len(self._disliked):
            pulled = self._direction[columns]
            divisor = day.divisor[at]
            by_column = pulled / divisor[owners] + pulled - self._total * day.ridge.mean[columns]
            if len(self._liked):
                by_column -= day.common_vector[columns] / divisor[owners]
            if latent.n_axes:
                lengths = day.meaning_lengths[at]
                scale = np.divide(1, lengths, out=np.zeros_like(lengths), where=lengths > 0)
                rows = day.axes_rows[values]
                inside = np.flatnonzero(rows >= 0)
                damped, pull = (latent.by_column[rows[inside]] @ self._along).T
                whose = owners[inside]
                by_column[inside] -= damped / divisor[whose]
                by_column[inside] += pull * ((1 / divisor + 1) * scale)[whose]
        return columns, owners, (day.matrix.data[values] * by_column).astype(np.float32)

    def stands_in(self, liked: int, columns: NDArray[np.int32]) -> NDArray[np.bool_]:
        """(n,) which terms stand in one of the reader's likes."""
        known = self.day.rated.terms_of(int(self._liked[liked]))
        at = np.minimum(np.searchsorted(known, columns), max(0, len(known) - 1))
        return known[at] == columns if len(known) else np.zeros(len(columns), dtype=bool)
