"""Several senders, a connection each."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from digest.address import domain_of
from digest.errors import RouteError
from digest.model import Cause, Delivery, DeliveryResult, Outcome, Receipt
from digest.ports import Clock, Transport
from digest.usecases.claims import ClaimQueue
from digest.usecases.journal import Journal, JournalLost
from digest.usecases.retry import CircuitBreaker, RetryPolicy, next_state

log = logging.getLogger(__name__)


class LeaseLost(Exception):
    """Somebody else owns the message now; it must not go out from here."""


class SenderPool:
    """Several senders, a connection each. What stops one for good stops all."""

    def __init__(
        self, queue: ClaimQueue, journal: Journal, clock: Clock, policy: RetryPolicy, size: int
    ) -> None:
        self._queue, self._journal, self._clock, self._policy = queue, journal, clock, policy
        self._lock = threading.Lock()
        self.breaker = CircuitBreaker()
        self._n_there = size
        self.fault: RouteError | None = None
        self.crash: Exception | None = None

    def stop(self) -> None:
        self._queue.stop()

    def join(self) -> None:
        """One more sender."""
        with self._lock:
            self._n_there += 1

    def send(self, transport: Callable[[], Transport]) -> None:
        """What one sender does, mostly in a thread of its own."""
        sending, left = False, False
        try:
            with transport() as route:
                while (delivery := self._queue.next()) is not None:
                    try:
                        receipt = self._send_one(route, delivery)
                    except LeaseLost:
                        self._queue.done(delivery)
                        name = delivery.message.message_id
                        log.warning("delivery.lease_lost message_id=%s", name)
                        continue
                    except RouteError as error:
                        if not sending and self._others_are_there(error):
                            left = True
                            self._queue.put_back(delivery)
                            log.info("route.fewer_connections reply=%s", error)
                            return
                        raise
                    sending = True
                    self._queue.done(delivery)
                    self._heard(receipt, delivery)
        except RouteError as error:
            with self._lock:
                self.fault = self.fault or error
            self.stop()
        except JournalLost:
            self.stop()
        except Exception as error:
            with self._lock:
                self.crash = self.crash or error
            self.stop()
        finally:
            with self._lock:
                self._n_there -= not left

    def _heard(self, receipt: Receipt, delivery: Delivery) -> None:
        """Raises RouteError if the answer would meet every message."""
        domain = domain_of(delivery.message.recipient)
        self._queue.heard(receipt.cause)
        if receipt.cause is Cause.QUOTA:
            named = receipt.provider not in ("", "any")
            whose = receipt.provider if named else "The mail server"
            raise RouteError(
                f"{whose}'s limit for today is reached ({receipt.reply}).",
                stage="send",
                code=receipt.code,
                until_tomorrow=True,
            )
        with self._lock:
            self.breaker.heard(receipt, domain)
            if domain in self.breaker.closed:
                self._queue.leave_alone(domain)

    def _others_are_there(self, error: RouteError) -> bool:
        """Whether the mails can be left to others, if a server takes no further connection; the
        last one finds out whether it takes any."""
        with self._lock:
            if not error.temporary or self._n_there < 2:
                return False
            self._n_there -= 1
            return True

    def _send_one(self, transport: Transport, delivery: Delivery) -> Receipt:
        handed_over = False

        def before_data() -> None:
            nonlocal handed_over
            if not self._journal.hand_over(delivery.message.message_id):
                raise LeaseLost
            handed_over = True

        try:
            receipt = transport.send(delivery.message, before_data=before_data)
        except RouteError:
            if handed_over:
                self._journal.take_back(delivery.message.message_id)
            raise
        now = self._clock()
        state, pause = next_state(receipt, delivery, now, self._policy)
        self._journal.settle(
            delivery,
            DeliveryResult(
                key=delivery.key,
                message_id=delivery.message.message_id,
                state=state,
                reply=receipt.reply,
                next_at=now + pause if pause else None,
                doubt=receipt.outcome is Outcome.IN_DOUBT,
                struck=delivery.struck,
            ),
            receipt,
        )
        log.info(
            "delivery.settled subscriber=%s date=%s state=%s code=%s",
            delivery.key.subscriber_id[:8],
            delivery.key.edition_date,
            state,
            receipt.code,
        )
        return receipt
