"""The loop: claim, hand over, settle; and the sweep of what a dead worker left behind.

Knows neither SMTP nor SQL. The journal is told before the body goes out (so that a crash leaves a
doubt, not a guess) and at once after the answer.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta

from digest.errors import RouteError
from digest.model import Delivery, DeliveryKey, DeliveryState, Outcome, Receipt
from digest.ports import Clock, Outbox, Transport

log = logging.getLogger(__name__)

BATCH = 20
#: longer than a server may keep one message (ten minutes after its end), times a batch's hurry
LEASE = timedelta(minutes=30)
#: pauses after the first, second, … attempt; RFC 5321 4.5.4.1 asks for growing ones
PAUSES = (
    timedelta(minutes=5),
    timedelta(minutes=15),
    timedelta(hours=1),
    timedelta(hours=3),
    timedelta(hours=6),
)
#: the next day's edition supersedes this one
GIVE_UP_AFTER_ATTEMPTS = 8


class _LeaseLost(Exception):
    """Somebody else owns the message now; it must not go out from here."""


@dataclass(slots=True)
class SendReport:
    """What one pass of the loop did."""

    settled: dict[DeliveryKey, tuple[DeliveryState, str]] = field(default_factory=dict)
    #: crashes of earlier runs that left a message in doubt
    n_doubts: int = 0
    #: why the route was given up, if it was
    route_fault: str = ""


def _next_state(receipt: Receipt, attempts: int) -> tuple[DeliveryState, timedelta | None]:
    if receipt.outcome is Outcome.ACCEPTED:
        return DeliveryState.SENT, None
    if receipt.outcome in (Outcome.DEFERRED, Outcome.IN_DOUBT):
        if attempts + 1 >= GIVE_UP_AFTER_ATTEMPTS:
            return DeliveryState.FAILED, None
        return DeliveryState.DEFERRED, PAUSES[min(attempts, len(PAUSES) - 1)]
    return DeliveryState.FAILED, None


def send_due(
    outbox: Outbox,
    transport: Transport,
    *,
    worker: str,
    clock: Clock,
    should_stop: Callable[[], bool] = lambda: False,
    on_settled: Callable[[Delivery, DeliveryState], None] = lambda delivery, state: None,
) -> SendReport:
    """Send everything that is due, until nothing is, the route fails, or `should_stop` says so.

    The message in hand is always finished. The caller has made sure that no other process is
    sending (`RunLog.exclusive`), so whatever is leased was left by a dead one.
    """
    report = SendReport(n_doubts=outbox.sweep(clock(), everything=True))
    with transport:
        for delivery in _claimed(outbox, worker, clock, should_stop):
            try:
                state = _send_one(outbox, transport, delivery, worker, clock)
            except _LeaseLost:
                log.warning("delivery.lease_lost message_id=%s", delivery.message.message_id)
                continue
            except RouteError as error:
                report.route_fault = str(error)
                log.error("route.failed stage=%s code=%s", error.stage, error.code)
                break
            report.settled[delivery.key] = state
            on_settled(delivery, state[0])
    # Whatever is still claimed goes back: nothing of it was on the wire.
    outbox.sweep(clock(), everything=True)
    return report


def _claimed(
    outbox: Outbox, worker: str, clock: Clock, should_stop: Callable[[], bool]
) -> Iterator[Delivery]:
    while not should_stop():
        batch = outbox.claim(worker, clock(), LEASE, BATCH)
        if not batch:
            return
        for delivery in batch:
            if should_stop():
                return
            yield delivery


def _send_one(
    outbox: Outbox, transport: Transport, delivery: Delivery, worker: str, clock: Clock
) -> tuple[DeliveryState, str]:
    def before_data() -> None:
        if not outbox.mark_handing(delivery.key, worker, clock()):
            raise _LeaseLost

    receipt = transport.send(delivery.message, before_data=before_data)
    state, pause = _next_state(receipt, delivery.attempts)
    now = clock()
    kept = outbox.settle(
        delivery.key,
        worker,
        state,
        now,
        reply=receipt.reply,
        next_at=now + pause if pause else None,
    )
    if not kept:
        log.warning("delivery.lease_lost_after_send message_id=%s", delivery.message.message_id)
    log.info(
        "delivery.settled subscriber=%s date=%s state=%s code=%s",
        delivery.key.subscriber_id[:8],
        delivery.key.edition_date,
        state,
        receipt.code,
    )
    return state, receipt.reply
