"""From scores to picks: filters, sections, the bar, variety, and the reasons shown."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date

import numpy as np
from numpy.typing import NDArray

from digest.identity import author_called, journal_doi
from digest.model import (
    Basis,
    Paper,
    Pick,
    Reason,
    ReasonKind,
    Section,
    Subscriber,
)
from digest.preferences import Preferences
from digest.ranking.filters import affiliated, in_categories
from digest.ranking.profile import DEFAULTS, MIN_UPVOTES, RankingOptions, basis_of
from digest.ranking.reading import Reading
from digest.ranking.reasons import key_sentence, similarities

Floats = NDArray[np.float32]

TRENDING_HALF_LIFE_DAYS = 2.0
#: candidates looked at when places are given out
CHOICE = 100
#: journal versions told of in one edition
MAX_PUBLISHED = 3


def is_followed(paper: Paper, preferences: Preferences) -> bool:
    """Whether it comes from an author or a place that the reader follows."""
    return bool(
        followed_author(paper, preferences.authors) or affiliated(paper, preferences.affiliations)
    )


def journal_versions(
    papers: Sequence[Paper], known: Collection[str], n_picks: int
) -> tuple[Pick, ...]:
    """What is to be told of preprints that the reader knows and that are out in a journal now.

    Args:
        papers: listed as published.
        known: papers that they were sent or liked.
        n_picks: picks of the edition before these.
    """
    out = [p for p in papers if p.id in known][:MAX_PUBLISHED]
    return tuple(
        Pick(
            paper=replace(p, url=f"https://doi.org/{doi}") if (doi := journal_doi(p)) else p,
            score=0.0,
            percentile=0.0,
            rank=n_picks + n,
            section=Section.PUBLISHED,
            reasons=(Reason(kind=ReasonKind.JOURNAL_VERSION, evidence=(p.journal_ref,)),),
        )
        for n, p in enumerate(out, 1)
    )


def followed_author(paper: Paper, followed: Sequence[str]) -> str:
    """The first author of the paper whom the reader follows, as printed; or nothing.

    "G. Hopper" follows Grace Hopper and G. B. M. Hopper: family names must be equal, given names
    may be initials on either side. Followed full names do not match other full names. An ORCID iD
    or an id of OpenAlex means whom the sources say that it means.
    """
    return next((name for wanted in followed if (name := author_called(paper, wanted))), "")


def percentiles(scores: NDArray[np.float32]) -> NDArray[np.float64]:
    """(n,) share of the others that score lower, in [0, 1]; equal scores share the lower rank."""
    if len(scores) < 2:
        return np.ones(len(scores))
    return np.searchsorted(np.sort(scores), scores, side="left") / (len(scores) - 1)


def heat(paper: Paper, day: date) -> float:
    """Upvotes, of which half the worth is gone every two days."""
    age = max(0, (day - paper.announced).days) if paper.announced else 0
    return float((paper.signals.upvotes or 0) * 0.5 ** (age / TRENDING_HALF_LIFE_DAYS))


def _without_twins(order: Sequence[int], reading: Reading) -> list[int]:
    """The first of each piece of news, in order."""
    some = list(order[:CHOICE])
    if not some:
        return []
    same = reading.day.twins(_places(reading, some))
    kept: list[int] = []
    for n in range(len(some)):
        if not same[n, kept].any():
            kept.append(n)
    return [some[n] for n in kept] + list(order[CHOICE:])


def _places(reading: Reading, indices: Sequence[int]) -> NDArray[np.int64]:
    return np.array([reading.place(i) for i in indices], dtype=np.int64)


def proportional(
    parts: Floats,
    alike: Floats,
    twins: NDArray[np.bool_],
    n: int,
    variety: float,
    taken: Sequence[int] = (),
) -> list[int]:
    """Choose `n` candidates so that every interest gets its share and no two are alike.

    Every liked paper is an aspect of the reader, with its weight as votes. At each place the
    votes are divided by the places an aspect has already (Sainte-Laguë), so a field that has had
    its share waits; the candidate with the most votes is chosen, less what it repeats (maximal
    marginal relevance: Carbonell, Goldstein 1998; proportionality: Dang, Croft 2012).

    Args:
        parts: (n_aspects, n_candidates) what each like says for each candidate, at least 0.
        alike: (n_candidates, n_candidates) cosines.
        twins: (n_candidates, n_candidates) whether two are one piece of news.
        variety: weight of unlikeness beside closeness, in [0, 1].
        taken: candidates that the reader gets anyway.
    """
    n_aspects, n_candidates = parts.shape
    seats = np.zeros(n_aspects, dtype=np.float64)
    free = np.ones(n_candidates, dtype=bool)
    nearest = np.zeros(n_candidates, dtype=np.float64)
    parts = parts.astype(np.float64)
    claims = parts / np.maximum(parts.max(axis=0, keepdims=True), 1e-12)

    def seat(i: int) -> None:
        free[i] = False
        free[twins[i]] = False
        np.maximum(nearest, alike[i], out=nearest)
        # Every like that speaks for the candidate has been served, by how loud it speaks: so the
        # likes of one field fill up together.
        seats[:] += claims[:, i]

    for i in taken:
        seat(i)
    chosen: list[int] = []
    top = float((parts.sum(axis=0)).max()) if n_candidates else 0.0
    while len(chosen) < n and free.any() and top > 0:
        gain = (1 / (2 * seats + 1)) @ parts
        best = float(gain[free].max())
        if best <= 0:
            break
        worth = (1 - variety) * gain / best - variety * nearest
        worth[~free | (gain <= 0)] = -np.inf
        i = int(np.argmax(worth))
        if not np.isfinite(worth[i]):
            break
        chosen.append(i)
        seat(i)
    return chosen


def select(
    preferences: Preferences,
    candidates: Sequence[Paper],
    reading: Reading,
    *,
    options: RankingOptions = DEFAULTS,
    day: date,
    rng: np.random.Generator,
    room: int | None = None,
) -> tuple[Pick, ...]:
    """The day's picks for one reader but those of named interests, sections in reading order.

    Args:
        candidates: the papers that passed the filters.
        reading: of the reader's profile beside these candidates.
        rng: for the paper from outside the reader's usual; seeded by reader and date.
        room: for so many papers at most; None: as the reader chose.
    """
    if not candidates:
        return ()
    scores = (reading.scores / reading.length).astype(np.float32)
    basis = basis_of(reading.profile, candidates)
    order: list[int] = np.argsort(-scores, kind="stable").tolist()
    room = preferences.length if room is None else room
    taken: dict[int, tuple[Section, ReasonKind | None]] = {}

    def take(indices: Sequence[int], section: Section, kind: ReasonKind | None = None) -> None:
        for i in indices:
            if i not in taken and len(taken) < room:
                taken[i] = (section, kind)

    if preferences.authors or preferences.affiliations:
        take([i for i in order if is_followed(candidates[i], preferences)], Section.FOLLOWED)
    if preferences.keywords:  # asked for by name, so they come whatever their score
        take(literal_hits(preferences.keywords, reading, order), Section.FOR_YOU)
    for category, n in preferences.reserved.items():
        inside = [i for i in order if i not in taken and in_categories(candidates[i], (category,))]
        take(inside[:n], Section.FOR_YOU, ReasonKind.RESERVED)
    hot = _hot(candidates, reading, order, day)
    if basis in (Basis.LIKES, Basis.KEYWORDS):
        places = room - len(taken)
        reserved = min(preferences.trending, max(0, places - 1))
        bar = bar_of(preferences, reading)
        nearest = best(reading, scores, order, taken, places, bar=bar, variety=options.variety)
        # The best stay in "for you" however many votes they have; trending brings others.
        kept = nearest[: places - reserved]
        trending = [i for i in hot if i not in taken and i not in kept][:reserved]
        n_explore = min(options.n_explore, max(0, places - len(trending) - 1))
        take(nearest[: places - len(trending) - n_explore], Section.FOR_YOU)
        if n_explore:
            strange = [i for i in order if i not in taken and i not in trending]
            take(_explored(strange, n_explore, rng), Section.FOR_YOU, ReasonKind.EXPLORATION)
        take(trending, Section.TRENDING)
    elif preferences.interests:  # who named their interests is sent no more than asked for
        take(hot[: preferences.trending], Section.TRENDING)
    elif basis is Basis.TRENDING:
        take(hot, Section.TRENDING)
    else:
        take(range(len(candidates)), Section.FOR_YOU)
    return _picks(preferences, candidates, reading, scores, taken, basis)


def _hot(
    candidates: Sequence[Paper], reading: Reading, order: Sequence[int], day: date
) -> list[int]:
    """What readers voted for, the hottest first; among equals in order."""
    voted = reading.upvotes >= MIN_UPVOTES
    return sorted((i for i in order if voted[i]), key=lambda i: -heat(candidates[i], day))


def bar_of(preferences: Preferences, reading: Reading) -> float | None:
    """The least score of "For you": the reader's own, or the one that they set if it is higher.

    None: there is none, and places that are left are filled.
    """
    if preferences.fill or reading.is_mute:
        return preferences.min_score or None
    return max(preferences.min_score, reading.calibration.stretch)


def literal_hits(
    keywords: Sequence[str], reading: Reading, order: Sequence[int], *, twins: bool = False
) -> list[int]:
    """Candidates in which a keyword stands: those with one in the title first, then in order.

    Args:
        twins: whether both papers of one piece of news are wanted.
    """
    found = [reading.day.literal.holding(k.strip()) for k in keywords]
    everywhere = frozenset[int]().union(*(hits for hits, _ in found))
    titles = frozenset[int]().union(*(in_title for _, in_title in found))
    hits = [i for i in order if reading.place(i) in everywhere]
    hits.sort(key=lambda i: reading.place(i) not in titles)
    return hits if twins else _without_twins(hits, reading)


def best(
    reading: Reading,
    scores: Floats,
    order: Sequence[int],
    taken: Collection[int],
    places: int,
    *,
    bar: float | None,
    variety: float,
) -> list[int]:
    """The reader's papers above the bar, each interest in proportion, best score first."""
    above = [i for i in order if (bar is None or scores[i] >= bar) and i not in taken]
    parts, common = reading.parts()
    surplus = np.maximum(parts - common / max(1, len(parts)), 0)
    # Enough to choose from: the best by score, and the best of each like.
    nearest = np.argsort(-surplus.max(axis=0), kind="stable")[:CHOICE].tolist()
    within = set(above)
    field = list(dict.fromkeys([*above[:CHOICE], *(i for i in nearest if i in within)]))
    anyway = [i for i in taken if i not in field]
    everything = [*field, *anyway]
    at = _places(reading, everything)
    same = reading.day.twins(at)
    chosen = proportional(
        surplus[:, everything],
        reading.day.alike(at),
        same,
        places,
        variety,
        taken=range(len(field), len(everything)),
    )
    picked = [everything[i] for i in chosen]
    if bar is None and len(picked) < places:  # the mail is filled
        told = [*chosen, *range(len(field), len(everything))]
        repeats = {everything[i] for i in np.flatnonzero(same[told].any(axis=0))}
        rest = [i for i in above if i not in picked and i not in repeats]
        picked += _without_twins(rest, reading)[: places - len(picked)]
    return sorted(picked, key=lambda i: -float(scores[i]))


def chance(subscriber: Subscriber, day: date) -> np.random.Generator:
    """The same luck for the same reader and date, so that composing again gives the same mail."""
    seed = hashlib.sha256(f"{subscriber.id}|{day.isoformat()}".encode()).digest()[:8]
    return np.random.default_rng(int.from_bytes(seed, "big"))


def _explored(order: Sequence[int], n: int, rng: np.random.Generator) -> list[int]:
    """Papers from the upper middle: not what the reader would get anyway, nor what repels."""
    middle = order[len(order) // 20 : max(1, len(order) // 3)]
    if not n or not middle:
        return []
    return [int(i) for i in rng.choice(middle, size=min(n, len(middle)), replace=False)]


def _picks(
    preferences: Preferences,
    candidates: Sequence[Paper],
    reading: Reading,
    scores: Floats,
    taken: Mapping[int, tuple[Section, ReasonKind | None]],
    basis: Basis,
) -> tuple[Pick, ...]:
    shares = percentiles(scores)
    in_order = [(s, i, kind) for s in Section for i, (of, kind) in taken.items() if of is s]
    return tuple(
        replace(
            make_pick(
                reading,
                i,
                candidates[i],
                section,
                score=float(scores[i]),
                percentile=float(shares[i]),
                occasion=_occasion(preferences, candidates[i], section, kind, basis),
            ),
            rank=n,
        )
        for n, (section, i, kind) in enumerate(in_order, 1)
    )


def make_pick(
    reading: Reading,
    index: int,
    paper: Paper,
    section: Section,
    *,
    score: float,
    percentile: float,
    occasion: Iterable[Reason] = (),
) -> Pick:
    """A candidate as a pick, with its reasons.

    Args:
        paper: the candidate as it was announced to this reader.
        occasion: reasons that do not rest on the score.
    """
    reasons = list(occasion)
    closeness, told = None, None
    knows = not reading.profile.is_empty
    if knows:
        closeness = reading.calibration.closeness(score)
        told = reading.explain(index)
        alike = similarities(reading, index, told)
        reasons += alike
        told = told if alike else None
    if not reasons:
        # Where mails are filled, a paper that nothing speaks for says so.
        reasons.append(Reason(kind=ReasonKind.FILLER, evidence=()))
    return Pick(
        paper=paper,
        score=max(0.0, min(1.0, score)),
        percentile=percentile if knows else 0.0,
        rank=1,
        section=section,
        closeness=closeness,
        reasons=tuple(reasons),
        key_sentence=key_sentence(reading, index, told),
    )


def _occasion(
    preferences: Preferences, paper: Paper, section: Section, kind: ReasonKind | None, basis: Basis
) -> Iterator[Reason]:
    """Reasons that do not rest on the score."""
    if section is Section.FOLLOWED:
        if author := followed_author(paper, preferences.authors):
            yield Reason(kind=ReasonKind.FOLLOWED_AUTHOR, evidence=(author,))
        if place := affiliated(paper, preferences.affiliations):
            yield Reason(kind=ReasonKind.FOLLOWED_AFFILIATION, evidence=(place,))
    if section is Section.TRENDING:
        yield Reason(kind=ReasonKind.TRENDING, evidence=(str(paper.signals.upvotes or 0),))
    if kind is ReasonKind.RESERVED:
        inside = next(c for c in preferences.reserved if in_categories(paper, (c,)))
        yield Reason(kind=ReasonKind.RESERVED, evidence=(inside,))
    if kind is ReasonKind.EXPLORATION:
        yield Reason(kind=ReasonKind.EXPLORATION, evidence=())
    if basis is Basis.NEWEST:
        yield Reason(kind=ReasonKind.NEWEST, evidence=())
