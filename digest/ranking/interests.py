"""Named interests: each has a profile, places and days of its own, so that eight likes beside three
hundred get their papers."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from digest.model import (
    IMPORT,
    IN_CONFIG,
    STOOD_IN,
    Paper,
    Pick,
    Profile,
    ReaderState,
    Section,
    Shortfall,
)
from digest.preferences import Interest, Preferences
from digest.ranking.choice import Place, best, literal_hits, percentiles, place_in, scores_of
from digest.ranking.profile import RankingOptions, keyword_papers, without
from digest.ranking.reading import Reading
from digest.ranking.selection import explained, is_followed, make_pick

Floats = NDArray[np.float32]
#: papers of an alert that lists every match
MOST_MATCHES = 100


def likes_by_interest(preferences: Preferences, state: ReaderState) -> Mapping[str, frozenset[str]]:
    """Ids of the papers that belong to each interest; a paper belongs to the first that has it."""
    found: dict[str, frozenset[str]] = {}
    given: set[str] = set()
    for interest in preferences.interests:
        own = f"{IN_CONFIG}{interest.name}"
        imports = {f"{IMPORT}{name}" for name in interest.libraries}
        ids = {
            i
            for label, ids in state.labelled.items()
            if label in (own, f"{STOOD_IN}{interest.name}")
            or label.startswith(f"{own}: ")
            or label in imports
            for i in ids
        }
        found[interest.name] = frozenset(ids - given)
        given |= ids
    return found


def profile_of(whole: Profile, interest: Interest, ids: Collection[str]) -> Profile:
    """The part of a profile that belongs to an interest, and its keywords."""
    part = without(whole, whole.rated_ids - set(ids))
    words = keyword_papers(interest.keywords)
    weights = part.weights or (1.0,) * len(part.liked)
    return replace(part, liked=(*part.liked, *words), weights=(*weights, *(1.0,) * len(words)))


def is_due(interest: Interest, day: date) -> bool:
    return day.weekday() in interest.weekdays


def due_before(interest: Interest, day: date) -> date:
    """The day before that one on which the interest came."""
    back = (n for n in range(1, 8) if (day - timedelta(days=n)).weekday() in interest.weekdays)
    return day - timedelta(days=next(back))


@dataclass(frozen=True, slots=True)
class InterestRanking:
    """A reader's interest beside its candidates: it has likes or keywords, and there are some."""

    interest: Interest
    candidates: Sequence[Paper]
    reading: Reading

    def picks(
        self, preferences: Preferences, taken: Collection[str], options: RankingOptions
    ) -> list[Pick]:
        """The papers of its section, best first.

        Args:
            taken: papers of interests before it.
        """
        interest, reading = self.interest, self.reading
        scores = self.scores
        free = [
            i
            for i in np.argsort(-scores, kind="stable").tolist()
            if self.candidates[i].id not in taken
            and not is_followed(self.candidates[i], preferences)  # those have a section
        ]
        bar = reading.calibration.stretch
        chosen = literal_hits(interest.keywords, reading, free, twins=interest.all)
        if interest.all:
            by_likes = [i for i in free if scores[i] >= bar] if not reading.keywords_alone else []
            chosen = list(dict.fromkeys([*chosen, *by_likes]))[:MOST_MATCHES]
        else:
            chosen = chosen[: interest.places]
            more = interest.places - len(chosen)
            above = [i for i in free if i not in chosen]
            chosen += best(reading, scores, above, chosen, more, bar=bar, variety=options.variety)[
                :more
            ]
        shares, told = percentiles(scores), explained(reading, chosen)
        return [
            make_pick(
                reading,
                i,
                self.candidates[i],
                Section.INTEREST,
                interest=interest.name,
                score=float(scores[i]),
                percentile=float(shares[i]),
                told=told.get(i),
            )
            for i in chosen
        ]

    def shortfall(self) -> Shortfall:
        """How far its nearest candidate is from the bar."""
        at = int(np.argmax(self.scores))
        title = self.candidates[at].plain_title
        return Shortfall(title, float(self.scores[at]), self.reading.calibration.stretch)

    @property
    def scores(self) -> Floats:
        """(n_candidates,) about cosines."""
        return scores_of(self.reading)

    def place_of(self, paper_id: str) -> Place | None:
        """Where a paper stands, or None if it is no candidate."""
        return place_in(self.candidates, self.scores, paper_id)


def numbered(picks: Sequence[Pick]) -> tuple[Pick, ...]:
    """In reading order, each section whole; the interests' sections as they came."""
    order = list(Section)
    ordered = sorted(picks, key=lambda p: order.index(p.section))
    return tuple(replace(p, rank=n) for n, p in enumerate(ordered, 1))
