"""A day's candidates, and how alike each is to every paper that some reader rated.

Made once a day and shared by all readers; rated papers are added when they are first asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from digest.model import Paper
from digest.ranking.latent import Latent
from digest.ranking.vectors import Vectors

Floats = NDArray[np.float32]
#: papers to unit vectors, by a language model: (n_papers, n_dimensions)
Meanings = Callable[[Sequence[Paper]], Floats]

#: weight of the meaning beside the words
MEANING = 0.15
#: exponent of a candidate's share in the leading directions
COMMONNESS = 0.25
#: background documents that directions are learned from: the first, so hand the latest over first
LATENT_DOCUMENTS = 5_000
#: empty documents that means are thought to hold: what few papers have in common is chance
PRIOR_WEIGHT = 50.0


class Day:
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
        corpus = matrix
        if len(others) > LATENT_DOCUMENTS:
            corpus = sp.vstack([matrix[:LATENT_DOCUMENTS], self.matrix]).tocsr()
        n_terms = self.vectors.n_terms
        frequency = self.vectors.document_frequency if n_terms else np.zeros(0, dtype=np.int64)
        self.latent = Latent(corpus, frequency)
        self.common_vector = (mean_of(self.matrix) + mean_of(matrix[: len(others)])) / 2
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


def mean_of(matrix: Any) -> Floats:
    total = np.asarray(matrix.sum(axis=0), dtype=np.float32).ravel()
    return total / np.float32(matrix.shape[0] + PRIOR_WEIGHT)
