"""What the doors ask for: use cases put together with an installation's parts.

Command line, worker, cluster and web call these; each is a few lines over `usecases`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import TYPE_CHECKING

from digest import schedule
from digest.app import App
from digest.libraries import configured_likes, save_all_likes
from digest.model import (
    DayReport,
    Paper,
    PlannedEdition,
    Profile,
    RunWarning,
    Subscriber,
    SubscriberState,
)
from digest.ports import Progress, silent
from digest.usecases.feedback import find_subscriber
from digest.usecases.imports import ConfiguredLikes, sync_likes
from digest.usecases.library_list import match_titles

if TYPE_CHECKING:
    from digest.ranking.coverage import Coverage
    from digest.ranking.interleaving import Duel
    from digest.ranking.metrics import Evaluation
    from digest.usecases.inbound import InboxReport


def sync_subscribers(app: App) -> tuple[Subscriber, ...]:
    """Bring the store in step with the file; returns the config's subscribers."""
    wanted = [
        Subscriber(
            id="",
            email=s.email,
            preferences=app.settings.preferences_of(s),
            state=SubscriberState.PAUSED if s.paused else SubscriberState.ACTIVE,
        )
        for s in app.settings.subscribers
    ]
    return app.store.subscribers.sync_config(wanted, app.clock())


def subscriber(app: App, email: str) -> Subscriber:
    """One of them, after `sync_subscribers`.

    Raises:
        UnknownSubscriber: naming those there are.
    """
    sync_subscribers(app)
    return find_subscriber(app.store, email)


def chosen(app: App, only: Sequence[str] = ()) -> Sequence[Subscriber]:
    """Those named, or everybody: in the file's order, then who joined elsewhere."""
    listed = sync_subscribers(app)
    if only:
        return tuple(find_subscriber(app.store, email) for email in only)
    stored = app.store.subscribers.all()
    return stored.of(list(dict.fromkeys([*(s.id for s in listed), *stored.ids])))


def sync_configured_likes(
    app: App, subscribers: Sequence[Subscriber], progress: Progress = silent
) -> tuple[RunWarning, ...]:
    """Read and resolve the likes of the file; returns what could not be used."""
    settings_by_email = {s.email.lower(): s for s in app.settings.subscribers}
    warnings: list[RunWarning] = []
    wanted: dict[str, ConfiguredLikes] = {}
    for s in subscribers if settings_by_email else ():
        if settings := settings_by_email.get(s.email.lower()):
            wanted[s.id], faults = configured_likes(app, settings)
            warnings += [RunWarning(f"A like is not used: {fault}", s.id) for fault in faults]
    warnings += sync_likes(wanted, app.store, app.lookups, app.clock(), progress)
    return tuple(warnings)


def unused_wishes(subscribers: Sequence[Subscriber]) -> tuple[RunWarning, ...]:
    """What of the readers' filters and interests is not used."""
    from digest.ranking.filters import unused_terms

    filters = [
        RunWarning(f"A filter is not used: {fault}", s.id)
        for s in subscribers
        for fault in unused_terms(s.preferences)
    ]
    resting = [
        RunWarning(f"The interest “{i.name}” never comes: no mail goes out on its days.", s.id)
        for s in subscribers
        for i in s.preferences.interests
        if not set(i.weekdays) & set(s.preferences.weekdays)
    ]
    return (*filters, *resting)


def run(
    app: App,
    *,
    day: date | None = None,
    only: Sequence[str] = (),
    readers: Sequence[Subscriber] | None = None,
    dry_run: bool = False,
    should_stop: Callable[[], bool] = lambda: False,
    progress: Progress = silent,
) -> DayReport | None:
    """Fetch to delivered. None if another process is at it, which will do the work.

    Args:
        only: addresses; nobody named: everybody.
        readers: who it is for, if that is known already; nobody: only send what is due.

    Raises:
        ConfigError: there is no way to send.
        UnknownSubscriber: `only` names nobody.
    """
    from digest.usecases.day import run_day

    if not dry_run:
        app.mail.transport()  # a missing way out is told before the work, not after
    with app.store.exclusive() as alone:
        if not alone:
            return None
        with _watched(app, dry_run) as tell_report:
            people = chosen(app, only) if readers is None else readers
            warnings = (*sync_configured_likes(app, people), *unused_wishes(people))
            if not dry_run:
                match_titles(app.store, app.lookups, app.clock())
                warnings = (*warnings, *save_all_likes(app, people))
            report = run_day(
                app.context(),
                people,
                day=day,
                dry_run=dry_run,
                warnings=warnings,
                should_stop=should_stop,
                progress=progress,
            )
            return tell_report(report)


def wait_for_mails(
    app: App,
    report: DayReport,
    patience: timedelta,
    *,
    sleep: Callable[[float], None] = time.sleep,
    progress: Progress = silent,
) -> DayReport:
    """After a run: try what was deferred, at its time, until it is settled or patience ends."""
    from digest.usecases.day import with_latest_states
    from digest.usecases.routes import resting_until

    store, deadline = app.store, app.clock() + patience
    while (due := store.deliveries.next_at()) is not None:
        now = app.clock()
        due = max(due, resting_until(store, app.mail.channel.routes, now) or now)
        if due > deadline:
            break
        progress(f"waiting until {due:%H:%M} UTC for mails that were put off")
        sleep((due - now).total_seconds())
        run(app, readers=(), progress=progress)
    return with_latest_states(report, store, app.clock())


@contextmanager
def _watched(app: App, dry_run: bool) -> Iterator[Callable[[DayReport], DayReport]]:
    """The dead man's ping around a run; a crash is told too."""
    from digest.monitor.ping import Ping

    ping = Ping(app.fetcher, "" if dry_run else app.settings.monitor.ping_url)
    ping.start()

    def tell(report: DayReport) -> DayReport:
        ping.done(failed=report.failed)
        return report

    try:
        yield tell
    except Exception:
        ping.done(failed=True)
        raise


def gather(app: App, subscribers: Sequence[Subscriber]) -> DayReport:
    """Fetch for these readers and bring their likes up to date; the report is stored."""
    from digest.usecases.fetch import fetch

    with _watched(app, dry_run=False) as tell_report:
        started = app.clock()
        warnings = (*sync_configured_likes(app, subscribers), *unused_wishes(subscribers))
        match_titles(app.store, app.lookups, app.clock())
        warnings = (*warnings, *save_all_likes(app, subscribers))
        sources = fetch(app.sources, app.store, now=started, lookups=app.lookups)
        report = DayReport(
            started_at=started, finished_at=app.clock(), sources=sources, warnings=warnings
        )
        app.store.runs.add(report)
        return tell_report(report)


def fetch_all(app: App, progress: Progress = silent) -> tuple[str, ...]:
    """Bring the store up to date; returns what went wrong on the way."""
    from digest.usecases.fetch import fetch

    reports = fetch(app.sources, app.store, now=app.clock(), lookups=app.lookups, progress=progress)
    return tuple(f"{r.source}: {r.fault}" for r in reports if r.fault)


def purge(app: App) -> None:
    """Forget what nobody needs any more."""
    from digest.usecases.day import BODIES_KEPT

    now = app.clock()
    retention = timedelta(days=app.settings.store.retention_days)
    app.store.purge(now - retention, now - BODIES_KEPT)


def drafts(
    app: App,
    *,
    day: date | None = None,
    only: Sequence[str] = (),
    stored: bool = False,
    progress: Progress = silent,
) -> tuple[Mapping[str, PlannedEdition], tuple[str, ...]]:
    """What each subscriber would get, whatever their weekday, and what went wrong on the way.

    Fetches, and stores what it fetched, unless only what is `stored` is wanted; plans and sends
    nothing.
    """
    from digest.usecases.fetch import fetch

    people = chosen(app, only)
    emails = {s.id: s.email for s in people}
    warnings = [w.about(emails) for w in sync_configured_likes(app, people)]
    now = app.clock()
    reports = fetch(
        () if stored else app.sources,
        app.store,
        now=now,
        until=day,
        lookups=app.lookups,
        progress=progress,
    )
    warnings += [f"{r.source}: {r.fault}" for r in reports if r.fault]
    composer = replace(app.context(), channel=app.mail.email).composer(now, day, reports)
    return {
        s.email: composer.draft(s, day or schedule.edition_date(s, now)) for s in people
    }, tuple(warnings)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileReport:
    """What the ranking works with for a reader."""

    profile: Profile
    #: the top terms with their weight
    terms: tuple[tuple[str, float], ...]
    #: how much of the latest listings is close to it; None: nothing can be said
    coverage: Coverage | None
    #: how many likes belong to each named interest
    belonging: Mapping[str, int]


def profile(app: App, reader: Subscriber) -> ProfileReport:
    """What the ranking works with for a reader, their named interests included."""
    from digest.ranking.interests import likes_by_interest

    ranking = app.context().ranking_at(now=app.clock())
    state = app.store.ratings.reader_state(reader.id, schedule.edition_date(reader, app.clock()))
    found = ranking.profile(reader, state)
    belonging = likes_by_interest(reader.preferences, state)
    return ProfileReport(
        profile=found,
        terms=ranking.ranker.profile_terms(found),
        coverage=ranking.coverage(found),
        belonging={name: len(ids & found.liked_ids) for name, ids in belonging.items()},
    )


def why_not(app: App, reader: Subscriber, paper: Paper) -> tuple[str, ...]:
    """Why a reader got a paper or did not, as sentences."""
    from digest.usecases.explain import why_not

    return why_not(app.store, app.context().ranking_at, reader, paper, app.clock())


def evaluate(
    app: App, only: Sequence[str] = (), progress: Progress = silent
) -> tuple[Evaluation, ...]:
    """For each subscriber, where hidden likes land among the stored listings."""
    from digest.usecases.evaluate import evaluate_readers

    people = chosen(app, only)
    emails = {s.id: s.email for s in people}
    for warning in sync_configured_likes(app, people):
        progress(warning.about(emails))
    ranking = app.context().ranking_at(now=app.clock())
    return evaluate_readers(app.store, ranking, people, progress)


def duels(app: App, only: Sequence[str] = ()) -> dict[str, Duel]:
    """By address, what readers made of two rankers in interleaved editions."""
    from digest.ranking.interleaving import judge

    return {s.email: judge(app.store.archive.team_picks(s.id)) for s in chosen(app, only)}


def read_inbox(app: App, *, dry_run: bool = False) -> InboxReport:
    """Bounces, complaints and readers' actions that came by mail."""
    from digest.usecases.inbound import read_inbox

    sync_subscribers(app)
    settings = app.settings.inbox
    key = f"inbox:{settings.host}/{settings.username}/{settings.folder}" if settings else ""
    inbox = app.mail.inbox(app.store.facts.get(key))
    try:
        report = read_inbox(
            inbox,
            app.store,
            app.store.keys,
            app.clock(),
            suppress_after=app.settings.delivery.suppress_after,
            dry_run=dry_run,
        )
        if inbox.position and not dry_run:
            app.store.facts.set(key, inbox.position)
        return report
    finally:
        inbox.close()
