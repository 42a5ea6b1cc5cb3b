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
from dataclasses import replace
from datetime import datetime, timedelta

from digest import jobs
from digest.app import App
from digest.cluster.queue import SEND, JobQueue, Tasks
from digest.errors import DigestError
from digest.model import SourceReport, Subscriber
from digest.ports import Route
from digest.schedule import edition_date
from digest.usecases.compose import Composer
from digest.usecases.due import due_subscribers, is_due
from digest.usecases.plan import decide
from digest.usecases.rates import paused_because
from digest.usecases.routes import awake_routes, note_result, shares
from digest.usecases.send import send_by_route

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


def slots_of(routes: Sequence[Route]) -> list[tuple[Route, int]]:
    """Jobs that may send at once: for each its route and its number of connections."""
    return [
        (route, min(CONNECTIONS_A_SLOT, route.connections - start))
        for route in routes
        for start in range(0, route.connections, CONNECTIONS_A_SLOT)
    ]


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
        self._spread = timedelta(minutes=app.settings.delivery.spread_minutes)
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
            due = due_subscribers(store, now, MOST_LOOKED_AT, self._spread)
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
        block = [s for s in people.values() if is_due(s, statuses[s.id], now, self._spread)]
        decided = decide(self._composer_of(issue), store, block, now=now)
        with store.transaction() as connection:
            # Planned mails and the order to send them are stored together, or neither is.
            if store.deliveries.save_plan(decided.planned, now):
                for route in self._awake():
                    self._order(route, connection)
        log.info("cluster.composed readers=%d of=%d", len(decided.reports), len(ids))

    def _composer_of(self, issue: str) -> Composer:
        """One for all blocks of an issue: reading and fitting take seconds."""
        with self._lock:
            if self._composer is None or self._composer[0] != issue:
                moment = datetime.fromisoformat(issue)
                snapshot = self._app.store.snapshots.get(issue)
                sources = self._sources_of(moment)
                composer = self._app.context().composer(
                    moment, sources=sources, snapshot=snapshot, asks=True
                )
                self._composer = (issue, composer)
            return self._composer[1]

    def _sources_of(self, moment: datetime) -> tuple[SourceReport, ...]:
        runs = self._app.store.runs.latest(10)
        return next((r.sources for r in runs if r.started_at == moment), ())

    # --- sending -------------------------------------------------------------------------------

    def _awake(self) -> tuple[Route, ...]:
        """Routes that may be used now."""
        app = self._app
        if paused_because(app.store, app.clock(), app.mail.retry_policy):
            return ()
        routes = app.mail.channel.routes
        awake = awake_routes(app.store, routes, app.clock())
        taking = shares(awake, routes)
        return tuple(r for r in awake if r.name in taking)

    def _order(self, route: Route, connection: object = None) -> None:
        """Order the sending of a block by a route, over the connections of one of its slots."""
        slots = slots_of(self._app.mail.channel.routes)
        own = [n for n, (r, _) in enumerate(slots) if r is route]
        self._queue.send(own[next(self._turns) % len(own)], route.name, connection)

    def send(self, slot: int) -> None:
        """Send a block of what is due, over the connections of one slot."""
        app, store = self._app, self._app.store
        slots, awake = slots_of(app.mail.channel.routes), self._awake()
        if slot >= len(slots) or slots[slot][0] not in awake:
            return  # there were more connections once; or it is tried again later
        route, connections = slots[slot]
        policy = app.mail.retry_policy
        options = app.mail.send_options(most=app.settings.cluster.block)
        store.deliveries.sweep(app.clock(), hold=not policy.resend_unknown)
        sent = send_by_route(
            store,
            route,
            worker=f"{self.name}:{next(self._numbers)}",
            clock=app.clock,
            policy=policy,
            options=replace(options, connections=connections),
            share=shares(awake, app.mail.channel.routes)[route.name],
            should_stop=self._should_stop,
        )
        note_result(store, route.name, sent, app.clock(), policy)
        for remark in sent.remarks:
            log.warning("send.remark %s", remark)

    # --- tending -------------------------------------------------------------------------------

    def maintain(self) -> None:
        """See to it that nothing waits for somebody who will not come."""
        app, store, queue = self._app, self._app.store, self._queue
        dead_after = timedelta(seconds=app.settings.cluster.dead_after_s)
        if n := queue.rescue(dead_after):
            log.warning("cluster.rescued jobs=%d", n)
        if n := store.deliveries.sweep(app.clock(), hold=not app.mail.retry_policy.resend_unknown):
            log.warning("cluster.in_doubt mails=%d", n)
        awake = self._awake()
        if not awake:
            return
        n_due = store.deliveries.n_due(app.clock())
        wanted = min(MOST_WAITING, -(-n_due // app.settings.cluster.block))
        for n in range(wanted - queue.n_waiting(SEND)):
            self._order(awake[n % len(awake)])

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
