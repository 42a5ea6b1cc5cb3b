"""The seams: what the use cases need from the outside, as structural types. No code.

Outcomes are values, faults are errors: a bounce happens every day and comes back as a `Receipt`;
a wrong password stops the route and is raised.
"""

from __future__ import annotations

from collections.abc import (
    Callable,
    Iterator,
    Mapping,
    Sequence,
)
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from digest.model import (
    Edition,
    Listing,
    Message,
    Paper,
    Receipt,
    Rendered,
    Summary,
    Validators,
)

if TYPE_CHECKING:  # arrays are named in two ports; nobody else has to load numpy for them
    import numpy as np
    from numpy.typing import NDArray

Clock = Callable[[], datetime]
#: gets a line for a person who waits
Progress = Callable[[str], None]
#: a complete message in, the same with a signature before it out
Signer = Callable[[bytes], bytes]


def silent(_: str) -> None:
    """A `Progress` that tells nobody."""


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
    #: ids of the papers that the source listed on the last of the covered days
    latest: frozenset[str] = frozenset()
    #: papers that somebody liked lately and disliked lately; only for a source that `uses_likes`
    liked: tuple[Paper, ...] = ()
    disliked: tuple[Paper, ...] = ()


class Source(Protocol):
    """A place where new papers are listed."""

    @property
    def name(self) -> str: ...

    @property
    def uses_likes(self) -> bool:
        """Whether it is told what readers liked lately; see `FetchRequest.liked`."""
        ...

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


@runtime_checkable
class TitleLookup(Protocol):
    """A service that can be asked for a paper without knowing any id of it."""

    @property
    def name(self) -> str: ...

    def by_title(self, paper: Paper, now: datetime) -> Sequence[Paper]:
        """Papers that may be this one, the likeliest first.

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
    #: what is worth knowing of what is used, each as a finished sentence
    remarks: tuple[str, ...] = ()
    #: entries that an earlier one stands for
    n_duplicates: int = 0
    #: entries in all: papers, references, faults and duplicates
    n_entries: int = 0
    #: when the reader took papers in, by their ids, where that is known
    added: Mapping[str, datetime] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class SaveReport:
    """What became of papers that were to be saved."""

    #: what each is called there, by the paper's id; those that were there before among them
    saved: Mapping[str, str]
    #: why some were refused
    faults: Mapping[str, str]


class LikesSink(Protocol):
    """Where somebody's likes go: a collection of a reference manager."""

    @property
    def name(self) -> str: ...

    def save(self, papers: Sequence[Paper]) -> SaveReport:
        """Save papers; the same one twice does no harm.

        Raises:
            LibraryError: nothing can be saved there now.
        """
        ...


class Library(Protocol):
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
            RouteError: the fault would meet every message, and this one was not taken; stop using
                this route.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One server that mails leave by, and how much of it may be used.

    Raises:
        ConfigError: by `transport`: its login or password is missing.
    """

    #: under which its pace, its pauses and its limits are kept; no secret in it
    name: str
    transport: Callable[[], Transport]
    #: at once; of all workers together
    connections: int = 1
    #: mails a second; 0: as fast as it goes
    per_second: float = 0.0
    #: the lowest goes first, the others when it cannot (as in RFC 2782)
    priority: int = 0
    #: share of the mails among routes of one priority
    weight: int = 1
    #: addresses and domains that leave by this one alone; nothing: those that no other names
    recipients: tuple[str, ...] = ()
    #: most mails a day; 0: no limit
    per_day: int = 0
    #: most mails on the first day, and half as many more each day; 0: no limit
    warm_up: int = 0


class Channel(Protocol):
    """A way to readers: what a rendered edition is sent as, and how that leaves."""

    @property
    def routes(self) -> tuple[Route, ...]:
        """Where it can leave; none if nothing is configured, which only previews bear."""
        ...

    def message(self, edition: Edition, rendered: Rendered, now: datetime) -> Message:
        """An edition as it is sent; the same edition makes the same message id."""
        ...


class Inbox(Protocol):
    """Where replies and bounces arrive."""

    @property
    def position(self) -> str:
        """How far it was looked through, for who opens it the next time."""
        ...

    def unread(self, needs_body: Callable[[bytes], bool]) -> Iterator[tuple[str, bytes]]:
        """Key and bytes of each mail that nobody has read, the oldest first.

        Args:
            needs_body: told the headers of each; of the others they are all that comes.
        """
        ...

    def done(self, key: str) -> None:
        """It was for us: mark it as read."""
        ...

    def close(self) -> None: ...


class SummaryWriter(Protocol):
    """A language model that summarises papers."""

    @property
    def model(self) -> str: ...

    def write(self, title: str, abstract: str, language: str) -> Summary:
        """One sentence about a paper, and its title, in a language.

        Raises:
            SummaryError: it did not answer, or with nothing that can be used.
        """
        ...


class Encoder(Protocol):
    """A language model that turns texts into vectors."""

    @property
    def model(self) -> str: ...

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """(n_texts, n_dimensions) float32, rows of unit length."""
        ...
