"""Readers: who they are, what they chose and what they like."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

from digest.model.paper import Paper
from digest.preferences import Preferences


class SubscriberState(StrEnum):
    """Whether somebody gets mail."""

    ACTIVE = "active"
    PAUSED = "paused"
    UNSUBSCRIBED = "unsubscribed"
    SUPPRESSED = "suppressed"  # the address bounces, or complained


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscriber:
    """A person, and what they chose."""

    id: str
    email: str
    state: SubscriberState = SubscriberState.ACTIVE
    #: "config" (edited there) or "web"
    origin: str = "config"
    preferences: Preferences = field(default_factory=Preferences)
    #: counts how often all of their links were revoked; see `links.Ticket`
    link_generation: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Rating:
    """One opinion of one reader on one paper."""

    subscriber_id: str
    paper_id: str
    #: +1 liked, -1 disliked, -3 "fewer like this": a dislike that weighs three times as much
    value: int
    rated_at: datetime
    #: config, cli, mail, web, or "import:" and a name
    origin: str


#: how an origin begins that is an import: its name follows
IMPORT = "import:"
#: how a label begins that brings a paper to a named interest, besides an import: the configuration
#: gives it there, or it stood in its section; the interest's name follows
IN_CONFIG, STOOD_IN = "config:interest ", "interest:"


def is_keyword(paper: Paper) -> bool:
    """Whether a liked paper of a profile stands for a keyword."""
    return paper.id.startswith("keyword:")


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What a reader likes, as documents with weights; nothing fitted, so it never goes stale."""

    subscriber_id: str
    #: liked papers, and keywords as tiny documents with ids "keyword:…"
    liked: tuple[Paper, ...] = ()
    disliked: tuple[Paper, ...] = ()
    #: one a liked paper, any scale; empty: all equal
    weights: tuple[float, ...] = ()
    #: one a disliked paper, any scale; empty: all equal
    dislike_weights: tuple[float, ...] = ()

    @property
    def liked_ids(self) -> frozenset[str]:
        return frozenset(p.id for p in self.liked)

    @property
    def rated_ids(self) -> frozenset[str]:
        return self.liked_ids | {p.id for p in self.disliked}

    @property
    def is_empty(self) -> bool:
        return not self.liked


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A paper that a reader keeps for later and has not rated since."""

    paper: Paper
    added_at: datetime
    #: how many editions brought it back, and the latest of them
    n_shown: int = 0
    shown_on: date | None = None

    @property
    def added_on(self) -> date:
        """The day in UTC."""
        return self.added_at.date()


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Readers who see what the others like."""

    name: str
    #: addresses in lower case
    members: frozenset[str]
    #: 0 is Monday
    weekday: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReaderState:
    """What the store knows of one reader when their edition is chosen."""

    liked: tuple[Paper, ...] = ()
    #: when each was liked
    liked_at: tuple[datetime, ...] = ()
    disliked: tuple[Paper, ...] = ()
    #: when each was disliked
    disliked_at: tuple[datetime, ...] = ()
    #: how much each counts beside the others
    dislike_weights: tuple[float, ...] = ()
    #: papers in editions of other dates
    sent: frozenset[str] = frozenset()
    #: of those, papers whose journal version was told
    told: frozenset[str] = frozenset()
    #: stored papers that the reader's own records are about
    named: frozenset[str] = frozenset()
    #: rated papers by what brings them to an interest; see `ranking.interests`
    labelled: Mapping[str, frozenset[str]] = field(default_factory=dict)
    #: for later, the earliest first
    kept: tuple[Kept, ...] = ()
    #: entries up to this id and date were considered for an earlier edition; None: there was none
    cursor: int | None = None
    considered_to: date | None = None
