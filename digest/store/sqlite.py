"""SQLite: one file, one writer at a time, nothing to install."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from filelock import FileLock, Timeout

from digest.errors import StoreBusy, StoreCorrupt, StoreError, StoreFull
from digest.store.database import Database, open_store

BUSY_TIMEOUT_MS = 30_000


class Sqlite(Database):
    """A database in a file."""

    def __init__(self, engine: sa.Engine, path: Path) -> None:
        super().__init__(engine, str(path))
        self.path = path

    @classmethod
    def at(cls, path: Path) -> Sqlite:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(f"{path.parent} cannot be made: {error.strerror}.") from error
        return cls(_connect(path), path)

    def _take_turn(self, connection: sa.Connection, turn: str) -> None:
        """Every transaction that writes has it: it began with the write lock."""

    def translate(self, error: BaseException) -> StoreError:
        return translate(error, self.path)

    def check(self, connection: sa.Connection) -> None:
        verdict = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar()
        if verdict != "ok":
            raise StoreCorrupt(
                f"{self.path} is damaged ({verdict}). It was left as it is: restore a backup, "
                "or move it away to start anew."
            )

    @contextmanager
    def exclusive(self) -> Iterator[bool]:
        """The operating system frees the lock when its holder dies, however it dies."""
        lock = FileLock(f"{self.path}.lock")
        try:
            lock.acquire(blocking=False)
        except Timeout:
            yield False
            return
        except OSError as error:
            raise StoreError(f"{lock.lock_file} cannot be locked: {error.strerror}.") from error
        try:
            yield True
        finally:
            lock.release()

    def copy_to(self, target: Path) -> None:
        copy_to(self.path, target)


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
