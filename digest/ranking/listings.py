"""What was listed since a reader's last edition: what their next one chooses from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from digest.fields import WEEKDAYS
from digest.model import ListingEntry, Paper, ReaderState
from digest.preferences import Interest
from digest.ranking.interests import due_before

#: how far back a reader's first edition looks
FIRST_EDITION = timedelta(days=3)
#: how far back an edition looks after a pause, however long it was
LONGEST_ABSENCE = timedelta(days=14)


@dataclass(frozen=True, slots=True)
class NewEntries:
    """What was listed since an edition."""

    #: each paper once, in order of arrival, as the first of its entries announced it
    papers: tuple[Paper, ...]
    #: papers listed as published in a journal
    published: tuple[Paper, ...]
    n_by_source: Mapping[str, int]
    #: some are older than what most readers look at
    is_wide: bool


class Listings:
    """The entries that any edition may look at.

    Args:
        entries: in order of arrival.
        papers: by id; an entry whose paper is not among them is passed over.
    """

    def __init__(
        self, entries: Sequence[ListingEntry], papers: Mapping[str, Paper], now: datetime
    ) -> None:
        self.last_entry = entries[-1].id if entries else None
        self._entries = [e for e in entries if e.paper_id in papers]
        self._papers, self._first_edition = papers, now - FIRST_EDITION
        latest = [e.paper_id for e in self._entries if e.first_seen >= self._first_edition]
        #: the latest days' papers, in order of arrival, as readers get them
        self.latest = {i: papers[i] for i in latest}
        #: by what a reader's last edition looked at: most readers share it
        self._new: dict[tuple[int | None, date | None, date], NewEntries] = {}

    def new(self, state: ReaderState, day: date) -> NewEntries:
        """What was listed since the reader's last edition; the order of arrival is the clock, so
        a paper that came late is in the next edition and none is in two."""
        cursor, considered_to = state.cursor, state.considered_to
        key = (cursor, considered_to, day)
        if key not in self._new:
            listed = [e for e in self._entries if e.listed_on <= day]
            if cursor is None or considered_to is None:
                found = [e for e in listed if e.first_seen >= self._first_edition]
            else:
                found = [e for e in listed if e.id > cursor or e.listed_on > considered_to]
            self._new[key] = self._gathered(found)
        return self._new[key]

    def new_for(self, interest: Interest, state: ReaderState, day: date) -> NewEntries:
        """What an interest chooses from: where it comes on some days of the week, all that was
        listed since it came last; what was sent in between is left out later."""
        if len(interest.weekdays) == len(WEEKDAYS):
            return self.new(state, day)
        since = due_before(interest, day)
        if state.considered_to is not None:
            since = min(since, state.considered_to)
        key = (None, since, day)
        if key not in self._new:
            self._new[key] = self._gathered(
                [e for e in self._entries if since <= e.listed_on <= day]
            )
        return self._new[key]

    def _gathered(self, entries: Sequence[ListingEntry]) -> NewEntries:
        types: dict[str, str] = {}
        for entry in entries:
            types.setdefault(entry.paper_id, entry.announce_type)
        papers = [(self._papers[i], t) for i, t in types.items()]
        published = dict.fromkeys(e.paper_id for e in entries if e.announce_type == "published")
        return NewEntries(
            papers=tuple(
                p if p.announce_type == t else replace(p, announce_type=t) for p, t in papers
            ),
            published=tuple(self._papers[i] for i in published),
            n_by_source=Counter(e.source for e in entries),
            is_wide=any(i not in self.latest for i in types),
        )
