"""The loop: claim, hand over, settle; and the sweep of what a dead worker left behind.

Knows neither SMTP nor SQL. The journal is told before the body goes out (so that a crash leaves a
doubt, not a guess) and at once after the answer. Several connections are as many threads, fed by
one claim and written down by one journal.
"""

from __future__ import annotations

import hashlib
import logging
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from digest.errors import RouteError, StoreError
from digest.model import Delivery, DeliveryKey, DeliveryState, Outcome, Receipt, Strike
from digest.ports import Clock, Outbox, Settlement, Transport

log = logging.getLogger(__name__)

#: mails claimed at once for each connection
BATCH = 20
#: how long the journal waits for lines that can share a transaction; nothing beside a network
GATHER_S = 0.002
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


class _JournalLost(Exception):
    """Nothing can be written down, so nothing goes out."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Ways:
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


def send_due(
    outbox: Outbox,
    transport: Callable[[], Transport],
    *,
    worker: str,
    clock: Clock,
    rules: Rules | None = None,
    ways: Ways | None = None,
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
    rules, ways = rules or Rules(), ways or Ways()
    hold = not rules.resend_unknown
    report = SendReport(
        n_doubts=outbox.sweep(clock(), everything=ways.alone, hold=hold, of=ways.alone_among)
    )
    journal = _Journal(outbox, worker, clock, report, on_settled, ways.connections)
    feed = _Feed(outbox, worker, clock, ways, should_stop)
    crew = _Crew(feed, journal, clock, rules, ways.connections)
    threads = [
        threading.Thread(target=crew.send, args=(transport,), name=f"sender-{n}")
        for n in range(ways.connections)
    ]
    journal.start()
    try:
        for thread in threads:
            thread.start()
        while any(t.is_alive() for t in threads):
            _wait(threads, ways.lease.total_seconds() / 4)
            if not ways.alone:
                outbox.renew(worker, clock() + ways.lease)
        while feed.has_waiting and not feed.stopped:
            # A sender that got no connection left it to others, who were about to end.
            crew.join()
            crew.send(transport)
    finally:
        crew.stop()
        for thread in threads:
            if thread.ident is not None:
                thread.join()
        journal.finish()
    crash = journal.crash or crew.crash
    try:
        # Whatever is still claimed goes back: nothing of it was on the wire.
        outbox.release(worker)
    except StoreError:
        if crash is None:
            raise
    if crash is not None:
        raise crash
    if crew.fault is not None:
        report.route_fault = str(crew.fault)
        log.error("route.failed stage=%s code=%s", crew.fault.stage, crew.fault.code)
    return report


def _wait(threads: Sequence[threading.Thread], seconds: float) -> None:
    """Until all have ended, or so long."""
    end = time.monotonic() + seconds
    for thread in threads:
        thread.join(timeout=max(0.0, end - time.monotonic()))


class _Feed:
    """Deliveries for several senders, claimed in batches, at the pace that the server is due."""

    def __init__(
        self,
        outbox: Outbox,
        worker: str,
        clock: Clock,
        ways: Ways,
        should_stop: Callable[[], bool],
    ) -> None:
        self._outbox, self._worker, self._clock, self._ways = outbox, worker, clock, ways
        self._should_stop = should_stop
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        #: deliveries, and the instant (monotonic) before which each must not go
        self._waiting: deque[tuple[Delivery, float]] = deque()
        self._n_claimed = 0

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
            if self.stopped or not (self._waiting or self._claim()):
                return None
            delivery, not_before = self._waiting.popleft()
        while (pause := not_before - time.monotonic()) > 0:
            if self.stopped:
                self.put_back(delivery)
                return None
            self._stopped.wait(min(pause, 0.5))
        return delivery

    def put_back(self, delivery: Delivery) -> None:
        """Somebody else should send it."""
        with self._lock:
            self._waiting.appendleft((delivery, 0.0))

    def _claim(self) -> bool:
        ways = self._ways
        limit = BATCH * ways.connections
        if ways.most:
            limit = min(limit, ways.most - self._n_claimed)
        if ways.per_second:  # no more turns are taken than can be used soon
            limit = min(limit, max(1, int(ways.per_second)))
        if limit <= 0:
            return False
        batch = self._outbox.claim(self._worker, self._clock(), ways.lease, limit)
        self._n_claimed += len(batch)
        start, apart = time.monotonic(), 0.0
        if batch and ways.per_second and ways.take_turns is not None:
            apart = 1 / ways.per_second
            start += ways.take_turns(len(batch), apart)
        self._waiting.extend((d, start + n * apart) for n, d in enumerate(batch))
        return bool(batch)


class _Crew:
    """Several senders, a connection each. What stops one for good stops all."""

    def __init__(
        self, feed: _Feed, journal: _Journal, clock: Clock, rules: Rules, size: int
    ) -> None:
        self._feed, self._journal, self._clock, self._rules = feed, journal, clock, rules
        self._lock = threading.Lock()
        self._breaker = _Breaker()
        self._n_there = size
        self.fault: RouteError | None = None
        self.crash: Exception | None = None

    def stop(self) -> None:
        self._feed.stop()

    def join(self) -> None:
        """One more sender."""
        with self._lock:
            self._n_there += 1

    def send(self, transport: Callable[[], Transport]) -> None:
        """What one sender does, mostly in a thread of its own."""
        sending, left = False, False
        try:
            with transport() as route:
                while (delivery := self._feed.next()) is not None:
                    try:
                        receipt = self._send_one(route, delivery)
                    except _LeaseLost:
                        name = delivery.message.message_id
                        log.warning("delivery.lease_lost message_id=%s", name)
                        continue
                    except RouteError as error:
                        if not sending and self._others_are_there(error):
                            left = True
                            self._feed.put_back(delivery)
                            log.info("route.fewer_connections reply=%s", error)
                            return
                        raise
                    sending = True
                    with self._lock:
                        self._breaker.heard(receipt)
        except RouteError as error:
            with self._lock:
                self.fault = self.fault or error
            self.stop()
        except _JournalLost:
            self.stop()
        except Exception as error:
            with self._lock:
                self.crash = self.crash or error
            self.stop()
        finally:
            with self._lock:
                self._n_there -= not left

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
                raise _LeaseLost

        receipt = transport.send(delivery.message, before_data=before_data)
        now = self._clock()
        state, pause = next_state(receipt, delivery, now, self._rules)
        self._journal.settle(
            delivery,
            Settlement(
                key=delivery.key,
                message_id=delivery.message.message_id,
                state=state,
                reply=receipt.reply,
                next_at=now + pause if pause else None,
                doubt=receipt.outcome is Outcome.IN_DOUBT,
                strike=receipt.strike,
                suppress_after=self._rules.suppress_after,
                struck=delivery.struck,
            ),
        )
        log.info(
            "delivery.settled subscriber=%s date=%s state=%s code=%s",
            delivery.key.subscriber_id[:8],
            delivery.key.edition_date,
            state,
            receipt.code,
        )
        return receipt


@dataclass(slots=True)
class _Entry:
    """A line for the journal: a mail that is about to go out, or what became of one."""

    #: the message id of one
    handing: str = ""
    settled: tuple[Delivery, Settlement] | None = None
    written: threading.Event = field(default_factory=threading.Event)
    held: bool = False


class _Journal:
    """Writes down for all senders, in order, what has gathered while the last write was under way.

    A sender waits until its next mail is written down as being handed over, but not for what became
    of its last one: that is written before or with it. So a crash leaves at most one mail in doubt
    a connection, and several connections share a commit.
    """

    def __init__(
        self,
        outbox: Outbox,
        worker: str,
        clock: Clock,
        report: SendReport,
        on_settled: Callable[[Delivery, DeliveryState], None],
        n_senders: int,
    ) -> None:
        self._n_senders = n_senders
        self._outbox, self._worker, self._clock = outbox, worker, clock
        self._report, self._on_settled = report, on_settled
        self._entries: queue.SimpleQueue[_Entry | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="journal")
        self.crash: Exception | None = None

    def start(self) -> None:
        self._thread.start()

    def finish(self) -> None:
        """Write what is left."""
        self._entries.put(None)
        self._thread.join()

    def hand_over(self, message_id: str) -> bool:
        """Whether the mail is still ours; from now on it may be delivered.

        Raises:
            _JournalLost: it cannot be written down, so it must not go out.
        """
        entry = _Entry(handing=message_id)
        self._entries.put(entry)
        entry.written.wait()
        if self.crash is not None:
            raise _JournalLost
        return entry.held

    def settle(self, delivery: Delivery, settlement: Settlement) -> None:
        self._entries.put(_Entry(settled=(delivery, settlement)))

    def _run(self) -> None:
        done = False
        while not done:
            entries = self._gathered()
            done = None in entries
            lines = [e for e in entries if e is not None]
            try:
                if lines and self.crash is None:
                    self._write(lines)
            except Exception as error:
                self.crash = error
            for line in lines:
                line.written.set()

    def _gathered(self) -> list[_Entry | None]:
        """The next lines: all that there are, and those of senders who are about to come. A commit
        costs as much for eight as for one."""
        entries = [self._entries.get()]
        end = time.monotonic() + GATHER_S
        n_waiting = 0
        while entries[-1] is not None:
            n_waiting += bool(entries[-1].handing)
            pause = end - time.monotonic()
            try:
                if n_waiting >= self._n_senders or pause <= 0:
                    entries.append(self._entries.get_nowait())
                else:
                    entries.append(self._entries.get(timeout=pause))
            except queue.Empty:
                break
        return entries

    def _write(self, lines: Sequence[_Entry]) -> None:
        handing = [e.handing for e in lines if e.handing]
        settled = [e.settled for e in lines if e.settled is not None]
        held = _insistently(
            lambda: self._outbox.journal(
                self._worker, self._clock(), handing=handing, settled=[s for _, s in settled]
            )
        )
        for entry in lines:
            entry.held = entry.handing in held
        for delivery, settlement in settled:
            if settlement.message_id not in held:
                name = settlement.message_id
                log.warning("delivery.lease_lost_after_send message_id=%s", name)
            self._report.settled[delivery.key] = (settlement.state, settlement.reply)
            self._on_settled(delivery, settlement.state)


def _insistently(write: Callable[[], frozenset[str]]) -> frozenset[str]:
    """What a server said is written down, if need be again; if it cannot be, nothing more is sent.

    Raises:
        StoreError: the journal is gone. The message stays in doubt until the next start.
    """
    for attempt in range(SETTLE_ATTEMPTS):
        try:
            return write()
        except StoreError as error:
            log.error("journal.failed attempt=%d error=%s", attempt + 1, error)
            if attempt + 1 == SETTLE_ATTEMPTS:
                raise
    raise AssertionError("unreachable")
