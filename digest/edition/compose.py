"""Whether there is an edition today, and what it is called; if not, why not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

from digest.edition.layout import in_reading_order
from digest.edition.speech import ENGLISH, Speech
from digest.latex import readable
from digest.model import (
    Basis,
    Edition,
    EditionKind,
    EmptyReason,
    FilterKind,
    NoEdition,
    Pick,
    Shortfall,
    SourceCount,
    Subscriber,
)
from digest.text import clean, shorten

MAX_SUBJECT_CHARS = 140
#: the longest that the title of a paper is shown in a reason
TITLE_CHARS = 80


def subject_line(title: str, day: date, top: str, speech: Speech = ENGLISH) -> str:
    """ "Morning papers, 20 May: The top title"; one clean line, whatever a feed put into it."""
    head = f"{clean(title)}, {speech.day_and_month(day)}"
    said = clean(readable(top))
    return shorten(f"{head}: {said}" if said else head, MAX_SUBJECT_CHARS)


def compose(
    subscriber: Subscriber,
    *,
    title: str,
    day: date,
    picks: Sequence[Pick],
    basis: Basis,
    n_new: int,
    n_considered: int,
    shortfall: Shortfall | None = None,
    dropped: Mapping[FilterKind, int],
    sources: Sequence[SourceCount],
    speech: Speech = ENGLISH,
) -> Edition | NoEdition:
    """An edition from its picks, or the reason why there is none.

    Args:
        n_new: papers new to this reader before any filter.
        n_considered: papers left after the filters.
        shortfall: of the papers considered, if none reached the bar.
        dropped: papers that each kind of filter took.
    """
    if picks:
        picks = in_reading_order(picks)
        return Edition(
            subscriber=subscriber,
            edition_date=day,
            kind=EditionKind.EDITION,
            subject=subject_line(title, day, picks[0].paper.title, speech),
            picks=picks,
            n_new=n_new,
            n_considered=n_considered,
            basis=basis,
            sources=tuple(sources),
        )
    faulty = [s.name for s in sources if s.fault]

    def why(language: Speech) -> tuple[EmptyReason, str]:
        if n_new == 0:
            return _why_no_listing(faulty, language)
        if n_considered == 0:
            return _why_all_filtered(n_new, dropped, language)
        if shortfall is None:
            text = language.gettext("None of your interests comes on this day.")
            return EmptyReason.BELOW_BAR, text
        own_bar = subscriber.preferences.min_score >= shortfall.bar
        return _why_below_bar(n_considered, shortfall, own_bar, language)

    reason, detail = why(ENGLISH)
    return NoEdition(
        subscriber=subscriber,
        edition_date=day,
        reason=reason,
        detail=detail,
        n_new=n_new,
        told=why(speech)[1],
    )


def _why_no_listing(faulty: Sequence[str], speech: Speech) -> tuple[EmptyReason, str]:
    if not faulty:
        text = speech.gettext("No listing today: no source had a paper that is new to you.")
        return EmptyReason.NO_LISTING, text
    text = speech.gettext("No new papers came in, and {sources} could not be read.")
    return EmptyReason.SOURCES_FAILED, text.format(sources=", ".join(faulty))


def _why_all_filtered(
    n_new: int, dropped: Mapping[FilterKind, int], speech: Speech
) -> tuple[EmptyReason, str]:
    parts = [_taken(kind, n, speech) for kind, n in dropped.items()]
    text = speech.ngettext(
        "The only new paper was filtered: {why}.",
        "All {n} new papers were filtered: {why}.",
        n_new,
    )
    return EmptyReason.ALL_FILTERED, text.format(why=speech.listed(parts))


def _why_below_bar(
    n_considered: int, shortfall: Shortfall, own_bar: bool, speech: Speech
) -> tuple[EmptyReason, str]:
    if not own_bar:
        text = speech.ngettext(
            "The only paper, “{title}”, is not close to what you like.",
            "None of {n} papers is close to what you like; the nearest was “{title}”.",
            n_considered,
        )
        return EmptyReason.BELOW_BAR, text.format(title=shorten(shortfall.title, TITLE_CHARS))
    text = speech.ngettext(
        "Nothing above your bar: the only paper scored {score}, the bar (min_score) is {bar}.",
        "Nothing above your bar: the best of {n} papers scored {score}, the bar (min_score) is "
        "{bar}.",
        n_considered,
    )
    score = speech.number(max(0.0, shortfall.score), 3)
    return EmptyReason.BELOW_BAR, text.format(score=score, bar=speech.number(shortfall.bar, 2))


def _taken(kind: FilterKind, n: int, speech: Speech) -> str:
    ngettext = speech.ngettext
    return {
        FilterKind.MUTED_TERMS: lambda: ngettext("{n} by muted words", "{n} by muted words", n),
        FilterKind.MUTED_AUTHORS: lambda: ngettext(
            "{n} by a muted author", "{n} by muted authors", n
        ),
        FilterKind.MUTED_AFFILIATIONS: lambda: ngettext(
            "{n} from a muted place", "{n} from muted places", n
        ),
        FilterKind.LANGUAGES: lambda: ngettext(
            "{n} in another language", "{n} in other languages", n
        ),
        FilterKind.REQUIRED_TERMS: lambda: ngettext(
            "{n} without a required word", "{n} without a required word", n
        ),
        FilterKind.ANNOUNCE_TYPES: lambda: ngettext(
            "{n} by kind of announcement", "{n} by kind of announcement", n
        ),
        FilterKind.UPVOTES: lambda: ngettext("{n} by upvotes", "{n} by upvotes", n),
        FilterKind.CATEGORIES: lambda: ngettext("{n} by categories", "{n} by categories", n),
    }[kind]()


def compose_note(
    empty: NoEdition, *, title: str, sources: Sequence[SourceCount], speech: Speech = ENGLISH
) -> Edition:
    """A short mail that says why there are no papers."""
    return Edition(
        subscriber=empty.subscriber,
        edition_date=empty.edition_date,
        kind=EditionKind.NOTE,
        subject=subject_line(title, empty.edition_date, speech.gettext("no papers today"), speech),
        picks=(),
        n_new=empty.n_new,
        n_considered=0,
        basis=Basis.LIKES,
        sources=tuple(sources),
        note=empty.told or empty.detail,
    )
