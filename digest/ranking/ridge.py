"""Likes against the day: kernel ridge regression with all of the day's papers as negatives.

Every day's papers are labelled 0 and a liked paper 1, on the kernel

    k(x, y) = (x - mean) . (y - mean) + dense(x) . dense(y)

of TF-IDF vectors x, y centred on the day, and of what there is of dense ones (the meaning, a
language model). Solved for one like, with the day's half of the weight, the scores are
k(like, day) (I + K / (LAMBDA n))^-1: the directions in which the day's papers differ anyway count
less (Hastie, Tibshirani, Friedman, The Elements of Statistical Learning, 2nd ed., 3.4 and 5.8).
They are added over the likes, so that scores stay sums; solving for all likes of a reader at once
was worth nothing more (docs/ranking.md). Only directions whose variance is not far below LAMBDA
matter, and those are few: AXES of them are kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from sklearn.utils.extmath import randomized_svd

from digest.ranking.fitted import PRIOR_WEIGHT, mean_of

Floats = NDArray[np.float32]

#: variance at which a direction of the day counts half; of few papers, only what is plain
LAMBDA = 0.01
#: most directions that are looked at, and most of the day's papers that they are learned from
AXES, MOST_NEGATIVES = 50, 1_500
#: a candidate's nearest of the day, whose mean similarity says how near it is to everything
#: (hubness: Radovanovic, Nanopoulos, Ivanovic 2010; taken off as in cross-domain similarity local
#: scaling, Conneau et al. 2018), and its weight
NEIGHBOURS, HUBNESS = 20, 0.2


@dataclass(frozen=True, slots=True)
class Features:
    """Papers as the kernel sees them."""

    #: (n, n_terms) sparse TF-IDF vectors
    words: sp.csr_matrix
    #: (n, n_dimensions) of the dense parts, each scaled by the root of its weight
    dense: Floats


class DayRidge:
    """The day's papers as negatives."""

    def __init__(self, day: Features) -> None:
        self._day = day
        n = day.words.shape[0]
        #: (n_terms,) what is subtracted from every vector
        self.mean = mean_of(day.words)
        self.mean_square = float(self.mean @ self.mean)
        self._along_mean = self._onto_mean(day.words)
        step = max(1, -(-n // MOST_NEGATIVES))
        self._negatives = np.arange(0, n, step)
        some = Features(day.words[self._negatives], day.dense[self._negatives])
        product = np.asarray((day.words @ some.words.T).todense(), dtype=np.float32)
        kernel = self._centred(product, self._along_mean, self._along_mean[self._negatives])
        kernel += day.dense @ some.dense.T
        n_negatives = len(self._negatives)
        n_axes = min(AXES, n_negatives) if day.words.shape[1] else 0
        #: (n_negatives, n_axes) from similarities to coordinates
        self._axes: Floats = np.zeros((n_negatives, n_axes), dtype=np.float32)
        #: (n_axes,) what of each direction is taken off
        self.shrinkage: Floats = np.zeros(n_axes, dtype=np.float32)
        if n_axes:
            self._learn_axes(kernel[self._negatives], n_axes)
        self._coordinates: Floats = kernel @ self._axes
        others = kernel.copy()
        others[self._negatives, np.arange(n_negatives)] = -np.inf  # nobody is their own neighbour
        nearness = self._nearness(others)
        self._usual_nearness = float(nearness.mean()) if n else 0.0
        #: (n,) how much nearer each paper is to its neighbours than others are to theirs
        self.hubness = self._hubness(nearness)

    def _learn_axes(self, kernel: Floats, n_axes: int) -> None:
        vectors, values, _ = randomized_svd(kernel, n_axes, n_iter=4, random_state=0)
        values = np.maximum(values, 1e-6)
        self._axes = np.ascontiguousarray(vectors / np.sqrt(values), dtype=np.float32)
        half = LAMBDA * (len(kernel) + PRIOR_WEIGHT)
        self.shrinkage = (values / (values + half)).astype(np.float32)

    @staticmethod
    def _nearness(kernel: Floats) -> Floats:
        """(n,) mean similarity of each row to its nearest neighbours among the day's papers."""
        n, n_negatives = kernel.shape
        k = min(NEIGHBOURS, n_negatives - 1)
        if k < 1:
            return np.zeros(n, dtype=np.float32)
        nearest: Floats = np.partition(kernel, n_negatives - k, axis=1)[:, n_negatives - k :]
        return np.asarray(nearest.mean(axis=1), dtype=np.float32)

    def _hubness(self, nearness: Floats) -> Floats:
        n_negatives = len(self._negatives)
        trust = n_negatives / (n_negatives + PRIOR_WEIGHT)  # of few papers, neighbours are chance
        return np.asarray(HUBNESS * trust * (nearness - self._usual_nearness), dtype=np.float32)

    def _onto_mean(self, words: Any) -> Floats:
        found: Floats = np.asarray(words @ self.mean, dtype=np.float32).ravel()
        return found

    def _centred(self, product: Floats, along: Floats, across: Floats) -> Floats:
        centred: Floats = product - along[:, None] - across + np.float32(self.mean_square)
        return centred

    @property
    def n_axes(self) -> int:
        return len(self.shrinkage)

    def similarity(self, papers: Features, product: Floats) -> tuple[Floats, Floats, Floats]:
        """What a like of each paper says for each of the day's papers.

        Args:
            product: (n_papers, n) of the words' vectors with the day's.

        Returns:
            (n_papers, n); (n_papers, n_axes) where the papers lie in the day's directions; and
            (n_papers,) their hubness, were they of the day.
        """
        kernel = self._centred(product, self._onto_mean(papers.words), self._along_mean)
        # Without a known word a paper says nothing; its vector would be the mean's mirror.
        kernel[np.diff(papers.words.indptr) == 0] = 0
        kernel += papers.dense @ self._day.dense.T
        to_negatives = kernel[:, self._negatives]
        coordinates: Floats = to_negatives @ self._axes
        kernel -= (coordinates * self.shrinkage) @ self._coordinates.T
        return kernel, coordinates, self._hubness(self._nearness(to_negatives))

    def between(self, papers: Features, product: Floats, coordinates: Floats) -> Floats:
        """(n_papers, n_papers) what a like of each paper says for each of the others.

        Args:
            product: (n_papers, n_papers) of the words' vectors.
            coordinates: (n_papers, n_axes) as `similarity` told them.
        """
        along = self._onto_mean(papers.words)
        kernel = self._centred(product, along, along)
        empty = np.diff(papers.words.indptr) == 0
        kernel[empty], kernel[:, empty] = 0, 0
        kernel += papers.dense @ papers.dense.T
        kernel -= (coordinates * self.shrinkage) @ coordinates.T
        return kernel
