"""What becomes of a mail after an answer, and when a mail server is left alone."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from digest.errors import RouteError
from digest.model import Delivery, DeliveryState, Outcome, Receipt, Strike

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


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """What an operator decides about delivery."""

    #: what a crash left in doubt goes out again, with the same Message-ID; else it is held
    resend_unknown: bool = True
    #: editions with soft refusals, none accepted in between, until an address is suppressed
    suppress_after: int = 3
    #: the next day's edition supersedes this one
    give_up_after: timedelta = timedelta(hours=24)


def pause_after(message_id: str, attempts: int) -> timedelta:
    """How long to wait after the attempt of this number, from 0; the same for the same message."""
    drawn = hashlib.sha256(f"{message_id}|{attempts}".encode()).digest()
    share = int.from_bytes(drawn[:4], "big") / 0xFFFFFFFF
    usual = PAUSES[min(attempts, len(PAUSES) - 1)]
    return usual * (1 - JITTER + 2 * JITTER * share)


def next_state(
    receipt: Receipt, delivery: Delivery, now: datetime, policy: RetryPolicy
) -> tuple[DeliveryState, timedelta | None]:
    """What becomes of a message after an answer, and when it is tried again."""
    if receipt.outcome is Outcome.ACCEPTED:
        return DeliveryState.SENT, None
    if receipt.outcome is Outcome.IN_DOUBT and not policy.resend_unknown:
        return DeliveryState.UNKNOWN, None
    if receipt.outcome in (Outcome.DEFERRED, Outcome.IN_DOUBT):
        pause = pause_after(delivery.message.message_id, delivery.attempts)
        planned = delivery.planned_at or now
        if now + pause - planned > policy.give_up_after:
            return DeliveryState.FAILED, None
        return DeliveryState.DEFERRED, pause
    if receipt.strike is Strike.HARD:
        return DeliveryState.SUPPRESSED, None
    return DeliveryState.FAILED, None


class CircuitBreaker:
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
