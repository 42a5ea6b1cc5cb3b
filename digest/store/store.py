"""One object for the three narrow views of `ports`, and the log of runs."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from pydantic import TypeAdapter

from digest.model import DayReport
from digest.store import schema
from digest.store.archive import ArchiveTables
from digest.store.database import Database, insert, rotate_keys
from digest.store.deliveries import OutboxTables
from digest.store.embeddings import EmbeddingTables
from digest.store.subscribers import SubscriberTables

_REPORT = TypeAdapter(DayReport)
LONGEST_WAIT = timedelta(minutes=1)
#: blocks of an issue are composed within minutes; a few are retried
ISSUES_KEPT = timedelta(hours=6)


def _random_id() -> str:
    return uuid.uuid4().hex  # noqa: TID251 - the one place where a new subscriber gets a name


class SqlStore(SubscriberTables, OutboxTables, EmbeddingTables, ArchiveTables):
    """Implements `ports.Store` on SQLite and on PostgreSQL."""

    def __init__(
        self,
        database: Database,
        *,
        keys: tuple[bytes, ...],
        new_id: Callable[[], str] = _random_id,
    ) -> None:
        self._db = database
        self._new_id = new_id
        #: behind links and message ids, the newest last; never shown
        self.keys = keys

    @property
    def name(self) -> str:
        """As messages call it."""
        return self._db.name

    @property
    def alone(self) -> bool:
        """Whether one process at a time does all the work."""
        return self._db.alone

    def close(self) -> None:
        self._db.close()

    def __enter__(self) -> SqlStore:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def record_run(self, report: DayReport) -> None:
        with self._db.write() as connection:
            connection.execute(
                schema.runs.insert().values(
                    started_at=report.started_at, report=_REPORT.dump_python(report, mode="json")
                )
            )

    def runs(self, limit: int) -> tuple[DayReport, ...]:
        query = sa.select(schema.runs.c.report).order_by(schema.runs.c.id.desc()).limit(limit)
        with self._db.read() as connection:
            return tuple(_REPORT.validate_python(r) for r in connection.scalars(query))

    def reserve(
        self,
        host: str,
        now: datetime,
        interval_s: float,
        n: int = 1,
        longest: timedelta = LONGEST_WAIT,
    ) -> float:
        """Take the next turns at a service; returns the seconds to wait for the first.

        All processes of this database queue up here. A clock that was set back, or a crowd, never
        makes anybody wait for longer than `longest`.
        """
        table, interval = schema.paces, timedelta(seconds=interval_s)
        with self._db.write(f"pace:{host}") as connection:
            free_at = connection.scalar(sa.select(table.c.free_at).where(table.c.host == host))
            turn = max(now, free_at or now)
            if turn > now + longest:
                turn = now + interval
            row = {"free_at": turn + n * interval}
            connection.execute(
                insert(connection, table)
                .values(host=host, **row)
                .on_conflict_do_update(index_elements=["host"], set_=row)
            )
        return (turn - now).total_seconds()

    def waiting(self, host: str, now: datetime) -> float:
        """The seconds until somebody who would `reserve` now had a turn; takes none."""
        query = sa.select(schema.paces.c.free_at).where(schema.paces.c.host == host)
        with self._db.read() as connection:
            free_at: datetime | None = connection.scalar(query)
        return max(0.0, (free_at - now).total_seconds()) if free_at else 0.0

    def remembered(self, key: str) -> str:
        """A fact about this installation, such as the version of a library; or nothing."""
        query = sa.select(schema.meta.c.value).where(schema.meta.c.key == f"fact:{key}"[:64])
        with self._db.read() as connection:
            return connection.scalar(query) or ""

    def remember(self, key: str, value: str) -> None:
        row = {"value": value}
        with self._db.write() as connection:
            connection.execute(
                insert(connection, schema.meta)
                .values(key=f"fact:{key}"[:64], **row)
                .on_conflict_do_update(index_elements=["key"], set_=row)
            )

    def keep_issue(self, name: str, last_mention: int, ranking: bytes, now: datetime) -> None:
        """Keep what was fitted for an issue, and forget those that nobody composes any more."""
        table = schema.issues
        row = {"made_at": now, "last_mention": last_mention, "ranking": ranking}
        with self._db.write() as connection:
            connection.execute(table.delete().where(table.c.made_at < now - ISSUES_KEPT))
            connection.execute(
                insert(connection, table).values(id=name, **row).on_conflict_do_nothing()
            )

    def issue(self, name: str) -> tuple[int, bytes] | None:
        """The last mention and the fitted ranking of an issue."""
        table = schema.issues
        query = sa.select(table.c.last_mention, table.c.ranking).where(table.c.id == name)
        with self._db.read() as connection:
            row = connection.execute(query).first()
            return (row[0], bytes(row[1])) if row else None

    def upgrade(self, key: str, work: Callable[[Any, str], str]) -> None:
        """Change tables that are not ours, and remember for which version, in one transaction.

        Args:
            work: gets the driver's connection and what was remembered; returns what to remember.
        """
        name = f"fact:{key}"[:64]
        with self._db.write("migrate") as connection:
            known = connection.scalar(
                sa.select(schema.meta.c.value).where(schema.meta.c.key == name)
            )
            row = {"value": work(connection.connection.driver_connection, known or "")}
            if row["value"] != known:
                connection.execute(
                    insert(connection, schema.meta)
                    .values(key=name, **row)
                    .on_conflict_do_update(index_elements=["key"], set_=row)
                )

    def server_time(self) -> datetime | None:
        """What the server's clock says; None if there is no server."""
        if self.alone:
            return None
        with self._db.read() as connection:
            found: datetime | None = connection.scalar(sa.text("SELECT clock_timestamp()"))
        return found

    def facts(self, prefix: str) -> dict[str, str]:
        """What is remembered under keys that begin so."""
        table = schema.meta
        query = sa.select(table.c.key, table.c.value).where(
            table.c.key.startswith(f"fact:{prefix}", autoescape=True)
        )
        with self._db.read() as connection:
            return {key.removeprefix("fact:"): value for key, value in connection.execute(query)}

    def forget(self, key: str) -> None:
        """Remember nothing under a key."""
        with self._db.write() as connection:
            connection.execute(schema.meta.delete().where(schema.meta.c.key == f"fact:{key}"[:64]))

    def exclusive(self) -> AbstractContextManager[bool]:
        """See `ports.RunLog`."""
        return self._db.exclusive()

    def rotate_keys(self, *, revoke: bool) -> None:
        """See `database.rotate_keys`."""
        self.keys = rotate_keys(self._db, revoke=revoke)

    def backup(self, target: Path) -> None:
        """A sound copy, while others read and write.

        Raises:
            StoreError: the target is there already, or cannot be written.
        """
        self._db.copy_to(target)

    def counts(self) -> dict[str, Any]:
        """Rows a table, for `digest status`."""
        with self._db.read() as connection:
            return {
                t.name: connection.scalar(sa.select(sa.func.count()).select_from(t))
                for t in (schema.papers, schema.editions, schema.ratings)
            }
