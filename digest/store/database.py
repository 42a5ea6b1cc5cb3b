"""Opening the database: connection settings, transactions, migrations, errors as sentences."""

from __future__ import annotations

import os
import secrets
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from filelock import FileLock, Timeout
from sqlalchemy import exc

from digest.errors import SchemaTooNew, StoreBusy, StoreCorrupt, StoreError, StoreFull
from digest.store import schema

if TYPE_CHECKING:
    from digest.store.store import SqlStore

#: the newest migration; opening a database that has it needs no alembic
HEAD = "0005"
BUSY_TIMEOUT_MS = 30_000


class Database:
    """An engine and its two kinds of transaction."""

    def __init__(self, engine: sa.Engine, path: Path) -> None:
        self.engine, self.path = engine, path

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        with self._translated(), self.engine.connect() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """A transaction that takes the write lock at once: one that reads first and writes later
        would fail at its first write, whatever the busy timeout."""
        with (
            self._translated(),
            self.engine.connect().execution_options(immediate=True) as connection,
            connection.begin(),
        ):
            yield connection

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except exc.DBAPIError as error:
            raise translate(error.orig or error, self.path) from error

    def close(self) -> None:
        self.engine.dispose()


def translate(error: BaseException, path: Path) -> StoreError:
    """A database's own error as one of ours."""
    code = getattr(error, "sqlite_errorcode", None)
    primary = code & 0xFF if isinstance(code, int) else None
    if primary in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return StoreBusy(f"{path} is in use by another process; try again when it has finished.")
    if primary == sqlite3.SQLITE_FULL:
        return StoreFull(f"The disk that holds {path} is full; make room and run again.")
    if primary in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return StoreCorrupt(
            f"{path} is damaged or no database ({error}). It was left as it is: restore a backup, "
            "or move it away to start anew."
        )
    if primary in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM):
        return StoreError(f"{path} cannot be opened for writing ({error}).")
    return StoreError(f"{path}: {error}.")


def _connect(path: Path) -> sa.Engine:
    engine = sa.create_engine(
        sa.URL.create("sqlite", database=str(path)),
        # Transactions begin where we say so, not where the driver thinks.
        connect_args={"isolation_level": None, "timeout": BUSY_TIMEOUT_MS / 1000},
    )

    @sa.event.listens_for(engine, "connect")
    def _settings(connection: Any, _record: Any) -> None:
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
        cursor.execute("PRAGMA journal_mode = WAL")
        # FULL: a "sent" that a power cut undid would be sent again.
        cursor.execute("PRAGMA synchronous = FULL")
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.close()

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        immediate = connection.get_execution_options().get("immediate", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")

    return engine


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
    with database.write() as connection:
        config.attributes["connection"] = connection
        if revision == "head" or _revision(connection) is None:
            command.upgrade(config, revision)
        else:
            command.downgrade(config, revision)


def open_store(path: Path) -> SqlStore:
    """Open the database at `path`, making or migrating it if needed.

    Raises:
        StoreError: it cannot be opened, is damaged, or was written by a newer version.
    """
    from digest.store.store import SqlStore

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"{path.parent} cannot be made: {error.strerror}.") from error
    database = Database(_connect(path), path)
    try:
        with database.read() as connection:
            found = _revision(connection)
            if found is not None:
                verdict = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar()
                if verdict != "ok":
                    raise StoreCorrupt(
                        f"{path} is damaged ({verdict}). It was left as it is: restore a backup, "
                        "or move it away to start anew."
                    )
        if found is not None and found > HEAD:
            raise SchemaTooNew(
                f"{path} was written by a newer version of digest (schema {found}, this one knows "
                f"{HEAD}). Update the program."
            )
        if found != HEAD:
            migrate(database)
        keys = _keys(database)
    except BaseException:
        database.close()
        raise
    return SqlStore(database, keys=keys)


def _keys(database: Database) -> tuple[bytes, ...]:
    """The keys behind links and message ids, oldest first; the first is drawn once a database."""
    with database.read() as connection:
        found = _stored_keys(connection)
    if found:
        return found
    with database.write() as connection:
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
    with database.write() as connection:
        before = () if revoke else _stored_keys(connection)[-1:]
        keys = (*before, secrets.token_bytes(32))
        connection.execute(
            schema.meta.update()
            .where(schema.meta.c.key == "secret")
            .values(value=" ".join(k.hex() for k in keys))
        )
    return keys


# --- copies ----------------------------------------------------------------------------------


def copy_to(path: Path, target: Path) -> None:
    """SQLite's online backup: a copy of one moment, whatever others do meanwhile.

    Raises:
        StoreError: the target is there already, or cannot be written.
    """
    if target.exists():
        raise StoreError(f"{target} is there already; name another file.")
    part = target.with_name(f".{target.name}.part")
    try:
        with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(part)) as copy:
            source.backup(copy)
            copy.execute("PRAGMA journal_mode = DELETE")  # one file, without a log beside it
        os.chmod(part, 0o600)  # it holds addresses and the key
        part.replace(target)
    except (OSError, sqlite3.Error) as error:
        part.unlink(missing_ok=True)
        reason = getattr(error, "strerror", None) or str(error)
        raise StoreError(f"{target} cannot be written: {reason}.") from error


def restore(backup: Path, path: Path, *, force: bool) -> Path | None:
    """Put a backup in the place of the database; returns where the old one was moved.

    Raises:
        StoreError: the backup is unsound, the database is in use, or is there and not to be moved.
    """
    if not backup.is_file():
        raise StoreError(f"There is no backup {backup}.")
    if path.exists() and not force:
        raise StoreError(f"{path} is there; --force moves it aside and puts the backup there.")
    part = path.with_name(f".{path.name}.restored")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(backup, part)
        if part.stat().st_size == 0:  # to SQLite that would be a sound database without anything
            raise StoreError(f"{backup} is empty, so it is no backup.")
        with open_store(part) as probe:  # sound, and of a version that this program knows
            probe.counts()
        for suffix in ("-wal", "-shm"):
            part.with_name(part.name + suffix).unlink(missing_ok=True)
        kept = _moved_aside(path) if path.exists() else None
        os.chmod(part, 0o600)
        part.replace(path)
    except OSError as error:
        raise StoreError(f"{path} cannot be written: {error.strerror}.") from error
    finally:
        part.unlink(missing_ok=True)
    return kept


def _moved_aside(path: Path) -> Path:
    lock = FileLock(f"{path}.lock")
    try:
        lock.acquire(blocking=False)
    except Timeout:
        raise StoreBusy(f"{path} is in use; stop the worker first.") from None
    try:
        number = 1
        while (kept := path.with_name(f"{path.name}.before-restore-{number}")).exists():
            number += 1
        for suffix in ("-wal", "-shm"):  # without its log the old database would lose its end
            beside = path.with_name(path.name + suffix)
            if beside.exists():
                beside.rename(kept.with_name(kept.name + suffix))
        path.rename(kept)
    except OSError as error:
        raise StoreError(f"{path} cannot be moved: {error.strerror}.") from error
    finally:
        lock.release()
    return kept
