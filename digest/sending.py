"""The loop: claim, hand over, settle; and the sweep of what a dead worker left behind.

Knows neither SMTP nor SQL. The journal is told before the body goes out (so that a crash leaves a
doubt, not a guess) and at once after the answer.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from digest.errors import RouteError, StoreError
from digest.model import Delivery, DeliveryKey, DeliveryState, Outcome, Receipt, Strike
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
#: a pause is up to so much longer or shorter, so that what failed together does not return together
JITTER = 0.2
#: answers in a row that are about the server or about us, until the route is left alone
MOST_RESTS, MOST_POLICY = 2, 5
#: an answer that could not be written down is written again so often
SETTLE_ATTEMPTS = 3


class _LeaseLost(Exception):
    """Somebody else owns the message now; it must not go out from here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What an operator decides about delivery."""

    #: what a crash left in doubt goes out again, with the same Message-ID; else it is held
    resend_unknown: bool = True
    #: editions with soft refusals, none accepted in between, until an address is suppressed
    suppress_after: int = 3
    #: the next day's edition supersedes this one
    give_up_after: timedelta = timedelta(hours=24)


@dataclass(slots=True)
class SendReport:
    """What one pass of the loop did."""

    settled: dict[DeliveryKey, tuple[DeliveryState, str]] = field(default_factory=dict)
    #: crashes of earlier runs that left a message in doubt
    n_doubts: int = 0
    #: why the route was given up, if it was
    route_fault: str = ""


def pause_after(message_id: str, attempts: int) -> timedelta:
    """How long to wait after the attempt of this number, from 0; the same for the same message."""
    drawn = hashlib.sha256(f"{message_id}|{attempts}".encode()).digest()
    share = int.from_bytes(drawn[:4], "big") / 0xFFFFFFFF
    usual = PAUSES[min(attempts, len(PAUSES) - 1)]
    return usual * (1 - JITTER + 2 * JITTER * share)


def next_state(
    receipt: Receipt, delivery: Delivery, now: datetime, rules: Rules
) -> tuple[DeliveryState, timedelta | None]:
    """What becomes of a message after an answer, and when it is tried again."""
    if receipt.outcome is Outcome.ACCEPTED:
        return DeliveryState.SENT, None
    if receipt.outcome is Outcome.IN_DOUBT and not rules.resend_unknown:
        return DeliveryState.UNKNOWN, None
    if receipt.outcome in (Outcome.DEFERRED, Outcome.IN_DOUBT):
        pause = pause_after(delivery.message.message_id, delivery.attempts)
        planned = delivery.planned_at or now
        if now + pause - planned > rules.give_up_after:
            return DeliveryState.FAILED, None
        return DeliveryState.DEFERRED, pause
    if receipt.strike is Strike.HARD:
        return DeliveryState.SUPPRESSED, None
    return DeliveryState.FAILED, None


class _Breaker:
    """Gives a route up after some answers in a row that would meet every message."""

    def __init__(self) -> None:
        self._rests = self._policy = 0

    def heard(self, receipt: Receipt) -> None:
        """Raises RouteError when it is enough."""
        self._rests = self._rests + 1 if receipt.rest else 0
        policy = receipt.outcome is Outcome.POLICY
        # An accepted mail clears it; a dead address in between says nothing about us.
        if receipt.outcome is Outcome.ACCEPTED:
            self._policy = 0
        self._policy += policy
        if self._rests >= MOST_RESTS:
            raise RouteError(
                f"The mail server wants to be left alone for a while ({receipt.reply}).",
                stage="send",
                code=receipt.code,
            )
        if self._policy >= MOST_POLICY:
            raise RouteError(
                f"{self._policy} mails in a row were refused for who we are or what we seem "
                f"({receipt.reply}). Check SPF, DKIM and blocklists of the sender's domain, then "
                "`digest retry`.",
                stage="send",
                code=receipt.code,
            )


def send_due(
    outbox: Outbox,
    transport: Transport,
    *,
    worker: str,
    clock: Clock,
    rules: Rules | None = None,
    should_stop: Callable[[], bool] = lambda: False,
    on_settled: Callable[[Delivery, DeliveryState], None] = lambda delivery, state: None,
) -> SendReport:
    """Send everything that is due, until nothing is, the route fails, or `should_stop` says so.

    The message in hand is always finished. The caller has made sure that no other process is
    sending (`RunLog.exclusive`), so whatever is leased was left by a dead one.
    """
    rules = rules or Rules()
    hold = not rules.resend_unknown
    report = SendReport(n_doubts=outbox.sweep(clock(), everything=True, hold=hold))
    breaker = _Breaker()
    with transport:
        for delivery in _claimed(outbox, worker, clock, should_stop):
            try:
                receipt, state = _send_one(outbox, transport, delivery, worker, clock, rules)
                report.settled[delivery.key] = (state, receipt.reply)
                on_settled(delivery, state)
                breaker.heard(receipt)
            except _LeaseLost:
                log.warning("delivery.lease_lost message_id=%s", delivery.message.message_id)
            except RouteError as error:
                report.route_fault = str(error)
                log.error("route.failed stage=%s code=%s", error.stage, error.code)
                break
    # Whatever is still claimed goes back: nothing of it was on the wire.
    outbox.sweep(clock(), everything=True, hold=hold)
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
    outbox: Outbox,
    transport: Transport,
    delivery: Delivery,
    worker: str,
    clock: Clock,
    rules: Rules,
) -> tuple[Receipt, DeliveryState]:
    def before_data() -> None:
        if not outbox.mark_handing(delivery.key, worker, clock()):
            raise _LeaseLost

    receipt = transport.send(delivery.message, before_data=before_data)
    now = clock()
    state, pause = next_state(receipt, delivery, now, rules)

    def settle() -> bool:
        return outbox.settle(
            delivery.key,
            worker,
            state,
            now,
            reply=receipt.reply,
            next_at=now + pause if pause else None,
            doubt=receipt.outcome is Outcome.IN_DOUBT,
            strike=receipt.strike,
            suppress_after=rules.suppress_after,
        )

    if not _insistently(settle):
        log.warning("delivery.lease_lost_after_send message_id=%s", delivery.message.message_id)
    log.info(
        "delivery.settled subscriber=%s date=%s state=%s code=%s",
        delivery.key.subscriber_id[:8],
        delivery.key.edition_date,
        state,
        receipt.code,
    )
    return receipt, state


def _insistently(settle: Callable[[], bool]) -> bool:
    """What a server said is written down, if need be again; if it cannot be, nothing more is sent.

    Raises:
        StoreError: the journal is gone. The message stays in doubt until the next start.
    """
    for attempt in range(SETTLE_ATTEMPTS):
        try:
            return settle()
        except StoreError as error:
            log.error("journal.failed attempt=%d error=%s", attempt + 1, error)
            if attempt + 1 == SETTLE_ATTEMPTS:
                raise
    raise AssertionError("unreachable")
