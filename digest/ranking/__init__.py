"""Choosing papers: from likes and a day's candidates to picks with reasons. Pure functions.

ranker = fit(background)
scores = ranker.score(liked, candidates)
"""

from digest.ranking.day import Embed
from digest.ranking.filters import Candidates, filter_candidates
from digest.ranking.profile import RankingOptions
from digest.ranking.ranker import SEMANTIC_WEIGHT, Ranker, fit
from digest.ranking.reading import Explanation, Reading
from digest.ranking.selection import select

__all__ = [
    "SEMANTIC_WEIGHT",
    "Candidates",
    "filter_candidates",
    "Explanation",
    "Embed",
    "Ranker",
    "RankingOptions",
    "Reading",
    "fit",
    "select",
]
