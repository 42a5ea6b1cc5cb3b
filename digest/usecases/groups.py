"""What the others of a group liked: as a reason, and once a week as a section of the mail."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING

from digest.model import Group, Pick, Reason, ReasonKind, Section, Subscriber, SubscriberState

if TYPE_CHECKING:
    from digest.model import Paper
    from digest.ranking.reader import ReaderRanking
    from digest.store import Store

#: members who take part, below which a number would name somebody
LEAST_SHARING = 3
#: papers of one group in a mail
MOST_PAPERS = 5
#: how long ago a like may be to be news
WEEK = timedelta(days=7)


class GroupLikes:
    """The likes of groups as they are at one moment, read when they are first asked for.

    Only those who share their likes are counted, and only they are told; nobody is named.
    """

    def __init__(self, store: Store, groups: Sequence[Group], now: datetime) -> None:
        self._store, self._groups, self._now = store, groups, now

    def picks(self, ranked: ReaderRanking, picks: Sequence[Pick]) -> tuple[Pick, ...]:
        """The picks of an edition with what others like of them, and what else they liked."""
        reader, found = ranked.subscriber, list(picks)
        if not (self._groups and reader.preferences.share_likes):
            return tuple(found)
        for group in self._groups:
            likes = self._others(group, reader)
            found = [_told(p, group, likes.get(p.paper.id, 0)) for p in found]
            if is_due(group, ranked) and ranked.considered.n_new:
                found += self._section(group, likes, ranked, found)
        return tuple(found)

    def _section(
        self,
        group: Group,
        likes: Mapping[str, int],
        ranked: ReaderRanking,
        before: Sequence[Pick],
    ) -> list[Pick]:
        known = ranked.seen | {p.paper.id for p in before}
        wanted = sorted((i for i in likes if i not in known), key=lambda i: (-likes[i], i))
        papers = self._papers(group)
        chosen = [papers[i] for i in wanted if i in papers][:MOST_PAPERS]
        return [
            Pick(
                paper=paper,
                score=0.0,
                percentile=0.0,
                rank=len(before) + n,
                section=Section.GROUP,
                interest=group.name,
                reasons=(_reason(group, likes[paper.id]),),
            )
            for n, paper in enumerate(chosen, 1)
        ]

    @cached_property
    def _sharing(self) -> Mapping[str, Mapping[str, frozenset[str]]]:
        """By group and member what they liked in the last week."""
        found = (self._store.subscribers.get(by_email=m) for g in self._groups for m in g.members)
        people = {
            s.email.lower(): s.id
            for s in found
            if s and s.preferences.share_likes and s.state is SubscriberState.ACTIVE
        }
        members = {g.name: {people[m] for m in g.members if m in people} for g in self._groups}
        asked = set().union(*members.values()) if members else set()
        liked = self._store.reading_list.liked_since(asked, self._now - WEEK)
        return {
            name: {m: liked.get(m, frozenset()) for m in ids}
            for name, ids in members.items()
            if len(ids) >= LEAST_SHARING
        }

    def _others(self, group: Group, reader: Subscriber) -> dict[str, int]:
        """How many others liked a paper; nothing for who is no member."""
        sharing = self._sharing.get(group.name, {})
        if reader.id not in sharing:
            return {}
        counts: dict[str, int] = {}
        for member, liked in sharing.items():
            for paper_id in liked if member != reader.id else ():
                counts[paper_id] = counts.get(paper_id, 0) + 1
        return counts

    def _papers(self, group: Group) -> Mapping[str, Paper]:
        """Those that some source listed: what stands in somebody's library alone is theirs."""
        ids = frozenset[str]().union(*self._sharing.get(group.name, {}).values())
        return {i: p for i, p in self._store.papers.get(ids).items() if p.source}


def is_due(group: Group, ranked: ReaderRanking) -> bool:
    """Whether this is the first mail of its reader on or after the group's weekday."""
    since = (ranked.day.weekday() - group.weekday) % 7
    earlier = {(group.weekday + n) % 7 for n in range(since)}
    return earlier.isdisjoint(ranked.subscriber.preferences.weekdays)


def _reason(group: Group, n: int) -> Reason:
    return Reason(kind=ReasonKind.GROUP, evidence=(str(n), group.name))


def _told(pick: Pick, group: Group, n: int) -> Pick:
    return replace(pick, reasons=(*pick.reasons, _reason(group, n))) if n else pick
