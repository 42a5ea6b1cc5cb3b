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

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from sklearn.utils.extmath import randomized_svd

from digest.model import Paper, Profile
from digest.ranking.vectors import Vectors

Floats = NDArray[np.float32]
Meanings = Callable[[Sequence[Paper]], Floats]

#: variance at which a leading direction is damped by half (unit vectors have a total of 1); with
#: few documents more is needed, as in any shrinkage: LAMBDA * (1 + LAMBDA_DOCUMENTS / n)
LAMBDA, LAMBDA_DOCUMENTS = 0.0015, 1500
#: weight of the meaning beside the words
MEANING = 0.15
#: exponent of a candidate's share in the leading directions
COMMONNESS = 0.25
#: exponent of the variance by which latent coordinates are scaled down; 0.5 would whiten them
LATENT_SCALE = 0.125
#: most leading directions, and how many documents it takes to learn one
MAX_AXES, DOCUMENTS_AN_AXIS = 200, 20
#: terms, most frequent first, that directions are learned on; rare ones stand in none
LATENT_TERMS = 15_000
#: latest background documents that directions are learned from
LATENT_DOCUMENTS = 5_000
#: empty documents that means are thought to hold: what few papers have in common is chance
PRIOR_WEIGHT = 50.0
#: likes that a reader's direction is measured on, and its least square length
MAX_LIKES_MEASURED, SHORTEST = 300, 1e-3
#: weight of a language model's cosine beside the words; docs/ranking.md has the trials
SEMANTIC_WEIGHT = 0.1
#: how hard dislikes push, beside likes that pull with 1
DISLIKE_WEIGHT = 0.5


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
    #: what no term carries: the distance of the latent space's origin
    offset: float


class _Latent:
    """The leading directions of a corpus."""

    def __init__(self, corpus: Any, frequency: NDArray[np.int64]) -> None:
        n = corpus.shape[0]
        columns = np.argsort(-frequency, kind="stable")[:LATENT_TERMS]
        self.columns = np.sort(columns)
        n_axes = min(MAX_AXES, n // DOCUMENTS_AN_AXIS, len(self.columns) - 1)
        self.n_axes = max(0, n_axes)
        self.axes: Floats = np.zeros((0, len(self.columns)), dtype=np.float32)
        self.damping: Floats = np.zeros(0, dtype=np.float32)
        self.scale: Floats = np.zeros(0, dtype=np.float32)
        self.mean: Floats = np.zeros(0, dtype=np.float32)
        if not self.n_axes:
            return
        part = corpus[:, self.columns]
        _, singular, axes = randomized_svd(part, self.n_axes, n_iter=3, random_state=0)
        variance = np.maximum(singular**2 / n, 1e-9)
        self.axes = np.ascontiguousarray(axes, dtype=np.float32)
        shrinkage = LAMBDA * (1 + LAMBDA_DOCUMENTS / n)
        self.damping = (variance / (variance + shrinkage)).astype(np.float32)
        self.scale = (variance**-LATENT_SCALE).astype(np.float32)
        mean = np.asarray(part.mean(axis=0), dtype=np.float32).ravel()
        self.mean = self.axes @ mean

    def coordinates(self, matrix: Any) -> Floats:
        """(n, n_axes) in the leading directions."""
        found: Floats = np.asarray(matrix[:, self.columns] @ self.axes.T, dtype=np.float32)
        return found

    def directions(self, coordinates: Floats) -> tuple[Floats, Floats]:
        """Scaled, centred coordinates of unit length, and their lengths before."""
        scaled = (coordinates - self.mean) * self.scale
        lengths = np.linalg.norm(scaled, axis=1, keepdims=True)
        return np.divide(scaled, lengths, out=np.zeros_like(scaled), where=lengths > 0), lengths


class _Day:
    """A day's candidates as vectors, and their similarity to every paper rated so far."""

    def __init__(
        self,
        background: Sequence[Paper],
        candidates: Sequence[Paper],
        meanings: Meanings | None,
        weight: float,
    ) -> None:
        # Kept, so that an id() below stays the name of its paper.
        self.candidates = tuple(candidates)
        ids = {p.id for p in candidates}
        others = [p for p in background if p.id not in ids]
        self.vectors = Vectors([*others, *candidates])
        matrix = self.vectors.matrix
        self.matrix = matrix[len(others) :]
        corpus = matrix[max(0, len(others) - LATENT_DOCUMENTS) :]
        n_terms = self.vectors.n_terms
        frequency = self.vectors.document_frequency if n_terms else np.zeros(0, dtype=np.int64)
        self.latent = _Latent(corpus, frequency)
        self.common_vector = (_mean(self.matrix) + _mean(matrix[: len(others)])) / 2
        self.coordinates = self.latent.coordinates(self.matrix) if n_terms else _none(self.matrix)
        self.meanings, _ = self.latent.directions(self.coordinates)
        self.divisor = self._divisor()
        damped = self.coordinates * self.latent.damping
        raw: Any = np.asarray(self.matrix @ self.common_vector, dtype=np.float32).ravel()
        if self.latent.n_axes:
            raw = raw - damped @ (self.latent.axes @ self.common_vector[self.latent.columns])
        #: (n_candidates,) what of a candidate all papers share
        self.common: Floats = raw / self.divisor
        self._damped = damped
        self._encode, self._encoded_weight = meanings, np.float32(weight)
        if meanings is not None and candidates:
            vectors = meanings(self.candidates)
            #: what all of the day's papers mean tells readers apart as little as common words
            self._encoded_mean: Floats = vectors.mean(axis=0)
            self._encoded: Floats = _unit(vectors - self._encoded_mean)
        #: position by identity, and by content for equal papers made twice
        self.position = {id(p): n for n, p in enumerate(self.candidates)}
        self.position_by_content = {_content(p): n for n, p in enumerate(self.candidates)}
        self._known: dict[int, int] = {}
        self._known_by_content: dict[tuple[str, str, str], int] = {}
        self._kept: list[Paper] = []
        self._similarity = np.zeros((0, len(self.candidates)), dtype=np.float32)
        self._n_rated = 0
        #: rows of what was rated, for explanations
        self.rated_rows: list[Any] = []
        self.encoded_rows: list[Floats] = []

    def encoded_part(self, direction: Floats, at: int) -> float:
        """What the language model adds to the score of one candidate."""
        return float(self._encoded_weight * (direction @ self._encoded[at]) / self.divisor[at])

    def _divisor(self) -> Floats:
        n = len(self.candidates)
        if not self.latent.n_axes or not n:
            return np.ones(n, dtype=np.float32)
        lengths = np.linalg.norm(self.coordinates - self.latent.mean, axis=1)
        usual = float(np.median(lengths)) or 1.0
        shares = np.clip(lengths / usual, 0.25, 4.0)
        divisor: Floats = (shares**COMMONNESS).astype(np.float32)
        return divisor

    def where(self, candidates: Sequence[Paper]) -> NDArray[np.int64] | None:
        """Positions of these papers in the day; None if one is not of the day."""
        found = np.empty(len(candidates), dtype=np.int64)
        for n, paper in enumerate(candidates):
            at = self.position.get(id(paper))
            if at is None:
                at = self.position_by_content.get(_content(paper))
            if at is None:
                return None
            found[n] = at
        return found

    # --- similarities --------------------------------------------------------------------------

    def rows(self, papers: Sequence[Paper]) -> list[int]:
        """Row numbers of rated papers in `similarity`; unknown ones are vectorised now."""
        rows: list[int] = self.row_array((papers,)).tolist()
        return rows

    def row_array(self, groups: Sequence[Sequence[Paper]]) -> NDArray[np.int32]:
        """The row numbers of many groups of papers, one after the other."""
        try:
            return self._named(groups)
        except KeyError:
            self._learn(list(chain.from_iterable(groups)))
            return self._named(groups)

    def _named(self, groups: Sequence[Sequence[Paper]]) -> NDArray[np.int32]:
        # One pass in C: naming a million papers takes about as long as the product that follows.
        named = map(self._known.__getitem__, map(id, chain.from_iterable(groups)))
        return np.fromiter(named, dtype=np.int32, count=sum(map(len, groups)))

    def _learn(self, papers: Sequence[Paper]) -> None:
        fresh: dict[tuple[str, str, str], Paper] = {}
        for paper in papers:
            if id(paper) not in self._known and _content(paper) not in self._known_by_content:
                fresh.setdefault(_content(paper), paper)
        if fresh:
            self._append(tuple(fresh.values()))
        for paper in papers:
            if id(paper) not in self._known:
                self._known[id(paper)] = self._known_by_content[_content(paper)]
                self._kept.append(paper)

    def _append(self, papers: tuple[Paper, ...]) -> None:
        vectors = self.vectors.transform(papers)
        similarity = np.asarray((vectors @ self.matrix.T).todense(), dtype=np.float32)
        if self.latent.n_axes:
            coordinates = self.latent.coordinates(vectors)
            similarity -= coordinates @ self._damped.T
            meanings, _ = self.latent.directions(coordinates)
            # A document without a known word has no meaning; its coordinates are the mean's mirror.
            meanings[np.diff(vectors.indptr) == 0] = 0
            similarity += np.float32(MEANING) * (meanings @ self.meanings.T)
        if self._encode is not None and self.candidates:
            encoded = _unit(self._encode(papers) - self._encoded_mean)
            self.encoded_rows += list(encoded)
            similarity += self._encoded_weight * (encoded @ self._encoded.T)
        similarity /= self.divisor
        first = self._n_rated
        needed = first + len(papers)
        if needed > len(self._similarity):
            grown = np.zeros((max(needed, 2 * first), similarity.shape[1]), dtype=np.float32)
            grown[:first] = self._similarity[:first]
            self._similarity = grown
        self._similarity[first:needed] = similarity
        for n, paper in enumerate(papers):
            self._known_by_content[_content(paper)] = first + n
            self.rated_rows.append(vectors[[n]])
        self._n_rated = needed

    @property
    def similarity(self) -> Floats:
        """(n_rated, n_candidates)."""
        return self._similarity[: self._n_rated]


def _content(paper: Paper) -> tuple[str, str, str]:
    """What makes two records the same to the ranker."""
    return paper.id, paper.title, paper.abstract


def _unit(vectors: Floats) -> Floats:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: Floats = np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)
    return unit


def _none(matrix: Any) -> Floats:
    return np.zeros((matrix.shape[0], 0), dtype=np.float32)


def _mean(matrix: Any) -> Floats:
    total = np.asarray(matrix.sum(axis=0), dtype=np.float32).ravel()
    return total / np.float32(matrix.shape[0] + PRIOR_WEIGHT)


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
        self._current: _Day | None = None

    def prepare(self, candidates: Sequence[Paper]) -> None:
        """Make these papers the day; scores of any of them need no further preparation."""
        self._current = _Day(self._background, candidates, self._meanings, self._semantic_weight)

    def _day(self, candidates: Sequence[Paper]) -> tuple[_Day, NDArray[np.int64] | None]:
        """The day, and where in it the candidates stand (None: they are the whole day)."""
        day = self._current
        if day is not None:
            if len(candidates) == len(day.candidates) and all(
                a is b for a, b in zip(candidates, day.candidates, strict=True)
            ):
                return day, None
            positions = day.where(candidates)
            if positions is not None:
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
        day: _Day,
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
        self, day: _Day, profile: Profile, shares: Floats, dislike: np.float32, at: int
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
        centre = _mean(sp.vstack([day.rated_rows[r] for r in rows]).tocsr())
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
        order = np.argsort(-direction, kind="stable")[: 4 * n]
        names = day.vectors.terms
        weights = {str(names[i]): float(direction[i]) for i in order if direction[i] > 0}
        return tuple((t, weights[t]) for t in without_parts(list(weights), n))


def _square(rated: Any, shares: Floats) -> float:
    centre = np.asarray(rated.T @ shares, dtype=np.float32).ravel()
    return float(centre @ centre)


def _shares(profile: Profile) -> tuple[float, ...]:
    """Weights of the likes, adding up to 1."""
    weights = profile.weights or (1.0,) * len(profile.liked)
    total = sum(weights)
    return tuple(w / total for w in weights) if total > 0 else weights


def _weights(profiles: Sequence[Profile], day: _Day) -> Any:
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
