"""Explaining: why a reader got a paper or did not, by the ranking that made the edition."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Protocol

from digest import schedule
from digest.model import Basis, Decision, FilterKind, ListingEntry, Paper, ReaderState, Subscriber
from digest.ranking import filter_candidates
from digest.ranking.interests import InterestRanking
from digest.ranking.reader import DayRanking, ReaderRanking
from digest.text import counted

if TYPE_CHECKING:
    from digest.store import Store

_TAKEN_BY = {
    FilterKind.MUTED_TERMS: "a muted word or phrase stands in it",
    FilterKind.MUTED_AUTHORS: "a muted author wrote it",
    FilterKind.MUTED_AFFILIATIONS: "it comes from a muted place",
    FilterKind.LANGUAGES: "it is in another language than those that were chosen",
    FilterKind.REQUIRED_TERMS: "none of the required words stands in it",
    FilterKind.ANNOUNCE_TYPES: "this kind of announcement was not chosen",
    FilterKind.UPVOTES: "it had fewer upvotes than asked for",
    FilterKind.CATEGORIES: "it is in none of the chosen categories",
}


class RankAt(Protocol):
    """Makes the ranking of a moment; see `compose.day_ranking`."""

    def __call__(
        self, *, now: datetime, until: date | None = None, last_entry: int | None = None
    ) -> DayRanking: ...


def why_not(
    store: Store, rank: RankAt, reader: Subscriber, paper: Paper, now: datetime
) -> tuple[str, ...]:
    """What is known of a paper and a reader, as sentences, the decisive one first."""
    picks = [p for p in store.archive.picks_of(paper.id) if p.subscriber_id == reader.id]
    if picks:
        return tuple(
            f"It stood in the edition of {p.edition_date:%d %B %Y} as no. {p.rank}, ahead of "
            f"{100 * p.percentile:.0f}% of that day's papers."
            for p in picks
        )
    entries = store.papers.entries_of(paper.id)
    decision = _decision_about(entries, store.history.decisions(reader.id))
    day = decision.edition_date if decision else schedule.edition_date(reader, now)
    as_of = decision.decided_at if decision else None
    state = store.ratings.reader_state(reader.id, day, as_of=as_of)
    if known := _known(paper, state):
        return (known,)
    if not entries:
        return ("No source has listed it; it is known only because somebody likes it.",)
    listed = f"{entries[0].source} listed it on {entries[0].listed_on:%d %B %Y} as "
    said = [f"{listed}{entries[0].announce_type}."]
    dropped = filter_candidates([paper], reader.preferences).dropped
    if dropped:
        return (f"A filter took it: {_TAKEN_BY[next(iter(dropped))]}.", *said)
    ranking = rank(now=as_of or now, until=day, last_entry=decision.cursor if decision else None)
    ranked = ranking.reader(reader, day, state)
    return (*_by_score(ranked, paper, decision), *said)


def _known(paper: Paper, state: ReaderState) -> str:
    if paper.id in {p.id for p in state.liked}:
        return "They like it already, so it is not sent."
    if paper.id in {p.id for p in state.disliked}:
        return "They disliked it, so it is not sent."
    if paper.id in state.named:
        return "It stands in a library of theirs, so it is not sent."
    return ""


def _decision_about(
    entries: Sequence[ListingEntry], decisions: Sequence[Decision]
) -> Decision | None:
    """The first edition that looked at one of these entries, if any has."""
    for entry in entries:
        for decision in sorted(decisions, key=lambda d: d.edition_date):
            if decision.cursor >= entry.id and decision.edition_date >= entry.listed_on:
                return decision
    return None


def _by_score(ranked: ReaderRanking, paper: Paper, decision: Decision | None) -> tuple[str, ...]:
    """Where it stands among the candidates of the edition."""
    preferences = ranked.subscriber.preferences
    place = ranked.place_of(paper.id)
    by_interest = tuple(_by_interest(i, paper) for i in ranked.interests)
    if preferences.interests and ranked.profile.is_empty:
        return tuple(filter(None, by_interest)) or ("None of their interests came on that day.",)
    if place is None:
        return ("It was listed too long ago for an edition of theirs.",)
    if ranked.profile.is_empty:
        return (
            "They have no likes and no keywords, so the most voted and the newest papers are sent, "
            f"{preferences.length} a day, and it was not among them.",
        )
    when = f"For the edition of {decision.edition_date:%d %B %Y}" if decision else "As of now"
    if keyword := ranked.keyword_in(paper.id):
        return (
            f"{when}, their keyword “{keyword}” stands in it, but there was only room for "
            f"{counted(preferences.length, 'paper')}, and others came first.",
            *filter(None, by_interest),
        )
    if ranked.bar is not None and place.score < ranked.bar:
        return (
            f"{when}, it is not close enough to what they like: its score is {place.score:.3f}, "
            f"and {_bar(ranked)}.",
            *filter(None, by_interest),
        )
    return (
        f"{when}, {place.n_closer} of the {place.n_candidates} papers of that day that pass their "
        f"filters are closer (its score is {place.score:.3f}); an edition has "
        f"{preferences.length} places, and unlike papers go before near copies.",
        *filter(None, by_interest),
    )


def _by_interest(ranked: InterestRanking, paper: Paper) -> str:
    """Where it stands among the candidates of a named interest; nothing if it is none of them."""
    place, bar = ranked.place_of(paper.id), ranked.reading.calibration.stretch
    if place is None:
        return ""
    verdict = "close enough" if place.score >= bar else "not close enough"
    return (
        f"For “{ranked.interest.name}” it is {verdict}: its score is {place.score:.3f}, the bar "
        f"{bar:.3f}, and {place.n_closer} of {place.n_candidates} papers are closer."
    )


def _bar(ranked: ReaderRanking) -> str:
    bar = ranked.bar or 0.0
    if ranked.subscriber.preferences.min_score >= bar:
        return f"their bar (min_score) is {bar:.3f}"
    if ranked.basis is Basis.KEYWORDS:
        return f"for keywords alone the bar is {bar:.3f}"
    return f"their bar, learned from how close their likes are to each other, is {bar:.3f}"
