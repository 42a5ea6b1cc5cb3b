"""Papers as meanings: each is encoded once, and then read from the store."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from digest.model import Paper
from digest.ports import Clock, Encoder

if TYPE_CHECKING:
    from digest.store.embeddings import Embeddings as EmbeddingStore

#: models read some 250 words; more characters only cost time
MAX_CHARS = 2_000
BATCH = 256


def text_of(paper: Paper) -> str:
    return f"{paper.title}. {paper.abstract}"[:MAX_CHARS]


def key_of(text: str) -> str:
    """A changed abstract is another text."""
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


class Embeddings:
    """Callable as `ranking.Embed`: papers to an array of unit vectors."""

    def __init__(
        self,
        encoder: Encoder,
        store: EmbeddingStore,
        clock: Clock,
        progress: Callable[[str], None] = lambda line: None,
    ) -> None:
        self._encoder, self._store, self._clock = encoder, store, clock
        self._progress = progress

    def __call__(self, papers: Sequence[Paper]) -> NDArray[np.float32]:
        """(n_papers, n_dimensions) float32, rows of unit length.

        Raises:
            DigestError: the model cannot be used.
        """
        texts = [text_of(p) for p in papers]
        keys = [key_of(t) for t in texts]
        known = self._store.get(self._encoder.model, keys)
        missing = {k: t for k, t in zip(keys, texts, strict=True) if k not in known}
        todo = list(missing.items())
        for start in range(0, len(todo), BATCH):
            part = todo[start : start + BATCH]
            self._progress(f"Encoding papers: {start + len(part)} of {len(todo)}")
            vectors = self._encoder.encode([text for _, text in part])
            # Kept after each batch, so that an interrupted first day does not begin anew.
            found = {key: vector for (key, _), vector in zip(part, vectors, strict=True)}
            self._store.add(self._encoder.model, found, self._clock())
            known |= found
        if not keys:
            return np.zeros((0, 0), dtype=np.float32)
        return np.stack([known[k] for k in keys])
