"""Several `digest worker` processes on one PostgreSQL, one of them killed: nothing is lost, and
nothing comes twice but what the journal says may have."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

from digest.model import DeliveryState
from tests import postgres
from tests.acceptance.test_command import digest
from tests.conftest import ROOT
from tests.faults import Fault, FaultyServer, Script, faulty_server
from tests.servers import Answer, rss
from tests.worlds import World, join, make_world, record

CONNECTIONS = 4


@pytest.fixture(scope="module", autouse=True)
def _server() -> None:
    postgres.need()


@dataclass
class Cluster:
    world: World
    box: FaultyServer
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def add(self) -> subprocess.Popen[bytes]:
        with (self.world.folder / f"worker{len(self.workers)}.log").open("wb") as told:
            worker = subprocess.Popen(
                [sys.executable, "-m", "digest", "worker"],
                cwd=self.world.folder,
                stdout=subprocess.DEVNULL,
                stderr=told,
                env=os.environ | {"PYTHONPATH": str(ROOT)},
            )
        self.workers.append(worker)
        return worker

    def until(self, done: Callable[[], bool], seconds: float = 120) -> None:
        end = time.monotonic() + seconds
        while not done():
            if time.monotonic() > end:
                logs = [p.read_text()[-1500:] for p in self.world.folder.glob("worker*.log")]
                raise AssertionError("\n\n".join([f"{len(self.box.kept)} mails", *logs]))
            time.sleep(0.1)

    def settled(self) -> bool:
        with self.world.app() as app:
            counts = app.store.history.counts()
            n = sum(app.store.subscribers.counts().values())
        return counts.get("sent", 0) + counts.get("unknown", 0) == n > 0

    def stop(self) -> None:
        for worker in self.workers:
            if worker.poll() is None:
                worker.send_signal(signal.SIGTERM)
        for worker in self.workers:
            worker.wait(30)


@contextmanager
def cluster(
    folder: Path, n_readers: int, *, script: Script | None = None, more: str = "", store: str = ""
) -> Iterator[Cluster]:
    """An installation whose readers are all due now."""
    with make_world(folder) as world, faulty_server(script) as box:
        world.store = store or postgres.fresh()
        world.smtp = box  # type: ignore[assignment]
        world.now = datetime.now(UTC)
        stamp = world.now.strftime("%a, %d %b %Y 00:00:00 +0000")
        world.web.says("/rss/cs.CL+cs.LG", Answer(rss([record(n) for n in range(30)], stamp)))
        world.write(subscribers="", sources=f"[cluster]\ndead_after_s = 3\nblock = 100\n{more}")
        text = world.config.read_text("utf-8")
        text = text.replace("[smtp]\n", f"[smtp]\nconnections = {CONNECTIONS}\n")
        world.config.write_text(text, "utf-8")
        join(world, n_readers, keywords=("laser",))
        found = Cluster(world, box)
        try:
            yield found
        finally:
            found.stop()


def journal(world: World) -> dict[str, tuple[str, int]]:
    """State and doubts by recipient."""
    with world.app() as app:
        found = app.store.history.deliveries(limit=1_000_000)
    assert len({d.message.recipient for d in found}) == len(found)
    return {d.message.recipient: (d.state.value, d.doubts) for d in found}


def test_a_killed_worker_loses_nothing_and_repeats_nothing_but_what_is_in_doubt(
    tmp_path: Path,
) -> None:
    n = 2000
    with cluster(tmp_path, n) as found:
        victim, _ = found.add(), found.add()
        found.until(lambda: len(found.box.kept) > n // 4)
        victim.send_signal(signal.SIGKILL)
        victim.wait()
        found.add()
        found.until(found.settled)
        told = json.loads(digest(tmp_path, "status", "--json").stdout)["cluster"]
        found.stop()
    copies = Counter(k.recipient for k in found.box.kept)
    assert len(copies) == n, "an edition is missing"
    written = journal(found.world)
    assert {state for state, _ in written.values()} == {"sent"}
    doubts = sum(d for _, d in written.values())
    assert doubts <= CONNECTIONS  # one mail a connection of the victim
    repeated = {who: c - 1 for who, c in copies.items() if c > 1}
    assert all(again <= written[who][1] for who, again in repeated.items()), repeated
    assert len({(k.recipient, k.message_id, k.body) for k in found.box.kept}) == n  # same bytes
    assert found.box.most_at_once <= CONNECTIONS
    assert [w["alive"] for w in told["workers"]].count(True) == 2
    assert told["per_second"] > 0
    assert {q["name"]: q["failed"] for q in told["queues"]} == {"plan": 0, "compose": 0, "send": 0}


def test_workers_share_two_servers_and_the_limit_of_one(tmp_path: Path) -> None:
    with cluster(tmp_path, 400) as found, faulty_server() as second:
        world = found.world
        world.write(subscribers="", sources="[cluster]\ndead_after_s = 3\nblock = 20\n")
        text = world.config.read_text("utf-8")
        other = f'[[smtp]]\nname = "b"\nhost = "127.0.0.1"\nport = {second.port}\n'
        other += 'security = "none"\npriority = 1\nconnections = 2\n[store]'
        text = text.replace("[smtp]", '[[smtp]]\nname = "a"\nper_day = 70\nconnections = 9')
        world.config.write_text(text.replace("[store]", other), "utf-8")
        found.add()
        found.add()
        found.until(found.settled)
        found.stop()
    sent = [k.recipient for k in (*found.box.kept, *second.kept)]
    assert len(sent) == len(set(sent)) == 400
    assert 0 < len(found.box.kept) <= 70
    assert second.most_at_once <= 2


def test_a_worker_killed_before_any_mail_leaves_every_edition_to_arrive_once(
    tmp_path: Path,
) -> None:
    """While blocks are composed nothing is on the wire, so there is no doubt either."""
    hold = {"mails": True}

    def busy(stage: str, session: int, message: int, recipient: str) -> Fault | None:
        return Fault("421 4.3.2 later", closes=True) if hold["mails"] and stage == "mail" else None

    with cluster(tmp_path, 600, script=busy) as found:
        victim = found.add()
        found.add()

        def n_planned() -> int:
            with found.world.app() as app:
                return sum(app.store.history.counts().values())

        found.until(lambda: n_planned() >= 100)
        victim.send_signal(signal.SIGKILL)
        victim.wait()
        hold["mails"] = False
        found.add()
        found.until(lambda: found.settled() or _unrest(found))
        found.stop()
    assert Counter(Counter(k.recipient for k in found.box.kept).values()) == {1: 600}
    assert {d for _, d in journal(found.world).values()} == {0}


def _unrest(found: Cluster) -> bool:
    """Wait neither for the mail server's minute of rest, nor for the next try of a mail."""
    with found.world.app() as app:
        for key in app.store.facts.list("rest:"):
            app.store.facts.delete(key)
        for told in app.store.history.deliveries([DeliveryState.DEFERRED], limit=1_000):
            app.store.deliveries.retry(told.key, app.clock())
    return False


def test_never_twice_holds_across_workers_too(tmp_path: Path) -> None:
    n = 400
    with cluster(tmp_path, n, more='[delivery]\non_unknown = "hold"\n') as found:
        found.box.delay_s = 0.01
        victim, _ = found.add(), found.add()
        found.until(lambda: len(found.box.kept) > n // 4)
        victim.send_signal(signal.SIGKILL)
        victim.wait()
        found.until(found.settled)
        found.stop()
    copies = Counter(k.recipient for k in found.box.kept)
    assert set(copies.values()) == {1}
    held = {who for who, (state, _) in journal(found.world).items() if state == "unknown"}
    assert {f"p{i}@example.org" for i in range(n)} - set(copies) <= held
    assert len(held) <= CONNECTIONS


def test_workers_outlive_their_database(tmp_path: Path) -> None:
    running = postgres.start()
    assert running is not None
    try:
        with cluster(tmp_path, 300, store=running.url("postgres")) as found:
            found.box.delay_s = 0.005
            found.add()
            found.add()
            found.until(lambda: len(found.box.kept) > 50)
            running.restart()
            found.until(found.settled)
            assert all(w.poll() is None for w in found.workers)
            found.stop()
        copies = Counter(k.recipient for k in found.box.kept)
        assert len(copies) == 300
        written = journal(found.world)
        assert all(c - 1 <= written[who][1] for who, c in copies.items())
    finally:
        running.stop()


def test_status_shows_a_cluster_that_has_not_begun(tmp_path: Path) -> None:
    with cluster(tmp_path, 60) as found:
        shown = digest(found.world.folder, "status", "--limit", "2").stdout
    assert "Cluster: 0 workers at work" in shown
    assert "60 subscribers (the first 2): 2 nothing yet" in shown
