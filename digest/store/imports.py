"""What each of a reader's libraries brought, and what of it could not be used."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from pydantic import TypeAdapter

from digest.model import Paper, StoredImport
from digest.store import schema
from digest.store.database import Database, insert

_table, _ratings = schema.imports, schema.ratings
_PAPER = TypeAdapter(Paper)


class Imports:
    """One row a reader and library."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def of(self, subscriber_id: str) -> tuple[StoredImport, ...]:
        """A reader's, the latest first."""
        query = (
            sa.select(_table)
            .where(_table.c.subscriber_id == subscriber_id)
            .order_by(_table.c.imported_at.desc(), _table.c.origin)
        )
        with self._db.read() as connection:
            return tuple(_from_row(row) for row in connection.execute(query).mappings())

    def get(self, subscriber_id: str, origin: str) -> StoredImport | None:
        query = sa.select(_table).where(
            _table.c.subscriber_id == subscriber_id, _table.c.origin == origin
        )
        with self._db.read() as connection:
            row = connection.execute(query).mappings().first()
        return None if row is None else _from_row(row)

    def save(self, found: StoredImport) -> None:
        row = {
            "imported_at": found.imported_at,
            "counts": found.counts,
            "n_entries": found.n_entries,
            "n_duplicates": found.n_duplicates,
            "faults": [list(f) for f in found.faults],
            "remarks": list(found.remarks),
            "by_title": dict(found.by_title),
            "corrections": dict(found.corrections),
        }
        key = {"subscriber_id": found.subscriber_id, "origin": found.origin}
        with self._db.write() as connection:
            connection.execute(
                insert(connection, _table)
                .values(**key, **row)
                .on_conflict_do_update(index_elements=list(key), set_=row)
            )

    def set_counts(self, found: StoredImport) -> None:
        """Make the papers of an import likes, or merely known, as it says now."""
        with self._db.transaction():
            self.save(found)
            with self._db.write() as connection:
                connection.execute(
                    _ratings.update().where(_mine(found)).values(value=int(found.counts))
                )

    def records(self, subscriber_id: str, origin: str) -> dict[str, Paper]:
        """What the library itself says of its papers, by the ids under which they are rated."""
        query = sa.select(_ratings.c.paper_id, _ratings.c.record).where(
            _ratings.c.subscriber_id == subscriber_id,
            _ratings.c.origin == origin,
            _ratings.c.record.is_not(None),
        )
        with self._db.read() as connection:
            rows = connection.execute(query).all()
        return {i: _PAPER.validate_python(record) for i, record in rows}

    def nameless(self, limit: int) -> tuple[tuple[StoredImport, Paper], ...]:
        """Records of imports that are known by their words alone and have no abstract."""
        query = (
            sa.select(_ratings.c.record, _table)
            .join(
                _table,
                (_table.c.subscriber_id == _ratings.c.subscriber_id)
                & (_table.c.origin == _ratings.c.origin),
            )
            .where(_ratings.c.paper_id.startswith("text:"), _ratings.c.record.is_not(None))
            .order_by(_ratings.c.rated_at.desc())
            .limit(limit)
        )
        with self._db.read() as connection:
            rows = connection.execute(query).mappings().all()
        found = [(_from_row(row), _PAPER.validate_python(row["record"])) for row in rows]
        return tuple((s, p) for s, p in found if p.title and not p.abstract)

    def move(
        self, found: StoredImport, old: str, new: str, record: Paper | None, now: datetime
    ) -> None:
        """Rate one paper of an import in place of another.

        Args:
            old: the id it was rated under; empty: it was not.
            record: what the library says of it.
        """
        kept = None
        if record is not None:
            kept = _PAPER.dump_python(record, mode="json", exclude_defaults=True)
        with self._db.write() as connection:
            here = _ratings.c.paper_id == old
            at = connection.scalar(sa.select(_ratings.c.rated_at).where(_mine(found), here))
            connection.execute(_ratings.delete().where(_mine(found), here))
            connection.execute(
                insert(connection, _ratings)
                .values(
                    subscriber_id=found.subscriber_id,
                    paper_id=new,
                    origin=found.origin,
                    value=int(found.counts),
                    rated_at=at or now,
                    record=kept,
                )
                .on_conflict_do_nothing()
            )

    def delete(self, subscriber_id: str, origin: str) -> None:
        mine = (_table.c.subscriber_id == subscriber_id) & (_table.c.origin == origin)
        with self._db.write() as connection:
            connection.execute(_table.delete().where(mine))


def _mine(found: StoredImport) -> sa.ColumnElement[bool]:
    """Its ratings."""
    return (_ratings.c.subscriber_id == found.subscriber_id) & (_ratings.c.origin == found.origin)


def _from_row(row: sa.RowMapping) -> StoredImport:
    return StoredImport(
        subscriber_id=row["subscriber_id"],
        origin=row["origin"],
        imported_at=row["imported_at"],
        counts=bool(row["counts"]),
        n_entries=row["n_entries"],
        n_duplicates=row["n_duplicates"],
        faults=tuple((str(ref), str(text)) for ref, text in row["faults"]),
        remarks=tuple(row["remarks"]),
        by_title=row["by_title"],
        corrections=row["corrections"],
    )
