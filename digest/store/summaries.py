"""Summaries that a model wrote, so that none is asked for twice."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

import sqlalchemy as sa

from digest.model import Summary
from digest.store import schema
from digest.store.database import Database, chunks, insert

_table = schema.summaries


class Summaries:
    """By the key of a paper's text, a language and a model."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def get(self, model: str, language: str, keys: Collection[str]) -> dict[str, Summary]:
        found: dict[str, Summary] = {}
        with self._db.read() as connection:
            for part in chunks(keys):
                query = sa.select(_table).where(
                    _table.c.model == model, _table.c.language == language, _table.c.key.in_(part)
                )
                for row in connection.execute(query):
                    found[row.key] = Summary(sentence=row.sentence, title=row.title, model=model)
        return found

    def add(self, language: str, summaries: Mapping[str, Summary], now: datetime) -> None:
        rows = [
            {
                "key": key,
                "language": language,
                "model": s.model,
                "sentence": s.sentence,
                "title": s.title,
                "made_at": now,
            }
            for key, s in summaries.items()
        ]
        if rows:
            with self._db.write() as connection:
                connection.execute(insert(connection, _table).on_conflict_do_nothing(), rows)
