"""Writing down what is handed over and what became of it, for several senders at once."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from digest.address import domain_of
from digest.errors import StoreError
from digest.model import (
    Delivery,
    DeliveryKey,
    DeliveryResult,
    DeliveryState,
    Outcome,
    Receipt,
)
from digest.ports import Clock

if TYPE_CHECKING:
    from digest.store import Store

log = logging.getLogger(__name__)

#: how long the journal waits for lines that can share a transaction; nothing beside a network
GATHER_S = 0.002
#: an answer that could not be written down is written again so often
SETTLE_ATTEMPTS = 3


class JournalLost(Exception):
    """Nothing can be written down, so nothing goes out."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A mail that a server did not take."""

    key: DeliveryKey
    message_id: str
    domain: str
    receipt: Receipt


@dataclass(slots=True)
class SendReport:
    """What one pass of the loop did."""

    settled: dict[DeliveryKey, tuple[DeliveryState, str]] = field(default_factory=dict)
    #: mails that the server answered, by the recipient's domain
    n_tried: Counter[str] = field(default_factory=Counter)
    #: those that it did not take
    refused: list[Refusal] = field(default_factory=list)
    #: what a person should know, as sentences
    remarks: list[str] = field(default_factory=list)
    #: our limit of the day is reached
    until_tomorrow: bool = False
    #: crashes of earlier runs that left a message in doubt
    n_doubts: int = 0
    #: why the route was given up, if it was
    route_fault: str = ""

    @property
    def n_accepted(self) -> Counter[str]:
        """Mails that the server took, by the recipient's domain."""
        return self.n_tried - Counter(r.domain for r in self.refused)

    def add(self, other: SendReport) -> None:
        """What another route did."""
        self.settled |= other.settled
        self.n_tried += other.n_tried
        self.refused += other.refused
        self.remarks += other.remarks
        self.n_doubts += other.n_doubts


@dataclass(slots=True)
class _Entry:
    """A line for the journal: a mail that is about to go out, or what became of one."""

    #: the message id of one
    handing: str = ""
    #: of one that was not taken after all
    taken_back: str = ""
    settled: tuple[Delivery, DeliveryResult, Receipt] | None = None
    #: held until a mail that is about to go out is written down; a plain lock, since an Event
    #: costs a sender as much as all else that it does here
    written: threading.Lock = field(default_factory=threading.Lock)
    held: bool = False


class Journal:
    """Writes down for all senders, in order, what has gathered while the last write was under way.

    A sender waits until its next mail is written down as being handed over, but not for what became
    of its last one: that is written before or with it. So a crash leaves at most one mail in doubt
    a connection, and several connections share a commit.
    """

    def __init__(
        self,
        store: Store,
        worker: str,
        clock: Clock,
        report: SendReport,
        on_settled: Callable[[Delivery, DeliveryState], None],
        *,
        n_senders: int,
        route: str = "",
    ) -> None:
        self._n_senders, self._route = n_senders, route
        self._store, self._worker, self._clock = store, worker, clock
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
            JournalLost: it cannot be written down, so it must not go out.
        """
        entry = _Entry(handing=message_id)
        entry.written.acquire()
        self._entries.put(entry)
        entry.written.acquire()
        if self.crash is not None:
            raise JournalLost
        return entry.held

    def take_back(self, message_id: str) -> None:
        """What was written down as being handed over was not: there is no doubt about it."""
        self._entries.put(_Entry(taken_back=message_id))

    def settle(self, delivery: Delivery, settlement: DeliveryResult, receipt: Receipt) -> None:
        self._entries.put(_Entry(settled=(delivery, settlement, receipt)))

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
                if line.handing:
                    line.written.release()

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
            lambda: self._store.deliveries.journal(
                self._worker,
                self._clock(),
                handing=handing,
                taken_back=[e.taken_back for e in lines if e.taken_back],
                settled=[s for _, s, _ in settled],
                route=self._route,
            )
        )
        for entry in lines:
            entry.held = entry.handing in held
        for delivery, settlement, receipt in settled:
            if settlement.message_id not in held:
                name = settlement.message_id
                log.warning("delivery.lease_lost_after_send message_id=%s", name)
            self._report.settled[delivery.key] = (settlement.state, settlement.reply)
            domain = domain_of(delivery.message.recipient)
            self._report.n_tried[domain] += 1
            if receipt.outcome is not Outcome.ACCEPTED:
                refusal = Refusal(delivery.key, settlement.message_id, domain, receipt)
                self._report.refused.append(refusal)
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
