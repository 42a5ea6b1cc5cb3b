"""Choosing papers: from likes and a day's candidates to picks with reasons. Pure functions.

ranker = fit(background)
scores = ranker.score(liked, candidates)
"""

from digest.ranking.ranker import Explanation, Ranker, fit
from digest.ranking.selection import Candidates, select

__all__ = ["Candidates", "Explanation", "Ranker", "fit", "select"]
