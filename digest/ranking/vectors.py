"""Documents as TF-IDF vectors: words, and pairs of words at a lower weight, of unit length."""

from __future__ import annotations

import re
from collections.abc import Sequence
from hashlib import blake2b
from itertools import pairwise
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS, CountVectorizer

from digest.model import Paper
from digest.scripts import grams, is_unspaced
from digest.text import fold

#: words that every abstract uses to speak about itself
_ACADEMIC = frozenset(
    "paper propose proposed proposes present presents study studies work works approach "
    "approaches result results et al using based show shows demonstrate demonstrates introduce "
    "novel new however use used furthermore additionally moreover experiments experimental "
    "code available https http www com github io".split()
)
STOP_WORDS = ENGLISH_STOP_WORDS | _ACADEMIC
#: words that say nothing when they stand alone, however much they weigh
EMPTY_ALONE = frozenset(
    "able according achieve achieves achieving across additional address aim aims allow allows "
    "analysis applied apply approach art based baseline benchmark benchmarks best better case "
    "challenge challenges class close common compared comparison consider considers consist "
    "consistent data dataset datasets demonstrate design designed develop developed different "
    "effective effectively efficient enable enables end evaluate evaluation evaluations "
    "existing far find findings finds framework general given good help helps high higher "
    "important improve improved improves including information input inputs key large later "
    "lead leads learn learning level levels leverage leverages like limited long low lower main "
    "make many method methods model models multiple need needs non number open order output "
    "outputs performance pre present problem problems process propose provide provides quality "
    "range real recent relies rely remain remains report reports require requires role second "
    "set short significant significantly simple single small specific standard state step "
    "strong sub system systems task tasks term test time training type types use uses usually "
    "value values various video videos way world year years".split()
)
#: words of two letters and more that are not numbers; hyphens part words
TOKEN = r"(?u)\b(?!\d+\b)[^\W_]{2,}\b"
_WORDS = re.compile(TOKEN).findall
#: below this, a word that stands in one document only is worth keeping
SMALL_CORPUS = 50
#: how often a title counts beside the abstract
TITLE_WEIGHT = 2
#: length of the pairs' part of a vector beside the words' part; docs/ranking.md has the trials
PAIR_WEIGHT = 0.5


def tells(term: str) -> bool:
    """Whether a term says something: not all of its words are empty.

    >>> tells("state art"), tells("coral state")
    (False, True)
    """
    return not EMPTY_ALONE.issuperset(term.split())


def document(paper: Paper) -> str:
    """What of a paper is read: title and abstract as a person reads them."""
    title, abstract = paper.text.split("\n", 1)
    return f"{(title + ' . ') * TITLE_WEIGHT}{abstract}"


def tokens(text: str) -> list[str]:
    """The words of a folded text in their order; pairs of characters where a script puts no blanks
    between words."""
    words = _WORDS(text)
    if text.isascii() or not is_unspaced(text):
        return words
    return [term for word in words for term in grams(word)]


def terms(text: str) -> list[str]:
    """The terms of a text: its words but those that every text has, and pairs of these.

    >>> terms("Coral reefs of the coral sea")
    ['coral', 'reefs', 'coral', 'sea', 'coral reefs', 'reefs coral', 'coral sea']
    """
    words = [w for w in tokens(fold(text)) if w not in STOP_WORDS]
    return words + list(map(" ".join, pairwise(words)))


def _digest(paper: Paper) -> bytes:
    """Stands for a paper's text."""
    text = f"{paper.title}\n{paper.abstract}".encode("utf-8", "surrogatepass")
    return blake2b(text, digest_size=16).digest()


def _counter(**options: Any) -> Any:
    return CountVectorizer(analyzer=terms, dtype=np.float32, **options)


def _lengths(groups: NDArray[np.int32], values: NDArray[np.float32]) -> NDArray[np.float32]:
    """(n,) for each value the length of the vector that those of its group make."""
    lengths: NDArray[np.float32] = np.sqrt(np.bincount(groups, values**2)).astype(np.float32)
    return lengths[groups]


class Vectors:
    """A vocabulary with its statistics, fitted to documents; other terms are not seen."""

    def __init__(self, documents: Sequence[Paper]) -> None:
        self._row_of: dict[bytes, int] = {}
        self._counter = _counter(min_df=2 if len(documents) >= SMALL_CORPUS else 1)
        try:
            counts = self._counter.fit_transform([document(p) for p in documents])
        except ValueError:
            # scikit-learn refuses an empty vocabulary: no documents, or nothing but stop words
            self._name((), np.zeros(0, dtype=np.float32))
            self.document_frequency = np.zeros(0, dtype=np.int64)
            self.matrix = sp.csr_matrix((len(documents), 0), dtype=np.float32)
            return
        n = counts.shape[0]
        self.document_frequency = np.bincount(counts.indices, minlength=counts.shape[1])
        idf = (np.log((1 + n) / (1 + self.document_frequency)) + 1).astype(np.float32)
        self._name(self._counter.get_feature_names_out().tolist(), idf)
        #: (n_documents, n_terms), the vectors of the documents fitted to
        self.matrix = self._weighted(counts)

    @classmethod
    def known(cls, names: Sequence[str], idf: NDArray[np.float32]) -> Vectors:
        """A vocabulary with statistics that were learned before; it has no documents."""
        made = cls.__new__(cls)
        made._row_of = {}
        made._counter = _counter(vocabulary=list(names) or [""])
        made._name(names, idf)
        made.document_frequency = np.zeros(len(names), dtype=np.int64)
        made.matrix = sp.csr_matrix((0, len(names)), dtype=np.float32)
        return made

    def _name(self, names: Sequence[str], idf: NDArray[np.float32]) -> None:
        #: a list, since one name of an array takes longer than all that is done with it
        self.names = list(names)
        self.idf = idf
        self._is_pair = np.array([" " in t for t in self.names], dtype=bool)

    @property
    def n_terms(self) -> int:
        return len(self.names)

    def _weighted(self, counts: Any) -> sp.csr_matrix:
        weights = (1 + np.log(counts.data)) * self.idf[counts.indices]
        is_pair = self._is_pair[counts.indices]
        rows = np.repeat(np.arange(counts.shape[0], dtype=np.int32), np.diff(counts.indptr))
        weights /= _lengths(2 * rows + is_pair, weights)
        weights[is_pair] *= np.float32(PAIR_WEIGHT)
        weights /= _lengths(rows, weights)
        vectors = sp.csr_matrix((weights, counts.indices, counts.indptr), shape=counts.shape)
        vectors.sort_indices()
        return vectors

    def keep(self, documents: Sequence[Paper]) -> None:
        """Of the documents fitted to keep these, the first ones: their texts are not taken apart
        again, as most of what readers like was listed once. Without any the statistics stay."""
        self._row_of = {_digest(p): row for row, p in enumerate(documents)}
        self.matrix = self.matrix[: len(documents)]

    def transform(self, papers: Sequence[Paper]) -> sp.csr_matrix:
        """(n_papers, n_terms) float32, rows of unit length or zero."""
        if not papers or not self.n_terms:
            return sp.csr_matrix((len(papers), self.n_terms), dtype=np.float32)
        rows = np.array([self._row_of.get(_digest(p), -1) for p in papers] if self._row_of else [])
        is_known = rows >= 0
        if not is_known.any():
            return self._read(papers)
        fresh = self._read([p for p, known in zip(papers, is_known, strict=True) if not known])
        known_first = sp.vstack([self.matrix[rows[is_known]], fresh], format="csr")
        moved = np.argsort(~is_known, kind="stable")  # which paper each of these rows is of
        return known_first[np.argsort(moved)]

    def _read(self, papers: Sequence[Paper]) -> sp.csr_matrix:
        return self._weighted(self._counter.transform([document(p) for p in papers]))

    def terms_of(self, text: str) -> NDArray[np.int64]:
        """Column numbers of the distinct terms in a piece of text."""
        if not self.n_terms:
            return np.array([], dtype=np.int64)
        found: NDArray[np.int64] = self._counter.transform([text]).indices.astype(np.int64)
        return found
