"""Feedback: the one place where a reader's opinion of a paper is written down or taken back."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING

from digest.edition.links import Action
from digest.errors import UnknownSubscriber
from digest.identifiers import name_of
from digest.identity import names
from digest.model import IMPORT, Rating, Subscriber
from digest.ports import Lookup
from digest.usecases.lookup import Resolved, resolve

if TYPE_CHECKING:
    from digest.store import Store

#: what each action says of a paper: its sign, and how much it weighs beside others of that sign
VALUES = {Action.LIKE: 1, Action.DISLIKE: -1, Action.FEWER: -3}
#: likes of the configuration file, which a reader's own command cannot take back; those of a
#: library named there have its name after a colon
FILE_ORIGIN = "config"
#: of what a reader took back although a library of theirs holds it
TAKEN_BACK = "taken back"


class Unrated(Enum):
    """What became of a rating that was to be taken back; the value ends a sentence."""

    TAKEN_BACK = "is taken back"
    HELD_BACK = "is no like any more, though it stands in a library of yours"
    IN_CONFIG = "stands in the configuration file; remove it there"
    NOT_RATED = "was not rated"


def find_subscriber(store: Store, email: str) -> Subscriber:
    """The subscriber with that address.

    Raises:
        UnknownSubscriber: naming those there are.
    """
    found = store.subscribers.get(by_email=email)
    if found is None:
        raise UnknownSubscriber(email, [s.email for s in store.subscribers.search()[0]])
    return found


def rate(
    store: Store,
    subscriber: Subscriber,
    paper_ids: Iterable[str],
    action: Action,
    *,
    origin: str,
    now: datetime,
) -> None:
    """Note what a reader thinks of stored papers; the latest opinion of an origin counts."""
    store.ratings.add(
        Rating(
            subscriber_id=subscriber.id,
            paper_id=paper_id,
            value=VALUES[action],
            rated_at=now,
            origin=origin,
        )
        for paper_id in paper_ids
    )


def rate_references(
    store: Store,
    lookups: Sequence[Lookup],
    subscriber: Subscriber,
    refs: Sequence[str],
    action: Action,
    *,
    origin: str,
    now: datetime,
) -> Resolved:
    """Rate papers by ids or addresses; what cannot be found is returned, the rest is rated."""
    resolved = resolve(refs, store, lookups, now)
    own = _own_names(store, subscriber) if resolved.missing else {}
    known = {ref: own[name] for ref in resolved.missing if (name := name_of(ref) or ref) in own}
    papers = store.ratings.papers_of(subscriber.id) if known else {}
    ids = (*(p.id for p in resolved.papers), *known.values())
    rate(store, subscriber, ids, action, origin=origin, now=now)
    return Resolved(
        papers=(*resolved.papers, *(papers[i] for i in known.values())),
        missing={ref: why for ref, why in resolved.missing.items() if ref not in known},
    )


def _own_names(store: Store, subscriber: Subscriber) -> dict[str, str]:
    """The ids of a reader's ratings by all names of the papers, their own records' among them."""
    papers = store.ratings.papers_of(subscriber.id)
    return {n: i for i, p in papers.items() for n in (i, *names(p))}


def unrate(
    store: Store, subscriber: Subscriber, refs: Sequence[str], now: datetime
) -> dict[str, Unrated]:
    """Take back ratings; returns what became of each reference.

    What a library brought, and may bring again, is noted as neither liked nor disliked: that holds
    until the reader says something else of it.
    """
    rated = store.ratings.by_origin(subscriber.id)
    own = _own_names(store, subscriber)
    results: dict[str, Unrated] = {}
    for ref in refs:
        name = name_of(ref) or ref
        key = own.get(name) or store.papers.resolve({name}).get(name, name)
        results[ref] = take_back(store, subscriber, key, rated, now)
    return results


def take_back(
    store: Store,
    subscriber: Subscriber,
    paper_id: str,
    rated: Mapping[str, Collection[str]],
    now: datetime,
) -> Unrated:
    """Take back what a reader said of a paper, against the libraries that hold it, too.

    Args:
        rated: papers by origin, see `Ratings.by_origin`.
    """
    origins = {o for o, ids in rated.items() if paper_id in ids}
    if FILE_ORIGIN in origins:
        removed = store.ratings.remove(subscriber.id, paper_id, keep=FILE_ORIGIN)
        return Unrated.TAKEN_BACK if removed else Unrated.IN_CONFIG
    if any(o.startswith((f"{FILE_ORIGIN}:", IMPORT)) for o in origins):
        neutral = Rating(
            subscriber_id=subscriber.id, paper_id=paper_id, value=0, rated_at=now, origin=TAKEN_BACK
        )
        store.ratings.add([neutral])
        return Unrated.HELD_BACK
    removed = store.ratings.remove(subscriber.id, paper_id, keep=FILE_ORIGIN)
    return Unrated.TAKEN_BACK if removed else Unrated.NOT_RATED
