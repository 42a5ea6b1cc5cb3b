"""Why somebody got a paper, or did not."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Protocol

from digest.model import FilterKind, Paper, Subscriber
from digest.ports import Mention, PaperStore, PickEntry, SubscriberStore
from digest.ranking import filter_candidates, fit
from digest.ranking.selection import build_profile

#: papers that word statistics are learned from
BACKGROUND = 5_000
_WISHES = {
    FilterKind.MUTED_TERMS: "a muted word or phrase stands in it",
    FilterKind.MUTED_AUTHORS: "a muted author wrote it",
    FilterKind.MUTED_AFFILIATIONS: "it comes from a muted place",
    FilterKind.LANGUAGES: "it is in another language than those that were chosen",
    FilterKind.REQUIRED_TERMS: "none of the required words stands in it",
    FilterKind.ANNOUNCE_TYPES: "this kind of announcement was not chosen",
    FilterKind.UPVOTES: "it had fewer upvotes than asked for",
    FilterKind.CATEGORIES: "it is in none of the chosen categories",
}


class AnswersStore(PaperStore, SubscriberStore, Protocol):
    """What was listed and picked."""

    def mentions_of(self, paper_id: str) -> tuple[Mention, ...]: ...

    def picks_of(self, paper_id: str) -> tuple[PickEntry, ...]: ...

    def listed(self, limit: int) -> tuple[Paper, ...]: ...


def why_not(store: AnswersStore, reader: Subscriber, paper: Paper, today: date) -> tuple[str, ...]:
    """What is known of a paper and a reader, as sentences, the decisive one first."""
    picks = [p for p in store.picks_of(paper.id) if p.subscriber_id == reader.id]
    if picks:
        return tuple(
            f"It stood in the edition of {p.edition_date:%d %B %Y} as no. {p.rank}, ahead of "
            f"{100 * p.percentile:.0f}% of that day's papers."
            for p in picks
        )
    state = store.reader_state(reader.id, today)
    if paper.id in {p.id for p in state.liked}:
        return ("They like it already, so it is not sent.",)
    if paper.id in {p.id for p in state.disliked}:
        return ("They disliked it, so it is not sent.",)
    if paper.id in state.named:
        return ("It stands in a library of theirs, so it is not sent.",)
    mentions = store.mentions_of(paper.id)
    if not mentions:
        return ("No source has listed it; it is known only because somebody likes it.",)
    said = [_listed(mentions)]
    dropped = filter_candidates([paper], reader, ()).dropped
    if dropped:
        said.insert(0, f"A filter took it: {_WISHES[next(iter(dropped))]}.")
        return tuple(said)
    return (*_by_score(store, reader, paper, mentions, today), *said)


def _listed(mentions: Sequence[Mention]) -> str:
    first = mentions[0]
    return f"{first.source} listed it on {first.listed_on:%d %B %Y} as {first.announce_type}."


def _by_score(
    store: AnswersStore,
    reader: Subscriber,
    paper: Paper,
    mentions: Sequence[Mention],
    today: date,
) -> tuple[str, ...]:
    """Where it stood among the papers of its day, by today's likes."""
    day = mentions[0].listed_on
    since = mentions[0].first_seen - timedelta(days=1)
    ids = {m.paper_id for m in store.mentions(since, day) if m.listed_on == day} | {paper.id}
    papers = filter_candidates(tuple(store.papers(ids).values()), reader, ()).papers
    state = store.reader_state(reader.id, today)
    profile = build_profile(reader, state.liked, state.disliked, ())
    if profile.is_empty:
        return (
            "They have no likes and no keywords, so the most voted and the newest papers are sent, "
            f"{reader.edition_size} a day, and it was not among them.",
        )
    ranker = fit(store.background(BACKGROUND))
    ranker.prepare(papers)
    row = ranker.score_block([profile], papers)[0]
    at = next(n for n, p in enumerate(papers) if p.id == paper.id)
    scores = row / ranker.length(profile, papers)
    better = int((scores > scores[at]).sum())
    bar = f" Their bar is {reader.min_score:.2f}." if reader.min_score else ""
    return (
        f"By what they like now, {better} of the {len(papers)} papers of that day that pass their "
        f"filters are closer (its score is {max(0.0, float(scores[at])):.3f}); an edition has "
        f"{reader.edition_size} places, and unlike papers go before near copies.{bar}",
    )
