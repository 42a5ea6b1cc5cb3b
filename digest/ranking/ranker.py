"""How well each of a day's papers fits a reader, and why.

A score is linear in what the reader liked: the weighted mean of the similarities between the liked
papers and the candidate, minus the candidate's similarity to what all papers have in common. So a
block of readers is one product of sparse weights with a matrix of similarities that is made once
a day, no reader's profile is ever stored, and a score can be taken apart again.

The similarity of two papers has two parts, on statistics of background and day alone:

- *words*: the cosine of TF-IDF vectors in which the leading directions of the corpus are damped,
  M = I - V diag(e / (e + LAMBDA)) V^T. With the common part subtracted this is a linear
  discriminant with a shared, shrunken covariance (Hastie, Tibshirani, Friedman, The Elements of
  Statistical Learning, 2nd ed., 4.3): what everybody writes about tells readers apart least.
- *meaning*: the cosine in the space of those leading directions (latent semantic analysis), which
  sees that two papers are about one thing although they share few words.

Both are divided by how much of a candidate lies in the leading directions, to the power of
COMMONNESS: a paper made of common phrases alone is near to everything.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from digest.model import Paper, Profile
from digest.ranking.day import MEANING, Day, Floats, Meanings, mean_of
from digest.ranking.vectors import EMPTY_ALONE

#: likes that a reader's direction is measured on, and its least square length
MAX_LIKES_MEASURED, SHORTEST = 300, 1e-3
#: how hard dislikes push, beside likes that pull with 1
DISLIKE_WEIGHT = 0.5
#: weight of a language model's cosine beside the words; docs/ranking.md has the trials
SEMANTIC_WEIGHT = 0.1


@dataclass(frozen=True, slots=True)
class Explanation:
    """One score taken apart, twice over, to rounding:

    sum(by_liked) + sum(by_disliked) + common == score
    sum of all terms' parts + offset == score
    """

    score: float
    #: (n_liked,) part of each liked paper
    by_liked: Floats
    #: (n_disliked,) part of each disliked paper
    by_disliked: Floats
    #: part of what all papers share
    common: float
    #: (n_terms_of_paper,) columns of the candidate's terms, and the part of each
    columns: NDArray[np.int32]
    by_term: Floats
    #: what no term carries: the origin of the latent space, and a language model's part
    offset: float


class Ranker:
    """A ranker fitted to a background of papers; make one with `fit`.

    Vectorising and decomposing happen once, at the first call that names a day's candidates.
    """

    def __init__(
        self,
        background: Sequence[Paper],
        meanings: Meanings | None = None,
        semantic_weight: float = SEMANTIC_WEIGHT,
    ) -> None:
        self._background = tuple(background)
        self._meanings, self._semantic_weight = meanings, semantic_weight
        self._current: Day | None = None
        self._placed: tuple[Sequence[Paper], NDArray[np.int64]] | None = None

    def prepare(self, candidates: Sequence[Paper]) -> None:
        """Make these papers the day; scores of any of them need no further preparation."""
        self._placed = None
        self._current = Day(self._background, candidates, self._meanings, self._semantic_weight)

    def _day(self, candidates: Sequence[Paper]) -> tuple[Day, NDArray[np.int64] | None]:
        """The day, and where in it the candidates stand (None: they are the whole day)."""
        day = self._current
        if day is not None and self._placed is not None and self._placed[0] is candidates:
            return day, self._placed[1]
        if day is not None:
            if len(candidates) == len(day.candidates) and all(
                a is b for a, b in zip(candidates, day.candidates, strict=True)
            ):
                return day, None
            positions = day.where(candidates)
            if positions is not None:
                # A reader's candidates are asked about many times over, pick by pick.
                self._placed = (candidates, positions)
                return day, positions
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
        similarity, common = day.similarity, day.common
        if positions is not None:
            similarity, common = similarity[:, positions], common[positions]
        scores: Floats = np.asarray(weights @ similarity, dtype=np.float32)
        liking = np.array([bool(p.liked) for p in profiles], dtype=bool)
        if liking.all():
            scores -= common
        elif liking.any():
            scores[liking] -= common
        return scores

    def parts(self, profile: Profile, candidates: Sequence[Paper]) -> tuple[Floats, Floats]:
        """What each liked paper adds to each candidate's score, and what all papers share.

        Returns:
            (n_liked, n_candidates), columns add up to the score with the second,
            (n_candidates,), subtracted, dislikes apart.
        """
        day, positions = self._day(candidates)
        rows = day.rows(profile.liked)
        similarity = day.similarity[rows]
        common = day.common
        if positions is not None:
            similarity, common = similarity[:, positions], common[positions]
        shares = np.array(_shares(profile), dtype=np.float32)
        return similarity * shares[:, None], common

    def explain(self, profile: Profile, candidates: Sequence[Paper], index: int) -> Explanation:
        """Take apart the score of `candidates[index]`."""
        day, positions = self._day(candidates)
        at = index if positions is None else int(positions[index])
        liked_rows, disliked_rows = day.rows(profile.liked), day.rows(profile.disliked)
        shares = np.array(_shares(profile), dtype=np.float32)
        by_liked = day.similarity[liked_rows, at] * shares
        dislike = np.float32(-DISLIKE_WEIGHT / max(1, len(disliked_rows)))
        by_disliked: Floats = day.similarity[disliked_rows, at] * dislike
        common = -float(day.common[at]) if profile.liked else 0.0
        columns, by_term, offset = self._by_term(day, profile, shares, dislike, at)
        return Explanation(
            score=float(by_liked.sum() + by_disliked.sum()) + common,
            by_liked=by_liked,
            by_disliked=by_disliked,
            common=common,
            columns=columns,
            by_term=by_term,
            # What a language model adds belongs to no single term.
            offset=offset
            + self._semantic_part(day, liked_rows, disliked_rows, shares, dislike, at),
        )

    def _semantic_part(
        self,
        day: Day,
        liked_rows: Sequence[int],
        disliked_rows: Sequence[int],
        shares: Floats,
        dislike: np.float32,
        at: int,
    ) -> float:
        rows = [*liked_rows, *disliked_rows]
        if not day.encoded_rows or not rows:
            return 0.0
        weights = np.concatenate([shares, np.full(len(disliked_rows), dislike, np.float32)])
        encoded = np.stack([day.encoded_rows[r] for r in rows])
        return float(day.encoded_part(weights @ encoded, at))

    def _by_term(
        self, day: Day, profile: Profile, shares: Floats, dislike: np.float32, at: int
    ) -> tuple[NDArray[np.int32], Floats, float]:
        """The score as a sum over the candidate's terms: it is linear in them, but for the length
        of its meaning, which is a number, and the origin of the latent space, which is an offset.
        """
        rows = day.rows(profile.liked) + day.rows(profile.disliked)
        weights = np.concatenate([shares, np.full(len(profile.disliked), dislike, np.float32)])
        paper = day.matrix[[at]]
        columns, values = paper.indices, paper.data
        if not rows or not len(columns):
            return columns, np.zeros(len(columns), dtype=np.float32), 0.0
        rated = sp.vstack([day.rated_rows[r] for r in rows]).tocsr()
        direction: Any = np.asarray(rated.T @ weights, dtype=np.float32).ravel()
        if profile.liked:
            direction = direction - day.common_vector
        weight_of_column = direction[columns]
        offset = 0.0
        latent = day.latent
        if latent.n_axes:
            damped = latent.damping * (latent.axes @ direction[latent.columns])
            meanings, _ = latent.directions(latent.coordinates(rated))
            meanings[np.diff(rated.indptr) == 0] = 0
            _, length = latent.directions(day.coordinates[[at]])
            pull = np.float32(MEANING) * (weights @ meanings) * latent.scale
            pull = pull / length[0, 0] if length[0, 0] > 0 else np.zeros_like(pull)
            by_axis = pull - damped
            place = np.searchsorted(latent.columns, columns)
            place = np.minimum(place, len(latent.columns) - 1)
            inside = latent.columns[place] == columns
            latent_weight = np.where(inside, by_axis @ latent.axes[:, place], 0)
            weight_of_column = weight_of_column + latent_weight
            offset = -float(pull @ latent.mean) / float(day.divisor[at])
        by_term: Floats = (values * weight_of_column / day.divisor[at]).astype(np.float32)
        return columns, by_term, offset

    def terms(self, candidates: Sequence[Paper]) -> NDArray[Any]:
        """(n_terms,) the vocabulary of the day, in the order of columns."""
        return self._day(candidates)[0].vectors.terms

    def terms_in(self, text: str, candidates: Sequence[Paper]) -> NDArray[np.int64]:
        """Columns of the distinct terms of a piece of text."""
        return self._day(candidates)[0].vectors.terms_of(text)

    def liked_columns(self, profile: Profile, candidates: Sequence[Paper]) -> NDArray[np.int64]:
        """Columns of all terms that stand in the reader's likes."""
        day, _ = self._day(candidates)
        rows = [day.rated_rows[r].indices for r in day.rows(profile.liked)]
        found: NDArray[np.int64] = np.unique(np.concatenate(rows)).astype(np.int64)
        return found

    def shared_columns(
        self, liked: Paper, candidates: Sequence[Paper], index: int
    ) -> NDArray[np.int64]:
        """Columns of the terms two papers share, weightiest first."""
        day, positions = self._day(candidates)
        at = index if positions is None else int(positions[index])
        (row,) = day.rows([liked])
        product = day.rated_rows[row].multiply(day.matrix[[at]]).tocsr()
        order = np.argsort(-product.data, kind="stable")
        found: NDArray[np.int64] = product.indices[order].astype(np.int64)
        return found

    def plain_centroid(self, profile: Profile, candidates: Sequence[Paper]) -> Floats:
        """(n_candidates,) cosines with the mean of the likes: the recipe to compare with."""
        day, positions = self._day(candidates)
        matrix = day.matrix if positions is None else day.matrix[positions]
        rows = day.rows(profile.liked)
        if not rows:
            return np.zeros(len(candidates), dtype=np.float32)
        centre = mean_of(sp.vstack([day.rated_rows[r] for r in rows]).tocsr())
        scores: Floats = np.asarray(matrix @ centre, dtype=np.float32).ravel()
        return scores

    def alike(self, candidates: Sequence[Paper]) -> Floats:
        """(n, n) cosines of the candidates' TF-IDF vectors."""
        day, positions = self._day(candidates)
        matrix = day.matrix if positions is None else day.matrix[positions]
        found: Floats = np.asarray((matrix @ matrix.T).todense(), dtype=np.float32)
        return found

    def length(self, profile: Profile, candidates: Sequence[Paper]) -> float:
        """The length of the reader's direction: a score divided by it is a cosine, at most about 1,
        and comparable between readers. Dislikes are left out."""
        day, _ = self._day(candidates)
        shares = np.array(_shares(profile), dtype=np.float32)
        if not len(shares):
            return 1.0
        # The latest likes stand for the others: the length settles long before the 300th.
        rows = day.rows(profile.liked)[-MAX_LIKES_MEASURED:]
        shares = shares[-MAX_LIKES_MEASURED:] / shares[-MAX_LIKES_MEASURED:].sum()
        rated = sp.vstack([day.rated_rows[r] for r in rows]).tocsr()
        square = _square(rated, shares) - 2 * float(shares @ (rated @ day.common_vector))
        square += float(day.common_vector @ day.common_vector)
        latent = day.latent
        if latent.n_axes:
            coordinates = latent.coordinates(rated)
            origin = latent.axes @ day.common_vector[latent.columns]
            shift = shares @ coordinates - origin
            square -= float((latent.damping * shift) @ shift)
            meanings, _ = latent.directions(coordinates)
            meaning = shares @ meanings
            square += MEANING * float(meaning @ meaning)
        if day.encoded_rows:
            encoded = shares @ np.stack([day.encoded_rows[r] for r in rows])
            square += self._semantic_weight * float(encoded @ encoded)
        return float(max(square, SHORTEST) ** 0.5)

    def profile_terms(self, profile: Profile, n: int = 15) -> tuple[tuple[str, float], ...]:
        """The terms a reader's likes have more of than other papers, with their weight."""
        day, _ = self._day(self._current.candidates if self._current else ())
        rated = list(profile.liked)
        if not rated or not day.vectors.n_terms:
            return ()
        matrix = day.vectors.transform(rated)
        direction: Any = np.asarray(
            matrix.T @ np.array(_shares(profile), dtype=np.float32), dtype=np.float32
        ).ravel()
        if profile.disliked:
            disliked = day.vectors.transform(profile.disliked)
            direction -= (
                np.float32(DISLIKE_WEIGHT)
                * np.asarray(disliked.mean(axis=0), dtype=np.float32).ravel()
            )
        direction = direction - day.common_vector
        latent = day.latent
        if latent.n_axes:  # what everybody writes about tells nothing about this reader
            damped = latent.damping * (latent.axes @ direction[latent.columns])
            direction[latent.columns] -= damped @ latent.axes
        order = np.argsort(-direction, kind="stable")[: 8 * n]
        names = day.vectors.terms
        weights = {
            str(names[i]): float(direction[i])
            for i in order
            if direction[i] > 0 and names[i] not in EMPTY_ALONE
        }
        return tuple((t, weights[t]) for t in without_parts(list(weights), n))


def _square(rated: Any, shares: Floats) -> float:
    centre = np.asarray(rated.T @ shares, dtype=np.float32).ravel()
    return float(centre @ centre)


def _shares(profile: Profile) -> tuple[float, ...]:
    """Weights of the likes, adding up to 1."""
    weights = profile.weights or (1.0,) * len(profile.liked)
    total = sum(weights)
    return tuple(w / total for w in weights) if total > 0 else weights


def _weights(profiles: Sequence[Profile], day: Day) -> Any:
    """(n_profiles, n_rated) sparse: positive shares of likes, negative ones of dislikes."""
    n = len(profiles)
    groups = [group for p in profiles for group in (p.liked, p.disliked)]
    sizes = np.fromiter(map(len, groups), dtype=np.int64, count=2 * n).reshape(n, 2)
    counts, (n_liked, n_disliked) = sizes.sum(axis=1), sizes.T
    indices = day.row_array(groups)
    pull = np.divide(1.0, n_liked, out=np.zeros(n), where=n_liked > 0)
    push = np.divide(-DISLIKE_WEIGHT, n_disliked, out=np.zeros(n), where=n_disliked > 0)
    each = np.stack([pull, push], axis=1).astype(np.float32)
    data = np.repeat(each.ravel(), sizes.ravel())
    indptr = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
    for row, profile in enumerate(profiles):
        if profile.weights:
            data[indptr[row] : indptr[row] + n_liked[row]] = _shares(profile)
    shape = (len(profiles), day.similarity.shape[0])
    return sp.csr_matrix((data, indices, indptr), shape=shape)


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


def fit(
    background: Sequence[Paper],
    meanings: Meanings | None = None,
    semantic_weight: float = SEMANTIC_WEIGHT,
) -> Ranker:
    """A ranker whose word statistics come from these papers and the day's; nobody needs to have
    rated them.

    Args:
        meanings: papers to unit vectors, by a language model; blended in if given.
        semantic_weight: of those beside the words, which weigh 1.
    """
    return Ranker(background, meanings, semantic_weight)
