"""Putting a backup back: at every instant there is a whole database, and what is not ours is not
taken; and a database that is damaged is told as damaged, wherever the damage is."""

from __future__ import annotations

import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from digest import jobs
from digest.errors import DigestError, StoreBusy, StoreCorrupt, StoreError
from digest.store import open_store
from digest.store import sqlite as module
from digest.store.sqlite import restore
from tests.conftest import FUZZING
from tests.servers import Answer, rss
from tests.worlds import World, make_world, record

pytestmark = pytest.mark.sqlite


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with make_world(tmp_path) as made:
        stamp = made.now.strftime("%a, %d %b %Y 00:00:00 -0400")
        made.web.says("/rss/cs.CL+cs.LG", Answer(rss([record(n) for n in range(1, 9)], stamp)))
        yield made


@pytest.fixture
def stores(tmp_path: Path) -> tuple[Path, Path]:
    """A database in use until now, with its log, and a backup of an earlier day."""
    path, backup = tmp_path / "digest.db", tmp_path / "back up.db"
    with open_store(path) as store:
        store.facts.set("which", "backup")
        store.database.copy_to(backup)
        store.facts.set("which", "old")
        shutil.copy(path, tmp_path / "old")
        shutil.copy(f"{path}-wal", tmp_path / "old-wal")
    shutil.move(tmp_path / "old", path)  # as a kill would leave it
    shutil.move(tmp_path / "old-wal", f"{path}-wal")
    return path, backup


def which(path: Path) -> str:
    with open_store(path) as store:
        return store.facts.get("which")


def test_the_old_database_is_kept_with_all_that_it_knew(stores: tuple[Path, Path]) -> None:
    path, backup = stores
    kept = restore(backup, path, force=True)
    assert kept is not None
    assert which(path) == "backup"
    assert which(kept) == "old"
    assert sorted(p.name for p in path.parent.iterdir() if "restor" in p.name) == [kept.name]


class Killed(BaseException):
    """As if the process had been killed here."""


def _steps(monkeypatch: pytest.MonkeyPatch, at: int) -> list[str]:
    """Be killed at the n-th change of the folder."""
    done: list[str] = []

    def counting(name: str, real: object) -> object:
        def step(*arguments: object, **options: object) -> object:
            done.append(name)
            if len(done) == at:
                raise Killed
            return real(*arguments, **options)  # type: ignore[operator]

        return step

    for owner, name in (
        (os, "link"),
        (Path, "replace"),
        (Path, "unlink"),
        (module, "write_private"),
        (shutil, "copyfile"),
    ):
        monkeypatch.setattr(owner, name, counting(name, getattr(owner, name)))
    return done


@pytest.mark.parametrize("at", range(1, 16))
def test_wherever_it_is_killed_there_is_a_whole_database_or_a_word_about_it(
    stores: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    path, backup = stores
    with monkeypatch.context() as patch:
        done = _steps(patch, at)
        with suppress(Killed):
            restore(backup, path, force=True)
        n_steps = len(done)
    assert path.exists()
    if (path.parent / "digest.db.restoring").exists():
        with pytest.raises(StoreError, match="was not finished"):
            which(path)
        restore(backup, path, force=True)  # which it says to do
    found = which(path)
    assert found in ("old", "backup")
    if n_steps < at:
        assert found == "backup"  # nobody killed it
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


@pytest.mark.parametrize("beside", ["digest.db", ".digest.db.restored", ".new.db.part"])
@pytest.mark.parametrize("suffix", ["-wal", "-journal"])
def test_no_log_of_another_database_is_replayed(
    stores: tuple[Path, Path], beside: str, suffix: str
) -> None:
    """SQLite replays a log by its name alone; a killed process may have left one anywhere."""
    path, backup = stores
    shutil.copy(f"{path}-wal", path.parent / "stale")
    for left in path.parent.glob("digest.db-*"):
        left.unlink()
    path.unlink()
    shutil.move(path.parent / "stale", path.with_name(beside + suffix))
    restore(backup, path, force=True)
    assert which(path) == "backup"
    with open_store(path) as store:
        store.database.copy_to(path.with_name("new.db"))
    for made in (path, path.with_name("new.db")):
        with closing(sqlite3.connect(made)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_a_look_at_any_instant_finds_a_whole_database(stores: tuple[Path, Path]) -> None:
    path, backup = stores
    seen: list[str] = []
    stop = threading.Event()

    def look() -> None:
        while not stop.is_set():
            try:
                size = path.stat().st_size
                seen.append("whole" if size > 50_000 else f"{size} bytes")
            except FileNotFoundError:
                seen.append("nothing")

    thread = threading.Thread(target=look)
    thread.start()
    for _ in range(20):
        restore(backup, path, force=True)
    stop.set()
    thread.join()
    assert set(seen) == {"whole"}


def test_a_database_that_somebody_has_open_is_not_replaced(stores: tuple[Path, Path]) -> None:
    path, backup = stores
    with open_store(path) as store:
        store.facts.get("which")  # a connection of the pool stays open, as the web side's does
        with pytest.raises(StoreBusy, match="stop the worker and the web side"):
            restore(backup, path, force=True)
        assert store.facts.get("which") == "old"
    with open_store(path) as store, store.exclusive(), pytest.raises(StoreBusy, match="in use"):
        restore(backup, path, force=True)
    assert which(path) == "old"


# --- what is no backup -------------------------------------------------------------------------


def _other_program(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE items (itemID INTEGER PRIMARY KEY)")
        connection.commit()


def _of_alembic(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE alembic_version (version_num TEXT)")
        connection.execute("INSERT INTO alembic_version VALUES ('ae1027a6acf')")
        connection.commit()


def _nothing_in_it(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE t (x)")
        connection.execute("DROP TABLE t")
        connection.commit()


def _cut(path: Path) -> None:
    with open_store(path) as store:
        store.facts.set("x", "y" * 100_000)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
    path.write_bytes(path.read_bytes()[: 40 * 4096])


def _newer(path: Path) -> None:
    open_store(path).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.commit()


NOT_OURS = {
    "another program's": (_other_program, "another program"),
    "of alembic": (_of_alembic, "another program"),
    "nothing in it": (_nothing_in_it, "holds nothing"),
    "empty": (lambda p: p.write_bytes(b""), "is empty|is an empty file"),
    "text": (lambda p: p.write_text("not a database at all " * 300), "damaged or no database"),
    "cut": (_cut, "damaged"),
    "newer": (_newer, "newer version"),
}


@pytest.mark.parametrize("kind", NOT_OURS)
def test_what_is_no_sound_database_of_ours_is_refused_by_its_own_name(
    stores: tuple[Path, Path], kind: str
) -> None:
    path, _ = stores
    wrong = path.parent / "wrong.db"
    make, said = NOT_OURS[kind]
    make(wrong)
    before = wrong.read_bytes()
    with pytest.raises(StoreError, match=said) as caught:
        restore(wrong, path, force=True)
    assert str(caught.value).startswith(str(wrong))
    assert ".restored" not in str(caught.value)
    assert wrong.read_bytes() == before
    assert which(path) == "old"
    # nor is it taken as the store, and made into one
    with pytest.raises(StoreError, match=said):
        open_store(wrong)
    if kind not in ("newer", "cut"):
        assert wrong.read_bytes() == before
        assert not list(wrong.parent.glob("wrong.db-*"))
    with closing(sqlite3.connect(wrong)) as connection, suppress(sqlite3.DatabaseError):
        tables = {r[0] for r in connection.execute("SELECT name FROM sqlite_master")}
        assert kind in ("newer", "cut") or "papers" not in tables


def test_the_database_is_no_backup_of_itself(stores: tuple[Path, Path]) -> None:
    path, _ = stores
    with pytest.raises(StoreError, match="is the database itself"):
        restore(path, path, force=True)
    assert which(path) == "old"


# --- a store that is not whole -----------------------------------------------------------------


def test_a_run_beside_a_half_done_restore_stops_and_says_so(world: World) -> None:
    with world.app() as app:
        jobs.run(app)
    (world.folder / "digest.db.restoring").touch()
    with world.app() as app, pytest.raises(StoreError, match=r"was not finished.*remove"):
        jobs.run(app)
    assert len(world.smtp.mails) == 1


def test_a_run_with_an_empty_file_where_a_store_was_stops_and_says_so(world: World) -> None:
    with world.app() as app:
        jobs.run(app)
    for file in world.folder.glob("digest.db-*"):
        file.unlink()
    (world.folder / "digest.db").write_bytes(b"")
    with world.app() as app, pytest.raises(StoreError, match=r"empty file.*restore a backup"):
        jobs.run(app)
    (world.folder / "digest.db").unlink()
    (world.folder / "digest.db-wal").write_bytes(b"x" * 5000)
    with world.app() as app, pytest.raises(StoreError, match=r"its log digest\.db-wal is there"):
        jobs.run(app)
    assert len(world.smtp.mails) == 1


def test_two_who_begin_at_once_have_one_store(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from digest.store import open_store\n"
        "print(open_store(Path(sys.argv[1])).keys[0].hex())"
    )
    path = tmp_path / "digest.db"
    starting = [
        subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    keys = {process.communicate()[0].strip() for process in starting}
    assert len(keys) == 1
    assert keys != {""}
    assert not list(tmp_path.glob(".digest.db.new*"))


def test_a_start_that_is_killed_leaves_no_half_store(tmp_path: Path) -> None:
    path = tmp_path / "digest.db"
    code = (
        "import os, signal, sys; from pathlib import Path; from digest.store import sqlite\n"
        "sqlite.first_keys = lambda d: os.kill(os.getpid(), signal.SIGKILL)\n"
        "from digest.store import open_store; open_store(Path(sys.argv[1]))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert not path.exists()
    open_store(path).close()


def _use(world: World) -> None:
    """What commands do with a store."""
    from digest.cli.show_status import status_document

    with world.app() as app:
        jobs.sync_subscribers(app)
        store = app.store
        people, _ = store.subscribers.search(limit=50)
        policy = app.mail.retry_policy
        status_document(
            store, world.now, n_runs=5, n_days=7, people=people, cluster=None, policy=policy
        )
        for reader in people:
            store.personal.export(reader.id)
            store.ratings.reader_state(reader.id, world.now.date())
            store.archive.editions_of(reader.id, 5)
        store.archive.listed_on(world.now.date())
        store.papers.background(100)
        jobs.run(app)


@pytest.mark.parametrize("seed", range(600 if FUZZING else 40))
def test_a_damaged_database_is_told_as_damaged(world: World, seed: int) -> None:
    """Bytes are turned anywhere: in a page's structure, a number, a text, the schema itself."""
    with world.app() as app:
        jobs.run(app)
    path = world.folder / "digest.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
    rng = random.Random(seed)
    body = bytearray(path.read_bytes())
    used = [n for n, byte in enumerate(body) if byte]
    for at in rng.sample(used, 1 + seed % 60):
        body[at] = rng.randrange(256)
    path.write_bytes(body)
    with suppress(DigestError):
        _use(world)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE papers SET authors = '[\"a'",
        "UPDATE papers SET signals = '{\"no\": 1}'",
        "UPDATE papers SET published = 'yesterday'",
        "UPDATE papers SET published = 9223372036854775807",
        "UPDATE mentions SET listed_on = '2026-00-45'",
        "UPDATE subscribers SET preferences = '{}'",
        "UPDATE subscribers SET state = 'happy'",
        "UPDATE subscribers SET preferences = X'ff00fe'",
        "UPDATE ratings SET record = '{\"id\": 7}'",
        "UPDATE meta SET value = 'no key' WHERE key = 'secret'",
        "UPDATE runs SET report = '[]'",
        "UPDATE deliveries SET state = 'lost'",
        "UPDATE edition_picks SET reasons = '[{}]'",
        "DROP TABLE names",
        "DROP TABLE deliveries",
        "ALTER TABLE papers DROP COLUMN comment",
    ],
)
def test_a_value_that_nobody_wrote_is_told_as_damage(world: World, statement: str) -> None:
    with world.app() as app:
        jobs.run(app)
    with closing(sqlite3.connect(world.folder / "digest.db")) as connection:
        connection.execute(statement)
        connection.commit()
    with pytest.raises(StoreCorrupt, match="damaged"):
        _use(world)
