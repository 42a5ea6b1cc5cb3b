"""Which papers go out again: what a reader likes, and what was sent to them."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from digest.model import Paper, Section, Subscriber

if TYPE_CHECKING:
    from digest.store import Store

#: editions that are looked through; a daily one for thirty years
MAX_EDITIONS = 11_000


def liked_papers(store: Store, reader: Subscriber) -> tuple[Paper, ...]:
    """What a reader likes, in the order in which they came to like it, with what their own
    libraries say of it."""
    papers = store.ratings.papers_of(reader.id)
    rated = store.ratings.of(reader.id)
    return tuple(papers[r.paper_id] for r in rated if r.value > 0 and r.paper_id in papers)


def kept_papers(store: Store, reader: Subscriber) -> tuple[Paper, ...]:
    """A reader's reading list, the earliest first."""
    return tuple(k.paper for k in store.reading_list.of(reader.id))


def sent_papers(
    store: Store,
    reader: Subscriber,
    since: date | None = None,
    until: date | None = None,
    section: Section | None = None,
) -> tuple[Paper, ...]:
    """What stood in a reader's editions of some days, the latest first, each paper once.

    Args:
        since: the first of the days, by default that of the first edition; `until`: the last.
        section: only this part of the editions.
    """
    found: dict[str, Paper] = {}
    for edition in store.archive.editions_of(reader.id, MAX_EDITIONS):
        if (since and edition.edition_date < since) or (until and edition.edition_date > until):
            continue
        for pick in edition.picks:
            if section is None or pick.section is section:
                found.setdefault(pick.paper.id, pick.paper)
    return tuple(found.values())
