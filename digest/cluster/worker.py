"""A worker of a cluster: a process that takes part until it is stopped.

All workers go by the database's clock, so that a lease means the same on every machine.
"""

from __future__ import annotations

import json
import logging
import signal
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from types import FrameType

from digest.app import App
from digest.cluster.jobs import Jobs, slots_of
from digest.cluster.queue import FACT, Engine, JobQueue, prepare
from digest.errors import DigestError
from digest.ports import Clock

log = logging.getLogger(__name__)

#: sending jobs at once in one process; each has up to eight connections
MOST_SENDING = 8


class SharedClock:
    """The clock of a machine, put right by that of the database."""

    def __init__(self, local: Clock) -> None:
        self._local = local
        self._ahead = timedelta(0)

    def __call__(self) -> datetime:
        return self._local() + self._ahead

    def follow(self, server_time: Callable[[], datetime | None]) -> None:
        """Ask the database for its time."""
        before = self._local()
        server = server_time()
        if server is not None:
            self._ahead = server - (before + (self._local() - before) / 2)


class ClusterWorker:
    """One worker of the cluster.

    Args:
        clock: that of the app.
    """

    def __init__(self, app: App, clock: SharedClock) -> None:
        self._app, self._clock = app, clock
        self._stopping = threading.Event()
        self._engine: Engine | None = None

    def stop(self) -> None:
        """Finish the mails in hand and leave."""
        self._stopping.set()
        if self._engine is not None:
            self._engine.stop()

    def run(self) -> None:
        """Work until stopped by SIGTERM, SIGINT or `stop`.

        Raises:
            DigestError: the database cannot be had at the start.
        """
        app = self._app
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        url = str(app.settings.store.where)
        app.store.facts.upgrade(FACT, prepare)
        self._clock.follow(app.store.server_time)
        if app.settings.monitor.metrics_port:
            from digest.monitor.metrics import serve_metrics

            serve_metrics(app, app.settings.monitor.metrics_port)
        # The engine tells of every job, twice; what went wrong is enough.
        logging.getLogger("procrastinate").setLevel(logging.WARNING)
        n_slots = len(slots_of(app.mail.channel.routes)) or 1
        dead_after = timedelta(seconds=app.settings.cluster.dead_after_s)
        with JobQueue(url) as queue:
            jobs = Jobs(app, queue, self._stopping.is_set)
            self._engine = Engine(
                url,
                jobs.tasks,
                name=jobs.name,
                n_sending=min(n_slots, MOST_SENDING),
                dead_after=dead_after,
            )
            pulse = threading.Thread(target=self._pulse, args=(jobs.name, dead_after), name="pulse")
            pulse.start()
            log.info("worker.started name=%s cluster=%s", jobs.name, app.store.name)
            try:
                if not self._stopping.is_set():
                    self._engine.run()
            finally:
                self._stopping.set()
                pulse.join()
        log.info("worker.stopped")

    # --- signs of life and the common clock ----------------------------------------------------

    def _pulse(self, name: str, dead_after: timedelta) -> None:
        """Tell that this worker lives, and look at the common clock."""
        store, key = self._app.store, f"worker:{name}"
        started = self._app.clock().isoformat()
        while True:
            try:
                self._clock.follow(store.server_time)
                seen = {"seen": self._app.clock().isoformat(), "started": started}
                store.facts.set(key, json.dumps(seen))
            except DigestError as error:
                log.error("worker.pulse_failed error=%s", error)
            if self._stopping.wait(timeout=dead_after.total_seconds() / 4):
                break
        try:
            store.facts.delete(key)
        except DigestError as error:
            log.error("worker.farewell_failed error=%s", error)

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        log.info("worker.stopping signal=%d", number)
        self.stop()
