"""Joining and leaving by oneself: asking, one confirmation, preferences, export, deletion.

Nothing of a request counts before its owner pressed the button behind the link that was mailed to
them, and nobody learns from any answer whether an address is known.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

from pydantic import TypeAdapter

from digest.errors import RouteError, TokenError, TokenExpired
from digest.languages import N_
from digest.model import Message, Outcome, Paper, Signup, Subscriber, SubscriberState
from digest.ports import Clock, Likes, Lookup, Transport
from digest.preferences import Preferences
from digest.usecases.imports import HandedIn, import_likes

if TYPE_CHECKING:
    from digest.store import Store

log = logging.getLogger(__name__)

#: one mail an address in this time, whoever asks how often
ONE_MAIL_IN = timedelta(hours=24)
#: links that are mailed to an address in that time, for who asks on a page
MOST_LINKS = 3
#: requests of one client in this time
MOST_OF_A_CLIENT, CLIENT_WINDOW = 10, timedelta(hours=1)
#: how long a confirmation may be pressed
VALID_FOR = timedelta(days=7)
#: a mail that is tried again, and by whom it was taken and not finished
TAKEN_FOR, MAX_ATTEMPTS = timedelta(minutes=10), 6
#: the import that holds what somebody named when they joined
JOINED_WITH = "when joining"
#: entries of an uploaded library that wait for a confirmation; all can be brought along after it
MAX_PAPERS = 500
#: sentences about such a library that wait along
MAX_FAULTS = 100
#: bytes of all requests that wait together; beyond, libraries are left out, since whoever asks has
#: shown nothing yet and the disk is everybody's
MAX_WAITING_BYTES = 200_000_000

_PAPERS = TypeAdapter(tuple[Paper, ...])


def may_ask(store: Store, client: str, now: datetime) -> bool:
    """Whether a client has not asked too often lately."""
    if store.signups.n_since(now - CLIENT_WINDOW, client=client) < MOST_OF_A_CLIENT:
        return True
    log.warning("signup.too_many client=%s", client[:8])
    return False


def ask(
    store: Store,
    wish: Subscriber,
    likes: Likes,
    *,
    signup_id: str,
    client: str,
    now: datetime,
) -> bool:
    """Note a request to join; False if this client asks too often.

    An address that had its mail today gets no second one, which is not told.
    """
    if not may_ask(store, client, now):
        return False
    quiet = store.signups.n_since(now - ONE_MAIL_IN, email=wish.email) > 0
    if quiet or store.signups.n_bytes() > MAX_WAITING_BYTES:
        likes = Likes(refs=likes.refs)
    signup = Signup(
        id=signup_id,
        email=wish.email,
        client=client,
        wanted={
            "preferences": wish.preferences.model_dump(mode="json"),
            "refs": list(likes.refs[:MAX_PAPERS]),
            "papers": _PAPERS.dump_python(likes.papers[:MAX_PAPERS], mode="json"),
            "faults": list(likes.faults[:MAX_FAULTS]),
            "remarks": list(likes.remarks[:MAX_FAULTS]),
            "n_entries": likes.n_entries,
            "n_duplicates": likes.n_duplicates,
        },
        state="quiet" if quiet else "asked",  # a quiet one counts for the client's limit only
        asked_at=now,
    )
    store.signups.add(signup)
    return True


def ask_for_link(
    store: Store, reader: Subscriber, *, signup_id: str, client: str, now: datetime
) -> bool:
    """Have a link to everything about a reader mailed to their address; False if that was asked for
    too often."""
    if store.signups.n_since(now - ONE_MAIL_IN, email=reader.email) >= MOST_LINKS:
        return False
    if not may_ask(store, client, now):
        return False
    store.signups.add(
        Signup(id=signup_id, email=reader.email, client=client, wanted={"link": True}, asked_at=now)
    )
    return True


class Letters(Protocol):
    """Writes the letters of the web side."""

    def invitation(self, signup: Signup) -> Message: ...

    def reminder(self, signup: Signup, known: Subscriber) -> Message: ...

    def fresh_link(self, signup: Signup, known: Subscriber) -> Message: ...


def send_letters(
    store: Store,
    transport: Callable[[], Transport],
    *,
    letters: Letters,
    clock: Clock,
) -> int:
    """Send what is due: a confirmation to who is unknown, the way to their preferences to who is
    known, a link to who asked for one, and nothing to an address that must not be written to.
    Returns how many went out."""
    n_sent = 0
    taken = store.signups.take(clock(), clock() + TAKEN_FOR)
    if taken is None:
        return 0
    with transport() as route:
        while taken is not None:
            known = store.subscribers.get(by_email=taken.email)
            try:
                n_sent += _send(store, route, taken, known, letters, clock())
            except RouteError:
                store.signups.mark(taken.id, "asked", clock() + timedelta(minutes=2))
                raise
            taken = store.signups.take(clock(), clock() + TAKEN_FOR)
    return n_sent


def _send(
    store: Store,
    route: Transport,
    signup: Signup,
    known: Subscriber | None,
    letters: Letters,
    now: datetime,
) -> int:
    wants_link = bool(signup.wanted.get("link"))
    if (known is None and wants_link) or (known and known.state is SubscriberState.SUPPRESSED):
        store.signups.mark(signup.id, "failed", None)
        return 0
    member = known is not None and (
        wants_link or known.state in (SubscriberState.ACTIVE, SubscriberState.PAUSED)
    )
    if known is not None and wants_link:
        message = letters.fresh_link(signup, known)
    elif known is not None and member:
        message = letters.reminder(signup, known)
    else:
        message = letters.invitation(signup)
    receipt = route.send(message, before_data=lambda: None)
    log.info("signup.mailed outcome=%s attempt=%d", receipt.outcome, signup.attempts)
    if receipt.outcome in (Outcome.ACCEPTED, Outcome.IN_DOUBT):
        store.signups.mark(signup.id, "reminded" if member else "mailed", None)
        return 1
    if receipt.outcome is Outcome.DEFERRED and signup.attempts < MAX_ATTEMPTS:
        store.signups.mark(signup.id, "asked", now + timedelta(minutes=5) * 2**signup.attempts)
    else:
        store.signups.mark(signup.id, "failed", None)
    return 0


def wished(store: Store, signup_id: str, now: datetime) -> Subscriber | None:
    """What a confirmation link would start; None once it has started it, since the link is for
    nothing else.

    Raises:
        TokenError: the request is too old, or not here any more.
    """
    signup = store.signups.get(signup_id)
    if signup is None or signup.state in ("reminded", "quiet"):
        raise TokenError(N_("This request is not here any more. Please ask again."))
    if signup.state in ("confirmed", "done"):
        return None
    if now - signup.asked_at > VALID_FOR:
        raise TokenExpired(
            "This request is more than a week old. Please ask again.",
            signed_on=signup.asked_at.date(),
        )
    try:
        preferences = Preferences.from_json(signup.wanted["preferences"])
    except (ValueError, KeyError) as error:  # of another version of this program
        raise TokenError(N_("This request cannot be read any more. Please ask again.")) from error
    return Subscriber(id="", email=signup.email, origin="web", preferences=preferences)


def confirm(store: Store, signup_id: str, now: datetime) -> Subscriber | None:
    """Start the subscription that was asked for; None if it was started before.

    Raises:
        TokenError: the request is too old, or not here any more.
    """
    wish = wished(store, signup_id, now)
    if wish is None:
        return None
    known = store.subscribers.get(by_email=wish.email)
    if known is not None and known.state is SubscriberState.SUPPRESSED:
        raise TokenError(N_("Mail to this address came back, so nothing is sent there."))
    if known is not None and known.state in (SubscriberState.ACTIVE, SubscriberState.PAUSED):
        store.signups.mark(signup_id, "done", None)
        return known
    # Somebody from the configuration who left stays the configuration's: only the state changes.
    kept = known if known is not None and known.origin == "config" else wish
    joined = store.subscribers.add(
        replace(kept, state=SubscriberState.ACTIVE, origin=kept.origin), now
    )
    store.signups.mark(signup_id, "confirmed", None)
    log.info("signup.confirmed subscriber=%s", joined.id[:8])
    return joined


def settle_likes(store: Store, lookups: Sequence[Lookup], now: datetime) -> int:
    """Make what confirmed people named when joining their likes; returns for how many. What is
    broken off is done at the next call."""
    n_done = 0
    for signup in store.signups.in_state("confirmed"):
        reader = store.subscribers.get(by_email=signup.email)
        if reader is not None:
            wanted: Mapping[str, Any] = signup.wanted
            likes = Likes(
                refs=tuple(wanted.get("refs", ())),
                papers=_PAPERS.validate_python(wanted.get("papers", ())),
                faults=tuple(wanted.get("faults", ())),
                remarks=tuple(wanted.get("remarks", ())),
                n_entries=wanted.get("n_entries", 0),
                n_duplicates=wanted.get("n_duplicates", 0),
            )
            if likes.refs or likes.papers:
                import_likes(
                    store,
                    lookups,
                    reader,
                    HandedIn(likes, JOINED_WITH),
                    JOINED_WITH,
                    now,
                    dry_run=False,
                    max_titles=0,
                )
        store.signups.mark(signup.id, "done", None)
        n_done += 1
    return n_done
