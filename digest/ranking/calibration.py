"""What a score means for one reader: how close a paper is, beside the papers that they liked.

Scores cannot be compared with one fixed bar: the likes of a reader with one narrow field score
0.2 among themselves, those of a reader with five fields 0.05. So each like is scored as the others
would have scored it on this day, and a candidate is called by the share of the likes that it
leaves behind. Hidden likes score as likes left out in turn do (docs/ranking.md has the figures).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from digest.model import Closeness

Floats = NDArray[np.float32]

#: share of the likes that score lower, from which a paper is called so
SHARES = {Closeness.STRETCH: 0.1, Closeness.CLOSE: 0.25, Closeness.STRONG: 0.5}
#: the same scores, in the same order, of a reader about whom nothing is known, and for how many
#: likes they stand
PRIOR = {Closeness.STRETCH: 0.04, Closeness.CLOSE: 0.08, Closeness.STRONG: 0.14}
PRIOR_LIKES = 4
#: of the weightiest likes so many are left out in turn, spread evenly, since those of one library
#: stand together; more of either would change nothing
WEIGHTIEST, MOST_LEFT_OUT = 60, 30


@dataclass(frozen=True, slots=True)
class Calibration:
    """The scores from which papers are called close; see `Closeness`."""

    stretch: float
    close: float
    strong: float

    @classmethod
    def of(cls, own: Floats) -> Calibration:
        """From the scores that a reader's likes have beside their other likes.

        Args:
            own: (n_likes,), may be empty.
        """
        n = len(own)
        found = np.array(list(PRIOR.values()))
        if n:
            of_likes = np.quantile(own, list(SHARES.values()))
            found = (n * of_likes + PRIOR_LIKES * found) / (n + PRIOR_LIKES)
        # A like that is near to no other like is no reason to call everything close.
        floor = PRIOR[Closeness.STRETCH] / 2
        stretch, close, strong = np.maximum(found, floor).tolist()
        return cls(stretch, close, strong)

    def closeness(self, score: float) -> Closeness | None:
        """What a paper of this score is called; None: it is not close."""
        if score >= self.strong:
            return Closeness.STRONG
        if score >= self.close:
            return Closeness.CLOSE
        return Closeness.STRETCH if score >= self.stretch else None


#: for who gave keywords alone: two keywords need not be near each other
KEYWORDS_ALONE = Calibration(0.1, 0.14, 0.2)
