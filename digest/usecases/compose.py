"""Composing: from a reader's ranking to the mail of a date, or the reason why there is none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from digest.edition import Renderer, compose
from digest.edition.compose import compose_note
from digest.model import (
    Edition,
    EmptyReason,
    Group,
    NoEdition,
    PlannedEdition,
    RankingSnapshot,
    ReaderState,
    SourceCount,
    SourceReport,
    Subscriber,
)
from digest.ports import Channel
from digest.ranking.listings import LONGEST_ABSENCE, NewEntries
from digest.ranking.profile import RankingOptions
from digest.ranking.reader import DayRanking, ReaderRanking
from digest.usecases.groups import GroupLikes

if TYPE_CHECKING:
    from digest.model import Paper
    from digest.ranking import Embed
    from digest.store import Store

#: stored papers that word statistics are learned from
BACKGROUND_PAPERS = 20_000
#: liked papers kept from one block to the next
MOST_LIKED = 100_000
#: nobody on earth has a later date than now and this
LATEST_ZONE = timedelta(hours=14)


def day_ranking(
    store: Store,
    *,
    now: datetime,
    until: date | None = None,
    options: RankingOptions,
    embed: Embed | None = None,
    snapshot: RankingSnapshot | None = None,
    last_entry: int | None = None,
) -> DayRanking:
    """What was listed until a moment, ready to be ranked.

    Args:
        until: the latest listing date; by default all that have begun somewhere.
        last_entry: later entries are left out, as they were by an edition that is explained.
    """
    entries = store.papers.entries(now - LONGEST_ABSENCE, until or (now + LATEST_ZONE).date())
    last = snapshot.last_entry if snapshot is not None else last_entry
    if last is not None:  # what came in since then is for the next edition
        entries = tuple(e for e in entries if e.id <= last)
    return DayRanking(
        entries,
        store.papers.get({e.paper_id for e in entries}),
        now=now,
        background=lambda: store.papers.background(BACKGROUND_PAPERS, now),
        options=options,
        embed=embed,
        snapshot=snapshot,
    )


def finished(
    planned: PlannedEdition, renderer: Renderer, channel: Channel, now: datetime
) -> PlannedEdition:
    """The same with its edition or note rendered and built into a message.

    Raises:
        RenderError: a template is wrong.
    """
    if planned.edition is None:
        return planned
    rendered = renderer.render(planned.edition)
    message = channel.message(planned.edition, rendered, now)
    return replace(planned, message=message, rendered=rendered)


class Addition(Protocol):
    """Adds something to what was chosen, and does without where that fails."""

    #: why something is missing
    fault: str

    def attach(
        self, planned: Sequence[PlannedEdition | Exception]
    ) -> list[PlannedEdition | Exception]: ...


class Composer:
    """Makes the editions of one moment; what readers share is read and fitted once.

    Args:
        channel: makes messages of editions.
        sources: reports of this moment's fetch, for counts and faults in the mail.
        groups: whose members see what the others like.
        additions: to what was chosen, such as a model's sentence.
    """

    def __init__(
        self,
        store: Store,
        renderer: Renderer,
        channel: Channel,
        ranking: DayRanking,
        *,
        sources: Sequence[SourceReport] = (),
        groups: Sequence[Group] = (),
        additions: Sequence[Addition] = (),
    ) -> None:
        self.ranking = ranking
        self._store, self._renderer, self._now = store, renderer, ranking.now
        self._sources, self._channel = sources, channel
        self._additions = additions
        self._groups = GroupLikes(store, groups, ranking.now)
        #: liked papers that were read, so that a paper that many like is one object
        self._known: dict[str, Paper] = {}
        self._counts: dict[int, tuple[SourceCount, ...]] = {}

    def draft(self, subscriber: Subscriber, day: date) -> PlannedEdition:
        """Choose and render one reader's edition; nothing is stored.

        Raises:
            RenderError: a template is wrong.
        """
        return finished(self.choose(subscriber, day), self._renderer, self._channel, self._now)

    def drafts(
        self, readers: Sequence[tuple[Subscriber, date]]
    ) -> tuple[PlannedEdition | Exception, ...]:
        """Choose and render for a block of readers; one that fails costs only itself."""
        made: list[PlannedEdition | Exception] = []
        for chosen in self._choose_block(readers):
            try:
                if isinstance(chosen, Exception):
                    raise chosen
                made.append(finished(chosen, self._renderer, self._channel, self._now))
            except Exception as error:
                made.append(error)
        return tuple(made)

    def choose(self, subscriber: Subscriber, day: date) -> PlannedEdition:
        """One reader's edition or the reason for none, not rendered yet."""
        (chosen,) = self._choose_block([(subscriber, day)])
        if isinstance(chosen, Exception):
            raise chosen
        return chosen

    def rank(self, readers: Sequence[tuple[Subscriber, date]]) -> list[ReaderRanking | Exception]:
        """The rankings of a block of readers, scored together."""
        if len(self._known) > MOST_LIKED:
            self._known.clear()
        states: dict[tuple[str, date], ReaderState] = {}
        for day in {day for _, day in readers}:
            found = self._store.ratings.reader_states(
                [s.id for s, d in readers if d == day],
                day,
                known=self._known,
                listed_since=self._now - LONGEST_ABSENCE,
            )
            states |= {(i, day): state for i, state in found.items()}
        ranked: list[ReaderRanking | Exception] = []
        for subscriber, day in readers:
            try:
                ranked.append(self.ranking.reader(subscriber, day, states[subscriber.id, day]))
            except Exception as error:
                ranked.append(error)
        self.ranking.score([r for r in ranked if isinstance(r, ReaderRanking)])
        return ranked

    def _choose_block(
        self, readers: Sequence[tuple[Subscriber, date]]
    ) -> list[PlannedEdition | Exception]:
        chosen: list[PlannedEdition | Exception] = []
        for ranked in self.rank(readers):
            try:
                if isinstance(ranked, Exception):
                    raise ranked
                chosen.append(self._plan(ranked))
            except Exception as error:
                chosen.append(error)
        for addition in self._additions:
            chosen = addition.attach(chosen)
        return chosen

    @property
    def faults(self) -> tuple[str, ...]:
        """Why something is missing that was to be added."""
        return tuple(a.fault for a in self._additions if a.fault)

    def _plan(self, ranked: ReaderRanking) -> PlannedEdition:
        subscriber = ranked.subscriber
        picks = self._groups.picks(ranked, ranked.picks())
        sources = self._counts_of(ranked.new)
        title = self._renderer.letterhead.title
        speech = self._renderer.speech(subscriber.preferences.language)
        outcome = compose(
            subscriber,
            title=title,
            day=ranked.day,
            picks=picks,
            basis=ranked.basis,
            n_new=ranked.considered.n_new,
            n_considered=len(ranked.considered.papers),
            dropped=ranked.considered.dropped,
            shortfall=None if picks else ranked.shortfall(),
            sources=sources,
            speech=speech,
        )
        cursor = self.ranking.listings.last_entry or ranked.state.cursor or 0
        if isinstance(outcome, Edition):
            return PlannedEdition(edition=outcome, cursor=cursor)
        note: Edition | None = None
        if subscriber.preferences.on_empty == "note" or _needs_a_word(ranked, outcome):
            note = compose_note(outcome, title=title, sources=sources, speech=speech)
        return PlannedEdition(edition=note, empty=outcome, cursor=cursor)

    def _counts_of(self, new: NewEntries) -> tuple[SourceCount, ...]:
        """What masthead and footer say of each source; the same for all who look at the same."""
        if id(new) not in self._counts:
            fetched = {r.source: r for r in self._sources}
            self._counts[id(new)] = tuple(
                SourceCount(
                    name=name,
                    n_papers=new.n_by_source.get(name, 0),
                    complete=fetched[name].complete if name in fetched else True,
                    fault=fetched[name].fault if name in fetched else "",
                )
                for name in dict.fromkeys([*fetched, *new.n_by_source])
            )
        return self._counts[id(new)]


def _needs_a_word(ranked: ReaderRanking, empty: NoEdition) -> bool:
    """Whether somebody who never had a mail would wonder: papers came, and none was near."""
    own_bar = bool(ranked.subscriber.preferences.min_score)
    is_first = ranked.state.cursor is None
    return is_first and empty.reason is EmptyReason.BELOW_BAR and not own_bar


def why_nothing(planned: PlannedEdition) -> str:
    """The reason of an empty day as a sentence; nothing if there is an edition."""
    return planned.empty.detail if isinstance(planned.empty, NoEdition) else ""
