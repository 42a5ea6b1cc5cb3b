"""What the jobs of a cluster do, with the same functions that one process calls in a row.

    plan_due (one at a time)  fetch if it is time, split who is due into blocks, order editions
    compose  (a block)        choose, render and plan; order the sending in the same transaction
    send     (a slot)         send what is due over the slot's connections
    maintain (one at a time)  hand out again what the dead were at, order sending for what waits

Every one may be killed at any time and done again: what counts is in the journal and in `due_at`.
"""

from __future__ import annotations

import itertools
import logging
import os
import socket
import threading
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from digest import jobs
from digest.app import App
from digest.cluster.queue import SEND, JobQueue, Tasks
from digest.errors import DigestError
from digest.model import SourceReport, Subscriber
from digest.schedule import edition_date
from digest.usecases.compose import Composer
from digest.usecases.due import due_subscribers, is_due
from digest.usecases.plan import decide
from digest.usecases.routes import note_result, pause_until
from digest.usecases.send import send_due

log = logging.getLogger(__name__)

#: listings younger than this are not fetched again for those who fall due in the meantime
FRESH = timedelta(minutes=10)
#: readers looked at in one go
MOST_LOOKED_AT = 10_000
#: readers of a block that nothing came of are dealt again
AGAIN_AFTER = timedelta(minutes=15)
#: connections of one sending job, which share a journal
CONNECTIONS_A_SLOT = 8
#: sending jobs that wait in line, at most
MOST_WAITING = 1_000
#: failed jobs are kept to be looked at
JOBS_KEPT_H = 24 * 7


class Jobs:
    """The jobs of one process.

    Args:
        should_stop: jobs under way end early.
    """

    def __init__(self, app: App, queue: JobQueue, should_stop: Callable[[], bool]) -> None:
        self._app, self._queue, self._should_stop = app, queue, should_stop
        self.name = f"{socket.gethostname()}:{os.getpid()}"
        self._numbers = itertools.count(1)
        self._turns = itertools.count(os.getpid())
        self._lock = threading.Lock()
        self._composer: tuple[str, Composer] | None = None
        self._synced = False

    @property
    def tasks(self) -> Tasks:
        return Tasks(
            plan_due=self.plan_due,
            compose=self.compose,
            send=self.send,
            maintain=self.maintain,
            inbox=self.inbox,
            clean_up=self.clean_up,
        )

    # --- dealing -------------------------------------------------------------------------------

    def plan_due(self) -> None:
        """Order the editions of everybody whose hour has come."""
        app, store = self._app, self._app.store
        if not self._synced:
            jobs.sync_subscribers(app)
            self._synced = True
        n_dealt, issue = 0, ""
        while not self._should_stop():
            now = app.clock()
            due = due_subscribers(store, now, MOST_LOOKED_AT)
            if not due:
                break
            issue = issue or self._issue(due, now)
            size = app.settings.cluster.block
            for start in range(0, len(due), size):
                self._deal_block(due[start : start + size], now, issue)
            n_dealt += len(due)
        if n_dealt:
            log.info("cluster.dealt readers=%d issue=%s", n_dealt, issue)

    def _deal_block(self, block: Sequence[Subscriber], now: datetime, issue: str) -> None:
        ids, store = [s.id for s in block], self._app.store
        with store.transaction() as connection:
            store.subscribers.reschedule(dict.fromkeys(ids, now + AGAIN_AFTER), now)
            self._queue.compose(now.isoformat(), issue, ids, connection)

    def _issue(self, due: Sequence[Subscriber], now: datetime) -> str:
        """The listings that editions are made of now: the latest, if they are fresh, else new ones.

        Returns their moment, by which every worker finds the same.
        """
        store = self._app.store
        latest = next((r for r in store.runs.latest(5) if r.sources), None)
        if latest is not None and timedelta(0) <= now - latest.started_at < FRESH:
            return latest.started_at.isoformat()
        report = jobs.gather(self._app, due)
        issue = report.started_at.isoformat()
        # Fitted here, once; the others take it as it is, so that all readers are served alike.
        store.snapshots.save(issue, self._composer_of(issue).ranking.snapshot(), now)
        return issue

    # --- composing -----------------------------------------------------------------------------

    def compose(self, moment: str, issue: str, ids: Sequence[str]) -> None:
        """Choose and plan the editions of a block, as of the moment when it was dealt."""
        store, now = self._app.store, datetime.fromisoformat(moment)
        people = store.subscribers.by_id(ids)
        days = {s.id: edition_date(s, now) for s in people.values()}
        statuses = store.history.edition_statuses(days)
        # It may have been done before, by somebody who died before saying so.
        block = [s for s in people.values() if is_due(s, statuses[s.id], now)]
        decided = decide(self._composer_of(issue), store, block, now=now)
        route, n_slots = self._slots()
        with store.transaction() as connection:
            # Planned mails and the order to send them are stored together, or neither is.
            if store.deliveries.save_plan(decided.planned, now):
                self._queue.send(next(self._turns) % n_slots, route, connection)
        log.info("cluster.composed readers=%d of=%d", len(decided.reports), len(ids))

    def _composer_of(self, issue: str) -> Composer:
        """One for all blocks of an issue: reading and fitting take seconds."""
        with self._lock:
            if self._composer is None or self._composer[0] != issue:
                moment = datetime.fromisoformat(issue)
                snapshot = self._app.store.snapshots.get(issue)
                sources = self._sources_of(moment)
                composer = self._app.context().composer(moment, sources=sources, snapshot=snapshot)
                self._composer = (issue, composer)
            return self._composer[1]

    def _sources_of(self, moment: datetime) -> tuple[SourceReport, ...]:
        runs = self._app.store.runs.latest(10)
        return next((r.sources for r in runs if r.started_at == moment), ())

    # --- sending -------------------------------------------------------------------------------

    def _slots(self) -> tuple[str, int]:
        """The mail server's name, and how many jobs may send to it at once."""
        smtp = self._app.settings.smtp
        return self._app.mail.route, -(-smtp.connections // CONNECTIONS_A_SLOT) if smtp else 1

    def send(self, slot: int) -> None:
        """Send a block of what is due, over the connections of one slot."""
        app, store = self._app, self._app.store
        smtp = app.settings.smtp
        route, n_slots = self._slots()
        if slot >= n_slots or self._resting(route):
            return  # there were more connections once; or it is tried again later
        connections = 1
        if smtp is not None:
            connections = min(CONNECTIONS_A_SLOT, smtp.connections - slot * CONNECTIONS_A_SLOT)
        sent = send_due(
            store,
            app.mail.transport,
            worker=f"{self.name}:{next(self._numbers)}",
            clock=app.clock,
            policy=app.mail.retry_policy,
            options=app.mail.send_options(most=app.settings.cluster.block, connections=connections),
            should_stop=self._should_stop,
        )
        note_result(store, route, sent, app.clock(), app.mail.retry_policy)
        for remark in sent.remarks:
            log.warning("send.remark %s", remark)

    def _resting(self, route: str) -> bool:
        return pause_until(self._app.store, route, self._app.clock()) is not None

    # --- tending -------------------------------------------------------------------------------

    def maintain(self) -> None:
        """See to it that nothing waits for somebody who will not come."""
        app, store, queue = self._app, self._app.store, self._queue
        dead_after = timedelta(seconds=app.settings.cluster.dead_after_s)
        if n := queue.rescue(dead_after):
            log.warning("cluster.rescued jobs=%d", n)
        if n := store.deliveries.sweep(app.clock(), hold=not app.mail.retry_policy.resend_unknown):
            log.warning("cluster.in_doubt mails=%d", n)
        route, n_slots = self._slots()
        if self._resting(route):
            return
        n_due = store.deliveries.n_due(app.clock())
        wanted = min(MOST_WAITING, -(-n_due // app.settings.cluster.block))
        for _ in range(wanted - queue.n_waiting(SEND)):
            queue.send(next(self._turns) % n_slots, route)

    def inbox(self) -> None:
        """Bounces and readers' actions, if it is time to look."""
        settings, store, now = self._app.settings.inbox, self._app.store, self._app.clock()
        if settings is None:
            return
        last = store.facts.get("inbox")
        every = timedelta(minutes=settings.every_minutes)
        if last and timedelta(0) <= now - datetime.fromisoformat(last) < every:
            return
        store.facts.set("inbox", now.isoformat())
        try:
            jobs.read_inbox(self._app)
        except DigestError as error:
            log.error("inbox.failed error=%s", error)

    def clean_up(self) -> None:
        """Forget what nobody needs any more."""
        jobs.purge(self._app)
        self._queue.forget(JOBS_KEPT_H)
