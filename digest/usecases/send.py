"""Sending: claim, hand over, record; and the sweep of what a dead worker left behind.

Knows neither SMTP nor SQL. The journal is told before the body goes out (so that a crash leaves a
doubt, not a guess) and at once after the answer. Several connections are as many threads, fed by
one claim (`senders`) and written down by one journal (`journal`).
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from digest.errors import RouteError, StoreError
from digest.model import Delivery, DeliveryState, Outcome
from digest.ports import Clock, Transport
from digest.text import counted
from digest.usecases.journal import Journal, SendReport
from digest.usecases.retry import RetryPolicy
from digest.usecases.senders import ClaimQueue, SenderPool, SendOptions
from digest.usecases.strikes import apply_strikes

if TYPE_CHECKING:
    from digest.store import Store

log = logging.getLogger(__name__)

#: how long a domain is left alone that wants no mail, and mails that were refused for who we are
DOMAIN_PAUSE, POLICY_PAUSE = timedelta(minutes=15), timedelta(hours=1)


def send_due(
    store: Store,
    transport: Callable[[], Transport],
    *,
    worker: str,
    clock: Clock,
    policy: RetryPolicy | None = None,
    options: SendOptions | None = None,
    should_stop: Callable[[], bool] = lambda: False,
    on_settled: Callable[[Delivery, DeliveryState], None] = lambda delivery, state: None,
) -> SendReport:
    """Send what is due, until nothing is, the route fails, or `should_stop` says so.

    Messages in hand are always finished.

    Args:
        transport: makes a connection.
        on_settled: called one after the other, from a thread.

    Raises:
        StoreError: the journal is gone, so nothing more was sent; what was in hand is in doubt.
    """
    policy, options = policy or RetryPolicy(), options or SendOptions()
    hold = not policy.resend_unknown
    report = SendReport(
        n_doubts=store.deliveries.sweep(
            clock(), everything=options.alone, hold=hold, of=options.alone_among
        )
    )
    journal = Journal(store, worker, clock, report, on_settled, n_senders=options.connections)
    queue = ClaimQueue(store, worker, clock, options, should_stop)
    pool = SenderPool(queue, journal, clock, policy, options.connections)
    journal.start()
    _send_all(store, transport, worker, clock, options, pool=pool, queue=queue, journal=journal)
    crash = journal.crash or pool.crash
    fault = pool.fault
    if crash is None:
        fault = _finish(store, worker, clock(), policy, report, queue=queue, pool=pool)
    try:
        # Whatever is still claimed goes back: nothing of it was on the wire.
        store.deliveries.release(worker)
    except StoreError:
        if crash is None:
            raise
    if crash is not None:
        raise crash
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
    transport: Callable[[], Transport],
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
        threading.Thread(target=pool.send, args=(transport,), name=f"sender-{n}")
        for n in range(options.connections)
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
            pool.send(transport)
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
