"""Reports as tables, lines and JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from digest import schedule
from digest.cli.output import bar, say, table, warn
from digest.distribution import missing
from digest.errors import DigestError
from digest.model import DayReport, EditionKind, Paper, Profile, Subscriber
from digest.text import counted

if TYPE_CHECKING:
    from digest.cluster.status import ClusterStatus
    from digest.pipeline import Draft
    from digest.ports import HistoryEntry, RunLog, SubscriberStore
    from digest.ranking.metrics import Evaluation
    from digest.store import SqlStore


def wording(outcome: str) -> str:
    return outcome.replace("_", " ")


def day_report(report: DayReport, *, dry_run: bool = False) -> None:
    """What one run did: a row a subscriber, then what needs attention."""
    rows = [
        (
            s.email,
            s.edition_date.isoformat(),
            "would be sent" if dry_run and s.outcome == "planned" else wording(s.outcome),
            f"{s.n_picks} of {s.n_new}" if s.n_new or s.n_picks else "",
            s.detail,
        )
        for s in report.subscribers
    ]
    if rows:
        say()
        table(("subscriber", "date", "outcome", "papers", "what or why"), rows, right=(3,))
    else:
        say("There are no subscribers; add [[subscribers]] to the configuration.")
    for warning in report.warnings:
        warn(warning)


def picks(email: str, draft: Draft) -> None:
    """One subscriber's picks with scores."""
    letter = draft.letter
    if letter is None or letter.kind is not EditionKind.EDITION:
        say(f"{email}: {getattr(draft.outcome, 'detail', '')}")
        return
    say(f"{email}: {len(letter.picks)} of {letter.n_new} new papers", style="bold")
    rows = [
        (
            str(p.rank),
            f"{p.score:.3f}",
            wording(p.section),
            p.paper.title[:90],
            ", ".join(p.paper.categories[:2]),
        )
        for p in letter.picks
    ]
    table(("no.", "score", "section", "title", "categories"), rows, right=(0, 1))


def profile(
    subscriber: Subscriber,
    found: Profile,
    terms: Sequence[tuple[str, float]],
    origins: Mapping[str, str],
) -> None:
    """What a reader's profile consists of."""
    say(f"{subscriber.name or subscriber.email}", style="bold")
    when = f"{subscriber.send_at:%H:%M} {subscriber.timezone}"
    days = schedule.describe_weekdays(subscriber.weekdays)
    say(f"{subscriber.email}, {subscriber.state}; {when}, {days}")
    for label, values, effect in (
        ("follows", subscriber.followed_authors, "always come, in a section of their own"),
        ("follows places", subscriber.followed_affiliations, "as far as sources name them"),
        (
            "mutes",
            (
                *subscriber.muted_terms,
                *subscriber.muted_authors,
                *subscriber.muted_affiliations,
            ),
            "never come",
        ),
        ("languages", subscriber.languages, "where a source says it, nothing else comes"),
        ("requires", subscriber.required_terms, "one of them must stand in a paper"),
        ("announced as", subscriber.announce_types, "nothing else comes"),
        (
            "upvotes",
            [f"at least {subscriber.min_upvotes}"] if subscriber.min_upvotes else [],
            "where readers vote",
        ),
        ("categories", subscriber.categories, "nothing else comes"),
        ("reserved", [f"{c} ({n})" for c, n in subscriber.reserved], "places kept"),
    ):
        if values:
            say(f"{label}: {', '.join(values)} ({effect})")
    say()
    if terms:
        say("Top terms", style="bold")
        most = max(weight for _, weight in terms)
        table(
            ("term", "weight", ""),
            [(term, f"{weight:.3f}", bar(weight / most)) for term, weight in terms],
            right=(1,),
        )
    else:
        say("There are no terms yet: no like has a title or abstract that is known here.")
    weights = found.weights or (1.0,) * len(found.liked)
    weighted = list(zip(found.liked, weights, strict=True))
    keywords = [(p.title, f"{w:.2f}") for p, w in weighted if p.id.startswith("keyword:")]
    if keywords:
        say(f"Keywords ({len(keywords)}); each weighs as much as a new like", style="bold")
        table(("keyword", "weight"), keywords, right=(1,))
    likes = [(p, w) for p, w in weighted if not p.id.startswith("keyword:")]
    for label, papers in (("Likes", likes), ("Dislikes", [(p, -0.5) for p in found.disliked])):
        if papers:
            say(f"{label} ({len(papers)})", style="bold")
            table(
                ("paper", "from", "weight", "title"),
                [
                    (_short_id(p.id), origins.get(p.id, ""), f"{w:.2f}", p.title[:100])
                    for p, w in papers
                ],
                right=(2,),
            )


def evaluations(found: Sequence[Evaluation]) -> None:
    """A table a subscriber: each recipe's figures and where the hidden likes landed."""
    if not found:
        say("There are no subscribers; add [[subscribers]] to the configuration.")
    for one in found:
        say()
        say(one.email, style="bold")
        if not one.verdicts:
            say(one.remark)
            continue
        say(
            f"{counted(one.n_likes, 'like')}, each hidden once and ranked among "
            f"{counted(one.n_listed, 'stored paper')}"
        )
        rows = [
            (
                v.recipe,
                f"{v.ndcg_10:.3f}",
                f"{v.recall_100:.2f}",
                f"{v.mrr:.2f}",
                f"{v.ranks[len(v.ranks) // 2]:,}",
                ", ".join(f"{r:,}" for r in v.ranks[:12]) + (" …" if len(v.ranks) > 12 else ""),
            )
            for v in one.verdicts
        ]
        headings = ("ranking", "nDCG@10", "Recall@100", "MRR", "median", "hidden likes landed at")
        table(headings, rows, right=(1, 2, 3, 4))
        if one.remark:
            say(one.remark)


def plot_evaluations(found: Sequence[Evaluation], path: Path) -> None:
    """Draw, a subscriber a panel, how many hidden likes stand above each place.

    Raises:
        DigestError: matplotlib is missing, or the file cannot be written.
    """
    told = [e for e in found if e.verdicts]
    if not told:
        raise DigestError("There is nothing to draw: no subscriber has enough likes.")
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise DigestError(missing("Drawing", "matplotlib", "plot")) from error
    figure = Figure(figsize=(6, 3.6 * len(told)), layout="constrained")
    panels = figure.subplots(len(told), squeeze=False)
    for one, (panel,) in zip(told, panels, strict=True):
        n_places = one.n_listed + one.n_likes
        for verdict in one.verdicts:
            places = [1, *verdict.ranks, n_places]
            shares = [n / len(verdict.ranks) for n in range(len(verdict.ranks) + 1)]
            label = f"{verdict.recipe} (nDCG@10 {verdict.ndcg_10:.2f})"
            panel.step(places, [*shares, 1.0], where="post", label=label)
        panel.set_xscale("log")
        panel.set_xlim(1, n_places)
        panel.set_ylim(0, 1.02)
        panel.set_xlabel("place in the ranking")
        panel.set_ylabel("hidden likes found")
        panel.set_title(f"{one.email}, {one.n_likes} likes among {one.n_listed} papers")
        panel.legend(loc="upper left", fontsize="small")
    try:
        figure.savefig(path, dpi=120)
    except (OSError, ValueError) as error:
        raise DigestError(f"{path} cannot be drawn: {error}.") from error


def _short_id(paper_id: str) -> str:
    kind, _, rest = paper_id.partition(":")
    return rest if kind in ("arxiv", "doi") else f"{kind}:{rest[:8]}"


def status_data(
    store: SqlStore,
    now: datetime,
    n_runs: int,
    n_days: int,
    people: Sequence[Subscriber],
    cluster: ClusterStatus | None,
) -> dict[str, Any]:
    """`digest status --json`: everything, in plain types."""
    from pydantic import TypeAdapter

    from digest.ports import HistoryEntry, StrikeEntry

    reports = TypeAdapter(tuple[DayReport, ...])
    strikes = TypeAdapter(tuple[StrikeEntry, ...])
    entries = TypeAdapter(tuple[HistoryEntry, ...])
    return {
        "now": now.isoformat(),
        "store": {"path": store.name, **store.counts()},
        "mails": store.delivery_counts(),
        "subscribers": [
            {
                "email": s.email,
                "name": s.name,
                "state": s.state.value,
                "timezone": s.timezone,
                "next_due": due.isoformat() if (due := schedule.next_due(s, now)) else None,
                "n_likes": sum(1 for r in store.ratings(s.id) if r.value > 0),
                "n_dislikes": sum(1 for r in store.ratings(s.id) if r.value < 0),
                "strikes": strikes.dump_python(store.strikes(s.id), mode="json"),
                "history": entries.dump_python(store.history(s.id, n_days), mode="json"),
            }
            for s in people
        ],
        "cluster": TypeAdapter(Any).dump_python(cluster, mode="json"),
        "runs": reports.dump_python(store.runs(n_runs), mode="json"),
    }


def status(
    store: SqlStore,
    now: datetime,
    n_runs: int,
    n_days: int,
    people: Sequence[Subscriber],
    n_people: int,
    cluster: ClusterStatus | None,
) -> None:
    """`digest status`: the cluster if there is one, people, then runs and their sources."""
    counts = store.counts()
    kept = [counted(counts[f"{noun}s"], noun) for noun in ("paper", "edition", "rating")]
    say(f"{store.name}: {', '.join(kept)}")
    mails = store.delivery_counts()
    if set(mails) - {"sent"}:
        say("mails: " + ", ".join(f"{n} {wording(state)}" for state, n in mails.items()))
    if cluster is not None:
        _cluster(cluster)
    if not n_people:
        say("There are no subscribers yet. They are read from the configuration at the next run.")
    for subscriber in people:
        say()
        due = schedule.next_due(subscriber, now)
        next_mail = f"next {due:%a %d %b %H:%M} {subscriber.timezone}" if due else "no next date"
        say(f"{subscriber.email} ({subscriber.state}, {next_mail})", style="bold")
        for strike in store.strikes(subscriber.id)[:3]:
            when = f"{strike.struck_at.astimezone(ZoneInfo(subscriber.timezone)):%d %b}"
            say(f"  refused {when}: {strike.reply} ({strike.origin}, {strike.severity})")
        history = store.history(subscriber.id, n_days)
        if not history:
            say("  nothing yet")
            continue
        table(
            ("date", "outcome", "papers", "at", "what or why"),
            [_history_row(e, subscriber) for e in history],
            right=(2,),
        )
    if n_people > len(people):
        say()
        rest = counted(n_people - len(people), "more subscriber")
        say(f"… and {rest}; --limit shows more, --subscriber EMAIL one of them.")
    runs(store, n_runs)


def _cluster(cluster: ClusterStatus) -> None:
    say()
    alive = sum(w.alive for w in cluster.workers)
    say(f"Cluster: {counted(alive, 'worker')} at work", style="bold")
    if cluster.resting:
        say(f"The mail server is left alone for a while: {cluster.resting}")
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
    zone = ZoneInfo(subscriber.timezone)
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


def runs(store: RunLog, n_runs: int) -> None:
    reports = store.runs(n_runs)
    say()
    if not reports:
        say("No run so far. `digest run` makes one.")
        return
    say("Runs", style="bold")
    rows = []
    for report in reports:
        seconds = (report.finished_at - report.started_at).total_seconds()
        outcomes: dict[str, int] = {}
        for s in report.subscribers:
            outcomes[s.outcome] = outcomes.get(s.outcome, 0) + 1
        # Workers of a cluster fetch for all; what came of it is told by their queues and readers.
        nobody = "listings fetched" if report.sources else "nobody was due"
        summary = ", ".join(f"{n} {wording(o)}" for o, n in outcomes.items()) or nobody
        rows.append((f"{report.started_at:%Y-%m-%d %H:%M} UTC", f"{seconds:.1f} s", "", summary))
        for source in report.sources:
            state = "unchanged" if source.unchanged else counted(source.n_fetched, "paper")
            fault = "" if source.complete else source.fault
            rows.append(("", f"{source.duration_s:.1f} s", source.source, fault or state))
        rows += [("", "", "", warning) for warning in report.warnings]
    table(("started", "took", "source", "what happened"), rows, right=(1,))


def paper(found: Paper, store: SqlStore, people: Mapping[str, str]) -> None:
    """What is stored of a paper: its record, where it was listed, whose editions had it and why."""
    from digest.edition.render import why

    say(found.title or found.id, style="bold")
    if found.authors:
        say(", ".join(found.authors[:8]) + (" …" if len(found.authors) > 8 else ""))
    for label, value in (
        ("id", found.id),
        ("DOI", found.doi),
        ("also known as", ", ".join(found.aliases)),
        ("version", str(found.version or "")),
        ("categories", ", ".join(found.categories)),
        ("journal", found.journal_ref),
        ("affiliations", "; ".join(found.affiliations[:5])),
        ("language", found.language),
        ("address", found.url),
        ("abstract", f"{len(found.abstract.split())} words" if found.abstract else "none"),
    ):
        if value:
            say(f"{label}: {value}")
    mentions = store.mentions_of(found.id)
    say()
    if mentions:
        rows = [
            (m.listed_on.isoformat(), m.source, m.announce_type, f"{m.first_seen:%Y-%m-%d %H:%M}")
            for m in mentions
        ]
        table(("listed on", "by", "as", "seen (UTC)"), rows)
    else:
        say("No source has listed it; somebody likes it.")
    say()
    for pick in store.picks_of(found.id):
        who = people.get(pick.subscriber_id, pick.subscriber_id[:8])
        say(
            f"{pick.edition_date}, {who}: no. {pick.rank} of {wording(pick.section)}, score "
            f"{pick.score:.3f}, ahead of {100 * pick.percentile:.0f}% of the day"
        )
        for line in why(pick.reasons):
            say(f"  {line}")
    for subscriber_id, email in people.items():
        for rating in store.ratings(subscriber_id):
            if rating.paper_id == found.id:
                verb = "liked" if rating.value > 0 else "disliked"
                say(f"{verb} by {email} ({rating.origin}, {rating.rated_at:%Y-%m-%d})")


def likes_of(store: SubscriberStore, subscriber_id: str) -> dict[str, str]:
    """Where each rating comes from, by paper id."""
    return {r.paper_id: r.origin for r in store.ratings(subscriber_id)}
