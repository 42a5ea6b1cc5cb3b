"""Opening the database: transactions, migrations, keys; what SQLite and PostgreSQL share."""

from __future__ import annotations

import logging
import secrets
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from functools import cache
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import exc

from digest.errors import SchemaTooNew, StoreBusy, StoreCorrupt, StoreError
from digest.store import schema

log = logging.getLogger(__name__)

#: the newest migration; opening a database that has it needs no alembic
HEAD = "0016"

#: the transaction that writes of this thread join, if one is open; see `Database.transaction`
_joined: ContextVar[tuple[Database, sa.Connection] | None] = ContextVar("joined", default=None)


class Database(ABC):
    """An engine and its two kinds of transaction."""

    #: one process at a time does all the work, so that what is leased was left by the dead
    single_process = True

    def __init__(self, engine: sa.Engine, name: str) -> None:
        #: as messages call it; never with a password
        self.engine, self.name = engine, name

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        with self._translated(), self.engine.connect() as connection:
            yield connection

    @contextmanager
    def write(self, turn: str = "") -> Iterator[sa.Connection]:
        """A transaction.

        Args:
            turn: transactions that name the same one follow each other: for those that read and
                then write what they read of. (SQLite has a single writer anyway.)
        """
        joined = _joined.get()
        if joined is not None and joined[0] is self:
            if turn:
                self._take_turn(joined[1], turn)
            yield joined[1]
            return
        with (
            self._translated(),
            self.engine.connect().execution_options(immediate=True) as connection,
            connection.begin(),
        ):
            if turn:
                self._take_turn(connection, turn)
            yield connection

    @contextmanager
    def transaction(self) -> Iterator[object]:
        """One transaction for all that this thread writes inside.

        Yields the driver's own connection, so that a queue in the same database can join it.
        """
        with self.write() as connection:
            token = _joined.set((self, connection))
            try:
                yield connection.connection.driver_connection
            finally:
                _joined.reset(token)

    @abstractmethod
    def _take_turn(self, connection: sa.Connection, turn: str) -> None:
        """Wait for whoever has it; until the end of the transaction."""

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except exc.DBAPIError as error:
            raise self.translate(error.orig or error) from error
        except (ValueError, TypeError, LookupError, OverflowError) as error:
            # what a row holds is not what was written: pydantic, json, dates and enumerations
            # refuse it
            log.error("store.unreadable %r", error, exc_info=True)
            raise StoreCorrupt(
                f"{self.name} holds something that cannot be read ({_first_line(error)}), so it is "
                "damaged. It was left as it is: restore a backup."
            ) from error
        except exc.TimeoutError as error:
            raise StoreBusy(f"{self.name} has no connection to spare; try again later.") from error

    @abstractmethod
    def translate(self, error: BaseException) -> StoreError:
        """A database's own error as one of ours."""

    @abstractmethod
    def check(self, connection: sa.Connection) -> None:
        """Raises StoreError if the database is damaged."""

    @abstractmethod
    def exclusive(self) -> AbstractContextManager[bool]:
        """Whether this process alone may work on a day now; freed when its holder dies."""

    @abstractmethod
    def copy_to(self, target: Path) -> None:
        """A copy of one moment, while others read and write.

        Raises:
            StoreError: it cannot be written.
        """

    def close(self) -> None:
        self.engine.dispose()


@cache
def _inserts(dialect: str) -> Any:
    if dialect == "postgresql":
        from sqlalchemy.dialects.postgresql import insert as of_postgres

        return of_postgres
    from sqlalchemy.dialects.sqlite import insert as of_sqlite

    return of_sqlite


def insert(connection: sa.Connection, table: sa.Table) -> Any:
    """An INSERT that knows ON CONFLICT, which is no part of the standard; both servers spell it
    the same."""
    return _inserts(connection.dialect.name)(table)


def _revision(connection: sa.Connection) -> str | None:
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    return connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()


def migrate(database: Database, revision: str = "head") -> None:
    """Bring the schema to a revision; each runs in one transaction."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    with database.write("migrate") as connection:
        config.attributes["connection"] = connection
        if revision == "head" or _revision(connection) is None:
            command.upgrade(config, revision)
        else:
            command.downgrade(config, revision)


def bring_up_to_date(database: Database) -> None:
    """Migrate a sound database to the schema that this program knows.

    Raises:
        StoreError: it is damaged, or of a newer version.
    """
    with database.read() as connection:
        found = _revision(connection)
        if found is not None:
            database.check(connection)
    if found is not None and found > HEAD:
        raise SchemaTooNew(
            f"{database.name} was written by a newer version of digest (schema {found}, this "
            f"one knows {HEAD}). Update the program."
        )
    if found != HEAD:
        migrate(database)


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:120]


def first_keys(database: Database) -> tuple[bytes, ...]:
    """The keys behind links and message ids, oldest first; the first is drawn once a database."""
    with database.read() as connection:
        found = _stored_keys(connection)
    if found:
        return found
    with database.write("keys") as connection:
        if again := _stored_keys(connection):  # another process was quicker
            return again
        fresh = secrets.token_bytes(32)
        connection.execute(schema.meta.insert().values(key="secret", value=fresh.hex()))
    return (fresh,)


def _stored_keys(connection: sa.Connection) -> tuple[bytes, ...]:
    """The row "secret" holds them in hexadecimal, parted by blanks."""
    query = sa.select(schema.meta.c.value).where(schema.meta.c.key == "secret")
    return tuple(bytes.fromhex(k) for k in (connection.scalar(query) or "").split())


def rotate_keys(database: Database, *, revoke: bool) -> tuple[bytes, ...]:
    """Draw a new key; the one before it stays good for what it signed, unless it is revoked."""
    with database.write("keys") as connection:
        before = () if revoke else _stored_keys(connection)[-1:]
        keys = (*before, secrets.token_bytes(32))
        connection.execute(
            schema.meta.update()
            .where(schema.meta.c.key == "secret")
            .values(value=" ".join(k.hex() for k in keys))
        )
    return keys


#: below SQLite's least limit of bound values in one statement
CHUNK = 500


def chunks(items: Collection[str]) -> Iterator[list[str]]:
    ordered = list(items)
    for start in range(0, len(ordered), CHUNK):
        yield ordered[start : start + CHUNK]
