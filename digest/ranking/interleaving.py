"""Two rankers in one mail: which of them brings what its reader likes?

Team-draft interleaving (Radlinski, Kurup, Joachims 2008, "How does clickthrough data reflect
retrieval quality?"): the two choose in turns, the first of each round by lot, and a like counts for
who chose the paper. So day, reader and place are the same for both, and a difference shows with
fewer readers than if each got the mails of one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from math import comb

import numpy as np

from digest.model import Team


def team_draft(
    first: Sequence[int], rival: Sequence[int], n: int, rng: np.random.Generator
) -> dict[int, Team]:
    """Choose by turns; who has nothing left lets the other choose, for nobody.

    Args:
        first, rival: what each would choose, best first.
        n: how many are wanted.

    Returns:
        in the order of choice, who chose each.
    """
    chosen: dict[int, Team] = {}
    left = {Team.FIRST: list(first), Team.RIVAL: list(rival)}
    while len(chosen) < n:
        if any(all(i in chosen for i in of) for of in left.values()):
            rest = [i for of in left.values() for i in of if i not in chosen]
            return chosen | dict.fromkeys(rest[: n - len(chosen)], Team.NONE)
        order = [Team.FIRST, Team.RIVAL]
        if rng.random() < 0.5:
            order.reverse()
        for team in order:
            mine = next((i for i in left[team] if i not in chosen), None)
            if mine is not None and len(chosen) < n:
                chosen[mine] = team
    return chosen


@dataclass(frozen=True, slots=True)
class Duel:
    """What readers made of the two rankers in interleaved editions."""

    n_editions: int
    #: papers that each chose, and how many of these were liked
    n_first: int = 0
    n_rival: int = 0
    liked_first: int = 0
    liked_rival: int = 0
    #: editions in which more of the one's papers were liked
    won_first: int = 0
    won_rival: int = 0

    @property
    def p_value(self) -> float:
        """Two-sided sign test over the editions that one of them won: how often a difference as
        large comes by chance."""
        n, most = self.won_first + self.won_rival, max(self.won_first, self.won_rival)
        if not n:
            return 1.0
        as_large = sum(comb(n, k) for k in range(most, n + 1))
        return min(1.0, 2 * as_large / float(2**n))


def judge(picks: Iterable[tuple[date, Team, bool]]) -> Duel:
    """What became of the papers that either of two rankers chose.

    Args:
        picks: the date of the edition, who chose the paper, and whether it was liked.
    """
    shown: Counter[Team] = Counter()
    liked: Counter[Team] = Counter()
    by_edition: dict[date, Counter[Team]] = {}
    for day, team, is_liked in picks:
        shown[team] += 1
        liked[team] += is_liked
        by_edition.setdefault(day, Counter())[team] += is_liked
    leads = [of[Team.FIRST] - of[Team.RIVAL] for of in by_edition.values()]
    return Duel(
        n_editions=len(by_edition),
        n_first=shown[Team.FIRST],
        n_rival=shown[Team.RIVAL],
        liked_first=liked[Team.FIRST],
        liked_rival=liked[Team.RIVAL],
        won_first=sum(lead > 0 for lead in leads),
        won_rival=sum(lead < 0 for lead in leads),
    )
