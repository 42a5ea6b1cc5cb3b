"""Whether there is an edition today, and what it is called; if not, why not."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from digest.model import (
    Basis,
    Edition,
    EditionKind,
    EmptyReason,
    NoEdition,
    Pick,
    SourceCount,
    Subscriber,
)
from digest.text import clean, readable, shorten

MAX_SUBJECT_CHARS = 140


def subject_line(title: str, day: date, top: str) -> str:
    """ "Morning papers, 20 May: The top title"; one clean line, whatever a feed put into it."""
    head = f"{clean(title)}, {day.day} {day:%b}"
    return shorten(f"{head}: {clean(readable(top))}" if top else head, MAX_SUBJECT_CHARS)


def compose(
    subscriber: Subscriber,
    *,
    title: str,
    day: date,
    picks: Sequence[Pick],
    basis: Basis,
    n_new: int,
    n_considered: int,
    n_muted: int,
    best_score: float,
    sources: Sequence[SourceCount],
) -> Edition | NoEdition:
    """An edition from its picks, or the reason why there is none.

    Args:
        n_new: papers new to this reader before any filter.
        n_considered: papers left after the filters.
        n_muted: papers the muted words took.
        best_score: of the papers considered; tells how far the bar was.
    """
    if picks:
        return Edition(
            subscriber=subscriber,
            edition_date=day,
            kind=EditionKind.EDITION,
            subject=subject_line(title, day, picks[0].paper.title),
            picks=tuple(picks),
            n_new=n_new,
            n_considered=n_considered,
            basis=basis,
            sources=tuple(sources),
        )
    reason, detail = _why_empty(
        subscriber, n_new, n_considered, n_muted, best_score, [s for s in sources if s.fault]
    )
    return NoEdition(
        subscriber=subscriber, edition_date=day, reason=reason, detail=detail, n_new=n_new
    )


def _why_empty(
    subscriber: Subscriber,
    n_new: int,
    n_considered: int,
    n_muted: int,
    best_score: float,
    faulty: Sequence[SourceCount],
) -> tuple[EmptyReason, str]:
    if n_new == 0 and faulty:
        names = ", ".join(s.name for s in faulty)
        return EmptyReason.SOURCES_FAILED, f"No new papers came in, and {names} could not be read."
    if n_new == 0:
        return EmptyReason.NO_LISTING, "No listing today: no source had a paper that is new to you."
    if n_considered == 0:
        others = n_new - n_muted
        parts = [f"{n_muted} by muted words"] if n_muted else []
        parts += [f"{others} by categories"] if others else []
        return (
            EmptyReason.ALL_FILTERED,
            f"All {n_new} new papers were filtered: {' and '.join(parts)}.",
        )
    return (
        EmptyReason.BELOW_BAR,
        f"Nothing above your bar: the best of {n_considered} papers scored "
        f"{max(0.0, best_score):.3f}, the bar (min_score) is {subscriber.min_score:g}.",
    )


def compose_note(empty: NoEdition, *, title: str, sources: Sequence[SourceCount]) -> Edition:
    """A short mail that says why there are no papers."""
    return Edition(
        subscriber=empty.subscriber,
        edition_date=empty.edition_date,
        kind=EditionKind.NOTE,
        subject=subject_line(title, empty.edition_date, "no papers today"),
        picks=(),
        n_new=empty.n_new,
        n_considered=0,
        basis=Basis.LIKES,
        sources=tuple(sources),
        note=empty.detail,
    )
