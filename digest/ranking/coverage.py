"""Whether what is listed has to do with a reader; if not, where their likes come from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from digest.model import Paper, is_keyword
from digest.ranking.reading import Reading

#: with fewer listed papers nothing can be said
MIN_LISTED = 20
#: of so many listed papers at least one is close where a source serves the reader
ONE_OF = 300
#: likes of one place that are worth a source, and places named
LEAST_LIKES, MOST_PLACES = 2, 4
#: DOI prefixes of Cold Spring Harbor and openRxiv
_BIORXIV = ("10.1101/", "10.64898/")


@dataclass(frozen=True, slots=True)
class Venue:
    """Where papers appear: an arXiv category, a preprint server, a journal."""

    name: str
    #: of a source in the configuration that lists it
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """How much of the latest listings is close to a reader's likes."""

    n_listed: int
    n_close: int
    #: category, its close papers and its listed ones; the closest first
    categories: tuple[tuple[str, int, int], ...] = ()
    #: where likes come from that no source lists, and how many likes; most first
    missing: tuple[tuple[Venue, int], ...] = ()

    @property
    def is_poor(self) -> bool:
        """Whether no source lists anything near."""
        return self.n_listed >= MIN_LISTED and self.n_close * ONE_OF < self.n_listed


def coverage(reading: Reading) -> Coverage:
    """What of a day is close to a reader."""
    bar, listed = reading.calibration.stretch * reading.length, reading.candidates
    close = [p for p, s in zip(listed, reading.scores, strict=True) if s >= bar]
    shown = Counter(c for p in listed for c in p.categories)
    near = Counter(c for p in close for c in p.categories)
    by_share = sorted(near, key=lambda c: (-near[c] / (shown[c] + 5), c))
    likes = [p for p in reading.profile.liked if not is_keyword(p)]
    return Coverage(
        n_listed=len(listed),
        n_close=len(close),
        categories=tuple((c, near[c], shown[c]) for c in by_share[:MOST_PLACES]),
        missing=_missing(likes, shown.keys(), {_where(p) for p in listed}),
    )


def _missing(
    likes: Iterable[Paper], categories: Collection[str], listed: Collection[Venue | None]
) -> tuple[tuple[Venue, int], ...]:
    found = Counter(
        place
        for like in likes
        if (place := _where(like)) and place not in listed and place.name not in categories
    )
    order = sorted(found, key=lambda p: (-found[p], p.name))
    return tuple((p, found[p]) for p in order if found[p] >= LEAST_LIKES)[:MOST_PLACES]


def _where(paper: Paper) -> Venue | None:
    doi = paper.doi or paper.id.removeprefix("doi:")
    if paper.arxiv_id:
        category = paper.primary_category or next(iter(paper.categories), "")
        return Venue(category, "arxiv") if category else None
    if doi.startswith(_BIORXIV):
        return Venue("bioRxiv and medRxiv", "biorxiv")
    return Venue(paper.journal_ref, "crossref") if paper.journal_ref else None
