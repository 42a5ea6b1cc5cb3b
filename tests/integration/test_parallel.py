"""Several processes decide: the same mails as one makes, and whoever dies costs nobody a mail."""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest

from digest import jobs
from digest.model import Subscriber
from digest.usecases import parallel, plan
from tests.conftest import ROOT
from tests.integration.test_web import listed
from tests.servers import Answer, rss
from tests.worlds import World, join, make_world

N = 24


@pytest.fixture
def blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "BLOCK", 1)


@contextmanager
def world_at(folder: Path, processes: int) -> Iterator[World]:
    folder.mkdir()
    with make_world(folder) as world:
        world.web.says("/rss/cs.CL+cs.LG", Answer(rss(listed(), "Wed, 20 May 2026 00:00:00 -0400")))
        world.write(subscribers="", sources=f"[ranking]\nprocesses = {processes}\n")
        join(world, N, keywords=("laser",))
        yield world


def sent(folder: Path, processes: int) -> dict[str, bytes]:
    """The bodies of a day by recipient."""
    with world_at(folder, processes) as world:
        with world.app() as app:
            report = jobs.run(app)
            assert report
            assert [s.result for s in report.subscribers] == ["sent"] * N
            emails = {s.id: s.email for s in app.store.subscribers.all()}
            assert [s.subscriber_id for s in report.subscribers] == list(emails)
        found = {m.recipient: m.body for m in world.smtp.mails}
        assert found.keys() == set(emails.values())
        assert len(world.smtp.mails) == N
        return found


def test_several_processes_make_the_mails_that_one_makes(
    blocks: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = sent(tmp_path / "alone", 1)
    elsewhere: list[int] = []
    real = parallel._result

    def counted(future: object) -> object:
        found = real(future)  # type: ignore[arg-type]
        elsewhere.append(found is not None)
        return found

    monkeypatch.setattr(parallel, "_result", counted)
    together = sent(tmp_path / "together", 3)
    assert sum(elsewhere) >= 2
    assert alone.keys() == together.keys()
    # links hold the site's key, which each installation draws for itself
    assert {k: len(b) // 500 for k, b in alone.items()} == {
        k: len(b) // 500 for k, b in together.items()
    }


def test_a_helper_that_is_killed_costs_nobody_a_mail(
    blocks: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed: list[int] = []
    real = plan.decide

    def slowly(*args: object, **options: object) -> object:
        for child in multiprocessing.active_children():
            if not killed and child.pid:
                killed.append(child.pid)
                os.kill(child.pid, signal.SIGKILL)
        return real(*args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(plan, "decide", slowly)
    assert len(sent(tmp_path / "world", 3)) == N
    assert killed


def test_who_wants_one_process_has_one(blocks: None, tmp_path: Path) -> None:
    with world_at(tmp_path / "world", 1) as world, world.app() as app:
        assert app.context().helpers(world.now, None, ()) is None


def _children_of(pid: int) -> list[int]:
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = stat.read_text().rpartition(")")[2].split()
            if int(fields[1]) == pid:
                found.append(int(stat.parent.name))
    return found


def _until(done: Callable[[], object]) -> None:
    end = time.monotonic() + 30
    while not done():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks into /proc")
def test_helpers_end_with_who_started_them(tmp_path: Path) -> None:
    """Also after kill -9, and whoever runs next sends everybody's mail."""
    with world_at(tmp_path / "world", 3) as world:
        code = "from digest.usecases import plan; plan.BLOCK = 1; from digest.cli import main; "
        guarded = tmp_path / "run.py"
        guarded.write_text(f"if __name__ == '__main__':\n    {code}main()\n", "utf-8")
        run = subprocess.Popen(
            [sys.executable, str(guarded), "run", "--config", str(world.config)],
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stdout=subprocess.DEVNULL,
        )
        _until(lambda: len(_children_of(run.pid)) >= 3)  # two, and Python's own that tracks them
        started = _children_of(run.pid)
        run.kill()
        run.wait()
        _until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in started))
        with world.app() as app:
            world.now = datetime.now(UTC)
            report = jobs.run(app)
            assert report
        recipients = [m.recipient for m in world.smtp.mails]
        assert len(recipients) == len(set(recipients)) == N


def test_readers_are_read_a_block_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan, "BLOCK", 2)
    in_memory: list[int] = []

    def n_readers() -> int:
        gc.collect()
        return sum(isinstance(o, Subscriber) for o in gc.get_objects())

    with world_at(tmp_path / "one", 1) as world, world.app() as app:
        real = app.store.deliveries.save_plan

        def counted(*args: object) -> object:
            in_memory.append(n_readers())
            return real(*args)  # type: ignore[arg-type]

        monkeypatch.setattr(app.store.deliveries, "save_plan", counted)
        before = n_readers()  # of other tests
        report = jobs.run(app)
    assert report
    assert [s.result for s in report.subscribers] == ["sent"] * N
    assert len(in_memory) == N / 2
    assert max(in_memory) - before < N / 2  # what was done is let go of


def test_who_is_erased_before_their_turn_gets_nothing(
    blocks: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with world_at(tmp_path / "one", 1) as world, world.app() as app:
        last = app.store.subscribers.all().ids[-1]
        real = app.store.deliveries.save_plan

        def erasing(*args: object) -> object:
            app.store.personal.forget(last)
            return real(*args)  # type: ignore[arg-type]

        monkeypatch.setattr(app.store.deliveries, "save_plan", erasing)
        report = jobs.run(app)
        assert report
        assert [s.result for s in report.subscribers] == ["sent"] * (N - 1)
        assert len(world.smtp.mails) == N - 1
        assert not report.warnings


@pytest.mark.parametrize("processes", [1, 2])
def test_who_is_told_to_stop_while_choosing_stops_soon_and_the_next_run_does_the_rest(
    blocks: None, tmp_path: Path, processes: int
) -> None:
    asked = 0

    def should_stop() -> bool:
        nonlocal asked
        asked += 1
        return asked >= 3

    with world_at(tmp_path / "one", processes) as world, world.app() as app:
        report = jobs.run(app, should_stop=should_stop)
        assert report
        assert [s.result for s in report.subscribers] == ["ready"] * 3
        assert [w.text for w in report.warnings] == [
            f"Told to stop; {N - 3} readers left to the next run."
        ]
        assert not world.smtp.mails
        report = jobs.run(app)
        assert report
        assert [s.result for s in report.subscribers] == ["sent"] * N
        recipients = [m.recipient for m in world.smtp.mails]
        assert len(recipients) == len(set(recipients)) == N
