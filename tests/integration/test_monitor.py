"""What watches: logs, the dead man's ping, figures; and copies of the database."""

from __future__ import annotations

import io
import json
import logging
import shutil
import sqlite3
import stat
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from digest import jobs
from digest.config import load_settings, readable_secrets
from digest.errors import ConfigError, StoreBusy, StoreCorrupt, StoreError
from digest.monitor.logs import handler, masked
from digest.store import open_store, restore
from digest.worker import Worker
from tests.servers import Answer, rss
from tests.worlds import ADA, World, make_world, record


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with make_world(tmp_path) as made:
        stamp = made.now.strftime("%a, %d %b %Y 00:00:00 -0400")
        made.web.says("/rss/cs.CL+cs.LG", Answer(rss([record(n) for n in range(5)], stamp)))
        yield made


# --- logs --------------------------------------------------------------------------------------

TOKEN = "bGlrZQpzMQphcnhpdg." + "A" * 43


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("to ada@example.org now", "to a…@example.org now"),
        ("<ada.b+c@sub.example.org>:", "<a…@sub.example.org>:"),
        ("jörg@bücher.example", "j…@bücher.example"),
        ("RCPT TO:<ada@localhost> refused", "RCPT TO:<a…@localhost> refused"),
        (f"GET /feedback/{TOKEN} 200", "GET /feedback/*** 200"),
        ("login with hunter22 failed", "login with *** failed"),
        ("arXiv:2605.00001v2 at 10.1000/x@y", "arXiv:2605.00001v2 at 10.1000/x@y"),
    ],
)
def test_no_address_token_or_secret_stands_in_a_line(line: str, shown: str) -> None:
    assert masked(line, ["hunter22"]) == shown


def logged(kind: str) -> tuple[logging.Logger, io.StringIO]:
    stream = io.StringIO()
    logger = logging.Logger("digest.test")
    logger.addHandler(handler(kind, ["hunter22"], stream))
    return logger, stream


def test_json_lines_have_the_event_and_its_fields() -> None:
    logger, stream = logged("json")
    logger.info("listing.stored source=%s n_papers=%d complete=%s", "arXiv", 412, True)
    try:
        raise ValueError("ada@example.org hunter22")
    except ValueError:
        logger.exception("Something else")
    first, second = (json.loads(line) for line in stream.getvalue().splitlines())
    assert first["event"] == "listing.stored"
    assert first["fields"] == {"source": "arXiv", "n_papers": "412", "complete": "True"}
    assert first["level"] == "info"
    assert first["time"].endswith("+00:00")
    assert second["event"] == ""
    assert "ValueError: a…@example.org ***" in second["traceback"]


def test_text_lines_are_masked_with_their_tracebacks() -> None:
    logger, stream = logged("text")
    try:
        raise ValueError(f"ada@example.org {TOKEN}")
    except ValueError:
        logger.exception("failed for bob@example.org")
    assert "ada@" not in stream.getvalue()
    assert "bob@" not in stream.getvalue()
    assert TOKEN not in stream.getvalue()
    assert "Traceback" in stream.getvalue()


# --- the ping ----------------------------------------------------------------------------------


def test_a_run_is_announced_and_its_end_told(world: World) -> None:
    for path in ("/ping", "/ping/start", "/ping/fail"):
        world.web.says(path, Answer(b"OK", content_type="text/plain"))
    world.write(sources=f'[monitor]\nping_url = "{world.web.url}/ping"\n')

    def pings() -> list[str]:
        found = [r.path for r in world.web.requests if r.path.startswith("/ping")]
        world.web.requests.clear()
        return found

    with world.app() as app:
        jobs.run(app)
        assert pings() == ["/ping/start", "/ping"]
        jobs.run(app, dry_run=True)
        assert pings() == []
    world.smtp.refuse = {"ada@example.org": "451 later"}
    world.now += timedelta(days=1)
    stamp = world.now.strftime("%a, %d %b %Y 00:00:00 -0400")
    world.web.says("/rss/cs.CL+cs.LG", Answer(rss([record(9)], stamp)))
    with world.app() as app:
        jobs.run(app)
    assert pings() == ["/ping/start", "/ping/fail"]


def test_a_run_that_crashes_is_told_and_a_dead_service_changes_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.web.says("/ping/fail", Answer(b"OK"))
    world.write(sources=f'[monitor]\nping_url = "{world.web.url}/ping"\n')  # /start is a 404
    with world.app() as app:
        with monkeypatch.context() as broken:
            broken.setattr(jobs, "sync_configured_likes", lambda *_: 1 / 0)
            with pytest.raises(ZeroDivisionError):
                jobs.run(app)
        assert world.web.asked("/ping/fail")
    with world.app() as app:
        report = jobs.run(app)
    assert report is not None
    assert not report.failed


# --- figures -----------------------------------------------------------------------------------


def test_figures_are_answered_on_this_machine(world: World) -> None:
    pytest.importorskip("prometheus_client", reason="the extra metrics is not installed")
    from digest.monitor.metrics import serve_metrics

    world.write(subscribers=ADA + ADA.replace("ada@", "bob@"))
    world.smtp.refuse = {"bob@example.org": "550 5.1.1 gone"}
    with world.app() as app:
        jobs.run(app)
        port = serve_metrics(app, 0)
        with httpx.Client(trust_env=False) as client:
            text = client.get(f"http://127.0.0.1:{port}/metrics").text
        with pytest.raises(ConfigError, match="digest worker --metrics-port"):
            serve_metrics(app, port)
        elsewhere = app.settings.monitor.model_copy(update={"metrics_host": "127.0.0.2"})
        app.settings = app.settings.model_copy(update={"monitor": elsewhere})
        assert serve_metrics(app, port) == port  # another host has that port free
        with httpx.Client(trust_env=False) as client:
            assert client.get(f"http://127.0.0.2:{port}/metrics").status_code == 200
    for line in (
        "digest_up 1.0",
        'digest_mails{state="sent"} 1.0',
        'digest_mails{state="suppressed"} 1.0',
        'digest_subscribers{state="active"} 1.0',
        'digest_subscribers{state="suppressed"} 1.0',
        "digest_papers 5.0",
        "digest_last_run_failed 1.0",
        'digest_source_papers{source="arXiv"} 5.0',
        'digest_source_complete{source="arXiv"} 1.0',
    ):
        assert line in text, line
    assert "@" not in text


# --- who may read what -------------------------------------------------------------------------


def test_secrets_that_others_can_read_are_warned_about(world: World) -> None:
    path = world.config
    path.chmod(0o644)
    assert readable_secrets(path) == []  # there is no secret in it
    dotenv = world.folder / ".env"
    dotenv.write_text("SMTP_PASSWORD=x\n")
    dotenv.chmod(0o640)
    (hint,) = readable_secrets(path)
    assert f"chmod 600 {dotenv}" in hint
    dotenv.chmod(0o600)
    assert readable_secrets(path) == []


# --- late listings -----------------------------------------------------------------------------


def test_a_late_listing_is_waited_for_until_the_readers_hour(world: World) -> None:
    world.quiet()
    world.write(schedule='wait_until = "10:00"')
    n_asked: list[int] = []
    with world.app() as app:
        worker = Worker(app)
        for _ in range(12):  # 07:30 to 13:00 in Berlin
            worker.tick()
            n_asked.append(len(world.web.asked("/rss/cs.CL+cs.LG")))
            world.now += timedelta(minutes=30)
    assert n_asked[-1] == 3  # 07:30, 08:30, 09:30
    stamp = world.now.strftime("%a, %d %b %Y 00:00:00 -0400")
    world.web.says("/rss/cs.CL+cs.LG", Answer(rss([record(n) for n in range(5)], stamp)))
    with world.app() as app:
        assert Worker(app).tick() is None  # too late for today ...
        world.now += timedelta(days=1, hours=-4)
        Worker(app).tick()
    assert len(world.smtp.mails) == 1  # ... and not lost


# --- copies ------------------------------------------------------------------------------------


@pytest.mark.sqlite
def test_a_backup_of_a_busy_database_is_sound_and_comes_back(world: World) -> None:
    copy = world.folder / "copies" / "today.db"
    copy.parent.mkdir()
    with world.app() as app:
        jobs.run(app)
        busy = threading.Event()

        def write() -> None:
            while not busy.is_set():
                app.store.strikes.forgive("nobody")

        thread = threading.Thread(target=write)
        thread.start()
        app.store.database.copy_to(copy)
        busy.set()
        thread.join()
        with pytest.raises(StoreError, match="is there already"):
            app.store.database.copy_to(copy)
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert sqlite3.connect(copy).execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert not list(copy.parent.glob("*-wal"))

    database = world.folder / "digest.db"
    with pytest.raises(StoreError, match="--force"):
        restore(copy, database, force=False)
    before = copy.read_bytes()
    database.write_bytes(b"rubbish" * 1000)
    kept = restore(copy, database, force=True)
    assert kept is not None
    assert kept.read_bytes().startswith(b"rubbish")
    assert copy.read_bytes() == before
    with world.app() as app:
        report = jobs.run(app)
    assert report is not None
    assert [s.result for s in report.subscribers] == ["sent"]
    assert len(world.smtp.mails) == 1  # the restored journal knows that it went out


@pytest.mark.sqlite
def test_a_backup_is_put_back_where_there_is_nothing(world: World) -> None:
    with world.app() as app:
        jobs.run(app)
        app.store.database.copy_to(world.folder / "b.db")
    target = world.folder / "elsewhere" / "digest.db"
    assert restore(world.folder / "b.db", target, force=False) is None
    with open_store(target) as store:
        assert store.counts()["papers"] == 5


@pytest.mark.sqlite
@pytest.mark.parametrize(
    ("content", "fault"), [(None, StoreError), (b"", StoreError), (b"rubbish" * 1000, StoreCorrupt)]
)
def test_what_is_no_backup_replaces_nothing(
    world: World, content: bytes | None, fault: type[Exception]
) -> None:
    with world.app() as app:
        jobs.run(app)
    database = world.folder / "digest.db"
    before = database.read_bytes()
    wrong = world.folder / "wrong.db"
    if content is not None:
        wrong.write_bytes(content)
    with pytest.raises(fault):
        restore(wrong, database, force=True)
    assert database.read_bytes() == before
    assert not list(world.folder.glob("*before-restore*"))
    assert not list(world.folder.glob(".*restored*"))


@pytest.mark.sqlite
def test_a_database_in_use_is_not_replaced(world: World) -> None:
    with world.app() as app:
        jobs.run(app)
        app.store.database.copy_to(world.folder / "b.db")
        with app.store.exclusive(), pytest.raises(StoreBusy, match="stop the worker"):
            restore(world.folder / "b.db", world.folder / "digest.db", force=True)


@pytest.mark.sqlite
def test_a_damaged_database_is_told_how_to_restore(world: World) -> None:
    with world.app() as app:
        jobs.run(app)
    shutil.copyfile(world.config, world.folder / "digest.db")
    with world.app() as app, pytest.raises(StoreCorrupt, match="restore a backup"):
        jobs.run(app)


def test_settings_of_the_monitor_are_checked(world: World) -> None:
    world.write(sources='[monitor]\nlog_format = "xml"\nping_url = "nowhere"\n')
    with pytest.raises(ConfigError) as caught:
        load_settings(world.config, {})
    text = str(caught.value)
    assert "log_format" in text
    assert "ping_url" in text
