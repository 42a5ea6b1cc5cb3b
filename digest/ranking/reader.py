"""How the papers of a day are ranked for a reader: put together here and nowhere else.

The edition, `why`, `profile`, `evaluate` and the web side all ask these two classes, so that an
explanation uses the numbers that the mail was made with.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import date, datetime
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from digest.model import (
    Basis,
    ListingEntry,
    Paper,
    Pick,
    Profile,
    RankingSnapshot,
    ReaderState,
    Shortfall,
    Subscriber,
)
from digest.preferences import Interest
from digest.ranking.choice import Place, bar_of, place_in, scores_of
from digest.ranking.coverage import Coverage, coverage
from digest.ranking.day import Embed
from digest.ranking.filters import filter_candidates
from digest.ranking.interests import (
    InterestRanking,
    is_due,
    likes_by_interest,
    numbered,
    profile_of,
)
from digest.ranking.later import come_back
from digest.ranking.listings import Listings, NewEntries
from digest.ranking.profile import (
    DEFAULTS,
    RankingOptions,
    basis_of,
    build_profile,
    without,
)
from digest.ranking.ranker import Ranker, fit
from digest.ranking.reading import Reading
from digest.ranking.reasons import held_keywords
from digest.ranking.selection import chance, journal_versions, select

log = logging.getLogger(__name__)


class DayRanking:
    """The papers of one moment, and how they are ranked for any reader.

    Args:
        entries: of listings, in order of arrival.
        papers: by id, those of the entries.
        background: reads the papers that word statistics are learned from, the latest first.
        embed: a language model's view of papers, if there is one.
        snapshot: what another process fitted, to be used again.
    """

    def __init__(
        self,
        entries: Sequence[ListingEntry],
        papers: Mapping[str, Paper],
        *,
        now: datetime,
        background: Callable[[], Sequence[Paper]],
        options: RankingOptions = DEFAULTS,
        embed: Embed | None = None,
        snapshot: RankingSnapshot | None = None,
    ) -> None:
        self.now, self.options = now, options
        self.listings = Listings(entries, papers, now)
        self._papers, self._background = papers, background
        self._embed, self._snapshot = embed, snapshot
        #: for the latest days, and for wider ones
        self._rivals: dict[bool, Ranker] = {}

    @cached_property
    def ranker(self) -> Ranker:
        """Fitted to the latest days' papers at first use, since an empty day needs none."""
        if self._snapshot is not None and self._snapshot.ranking:
            try:
                return Ranker.of_bytes(
                    self._snapshot.ranking,
                    self._papers,
                    self._embed,
                    self.options.semantic_weight,
                )
            except ValueError as error:
                log.warning("ranking.snapshot_unusable error=%s", error)
        return self._fitted(list(self.listings.latest.values()))

    @cached_property
    def _wide_ranker(self) -> Ranker:
        """For who was away for longer. Apart, so that nobody's absence changes others' scores."""
        return self._fitted(list(self._papers.values()))

    def fit(self, background: Sequence[Paper]) -> Ranker:
        """A ranker as configured, on the word statistics of these papers."""
        return fit(background, self._embed, self.options.semantic_weight)

    def _fitted(self, papers: Sequence[Paper]) -> Ranker:
        ranker = self.fit(self._background())
        ranker.prepare(papers)
        return ranker

    def snapshot(self) -> RankingSnapshot:
        """What other processes need to rank alike."""
        ranking = self.ranker.to_bytes() if self.listings.latest else b""
        return RankingSnapshot(last_entry=self.listings.last_entry or 0, ranking=ranking)

    def profile(
        self, subscriber: Subscriber, state: ReaderState, options: RankingOptions | None = None
    ) -> Profile:
        """
        Args:
            options: by default those of all readers.
        """
        return build_profile(
            subscriber.preferences,
            state,
            self.now,
            options or self.options,
            subscriber_id=subscriber.id,
        )

    def coverage(self, profile: Profile) -> Coverage | None:
        """How much of the latest days' papers is close to a reader; None: nothing can be said."""
        papers = list(self.listings.latest.values())
        if profile.is_empty or not papers:
            return None
        return coverage(self.ranker.read(profile, papers))

    def reader(self, subscriber: Subscriber, day: date, state: ReaderState) -> ReaderRanking:
        """One reader's ranking for the edition of a date."""
        whole = self.profile(subscriber, state)
        belonging = likes_by_interest(subscriber.preferences, state)
        assigned = frozenset[str]().union(*belonging.values())
        found = ReaderRanking(
            self,
            subscriber=subscriber,
            day=day,
            state=state,
            profile=without(whole, assigned) if assigned else whole,
            assigned=assigned,
            new=self.listings.new(state, day),
            seen=state.sent | whole.rated_ids | state.named | {k.paper.id for k in state.kept},
        )
        for interest in subscriber.preferences.interests:
            if is_due(interest, day):
                of_interest = profile_of(whole, interest, belonging[interest.name])
                new = self.listings.new_for(interest, state, day)
                found.add_interest(interest, of_interest, new)
        return found

    def score(self, readers: Sequence[ReaderRanking]) -> None:
        """Score those who look at the latest days only in one product, which is quicker."""
        block = [r for r in readers if r.candidates.papers and not r.new.is_wide]
        if len(block) < 2:
            return
        try:
            readings = self.ranker.read_block([r.profile for r in block])
        except Exception:
            # One odd like must not cost the block its mail: each is scored alone, and fails alone.
            log.exception("score.block_crashed")
            return
        for reader, reading in zip(block, readings, strict=True):
            reader.whole_day = reading

    def ranker_for(self, new: NewEntries) -> Ranker:
        return self._wide_ranker if new.is_wide else self.ranker

    def rival_for(self, new: NewEntries) -> Ranker:
        """The ranker whose choices are interleaved; it learned from the same papers."""
        assert self.options.rival is not None
        if new.is_wide not in self._rivals:
            weight = self.options.rival.semantic_weight
            self._rivals[new.is_wide] = self.ranker_for(new).weighing(weight)
        return self._rivals[new.is_wide]


def _by_likes(basis: Basis) -> bool:
    return basis is Basis.LIKES


class ReaderRanking:
    """One reader's candidates of a day, scored when they are asked for."""

    def __init__(
        self,
        day_ranking: DayRanking,
        *,
        subscriber: Subscriber,
        day: date,
        state: ReaderState,
        profile: Profile,
        assigned: Collection[str],
        new: NewEntries,
        seen: Collection[str],
    ) -> None:
        self._day_ranking, self._assigned = day_ranking, assigned
        self.seen = frozenset(seen)
        self.subscriber, self.day, self.state = subscriber, day, state
        #: likes of named interests are not in it
        self.profile, self.new = profile, new
        self.candidates = filter_candidates(new.papers, subscriber.preferences, seen)
        #: those of this day
        self.interests: list[InterestRanking] = []
        #: what was new to the reader, and what is left of it: the most that any part looks at
        self.considered = self.candidates
        #: beside all of the day's papers, if it was scored in a block
        self.whole_day: Reading | None = None

    @cached_property
    def reading(self) -> Reading:
        """The profile beside the candidates; there must be some."""
        return self._read(self.candidates.papers)

    def _read(self, papers: Sequence[Paper]) -> Reading:
        ranker = self._day_ranking.ranker_for(self.new)
        if self.whole_day is not None:
            return ranker.among(self.whole_day, papers)
        return ranker.read(self.profile, papers)

    def _rival(self, papers: Sequence[Paper]) -> Reading:
        """What the ranker that is compared with makes of these papers."""
        ranking = self._day_ranking
        profile = ranking.profile(self.subscriber, self.state, ranking.options.rival)
        profile = without(profile, self._assigned)
        return ranking.rival_for(self.new).read(profile, papers)

    def add_interest(self, interest: Interest, profile: Profile, new: NewEntries) -> None:
        """Let an interest have its section."""
        found = filter_candidates(new.papers, self.subscriber.preferences, self.seen)
        if found.n_new > self.considered.n_new:
            self.considered = found
        if found.papers and not profile.is_empty:
            reading = self._day_ranking.ranker_for(new).read(profile, found.papers)
            self.interests.append(InterestRanking(interest, found.papers, reading))

    @property
    def scores(self) -> NDArray[np.float32]:
        """(n_candidates,) about cosines: comparable between readers."""
        if not self.candidates.papers:
            return np.zeros(0, dtype=np.float32)
        return scores_of(self.reading)

    @property
    def basis(self) -> Basis:
        """What the edition rests on; who has named interests is read by their likes or keywords."""
        if self.profile.is_empty and self.subscriber.preferences.interests:
            profiles = [i.reading.profile for i in self.interests]
            return max((basis_of(p, ()) for p in profiles), key=_by_likes, default=Basis.KEYWORDS)
        return basis_of(self.profile, self.candidates.papers)

    @property
    def bar(self) -> float | None:
        """The least score of "For you"; None: there is none."""
        return bar_of(self.subscriber.preferences, self.reading) if self.candidates.papers else None

    def shortfall(self) -> Shortfall | None:
        """How far the nearest candidate is from the bar, if there are any."""
        if not self.profile.is_empty and self.candidates.papers:
            at = int(np.argmax(self.scores))
            nearest = self.candidates.papers[at]
            return Shortfall(nearest.plain_title, float(self.scores[at]), self.bar or 0.0)
        near = [i.shortfall() for i in self.interests]
        return max(near, key=lambda s: s.score / s.bar, default=None)

    def picks(self) -> tuple[Pick, ...]:
        """The papers of the reader's edition, sections in reading order."""
        preferences, options = self.subscriber.preferences, self._day_ranking.options
        of_interests: list[Pick] = []
        room = preferences.length
        for ranking in self.interests:
            taken = {p.paper.id for p in of_interests}
            found = ranking.picks(preferences, taken, options)
            of_interests += found
            room -= 0 if ranking.interest.all else len(found)
        papers = self.candidates.papers
        if of_interests:
            taken = {p.paper.id for p in of_interests}
            papers = tuple(p for p in papers if p.id not in taken)
        picks: tuple[Pick, ...] = ()
        if papers and room > 0:
            reading = self._read(papers) if of_interests else self.reading
            picks = select(
                preferences,
                papers,
                reading,
                options=options,
                day=self.day,
                rng=chance(self.subscriber, self.day),
                room=room,
                rival=self._rival(papers) if options.rival else None,
            )
        picks = numbered([*of_interests, *picks]) if of_interests else picks
        if preferences.journal_versions:
            liked = {p.id for p in self.state.liked}
            known = (self.state.sent | liked | self.state.named) - self.state.told
            picks += journal_versions(self.new.published, known, len(picks))
        if not self.considered.n_new:
            return picks  # there is no edition yet; a listing may come later in the day
        here = {p.paper.id for p in picks}
        kept = [k for k in self.state.kept if k.paper.id not in here]
        return picks + come_back(kept, self.day, preferences.reading_weekday, len(picks))

    def keyword_in(self, paper_id: str) -> str:
        """The keyword that stands in a candidate, or nothing."""
        ids = [p.id for p in self.candidates.papers]
        held = held_keywords(self.reading, ids.index(paper_id)) if paper_id in ids else []
        return held[0] if held else ""

    def place_of(self, paper_id: str) -> Place | None:
        """Where a paper stands, or None if it is no candidate."""
        return place_in(self.candidates.papers, self.scores, paper_id)
