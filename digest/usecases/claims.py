"""What several senders take their mails from: claimed in batches, at the pace that is due."""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from digest.address import domain_of
from digest.model import Cause, Delivery, RouteShare
from digest.ports import Clock, Route
from digest.usecases.routes import day_limit

if TYPE_CHECKING:
    from digest.store import Store

#: seconds between two mails after the first "slow down", and at most
SHORTEST_APART_S, LONGEST_APART_S = 0.05, 60.0
#: mails accepted at a pace until it is doubled
RECOVERS_AFTER = 10
#: mails claimed at once for each connection
BATCH = 20
#: longer than a server may keep one message (ten minutes after its end), times a batch's hurry
LEASE = timedelta(minutes=30)
#: a pace is kept however many wait for it; a longer wait is a clock that went back
LONGEST_TURN = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class SendOptions:
    """How mails leave, whatever their route: beside whom, and how fast to whom."""

    #: nobody else sends, as the caller made sure: so whatever is leased was left by the dead
    alone: bool = True
    #: no other worker whose name begins so is alive, as the caller made sure
    alone_among: str = ""
    #: how long what is claimed stays ours without a sign of life; longer than a server may keep one
    #: message (ten minutes after its end) if nobody renews it
    lease: timedelta = LEASE
    #: mails to send at most; 0: all that are due
    most: int = 0
    #: connections, if fewer than the route's: the others are somebody else's
    connections: int = 0
    #: mails a second to one operator of mailboxes, and connections; 0: as many as there are
    operator_per_second: float = 0.0
    operator_connections: int = 0
    #: who runs the mailboxes of a domain; asked only if one of the two is set
    operator_of: Callable[[str], str] = lambda domain: domain


class ClaimQueue:
    """Deliveries for the senders of one route.

    Args:
        share: which of the mails the route may take.
        zone: where the day begins that `Route.per_day` counts.
    """

    def __init__(
        self,
        store: Store,
        route: Route,
        worker: str,
        clock: Clock,
        options: SendOptions,
        *,
        share: RouteShare | None = None,
        zone: str = "UTC",
        should_stop: Callable[[], bool] = lambda: False,
    ) -> None:
        self._store, self._worker, self._clock, self._options = store, worker, clock, options
        self._route, self._share, self._zone = route, share, zone
        self._should_stop = should_stop
        self.connections = options.connections or route.connections
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        #: the instant (monotonic) before which each must not go, a number, the delivery
        self._waiting: list[tuple[float, int, Delivery]] = []
        self._numbers = itertools.count()
        self.n_claimed = 0
        #: the route's limit of the day, if it was reached
        self.limit_reached = 0
        self._reserved: Counter[date] = Counter()
        self._in_hand: Counter[str] = Counter()
        self._operators: dict[str, str] = {}
        self._closed: set[str] = set()
        #: mails of domains that are left alone, by domain
        self.aside: dict[str, list[str]] = {}
        self._pace = Pace(route.per_second)

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
        while not self.stopped:
            with self._lock:
                if not self._waiting and not self._claim():
                    return None
                found = self._take()
                if found is None and not self._waiting:
                    continue  # all that waited were set aside
            if found is None:  # everybody's operator has all the connections that it may have
                self._stopped.wait(0.05)
                continue
            not_before, delivery = found
            while (pause := not_before - time.monotonic()) > 0:
                if self.stopped:
                    self.put_back(delivery)
                    return None
                self._stopped.wait(min(pause, 0.5))
            return delivery
        return None

    def _take(self) -> tuple[float, Delivery] | None:
        """The first whose domain is open and whose operator has a connection left."""
        skipped, found = [], None
        while self._waiting and found is None:
            entry = heapq.heappop(self._waiting)
            not_before, _, delivery = entry
            domain = domain_of(delivery.message.recipient)
            if domain in self._closed:
                self.aside.setdefault(domain, []).append(delivery.message.message_id)
            elif self._is_full(domain):
                skipped.append(entry)
            else:
                self._in_hand[self._operator(domain)] += 1
                turn = self._pace.next_turn(time.monotonic())
                found = (max(not_before, turn), delivery)
        for entry in skipped:
            heapq.heappush(self._waiting, entry)
        return found

    def _is_full(self, domain: str) -> bool:
        most = self._options.operator_connections
        return bool(most) and self._in_hand[self._operator(domain)] >= most

    def _operator(self, domain: str) -> str:
        options = self._options
        if not options.operator_connections and not options.operator_per_second:
            return ""
        if domain not in self._operators:
            self._operators[domain] = options.operator_of(domain)
        return self._operators[domain]

    def done(self, delivery: Delivery) -> None:
        """It is in nobody's hand any more."""
        with self._lock:
            self._in_hand[self._operator(domain_of(delivery.message.recipient))] -= 1

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
        self.done(delivery)
        with self._lock:
            heapq.heappush(self._waiting, (0.0, -next(self._numbers), delivery))

    def give_back(self, n_sent: int) -> None:
        """At the end: what was reserved of the day's limit and not used is free again."""
        unused = sum(self._reserved.values()) - n_sent
        for day, n in self._reserved.items():
            if (share := min(n, unused)) > 0:
                self._store.traffic.give_back(self._route.name, day, share)
                unused -= share

    def _claim(self) -> bool:
        options, route = self._options, self._route
        limit = BATCH * self.connections
        if options.most:
            limit = min(limit, options.most - self.n_claimed)
        if route.per_second:  # no more turns are taken than can be used soon
            limit = min(limit, max(1, int(route.per_second)))
        limit = self._within_day(limit) if limit > 0 else 0
        if limit <= 0:
            return False
        batch = self._store.deliveries.claim(
            self._worker, self._clock(), options.lease, limit, self._share
        )
        self.n_claimed += len(batch)
        turns = self._turns(batch)
        for delivery, turn in zip(batch, turns, strict=True):
            heapq.heappush(self._waiting, (turn, next(self._numbers), delivery))
        return bool(batch)

    def _within_day(self, wanted: int) -> int:
        """How many of the mails wanted the route may still take today."""
        today = self._clock().astimezone(ZoneInfo(self._zone)).date()
        most = day_limit(self._store, self._route, today)
        if not most:
            return wanted
        granted = self._store.traffic.take(self._route.name, today, wanted, most)
        self._reserved[today] += granted
        if not granted:
            self.limit_reached = most
        return granted

    def _turns(self, batch: tuple[Delivery, ...]) -> list[float]:
        """When each may go, by the paces of the route and of who runs their mailboxes."""
        start, options = time.monotonic(), self._options
        turns = [start] * len(batch)
        if batch and self._route.per_second:
            apart = 1 / self._route.per_second
            first = start + self._wait_for(f"mail:{self._route.name}", len(batch), apart)
            turns = [first + n * apart for n in range(len(batch))]
        if options.operator_per_second:
            apart = 1 / options.operator_per_second
            names = [self._operator(domain_of(d.message.recipient)) for d in batch]
            free = {
                name: start + self._wait_for(f"to:{name}", n, apart)
                for name, n in Counter(names).items()
            }
            for n, name in enumerate(names):
                turns[n] = max(turns[n], free[name])
                free[name] += apart
        return turns

    def _wait_for(self, name: str, n: int, apart: float) -> float:
        """Take so many turns among all who send; returns the seconds until the first."""
        return self._store.rate_limits.acquire(name, self._clock(), apart, n, LONGEST_TURN)


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
