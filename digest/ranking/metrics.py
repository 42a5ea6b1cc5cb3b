"""How good a ranking is, by where the papers that a reader turned out to like stand in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from digest.model import Paper, Profile
from digest.ranking.ranker import Ranker

#: fewer likes cannot be split into something to learn from and something to find
MIN_LIKES = 8
FOLDS = 5


def ndcg(ranks: NDArray[np.int64], n_relevant: int, k: int = 10) -> float:
    """Normalised discounted cumulative gain at k, binary relevance.

    Args:
        ranks: (n_found,) places of the relevant papers, 1 is best.

    >>> ndcg(np.array([1, 2]), 2)
    1.0
    """
    gain = (1 / np.log2(ranks[ranks <= k] + 1)).sum()
    ideal = (1 / np.log2(np.arange(1, min(k, n_relevant) + 1) + 1)).sum()
    return float(gain / ideal) if n_relevant else 0.0


def recall(ranks: NDArray[np.int64], n_relevant: int, k: int = 100) -> float:
    return float((ranks <= k).sum() / n_relevant) if n_relevant else 0.0


def reciprocal_rank(ranks: NDArray[np.int64]) -> float:
    """Of the first relevant paper."""
    return float(1 / ranks.min()) if len(ranks) else 0.0


def ranks_of(scores: NDArray[np.float32], relevant: Sequence[int]) -> NDArray[np.int64]:
    """(n_relevant,) places of these candidates, 1 is best; among equals the middle place, so that
    a recipe which knows nothing is not rewarded for the order of its input."""
    found = scores[list(relevant)]
    above = (scores[None, :] > found[:, None]).sum(axis=1)
    equal = (scores[None, :] == found[:, None]).sum(axis=1)
    return np.asarray(above + (equal + 2) // 2, dtype=np.int64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """One recipe on one reader's hidden likes, averaged over the folds."""

    recipe: str
    ndcg_10: float
    recall_100: float
    mrr: float
    #: where each hidden like landed, all folds together
    ranks: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """What `digest evaluate` says of one reader."""

    email: str
    n_likes: int
    #: papers that each hidden group was ranked among
    n_listed: int
    #: empty: there were too few likes or papers to tell
    verdicts: tuple[Verdict, ...] = ()
    #: why there is no verdict, or what limits it
    remark: str = ""


def folds(n: int, rng: np.random.Generator) -> list[NDArray[np.int64]]:
    """Each like hidden once, in up to `FOLDS` groups."""
    return [np.sort(part) for part in np.array_split(rng.permutation(n), min(FOLDS, n))]


def evaluate(
    email: str,
    liked: Sequence[Paper],
    listed: Sequence[Paper],
    ranker: Ranker,
    rng: np.random.Generator,
) -> Evaluation:
    """Hide part of a reader's likes, rank them among listed papers, and say where they landed.

    Args:
        liked: without keywords; only those with a title or abstract.
        listed: stored papers the reader has not rated, newest first.
    """
    told = [p for p in liked if p.title or p.abstract]
    if len(told) < MIN_LIKES:
        return Evaluation(
            email=email,
            n_likes=len(told),
            n_listed=len(listed),
            remark=f"{len(told)} likes are too few to tell; {MIN_LIKES} are needed.",
        )
    if len(listed) < 20:
        return Evaluation(
            email=email,
            n_likes=len(told),
            n_listed=len(listed),
            remark=f"{len(listed)} stored papers are too few to rank among; run a few days first.",
        )
    candidates = [*told, *listed]
    ranker.prepare(candidates)
    recipes = _recipes(ranker)
    found: dict[str, list[tuple[float, float, float]]] = {name: [] for name in recipes}
    ranks: dict[str, list[int]] = {name: [] for name in recipes}
    for hidden in folds(len(told), rng):
        shown = [p for n, p in enumerate(told) if n not in set(hidden.tolist())]
        field = [told[n] for n in hidden] + list(listed)
        for name, recipe in recipes.items():
            places = ranks_of(recipe(shown, field), range(len(hidden)))
            found[name].append(
                (ndcg(places, len(hidden)), recall(places, len(hidden)), reciprocal_rank(places))
            )
            ranks[name] += places.tolist()
    verdicts = []
    for name in recipes:
        means = np.mean(found[name], axis=0)
        verdicts.append(
            Verdict(
                recipe=name,
                ndcg_10=float(means[0]),
                recall_100=float(means[1]),
                mrr=float(means[2]),
                ranks=tuple(sorted(ranks[name])),
            )
        )
    remark = ""
    if len(told) < 3 * MIN_LIKES:
        remark = f"With {len(told)} likes, differences under 0.1 mean little."
    return Evaluation(
        email=email,
        n_likes=len(told),
        n_listed=len(listed),
        verdicts=tuple(verdicts),
        remark=remark,
    )


Recipe = Callable[[Sequence[Paper], Sequence[Paper]], NDArray[np.float32]]


def _recipes(ranker: Ranker) -> Mapping[str, Recipe]:
    def centroid(liked: Sequence[Paper], papers: Sequence[Paper]) -> NDArray[np.float32]:
        return ranker.plain_centroid(Profile(subscriber_id="", liked=tuple(liked)), papers)

    def popularity(liked: Sequence[Paper], papers: Sequence[Paper]) -> NDArray[np.float32]:
        return np.array([p.signals.upvotes or 0 for p in papers], dtype=np.float32)

    def newest(liked: Sequence[Paper], papers: Sequence[Paper]) -> NDArray[np.float32]:
        days = [p.announced or (p.published.date() if p.published else None) for p in papers]
        known = [d.toordinal() for d in days if d]
        # A like without a date is no argument against this order: it stands in the middle.
        usual = float(np.median(known)) if known else 0.0
        return np.array([d.toordinal() if d else usual for d in days], dtype=np.float32)

    return {
        "digest": ranker.score,
        "plain centroid": centroid,
        "popularity": popularity,
        "newest first": newest,
    }
