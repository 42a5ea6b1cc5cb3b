"""Documents as TF-IDF vectors: words and pairs of words, sublinear, of unit length."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.sparse as sp
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS, TfidfVectorizer

from digest.model import Paper

#: words that every abstract uses to speak about itself
_ACADEMIC = frozenset(
    "paper propose proposed proposes present presents study studies work works approach "
    "approaches result results et al using based show shows demonstrate demonstrates introduce "
    "novel new however use used furthermore additionally moreover experiments experimental "
    "code available https http www com github io".split()
)
STOP_WORDS = sorted(ENGLISH_STOP_WORDS | _ACADEMIC)
_LATEX = re.compile(r"\\[a-zA-Z]+\*?")
#: words of two letters and more that are not numbers; hyphens part words
TOKEN = r"(?u)\b(?!\d+\b)[^\W_]{2,}\b"
#: below this, a word that stands in one document only is worth keeping
SMALL_CORPUS = 50


def document(paper: Paper) -> str:
    """What of a paper is read: title and abstract without LaTeX commands."""
    return _LATEX.sub(" ", paper.text)


class Vectors:
    """A fitted vocabulary. Terms that no background document holds are not seen."""

    def __init__(self, background: Sequence[Paper]) -> None:
        self._vectorizer: Any = TfidfVectorizer(
            ngram_range=(1, 2),
            sublinear_tf=True,
            strip_accents="unicode",
            stop_words=STOP_WORDS,
            token_pattern=TOKEN,
            min_df=2 if len(background) >= SMALL_CORPUS else 1,
            dtype=np.float32,
        )
        self._known = self._fit([document(p) for p in background])

    def _fit(self, documents: list[str]) -> bool:
        try:
            self._vectorizer.fit(documents)
        except ValueError:
            # scikit-learn refuses an empty vocabulary: no documents, or nothing but stop words
            return False
        return True

    @property
    def n_terms(self) -> int:
        return len(self._vectorizer.vocabulary_) if self._known else 0

    @property
    def terms(self) -> Any:
        """(n_terms,) array of str, in column order."""
        return self._vectorizer.get_feature_names_out() if self._known else np.array([], dtype=str)

    def transform(self, papers: Sequence[Paper]) -> sp.csr_matrix:
        """(n_papers, n_terms) float32, rows of unit length or zero."""
        if not papers or not self._known:
            return sp.csr_matrix((len(papers), self.n_terms), dtype=np.float32)
        matrix: sp.csr_matrix = self._vectorizer.transform([document(p) for p in papers])
        return matrix
