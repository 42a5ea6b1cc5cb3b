"""What is done about mail that came back: strikes for bounces, and what readers ask for.

A report is believed only if it came to a return address that we signed, or encloses a mail whose
Message-ID, which nobody can guess, stands in the journal. A reader's action is believed because of
the signed token in its subject, and never because of who seems to have sent it.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from digest.address import domain_of
from digest.channels.email.inbound import Bounce, Complaint, Letter, Reply, needs_body, read_letter
from digest.channels.email.reports import ProviderReport, ReportKind
from digest.edition.links import Action, Seal, Ticket, Verp
from digest.errors import TokenError
from digest.languages import N_
from digest.model import (
    DeliveryKey,
    Strike,
    Subscriber,
    SubscriberState,
)
from digest.ports import Inbox
from digest.usecases.feedback import VALUES, rate
from digest.usecases.retry import is_mass

if TYPE_CHECKING:
    from digest.store import Store

log = logging.getLogger(__name__)

#: reports of one domain at once from which on it is asked how many readers are there
FEWEST_FOR_MASS = 4


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


@dataclass(frozen=True, slots=True)
class _Struck:
    """A report that counts against a reader, if not too many do."""

    inbox_key: str
    key: DeliveryKey
    reader: Subscriber
    origin: str
    strike: Strike
    text: str


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
    report, struck = InboxReport(), list[_Struck]()
    for key, raw in inbox.unread(needs_body):
        report.n_read += 1
        try:
            found = _applied(key, read_letter(raw), store, keys, now, dry_run)
        except TokenError as error:
            report.n_refused += 1
            log.warning("inbox.refused error=%s", error)
            continue
        if found is None:
            report.n_others += 1
            continue
        report.n_applied += 1
        if isinstance(found, _Struck):
            struck.append(found)
            continue
        report.told.append(found)
        if not dry_run:
            inbox.done(key)
    report.told += _strike_all(struck, store, now, suppress_after, dry_run)
    for one in [] if dry_run else struck:
        inbox.done(one.inbox_key)
    level = logging.INFO if report.n_applied or report.n_refused else logging.DEBUG
    log.log(level, "inbox.read n=%d applied=%d", report.n_read, report.n_applied)
    return report


def apply_reports(
    reports: Sequence[ProviderReport], store: Store, now: datetime, *, suppress_after: int
) -> list[str]:
    """What providers told of mails, in a line each. They proved who they are, so the address is
    believed; one that is not a reader's changes nothing."""
    told, struck = [], list[_Struck]()
    for report in reports:
        delivery = store.history.by_message_id(report.message_id) if report.message_id else None
        reader = store.subscribers.get(by_email=report.recipient) if report.recipient else None
        if delivery is None and reader is not None:
            delivery = next(iter(store.history.deliveries(subscriber_id=reader.id, limit=1)), None)
        if reader is None or delivery is None or delivery.key.subscriber_id != reader.id:
            continue
        if report.kind is ReportKind.UNSUBSCRIBE:
            if reader.state is not SubscriberState.SUPPRESSED:
                store.subscribers.set_state(reader.id, SubscriberState.UNSUBSCRIBED)
            told.append(f"{reader.email}: unsubscribed")
        elif report.strike is Strike.NONE:
            told.append(f"{reader.email}: {report.kind}, {report.text}; nothing is held against it")
        else:
            struck.append(
                _Struck("", delivery.key, reader, str(report.kind), report.strike, report.text)
            )
    return told + _strike_all(struck, store, now, suppress_after, dry_run=False)


def _strike_all(
    struck: Sequence[_Struck], store: Store, now: datetime, suppress_after: int, dry_run: bool
) -> list[str]:
    """Hold reports against their addresses, unless too many of a domain came at once."""
    by_domain: dict[str, set[str]] = defaultdict(set)
    for one in struck:
        if one.origin == "bounce":
            by_domain[domain_of(one.reader.email)].add(one.reader.id)
    # reports come one by one, so those that came earlier today count, too
    earlier = {d: store.traffic.n_bounced(now.date(), d) for d in by_domain}
    counts = {d: len(readers) + earlier[d] for d, readers in by_domain.items()}
    # a few are not worth counting who else is there
    n_there = {
        d: store.strikes.n_readers_at(d) + earlier[d]
        for d, n in counts.items()
        if n >= FEWEST_FOR_MASS
    }
    unlikely = frozenset(d for d, n in n_there.items() if is_mass(counts[d], n))
    told = []
    for one in struck:
        said = f"{one.reader.email}: {one.origin}, {one.text}"
        if one.origin == "bounce" and domain_of(one.reader.email) in unlikely:
            told.append(f"{said}; too many at once, so nothing is held against the address")
        elif dry_run:
            told.append(f"{said} ({one.strike})")
        else:
            suppressed = store.strikes.add(
                one.key, one.origin, one.strike, one.text, now, suppress_after
            )
            told.append(f"{said} ({one.strike})" + ("; suppressed" if suppressed else ""))
    return told


def _applied(
    inbox_key: str,
    letter: Letter,
    store: Store,
    keys: tuple[bytes, ...],
    now: datetime,
    dry_run: bool,
) -> str | _Struck | None:
    """What was done, in a line, or what counts against whom; None for a letter to a person.

    Raises:
        TokenError: it looks like ours, but its token is not to be believed.
    """
    if isinstance(letter, Reply):
        seal = Seal(keys)
        if seal.is_in(letter.subject):
            ticket = seal.read_subject(letter.subject, now.date())
            # Apple Mail marks its unsubscribe mails as automatic; only likes need a person.
            if ticket.action is Action.UNSUBSCRIBE or not letter.automatic:
                return carry_out(ticket, store, now, origin="mail", dry_run=dry_run)
            return None
        if not letter.from_server:
            return None
        # What a server sends to the signed address of one reader says that their mail came back,
        # in whatever words.
        letter = Bounce(
            came_to=letter.came_to,
            message_id="",
            strike=Strike.SOFT,
            text=f"a report in words of its own ({letter.subject[:80]})",
        )
    found = _whose(letter, store, Verp(keys))
    if found is None:
        return None
    key, reader = found
    if isinstance(letter, Complaint):
        return _Struck(inbox_key, key, reader, "complaint", Strike.HARD, letter.text)
    if letter.strike is Strike.NONE:
        said = f"{reader.email}: bounce, {letter.text}"
        return f"{said}; nothing is held against the address"
    if letter.recipients and not any(_is_same(reader.email, r) for r in letter.recipients):
        text = f"{letter.text} (of {letter.recipients[0]}, where their mail goes on to)"
        return _Struck(inbox_key, key, reader, "forward", Strike.SOFT, text)
    return _Struck(inbox_key, key, reader, "bounce", letter.strike, letter.text)


def _is_same(email: str, recipient: str) -> bool:
    """Whether a report is about a reader's own address: servers write it with their own name, or
    with the name of the account behind it."""
    ours, theirs = domain_of(email), domain_of(recipient)
    return ours == theirs or theirs.endswith(f".{ours}") or ours.endswith(f".{theirs}")


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
        raise TokenError(N_("This subscription is not here any more."))
    current = ticket.generation == found.link_generation
    if not current and ticket.action is not Action.UNSUBSCRIBE:
        raise TokenError(N_("This link was called in by its owner."))
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
    if ticket.action not in (*VALUES, Action.LATER):
        raise TokenError(N_("This link shows something; it changes nothing."))
    paper = store.papers.find(ticket.about)  # one that turned out to be another has its old id, too
    if paper is None:
        raise TokenError(N_("This paper is not here any more."))
    if not dry_run and ticket.action is Action.LATER:
        store.reading_list.add(reader.id, paper.id, now)
    elif not dry_run:
        rate(store, reader, [paper.id], ticket.action, origin=origin, now=now)
    return f"{reader.email}: {ticket.action}, {paper.title}"
