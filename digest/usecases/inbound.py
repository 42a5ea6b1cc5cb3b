"""What is done about mail that came back: strikes for bounces, and what readers ask for.

A report is believed only if it came to a return address that we signed, or encloses a mail whose
Message-ID, which nobody can guess, stands in the journal. A reader's action is believed because of
the signed token in its subject, and never because of who seems to have sent it.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from digest.channels.email.inbound import Bounce, Complaint, Letter, Reply, read_letter
from digest.edition.links import Action, Seal, Ticket, Verp
from digest.errors import TokenError
from digest.model import (
    DeliveryKey,
    Strike,
    Subscriber,
    SubscriberState,
)
from digest.ports import Inbox
from digest.usecases.feedback import VALUES, rate

if TYPE_CHECKING:
    from digest.store import Store

log = logging.getLogger(__name__)


@dataclass(slots=True)
class InboxReport:
    """What one reading of the inbox did."""

    n_read: int = 0
    n_applied: int = 0
    #: ours by its looks, but not to be believed
    n_refused: int = 0
    #: letters to people: left as they are
    n_others: int = 0
    #: one line each, for a terminal
    told: list[str] = field(default_factory=list)


def read_inbox(
    inbox: Inbox,
    store: Store,
    keys: tuple[bytes, ...],
    now: datetime,
    *,
    suppress_after: int,
    dry_run: bool = False,
) -> InboxReport:
    """Apply what is in the inbox; a mail is marked as read after it was applied, so that a crash
    in between applies it twice, which changes nothing."""
    report = InboxReport()
    for key, raw in inbox.unread():
        report.n_read += 1
        try:
            line = _applied(read_letter(raw), store, keys, now, suppress_after, dry_run)
        except TokenError as error:
            report.n_refused += 1
            log.warning("inbox.refused error=%s", error)
            continue
        if line is None:
            report.n_others += 1
            continue
        report.n_applied += 1
        report.told.append(line)
        if not dry_run:
            inbox.done(key)
    level = logging.INFO if report.n_applied or report.n_refused else logging.DEBUG
    log.log(level, "inbox.read n=%d applied=%d", report.n_read, report.n_applied)
    return report


def _applied(
    letter: Letter,
    store: Store,
    keys: tuple[bytes, ...],
    now: datetime,
    suppress_after: int,
    dry_run: bool,
) -> str | None:
    """What was done, in a line; None for a letter to a person.

    Raises:
        TokenError: it looks like ours, but its token is not to be believed.
    """
    if isinstance(letter, Reply):
        seal = Seal(keys)
        if letter.automatic or not seal.is_in(letter.subject):
            return None
        ticket = seal.read_subject(letter.subject, now.date())
        return carry_out(ticket, store, now, origin="mail", dry_run=dry_run)
    found = _whose(letter, store, Verp(keys))
    if found is None:
        return None
    key, reader = found
    if isinstance(letter, Complaint):
        strike, origin = Strike.HARD, "complaint"
    else:
        strike, origin = letter.strike, "bounce"
    said = f"{reader.email}: {origin}, {letter.text}"
    if strike is Strike.NONE:
        return f"{said}; nothing is held against the address"
    if dry_run:
        return f"{said} ({strike})"
    suppressed = store.strikes.add(key, origin, strike, letter.text, now, suppress_after)
    return f"{said} ({strike})" + ("; suppressed" if suppressed else "")


def _whose(
    letter: Bounce | Complaint, store: Store, verp: Verp
) -> tuple[DeliveryKey, Subscriber] | None:
    delivery = store.history.by_message_id(letter.message_id) if letter.message_id else None
    if delivery is not None:
        reader = store.subscribers.get(by_id=delivery.key.subscriber_id)
        if reader is not None:
            return delivery.key, reader
    for address in letter.came_to:
        whose = verp.subscriber_of(address)
        reader = store.subscribers.get(by_id=whose) if whose else None
        if reader is not None:
            latest = store.history.deliveries(subscriber_id=reader.id, limit=1)
            if latest:
                return latest[0].key, reader
    return None


def holder(ticket: Ticket, store: Store) -> Subscriber:
    """Whose ticket it is.

    Raises:
        TokenError: they are not here any more, or have called in their links since it was signed.
            Leaving is possible all the same.
    """
    found = store.subscribers.get(by_id=ticket.subscriber_id) if ticket.subscriber_id else None
    if found is None:
        raise TokenError("This subscription is not here any more.")
    current = ticket.generation == found.link_generation
    if not current and ticket.action is not Action.UNSUBSCRIBE:
        raise TokenError("This link was called in by its owner.")
    return found


def carry_out(
    ticket: Ticket, store: Store, now: datetime, *, origin: str, dry_run: bool = False
) -> str:
    """Do what a signed ticket asks; doing it twice changes nothing.

    Raises:
        TokenError: it asks for something that is no longer there.
    """
    reader = holder(ticket, store)
    if ticket.action is Action.UNSUBSCRIBE:
        if not dry_run and reader.state is not SubscriberState.SUPPRESSED:
            store.subscribers.set_state(reader.id, SubscriberState.UNSUBSCRIBED)
        return f"{reader.email}: unsubscribed"
    if ticket.action not in VALUES:
        raise TokenError("This link shows something; it changes nothing.")
    paper = store.papers.find(ticket.about)  # one that turned out to be another has its old id, too
    if paper is None:
        raise TokenError("This paper is not here any more.")
    if not dry_run:
        rate(store, reader, [paper.id], ticket.action, origin=origin, now=now)
    return f"{reader.email}: {ticket.action}, {paper.title}"
