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
from typing import Any

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


@dataclass(frozen=True, slots=True)
class Hit:
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


class Index:
    """An archive to search in; immutable, `with_more` makes a larger one.

    Args:
        papers: in the order of arrival; the last ones teach the statistics.
    """

    def __init__(self, papers: Sequence[Paper]) -> None:
        learned = list(papers[-LEARNED_FROM:])
        self._vectors = Vectors(learned)
        matrix = self._vectors.matrix
        n_terms = self._vectors.n_terms
        frequency = self._vectors.document_frequency if n_terms else np.zeros(0, dtype=np.int64)
        self._latent = Latent(matrix[-LATENT_DOCUMENTS:], frequency)
        self._n_learned = len(papers)
        older = self._vectors.transform(papers[: len(papers) - len(learned)])
        self._ids: list[str] = [p.id for p in papers]
        self._place(sp.vstack([older, matrix]).tocsr())

    def _place(self, matrix: Any) -> None:
        self._matrix = matrix
        #: for each term the papers it stands in
        self._postings = matrix.tocsc()
        latent = self._latent
        if latent.n_axes:
            self._coordinates = latent.coordinates(matrix)
            _, lengths = latent.directions(self._coordinates)
            usual = float(np.median(lengths)) if len(lengths) else 1.0
            shares = np.clip(lengths.ravel() / (usual or 1.0), 0.25, 4.0)
            self._divisor = (shares**COMMONNESS).astype(np.float32)
        else:
            self._coordinates = np.zeros((matrix.shape[0], 0), dtype=np.float32)
            self._divisor = np.ones(matrix.shape[0], dtype=np.float32)

    def __len__(self) -> int:
        return len(self._ids)

    def with_more(self, papers: Sequence[Paper]) -> Index | None:
        """This and further papers, or None if the statistics should be learned anew."""
        if not len(self._vectors.terms) or len(self) + len(papers) > GROWTH * self._n_learned:
            return None
        more = object.__new__(Index)
        more._vectors, more._latent, more._n_learned = self._vectors, self._latent, self._n_learned
        known = self._row_of
        again = [known[p.id] for p in papers if p.id in known]
        kept = np.ones(len(self), dtype=bool)
        kept[again] = False
        more._ids = [i for i, k in zip(self._ids, kept, strict=True) if k] + [p.id for p in papers]
        more._place(sp.vstack([self._matrix[kept], self._vectors.transform(papers)]).tocsr())
        return more

    @cached_property
    def _row_of(self) -> dict[str, int]:
        return {i: n for n, i in enumerate(self._ids)}

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
        query = self._vectors.transform([question])
        if not query.nnz:
            return Answer((), ())
        order = np.argsort(-query.data, kind="stable")
        terms = tuple(str(self._vectors.terms[i]) for i in query.indices[order][:30])
        words = self._by_words(query)
        if within is not None:
            wanted = np.zeros(len(words), dtype=bool)
            wanted[[self._row_of[i] for i in within if i in self._row_of]] = True
            words[~wanted] = 0
        n_found = min(FOUND_BY_WORDS, int(np.count_nonzero(words)))
        if not n_found:
            return Answer((), terms)
        found = np.argpartition(-words, n_found - 1)[:n_found]
        scores = words[found]
        latent = self._latent
        if latent.n_axes:
            place = self._place_of(query)
            near = self._coordinates[found]
            scores = scores - near @ (latent.damping * place)
            meaning, _ = latent.directions(place[None, :])
            scores = scores + latent.meaning * (latent.directions(near)[0] @ meaning[0])
            scores = scores / self._divisor[found]
        best = np.lexsort((-found, -scores))[: n + 1]  # among equals the latest first
        hits = [
            Hit(self._ids[at], min(1.0, max(0.0, score)))
            for at, score in zip(found[best].tolist(), scores[best].tolist(), strict=True)
            if self._ids[at] != leave_out
        ]
        return Answer(tuple(hits[:n]), terms)

    def _place_of(self, query: Any) -> Floats:
        """(n_axes,) where a question lies; of all columns it touches only its own."""
        latent = self._latent
        at = np.searchsorted(latent.columns, query.indices)
        at = np.minimum(at, len(latent.columns) - 1)
        inside = latent.columns[at] == query.indices
        found: Floats = latent.axes[:, at[inside]] @ query.data[inside]
        return found

    def _by_words(self, query: Any) -> Floats:
        """(n_papers,) cosines, adding up the postings of the question's terms alone."""
        scores: Floats = np.zeros(len(self), dtype=np.float32)
        starts, rows, values = (
            self._postings.indptr,
            self._postings.indices,
            self._postings.data,
        )
        for term, weight in zip(query.indices, query.data, strict=True):
            part = slice(starts[term], starts[term + 1])
            scores[rows[part]] += weight * values[part]
        return scores
