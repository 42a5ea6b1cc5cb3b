"""Reports as tables, lines and JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from digest import schedule
from digest.cli.output import bar, say, table, warn
from digest.distribution import missing
from digest.errors import DigestError
from digest.model import DayReport, EditionKind, Paper, Profile, Subscriber, is_keyword
from digest.preferences import catalogue
from digest.text import counted, wording

if TYPE_CHECKING:
    from digest.model import PlannedEdition
    from digest.ranking.coverage import Coverage
    from digest.ranking.interleaving import Duel
    from digest.ranking.metrics import Evaluation
    from digest.store import Store


def day_report(report: DayReport, *, dry_run: bool = False) -> None:
    """What one run did: a row a subscriber, then what needs attention."""
    rows = [
        (
            s.email,
            s.edition_date.isoformat(),
            "would be sent" if dry_run and s.result == "ready" else wording(s.result),
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
    emails = {s.subscriber_id: s.email for s in report.subscribers}
    for warning in report.warnings:
        warn(warning.about(emails))
    if report.route_fault:
        warn(f"{report.route_fault} Editions that are not sent stay ready for the next run.")


def picks(email: str, draft: PlannedEdition) -> None:
    """One subscriber's picks with scores."""
    edition = draft.edition
    if edition is None or edition.kind is not EditionKind.EDITION:
        say(f"{email}: {draft.empty.detail if draft.empty else ''}")
        return
    say(f"{email}: {len(edition.picks)} of {edition.n_new} new papers", style="bold")
    rows = [
        (
            str(p.rank),
            f"{p.score:.3f}",
            wording(p.section),
            p.paper.plain_title[:90],
            ", ".join(p.paper.categories[:2]),
        )
        for p in edition.picks
    ]
    table(("no.", "score", "section", "title", "categories"), rows, right=(0, 1))


#: preferences that `profile` tells in a way of their own
_SAID_ABOVE = frozenset({"name", "time", "timezone", "weekdays", "keywords", "language"})
_SAID_BELOW = frozenset({"interests"})


def _written(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{k} ({v})" for k, v in value.items())
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return (
        {True: "yes", False: "no"}.get(value, str(value)) if isinstance(value, bool) else str(value)
    )


def profile(
    subscriber: Subscriber,
    found: Profile,
    terms: Sequence[tuple[str, float]],
    origins: Mapping[str, str],
    belonging: Mapping[str, int],
) -> None:
    """What a reader's profile consists of, with the weights that the ranking uses.

    Args:
        belonging: likes of each named interest.
    """
    from digest.ranking.reading import dislike_weights

    chosen = subscriber.preferences
    say(f"{chosen.name or subscriber.email}", style="bold")
    days = schedule.describe_weekdays(chosen.weekdays)
    say(f"{subscriber.email}, {subscriber.state}; {chosen.time:%H:%M} {chosen.timezone}, {days}")
    for preference in catalogue():
        value = getattr(chosen, preference.name)
        if value != preference.default and preference.name not in _SAID_ABOVE | _SAID_BELOW:
            choice = preference.choice
            effect = f" ({choice.help})" if choice.help else ""
            say(f"{choice.label}: {_written(value)}{effect}")
    interests(subscriber, belonging)
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
    keywords = [(p.title, f"{w:.2f}") for p, w in weighted if is_keyword(p)]
    if keywords:
        say(f"Keywords ({len(keywords)}); each weighs as much as a new like", style="bold")
        table(("keyword", "weight"), keywords, right=(1,))
    likes = [(p, w) for p, w in weighted if not is_keyword(p)]
    pushes = dislike_weights(found).tolist()
    dislikes = list(zip(found.disliked, pushes, strict=True))
    for label, papers in (("Likes", likes), ("Dislikes", dislikes)):
        if papers:
            say(f"{label} ({len(papers)})", style="bold")
            table(
                ("paper", "from", "weight", "title"),
                [
                    (_short_id(p.id), origins.get(p.id, ""), f"{w:.2f}", p.plain_title[:100])
                    for p, w in papers
                ],
                right=(2,),
            )


def interests(subscriber: Subscriber, belonging: Mapping[str, int]) -> None:
    """A reader's named interests, if there are any."""
    named = subscriber.preferences.interests
    if not named:
        return
    say()
    rows = [
        (
            i.name,
            "every match" if i.all else str(i.places),
            schedule.describe_weekdays(i.weekdays),
            str(belonging.get(i.name, 0)),
            ", ".join(i.keywords),
        )
        for i in named
    ]
    table(("named interest", "places", "comes", "likes", "keywords"), rows, right=(1, 3))


def coverage(found: Coverage | None) -> None:
    """How much of the latest listings is close, where, and what source is missing."""
    if found is None:
        return
    say()
    listed = counted(found.n_listed, "paper")
    say(f"Close to this profile: {found.n_close:,} of {listed} of the last days", style="bold")
    if found.categories:
        rows = [(name, f"{near:,} of {n:,}") for name, near, n in found.categories]
        table(("category", "close"), rows, right=(1,))
    _missing_sources(found)


def _missing_sources(found: Coverage) -> None:
    if found.is_poor:
        warn("No source lists anything near these likes and keywords.")
    if not found.missing:
        return
    say("Likes are from places that no source listed in these days. To have these, too:")
    for place, n in found.missing:
        what = {"arxiv": " with this category", "crossref": " with the ISSN of this journal"}
        source = f'a source of kind "{place.kind}"{what.get(place.kind, "")}'
        say(f"  {place.name} ({counted(n, 'like')}): {source}")


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
        hidden = f"the latest {one.n_hidden} hidden" if one.in_time_order else "each hidden once"
        disliked = f" and {counted(one.n_disliked, 'disliked one')}" if one.n_disliked else ""
        say(
            f"{counted(one.n_likes, 'like')}, {hidden} and ranked among "
            f"{counted(one.n_listed, 'stored paper')}{disliked}"
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
        if one.coverage and one.coverage.is_poor:
            _missing_sources(one.coverage)


def duels(found: Mapping[str, Duel], *, is_on: bool) -> None:
    """Whose papers were liked where two rankers took turns, a row a reader."""
    rows = [
        (
            email,
            str(d.n_editions),
            f"{d.liked_first} of {d.n_first}",
            f"{d.liked_rival} of {d.n_rival}",
            f"{d.won_first} : {d.won_rival}",
            f"{d.p_value:.2f}",
        )
        for email, d in found.items()
        if d.n_editions
    ]
    if not is_on:
        say("Only one ranker is at work; [ranking.rival] in the configuration adds another.")
    if not rows:
        say("No edition has been interleaved yet.")
        return
    headings = ("reader", "editions", "liked", "the rival's", "editions won", "by chance")
    table(headings, rows, right=(1, 2, 3, 4, 5))
    say("By chance: how often as large a difference comes if both are equally good.")


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


def paper(found: Paper, store: Store, people: Mapping[str, str]) -> None:
    """What is stored of a paper: its record, where it was listed, whose editions had it and why."""
    from digest.edition.reasons import why

    say(found.plain_title or found.id, style="bold")
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
    mentions = store.papers.entries_of(found.id)
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
    for pick in store.archive.picks_of(found.id):
        who = people.get(pick.subscriber_id, pick.subscriber_id[:8])
        say(
            f"{pick.edition_date}, {who}: no. {pick.rank} of {wording(pick.section)}, score "
            f"{pick.score:.3f}, ahead of {100 * pick.percentile:.0f}% of the day"
        )
        for line in why(pick.reasons):
            say(f"  {line}")
    for subscriber_id, email in people.items():
        for rating in store.ratings.of(subscriber_id):
            if rating.paper_id == found.id:
                verb = "liked" if rating.value > 0 else "disliked"
                say(f"{verb} by {email} ({rating.origin}, {rating.rated_at:%Y-%m-%d})")


def likes_of(store: Store, subscriber_id: str) -> dict[str, str]:
    """Where each rating comes from, by paper id."""
    return {r.paper_id: r.origin for r in store.ratings.of(subscriber_id)}
