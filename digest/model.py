"""The values that travel through the program: frozen, comparable, hashable.

All times are aware and in UTC; all dates are calendar dates in the zone that the field names.
Nothing here parses, stores or computes beyond a property.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, time
from enum import StrEnum


@dataclass(frozen=True, slots=True, kw_only=True)
class Signals:
    """What readers elsewhere make of a paper. Never part of its identity."""

    upvotes: int | None = None
    comments: int | None = None
    github_url: str = ""
    github_stars: int | None = None
    project_url: str = ""
    discussion_url: str = ""
    thumbnail_url: str = ""
    organization: str = ""
    #: one sentence by somebody else's language model, as the source sends it
    summary: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Paper:
    """One work, whatever number of sources listed it."""

    #: canonical: "arxiv:2405.01234", "doi:10.1000/x", "pmid:1234", "feed:<hash>", "text:<hash>"
    id: str
    title: str = ""
    abstract: str = ""
    authors: tuple[str, ...] = ()
    url: str = ""
    pdf_url: str = ""
    doi: str = ""
    version: int | None = None
    categories: tuple[str, ...] = ()
    primary_category: str = ""
    #: when the first version came out
    published: datetime | None = None
    updated: datetime | None = None
    #: date of the listing that announced it, in the source's own zone
    announced: date | None = None
    #: arXiv's own word: new, cross, replace or replace-cross; "published" where a listing brings
    #: the journal version of a preprint that was known
    announce_type: str = "new"
    comment: str = ""
    journal_ref: str = ""
    source: str = ""
    signals: Signals = Signals()
    #: where the authors work, as the source writes it, each once
    affiliations: tuple[str, ...] = ()
    #: ISO 639-1, such as "en"; empty where the source does not say
    language: str = ""
    #: what else it is called: "pmid:1234", the DOI of another version, ids of merged records
    aliases: tuple[str, ...] = ()

    @property
    def arxiv_id(self) -> str:
        """The bare arXiv id, or an empty string."""
        names = (self.id, *self.aliases)
        return next((n[6:] for n in names if n.startswith("arxiv:")), "")

    @property
    def text(self) -> str:
        """Title and abstract, what a ranker reads."""
        return f"{self.title}\n{self.abstract}"

    @property
    def is_replacement(self) -> bool:
        return self.announce_type.startswith("replace")


@dataclass(frozen=True, slots=True, kw_only=True)
class Validators:
    """What a server gave us to ask "has it changed?" next time."""

    url: str
    etag: str = ""
    last_modified: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """What one source said in one fetch."""

    source: str
    papers: tuple[Paper, ...]
    fetched_at: datetime
    #: False: something is missing, `fault` says what; fetch again
    complete: bool = True
    fault: str = ""
    #: a list that shows its papers for many days, not only on one: each is listed once
    rolling: bool = False
    #: the server said that nothing changed since the last fetch
    unchanged: bool = False
    #: listing days (source's zone) that this fetch covers whole, empty days among them
    days: tuple[date, ...] = ()
    validators: tuple[Validators, ...] = ()


class SubscriberState(StrEnum):
    """Whether somebody gets mail."""

    PENDING = "pending"  # asked to join, has not confirmed
    ACTIVE = "active"
    PAUSED = "paused"
    UNSUBSCRIBED = "unsubscribed"
    SUPPRESSED = "suppressed"  # the address bounces, or complained


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscriber:
    """A person, when they want mail, and what they want in it."""

    id: str
    email: str
    name: str = ""
    #: IANA name
    timezone: str = "UTC"
    #: local wall time
    send_at: time = time(7, 30)
    #: local wall time after which a late listing is not waited for any more; None: the day's end
    wait_until: time | None = None
    #: Monday is 0
    weekdays: tuple[int, ...] = (0, 1, 2, 3, 4, 5, 6)
    #: most papers in an edition
    edition_size: int = 12
    #: most of those in the trending section
    trending_size: int = 3
    #: only papers of these; empty: any. "cs" means all of cs.*
    categories: tuple[str, ...] = ()
    keywords: tuple[str, ...] = ()
    followed_authors: tuple[str, ...] = ()
    #: words and phrases, or regular expressions as "/…/"
    muted_terms: tuple[str, ...] = ()
    #: only papers with one of these; empty: any
    required_terms: tuple[str, ...] = ()
    muted_authors: tuple[str, ...] = ()
    #: places whose papers always come, or never
    followed_affiliations: tuple[str, ...] = ()
    muted_affiliations: tuple[str, ...] = ()
    #: only papers in these, where a source says in which they are; ISO 639-1; empty: any
    languages: tuple[str, ...] = ()
    #: whether they are told, once, that a preprint they know is out in a journal
    journal_versions: bool = False
    #: of papers whose readers vote; 0: any
    min_upvotes: int = 0
    #: only papers announced so; empty: whatever the sources bring
    announce_types: tuple[str, ...] = ()
    #: least score for the section "for you", in [0, 1]; 0: no bar
    min_score: float = 0.0
    #: "nothing" or "note"
    on_empty: str = "nothing"
    #: how much unlikeness counts beside closeness, in [0, 1]
    variety: float = 0.3
    #: papers from outside the reader's usual, marked as such
    n_explore: int = 0
    #: places kept for categories: (category, papers)
    reserved: tuple[tuple[str, int], ...] = ()
    #: age at which a like counts half as much as a new one, in days; 0: never
    half_life_days: int = 365
    #: of their mail: "en", "de"
    language: str = "en"
    state: SubscriberState = SubscriberState.ACTIVE
    #: "config" (edited there) or "web"
    origin: str = "config"
    #: counts how often all of their links were called in; see `links.Ticket`
    link_generation: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Rating:
    """One opinion of one reader on one paper."""

    subscriber_id: str
    paper_id: str
    #: +1 liked, -1 disliked, -3 "fewer like this"
    value: int
    rated_at: datetime
    #: config, cli, mail, web, or "import:" and a name
    origin: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What a reader likes, as documents with weights; nothing fitted, so it never goes stale."""

    subscriber_id: str
    #: liked papers, and keywords as tiny documents with ids "keyword:…"
    liked: tuple[Paper, ...] = ()
    disliked: tuple[Paper, ...] = ()
    #: one a liked paper, any scale; empty: all equal
    weights: tuple[float, ...] = ()

    @property
    def liked_ids(self) -> frozenset[str]:
        return frozenset(p.id for p in self.liked)

    @property
    def rated_ids(self) -> frozenset[str]:
        return self.liked_ids | {p.id for p in self.disliked}

    @property
    def is_empty(self) -> bool:
        return not self.liked


class ReasonKind(StrEnum):
    SIMILAR_PAPER = "similar_paper"
    SHARED_TERM = "shared_term"
    KEYWORD = "keyword"
    FOLLOWED_AUTHOR = "followed_author"
    FOLLOWED_AFFILIATION = "followed_affiliation"
    JOURNAL_VERSION = "journal_version"
    TRENDING = "trending"
    NEWEST = "newest"
    RESERVED = "reserved"
    EXPLORATION = "exploration"
    FILLER = "filler"


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
    FOR_YOU = "for_you"
    TRENDING = "trending"
    PUBLISHED = "published"


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
    reasons: tuple[Reason, ...] = ()
    #: the sentence of the abstract that matters most to this reader, or nothing
    key_sentence: str = ""


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

    def section(self, section: Section) -> tuple[Pick, ...]:
        return tuple(p for p in self.picks if p.section is section)


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
class Message:
    """A complete mail."""

    message_id: str
    sender: str
    recipient: str
    #: RFC 5322, CRLF line ends
    body: bytes = field(repr=False)


class DeliveryState(StrEnum):
    READY = "ready"  # planned, nothing tried
    CLAIMED = "claimed"  # a worker has it, nothing is on the wire
    HANDING = "handing"  # the body is going out; a crash now leaves doubt
    SENT = "sent"  # the server took it
    DEFERRED = "deferred"  # try again at next_at
    FAILED = "failed"  # refused for good
    SUPPRESSED = "suppressed"  # the address must not be written to
    UNKNOWN = "unknown"  # died while handing, and the operator chose never twice

    @property
    def is_final(self) -> bool:
        return self in (self.SENT, self.FAILED, self.SUPPRESSED, self.UNKNOWN)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryKey:
    """One key, one mail, ever."""

    subscriber_id: str
    #: in the reader's zone, decided once and then carried along
    edition_date: date
    kind: EditionKind = EditionKind.EDITION


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A planned mail and what became of it."""

    key: DeliveryKey
    message: Message
    state: DeliveryState
    attempts: int = 0
    #: crashes during hand-over: each may have delivered one copy already
    doubts: int = 0
    #: something counted against the address when it was claimed
    struck: bool = False
    next_at: datetime | None = None
    planned_at: datetime | None = None
    settled_at: datetime | None = None
    reply: str = ""


class Outcome(StrEnum):
    """What a mail server made of one message."""

    ACCEPTED = "accepted"
    DEFERRED = "deferred"  # 4xx: later
    BOUNCED = "bounced"  # the address refused
    REJECTED = "rejected"  # this message refused: too large, not understood
    POLICY = "policy"  # refused for who we are or what we seem: blocklist, DMARC, spam
    IN_DOUBT = "in_doubt"  # the link broke after the final dot


class Strike(StrEnum):
    """What a refusal says of the address."""

    NONE = ""
    SOFT = "soft"  # mailbox full, an unexplained 550: some of these, and nothing is sent any more
    HARD = "hard"  # no such mailbox, or its owner complained: one is enough


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """The answer to one send."""

    outcome: Outcome
    code: int | None = None
    #: RFC 3463, e.g. "5.1.1"; empty when the server gave none
    enhanced_code: str = ""
    text: str = ""
    strike: Strike = Strike.NONE
    #: the server, not this message, is in trouble: it said 421, or closed the connection
    rest: bool = False

    @property
    def reply(self) -> str:
        return " ".join(p for p in (str(self.code or ""), self.enhanced_code, self.text) if p)


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceReport:
    """What came of one source in one run."""

    source: str
    n_fetched: int
    n_new: int
    complete: bool
    unchanged: bool = False
    fault: str = ""
    duration_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriberReport:
    """What came of one subscriber in one run, and why."""

    email: str
    edition_date: date
    #: "sent", "deferred", … (DeliveryState), "planned" (dry run) or an EmptyReason
    outcome: str
    detail: str = ""
    n_picks: int = 0
    n_new: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class DayReport:
    """Everything a person needs to know of one run."""

    started_at: datetime
    finished_at: datetime
    sources: tuple[SourceReport, ...] = ()
    subscribers: tuple[SubscriberReport, ...] = ()
    #: likes that could not be resolved, faults of the route, …: finished sentences
    warnings: tuple[str, ...] = ()
    #: why the way out was given up, if it was
    route_fault: str = ""

    @property
    def failed(self) -> bool:
        """Whether somebody should look: not an empty day, but a fault that cost something."""
        bad = {
            DeliveryState.FAILED,
            DeliveryState.DEFERRED,
            DeliveryState.UNKNOWN,
            DeliveryState.SUPPRESSED,
        }
        bad_reasons = {EmptyReason.SOURCES_FAILED, EmptyReason.COMPOSE_FAILED}
        outcomes = {s.outcome for s in self.subscribers}
        return (
            bool(self.route_fault)
            or any(not s.complete for s in self.sources)
            or bool(outcomes & {str(b) for b in bad | bad_reasons})
        )
