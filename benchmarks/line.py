"""The whole line in one process: a day of 1,000 new papers is fetched, everybody's edition chosen,
made, planned and handed to a mail server that takes it.

    python -m benchmarks.line --readers 20000            (and --store postgres)

Prints digests a second, CPU per 1,000 digests, the peak of memory, and the share of each stage; a
quarter of the readers first, to see whether the cost grows as they do.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from benchmarks.memory import peak_mb
from benchmarks.one_reader import made_up
from benchmarks.sending import program, sink
from digest import jobs
from digest.model import Paper
from digest.store import schema
from digest.usecases.parallel import n_cores

N_PAPERS, N_POOL, N_LIKES = 1_000, 20_000, 100
#: what a further reader may cost beside one of the first
LIMIT = 1.25


@contextmanager
def receiver() -> Iterator[int]:
    if program("smtp-sink") is not None:
        with sink() as port:
            yield port
        return
    from tests.faults import faulty_server

    with faulty_server() as box:
        yield box.port


class Stages:
    """Seconds of CPU and of the clock by stage; what a stage calls is not counted to it."""

    def __init__(self) -> None:
        self.cpu: dict[str, float] = defaultdict(float)
        self.wall: dict[str, float] = defaultdict(float)
        self._open: list[list[Any]] = []

    def around(self, owner: Any, name: str, stage: str) -> None:
        real: Callable[..., Any] = getattr(owner, name)

        def timed(*args: Any, **options: Any) -> Any:
            now = (time.process_time(), time.perf_counter())
            if self._open:
                self._add(self._open[-1], now)
            self._open.append([stage, *now])
            try:
                return real(*args, **options)
            finally:
                now = (time.process_time(), time.perf_counter())
                self._add(self._open.pop(), now)
                if self._open:
                    self._open[-1][1:] = now

        setattr(owner, name, timed)

    def _add(self, opened: list[Any], now: tuple[float, float]) -> None:
        stage, cpu, wall = opened
        self.cpu[stage] += now[0] - cpu
        self.wall[stage] += now[1] - wall
        opened[1:] = now


def people(world: Any, n: int, pool: list[Paper]) -> None:
    """Readers with a hundred likes each, drawn from a pool."""
    from tests.worlds import join

    join(world, n)
    rng = random.Random(1)
    with world.app() as app:
        app.store.papers.add(pool, world.now - timedelta(days=30))
        for start in range(0, n, 500):
            with app.store.database.write() as connection:
                connection.execute(
                    schema.ratings.insert(),
                    [
                        {
                            "subscriber_id": f"{i:032x}",
                            "paper_id": pool[k].id,
                            "origin": "web",
                            "value": 1,
                            "rated_at": world.now - timedelta(days=20),
                        }
                        for i in range(start, min(start + 500, n))
                        for k in rng.sample(range(len(pool)), N_LIKES)
                    ],
                )


def measured(
    n: int, store: str, watch: Callable[[], dict[str, float]] = dict, *, processes: int = 1
) -> dict[str, Any]:
    """One run, in this process.

    Args:
        processes: that choose and compose; what those beside this one take is in its seconds alone.
        watch: figures that grow meanwhile, such as somebody else's CPU.
    """
    from digest.ranking.reader import DayRanking
    from digest.usecases import compose, day
    from digest.usecases.compose import Composer
    from tests import postgres
    from tests.servers import Answer, rss
    from tests.worlds import make_world, record

    postgres.wanted = store == "postgres"
    texts = made_up(N_PAPERS + N_POOL, 5)
    with (
        tempfile.TemporaryDirectory(prefix="digest-bench-") as folder,
        make_world(Path(folder)) as world,
        receiver() as port,
    ):
        world.now = datetime.now(UTC)
        listed = [
            record(i, title=title, abstract=abstract)
            for i, (title, abstract) in enumerate(texts[:N_PAPERS])
        ]
        stamp = world.now.strftime("%a, %d %b %Y 00:00:00 +0000")
        world.web.says("/rss/cs.CL+cs.LG", Answer(rss(listed, stamp)))
        world.write(subscribers="", sources=f"[ranking]\nprocesses = {processes}\n")
        text = world.config.read_text("utf-8")
        text = text.replace(f"port = {world.smtp.port}", f"port = {port}\nconnections = 8")
        world.config.write_text(text, "utf-8")
        pool = [
            Paper(id=f"arxiv:2401.{i:05d}", title=title, abstract=abstract)
            for i, (title, abstract) in enumerate(texts[N_PAPERS:])
        ]
        people(world, n, pool)
        stages = Stages()
        with world.app() as app:
            stages.around(day, "fetch", "fetch")
            stages.around(Composer, "_plan", "choose")
            stages.around(DayRanking, "score", "fit and score")
            stages.around(compose, "finished", "render and MIME")
            stages.around(app.store.ratings, "reader_states", "read likes")
            stages.around(app.store.deliveries, "save_plan", "plan")
            stages.around(day, "send_due", "send")
            watched = watch()
            before = peak_mb()
            cpu, started = time.process_time(), time.perf_counter()
            jobs.run(app)
            seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
            grown = {k: v - watched[k] for k, v in watch().items()}
            with app.store.database.read() as connection:
                sent = connection.scalar(
                    sa.select(sa.func.count()).where(schema.deliveries.c.state == "sent")
                )
                size = connection.scalar(sa.func.avg(sa.func.length(schema.bodies.c.body)))
    assert sent == n, f"{sent} of {n} were sent"
    rest = {"other": seconds - sum(stages.wall.values())}
    return {
        "n": n,
        "seconds": seconds,
        "cpu": cpu,
        "before": before,
        "peak": peak_mb(),
        "stages": dict(stages.wall) | rest,
        "stages_cpu": dict(stages.cpu),
        "mail_bytes": float(size),
        **grown,
    }


def apart(n: int, store: str, processes: int = 1) -> dict[str, Any]:
    """The same in a process of its own, whose memory is nobody else's."""
    command = [sys.executable, "-m", "benchmarks.line", "--one", str(n), "--store", store]
    command += ["--processes", str(processes)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def bare_gain(n: int) -> float:
    """How many times as much n processes of a bare loop do as one: what this machine's cores give
    just now, beside whoever else is on them."""
    loop = [sys.executable, "-c", "for i in range(30_000_000): i * i"]

    def seconds(together: int) -> float:
        started = time.perf_counter()
        running = [subprocess.Popen(loop) for _ in range(together)]
        for process in running:
            process.wait()
        return time.perf_counter() - started

    one = all_of_them = 0.0
    for _ in range(3):
        one += seconds(1)
        all_of_them += seconds(n)
    return n * one / all_of_them


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.line", description=__doc__)
    parser.add_argument("--readers", type=int, default=4_000)
    parser.add_argument("--store", choices=("sqlite", "postgres"), default="sqlite")
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--processes", type=int, default=1, help=argparse.SUPPRESS)
    chosen = parser.parse_args([] if arguments is None else arguments)
    if chosen.one:
        print(json.dumps(measured(chosen.one, chosen.store, processes=chosen.processes)))
        return
    print(f"The whole line in one process: {N_PAPERS:,} papers, {N_LIKES} likes a reader")
    print(f"  on {chosen.store}")
    few = apart(chosen.readers // 4, chosen.store)
    many = apart(chosen.readers, chosen.store)
    for run in (few, many):
        print(
            f"  {run['n']:>7,} readers: {run['n'] / run['seconds']:.0f} digests a second, "
            f"{1e3 * run['cpu'] / run['n']:.1f} s of CPU per 1,000, peak {run['peak']:.0f} MB "
            f"({run['before']:.0f} MB before)"
        )
    shares = sorted(many["stages"].items(), key=lambda item: -item[1])
    print("  " + ", ".join(f"{k} {100 * v / many['seconds']:.0f}%" for k, v in shares))
    # What a day costs whoever reads it, and what each further reader costs.
    further = (many["cpu"] - few["cpu"]) / (many["n"] - few["n"])
    print(
        f"  each of the last three quarters costs {1e3 * further:.1f} ms of CPU, "
        f"{further / (few['cpu'] / few['n']):.2f} of one of the first (limit {LIMIT})"
    )
    cores = n_cores()
    if cores > 1:
        fewer = apart(chosen.readers // 4, chosen.store, cores)
        all_cores = apart(chosen.readers, chosen.store, cores)
        # each process learns the day for itself, which takes some seconds however many read it
        gain = (many["seconds"] - few["seconds"]) / (all_cores["seconds"] - fewer["seconds"])
        print(
            f"  {cores} processes for {cores} cores: {all_cores['n'] / all_cores['seconds']:.0f} "
            f"digests a second, {many['seconds'] / all_cores['seconds']:.2f} x one; the last three "
            f"quarters alone {gain:.2f} x (aim 1.7 on two; bare loops reach "
            f"{bare_gain(cores):.2f} x here)"
        )


if __name__ == "__main__":
    main(sys.argv[1:])
