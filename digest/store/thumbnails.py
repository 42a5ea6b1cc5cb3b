"""Small pictures of papers, by the key of their address."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

import sqlalchemy as sa

from digest.store import schema
from digest.store.database import Database, chunks, insert

_table = schema.thumbnails


class Thumbnails:
    """JPEGs; an empty one says that there is none to be had."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def get(self, keys: Collection[str]) -> dict[str, bytes]:
        found: dict[str, bytes] = {}
        with self._db.read() as connection:
            for part in chunks(dict.fromkeys(keys)):
                query = sa.select(_table.c.key, _table.c.jpeg).where(_table.c.key.in_(part))
                found |= {key: bytes(jpeg) for key, jpeg in connection.execute(query)}
        return found

    def add(self, pictures: Mapping[str, bytes], now: datetime) -> None:
        rows = [{"key": k, "jpeg": jpeg, "made_at": now} for k, jpeg in pictures.items()]
        if rows:
            with self._db.write() as connection:
                connection.execute(insert(connection, _table).on_conflict_do_nothing(), rows)
