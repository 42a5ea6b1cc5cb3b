"""The worker: a process that stays, and makes each reader's edition when its hour has come.

APScheduler has one job a cause: editions that are due, and the inbox. Who is due is asked of the
store each time, not of the scheduler. So a laptop that slept, a clock that jumped, a missed hour in
spring and a restart are all the same case: an edition of today that is not there yet, and whose
hour has passed.
"""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Callable
from datetime import timedelta
from types import FrameType
from typing import TYPE_CHECKING

from digest import jobs
from digest.app import App
from digest.errors import DigestError
from digest.model import DayReport

if TYPE_CHECKING:
    from apscheduler.schedulers.background import BackgroundScheduler

log = logging.getLogger(__name__)

TICK_S = 30
#: readers served in one go; the others come right after
MOST_AT_ONCE = 100_000
#: pause after a day that crashed, so that a fault does not run hot
AFTER_CRASH = timedelta(minutes=5)


class Worker:
    """Runs until `stop`; the work itself stands in `jobs`."""

    def __init__(
        self, app: App, *, on_report: Callable[[DayReport], None] = lambda report: None
    ) -> None:
        self._app, self._on_report = app, on_report
        self._stopping = threading.Event()
        self._quiet_until = app.clock()
        self._synced = False

    def stop(self) -> None:
        """Finish the mail in hand and leave."""
        self._stopping.set()

    def tick(self) -> DayReport | None:
        """Run for whoever is due; None if nobody is, or another process is at it.

        Never raises for a fault of the day: it is logged, and tomorrow happens.
        """
        from digest.usecases.due import due_subscribers
        from digest.usecases.routes import resting_until

        now = self._app.clock()
        if self._stopping.is_set() or now < self._quiet_until:
            return None
        try:
            store = self._app.store
            if not self._synced:
                jobs.sync_subscribers(self._app)
                self._synced = True
            if resting_until(store, self._app.mail.channel.routes, now) is not None:
                return None
            spread = timedelta(minutes=self._app.settings.delivery.spread_minutes)
            due = due_subscribers(store, now, MOST_AT_ONCE, spread)
            if not due and not store.deliveries.has_due(now):
                return None
            report = jobs.run(self._app, readers=due, should_stop=self._stopping.is_set)
        except DigestError as error:
            log.error("worker.day_failed error=%s", error)
            self._quiet_until = now + AFTER_CRASH
            return None
        except Exception:
            log.exception("worker.day_crashed")
            self._quiet_until = now + AFTER_CRASH
            return None
        if report is not None:
            self._on_report(report)
        return report

    def read_inbox(self) -> None:
        """Bounces and readers' actions; a mailbox in trouble is tried again next time."""
        if self._stopping.is_set():
            return
        try:
            jobs.read_inbox(self._app)
        except DigestError as error:
            log.error("inbox.failed error=%s", error)
        except Exception:
            log.exception("inbox.crashed")

    def scheduler(self) -> BackgroundScheduler:
        """Every cause to work as a job of APScheduler, not started yet."""
        from apscheduler.executors.pool import ThreadPoolExecutor
        from apscheduler.schedulers.background import BackgroundScheduler

        # One thread: an edition is not chosen while likes for it are read. Late is as good as on
        # time: without the last setting APScheduler drops what is 1 s late.
        made = BackgroundScheduler(
            timezone="UTC",
            executors={"default": ThreadPoolExecutor(1)},
            job_defaults={"max_instances": 1, "coalesce": True, "misfire_grace_time": None},
        )
        now, inbox = self._app.clock(), self._app.settings.inbox
        if inbox is not None:
            minutes = inbox.every_minutes
            made.add_job(self.read_inbox, "interval", minutes=minutes, next_run_time=now)
        made.add_job(self.tick, "interval", seconds=TICK_S, next_run_time=now)
        return made

    def run(self) -> None:
        """Work until stopped by SIGTERM, SIGINT or `stop`."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        port = self._app.settings.monitor.metrics_port
        if port:
            from digest.monitor.metrics import serve_metrics

            serve_metrics(self._app, port)
        scheduler = self.scheduler()
        scheduler.start()
        log.info("worker.started")
        while not self._stopping.wait(timeout=1.0):
            pass
        scheduler.shutdown(wait=True)
        log.info("worker.stopped")

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        log.info("worker.stopping signal=%d", number)
        self.stop()
