"""A local sentence-transformers model, for those who installed the extra `semantic`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from digest.distribution import missing
from digest.errors import DigestError


class SentenceEncoder:
    """Implements `ports.Encoder`; the model is loaded when the first text comes.

    Args:
        model: a folder with a model, or a name that sentence-transformers knows.
    """

    def __init__(self, model: str) -> None:
        self.model = model
        self._loaded: Any = None

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """(n_texts, n_dimensions), rows of unit length.

        Raises:
            DigestError: the extra is not installed, or the model cannot be loaded.
        """
        if self._loaded is None:
            self._loaded = self._load()
        found = self._loaded.encode(
            list(texts), batch_size=32, normalize_embeddings=True, show_progress_bar=False
        )
        return np.asarray(found, dtype=np.float32)

    def _load(self) -> Any:
        try:
            from sentence_transformers import SentenceTransformer
        except ImportError as error:
            raise DigestError(
                missing("[ranking] semantic", "sentence-transformers", "semantic")
                + ". Without the key everything works as before."
            ) from error
        path = Path(self.model).expanduser()
        try:
            return SentenceTransformer(
                str(path) if path.exists() else self.model, local_files_only=path.exists()
            )
        except Exception as error:  # it raises whatever its parts raise: OSError, ValueError, ...
            first = str(error).strip().splitlines()[0] if str(error).strip() else repr(error)
            raise DigestError(
                f"[ranking] semantic: the model {self.model!r} cannot be loaded ({first[:200]}). "
                "Name a folder that holds a sentence-transformers model."
            ) from error
