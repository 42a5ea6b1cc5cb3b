"""Small things that processes of one database share: facts, rate limits, rankings, runs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from pydantic import TypeAdapter

from digest.model import DayReport, RankingSnapshot, RunRecord
from digest.store import schema
from digest.store.database import Database, insert

_RECORD = TypeAdapter(RunRecord)
LONGEST_WAIT = timedelta(minutes=1)
#: blocks of an edition are composed within minutes; a few are retried
SNAPSHOTS_KEPT = timedelta(hours=6)


class KeyValues:
    """Facts that outlive a run, such as the version of a library."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def get(self, key: str) -> str:
        """A fact about this installation, such as the version of a library; or nothing."""
        query = sa.select(schema.meta.c.value).where(schema.meta.c.key == f"fact:{key}"[:64])
        with self._db.read() as connection:
            return connection.scalar(query) or ""

    def set(self, key: str, value: str) -> None:
        row = {"value": value}
        with self._db.write() as connection:
            connection.execute(
                insert(connection, schema.meta)
                .values(key=f"fact:{key}"[:64], **row)
                .on_conflict_do_update(index_elements=["key"], set_=row)
            )

    def delete(self, key: str) -> None:
        """Remember nothing under a key."""
        with self._db.write() as connection:
            connection.execute(schema.meta.delete().where(schema.meta.c.key == f"fact:{key}"[:64]))

    def list(self, prefix: str) -> dict[str, str]:
        """What is remembered under keys that begin so."""
        table = schema.meta
        query = sa.select(table.c.key, table.c.value).where(
            table.c.key.startswith(f"fact:{prefix}", autoescape=True)
        )
        with self._db.read() as connection:
            return {key.removeprefix("fact:"): value for key, value in connection.execute(query)}

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


class RateLimits:
    """When a service may be asked again, by any process of this database."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def acquire(
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


class Snapshots:
    """Rankings that one worker fitted, for all of them."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def save(self, name: str, snapshot: RankingSnapshot, now: datetime) -> None:
        """Keep a ranking, and forget those that nobody uses any more."""
        table = schema.ranking_snapshots
        row = {
            "made_at": now,
            "last_entry": snapshot.last_entry,
            "ranking": snapshot.ranking,
        }
        with self._db.write() as connection:
            connection.execute(table.delete().where(table.c.made_at < now - SNAPSHOTS_KEPT))
            connection.execute(
                insert(connection, table).values(id=name, **row).on_conflict_do_nothing()
            )

    def get(self, name: str) -> RankingSnapshot | None:
        table = schema.ranking_snapshots
        query = sa.select(table.c.last_entry, table.c.ranking).where(table.c.id == name)
        with self._db.read() as connection:
            row = connection.execute(query).first()
        return RankingSnapshot(last_entry=row[0], ranking=bytes(row[1])) if row else None


class Runs:
    """What happened, for `digest status`."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def add(self, report: DayReport) -> None:
        record = report.record()
        with self._db.write() as connection:
            connection.execute(
                schema.runs.insert().values(
                    started_at=record.started_at, report=_RECORD.dump_python(record, mode="json")
                )
            )

    def latest(self, limit: int) -> tuple[RunRecord, ...]:
        query = sa.select(schema.runs.c.report).order_by(schema.runs.c.id.desc()).limit(limit)
        with self._db.read() as connection:
            return tuple(_RECORD.validate_python(r) for r in connection.scalars(query))
