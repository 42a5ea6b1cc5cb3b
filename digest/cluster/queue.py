"""The queue: Procrastinate's jobs in the store's own database. The only module that knows it.

A job is a block of subscribers, never one mail: PostgreSQL hands out some hundred jobs a second.
Whether a mail is out is known by the journal alone; a job that is done twice changes nothing.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any

import procrastinate
from procrastinate.exceptions import ConnectorException
from procrastinate.jobs import DeleteJobCondition, Status
from procrastinate.schema import SchemaManager

from digest.model import QueueCount

log = logging.getLogger(__name__)

#: queues: what is planned, what takes a processor, what waits for mail servers
PLAN, COMPOSE, SEND = "plan", "compose", "send"
#: attempts at a block, and the seconds before the second
ATTEMPTS, FIRST_WAIT_S = 5, 5
#: before the engine is started again that lost its database
PAUSE_S = 3.0
#: what the store remembers the version of the engine's tables under
FACT = "queue schema"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tasks:
    """What the jobs do; see `jobs.Jobs`."""

    plan_due: Callable[[], None]
    compose: Callable[[str, str, Sequence[str]], None]
    send: Callable[[int], None]
    maintain: Callable[[], None]
    inbox: Callable[[], None]
    clean_up: Callable[[], None]


class JobQueue:
    """Defers jobs and counts them.

    Args:
        url: of the database.
    """

    def __init__(self, url: str) -> None:
        connector = procrastinate.SyncPsycopgConnector(conninfo=url, min_size=0, max_size=2)
        self._url, self._app = url, procrastinate.App(connector=connector)

    def __enter__(self) -> JobQueue:
        self._app.open()
        return self

    def __exit__(self, *exc: object) -> None:
        self._app.close()

    def compose(self, moment: str, issue: str, ids: Sequence[str], connection: object) -> None:
        """Choose and store the editions of a block, if the transaction of `connection` holds."""
        job = self._app.configure_task("digest.compose", queue=COMPOSE, connection=connection)
        job.defer(moment=moment, issue=issue, ids=list(ids))

    def send(self, slot: int, route: str, connection: object = None) -> None:
        """Send what is due, by those connections of a mail server that a slot stands for: no two
        jobs have the same slot at once, on whatever machine."""
        lock = f"{route}#{slot}"
        options: dict[str, Any] = {"queue": SEND, "lock": lock}
        if connection is not None:
            options["connection"] = connection
        self._app.configure_task("digest.send", **options).defer(slot=slot)

    def n_waiting(self, queue: str) -> int:
        """Jobs of a queue that are waiting or under way."""
        return sum(q.todo + q.doing for q in self.counts() if q.name == queue)

    def counts(self) -> tuple[QueueCount, ...]:
        return tuple(
            QueueCount(name=q["name"], todo=q["todo"], doing=q["doing"], failed=q["failed"])
            for q in sorted(self._app.job_manager.list_queues(), key=lambda q: str(q["name"]))
        )

    def rescue(self, dead_after: timedelta) -> int:
        """Hand out again what the dead were at; returns how many jobs.

        What comes by the clock is forgotten: its next time is near, and may be in line already.
        """
        return asyncio.run(self._rescue(dead_after.total_seconds()))

    async def _rescue(self, seconds: float) -> int:
        n_rescued = 0
        async with self._async_app().open_async() as app:
            manager = app.job_manager
            for job in await manager.get_stalled_jobs(seconds_since_heartbeat=seconds):
                try:
                    if job.queue == PLAN:
                        await manager.finish_job(job, Status.FAILED, delete_job=True)
                    else:
                        await manager.retry_job(job)
                    n_rescued += 1
                except ConnectorException as error:
                    # Somebody else rescued it, or it was not dead: no reason to leave the others.
                    log.info("queue.not_rescued job=%s error=%r", job.id, error.__cause__)
        return n_rescued

    def n_readers_waiting(self) -> int:
        """Readers in blocks that are not composed yet."""
        blocks = self._app.job_manager.list_jobs(queue=COMPOSE)
        ids = (b.task_kwargs["ids"] for b in blocks if b.status in ("todo", "doing"))
        return sum(len(i) for i in ids if isinstance(i, list))

    def forget(self, hours: int) -> None:
        """Jobs that failed, and what is left of finished ones, after so many hours."""
        asyncio.run(self._forget(hours))

    async def _forget(self, hours: int) -> None:
        async with self._async_app().open_async() as app:
            await app.job_manager.delete_old_jobs(
                hours, include_failed=True, include_cancelled=True, include_aborted=True
            )

    def _async_app(self) -> procrastinate.App:
        """Some of the engine's calls are for coroutines alone."""
        connector = procrastinate.PsycopgConnector(conninfo=self._url, min_size=1, max_size=1)
        return procrastinate.App(connector=connector)


# --- the engine's tables -------------------------------------------------------------------------


def prepare(connection: Any, known: str) -> str:
    """Make or bring up to date the engine's tables, in the transaction of a psycopg connection.

    Args:
        known: the version that they were made for, or nothing.

    Returns the version that they are made for now.
    """
    installed = version("procrastinate")
    if known == installed:
        return installed
    if not known:
        connection.execute(SchemaManager.get_schema())
        return installed
    for file in sorted(Path(SchemaManager.get_migrations_path()).glob("*.sql")):
        if _numbers(known) < _numbers(file.name) <= _numbers(installed):
            log.info("queue.migrated file=%s", file.name)
            connection.execute(file.read_text("utf-8"))
    return installed


def is_prepared(remembered: Callable[[str], str]) -> bool:
    """Whether there are tables of the engine."""
    return bool(remembered(FACT))


def _numbers(name: str) -> tuple[int, ...]:
    """The version that a name begins with: "03.04.00_50_post…" is (3, 4, 0)."""
    found = re.match(r"(\d+)\.(\d+)\.(\d+)", name)
    return tuple(map(int, found.groups())) if found else ()


# --- working -------------------------------------------------------------------------------------


class Engine:
    """Takes jobs and does them until it is stopped; several on any number of machines share them.

    Args:
        n_sending: sending jobs at once in this process.
        dead_after: a worker without a sign of life for so long has its jobs taken over.
    """

    def __init__(
        self, url: str, tasks: Tasks, *, name: str, n_sending: int, dead_after: timedelta
    ) -> None:
        self._url, self._tasks, self._name = url, tasks, name
        self._n_sending, self._dead_after = n_sending, dead_after
        self._stopping = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    def stop(self) -> None:
        """Take no further job, and leave when those in hand are done; from any thread."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._stopping.set)

    def run(self) -> None:
        asyncio.run(self._run())

    async def _run(self) -> None:
        self._loop = asyncio.get_running_loop()
        # Jobs run in threads; one that waits for a mail server must not keep another from running.
        threads = ThreadPoolExecutor(max_workers=self._n_sending + 4, thread_name_prefix="job")
        self._loop.set_default_executor(threads)
        while not self._stopping.is_set():
            try:
                await self._serve()
            except (ConnectorException, OSError) as error:
                log.error("queue.lost error=%s", error)
            # If nobody stopped us, the database went away, or was started again: so are we.
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), PAUSE_S)

    async def _serve(self) -> None:
        seconds = self._dead_after.total_seconds()
        app = _app(self._url, self._tasks, tick_s=max(1, min(10, int(seconds // 4))))
        common: dict[str, Any] = {
            "install_signal_handlers": False,
            "delete_jobs": DeleteJobCondition.SUCCESSFUL,
            "update_heartbeat_interval": max(0.5, seconds / 4),
            "stalled_worker_timeout": seconds,
            "fetch_job_polling_interval": 2.0,
        }
        async with app.open_async():
            crews = [
                asyncio.create_task(app.run_worker_async(queues=q, concurrency=n, name=w, **common))
                for w, q, n in (
                    (f"{self._name} plan", [PLAN], 2),
                    # One at a time: composing keeps a processor busy. More workers use more.
                    (f"{self._name} compose", [COMPOSE], 1),
                    (f"{self._name} send", [SEND], self._n_sending),
                )
            ]
            stopped = asyncio.create_task(self._stopping.wait())
            await asyncio.wait([*crews, stopped], return_when=asyncio.FIRST_COMPLETED)
            stopped.cancel()
            for crew in crews:
                crew.cancel()
            for ended in await asyncio.gather(*crews, return_exceptions=True):
                if isinstance(ended, Exception):
                    log.error("queue.crew_failed error=%r", ended)


def _app(url: str, tasks: Tasks, tick_s: int) -> procrastinate.App:
    app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=url, max_size=8))
    again = procrastinate.RetryStrategy(max_attempts=ATTEMPTS, exponential_wait=FIRST_WAIT_S)

    def every(cron: str, name: str, work: Callable[[], None], *, alone: bool = True) -> None:
        # Seen to by one worker at a time, and no second one waits in line. But maintenance is
        # let in beside another, who may be dead: its lock would be what nobody is there to free.
        @app.periodic(cron=cron)
        @app.task(name=name, queue=PLAN, queueing_lock=name, lock=name if alone else None)
        def task(timestamp: int) -> None:
            work()

    every("* * * * *", "digest.plan_due", tasks.plan_due)
    every(f"* * * * * */{tick_s}", "digest.maintain", tasks.maintain, alone=False)
    every("* * * * *", "digest.inbox", tasks.inbox)
    every("17 3 * * *", "digest.clean_up", tasks.clean_up)

    @app.task(name="digest.compose", queue=COMPOSE, retry=again)
    def compose(moment: str, issue: str, ids: list[str]) -> None:
        tasks.compose(moment, issue, ids)

    @app.task(name="digest.send", queue=SEND)
    def send(slot: int) -> None:
        tasks.send(slot)

    return app
