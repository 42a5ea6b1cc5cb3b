"""How well each of a day's papers fits a reader, and why.

A score is linear in what the reader liked: the weighted mean of the similarities between the liked
papers and the candidate, minus the candidate's similarity to what all papers have in common. So a
block of readers is one product of sparse weights with a matrix of similarities that is made once
a day, no reader's profile is ever stored, and a score can be taken apart again.

The similarity of two papers is the sum of two views. The second sets a like against the day's
papers (`ridge`). The first has two parts, on statistics of background and day alone:

- *words*: the cosine of TF-IDF vectors in which the leading directions of the corpus are damped,
  M = I - V diag(e / (e + LAMBDA)) V^T. With the common part subtracted this is a linear
  discriminant with a shared, shrunken covariance (Hastie, Tibshirani, Friedman, The Elements of
  Statistical Learning, 2nd ed., 4.3): what everybody writes about tells readers apart least.
- *meaning*: the cosine in the space of the first of those directions, seen from the day's mean
  (latent semantic analysis), which sees that two papers are about one thing although they share
  few words.

Both are divided by how much of a candidate lies in the leading directions, to the power of
COMMONNESS: a paper made of common phrases alone is near to everything.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from digest.model import Paper, Profile
from digest.ranking.day import Day, Embed, Floats
from digest.ranking.fitted import Fitted, mean_of
from digest.ranking.profile import RankingOptions
from digest.ranking.reading import Reading, dislike_weights, like_weights
from digest.scripts import is_unspaced, joined

SEMANTIC_WEIGHT = RankingOptions().semantic_weight


class Ranker:
    """A ranker fitted to a background of papers; make one with `fit`.

    Vectorising and decomposing happen once, at the first call that names a day's candidates.
    """

    def __init__(
        self,
        background: Sequence[Paper],
        embed: Embed | None = None,
        semantic_weight: float = SEMANTIC_WEIGHT,
    ) -> None:
        self._background = tuple(background)
        self._embed, self._semantic_weight = embed, semantic_weight
        self._current: Day | None = None
        self._placed: tuple[Sequence[Paper], NDArray[np.int64] | None] | None = None

    def prepare(self, candidates: Sequence[Paper]) -> None:
        """Make these papers the day; scores of any of them need no further preparation."""
        self._placed = None
        fitted = Fitted.to(self._background, candidates)
        self._current = Day(fitted, candidates, self._embed, self._semantic_weight)

    def to_bytes(self) -> bytes:
        """What was learned for the day that is prepared, for other processes."""
        assert self._current is not None, "prepare comes first"
        return self._current.fitted.to_bytes([p.id for p in self._current.candidates])

    @classmethod
    def of_bytes(
        cls,
        data: bytes,
        papers: Mapping[str, Paper],
        embed: Embed | None = None,
        semantic_weight: float = SEMANTIC_WEIGHT,
    ) -> Ranker:
        """The ranker that `to_bytes` wrote, for a day of the same papers.

        Args:
            papers: by id, the candidates among them.

        Raises:
            ValueError: it cannot be made of these.
        """
        fitted, ids = Fitted.of_bytes(data)
        missing = [i for i in ids if i not in papers]
        if missing:
            raise ValueError(f"{len(missing)} of its papers are not here")
        made = cls((), embed, semantic_weight)
        made._current = Day(fitted, [papers[i] for i in ids], embed, semantic_weight)
        return made

    def weighing(self, semantic_weight: float) -> Ranker:
        """The same, with another weight of the language model, for the day that is prepared."""
        assert self._current is not None, "prepare comes first"
        if self._embed is None or semantic_weight == self._semantic_weight:
            return self
        made = Ranker((), self._embed, semantic_weight)
        day = self._current
        made._current = Day(day.fitted, day.candidates, self._embed, semantic_weight)
        return made

    def _day(self, candidates: Sequence[Paper]) -> tuple[Day, NDArray[np.int64] | None]:
        """The day, and where in it the candidates stand (None: they are the whole day)."""
        day = self._current
        if day is not None and self._placed is not None and self._placed[0] is candidates:
            return day, self._placed[1]
        positions = day.where(candidates) if day is not None else None
        if day is not None and positions is not None:
            n = len(day.candidates)
            is_whole = len(positions) == n and bool((positions == np.arange(n)).all())
            # A reader's candidates are asked about many times over, pick by pick; and most readers
            # have the same.
            self._placed = (candidates, None if is_whole else positions)
            return day, self._placed[1]
        self.prepare(candidates)
        assert self._current is not None
        return self._current, None

    def score(
        self,
        liked: Sequence[Paper],
        candidates: Sequence[Paper],
        disliked: Sequence[Paper] = (),
    ) -> Floats:
        """Rate every candidate for one reader; higher is closer.

        Returns:
            (n_candidates,) float32; zeros for a reader who rated nothing.
        """
        profile = Profile(subscriber_id="", liked=tuple(liked), disliked=tuple(disliked))
        row: Floats = self.score_block([profile], candidates)[0]
        return row

    def score_block(self, profiles: Sequence[Profile], candidates: Sequence[Paper]) -> Floats:
        """Rate every candidate for many readers in one product.

        Returns:
            (n_profiles, n_candidates) float32; comparable within a row only.
        """
        day, positions = self._day(candidates)
        weights = _weights(profiles, day)
        similarity, common = day.rated.similarity, day.common
        if positions is not None:
            similarity, common = similarity[:, positions], common[positions]
        scores: Floats = np.asarray(weights @ similarity, dtype=np.float32)
        liking = np.array([bool(p.liked) for p in profiles], dtype=bool)
        if liking.all():
            scores -= common
        elif liking.any():
            scores[liking] -= common
        return scores

    def read_block(self, profiles: Sequence[Profile]) -> tuple[Reading, ...]:
        """Many readers beside the whole day, scored in one product."""
        day = self._current
        assert day is not None, "prepare comes first"
        if day.rated.is_full:
            day.forget_rated()
        scores = self.score_block(profiles, day.candidates)
        return tuple(Reading(day, p, None, s) for p, s in zip(profiles, scores, strict=True))

    def read(self, profile: Profile, candidates: Sequence[Paper]) -> Reading:
        """One reader beside some candidates."""
        day, positions = self._day(candidates)
        return Reading(day, profile, positions)

    def among(self, reading: Reading, candidates: Sequence[Paper]) -> Reading:
        """The same reader beside some of the day's papers only."""
        _, positions = self._day(candidates)
        if positions is None:
            return reading
        return reading.among(positions)

    def plain_centroid(self, profile: Profile, candidates: Sequence[Paper]) -> Floats:
        """(n_candidates,) cosines with the mean of the likes: the recipe to compare with."""
        day, positions = self._day(candidates)
        matrix = day.matrix if positions is None else day.matrix[positions]
        rows = day.rated.rows(profile.liked)
        if not len(rows):
            return np.zeros(len(candidates), dtype=np.float32)
        centre = mean_of(day.rated.vectors_of(rows))
        scores: Floats = np.asarray(matrix @ centre, dtype=np.float32).ravel()
        return scores

    def alike(self, candidates: Sequence[Paper]) -> Floats:
        """(n, n) cosines of the candidates' TF-IDF vectors."""
        day, positions = self._day(candidates)
        return day.alike(positions)

    def profile_terms(self, profile: Profile, n: int = 15) -> tuple[tuple[str, float], ...]:
        """The terms a reader's likes have more of than other papers, with their weight."""
        day, _ = self._day(self._current.candidates if self._current else ())
        rated = list(profile.liked)
        if not rated or not day.vectors.n_terms:
            return ()
        matrix = day.vectors.transform(rated)
        direction: Any = matrix.T @ like_weights(profile)
        if profile.disliked:
            direction += day.vectors.transform(profile.disliked).T @ dislike_weights(profile)
        direction = direction - day.common_vector
        latent = day.latent
        if latent.n_axes:  # what everybody writes about tells nothing about this reader
            damped = latent.damping * (latent.axes @ direction[latent.columns])
            direction[latent.columns] -= damped @ latent.axes
        order = np.argsort(-direction, kind="stable")[: 8 * n]
        names = day.vectors.names
        weights = {
            names[i]: float(direction[i])
            for i in order.tolist()
            if direction[i] > 0 and day.telling[i]
        }
        said = islice(without_parts(list(weights), n), n)
        return tuple((joined(t) if is_unspaced(t) else t, weights[t]) for t in said)


def _weights(profiles: Sequence[Profile], day: Day) -> Any:
    """(n_profiles, n_rated) sparse: positive weights of likes, negative ones of dislikes."""
    groups = [group for p in profiles for group in (p.liked, p.disliked)]
    indices = day.rated.row_array(groups)
    weights = [w for p in profiles for w in (like_weights(p), dislike_weights(p))]
    data = np.concatenate([np.zeros(0, dtype=np.float32), *weights])
    counts = [len(p.liked) + len(p.disliked) for p in profiles]
    indptr = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
    shape = (len(profiles), day.rated.similarity.shape[0])
    return sp.csr_matrix((data, indices, indptr), shape=shape)


def without_parts(terms: Sequence[str], n: int) -> Iterator[str]:
    """Terms in order, leaving out words that a pair among the first `3 * n` already says.

    >>> list(without_parts(["graph", "graph neural", "neural", "protein"], 2))
    ['graph neural', 'protein']
    """
    in_pairs = {word for t in terms[: 3 * n] if " " in t for word in t.split()}
    said: set[str] = set()
    for term in terms:
        words = term.split()
        if len(words) == 1 and term in in_pairs:
            continue
        if len(words) > 1:
            if not said.isdisjoint(words):
                continue
            said.update(words)
        yield term


def fit(
    background: Sequence[Paper],
    embed: Embed | None = None,
    semantic_weight: float = SEMANTIC_WEIGHT,
) -> Ranker:
    """A ranker whose word statistics come from these papers and the day's; nobody needs to have
    rated them.

    Args:
        embed: papers to unit vectors, by a language model; blended in if given.
        semantic_weight: of those beside the words, which weigh 1.
    """
    return Ranker(background, embed, semantic_weight)
