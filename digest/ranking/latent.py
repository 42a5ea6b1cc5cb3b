"""The leading directions of a corpus: what to damp among words, and where meanings are compared."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.extmath import randomized_svd

Floats = NDArray[np.float32]

#: variance at which a leading direction is damped by half (unit vectors have a total of 1); with
#: few documents more is needed, as in any shrinkage: LAMBDA * (1 + LAMBDA_DOCUMENTS / n)
LAMBDA, LAMBDA_DOCUMENTS = 0.0015, 1500
#: exponent of the variance by which latent coordinates are scaled down; 0.5 would whiten them
LATENT_SCALE = 0.125
#: most leading directions, and how many documents it takes to learn one
MAX_AXES, DOCUMENTS_AN_AXIS = 200, 20
#: terms, most frequent first, that directions are learned on; rare ones stand in none
LATENT_TERMS = 15_000
#: weight of the meaning beside the words, where there are enough directions to tell it
MEANING, ENOUGH_AXES = 0.15, 20


class Latent:
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
        #: (n_columns, n_axes), the same the other way round: a paper's terms are rows of it
        self.by_column: Floats = np.zeros((len(self.columns), 0), dtype=np.float32)
        if not self.n_axes:
            return
        part = corpus[:, self.columns]
        _, singular, axes = randomized_svd(part, self.n_axes, n_iter=3, random_state=0)
        variance = np.maximum(singular**2 / n, 1e-9)
        self.axes = np.ascontiguousarray(axes, dtype=np.float32)
        self.by_column = np.ascontiguousarray(self.axes.T)
        shrinkage = LAMBDA * (1 + LAMBDA_DOCUMENTS / n)
        self.damping = (variance / (variance + shrinkage)).astype(np.float32)
        self.scale = (variance**-LATENT_SCALE).astype(np.float32)
        mean = np.asarray(part.mean(axis=0), dtype=np.float32).ravel()
        self.mean = self.axes @ mean

    @property
    def meaning(self) -> np.float32:
        """Weight of the meaning beside the words: in one direction, all papers are alike or
        opposite."""
        return np.float32(MEANING * min(1.0, self.n_axes / ENOUGH_AXES))

    @classmethod
    def known(
        cls,
        *,
        columns: NDArray[np.int64],
        axes: Floats,
        damping: Floats,
        scale: Floats,
        mean: Floats,
    ) -> Latent:
        """Directions that were learned before."""
        made = cls.__new__(cls)
        made.columns, made.axes, made.damping = columns, axes, damping
        made.scale, made.mean, made.n_axes = scale, mean, len(axes)
        made.by_column = np.ascontiguousarray(axes.T)
        return made

    def coordinates(self, matrix: Any) -> Floats:
        """(n, n_axes) in the leading directions."""
        found: Floats = np.asarray(matrix[:, self.columns] @ self.by_column, dtype=np.float32)
        return found

    def directions(
        self, coordinates: Floats, origin: Floats | None = None
    ) -> tuple[Floats, Floats]:
        """Scaled, centred coordinates of unit length, and their lengths before.

        Args:
            coordinates: (n, n_axes), or the first of the axes only.
            origin: (n_axes,) what is subtracted; None: the corpus's mean.
        """
        n = coordinates.shape[1]
        scaled = (coordinates - (self.mean if origin is None else origin)[:n]) * self.scale[:n]
        lengths = np.linalg.norm(scaled, axis=1, keepdims=True)
        return np.divide(scaled, lengths, out=np.zeros_like(scaled), where=lengths > 0), lengths
