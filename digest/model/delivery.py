"""Mails, and what became of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

from digest.model.edition import Edition, EditionKind, NoEdition
from digest.model.reader import Subscriber


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


class Cause(StrEnum):
    """What a refusal is about."""

    NONE = ""
    QUOTA = "quota"  # our limit of the day is reached
    SLOW = "slow"  # we are too fast
    SENDER = "sender"  # us: reputation, authentication, HELO, address
    MESSAGE = "message"  # this mail alone: too large, a virus
    UNAVAILABLE = "unavailable"  # the mailbox is full or paused, or nobody knows
    DEAD = "dead"  # there is no such address
    LATER = "later"  # the server, now


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
    cause: Cause = Cause.NONE
    #: whose known words they are
    provider: str = ""

    @property
    def reply(self) -> str:
        return " ".join(p for p in (str(self.code or ""), self.enhanced_code, self.text) if p)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """The two bodies of a mail."""

    html: str
    text: str
    #: JPEGs that the HTML shows, by the name that it calls them
    images: Mapping[str, bytes] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedEdition:
    """The decision for a reader and date: an edition or a note to send, or nothing and why."""

    #: what goes out; beside `empty` it is a note
    edition: Edition | None = None
    #: why there are no papers
    empty: NoEdition | None = None
    message: Message | None = None
    rendered: Rendered | None = field(default=None, repr=False)
    #: the last listing entry that was looked at
    cursor: int = 0
    #: when to look again after nothing
    again_at: datetime | None = None
    #: when to look at the reader again
    due_at: datetime | None = None

    @property
    def subscriber(self) -> Subscriber:
        about = self.edition or self.empty
        assert about is not None
        return about.subscriber


@dataclass(frozen=True, slots=True, kw_only=True)
class EditionStatus:
    """What stands in the store about one reader's edition of one date."""

    #: the latest date that an edition was planned for
    latest: date | None = None
    #: the mail of the date in question
    delivery: Delivery | None = None
    #: there was nothing to send on it
    empty: bool = False
    #: and when to look again, if ever
    again_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """When an edition of a reader, or its absence, was decided, and what was looked at."""

    edition_date: date
    decided_at: datetime
    #: the last listing entry that was looked at
    cursor: int
