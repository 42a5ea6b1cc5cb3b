"""SQLite: one file, one writer at a time, nothing to install."""

from __future__ import annotations

import os
import secrets
import shutil
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from filelock import FileLock, Timeout

from digest.errors import StoreBusy, StoreCorrupt, StoreError, StoreFull
from digest.files import PRIVATE, make_private, write_private
from digest.store.database import Database, bring_up_to_date, first_keys, migrate

BUSY_TIMEOUT_MS = 30_000
_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
#: files that SQLite keeps beside a database in use; it replays what it finds there, whatever
#: database that was written for
_LOGS = ("-wal", "-shm", "-journal")
#: tables that every version of ours has
_OURS = frozenset({"alembic_version", "meta", "papers", "subscribers"})


class Sqlite(Database):
    """A database in a file."""

    def __init__(self, engine: sa.Engine, path: Path) -> None:
        super().__init__(engine, str(path))
        self.path = path

    @classmethod
    def at(cls, path: Path) -> Sqlite:
        """The database in a file, which is made if there is none.

        Raises:
            StoreError: there is something else, or something is left of an unfinished restore.
        """
        marker = _marker(path)
        if marker.exists():
            raise StoreError(
                f"A restore of {path} was not finished. Run `digest restore` with --force again; "
                f"or, if {path} is the database that you want, remove {marker}."
            )
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.exists() and not path.is_file():
                raise StoreError(f"{path} is no file, so it can be no database.")
            if not path.exists():
                _make(path)
            for file in _files(path):
                # another user's, who let us in on purpose; a log that its last user takes away now
                with suppress(PermissionError, FileNotFoundError):
                    make_private(file)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise StoreError(f"{path} cannot be made: {reason}.") from error
        if path.stat().st_size == 0:
            raise StoreError(
                f"{path} is an empty file. If there was a database, restore a backup; if not, "
                "remove the file to begin anew."
            )
        _refuse_foreign(path, path)
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
        lock = _lock(self.path)
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
    if primary in _BUSY:
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
    said = str(error)
    if said.startswith(("no such table", "no such column", "Could not decode")):
        return StoreCorrupt(
            f"{path} is damaged or not whole ({said}). It was left as it is: restore a backup."
        )
    return StoreError(f"{path}: {error}.")


@contextmanager
def _reading(path: Path, shown: Path) -> Iterator[sqlite3.Connection]:
    """A look into a file that changes nothing of it, not even how it keeps its log."""
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as found:
            yield found
    except sqlite3.Error as error:
        raise translate(error, shown) from error
    except UnicodeDecodeError as error:  # names of tables, or SQLite's own words about them
        raise StoreCorrupt(
            f"{shown} is damaged. It was left as it is: restore a backup."
        ) from error


def _refuse_foreign(path: Path, shown: Path) -> None:
    """Our tables must not be put among another program's.

    Raises:
        StoreError: the file is none of ours.
    """
    with _reading(path, shown) as connection:
        tables = {
            name
            for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        }
    if not tables:
        raise StoreError(
            f"{shown} is a database that holds nothing. If there was one of digest's, restore a "
            "backup; if not, remove the file to begin anew."
        )
    if not tables >= _OURS:
        raise StoreError(f"{shown} is a SQLite database of another program, not of digest.")


def _files(path: Path) -> list[Path]:
    """A database with its log, and the lock beside it: those that are there."""
    names = (path.name, *(path.name + suffix for suffix in _LOGS), f"{path.name}.lock")
    return [file for name in names if (file := path.with_name(name)).exists()]


def _lock(path: Path) -> FileLock:
    """Whoever may write the database may lock it."""
    mode = stat.S_IMODE(path.stat().st_mode) & 0o660 if path.exists() else PRIVATE
    return FileLock(f"{path}.lock", mode=mode)


def _make(path: Path) -> None:
    """A new database, whole from the first moment that it can be seen.

    Raises:
        StoreError: the log of an earlier database is left, or it cannot be made.
    """
    for suffix in ("-wal", "-journal"):
        log = path.with_name(path.name + suffix)
        if log.exists() and log.stat().st_size:
            raise StoreError(
                f"{path} is gone, but its log {log.name} is there. Put the database back, or "
                "restore a backup; to begin anew, remove the log."
            )
    part = path.with_name(f".{path.name}.new-{os.getpid()}-{secrets.token_hex(4)}")
    try:
        write_private(part, b"")
        made = Sqlite(_connect(part), path)
        try:
            migrate(made)
            first_keys(made)
        finally:
            made.close()
        _one_file(part)
        try:
            os.link(part, path)  # never in the place of one that another process made meanwhile
        except FileExistsError:
            pass
        except OSError:  # a file system without links
            if not path.exists():
                part.rename(path)
    except sqlite3.Error as error:
        raise translate(error, path) from error
    finally:
        for file in _files(part):
            file.unlink()


def _one_file(path: Path) -> None:
    """Fold the log into the database.

    Raises:
        sqlite3.Error: somebody else has it open, or it is damaged.
    """
    with closing(sqlite3.connect(path, isolation_level=None, timeout=1.0)) as connection:
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        (mode,) = connection.execute("PRAGMA journal_mode = DELETE").fetchone()
        if mode != "delete":
            raise sqlite3.OperationalError("the database is in use")
        connection.execute("BEGIN EXCLUSIVE")
        connection.execute("COMMIT")


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
        for left in _files(part):  # of a copy that was killed
            left.unlink()
        write_private(part, b"")  # it holds addresses and the key, from its first byte
        with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(part)) as copy:
            source.backup(copy)
            copy.execute("PRAGMA journal_mode = DELETE")  # one file, without a log beside it
        part.replace(target)
    except (OSError, sqlite3.Error) as error:
        part.unlink(missing_ok=True)
        reason = getattr(error, "strerror", None) or str(error)
        raise StoreError(f"{target} cannot be written: {reason}.") from error


def keys_in(backup: Path) -> set[str]:
    """The keys of a backup in hexadecimal, which tell it from those of other databases.

    Raises:
        StoreError: it is none.
    """
    if not backup.is_file():
        raise StoreError(f"There is no backup {backup}.")
    _refuse_foreign(backup, backup)
    with _reading(backup, backup) as connection:
        found = connection.execute("SELECT value FROM meta WHERE key = 'secret'").fetchone()
    return set(str(found[0]).split()) if found else set()


def restore(backup: Path, path: Path, *, force: bool) -> Path | None:
    """Put a backup in the place of the database; returns where the old one was kept.

    At every instant there is a database at `path`: the old one, whole, until the new one, whole,
    takes its name.

    Raises:
        StoreError: the backup is unsound or no database of ours, the database is in use, or is
            there and not to be replaced.
    """
    if not backup.is_file():
        raise StoreError(f"There is no backup {backup}.")
    if path.exists() and path.samefile(backup):
        raise StoreError(f"{backup} is the database itself, and no backup of it.")
    if path.exists() and not force:
        raise StoreError(f"{path} is there; --force keeps it aside and puts the backup there.")
    if backup.stat().st_size == 0:  # to SQLite that would be a sound database without anything
        raise StoreError(f"{backup} is empty, so it is no backup.")
    part = path.with_name(f".{path.name}.restored")
    lock = _lock(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire(blocking=False)
        for left in _files(part):  # of a restore that was killed
            left.unlink()
        write_private(part, b"")
        shutil.copyfile(backup, part)
        _prove(part, backup)
        return _replace(path, part)
    except Timeout:
        raise StoreBusy(f"{path} is in use; stop the worker first.") from None
    except OSError as error:
        raise StoreError(f"{path} cannot be written: {error.strerror}.") from error
    finally:
        lock.release()
        for file in _files(part):
            file.unlink()


def _prove(part: Path, backup: Path) -> None:
    """Bring a copy of a backup up to date, as a whole file; faults are told of the backup.

    Raises:
        StoreError: it is damaged, another program's, or a newer version's.
    """
    _refuse_foreign(part, backup)
    database = Sqlite(_connect(part), part)
    database.path, database.name = backup, str(backup)
    try:
        bring_up_to_date(database)
        with database.read() as connection:
            database.check(connection)
    finally:
        database.close()
    try:
        _one_file(part)
    except sqlite3.Error as error:
        raise translate(error, backup) from error


def _replace(path: Path, part: Path) -> Path | None:
    """Give `part` the name of the database, and the old one another; returns that."""
    before = [file for file in _files(path) if file.name != f"{path.name}.lock"]
    kept = _free_name(path)
    if path.exists():
        try:
            _one_file(path)
        except sqlite3.OperationalError as error:
            if getattr(error, "sqlite_errorcode", 0) & 0xFF in _BUSY:
                raise StoreBusy(
                    f"{path} is in use; stop the worker and the web side first."
                ) from None
        except sqlite3.DatabaseError:
            pass  # damaged, which may be why it is replaced: it is kept with its log, as it is
        before = [file for file in before if file.exists()]
    for file in before:
        beside = kept.with_name(file.name.replace(path.name, kept.name, 1))
        try:
            os.link(file, beside)
        except OSError:  # a file system without links
            shutil.copyfile(file, beside)
        make_private(beside)
    # Between the next lines the old database may be without its log, or the new one beside the
    # old log: whoever opens it then, or after a crash, is told so.
    marker = _marker(path)
    write_private(marker, b"A restore is under way, or was broken off.\n")
    for file in before:
        if file != path:
            file.unlink()
    part.replace(path)
    marker.unlink()
    return kept if before else None


def _marker(path: Path) -> Path:
    return path.with_name(f"{path.name}.restoring")


def _free_name(path: Path) -> Path:
    number = 1
    while (kept := path.with_name(f"{path.name}.before-restore-{number}")).exists():
        number += 1
    return kept
