"""What the store answers with: records that only it makes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from digest.model.delivery import DeliveryKey, DeliveryState, Strike
from digest.model.edition import Basis, Pick, Reason
from digest.model.paper import Paper


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
class StoredImport:
    """What one library of a reader brought, and when."""

    subscriber_id: str
    origin: str
    imported_at: datetime
    #: whether its papers are likes; else they are only known, and not news
    counts: bool = True
    n_entries: int = 0
    n_duplicates: int = 0
    #: what could not be used: the reference, empty where an entry cannot be read, and a sentence
    faults: tuple[tuple[str, str], ...] = ()
    remarks: tuple[str, ...] = ()
    #: papers that were found by title, by the ids of the reader's own records
    by_title: Mapping[str, str] = field(default_factory=dict)
    #: what the reader said an entry is: its title, reference or sentence, and the right id; an
    #: empty one says that it was taken for another paper
    corrections: Mapping[str, str] = field(default_factory=dict)


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
class DeliveryResult:
    """What became of one message."""

    key: DeliveryKey
    message_id: str
    state: DeliveryState
    reply: str = ""
    next_at: datetime | None = None
    #: the server may have it all the same
    doubt: bool = False
    #: something may count against the address that an accepted mail wipes out
    struck: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteShare:
    """Which of the mails that wait a route may take, when there are several routes."""

    route: str
    #: all routes there are; what another has in doubt is its own
    routes: tuple[str, ...] = ()
    #: subscriber ids from here, and up to there
    first_id: str = ""
    last_id: str = "~"
    #: addresses and domains that go by this route alone, and those that go by others
    recipients: tuple[str, ...] = ()
    others: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DomainTraffic:
    """What went to a domain, and came back."""

    domain: str
    n_sent: int = 0
    #: refused for good, by the server or by a report that came later
    n_bounced: int = 0
    n_complaints: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Suppression:
    """An address that gets nothing."""

    email: str
    #: bounce, complaint, or what an operator's list says
    reason: str
    detail: str = ""
    since: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A paper on the day it was listed."""

    paper: Paper
    #: names of the sources that listed it that day
    sources: tuple[str, ...]
    #: as they announced it, the newest kind
    announce_type: str


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


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueCount:
    """Jobs of a queue by state."""

    name: str
    todo: int
    doing: int
    failed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerLife:
    """A worker that gave a sign of life."""

    name: str
    started: datetime
    seen: datetime
    alive: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterStatus:
    """All of it at one moment."""

    workers: tuple[WorkerLife, ...]
    queues: tuple[QueueCount, ...]
    #: readers whose editions are ordered and not made
    n_readers: int
    #: mails whose time has come
    n_mails: int
    #: mails settled a second, of late
    per_second: float
    #: until all that is known of is out; None: nothing moves, or nothing waits
    to_finish: timedelta | None
