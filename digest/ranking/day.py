"""A day's candidates, and how alike each is to every paper that some reader rated.

Made once a day and shared by all readers; rated papers are added when they are first asked for.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from digest.model import Paper
from digest.ranking.fitted import PRIOR_WEIGHT, Fitted
from digest.ranking.literal import LiteralIndex
from digest.ranking.rated import Beside, Between, RatedPapers, content_of
from digest.ranking.ridge import DayRidge, Features
from digest.ranking.vectors import tells
from digest.text import fold

Floats = NDArray[np.float32]
#: papers to unit vectors, by a language model: (n_papers, n_dimensions)
Embed = Callable[[Sequence[Paper]], Floats]

#: leading directions that the meaning is seen in
MEANING_AXES = 100
#: exponent of a candidate's share in the leading directions
COMMONNESS = 0.25
#: two papers whose vectors are this close, and whose titles or abstracts share that much of their
#: words, numbers among them, are one piece of news ("part 1" and "part 2" are two)
NEAR_VECTORS, NEAR_TITLES, NEAR_ABSTRACTS, LONG_ABSTRACT = 0.8, 0.75, 0.9, 20
_LOWER = re.compile(r"\b[a-z]{2,}\b")
#: so many candidates are compared with each other once a day; of more, those that are asked for
MOST_COMPARED = 3_000


class Day:
    """A day's candidates as vectors, and their similarity to every paper rated so far."""

    def __init__(
        self,
        fitted: Fitted,
        candidates: Sequence[Paper],
        embed: Embed | None,
        weight: float,
    ) -> None:
        # Kept, so that an id() below stays the name of its paper.
        self.candidates = tuple(candidates)
        self.fitted = fitted
        self.vectors, self.matrix, self.latent = fitted.vectors, fitted.matrix, fitted.latent
        self.common_vector = fitted.common_vector
        self.n_axes, n_terms = len(self.latent.axes), self.vectors.n_terms
        self.coordinates = self.latent.coordinates(self.matrix) if n_terms else _none(self.matrix)
        #: (n_axes,) where meanings are seen from: the day's mean, the corpus's while papers are few
        self.origin = self._origin()
        #: (n, n_meaning_axes) directions of the candidates in the latent space, and their lengths
        self.meanings, lengths = self._directions(self.coordinates)
        self.meaning_lengths = lengths[:, 0]
        self.divisor = self._divisor_of(self.coordinates)
        damped = self.coordinates * self.latent.damping
        self.common_square = float(self.common_vector @ self.common_vector)
        #: (n_axes,) what all papers share, along the axes
        self.common_along: Floats = np.zeros(0, dtype=np.float32)
        raw: Any = np.asarray(self.matrix @ self.common_vector, dtype=np.float32).ravel()
        if self.latent.n_axes:
            self.common_along = self.latent.axes @ self.common_vector[self.latent.columns]
            raw = raw - damped @ self.common_along
        self._damped = damped
        self._encode, self._encoded_weight = embed, np.float32(weight)
        self._encoded_mean: Floats | None = None
        encoded: Floats | None = None
        if embed is not None and candidates:
            vectors = embed(self.candidates)
            # What all of the day's papers mean tells readers apart as little as common words.
            self._encoded_mean = vectors.mean(axis=0)
            encoded = _unit(vectors - self._encoded_mean)
        self.ridge = DayRidge(Features(self.matrix, self._dense(self.meanings, encoded)))
        #: (n_candidates,) what of a candidate all papers share, and how near it is to everything
        self.common: Floats = raw / self.divisor + self.ridge.hubness
        #: position by identity, and by content for equal papers made twice
        self.position = {id(p): n for n, p in enumerate(self.candidates)}
        self.position_by_content = {content_of(p): n for n, p in enumerate(self.candidates)}
        self.upvotes = np.array([p.signals.upvotes or 0 for p in self.candidates], dtype=np.int64)
        #: notes of whoever looks at candidates more than once, such as their sentences
        self.notes: dict[Any, Any] = {}
        self._alike: Floats | None = None
        self._twins: NDArray[np.bool_] | None = None
        self.forget_rated()

    def forget_rated(self) -> None:
        """Begin anew with what was rated: it grows with every reader's likes."""
        self.rated = RatedPapers(self)

    def terms_of(self, at: int) -> tuple[NDArray[np.int32], Floats]:
        """Columns and values of one candidate's vector."""
        first, end = self.matrix.indptr[at], self.matrix.indptr[at + 1]
        return self.matrix.indices[first:end], self.matrix.data[first:end]

    @cached_property
    def telling(self) -> NDArray[np.bool_]:
        """(n_terms,) whether each term says something."""
        return np.array([tells(t) for t in self.vectors.names], dtype=bool)

    @cached_property
    def axes_rows(self) -> NDArray[np.int64]:
        """(n_values,) for each value of `matrix` the row of `latent.by_column`; -1: it has none."""
        columns, wanted = self.latent.columns, self.matrix.indices
        if not len(columns):
            return np.full(len(wanted), -1, dtype=np.int64)
        at = np.minimum(np.searchsorted(columns, wanted), len(columns) - 1)
        return np.where(columns[at] == wanted, at, -1)

    def _origin(self) -> Floats:
        n = len(self.coordinates)
        total = self.coordinates.sum(axis=0) + np.float32(PRIOR_WEIGHT) * self.latent.mean
        origin: Floats = (total / np.float32(n + PRIOR_WEIGHT)).astype(np.float32)
        return origin

    def _directions(self, coordinates: Floats) -> tuple[Floats, Floats]:
        return self.latent.directions(coordinates[:, :MEANING_AXES], self.origin)

    def _dense(self, meanings: Floats, encoded: Floats | None) -> Floats:
        """(n, n_dimensions) meaning and language model, scaled by the roots of their weights."""
        parts = [meanings * np.sqrt(self.latent.meaning)]
        if encoded is not None:
            parts.append(encoded * np.sqrt(self._encoded_weight))
        return np.hstack(parts).astype(np.float32)

    def _divisor_of(self, coordinates: Floats) -> Floats:
        """(n,) what similarities to papers are divided by, by where they lie in the space."""
        n = len(coordinates)
        if not self.latent.n_axes or not n:
            return np.ones(n, dtype=np.float32)
        lengths = np.linalg.norm(coordinates - self.latent.mean, axis=1)
        shares = np.clip(lengths / self._usual_length, 0.25, 4.0)
        divisor: Floats = (shares**COMMONNESS).astype(np.float32)
        return divisor

    @cached_property
    def _usual_length(self) -> float:
        if not len(self.coordinates):
            return 1.0
        lengths = np.linalg.norm(self.coordinates - self.latent.mean, axis=1)
        return float(np.median(lengths)) or 1.0

    def where(self, candidates: Sequence[Paper]) -> NDArray[np.int64] | None:
        """Positions of these papers in the day; None if one is not of the day."""
        try:  # in one pass in C: nearly always they are the day's own
            named = map(self.position.__getitem__, map(id, candidates))
            return np.fromiter(named, dtype=np.int64, count=len(candidates))
        except KeyError:
            found = [
                self.position.get(id(p), self.position_by_content.get(content_of(p)))
                for p in candidates
            ]
            return None if None in found else np.array(found, dtype=np.int64)

    def meanings_of(self, coordinates: Floats, is_empty: NDArray[np.bool_]) -> Floats:
        """Directions of rated papers. One without a known word has no meaning; its coordinates are
        the mean's mirror."""
        meanings, _ = self._directions(coordinates)
        meanings[is_empty] = 0
        return meanings

    def beside(self, papers: Sequence[Paper]) -> Beside:
        """Rated papers beside the day's candidates."""
        vectors = self.vectors.transform(papers)
        product = np.asarray((vectors @ self.matrix.T).todense(), dtype=np.float32)
        coordinates = self.latent.coordinates(vectors) if self.vectors.n_terms else _none(vectors)
        meanings = self.meanings_of(coordinates, np.diff(vectors.indptr) == 0)
        encoded: Floats | None = None
        if self._encode is not None and self._encoded_mean is not None:
            encoded = _unit(self._encode(papers) - self._encoded_mean)
        dense = self._dense(meanings, encoded)
        similarity = product - coordinates @ self._damped.T
        similarity += self.latent.meaning * (meanings @ self.meanings.T)
        similarity /= self.divisor
        against, in_the_day, hubness = self.ridge.similarity(Features(vectors, dense), product)
        similarity += against
        return Beside(vectors, coordinates, dense, in_the_day, hubness, similarity)

    def between(self, rows: NDArray[np.int32]) -> Between:
        """Rated papers beside each other, scored as if each were one of the day's."""
        rated, common_vector = self.rated, self.common_vector
        vectors, coordinates = rated.vectors_of(rows), rated.coordinates_of(rows)
        dense, in_the_day = rated.dense_of(rows), rated.in_the_day_of(rows)
        product = np.asarray((vectors @ vectors.T).todense(), dtype=np.float32)
        common = np.asarray(vectors @ common_vector, dtype=np.float32).ravel()
        square = self.common_square
        meaning = dense[:, :MEANING_AXES]
        first: Floats = product + meaning @ meaning.T
        if self.latent.n_axes:
            damped = coordinates * self.latent.damping
            first -= damped @ coordinates.T
            common -= damped @ self.common_along
            square -= float((self.latent.damping * self.common_along) @ self.common_along)
        second = self.ridge.between(Features(vectors, dense), product, in_the_day)
        divisor = self._divisor_of(coordinates)
        return Between(
            similarity=first / divisor + second,
            common=common / divisor + rated.hubness_of(rows),
            directions=first - common[:, None] - common + np.float32(square) + second,
        )

    @cached_property
    def lower_words(self) -> frozenset[str]:
        """Words that the day's papers write small: no names."""
        return frozenset(w for p in self.candidates for w in _LOWER.findall(p.text))

    @cached_property
    def literal(self) -> LiteralIndex:
        """Where keywords stand as they are written."""
        return LiteralIndex(self.candidates)

    # --- candidates beside each other ----------------------------------------------------------

    def alike(self, positions: NDArray[np.int64] | None) -> Floats:
        """(n, n) cosines of candidates' TF-IDF vectors."""
        if len(self.candidates) > MOST_COMPARED:
            matrix = self.matrix if positions is None else self.matrix[positions]
            return np.asarray((matrix @ matrix.T).todense(), dtype=np.float32)
        if self._alike is None:
            self._alike = np.asarray((self.matrix @ self.matrix.T).todense(), dtype=np.float32)
        return self._alike if positions is None else self._alike[positions][:, positions]

    def twins(self, positions: NDArray[np.int64]) -> NDArray[np.bool_]:
        """(n, n) which candidates are one piece of news."""
        if len(self.candidates) > MOST_COMPARED:
            return twins([self.candidates[i] for i in positions], self.alike(positions))
        if self._twins is None:
            self._twins = twins(self.candidates, self.alike(None))
        return self._twins[positions][:, positions]


def twins(papers: Sequence[Paper], alike: Floats) -> NDArray[np.bool_]:
    """(n, n) which papers are one piece of news; nobody is their own twin."""
    same = np.zeros(alike.shape, dtype=bool)
    close = np.argwhere(np.triu(alike > NEAR_VECTORS, 1)).tolist()
    words = {
        i: tuple(set(fold(part).split()) for part in papers[i].text.split("\n", 1))
        for i in {i for pair in close for i in pair}
    }
    for i, j in close:
        (title, abstract), (other_title, other_abstract) = words[i], words[j]
        long = min(len(abstract), len(other_abstract)) >= LONG_ABSTRACT
        if _overlap(title, other_title) >= NEAR_TITLES or (
            long and _overlap(abstract, other_abstract) >= NEAR_ABSTRACTS
        ):
            same[i, j] = same[j, i] = True
    return same


def _overlap(first: set[str], second: set[str]) -> float:
    return len(first & second) / max(1, len(first | second))


def _unit(vectors: Floats) -> Floats:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: Floats = np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)
    return unit


def _none(matrix: Any) -> Floats:
    return np.zeros((matrix.shape[0], 0), dtype=np.float32)
