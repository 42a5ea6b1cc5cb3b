"""What is learned from a background and a day's papers once, for all readers and all workers."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from digest.model import Paper
from digest.ranking.latent import Latent
from digest.ranking.vectors import Vectors

Floats = NDArray[np.float32]

#: background documents that directions are learned from: the first, so hand the latest over first
LATENT_DOCUMENTS = 5_000
#: empty documents that means are thought to hold: what few papers have in common is chance
PRIOR_WEIGHT = 50.0


@dataclass(frozen=True, slots=True)
class Fitted:
    """Vocabulary, leading directions, and the day's papers in them."""

    vectors: Vectors
    #: (n_candidates, n_terms) sparse
    matrix: sp.csr_matrix
    latent: Latent
    #: (n_terms,) what all papers share
    common_vector: Floats

    @classmethod
    def to(cls, background: Sequence[Paper], candidates: Sequence[Paper]) -> Fitted:
        """Learn from these; the background's latest papers first."""
        ids = {p.id for p in candidates}
        others = [p for p in background if p.id not in ids]
        vectors = Vectors([*others, *candidates])
        whole = vectors.matrix
        day = whole[len(others) :]
        corpus = whole
        if len(others) > LATENT_DOCUMENTS:
            corpus = sp.vstack([whole[:LATENT_DOCUMENTS], day]).tocsr()
        latent = Latent(corpus, vectors.document_frequency)
        both = mean_of(day) + mean_of(whole[: len(others)])
        vectors.keep(others)
        return cls(vectors, day, latent, (both / 2).astype(np.float32))

    # --- as bytes ------------------------------------------------------------------------------

    def to_bytes(self, names: Sequence[str]) -> bytes:
        """Arrays in NumPy's own format, which holds no code.

        Args:
            names: of the candidates, in order.
        """
        latent = self.latent
        file = io.BytesIO()
        np.savez(
            file,
            names=_as_array(names),
            terms=_as_array(self.vectors.names),
            idf=self.vectors.idf,
            data=self.matrix.data,
            indices=self.matrix.indices,
            indptr=self.matrix.indptr,
            columns=latent.columns,
            axes=latent.axes,
            damping=latent.damping,
            scale=latent.scale,
            mean=latent.mean,
            common_vector=self.common_vector,
        )
        return file.getvalue()

    @classmethod
    def of_bytes(cls, data: bytes) -> tuple[Fitted, tuple[str, ...]]:
        """What `to_bytes` made, and the names of the candidates.

        Raises:
            ValueError: it did not make these.
        """
        try:
            with np.load(io.BytesIO(data), allow_pickle=False) as found:
                parts = {name: found[name] for name in found.files}
            names, terms = _as_names(parts["names"]), _as_names(parts["terms"])
            shape = (len(names), len(terms))
            matrix = sp.csr_matrix(
                (parts["data"], parts["indices"], parts["indptr"]), shape=shape, dtype=np.float32
            )
            latent = Latent.known(
                columns=parts["columns"],
                axes=parts["axes"],
                damping=parts["damping"],
                scale=parts["scale"],
                mean=parts["mean"],
            )
            vectors = Vectors.known(terms, parts["idf"])
            return cls(vectors, matrix, latent, parts["common_vector"]), names
        except (KeyError, ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
            raise ValueError(f"these are not the bytes of a fitted ranking: {error}") from error


def _as_array(names: Sequence[str]) -> NDArray[np.uint8]:
    return np.frombuffer("\n".join(names).encode(), dtype=np.uint8)


def _as_names(array: NDArray[np.uint8]) -> tuple[str, ...]:
    text = array.tobytes().decode()
    return tuple(text.split("\n")) if text else ()


def mean_of(matrix: sp.csr_matrix) -> Floats:
    """(n_terms,) of the rows, and some empty ones."""
    total = np.asarray(matrix.sum(axis=0), dtype=np.float32).ravel()
    return total / np.float32(matrix.shape[0] + PRIOR_WEIGHT)
