"""What an admin does for readers: add, invite, move to another address, send again, erase."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import TYPE_CHECKING

from digest.errors import DigestError
from digest.fields import check_address
from digest.model import (
    DeliveryState,
    EmptyReason,
    HistoryEntry,
    Signup,
    Subscriber,
    SubscriberState,
)
from digest.preferences import Preferences

if TYPE_CHECKING:
    from digest.store import Store

#: what an admin wants to see first
TROUBLE = frozenset(
    s.value
    for s in (
        DeliveryState.FAILED,
        DeliveryState.DEFERRED,
        DeliveryState.UNKNOWN,
        DeliveryState.SUPPRESSED,
        EmptyReason.SOURCES_FAILED,
        EmptyReason.COMPOSE_FAILED,
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A subscriber with what came of their latest date, if there was one."""

    subscriber: Subscriber
    latest: HistoryEntry | None

    @property
    def is_in_trouble(self) -> bool:
        bounced = self.subscriber.state is SubscriberState.SUPPRESSED
        return bounced or (self.latest is not None and self.latest.outcome in TROUBLE)


def members(store: Store, people: Sequence[Subscriber]) -> list[Member]:
    """In the same order."""
    latest = store.outcomes.latest({s.id for s in people})
    return [Member(subscriber=s, latest=latest.get(s.id)) for s in people]


def checked_email(text: str) -> str:
    """A mail address.

    Raises:
        DigestError: it is none.
    """
    try:
        return check_address(text)
    except ValueError as error:
        raise DigestError(f"{error}.".replace("..", ".")) from error


def add_member(
    store: Store, email: str, preferences: Preferences, now: datetime
) -> tuple[Subscriber, bool]:
    """Subscribe somebody who agreed elsewhere; and whether they are new.

    Raises:
        DigestError: it is no address, or nothing may be sent there.
    """
    known = store.subscribers.get(by_email=checked_email(email))
    if known is not None and known.state is SubscriberState.ACTIVE:
        return known, False
    wanted = known or Subscriber(id="", email=email, origin="web", preferences=preferences)
    added = store.subscribers.add(replace(wanted, state=SubscriberState.ACTIVE), now)
    if added.state is SubscriberState.SUPPRESSED:
        raise DigestError(f"Mail to {email} is suppressed; `digest unsuppress {email}` ends that.")
    return added, known is None


def invite(
    store: Store, email: str, preferences: Preferences, *, signup_id: str, now: datetime
) -> None:
    """Have a mail sent that asks somebody to confirm; nothing else is sent before they do.

    Raises:
        DigestError: it is no address, or its owner is subscribed already.
    """
    known = store.subscribers.get(by_email=checked_email(email))
    if known is not None and known.state is SubscriberState.ACTIVE:
        raise DigestError(f"{known.email} is subscribed already.")
    wanted = {"preferences": preferences.model_dump(mode="json")}
    store.signups.add(
        Signup(id=signup_id, email=email, client="admin", wanted=wanted, asked_at=now)
    )


def rename(store: Store, reader: Subscriber, email: str) -> Subscriber:
    """Move a reader to another address, with likes, history and links. Who was suppressed because
    mail to the old one came back gets mail again.

    Raises:
        DigestError: it is no address, or somebody else has it.
    """
    new = checked_email(email)
    other = store.subscribers.get(by_email=new)
    if other is not None and other.id != reader.id:
        raise DigestError(f"{other.email} is a subscriber already.")
    state = reader.state
    if state is SubscriberState.SUPPRESSED:
        state = SubscriberState.ACTIVE
    changed = replace(reader, email=new, state=state)
    store.subscribers.save(changed)
    return changed


def send_again(store: Store, reader: Subscriber, day: date | None, now: datetime) -> date:
    """Make a reader's mail of a date, or the latest one, ready to be sent once more.

    Raises:
        DigestError: there is none, or its text is forgotten.
    """
    found = store.history.deliveries(subscriber_id=reader.id, limit=400)
    mails = [d for d in found if day is None or d.key.edition_date == day]
    if not mails:
        raise DigestError(f"There is no mail to {reader.email}{f' of {day}' if day else ''}.")
    fault = store.deliveries.retry(mails[0].key, now, sent_too=True)
    if fault:
        raise DigestError(f"The mail of {mails[0].key.edition_date} cannot be sent again: {fault}.")
    return mails[0].key.edition_date


def erase(store: Store, reader: Subscriber, configured: Sequence[str]) -> None:
    """Delete everything that is stored about somebody.

    Args:
        configured: addresses that stand in the configuration.

    Raises:
        DigestError: theirs does, so the next run would bring them back.
    """
    if reader.email.lower() in {c.lower() for c in configured}:
        raise DigestError(
            f"{reader.email} stands in the configuration file. Take them out there first; then "
            "everything about them can be erased."
        )
    store.personal.forget(reader.id)
