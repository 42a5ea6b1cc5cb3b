"""Editions: which papers were picked for one reader, and why; or why there are none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from digest.model.paper import Paper
from digest.model.reader import Subscriber


class ReasonKind(StrEnum):
    SIMILAR_PAPER = "similar_paper"
    SHARED_TERM = "shared_term"
    #: a keyword stands in the paper
    KEYWORD = "keyword"
    #: it does not, but the paper is close to it
    NEAR_KEYWORD = "near_keyword"
    FOLLOWED_AUTHOR = "followed_author"
    FOLLOWED_AFFILIATION = "followed_affiliation"
    JOURNAL_VERSION = "journal_version"
    TRENDING = "trending"
    NEWEST = "newest"
    RESERVED = "reserved"
    EXPLORATION = "exploration"
    FILLER = "filler"
    #: the reader kept it for later
    KEPT = "kept"
    #: others of a group liked it
    GROUP = "group"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why a paper was picked."""

    kind: ReasonKind
    #: titles, terms or names, best first
    evidence: tuple[str, ...]
    #: part of the score; 0 where the pick does not rest on the score
    contribution: float = 0.0


class Section(StrEnum):
    """Parts of an edition, in reading order."""

    FOLLOWED = "followed"
    INTEREST = "interest"
    FOR_YOU = "for_you"
    GROUP = "group"
    TRENDING = "trending"
    PUBLISHED = "published"
    LATER = "later"


class Closeness(StrEnum):
    """How close a paper is to what its reader liked, beside how close their likes are to each
    other; see `ranking.calibration`."""

    STRETCH = "stretch"
    CLOSE = "close"
    STRONG = "strong"


class Team(StrEnum):
    """Whose choice a pick is where two rankers are compared; see `ranking.interleaving`."""

    NONE = ""
    FIRST = "first"
    RIVAL = "rival"


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What a language model wrote of a paper."""

    sentence: str
    #: the paper's title in the reader's language, if that is another one
    title: str
    model: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Pick:
    """A paper chosen for one reader."""

    paper: Paper
    #: cosine with the reader's direction, clipped to [0, 1]
    score: float
    #: share of the day's candidates that score lower, in [0, 1]
    percentile: float
    #: 1 is best within the edition
    rank: int
    section: Section
    #: which, in the section of an interest or a group
    interest: str = ""
    team: Team = Team.NONE
    #: None: it is not close, or there is nothing that it could be close to
    closeness: Closeness | None = None
    reasons: tuple[Reason, ...] = ()
    #: the sentence of the abstract that matters most to this reader, or nothing
    key_sentence: str = ""
    #: by the installation's own model, if it has one
    summary: Summary | None = None
    #: a JPEG of its first page, if mails carry such
    thumbnail: bytes = field(default=b"", repr=False)


def by_section(picks: Sequence[Pick]) -> list[tuple[Section, str, tuple[Pick, ...]]]:
    """Picks by the section that they stand in, and of interests by their name; in reading order."""
    found: dict[tuple[Section, str], list[Pick]] = {}
    for pick in picks:
        found.setdefault((pick.section, pick.interest), []).append(pick)
    order = list(Section)
    keys = sorted(found, key=lambda k: order.index(k[0]))
    return [(section, name, tuple(found[section, name])) for section, name in keys]


class Basis(StrEnum):
    """What an edition was chosen by."""

    LIKES = "likes"
    KEYWORDS = "keywords"
    TRENDING = "trending"
    NEWEST = "newest"


class EditionKind(StrEnum):
    EDITION = "edition"
    NOTE = "note"


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceCount:
    """What the masthead and footer say of a source."""

    name: str
    n_papers: int
    complete: bool
    fault: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Edition:
    """One reader's digest of one date, before it is a mail."""

    subscriber: Subscriber
    edition_date: date
    kind: EditionKind
    subject: str
    picks: tuple[Pick, ...]
    #: papers that were new to this reader before any filter
    n_new: int
    #: papers left after the filters
    n_considered: int
    basis: Basis
    sources: tuple[SourceCount, ...]
    #: only in a note: why there are no papers
    note: str = ""


class FilterKind(StrEnum):
    """What of a reader's wishes took a paper away."""

    MUTED_TERMS = "muted_terms"
    MUTED_AUTHORS = "muted_authors"
    MUTED_AFFILIATIONS = "muted_affiliations"
    LANGUAGES = "languages"
    REQUIRED_TERMS = "required_terms"
    ANNOUNCE_TYPES = "announce_types"
    UPVOTES = "upvotes"
    CATEGORIES = "categories"


class EmptyReason(StrEnum):
    """Why somebody got nothing; each is an answer, none is an error."""

    NOT_A_SENDING_DAY = "not_a_sending_day"
    NO_LISTING = "no_listing"
    ALL_FILTERED = "all_filtered"
    BELOW_BAR = "below_bar"
    SOURCES_FAILED = "sources_failed"
    NOT_ACTIVE = "not_active"
    COMPOSE_FAILED = "compose_failed"


@dataclass(frozen=True, slots=True)
class Shortfall:
    """The paper that came nearest on a day without a close one."""

    title: str
    score: float
    #: what it had to reach
    bar: float


@dataclass(frozen=True, slots=True, kw_only=True)
class NoEdition:
    """The absence of an edition, with its reason."""

    subscriber: Subscriber
    edition_date: date
    reason: EmptyReason
    #: a finished sentence, in English
    detail: str
    n_new: int = 0
    #: the same for the reader, in their language; empty: `detail`
    told: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RankingSnapshot:
    """A day's ranking as one process fitted it, for the others."""

    #: entries after this one are left to the next edition
    last_entry: int
    #: see `ranking.Ranker.to_bytes`; nothing if there were no papers
    ranking: bytes
