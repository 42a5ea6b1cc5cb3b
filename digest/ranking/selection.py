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
    Team,
)
from digest.preferences import Preferences
from digest.ranking.choice import bar_of, best, literal_hits, percentiles, scores_of
from digest.ranking.filters import affiliated, in_categories
from digest.ranking.interleaving import team_draft
from digest.ranking.profile import DEFAULTS, MIN_UPVOTES, RankingOptions, basis_of
from digest.ranking.reading import Explanation, Reading
from digest.ranking.reasons import key_sentence, similarities

Floats = NDArray[np.float32]

TRENDING_HALF_LIFE_DAYS = 2.0
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


def heat(paper: Paper, day: date) -> float:
    """Upvotes, of which half the worth is gone every two days."""
    age = max(0, (day - paper.announced).days) if paper.announced else 0
    return float((paper.signals.upvotes or 0) * 0.5 ** (age / TRENDING_HALF_LIFE_DAYS))


def select(
    preferences: Preferences,
    candidates: Sequence[Paper],
    reading: Reading,
    *,
    options: RankingOptions = DEFAULTS,
    day: date,
    rng: np.random.Generator,
    room: int | None = None,
    rival: Reading | None = None,
) -> tuple[Pick, ...]:
    """The day's picks for one reader but those of named interests, sections in reading order.

    Args:
        candidates: the papers that passed the filters.
        reading: of the reader's profile beside these candidates.
        rng: for the paper from outside the reader's usual; seeded by reader and date.
        room: for so many papers at most; None: as the reader chose.
        rival: another ranker's, whose choices for "for you" are interleaved.
    """
    if not candidates:
        return ()
    basis = basis_of(reading.profile, candidates)
    order: list[int] = np.argsort(-scores_of(reading), kind="stable").tolist()
    room = preferences.length if room is None else room
    taken: dict[int, tuple[Section, ReasonKind | None]] = {}
    teams: Mapping[int, Team] = {}

    def take(indices: Sequence[int], section: Section, kind: ReasonKind | None = None) -> None:
        for i in indices:
            if i not in taken and len(taken) < room:
                taken[i] = (section, kind)

    take(_followed(candidates, preferences, order), Section.FOLLOWED)
    # asked for by name, so they come whatever their score
    take(literal_hits(preferences.keywords, reading, order), Section.FOR_YOU)
    for category, n in preferences.reserved.items():
        inside = [i for i in order if i not in taken and in_categories(candidates[i], (category,))]
        take(inside[:n], Section.FOR_YOU, ReasonKind.RESERVED)
    hot = _hot(candidates, reading, order, day)
    if basis in (Basis.LIKES, Basis.KEYWORDS):
        places = room - len(taken)
        reserved = min(preferences.trending, max(0, places - 1))
        teams = _drafted(preferences, (reading, rival), taken, places, options, rng)
        nearest = list(teams)
        # The best stay in "for you" however many votes they have; trending brings others.
        kept = {*taken, *nearest[: places - reserved]}
        trending = [i for i in hot if i not in kept][:reserved]
        n_explore = min(options.n_explore, max(0, places - len(trending) - 1))
        take(nearest[: places - len(trending) - n_explore], Section.FOR_YOU)
        if n_explore:
            strange = [i for i in order if i not in taken and i not in trending]
            take(_explored(strange, n_explore, rng), Section.FOR_YOU, ReasonKind.EXPLORATION)
        take(trending, Section.TRENDING)
    elif basis is Basis.TRENDING or preferences.interests:
        # who named their interests is sent no more than asked for
        take(hot[: preferences.trending] if preferences.interests else hot, Section.TRENDING)
    else:
        take(range(len(candidates)), Section.FOR_YOU)
    return _picks(preferences, candidates, (reading, rival), taken, teams, basis)


def _drafted(
    preferences: Preferences,
    readings: tuple[Reading, Reading | None],
    taken: Collection[int],
    places: int,
    options: RankingOptions,
    rng: np.random.Generator,
) -> dict[int, Team]:
    """The reader's papers above the bar in order, and whose choice each is."""
    chosen = []
    for reading, of in zip(readings, (options, options.rival), strict=True):
        if reading is not None and of is not None:
            scores = scores_of(reading)
            order = np.argsort(-scores, kind="stable").tolist()
            bar = bar_of(preferences, reading)
            chosen.append(best(reading, scores, order, taken, places, bar=bar, variety=of.variety))
    if len(chosen) == 1:
        return dict.fromkeys(chosen[0], Team.NONE)
    return team_draft(chosen[0], chosen[1], places, rng)


def _followed(
    candidates: Sequence[Paper], preferences: Preferences, order: Sequence[int]
) -> list[int]:
    if not (preferences.authors or preferences.affiliations):
        return []
    return [i for i in order if is_followed(candidates[i], preferences)]


def _hot(
    candidates: Sequence[Paper], reading: Reading, order: Sequence[int], day: date
) -> list[int]:
    """What readers voted for, the hottest first; among equals in order."""
    in_order = np.asarray(order, dtype=np.int64)
    voted = in_order[(reading.upvotes >= MIN_UPVOTES)[in_order]]
    return sorted(voted.tolist(), key=lambda i: -heat(candidates[i], day))


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
    readings: tuple[Reading, Reading | None],
    taken: Mapping[int, tuple[Section, ReasonKind | None]],
    teams: Mapping[int, Team],
    basis: Basis,
) -> tuple[Pick, ...]:
    """
    Args:
        readings: the rival's last; a pick is explained by who chose it.
        taken: candidates, their sections, and why besides the score.
        teams: whose choice a candidate of "for you" is.
    """
    first, rival = readings
    by_team = {Team.NONE: first}
    if rival is not None:
        by_team |= {Team.FIRST: first, Team.RIVAL: rival}
    scores = {team: scores_of(reading) for team, reading in by_team.items()}
    shares = {team: percentiles(found) for team, found in scores.items()}
    told: dict[Team, dict[int, Explanation]] = {}
    in_order = [(s, i, kind) for s in Section for i, (of, kind) in taken.items() if of is s]
    picks = []
    for n, (section, i, kind) in enumerate(in_order, 1):
        chosen = section is Section.FOR_YOU and kind is None
        team = teams.get(i, Team.NONE) if chosen else Team.NONE
        told_by = team
        if rival and not team and not first.calibration.closeness(float(scores[team][i])):
            told_by = Team.RIVAL  # who alone had something left to choose
        if told_by not in told:
            told[told_by] = explained(by_team[told_by], list(taken))
        picks.append(
            make_pick(
                by_team[told_by],
                i,
                candidates[i],
                section,
                rank=n,
                team=team,
                score=float(scores[told_by][i]),
                percentile=float(shares[told_by][i]),
                told=told[told_by].get(i),
                occasion=_occasion(preferences, candidates[i], section, kind, basis),
            )
        )
    return tuple(picks)


def explained(reading: Reading, indices: Sequence[int]) -> dict[int, Explanation]:
    """Scores taken apart; none of a reader about whom nothing is known."""
    if reading.profile.is_empty:
        return {}
    return dict(zip(indices, reading.explain(indices), strict=True))


def make_pick(
    reading: Reading,
    index: int,
    paper: Paper,
    section: Section,
    *,
    score: float,
    percentile: float,
    told: Explanation | None,
    occasion: Iterable[Reason] = (),
    rank: int = 1,
    team: Team = Team.NONE,
    interest: str = "",
) -> Pick:
    """A candidate as a pick, with its reasons.

    Args:
        paper: the candidate as it was announced to this reader.
        told: its score taken apart, if anything is known about the reader.
        occasion: reasons that do not rest on the score.
    """
    reasons = list(occasion)
    closeness = None
    knows = told is not None
    if told is not None:
        closeness = reading.calibration.closeness(score)
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
        rank=rank,
        section=section,
        team=team,
        interest=interest,
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
