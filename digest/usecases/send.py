"""Sending by one route: claim, hand over, record.

Knows neither SMTP nor SQL. The journal is told before the body goes out (so that a crash leaves a
doubt, not a guess) and at once after the answer. Several connections are as many threads, fed by
one queue (`claims`, `senders`) and written down by one journal (`journal`).
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from digest.errors import RouteError, StoreError
from digest.model import Delivery, DeliveryState, Outcome, RouteShare
from digest.ports import Clock, Route
from digest.text import counted
from digest.usecases.claims import ClaimQueue, SendOptions
from digest.usecases.journal import Journal, SendReport
from digest.usecases.retry import RetryPolicy
from digest.usecases.senders import SenderPool
from digest.usecases.strikes import apply_strikes

if TYPE_CHECKING:
    from digest.store import Store

log = logging.getLogger(__name__)

#: how long a domain is left alone that wants no mail, and mails that were refused for who we are
DOMAIN_PAUSE, POLICY_PAUSE = timedelta(minutes=15), timedelta(hours=1)


def send_by_route(
    store: Store,
    route: Route,
    *,
    worker: str,
    clock: Clock,
    policy: RetryPolicy,
    options: SendOptions,
    share: RouteShare | None = None,
    should_stop: Callable[[], bool] = lambda: False,
    on_settled: Callable[[Delivery, DeliveryState], None] = lambda delivery, state: None,
) -> SendReport:
    """Send what is due by one route, until nothing is, the route fails, or `should_stop` says so.

    Messages in hand are always finished.

    Args:
        share: which of the mails are its own; None: all.
        on_settled: called one after the other, from a thread.

    Raises:
        StoreError: the journal is gone, so nothing more was sent; what was in hand is in doubt.
    """
    report = SendReport()
    queue = ClaimQueue(
        store, route, worker, clock, options, share=share, zone=policy.zone, should_stop=should_stop
    )
    journal = Journal(
        store, worker, clock, report, on_settled, n_senders=queue.connections, route=route.name
    )
    pool = SenderPool(queue, journal, clock, policy, queue.connections)
    journal.start()
    _send_all(store, route, worker, clock, options, pool=pool, queue=queue, journal=journal)
    crash, fault = journal.crash or pool.crash, pool.fault
    if crash is None:
        fault = _finish(store, worker, clock(), policy, report, queue=queue, pool=pool)
    try:
        # Whatever is still claimed goes back: nothing of it was on the wire.
        store.deliveries.release(worker)
        queue.give_back(len(report.settled))
    except StoreError:
        if crash is None:
            raise
    if crash is not None:
        raise crash
    if fault is None and queue.limit_reached and store.deliveries.has_due(clock()):
        fault = RouteError(
            f"The limit of {queue.limit_reached:,} mails a day for {route.name} is reached.",
            stage="limit",
            until_tomorrow=True,
        )
    if fault is not None:
        report.route_fault, report.until_tomorrow = str(fault), fault.until_tomorrow
        log.error("route.failed stage=%s code=%s", fault.stage, fault.code)
    return report


def _finish(
    store: Store,
    worker: str,
    now: datetime,
    policy: RetryPolicy,
    report: SendReport,
    *,
    queue: ClaimQueue,
    pool: SenderPool,
) -> RouteError | None:
    """After the last answer: what it says of addresses, and what waits for whom.

    Returns why the route was given up, if it was.
    """
    store.traffic.add_sent(now.date(), report.n_accepted)
    apply_strikes(store, report, now, policy)
    fault, closed = pool.fault, pool.breaker.closed
    if fault is None and queue.aside and pool.breaker.is_one_domain:
        fault = pool.breaker.left_alone(next(iter(closed.values())))
    refused_us = [r for r in report.refused if r.receipt.outcome is Outcome.POLICY]
    if fault is not None:
        again = [r.message_id for r in refused_us]
        store.deliveries.postpone(again, now + POLICY_PAUSE, now)
        return fault
    for domain, answer in closed.items():
        waiting = queue.aside.get(domain, [])
        again = [r.message_id for r in refused_us if r.domain == domain]
        store.deliveries.postpone(
            [*waiting, *again], now + DOMAIN_PAUSE, now, worker=worker, reply=answer.reply
        )
        report.remarks.append(
            f"{domain} wants no mail for a while ({answer.reply}); "
            f"{counted(len(waiting) + len(again), 'mail')} for it will be tried again."
        )
    return None


def _send_all(
    store: Store,
    route: Route,
    worker: str,
    clock: Clock,
    options: SendOptions,
    *,
    pool: SenderPool,
    queue: ClaimQueue,
    journal: Journal,
) -> None:
    """Run the senders until nothing is due, or they are stopped."""
    threads = [
        threading.Thread(target=pool.send, args=(route.transport,), name=f"sender-{n}")
        for n in range(queue.connections)
    ]
    try:
        for thread in threads:
            thread.start()
        while any(t.is_alive() for t in threads):
            _wait(threads, options.lease.total_seconds() / 4)
            if not options.alone:
                store.deliveries.renew(worker, clock() + options.lease)
        while queue.has_waiting and not queue.stopped:
            # A sender that got no connection left it to others, who were about to end.
            pool.join()
            pool.send(route.transport)
    finally:
        pool.stop()
        for thread in threads:
            if thread.ident is not None:
                thread.join()
        journal.finish()


def _wait(threads: Sequence[threading.Thread], seconds: float) -> None:
    """Until all have ended, or so long."""
    end = time.monotonic() + seconds
    for thread in threads:
        thread.join(timeout=max(0.0, end - time.monotonic()))
