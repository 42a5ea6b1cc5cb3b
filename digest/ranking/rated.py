"""Papers that readers rated, beside a day's candidates: added when they are first asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Protocol

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from digest.model import Paper
from digest.ranking.vectors import Vectors

Floats = NDArray[np.float32]

#: rated papers kept beside a day; with a thousand candidates they take 300 MB
MOST_RATED = 50_000


@dataclass(frozen=True, slots=True)
class Beside:
    """Some rated papers beside a day's candidates."""

    #: (n, n_terms) sparse
    vectors: sp.csr_matrix
    #: (n, n_axes)
    coordinates: Floats
    #: (n, n_dimensions) meaning and language model, as the ridge sees them
    dense: Floats
    #: (n, n_day_axes) where they lie in the directions in which the day's papers differ
    in_the_day: Floats
    #: (n,) how near they are to everything, were they of the day
    hubness: Floats
    #: (n, n_candidates)
    similarity: Floats


@dataclass(frozen=True, slots=True)
class Between:
    """Some rated papers beside each other."""

    #: (n, n) what a like of each (row) says for each (column)
    similarity: Floats
    #: (n,) what of each all papers share
    common: Floats
    #: (n, n) products of the directions that likes of them give a reader
    directions: Floats


class ComparesPapers(Protocol):
    """A day's candidates."""

    @property
    def candidates(self) -> Sequence[Paper]: ...

    @property
    def vectors(self) -> Vectors: ...

    @property
    def n_axes(self) -> int: ...

    def beside(self, papers: Sequence[Paper]) -> Beside: ...


class RatedPapers:
    """Rows of rated papers: their similarity to each candidate, their vectors and places."""

    def __init__(self, day: ComparesPapers) -> None:
        self._day = day
        self._known: dict[int, int] = {}
        self._known_by_content: dict[tuple[str, str, str], int] = {}
        # Kept, so that an id() above stays the name of its paper.
        self._kept: list[Paper] = []
        self._similarity = _Rows(len(day.candidates))
        self._coordinates = _Rows(day.n_axes)
        self._vectors: list[sp.csr_matrix] = []
        self._joined: sp.csr_matrix | None = None
        self._dense: _Rows | None = None
        self._in_the_day: _Rows | None = None
        self._hubness = _Rows(1)

    @property
    def n(self) -> int:
        return len(self._similarity)

    @property
    def is_full(self) -> bool:
        """Whether so much was rated that it is time to begin anew."""
        return self.n > MOST_RATED or len(self._kept) > 4 * MOST_RATED

    def rows(self, papers: Sequence[Paper]) -> NDArray[np.int32]:
        """Row numbers of rated papers in `similarity`; unknown ones are vectorised now."""
        return self.row_array((papers,))

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
            if id(paper) not in self._known and content_of(paper) not in self._known_by_content:
                fresh.setdefault(content_of(paper), paper)
        if fresh:
            self._append(tuple(fresh.values()))
        for paper in papers:
            if id(paper) not in self._known:
                self._known[id(paper)] = self._known_by_content[content_of(paper)]
                self._kept.append(paper)

    def _append(self, papers: tuple[Paper, ...]) -> None:
        found = self._day.beside(papers)
        first = self.n
        self._similarity.append(found.similarity)
        self._coordinates.append(found.coordinates)
        self._vectors.append(found.vectors)
        if self._dense is None or self._in_the_day is None:
            self._dense = _Rows(found.dense.shape[1])
            self._in_the_day = _Rows(found.in_the_day.shape[1])
        self._dense.append(found.dense)
        self._in_the_day.append(found.in_the_day)
        self._hubness.append(found.hubness[:, None])
        for n, paper in enumerate(papers):
            self._known_by_content[content_of(paper)] = first + n

    @property
    def similarity(self) -> Floats:
        """(n_rated, n_candidates)."""
        return self._similarity.values

    def vectors_of(self, rows: NDArray[np.int32]) -> sp.csr_matrix:
        """(n_rows, n_terms) vectors of rated papers."""
        return self._all()[rows]

    def _all(self) -> sp.csr_matrix:
        if len(self._vectors) > 1 or self._joined is None:
            # Joined when they are asked for: papers come in many small groups.
            none = sp.csr_matrix((0, self._day.vectors.n_terms), dtype=np.float32)
            self._joined = sp.vstack([none, *self._vectors], format="csr")
            self._vectors = [self._joined]
        return self._joined

    def are_empty(self, rows: NDArray[np.int32]) -> NDArray[np.bool_]:
        """(n_rows,) whether rated papers hold no term."""
        bounds = self._all().indptr
        found: NDArray[np.bool_] = bounds[rows + 1] == bounds[rows]
        return found

    def terms_of(self, row: int) -> NDArray[np.int32]:
        """Columns of the terms of one rated paper, in order."""
        matrix = self._all()
        columns: NDArray[np.int32] = matrix.indices[matrix.indptr[row] : matrix.indptr[row + 1]]
        return columns

    def coordinates_of(self, rows: NDArray[np.int32]) -> Floats:
        """(n_rows, n_axes) of rated papers."""
        return self._coordinates.values[rows]

    def hubness_of(self, rows: NDArray[np.int32]) -> Floats:
        """(n_rows,) how near rated papers are to everything of the day."""
        found: Floats = self._hubness.values[rows, 0]
        return found

    def dense_of(self, rows: NDArray[np.int32]) -> Floats:
        """(n_rows, n_dimensions) meaning and language model of rated papers."""
        return _rows_of(self._dense, rows)

    def in_the_day_of(self, rows: NDArray[np.int32]) -> Floats:
        """(n_rows, n_day_axes) where rated papers lie in the day's directions."""
        return _rows_of(self._in_the_day, rows)


def _rows_of(found: _Rows | None, rows: NDArray[np.int32]) -> Floats:
    return np.zeros((len(rows), 0), dtype=np.float32) if found is None else found.values[rows]


class _Rows:
    """A matrix that grows downwards."""

    def __init__(self, width: int) -> None:
        self._values = np.zeros((0, width), dtype=np.float32)
        self._n = 0

    def __len__(self) -> int:
        return self._n

    @property
    def values(self) -> Floats:
        return self._values[: self._n]

    def append(self, rows: Floats) -> None:
        needed = self._n + len(rows)
        if needed > len(self._values):
            grown = np.zeros((max(needed, 2 * self._n), self._values.shape[1]), dtype=np.float32)
            grown[: self._n] = self.values
            self._values = grown
        self._values[self._n : needed] = rows
        self._n = needed


def content_of(paper: Paper) -> tuple[str, str, str]:
    """What makes two records the same to the ranker."""
    return paper.id, paper.title, paper.abstract
