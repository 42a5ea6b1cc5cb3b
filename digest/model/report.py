"""What one run did, for whoever started it; and what is kept of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from digest.model.delivery import DeliveryState
from digest.model.edition import EmptyReason


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceReport:
    """What came of one source in one run."""

    source: str
    n_fetched: int
    n_new: int
    complete: bool
    unchanged: bool = False
    fault: str = ""
    #: worth telling, and nothing that another fetch would mend
    remark: str = ""
    duration_s: float = 0.0


#: what came of a date for a reader
Result = DeliveryState | EmptyReason

#: results that somebody should look at: not an empty day, but a fault that cost something
TROUBLE = frozenset(
    {
        DeliveryState.FAILED,
        DeliveryState.DEFERRED,
        DeliveryState.UNKNOWN,
        DeliveryState.SUPPRESSED,
        EmptyReason.SOURCES_FAILED,
        EmptyReason.COMPOSE_FAILED,
    }
)
#: readers in trouble that a stored report names
MOST_NAMED = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriberReport:
    """What came of one subscriber in one run, and why."""

    subscriber_id: str
    email: str
    edition_date: date
    result: Result
    detail: str = ""
    n_picks: int = 0
    n_new: int = 0


@dataclass(frozen=True, slots=True)
class RunWarning:
    """Something that went wrong and cost little, as a sentence that names nobody."""

    text: str
    #: whom it is about, if it is about somebody
    subscriber_id: str = ""

    def about(self, emails: Mapping[str, str]) -> str:
        """The sentence for who may know addresses.

        Args:
            emails: by subscriber id.
        """
        email = emails.get(self.subscriber_id, "")
        return f"{email}: {self.text}" if email else self.text


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """What is kept of a run: counts, and readers by their ids alone."""

    started_at: datetime
    finished_at: datetime
    sources: tuple[SourceReport, ...] = ()
    warnings: tuple[RunWarning, ...] = ()
    #: why the way out was given up, if it was
    route_fault: str = ""
    #: readers by what came of them
    results: Mapping[str, int] = field(default_factory=dict)
    #: ids of readers in trouble, by what came of them; the first of them
    troubled: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def failed(self) -> bool:
        """Whether somebody should look."""
        return (
            bool(self.route_fault)
            or any(not s.complete for s in self.sources)
            or not TROUBLE.isdisjoint(self.results)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class DayReport:
    """Everything a person needs to know of one run."""

    started_at: datetime
    finished_at: datetime
    sources: tuple[SourceReport, ...] = ()
    subscribers: tuple[SubscriberReport, ...] = ()
    #: likes that could not be resolved, filters that are not used, …
    warnings: tuple[RunWarning, ...] = ()
    #: why the way out was given up, if it was
    route_fault: str = ""

    def record(self) -> RunRecord:
        """What is kept of it."""
        troubled: dict[str, tuple[str, ...]] = {}
        for one in self.subscribers:
            if one.result in TROUBLE:
                named = troubled.get(one.result, ())
                troubled[one.result] = (*named, one.subscriber_id)[:MOST_NAMED]
        return RunRecord(
            started_at=self.started_at,
            finished_at=self.finished_at,
            sources=self.sources,
            warnings=self.warnings,
            route_fault=self.route_fault,
            results=dict(Counter(str(s.result) for s in self.subscribers)),
            troubled=troubled,
        )

    @property
    def failed(self) -> bool:
        """Whether somebody should look."""
        return self.record().failed
