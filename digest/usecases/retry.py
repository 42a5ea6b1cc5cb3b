"""What becomes of a mail after an answer, and when a mail server is left alone."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta

from digest.errors import RouteError
from digest.model import Cause, Delivery, DeliveryState, Outcome, Receipt

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
#: answers in a row that are about a server or about us, until it is left alone
MOST_RESTS, MOST_POLICY, MOST_POLICY_OF_DOMAIN = 2, 5, 3


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """What an operator decides about delivery."""

    #: what a crash left in doubt goes out again, with the same Message-ID; else it is held
    resend_unknown: bool = True
    #: editions with soft refusals, none accepted in between, until an address is suppressed
    suppress_after: int = 3
    #: the next day's edition supersedes this one
    give_up_after: timedelta = timedelta(hours=24)
    #: bounces and complaints in 1,000 mails at which sending stops; 0: never
    pause_at_bounces: float = 0.0
    pause_at_complaints: float = 0.0
    #: where a limit of the day is taken to begin anew
    zone: str = "UTC"


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
    if receipt.cause is Cause.QUOTA:  # it waits until tomorrow, as all others do
        return DeliveryState.READY, None
    if receipt.outcome is Outcome.IN_DOUBT and not policy.resend_unknown:
        return DeliveryState.UNKNOWN, None
    if receipt.outcome in (Outcome.DEFERRED, Outcome.IN_DOUBT):
        pause = pause_after(delivery.message.message_id, delivery.attempts)
        planned = delivery.planned_at or now
        if now + pause - planned > policy.give_up_after:
            return DeliveryState.FAILED, None
        return DeliveryState.DEFERRED, pause
    return DeliveryState.FAILED, None


def is_mass(n_refused: int, n_tried: int) -> bool:
    """Whether so many addresses are refused alike that it cannot be the addresses' fault."""
    return (n_refused >= 4 and 2 * n_refused >= n_tried) or (
        n_refused >= 10 and 5 * n_refused >= n_tried
    )


class CircuitBreaker:
    """Gives up a recipient's domain, or the route, after some answers in a row that would meet
    every message there."""

    def __init__(self) -> None:
        #: domains that are left alone, each with the answer that decided it
        self.closed: dict[str, Receipt] = {}
        self._rests: Counter[str] = Counter()
        self._policy: Counter[str] = Counter()
        self._accepted: set[str] = set()
        #: answers in a row, whatever their domain: connections lost, "later", "not from you"
        self._lost = 0
        self._resting: list[str] = []
        self._n_policy = 0
        #: domains that had another answer than "later"
        self._awake: set[str] = set()

    def heard(self, receipt: Receipt, domain: str) -> None:
        """Raises RouteError when it is enough."""
        if receipt.rest and receipt.code is None:
            self._lost += 1
        else:
            self._lost = 0
        if receipt.rest:
            self._rests[domain] += 1
            self._resting.append(domain)
        else:
            self._rests[domain] = 0
            self._resting = []
            self._awake.add(domain)
        if receipt.outcome is Outcome.ACCEPTED:
            # It clears what was counted; a dead address in between says nothing about us.
            self._policy[domain] = self._n_policy = 0
            self._accepted.add(domain)
        elif receipt.outcome is Outcome.POLICY:
            self._policy[domain] += 1
            self._n_policy += 1
        self._decide(receipt, domain)

    def _decide(self, receipt: Receipt, domain: str) -> None:
        everywhere = len(self._resting) >= 2 * MOST_RESTS and len(set(self._resting)) > 1
        if self._lost >= MOST_RESTS or everywhere:
            raise self.left_alone(receipt)
        if self._n_policy >= MOST_POLICY:
            raise RouteError(
                f"{self._n_policy} mails in a row were refused for who we are or what we seem "
                f"({receipt.reply}). Check SPF, DKIM and blocklists of the sender's domain; they "
                "are tried again.",
                stage="send",
                code=receipt.code,
            )
        if self._rests[domain] >= MOST_RESTS or (
            self._policy[domain] >= MOST_POLICY_OF_DOMAIN and self._accepted - {domain}
        ):
            self.closed[domain] = receipt

    @property
    def is_one_domain(self) -> bool:
        """Whether nobody else answered, so that it may as well be the mail server itself."""
        return bool(self.closed) and not self._awake - self.closed.keys()

    @staticmethod
    def left_alone(receipt: Receipt) -> RouteError:
        return RouteError(
            f"The mail server wants to be left alone for a while ({receipt.reply}).",
            stage="send",
            code=receipt.code,
        )
