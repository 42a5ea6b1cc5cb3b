"""What came of each reader's latest date."""

from __future__ import annotations

from collections.abc import Collection

import sqlalchemy as sa

from digest.model import HistoryEntry
from digest.store import schema
from digest.store.database import Database, chunks


class Outcomes:
    """The latest date of each reader: a mail and its state, or nothing and the reason."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def latest(self, subscriber_ids: Collection[str]) -> dict[str, HistoryEntry]:
        mails, empty = schema.deliveries, schema.empty_days
        found: dict[str, HistoryEntry] = {}
        with self._db.read() as connection:
            for part in chunks(subscriber_ids):
                for table in (empty, mails):
                    newest = (
                        sa.select(
                            table.c.subscriber_id, sa.func.max(table.c.edition_date).label("day")
                        )
                        .where(table.c.subscriber_id.in_(part))
                        .group_by(table.c.subscriber_id)
                        .subquery()
                    )
                    query = sa.select(table).join(
                        newest,
                        sa.and_(
                            newest.c.subscriber_id == table.c.subscriber_id,
                            newest.c.day == table.c.edition_date,
                        ),
                    )
                    for row in connection.execute(query).mappings():
                        entry = _mail(row) if table is mails else _nothing(row)
                        known = found.get(row["subscriber_id"])
                        if known is None or entry.edition_date >= known.edition_date:
                            found[row["subscriber_id"]] = entry
        return found


def _mail(row: sa.RowMapping) -> HistoryEntry:
    return HistoryEntry(
        edition_date=row["edition_date"],
        outcome=row["state"],
        kind=row["kind"],
        detail=row["reply"],
        attempts=row["attempts"],
        doubts=row["doubts"],
        at=row["settled_at"],
        next_at=row["next_at"],
    )


def _nothing(row: sa.RowMapping) -> HistoryEntry:
    return HistoryEntry(
        edition_date=row["edition_date"], outcome=row["reason"], detail=row["detail"]
    )
