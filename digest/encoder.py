"""Local language models that turn texts into vectors, for those who installed an extra.

- `wordllama` (extra `semantic`): a vector for each of 32,000 pieces of words, averaged. Its weights
  are in the package, so nothing is downloaded; a paper takes less than a millisecond.
- any model of sentence-transformers (extra `transformers`): better, and a hundred times slower.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from digest.distribution import missing
from digest.errors import DigestError
from digest.ports import Encoder

#: what [ranking] semantic calls the light model
STATIC = "wordllama"


def encoder_of(model: str) -> Encoder:
    """The encoder that [ranking] semantic names."""
    return StaticEncoder() if model == STATIC else SentenceEncoder(model)


class StaticEncoder:
    """Implements `ports.Encoder` with the weights that the package wordllama carries.

    Read by the libraries that wordllama itself rests on: its own loader looks for the tokenizer on
    the network although the package holds it.
    """

    model = STATIC

    def __init__(self) -> None:
        self._loaded: tuple[Any, NDArray[np.float32]] | None = None

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """(n_texts, 256), rows of unit length, or zero for a text without words.

        Raises:
            DigestError: the extra is not installed, or holds no weights.
        """
        if self._loaded is None:
            self._loaded = self._load()
        tokenizer, weights = self._loaded
        found = np.zeros((len(texts), weights.shape[1]), dtype=np.float32)
        for n, encoded in enumerate(tokenizer.encode_batch(list(texts), add_special_tokens=False)):
            if encoded.ids:
                found[n] = weights[encoded.ids].mean(axis=0)
        lengths = np.linalg.norm(found, axis=1, keepdims=True)
        unit: NDArray[np.float32] = np.divide(
            found, lengths, out=np.zeros_like(found), where=lengths > 0
        )
        return unit

    def _load(self) -> tuple[Any, NDArray[np.float32]]:
        try:
            from safetensors.numpy import load_file
            from tokenizers import Tokenizer
        except ImportError as error:
            raise DigestError(_missing(STATIC, "semantic")) from error
        spec = find_spec(STATIC)  # it is not imported: that alone would take half a second
        if spec is None or not spec.origin:
            raise DigestError(_missing(STATIC, "semantic"))
        package = Path(spec.origin).parent
        try:
            tokenizer = Tokenizer.from_file(
                str(package / "tokenizers" / "l2_supercat_tokenizer_config.json")
            )
            tensors = load_file(str(package / "weights" / "l2_supercat_256.safetensors"))
        except Exception as error:  # tokenizers raises Exception itself
            raise DigestError(
                f"[ranking] semantic: the package {STATIC} holds no model that can be read "
                f"({str(error)[:200]}). Install wordllama 0.2.2 or later."
            ) from error
        tokenizer.no_padding()
        tokenizer.no_truncation()
        (weights,) = tensors.values()
        return tokenizer, weights.astype(np.float32)


def _missing(module: str, extra: str) -> str:
    return (
        missing("[ranking] semantic", module, extra)
        + ". Without the key everything works as before."
    )


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
            raise DigestError(_missing("sentence-transformers", "transformers")) from error
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
