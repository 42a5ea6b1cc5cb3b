"""Planning: decide each reader's edition of a date, and store its mail as ready to be sent.

Everything before this can be done again; everything after it reads only what was stored here, so
that a mail is sent again with the same bytes without ranking again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from digest import schedule
from digest.errors import DigestError
from digest.model import (
    Delivery,
    DeliveryState,
    EditionStatus,
    EmptyReason,
    NoEdition,
    PlannedEdition,
    Result,
    Subscriber,
    SubscriberReport,
    SubscriberState,
)
from digest.ports import Progress, silent
from digest.text import wording
from digest.usecases.due import next_look, went_back
from digest.usecases.parallel import Helpers, in_parallel

if TYPE_CHECKING:
    from digest.store import Store
    from digest.usecases.compose import Composer

log = logging.getLogger(__name__)

#: readers who are chosen for, scored and stored together
BLOCK = 100
#: when to look again after a day without a listing: the feed may only be late
LOOK_AGAIN_AFTER = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decisions:
    """What was decided for a block of readers."""

    #: to be stored
    planned: tuple[PlannedEdition, ...]
    #: one a reader, in their order
    reports: tuple[SubscriberReport, ...]


def plan(
    composer: Composer,
    store: Store,
    subscribers: Sequence[Subscriber],
    *,
    now: datetime,
    day: date | None = None,
    dry_run: bool = False,
    helpers: Helpers[Decisions] | None = None,
    should_stop: Callable[[], bool] = lambda: False,
    progress: Progress = silent,
) -> tuple[SubscriberReport, ...]:
    """Decide each reader's edition and store it; one that fails costs only itself.

    Args:
        day: the edition date for everybody; by default each reader's own today.
        helpers: processes that decide, too.
        should_stop: asked after each block; readers whose turn did not come are not reported.
    """

    def here(block: Sequence[Subscriber]) -> Decisions:
        return decide(composer, store, block, now=now, day=day)

    reports: dict[int, tuple[SubscriberReport, ...]] = {}
    for start, found in in_parallel(here, subscribers, BLOCK, helpers):
        if not dry_run:
            store.deliveries.save_plan(found.planned, now)
        for report in found.reports:
            progress(f"{report.email}: {wording(report.result)}")
        reports[start] = found.reports
        if should_stop():
            break
    return tuple(report for _, block in sorted(reports.items()) for report in block)


def decide(
    composer: Composer,
    store: Store,
    block: Sequence[Subscriber],
    *,
    now: datetime,
    day: date | None = None,
) -> Decisions:
    """What each reader of a block gets; nothing is stored."""
    days = {s.id: day or schedule.edition_date(s, now) for s in block}
    statuses = store.history.edition_statuses(days)
    reports: dict[str, SubscriberReport] = {}
    for subscriber in block:
        status = statuses[subscriber.id]
        if known := _decided_before(store, subscriber, status, now, day):
            result, detail = known
            reports[subscriber.id] = SubscriberReport(
                subscriber_id=subscriber.id,
                email=subscriber.email,
                edition_date=days[subscriber.id],
                result=result,
                detail=detail,
            )
    open_ = [s for s in block if s.id not in reports]
    drafts = composer.drafts([(s, days[s.id]) for s in open_]) if open_ else ()
    planned: list[PlannedEdition] = []
    for subscriber, draft in zip(open_, drafts, strict=True):
        made = _decided(subscriber, days[subscriber.id], draft, now)
        if day is None:
            again = made.again_at if made.edition is None else None
            status = EditionStatus(empty=again is not None, again_at=again)
            made = replace(made, due_at=next_look(subscriber, status, now))
        planned.append(made)
        reports[subscriber.id] = _report(made)
    return Decisions(planned=tuple(planned), reports=tuple(reports[s.id] for s in block))


def _decided_before(
    store: Store, subscriber: Subscriber, status: EditionStatus, now: datetime, day: date | None
) -> tuple[Result, str] | None:
    """Result and detail for a reader for whom there is nothing to decide; None if there is."""
    if day is None and went_back(status, subscriber, now):
        return (
            EmptyReason.NOT_A_SENDING_DAY,
            "An edition of a later date is out: the clock or the time zone went back.",
        )
    if subscriber.state is not SubscriberState.ACTIVE:
        return EmptyReason.NOT_ACTIVE, _why_inactive(store, subscriber)
    if status.delivery is not None:
        return status.delivery.state, describe_delivery(status.delivery)
    today = day or schedule.edition_date(subscriber, now)
    if not schedule.is_sending_day(subscriber, today):
        days = schedule.describe_weekdays(subscriber.preferences.weekdays)
        return (
            EmptyReason.NOT_A_SENDING_DAY,
            f"{today:%A} is no sending day; mail goes out {days}.",
        )
    return None


def _decided(
    subscriber: Subscriber, day: date, draft: PlannedEdition | Exception, now: datetime
) -> PlannedEdition:
    """What is stored of a draft."""
    later = now + LOOK_AGAIN_AFTER
    if isinstance(draft, Exception):
        # One reader's odd paper or profile must not cost the others their mail.
        if not isinstance(draft, DigestError):
            log.error("compose.crashed subscriber=%s", subscriber.id[:8], exc_info=draft)
        detail = str(draft) if isinstance(draft, DigestError) else f"internal error: {draft!r}"
        failure = NoEdition(
            subscriber=subscriber,
            edition_date=day,
            reason=EmptyReason.COMPOSE_FAILED,
            detail=detail,
        )
        # Nothing was considered, so the cursor stays; and a worker waits before it tries again.
        return PlannedEdition(empty=failure, again_at=later)
    # its words are in the message; a helper's memory and its pipe need not hold them twice
    draft = replace(draft, rendered=None)
    if draft.empty is None:
        return draft
    late = draft.empty.reason in (EmptyReason.NO_LISTING, EmptyReason.SOURCES_FAILED)
    return replace(draft, again_at=later if late and schedule.may_wait(subscriber, later) else None)


def _report(planned: PlannedEdition) -> SubscriberReport:
    who, empty, edition = planned.subscriber, planned.empty, planned.edition
    if empty is not None:
        return SubscriberReport(
            subscriber_id=who.id,
            email=who.email,
            edition_date=empty.edition_date,
            result=empty.reason,
            detail=empty.detail,
            n_new=empty.n_new,
        )
    assert edition is not None
    return SubscriberReport(
        subscriber_id=who.id,
        email=who.email,
        edition_date=edition.edition_date,
        result=DeliveryState.READY,
        detail=edition.subject,
        n_picks=len(edition.picks),
        n_new=edition.n_new,
    )


def _why_inactive(store: Store, subscriber: Subscriber) -> str:
    strikes = store.strikes.of(subscriber.id)
    if subscriber.state is SubscriberState.SUPPRESSED and strikes:
        return (
            f"The address is suppressed since {strikes[0].struck_at:%d %B}: {strikes[0].reply}. "
            f"`digest unsuppress {subscriber.email}` tries it again."
        )
    return f"The subscription is {subscriber.state}."


def describe_delivery(delivery: Delivery) -> str:
    """What became of a mail, as a sentence."""
    if delivery.state is DeliveryState.SENT and delivery.settled_at:
        return f"Already sent at {delivery.settled_at:%Y-%m-%d %H:%M} UTC."
    if delivery.state is DeliveryState.DEFERRED and delivery.next_at:
        return (
            f"Waiting for another attempt at {delivery.next_at:%Y-%m-%d %H:%M} UTC: "
            f"{delivery.reply}"
        )
    return delivery.reply or f"The edition is {delivery.state}."
