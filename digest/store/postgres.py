"""PostgreSQL: one database for many processes on many machines (extra "postgres")."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import sqlalchemy as sa

from digest.address import check_database_url
from digest.distribution import missing
from digest.errors import StoreBusy, StoreError, StoreFull
from digest.store.database import Database

#: connections kept for threads, and more for a while
POOL_SIZE, POOL_OVERFLOW = 5, 60
#: seconds to wait for a server that does not answer
CONNECT_TIMEOUT_S = 10
#: SQLSTATEs: a deadlock or a conflict, and a lock that is held
_TRY_AGAIN = ("40001", "40P01", "55P03")


class Postgres(Database):
    """A database on a server; any number of workers share it."""

    single_process = False
    #: never shown, whatever the driver says
    _password = ""

    @classmethod
    def at(cls, url: str) -> Postgres:
        """
        Args:
            url: "postgresql://user@host/name?option=…", as libpq takes it.

        Raises:
            StoreError: the driver is missing.
        """
        try:
            import psycopg  # noqa: F401
        except ImportError as error:
            raise StoreError(missing("A PostgreSQL store", "psycopg", "postgres")) from error
        try:
            check_database_url(url)
            parsed = sa.make_url(re.sub(r"^postgres(ql)?://", "postgresql+psycopg://", url))
        except (ValueError, sa.exc.ArgumentError) as error:
            said = str(error) if isinstance(error, ValueError) else "it cannot be read"
            raise StoreError(f"The address of the database: {said}.") from None
        found = cls(_connect(parsed), _shown(parsed))
        found._password = str(parsed.password or "")
        return found

    def _take_turn(self, connection: sa.Connection, turn: str) -> None:
        connection.execute(_LOCK, {"name": f"digest:{turn}"})

    def translate(self, error: BaseException) -> StoreError:
        code = str(getattr(error, "sqlstate", None) or "")
        said = re.sub(r"\s+", " ", str(error)).strip().rstrip(".")
        for secret in {self._password, quote(self._password, safe="")} - {""}:
            said = said.replace(secret, "***")
        if code in _TRY_AGAIN:
            return StoreBusy(f"{self.name}: {said}; try again.")
        if code.startswith("53"):
            return StoreFull(f"{self.name} has no room or no connection left: {said}.")
        if not code or code.startswith(("08", "57P")):
            return StoreError(f"{self.name} cannot be reached: {said}.")
        return StoreError(f"{self.name}: {said}.")

    def check(self, connection: sa.Connection) -> None:
        """The server checks itself."""

    @contextmanager
    def exclusive(self) -> Iterator[bool]:
        """The server frees the lock when the connection of its holder ends."""
        with (
            self._translated(),
            self.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection,
        ):
            name = {"name": "digest:day"}
            if not connection.scalar(_TRY_SESSION_LOCK, name):
                yield False
                return
            try:
                yield True
            finally:
                connection.execute(_SESSION_UNLOCK, name)

    def copy_to(self, target: Path) -> None:
        raise StoreError(
            f"{self.name} is a PostgreSQL database: pg_dump copies it and pg_restore puts it back "
            "(docs/scale.md)."
        )


_LOCK = sa.text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))")
_TRY_SESSION_LOCK = sa.text("SELECT pg_try_advisory_lock(hashtextextended(:name, 0))")
_SESSION_UNLOCK = sa.text("SELECT pg_advisory_unlock(hashtextextended(:name, 0))")


def _shown(url: sa.URL) -> str:
    plain = url.set(drivername="postgresql")
    return plain.render_as_string(hide_password=True).partition("?")[0]


def _connect(url: sa.URL) -> sa.Engine:
    from psycopg.types.string import StrDumperUnknown

    class WithoutNul(StrDumperUnknown):
        """Outside text is cleaned at the door; what is only looked up (a word in the address of a
        page) is not, and PostgreSQL's text cannot hold this one character."""

        def dump(self, value: str) -> Any:
            return super().dump(value.replace("\0", ""))

    engine = sa.create_engine(
        url,
        pool_size=POOL_SIZE,
        max_overflow=POOL_OVERFLOW,
        pool_pre_ping=True,  # a server that was restarted costs nobody their transaction
        connect_args={
            "connect_timeout": CONNECT_TIMEOUT_S,
            "application_name": "digest",
            # a machine that vanished is noticed within a minute or so, and its locks are freed
            "keepalives_idle": 30,
            "keepalives_interval": 10,
            "keepalives_count": 3,
        },
    )

    @sa.event.listens_for(engine, "connect")
    def _settings(connection: Any, _record: Any) -> None:
        connection.adapters.register_dumper(str, WithoutNul)

    return engine
