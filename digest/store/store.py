"""The store: one object a subject, over one database."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from digest.store import schema
from digest.store.archive import Archive
from digest.store.database import Database, bring_up_to_date, first_keys, rotate_keys
from digest.store.deliveries import Deliveries
from digest.store.embeddings import Embeddings
from digest.store.history import History
from digest.store.imports import Imports
from digest.store.keyvalue import KeyValues, RateLimits, Runs, Snapshots
from digest.store.outcomes import Outcomes
from digest.store.papers import Papers
from digest.store.periods import Periods
from digest.store.personal import Personal
from digest.store.purge import purge
from digest.store.ratings import Ratings
from digest.store.reading_list import ReadingList
from digest.store.search import Search
from digest.store.signups import Signups
from digest.store.strikes import Strikes
from digest.store.subscribers import Subscribers
from digest.store.summaries import Summaries
from digest.store.suppressions import Suppressions
from digest.store.thumbnails import Thumbnails
from digest.store.traffic import Traffic


def _random_id() -> str:
    return uuid.uuid4().hex  # noqa: TID251 - the one place where a new subscriber gets a name


class Store:
    """What must survive a restart, by subject."""

    def __init__(
        self,
        database: Database,
        *,
        keys: tuple[bytes, ...],
        new_id: Callable[[], str] = _random_id,
    ) -> None:
        self.database = database
        #: behind links and message ids, the newest last; never shown
        self.keys = keys
        self.papers = Papers(database)
        self.archive = Archive(database)
        self.periods = Periods(database)
        self.search = Search(database)
        self.subscribers = Subscribers(database, new_id)
        self.ratings = Ratings(database)
        self.reading_list = ReadingList(database)
        self.imports = Imports(database)
        self.personal = Personal(database)
        self.signups = Signups(database)
        self.deliveries = Deliveries(database)
        self.history = History(database)
        self.outcomes = Outcomes(database)
        self.strikes = Strikes(database)
        self.suppressions = Suppressions(database)
        self.summaries = Summaries(database)
        self.thumbnails = Thumbnails(database)
        self.traffic = Traffic(database)
        self.embeddings = Embeddings(database)
        self.facts = KeyValues(database)
        self.rate_limits = RateLimits(database)
        self.snapshots = Snapshots(database)
        self.runs = Runs(database)

    @property
    def name(self) -> str:
        """As messages call it."""
        return self.database.name

    @property
    def single_process(self) -> bool:
        """Whether one process at a time does all the work."""
        return self.database.single_process

    def close(self) -> None:
        self.database.close()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def transaction(self) -> AbstractContextManager[object]:
        """See `Database.transaction`."""
        return self.database.transaction()

    def exclusive(self) -> AbstractContextManager[bool]:
        """Whether this process alone may work on a day now; freed when its holder dies."""
        return self.database.exclusive()

    def server_time(self) -> datetime | None:
        """What the server's clock says; None if there is no server."""
        if self.single_process:
            return None
        with self.database.read() as connection:
            found: datetime | None = connection.scalar(sa.text("SELECT clock_timestamp()"))
        return found

    def rotate_keys(self, *, revoke: bool) -> None:
        """See `database.rotate_keys`."""
        self.keys = rotate_keys(self.database, revoke=revoke)

    def purge(self, before: datetime, bodies_before: datetime | None = None) -> int:
        """Forget papers that no rating, edition or listing names, and bodies of settled mails."""
        return purge(self.database, before, bodies_before)

    def counts(self) -> dict[str, Any]:
        """Rows a table, for `digest status`."""
        with self.database.read() as connection:
            return {
                t.name: connection.scalar(sa.select(sa.func.count()).select_from(t))
                for t in (schema.papers, schema.editions, schema.ratings)
            }


def open_store(where: Path | str) -> Store:
    """Open the database, making or migrating it if needed.

    Args:
        where: a SQLite file, or the address of a PostgreSQL database ("postgresql://…").

    Raises:
        StoreError: it cannot be opened, is damaged, or was written by a newer version.
    """
    database: Database
    if isinstance(where, Path):
        from digest.store.sqlite import Sqlite

        database = Sqlite.at(where)
    else:
        from digest.store.postgres import Postgres

        database = Postgres.at(where)
    try:
        bring_up_to_date(database)
        keys = first_keys(database)
    except BaseException:
        database.close()
        raise
    return Store(database, keys=keys)
