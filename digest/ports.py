"""The seams: what the use cases need from the outside, as structural types. No code.

Outcomes are values, faults are errors: a bounce happens every day and comes back as a `Receipt`;
a wrong password stops the route and is raised.
"""

from __future__ import annotations

from collections.abc import (
    Callable,
    Collection,
    Iterable,
    Iterator,
    Mapping,
    MutableMapping,
    Sequence,
)
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

from digest.model import (
    Basis,
    DayReport,
    Delivery,
    DeliveryKey,
    DeliveryState,
    Edition,
    Listing,
    Message,
    NoEdition,
    Paper,
    Pick,
    Rating,
    Reason,
    Receipt,
    Strike,
    Subscriber,
    SubscriberState,
    Validators,
)

if TYPE_CHECKING:  # arrays are named in two ports; nobody else has to load numpy for them
    import numpy as np
    from numpy.typing import NDArray

Clock = Callable[[], datetime]
#: a complete message in, the same with a signature before it out
Signer = Callable[[bytes], bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchRequest:
    """What a source should bring.

    `covered` are the listing days that earlier fetches brought whole: a gap in it was missed and
    should be caught up. `until` names a past day that is wanted although nobody missed it.
    """

    now: datetime
    covered: frozenset[date] = frozenset()
    until: date | None = None
    validators: Mapping[str, Validators] = field(default_factory=dict)
    #: papers that somebody liked lately and disliked lately; only for a source that `uses_likes`
    liked: tuple[Paper, ...] = ()
    disliked: tuple[Paper, ...] = ()


class Source(Protocol):
    """A place where new papers are listed."""

    @property
    def name(self) -> str: ...

    def fetch(self, request: FetchRequest) -> Listing:
        """Bring what is new. Half an answer comes back with `complete=False`.

        Raises:
            SourceError: nothing was learned. An empty complete listing is a quiet day.
        """
        ...


class Lookup(Protocol):
    """A service that knows papers by their names ("arxiv:…", "doi:…", "pmid:…")."""

    @property
    def name(self) -> str: ...

    @property
    def batch(self) -> int:
        """Most names in one request."""
        ...

    def knows(self, name: str) -> bool:
        """Whether it can be asked for names of this form."""
        ...

    def find(self, names: Sequence[str], now: datetime) -> Mapping[str, Paper]:
        """The papers found, by the names they were asked for; unknown ones are absent.

        Raises:
            SourceError: the service did not answer.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Likes:
    """Papers that somebody likes, from wherever they were kept."""

    papers: tuple[Paper, ...] = ()
    #: ids and addresses without a record, to be looked up
    refs: tuple[str, ...] = ()
    #: names of papers that were brought before and stay
    kept: tuple[str, ...] = ()
    #: what could not be used, each as a finished sentence
    faults: tuple[str, ...] = ()
    #: entries that an earlier one stands for
    n_duplicates: int = 0


class Shelf(Protocol):
    """Where somebody keeps papers they like: a file, a reference manager, their own works."""

    @property
    def name(self) -> str:
        """How imports are listed, and taken away again."""
        ...

    def read(self, memory: str) -> tuple[Likes | None, str]:
        """What stands there, or None if nothing has changed; and what to remember of it.

        Args:
            memory: of the last time; empty: read all of it.

        Raises:
            LibraryError: it cannot be read.
        """
        ...


class Transport(Protocol):
    """A way out for one message at a time; a context manager that keeps its connection."""

    def __enter__(self) -> Transport: ...

    def __exit__(self, *exc: object) -> None: ...

    def connect(self) -> None:
        """Open the way out, so that its faults show before anything is sent.

        Raises:
            RouteError: it is shut.
        """
        ...

    def send(self, message: Message, *, before_data: Callable[[], None]) -> Receipt:
        """Hand over one message; `before_data` is called once, right before its body goes out.

        Raises:
            RouteError: the fault would meet every message; stop using this route.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Mention:
    """A paper stood in a listing. `id` only ever grows: it is the clock of what is new to whom."""

    id: int
    paper_id: str
    source: str
    listed_on: date
    announce_type: str
    first_seen: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ReaderState:
    """What the store knows of one reader when their edition is chosen."""

    liked: tuple[Paper, ...] = ()
    #: when each was liked
    liked_at: tuple[datetime, ...] = ()
    disliked: tuple[Paper, ...] = ()
    #: papers in editions of other dates
    sent: frozenset[str] = frozenset()
    #: of those, papers whose journal version was told
    told: frozenset[str] = frozenset()
    #: stored papers that the reader's own records are about
    named: frozenset[str] = frozenset()
    #: mentions up to this id and date were considered for an earlier edition; None: there was none
    cursor: int | None = None
    considered_to: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryEntry:
    """One date of one reader: a mail and its state, or nothing and the reason."""

    edition_date: date
    #: a DeliveryState or an EmptyReason
    outcome: str
    #: "edition", "note" or nothing
    kind: str = ""
    subject: str = ""
    detail: str = ""
    n_picks: int = 0
    attempts: int = 0
    doubts: int = 0
    at: datetime | None = None
    next_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PickEntry:
    """A paper in an edition, and why."""

    subscriber_id: str
    edition_date: date
    rank: int
    section: str
    score: float
    #: share of the day's candidates that scored lower
    percentile: float
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StrikeEntry:
    """A refusal that counts against an address."""

    edition_date: date
    #: smtp, bounce or complaint
    origin: str
    severity: Strike
    reply: str
    struck_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How it stands with one reader's edition of one date."""

    #: the latest date that an edition was planned for
    latest: date | None = None
    #: the mail of the date in question
    delivery: Delivery | None = None
    #: there was nothing to send on it
    empty: bool = False
    #: and when to look again, if ever
    again_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """What was decided for one reader and date: a letter to send, or nothing, or a note and why."""

    letter: Edition | None = None
    message: Message | None = None
    empty: NoEdition | None = None
    #: the last mention that was looked at
    cursor: int = 0
    #: when to look again after nothing
    again_at: datetime | None = None
    #: when to look at the reader again
    due_at: datetime | None = None

    @property
    def reader(self) -> Subscriber:
        about = self.letter or self.empty
        assert about is not None
        return about.subscriber


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """What became of one message."""

    key: DeliveryKey
    message_id: str
    state: DeliveryState
    reply: str = ""
    next_at: datetime | None = None
    #: the server may have it all the same
    doubt: bool = False
    #: counts against the address
    strike: Strike = Strike.NONE
    suppress_after: int = 1
    #: something may count against the address that an accepted mail wipes out
    struck: bool = True


class PaperStore(Protocol):
    """Papers and where they were listed."""

    def fetch_request(self, source: str, now: datetime, until: date | None) -> FetchRequest: ...

    def add_listing(self, listing: Listing) -> int:
        """Store papers, mentions, covered days and validators in one transaction; idempotent.

        Returns the number of papers not known before.
        """
        ...

    def add_papers(self, papers: Iterable[Paper], now: datetime) -> Mapping[str, str]:
        """Store papers that no listing mentioned, as a service describes them; returns each one's
        id in the store. Records of readers' own files go with their ratings."""
        ...

    def known_as(self, wanted: Collection[str]) -> Mapping[str, str]:
        """The stored paper of each name (an id, "doi:…", "pmid:…") that there is one for."""
        ...

    def papers(self, ids: Collection[str]) -> dict[str, Paper]: ...

    def mentions(self, since: datetime, until: date) -> tuple[Mention, ...]: ...

    def lately_rated(self, limit: int) -> tuple[tuple[Paper, ...], tuple[Paper, ...]]:
        """What anybody liked and disliked last, the latest first; so many of each at most."""
        ...

    def background(self, limit: int) -> tuple[Paper, ...]:
        """The most recently seen papers, for word statistics."""
        ...

    def homes(self, papers: Sequence[Paper]) -> Mapping[str, str]:
        """For each record, by its id, the stored paper that it is about; its own id if none is."""
        ...


class Memory(Protocol):
    """Facts that outlive a run, such as the version of a library."""

    def remembered(self, key: str) -> str: ...

    def remember(self, key: str, value: str) -> None: ...

    def forget(self, key: str) -> None: ...


class SubscriberStore(Protocol):
    """People, their ratings, and what they were sent."""

    def sync_config_subscribers(
        self, wanted: Sequence[Subscriber], now: datetime
    ) -> tuple[Subscriber, ...]:
        """Make the stored config subscribers equal to `wanted`; ids of known addresses stay."""
        ...

    def subscribers(self) -> tuple[Subscriber, ...]: ...

    def find_subscribers(
        self, text: str = "", *, offset: int = 0, limit: int = 100
    ) -> tuple[tuple[Subscriber, ...], int]:
        """Those whose address holds a text, oldest first: one page of them, and how many there
        are."""
        ...

    def subscriber(self, *, by_id: str = "", by_email: str = "") -> Subscriber | None:
        """One of them, by one of the two; addresses are compared without regard to case."""
        ...

    def revoke_links(self, subscriber_id: str) -> None:
        """Make all links void that were signed for somebody, but for those to unsubscribe."""
        ...

    def set_state(self, subscriber_id: str, state: SubscriberState) -> None: ...

    def ratings(self, subscriber_id: str) -> tuple[Rating, ...]:
        """One a paper: the latest of any origin."""
        ...

    def add_ratings(self, ratings: Iterable[Rating]) -> None: ...

    def remove_rating(self, subscriber_id: str, paper_id: str, *, keep: str, only: str = "") -> int:
        """Forget a reader's ratings of a paper.

        Args:
            keep: of this origin and its parts ("keep:…") they stay.
            only: of this origin alone they go.
        """
        ...

    def ratings_by_origin(self, subscriber_id: str) -> dict[str, frozenset[str]]:
        """Papers rated, by where the rating came from."""
        ...

    def rated_papers(self, subscriber_id: str, origin: str = "") -> dict[str, Paper]:
        """The papers that a reader rated, by the id they are rated under, as this reader's profile
        knows them: gaps of the stored record are filled from the reader's own.

        Args:
            origin: only what this origin brought.
        """
        ...

    def sync_ratings(
        self,
        subscriber_id: str,
        origin: str,
        paper_ids: Collection[str],
        now: datetime,
        records: Mapping[str, Paper] | None = None,
    ) -> None:
        """Make the likes of one origin equal to `paper_ids`; known ones keep their date.

        Args:
            records: what the reader's own file says of some of them; see `rated_papers`.
        """
        ...

    def reader_state(self, subscriber_id: str, edition_date: date) -> ReaderState: ...

    def reader_states(
        self,
        subscriber_ids: Sequence[str],
        edition_date: date,
        *,
        known: MutableMapping[str, Paper] | None = None,
        listed_since: datetime | None = None,
    ) -> Mapping[str, ReaderState]:
        """The same for many.

        Args:
            known: papers that were read before; those read now are added.
            listed_since: of what they were sent, only what was listed since then is of interest.
        """
        ...

    def due(self, now: datetime, limit: int) -> tuple[Subscriber, ...]:
        """Active ones that may be due, those that waited longest first; see `put_off`."""
        ...

    def put_off(
        self,
        until: Mapping[str, datetime],
        now: datetime,
        also: Callable[[object], None] = lambda connection: None,
    ) -> None:
        """Nobody need look at these readers before then, unless the clock goes back or their
        settings change.

        Args:
            also: see `Outbox.settle_day`.
        """
        ...

    def unresolved(self, refs: Collection[str], since: datetime) -> dict[str, str]:
        """References that could not be resolved at or after `since`, with the reason."""
        ...

    def remember_unresolved(self, reasons: Mapping[str, str], now: datetime) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A paper on the day it was listed."""

    paper: Paper
    #: names of the sources that listed it that day
    sources: tuple[str, ...]
    #: as they announced it, the newest kind
    announce_type: str


class Archive(Protocol):
    """What was listed, for pages that anybody may read."""

    def state(self) -> str:
        """Another text whenever a page may have changed."""
        ...

    def listed_on(self, day: date) -> tuple[Listed, ...]:
        """The papers of one listing day, in the order of arrival."""
        ...

    def days(self, until: date, limit: int) -> tuple[tuple[date, int], ...]:
        """The latest days with papers, newest first, and how many each had."""
        ...

    def previous_day(self, day: date) -> date | None:
        """The last day with papers before this one."""
        ...

    def next_day(self, day: date) -> date | None:
        """The first day with papers after this one."""
        ...

    def edition_of(self, subscriber_id: str, day: date) -> StoredEdition | None: ...

    def editions_of(self, subscriber_id: str, limit: int) -> tuple[StoredEdition, ...]: ...

    def after(self, position: int, limit: int) -> tuple[tuple[int, Paper], ...]:
        """Papers that were listed, in the order in which they first were, each with its position,
        behind one."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredEdition:
    """An edition as it was planned; papers that were purged since are missing."""

    edition_date: date
    subject: str
    basis: Basis
    n_new: int
    composed_at: datetime
    picks: tuple[Pick, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Signup:
    """Somebody asked for mail, and has not confirmed yet."""

    id: str
    email: str
    #: a keyed hash of where the request came from
    client: str
    #: settings as the form had them, and what was liked; see `membership`
    wanted: Mapping[str, Any]
    state: str = "asked"
    asked_at: datetime
    attempts: int = 0


class SignupStore(Protocol):
    """Requests to join, until they are confirmed."""

    def add_signup(self, signup: Signup) -> None: ...

    def signup(self, signup_id: str) -> Signup | None: ...

    def signups_since(self, since: datetime, *, email: str = "", client: str = "") -> int:
        """How many came from a client; or of an address, those that a letter was written for."""
        ...

    def signup_bytes(self) -> int:
        """How much the requests hold that wait to be confirmed, or for their likes to be read."""
        ...

    def take_signup(self, now: datetime, again_at: datetime) -> Signup | None:
        """One whose mail is due; nobody else gets it before `again_at`."""
        ...

    def mark_signup(self, signup_id: str, state: str, next_at: datetime | None) -> None: ...

    def signups_in(self, state: str) -> tuple[Signup, ...]: ...

    def add_subscriber(self, subscriber: Subscriber, now: datetime) -> Subscriber:
        """A new subscriber with an id of their own, or the known one of that address, changed."""
        ...

    def save_subscriber(self, subscriber: Subscriber) -> None: ...

    def forget_subscriber(self, subscriber_id: str) -> None:
        """Delete everything that is stored about somebody."""
        ...

    def everything_about(self, subscriber_id: str) -> Mapping[str, Any]:
        """The same, as JSON values."""
        ...


class Outbox(Protocol):
    """The journal of deliveries. Every write after `settle_day` is conditional on worker
    and state."""

    def settle_day(
        self,
        block: Sequence[Settled],
        now: datetime,
        also: Callable[[object], None] = lambda connection: None,
    ) -> frozenset[DeliveryKey]:
        """Store what was decided for some readers, in one transaction; what is known stays.

        Args:
            also: called at the end with the driver's connection if there are new mails, to do
                something in the same transaction, such as to order the sending.

        Returns the keys of mails that were not known before.
        """
        ...

    def delivery(self, key: DeliveryKey) -> Delivery | None: ...

    def standings(self, days: Mapping[str, date]) -> Mapping[str, Standing]:
        """How it stands with each reader's edition of their date."""
        ...

    def history(self, subscriber_id: str, limit: int) -> tuple[HistoryEntry, ...]:
        """What came of the latest dates, newest first."""
        ...

    def claim(
        self, worker: str, now: datetime, lease: timedelta, limit: int
    ) -> tuple[Delivery, ...]: ...

    def journal(
        self,
        worker: str,
        now: datetime,
        *,
        handing: Sequence[str] = (),
        settled: Sequence[Settlement] = (),
    ) -> frozenset[str]:
        """Write down, in one transaction, whose bodies go out next and what became of others.

        A hard strike, or `suppress_after` editions with soft ones and none accepted in between,
        suppress the address.

        Args:
            handing: message ids.

        Returns the message ids whose lease still held.
        """
        ...

    def release(self, worker: str) -> None:
        """What a worker claimed and did not touch is ready again."""
        ...

    def renew(self, worker: str, lease_until: datetime) -> None:
        """What a worker has in hand stays its own for longer."""
        ...

    def sweep(
        self, now: datetime, *, everything: bool = False, hold: bool = False, of: str = ""
    ) -> int:
        """Free what is leased by the dead: leases that ended, or all of them.

        Args:
            hold: what was being handed over, and is in doubt, is held as unknown; else it is ready
                again.
            of: workers whose names begin so are known to be dead.

        Returns the number of doubts.
        """
        ...

    def strikes(self, subscriber_id: str) -> tuple[StrikeEntry, ...]:
        """What counts against an address, the latest first."""
        ...

    def strike(
        self,
        key: DeliveryKey,
        origin: str,
        strike: Strike,
        reply: str,
        now: datetime,
        suppress_after: int,
    ) -> bool:
        """A refusal that came later, by mail; returns whether the address is now suppressed."""
        ...

    def by_message_id(self, message_id: str) -> Delivery | None: ...

    def deliveries(
        self, states: Sequence[DeliveryState] = (), subscriber_id: str = "", limit: int = 50
    ) -> tuple[Delivery, ...]:
        """The latest first."""
        ...

    def has_due_deliveries(self, now: datetime) -> bool: ...

    def purge(self, before: datetime, bodies_before: datetime | None = None) -> int:
        """Forget papers that no rating, edition or listing names, and bodies of settled mails."""
        ...


class Inbox(Protocol):
    """Where replies and bounces arrive."""

    def unread(self) -> Iterator[tuple[str, bytes]]:
        """Key and bytes of each mail that nobody has read."""
        ...

    def done(self, key: str) -> None:
        """It was for us: mark it as read."""
        ...

    def close(self) -> None: ...


class Encoder(Protocol):
    """A language model that turns texts into vectors."""

    @property
    def model(self) -> str: ...

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """(n_texts, n_dimensions) float32, rows of unit length."""
        ...


class EmbeddingStore(Protocol):
    """Vectors that were made already, by model and the key of their text."""

    def embeddings(self, model: str, keys: Collection[str]) -> dict[str, NDArray[np.float32]]: ...

    def add_embeddings(
        self, model: str, vectors: Mapping[str, NDArray[np.float32]], now: datetime
    ) -> None: ...


class RunLog(Protocol):
    """What happened, for `digest status`."""

    def record_run(self, report: DayReport) -> None: ...

    def runs(self, limit: int) -> tuple[DayReport, ...]: ...

    def exclusive(self) -> AbstractContextManager[bool]:
        """Yields whether this process alone may work on a day now."""
        ...


class Store(PaperStore, SubscriberStore, Outbox, RunLog, Protocol):
    """The narrow views together; a use case names the narrowest it needs."""
