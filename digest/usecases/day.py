"""The day: fetch, compose, plan, send, report.

listings are fetched and stored       (fetch.fetch)
each reader's papers are chosen       (compose.Composer: filter, score, select, render)
the edition and its mail are planned  (plan.plan: one transaction a block)
what is due goes out                  (send.send_due; reads only the plan)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from digest.edition import Renderer
from digest.model import (
    DayReport,
    DeliveryKey,
    DeliveryState,
    EditionKind,
    Group,
    RankingSnapshot,
    RunWarning,
    SourceReport,
    Subscriber,
    SubscriberReport,
)
from digest.ports import Channel, Clock, Lookup, Progress, Source, silent
from digest.ranking.profile import RankingOptions
from digest.ranking.reader import DayRanking
from digest.text import counted, wording
from digest.usecases.claims import SendOptions
from digest.usecases.compose import Addition, Composer, day_ranking
from digest.usecases.dispatch import send_due
from digest.usecases.fetch import fetch
from digest.usecases.journal import SendReport
from digest.usecases.parallel import Helpers
from digest.usecases.plan import Decisions, describe_delivery, plan
from digest.usecases.retry import RetryPolicy

if TYPE_CHECKING:
    from digest.ranking import Embed
    from digest.store import Store

#: how long the bytes of a mail are kept after they were of use
BODIES_KEPT = timedelta(days=14)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunContext:
    """What a day is run with; made by `app`."""

    store: Store
    sources: Sequence[Source]
    renderer: Renderer
    clock: Clock
    channel: Channel
    worker: str
    retention: timedelta
    ranking: RankingOptions = field(default_factory=RankingOptions)
    #: made anew for each moment, given whether anybody may be asked for what is not stored
    additions: Callable[[bool], Sequence[Addition]] = lambda asks: ()
    #: whose members see what the others like
    groups: Sequence[Group] = ()
    #: who is asked for abstracts that sources did not bring
    lookups: Sequence[Lookup] = ()
    #: a language model's view of papers, if there is one
    embed: Embed | None = None
    #: processes that compose beside this one, given what `composer` is given
    helpers: Callable[
        [datetime, date | None, Sequence[SourceReport]], Helpers[Decisions] | None
    ] = lambda now, until, sources: None
    policy: RetryPolicy = field(default_factory=RetryPolicy)
    sending: SendOptions = field(default_factory=SendOptions)

    def composer(
        self,
        now: datetime,
        until: date | None = None,
        sources: Sequence[SourceReport] = (),
        snapshot: RankingSnapshot | None = None,
        *,
        asks: bool = False,
    ) -> Composer:
        """
        Args:
            asks: whether summaries and pictures that are not stored are asked for.
        """
        ranking = self.ranking_at(now=now, until=until, snapshot=snapshot)
        return Composer(
            self.store,
            self.renderer,
            self.channel,
            ranking,
            sources=sources,
            groups=self.groups,
            additions=self.additions(asks),
        )

    def ranking_at(
        self,
        *,
        now: datetime,
        until: date | None = None,
        snapshot: RankingSnapshot | None = None,
        last_entry: int | None = None,
    ) -> DayRanking:
        """See `compose.day_ranking`."""
        return day_ranking(
            self.store,
            now=now,
            until=until,
            options=self.ranking,
            embed=self.embed,
            snapshot=snapshot,
            last_entry=last_entry,
        )


def run_day(
    context: RunContext,
    subscribers: Sequence[Subscriber],
    *,
    day: date | None = None,
    dry_run: bool = False,
    warnings: Sequence[RunWarning] = (),
    should_stop: Callable[[], bool] = lambda: False,
    progress: Progress = silent,
) -> DayReport:
    """From listings to delivered mail, for these readers. The caller holds `store.exclusive`."""
    store, started = context.store, context.clock()
    asked = context.sources if subscribers else ()  # else only mails of earlier runs are due
    sources = fetch(
        asked, store, now=started, until=day, lookups=context.lookups, progress=progress
    )
    now = context.clock()
    composer = context.composer(now, day, sources, asks=not dry_run)
    reports = plan(
        composer,
        store,
        subscribers,
        now=now,
        day=day,
        dry_run=dry_run,
        helpers=context.helpers(now, day, sources),
        should_stop=should_stop,
        progress=progress,
    )
    told, route_fault = list(warnings), ""
    told += [RunWarning(fault) for fault in composer.faults]
    if should_stop():  # else who has no report was erased meanwhile
        told += _left(len(subscribers) - len(reports))
    if not dry_run and not should_stop():
        sent = send_due(
            store,
            context.channel.routes,
            worker=context.worker,
            clock=context.clock,
            policy=context.policy,
            options=context.sending,
            should_stop=should_stop,
            on_settled=lambda d, state: progress(f"{d.message.recipient}: {wording(state)}"),
        )
        reports = _with_deliveries(reports, sent)
        told += _doubts(sent, context.policy)
        told += [RunWarning(remark) for remark in sent.remarks]
        route_fault = sent.route_fault
    report = DayReport(
        started_at=started,
        finished_at=context.clock(),
        sources=sources,
        subscribers=reports,
        warnings=tuple(told),
        route_fault=route_fault,
    )
    if not dry_run:
        store.runs.add(report)
        store.purge(now - context.retention, now - BODIES_KEPT)
    return report


def _with_deliveries(
    reports: Sequence[SubscriberReport], sent: SendReport
) -> tuple[SubscriberReport, ...]:
    """The plan's reports with what became of each mail."""
    finished = []
    for report in reports:
        key = DeliveryKey(subscriber_id=report.subscriber_id, edition_date=report.edition_date)
        note = replace(key, kind=EditionKind.NOTE)
        if key in sent.settled:
            state, reply = sent.settled[key]
            made = report.detail if report.n_picks else "An earlier run made it."
            detail = made if state is DeliveryState.SENT else reply
            report = replace(report, result=state, detail=detail)
        elif note in sent.settled:
            state, _ = sent.settled[note]
            report = replace(report, detail=f"{report.detail} A note saying so is {state}.")
        elif report.result is DeliveryState.READY and sent.route_fault:
            report = replace(report, detail=sent.route_fault)
        finished.append(report)
    return tuple(finished)


def with_latest_states(report: DayReport, store: Store, now: datetime) -> DayReport:
    """The report with what has become of its mails since."""
    latest = []
    for one in report.subscribers:
        key = DeliveryKey(subscriber_id=one.subscriber_id, edition_date=one.edition_date)
        known = store.history.delivery(key)
        if known is not None and known.state != one.result:
            one = replace(one, result=known.state, detail=describe_delivery(known))
        latest.append(one)
    waiting = any(s.result is DeliveryState.READY for s in latest)
    return replace(
        report,
        finished_at=now,
        subscribers=tuple(latest),
        route_fault=report.route_fault if waiting else "",
    )


def _left(n: int) -> list[RunWarning]:
    return [RunWarning(f"Told to stop; {counted(n, 'reader')} left to the next run.")] if n else []


def _doubts(sent: SendReport, policy: RetryPolicy) -> list[RunWarning]:
    if not sent.n_doubts:
        return []
    what = "sent again with the same Message-ID"
    if not policy.resend_unknown:
        what = "held: `digest deliveries --state unknown` lists them, `digest retry` sends them"
    return [
        RunWarning(
            f"{counted(sent.n_doubts, 'mail')} handed over when an earlier run died, with no "
            f"answer seen; {what}."
        )
    ]
