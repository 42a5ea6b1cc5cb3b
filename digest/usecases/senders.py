"""Several senders, a connection each, and the deliveries that they share."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from digest.errors import RouteError
from digest.model import Cause, Delivery, DeliveryResult, Outcome, Receipt
from digest.ports import Clock, Transport
from digest.usecases.journal import Journal, JournalLost
from digest.usecases.retry import CircuitBreaker, RetryPolicy, domain_of, next_state

if TYPE_CHECKING:
    from digest.store import Store

log = logging.getLogger(__name__)

#: seconds between two mails after the first "slow down", and at most
SHORTEST_APART_S, LONGEST_APART_S = 0.05, 60.0
#: mails accepted at a pace until it is doubled
RECOVERS_AFTER = 10
#: mails claimed at once for each connection
BATCH = 20
#: longer than a server may keep one message (ten minutes after its end), times a batch's hurry
LEASE = timedelta(minutes=30)


class LeaseLost(Exception):
    """Somebody else owns the message now; it must not go out from here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SendOptions:
    """How mails leave: over how many connections, how fast, and beside whom."""

    connections: int = 1
    #: nobody else sends, as the caller made sure: so whatever is leased was left by the dead
    alone: bool = True
    #: no other worker whose name begins so is alive, as the caller made sure
    alone_among: str = ""
    #: how long what is claimed stays ours without a sign of life; longer than a server may keep one
    #: message (ten minutes after its end) if nobody renews it
    lease: timedelta = LEASE
    #: mails to send at most; 0: all that are due
    most: int = 0
    #: mails a second; 0: as fast as it goes
    per_second: float = 0.0
    #: takes so many turns at the mail server, that many seconds apart, among all who send to it;
    #: returns the seconds until the first
    take_turns: Callable[[int, float], float] | None = None


class ClaimQueue:
    """Deliveries for several senders, claimed in batches, at the pace that the server is due."""

    def __init__(
        self,
        store: Store,
        worker: str,
        clock: Clock,
        options: SendOptions,
        should_stop: Callable[[], bool],
    ) -> None:
        self._store, self._worker, self._clock, self._options = store, worker, clock, options
        self._should_stop = should_stop
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        #: deliveries, and the instant (monotonic) before which each must not go
        self._waiting: deque[tuple[Delivery, float]] = deque()
        self._n_claimed = 0
        self._closed: set[str] = set()
        #: mails of domains that are left alone, by domain
        self.aside: dict[str, list[str]] = {}
        self._pace = Pace(options.per_second)

    def stop(self) -> None:
        self._stopped.set()

    @property
    def stopped(self) -> bool:
        return self._stopped.is_set() or self._should_stop()

    @property
    def has_waiting(self) -> bool:
        """Whether something claimed is in nobody's hand."""
        return bool(self._waiting)

    def next(self) -> Delivery | None:
        """The next one, when its time has come; None if there is none, or it is time to stop."""
        with self._lock:
            while True:
                if self.stopped or not (self._waiting or self._claim()):
                    return None
                delivery, not_before = self._waiting.popleft()
                domain = domain_of(delivery.message.recipient)
                if domain not in self._closed:
                    break
                self.aside.setdefault(domain, []).append(delivery.message.message_id)
            not_before = max(not_before, self._pace.next_turn(time.monotonic()))
        while (pause := not_before - time.monotonic()) > 0:
            if self.stopped:
                self.put_back(delivery)
                return None
            self._stopped.wait(min(pause, 0.5))
        return delivery

    def leave_alone(self, domain: str) -> None:
        """Its mails are set aside from now on."""
        with self._lock:
            self._closed.add(domain)

    def heard(self, cause: Cause) -> None:
        """Keep to the pace that the server wants."""
        with self._lock:
            self._pace.heard(cause, time.monotonic())

    def put_back(self, delivery: Delivery) -> None:
        """Somebody else should send it."""
        with self._lock:
            self._waiting.appendleft((delivery, 0.0))

    def _claim(self) -> bool:
        options = self._options
        limit = BATCH * options.connections
        if options.most:
            limit = min(limit, options.most - self._n_claimed)
        if options.per_second:  # no more turns are taken than can be used soon
            limit = min(limit, max(1, int(options.per_second)))
        if limit <= 0:
            return False
        batch = self._store.deliveries.claim(self._worker, self._clock(), options.lease, limit)
        self._n_claimed += len(batch)
        start, apart = time.monotonic(), 0.0
        if batch and options.per_second and options.take_turns is not None:
            apart = 1 / options.per_second
            start += options.take_turns(len(batch), apart)
        self._waiting.extend((d, start + n * apart) for n, d in enumerate(batch))
        return bool(batch)


class Pace:
    """How fast mails leave: halved when a server says so, and doubled again as it accepts.

    Args:
        per_second: the usual pace; 0: as fast as it goes.
    """

    def __init__(self, per_second: float) -> None:
        self._usual_s = 1 / per_second if per_second else 0.0
        #: seconds between two mails beside what the usual pace asks; 0: none
        self.apart_s = 0.0
        self._next = 0.0
        self._n_accepted = 0
        self._started: float | None = None
        self._n_sent = 0

    def next_turn(self, now: float) -> float:
        """When the next mail may go."""
        self._started = now if self._started is None else self._started
        self._n_sent += 1
        turn = max(now, self._next)
        self._next = turn + self.apart_s
        return turn

    def heard(self, cause: Cause, now: float) -> None:
        if cause is Cause.SLOW:
            started = now if self._started is None else self._started
            measured = (now - started) / max(1, self._n_sent)
            usual = max(self._usual_s, measured, SHORTEST_APART_S)
            self.apart_s = min(LONGEST_APART_S, 2 * max(self.apart_s, usual))
            self._next, self._n_accepted = now + self.apart_s, 0
        elif cause is Cause.NONE and self.apart_s:
            self._n_accepted += 1
            if self._n_accepted >= RECOVERS_AFTER:
                self._n_accepted = 0
                self.apart_s /= 2
                if self.apart_s <= max(self._usual_s, SHORTEST_APART_S):
                    self.apart_s = 0.0


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
        def before_data() -> None:
            if not self._journal.hand_over(delivery.message.message_id):
                raise LeaseLost

        receipt = transport.send(delivery.message, before_data=before_data)
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
