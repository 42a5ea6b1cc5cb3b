"""Nearest papers over everything stored: words, a paper, or a whole abstract as the question.

The similarity of the ranking's first view (`ranker`), in two steps, since an archive is larger
than a day: the words find some hundred papers through an inverted index, then damping and meaning
put them in order. Statistics come from the latest papers and are learned anew when the archive has
grown by half; papers that arrive in between are only added.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from digest.model import Paper
from digest.ranking.day import COMMONNESS
from digest.ranking.fitted import LATENT_DOCUMENTS
from digest.ranking.latent import Latent
from digest.ranking.vectors import Vectors

Floats = NDArray[np.float32]
#: papers that word statistics are learned from
LEARNED_FROM = 20_000
#: papers that the words find, of which the best are put in order
FOUND_BY_WORDS = 500
#: an archive that grew by this factor since its statistics were learned is learned anew
GROWTH = 1.5


class Hit(NamedTuple):
    """A paper that is near to a question."""

    paper_id: str
    #: about a cosine, in [0, 1]
    score: float


@dataclass(frozen=True, slots=True)
class Answer:
    """What a search found."""

    hits: tuple[Hit, ...]
    #: terms of the question that stand in the archive, weightiest first
    terms: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Statistics:
    """What an archive taught."""

    vectors: Vectors
    latent: Latent
    #: papers of the archive then
    n_papers: int
    #: median length of a paper in the leading directions; 0: there are none
    usual: float


@dataclass(frozen=True, slots=True, eq=False)
class Segment:
    """Papers in the order of arrival, as arrays that may lie in a file."""

    ids: Sequence[str]
    #: (n_terms + 1,), (n,), (n,): for each term the papers it stands in, and how heavily
    starts: NDArray[np.int64]
    rows: NDArray[np.int32]
    weights: Floats
    #: (n_papers, n_axes)
    coordinates: Floats
    #: (n_papers,) how much more than others a paper says what all say
    divisor: Floats

    @classmethod
    def of(cls, ids: Sequence[str], matrix: Any, latent: Latent, usual: float) -> Segment:
        postings = matrix.tocsc()
        coordinates: Floats = np.zeros((matrix.shape[0], 0), dtype=np.float32)
        divisor: Floats = np.ones(matrix.shape[0], dtype=np.float32)
        if latent.n_axes:
            coordinates = latent.coordinates(matrix)
            lengths = latent.directions(coordinates)[1].ravel()
            divisor = (np.clip(lengths / (usual or 1.0), 0.25, 4.0) ** COMMONNESS).astype(
                np.float32
            )
        return cls(
            ids,
            postings.indptr.astype(np.int64),
            postings.indices.astype(np.int32),
            postings.data,
            coordinates,
            divisor,
        )

    def __len__(self) -> int:
        return len(self.ids)

    def by_words(self, query: Any) -> Floats:
        """(n_papers,) cosines, adding up the postings of the question's terms alone."""
        scores: Floats = np.zeros(len(self), dtype=np.float32)
        for term, weight in zip(query.indices.tolist(), query.data.tolist(), strict=True):
            part = slice(self.starts[term], self.starts[term + 1])
            scores[self.rows[part]] += np.float32(weight) * self.weights[part]
        return scores


class Index:
    """An archive to search in; immutable, `with_more` makes a larger one.

    What came since its statistics were learned lies in a segment of its own, so that adding to it
    leaves the large one as it is, which may be a file that several processes read.

    Args:
        papers: in the order of arrival; the last ones teach the statistics.
    """

    def __init__(self, papers: Sequence[Paper]) -> None:
        learned = list(papers[-LEARNED_FROM:])
        vectors = Vectors(learned)
        matrix = vectors.matrix
        frequency = vectors.document_frequency if vectors.n_terms else np.zeros(0, dtype=np.int64)
        latent = Latent(matrix[-LATENT_DOCUMENTS:], frequency)
        older = vectors.transform(papers[: len(papers) - len(learned)])
        whole = sp.vstack([older, matrix]).tocsr()
        vectors.keep(())
        usual = 0.0
        if latent.n_axes and whole.shape[0]:
            usual = float(np.median(latent.directions(latent.coordinates(whole))[1]))
        statistics = Statistics(vectors, latent, len(papers), usual)
        self._set(statistics, Segment.of([p.id for p in papers], whole, latent, usual))

    @classmethod
    def known(cls, statistics: Statistics, base: Segment) -> Index:
        """An archive whose parts were made before."""
        made = object.__new__(cls)
        made._set(statistics, base)
        return made

    def _set(
        self, statistics: Statistics, base: Segment, recent: Any = None, ids: Sequence[str] = ()
    ) -> None:
        """
        Args:
            recent: (n, n_terms) the vectors of what came since then, and `ids` its papers.
        """
        self.statistics, self.base = statistics, base
        vectors, latent = statistics.vectors, statistics.latent
        self._matrix = vectors.transform(()) if recent is None else recent
        self._recent = Segment.of(ids, self._matrix, latent, statistics.usual)
        #: papers of the base that came again
        rows = [self._row_of_base[i] for i in ids if i in self._row_of_base] if ids else []
        self._gone = np.array(rows, dtype=np.int64)

    def __len__(self) -> int:
        return len(self.base) + len(self._recent) - len(self._gone)

    @property
    def n_recent(self) -> int:
        """Papers that came since the statistics were learned."""
        return len(self._recent)

    def with_more(self, papers: Sequence[Paper]) -> Index | None:
        """This and further papers, or None if the statistics should be learned anew."""
        known = self.statistics
        if not known.vectors.n_terms or len(self) + len(papers) > GROWTH * known.n_papers:
            return None
        again = {p.id for p in papers}
        kept = np.array([i not in again for i in self._recent.ids], dtype=bool)
        matrix = sp.vstack([self._matrix[kept], known.vectors.transform(papers)]).tocsr()
        ids = [i for i in self._recent.ids if i not in again] + [p.id for p in papers]
        more = object.__new__(Index)
        if "_row_of_base" in self.__dict__:
            more.__dict__["_row_of_base"] = self._row_of_base
        more._set(known, self.base, matrix, ids)
        return more

    @cached_property
    def _row_of_base(self) -> dict[str, int]:
        return {i: n for n, i in enumerate(self.base.ids)}

    @cached_property
    def _row_of_recent(self) -> dict[str, int]:
        return {i: n + len(self.base) for n, i in enumerate(self._recent.ids)}

    def _rows(self, ids: Collection[str]) -> list[int]:
        """Where papers stand; those that are not here are left out."""
        first, second = self._row_of_recent, self._row_of_base
        found = (first.get(i, second.get(i)) for i in ids)
        return [row for row in found if row is not None]

    def _at(self, rows: NDArray[np.int64]) -> tuple[Floats, Floats]:
        """Coordinates and divisors of rows."""
        n = len(self.base)
        inside = rows < n
        near = np.empty((len(rows), self.base.coordinates.shape[1]), dtype=np.float32)
        divisor = np.empty(len(rows), dtype=np.float32)
        for part, segment, first in ((inside, self.base, 0), (~inside, self._recent, n)):
            near[part] = segment.coordinates[rows[part] - first]
            divisor[part] = segment.divisor[rows[part] - first]
        return near, divisor

    def _ids(self, rows: NDArray[np.int64]) -> list[str]:
        n, base, recent = len(self.base), self.base.ids, self._recent.ids
        return [base[row] if row < n else recent[row - n] for row in rows.tolist()]

    def search(
        self,
        question: Paper,
        n: int,
        *,
        leave_out: str = "",
        within: Collection[str] | None = None,
    ) -> Answer:
        """The nearest papers, best first.

        Args:
            question: any words as title, abstract or both.
            leave_out: id of a paper that is not wanted, such as the question itself.
            within: ids of the only papers that are wanted; None: all.
        """
        vectors, latent = self.statistics.vectors, self.statistics.latent
        query = vectors.transform([question])
        if not query.nnz:
            return Answer((), ())
        order = np.argsort(-query.data, kind="stable")
        terms = tuple(vectors.names[i] for i in query.indices[order][:30].tolist())
        words = np.concatenate([self.base.by_words(query), self._recent.by_words(query)])
        words[self._gone] = 0
        if within is not None:
            wanted = np.zeros(len(words), dtype=bool)
            wanted[self._rows(within)] = True
            words[~wanted] = 0
        found = np.flatnonzero(words > 0)  # on numbers it takes ten times as long
        if not len(found):
            return Answer((), terms)
        if len(found) > FOUND_BY_WORDS:
            found = found[np.argpartition(words[found], -FOUND_BY_WORDS)[-FOUND_BY_WORDS:]]
        scores = words[found]
        if latent.n_axes:
            near, divisor = self._at(found)
            place = self._place_of(query)
            scores = scores - near @ (latent.damping * place)
            meaning, _ = latent.directions(place[None, :])
            scores = scores + latent.meaning * (latent.directions(near)[0] @ meaning[0])
            scores = scores / divisor
        best = np.lexsort((-found, -scores))[: n + 1]  # among equals the latest first
        hits = map(Hit, self._ids(found[best]), np.clip(scores[best], 0, 1).tolist())
        return Answer(tuple(islice((h for h in hits if h.paper_id != leave_out), n)), terms)

    def _place_of(self, query: Any) -> Floats:
        """(n_axes,) where a question lies; of all columns it touches only its own."""
        latent = self.statistics.latent
        at = np.searchsorted(latent.columns, query.indices)
        at = np.minimum(at, len(latent.columns) - 1)
        inside = latent.columns[at] == query.indices
        found: Floats = latent.axes[:, at[inside]] @ query.data[inside]
        return found
