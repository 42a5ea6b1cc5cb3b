"""Vectors of papers, by the text they were made of."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from digest.store import schema
from digest.store.database import Database, chunks, insert

_table = schema.embeddings


class Embeddings:
    """Vectors that were made already, by model and the key of their text."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def get(self, model: str, keys: Collection[str]) -> dict[str, NDArray[np.float32]]:
        found: dict[str, NDArray[np.float32]] = {}
        with self._db.read() as connection:
            for part in chunks(dict.fromkeys(keys)):
                query = sa.select(_table.c.key, _table.c.vector).where(
                    _table.c.model == model, _table.c.key.in_(part)
                )
                for key, vector in connection.execute(query):
                    found[key] = np.frombuffer(vector, dtype="<f2").astype(np.float32)
        return found

    def add(self, model: str, vectors: Mapping[str, NDArray[np.float32]], now: datetime) -> None:
        if not vectors:
            return
        rows = [
            # half precision changes a cosine by less than 0.001, and halves the file
            {"key": k, "model": model, "vector": v.astype("<f2").tobytes(), "made_at": now}
            for k, v in vectors.items()
        ]
        with self._db.write() as connection:
            connection.execute(insert(connection, _table).on_conflict_do_nothing(), rows)
