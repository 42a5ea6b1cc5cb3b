"""`digest status`: what happened lately, as tables and as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from digest import schedule
from digest.cli.documents import StatusDocument, SubscriberStatus
from digest.cli.output import say, table
from digest.model import EditionKind, Subscriber
from digest.text import counted, wording
from digest.usecases import rates
from digest.usecases.members import members
from digest.usecases.routes import resting_routes

if TYPE_CHECKING:
    from digest.model import ClusterStatus, DomainTraffic, HistoryEntry
    from digest.store import Store
    from digest.usecases.retry import RetryPolicy

#: domains that are shown
MOST_DOMAINS = 10
#: subscribers of whom each is shown; of more, those in trouble
MOST_IN_FULL = 10


def status_document(
    store: Store,
    now: datetime,
    *,
    n_runs: int,
    n_days: int,
    people: Sequence[Subscriber],
    cluster: ClusterStatus | None,
    policy: RetryPolicy,
) -> StatusDocument:
    """`digest status --json`."""
    return StatusDocument(
        now=now,
        store={"path": store.name, **store.counts()},
        mails=store.history.counts(),
        week=tuple(rates.traffic(store, now)),
        paused=rates.paused_because(store, now, policy),
        subscribers=tuple(_subscriber(store, s, now, n_days) for s in people),
        cluster=cluster,
        runs=tuple(store.runs.latest(n_runs)),
    )


def _subscriber(store: Store, who: Subscriber, now: datetime, n_days: int) -> SubscriberStatus:
    values = [r.value for r in store.ratings.of(who.id)]
    return SubscriberStatus(
        email=who.email,
        name=who.preferences.name,
        state=who.state.value,
        timezone=who.preferences.timezone,
        next_due=schedule.next_due(who, now),
        n_likes=sum(v > 0 for v in values),
        n_dislikes=sum(v < 0 for v in values),
        strikes=tuple(store.strikes.of(who.id)),
        history=tuple(store.history.of(who.id, n_days)),
    )


def status(
    store: Store,
    now: datetime,
    *,
    n_runs: int,
    n_days: int,
    people: Sequence[Subscriber],
    n_people: int,
    cluster: ClusterStatus | None,
    policy: RetryPolicy,
) -> None:
    """`digest status`: the cluster if there is one, people, then runs and their sources."""
    counts = store.counts()
    kept = [counted(counts[f"{noun}s"], noun) for noun in ("paper", "edition", "rating")]
    say(f"{store.name}: {', '.join(kept)}")
    mails = store.history.counts()
    if set(mails) - {"sent"}:
        say("mails: " + ", ".join(f"{n} {wording(state)}" for state, n in mails.items()))
    for route, fault in resting_routes(store, now, policy.zone).items():
        say(f"The mail server {route} rests: {fault}")
    if why := rates.paused_because(store, now, policy):
        say(why, style="bold")
    _traffic(rates.traffic(store, now))
    if cluster is not None:
        _cluster(cluster)
    if not n_people:
        say("There are no subscribers yet. They are read from the configuration at the next run.")
    if n_people > MOST_IN_FULL and len(people) > 1:
        people = _in_trouble(store, people, n_people)
    for subscriber in people:
        say()
        due = schedule.next_due(subscriber, now)
        next_mail = (
            f"next {due:%a %d %b %H:%M} {subscriber.preferences.timezone}"
            if due
            else "no next date"
        )
        say(f"{subscriber.email} ({subscriber.state}, {next_mail})", style="bold")
        for strike in store.strikes.of(subscriber.id)[:3]:
            when = f"{strike.struck_at.astimezone(ZoneInfo(subscriber.preferences.timezone)):%d %b}"
            say(f"  refused {when}: {strike.reply} ({strike.origin}, {strike.severity})")
        history = store.history.of(subscriber.id, n_days)
        if not history:
            say("  nothing yet")
            continue
        table(
            ("date", "outcome", "papers", "at", "what or why"),
            [_history_row(e, subscriber) for e in history],
            right=(2,),
        )
    if MOST_IN_FULL >= n_people > len(people):
        say()
        rest = counted(n_people - len(people), "more subscriber")
        say(f"… and {rest}; --limit shows more, --subscriber EMAIL one of them.")
    runs(store, n_runs)


def _in_trouble(store: Store, people: Sequence[Subscriber], n_people: int) -> list[Subscriber]:
    """One line about many; and those of them that something went wrong for."""
    found = members(store, people)
    counts = Counter(wording(m.latest.outcome) if m.latest else "nothing yet" for m in found)
    said = ", ".join(f"{n:,} {outcome}" for outcome, n in counts.most_common())
    of = f" (the first {len(people):,})" if n_people > len(people) else ""
    say()
    say(f"{counted(n_people, 'subscriber')}{of}: {said}", style="bold")
    say("`digest subscribers list` has each of them, --subscriber EMAIL all of one.")
    return [m.subscriber for m in found if m.is_in_trouble]


def _traffic(found: Sequence[DomainTraffic]) -> None:
    """Bounces and complaints by domain, once there are any."""
    if not any(d.n_bounced or d.n_complaints for d in found):
        return
    worst = sorted(found, key=lambda d: (d.n_complaints, d.n_bounced), reverse=True)
    shown = [d for d in worst if d.n_bounced or d.n_complaints][:MOST_DOMAINS]
    say()
    say("Came back within a week", style="bold")
    table(
        ("domain", "sent", "bounced", "in 1,000", "complaints", "in 1,000"),
        [
            (
                d.domain,
                f"{d.n_sent:,}",
                str(d.n_bounced),
                f"{rates.per_thousand(d.n_bounced, d.n_sent):.1f}",
                str(d.n_complaints),
                f"{rates.per_thousand(d.n_complaints, d.n_sent):.1f}",
            )
            for d in (*shown, rates.total_of(found))
        ],
        right=(1, 2, 3, 4, 5),
    )


def _cluster(cluster: ClusterStatus) -> None:
    say()
    alive = sum(w.alive for w in cluster.workers)
    say(f"Cluster: {counted(alive, 'worker')} at work", style="bold")
    if cluster.workers:
        table(
            ("worker", "since (UTC)", "last sign of life", "state"),
            [
                (
                    w.name,
                    f"{w.started:%d %b %H:%M}",
                    f"{w.seen:%d %b %H:%M:%S}",
                    "at work" if w.alive else "silent",
                )
                for w in cluster.workers
            ],
        )
    if cluster.queues:
        table(
            ("queue", "waiting", "under way", "failed"),
            [(q.name, str(q.todo), str(q.doing), str(q.failed)) for q in cluster.queues],
            right=(1, 2, 3),
        )
    left = f"{counted(cluster.n_readers, 'edition')} to make, {counted(cluster.n_mails, 'mail')}"
    pace = f"{cluster.per_second:.1f} mails a second of late"
    done = f"; done in about {cluster.to_finish}" if cluster.to_finish is not None else ""
    say(f"{left} to send; {pace}{done}.")


def _history_row(e: HistoryEntry, subscriber: Subscriber) -> tuple[str, str, str, str, str]:
    zone = ZoneInfo(subscriber.preferences.timezone)
    what = e.subject
    if e.outcome != "sent":
        what = " ".join(p for p in (e.subject, e.detail) if p)
    if e.next_at:
        what += f" (again at {e.next_at.astimezone(zone):%H:%M})"
    if e.doubts:
        what += f" ({e.doubts} in doubt)"
    return (
        e.edition_date.isoformat(),
        wording(e.outcome) + (" (note)" if e.kind == EditionKind.NOTE else ""),
        str(e.n_picks) if e.n_picks else "",
        f"{e.at.astimezone(zone):%d %b %H:%M}" if e.at else "",
        what,
    )


def runs(store: Store, n_runs: int) -> None:
    reports = store.runs.latest(n_runs)
    say()
    if not reports:
        say("No run so far. `digest run` makes one.")
        return
    say("Runs", style="bold")
    rows = []
    for report in reports:
        seconds = (report.finished_at - report.started_at).total_seconds()
        # Workers of a cluster fetch for all; what came of it is told by their queues and readers.
        nobody = "listings fetched" if report.sources else "nobody was due"
        summary = ", ".join(f"{n} {wording(o)}" for o, n in report.results.items()) or nobody
        rows.append((f"{report.started_at:%Y-%m-%d %H:%M} UTC", f"{seconds:.1f} s", "", summary))
        for source in report.sources:
            state = "unchanged" if source.unchanged else counted(source.n_fetched, "paper")
            fault = "" if source.complete else source.fault
            said = fault or "; ".join(s for s in (state, source.remark) if s)
            rows.append(("", f"{source.duration_s:.1f} s", source.source, said))
        rows += [("", "", "", warning.text) for warning in report.warnings]
        if report.route_fault:
            rows.append(("", "", "", report.route_fault))
    table(("started", "took", "source", "what happened"), rows, right=(1,))
