"""How good a ranking is, by where the papers that a reader turned out to like stand in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from digest.model import Paper, Profile, is_keyword
from digest.ranking.coverage import Coverage
from digest.ranking.profile import without
from digest.ranking.ranker import Ranker

#: fewer likes cannot be split into something to learn from and something to find
MIN_LIKES = 8
#: fewer stored papers are no field to stand out of
MIN_LISTED = 20
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
    """One recipe on one reader's hidden likes, averaged over the groups that were hidden."""

    recipe: str
    ndcg_10: float
    recall_100: float
    mrr: float
    #: where each hidden like landed, all groups together
    ranks: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """What `digest evaluate` says of one reader."""

    email: str
    n_likes: int
    #: likes that were hidden, and dislikes among the papers that they were ranked with
    n_hidden: int = 0
    n_disliked: int = 0
    #: whether the latest likes were hidden from the earlier ones, as it is in life
    in_time_order: bool = False
    #: papers that each hidden group was ranked among
    n_listed: int
    #: empty: there were too few likes or papers to tell
    verdicts: tuple[Verdict, ...] = ()
    #: why there is no verdict, or what limits it
    remark: str = ""
    #: how much of the latest listings is close to them
    coverage: Coverage | None = None


@dataclass(frozen=True, slots=True)
class Hidden:
    """What a reader is thought not to have rated yet: positions of likes and of dislikes."""

    likes: NDArray[np.int64]
    dislikes: NDArray[np.int64]


def folds(n: int, rng: np.random.Generator) -> list[NDArray[np.int64]]:
    """Each of n hidden once, in `FOLDS` groups, some of them empty if n is small."""
    return [np.sort(part) for part in np.array_split(rng.permutation(n), FOLDS)]


def newest_fifth(liked_at: Sequence[datetime], disliked_at: Sequence[datetime]) -> Hidden | None:
    """The latest fifth of the likes, and the dislikes since the first of these.

    Random fifths flatter: a neighbour in time of every hidden like is left to find it by. None if
    no moment parts a fifth from the rest, as with a library that came in one import.
    """
    order = np.argsort(np.array([at.timestamp() for at in liked_at]), kind="stable")
    n = len(order)
    least, most = max(2, n // FOLDS), n // 2
    for n_hidden in range(least, most + 1):
        first = liked_at[order[n - n_hidden]]
        if first > liked_at[order[n - n_hidden - 1]]:
            late = [i for i, at in enumerate(disliked_at) if at >= first]
            return Hidden(np.sort(order[n - n_hidden :]), np.array(late, dtype=np.int64))
    return None


def evaluate(
    email: str,
    profile: Profile,
    listed: Sequence[Paper],
    ranker: Ranker,
    rng: np.random.Generator,
    *,
    liked_at: Sequence[datetime] = (),
    disliked_at: Sequence[datetime] = (),
) -> Evaluation:
    """Hide part of a reader's likes, rank them among listed papers, and say where they landed.

    The newest fifth is hidden if there are moments, else a fifth at a time by chance. Dislikes of
    the same time are hidden with them, as papers that should not be found.

    Args:
        profile: of likes, those with a title or abstract may be hidden; keywords stay.
        listed: stored papers the reader has not rated, newest first.
        liked_at: when each of the first of the profile's likes was liked; empty: nobody knows.
        disliked_at: the same of the dislikes.
    """
    at = [n for n, p in enumerate(profile.liked) if not is_keyword(p) and (p.title or p.abstract)]
    told = [profile.liked[n] for n in at]
    remark = _too_few(len(told), len(listed))
    if remark:
        return Evaluation(email=email, n_likes=len(told), n_listed=len(listed), remark=remark)
    ranker.prepare([*told, *profile.disliked, *listed])
    latest = newest_fifth([liked_at[n] for n in at], disliked_at) if liked_at else None
    by_chance = zip(folds(len(told), rng), folds(len(profile.disliked), rng), strict=True)
    groups = [latest] if latest else [Hidden(*pair) for pair in by_chance if len(pair[0])]
    recipes = _recipes(ranker)
    ranks: dict[str, list[NDArray[np.int64]]] = {name: [] for name in recipes}
    for hidden in groups:
        found = [told[n] for n in hidden.likes]
        repelled = [profile.disliked[n] for n in hidden.dislikes]
        shown = without(profile, {p.id for p in (*found, *repelled)})
        field = [*found, *repelled, *listed]
        for name, recipe in recipes.items():
            ranks[name].append(ranks_of(recipe(shown, field), range(len(found))))
    n_hidden = sum(len(g.likes) for g in groups)
    if n_hidden < 3 * MIN_LIKES:
        remark = f"With {n_hidden} hidden likes, differences under 0.1 mean little."
    if latest is None:
        remark += " They were hidden by chance, which flatters: no dates part later from earlier."
    return Evaluation(
        email=email,
        n_likes=len(told),
        n_hidden=n_hidden,
        n_disliked=sum(len(g.dislikes) for g in groups),
        in_time_order=latest is not None,
        n_listed=len(listed),
        verdicts=tuple(_verdict(name, of_folds) for name, of_folds in ranks.items()),
        remark=remark.strip(),
    )


def _too_few(n_likes: int, n_listed: int) -> str:
    """Why nothing can be said; nothing if it can."""
    if n_likes < MIN_LIKES:
        return f"{n_likes} likes are too few to tell; {MIN_LIKES} are needed."
    if n_listed < MIN_LISTED:
        return f"{n_listed} stored papers are too few to rank among; run a few days first."
    return ""


def _verdict(recipe: str, of_folds: Sequence[NDArray[np.int64]]) -> Verdict:
    """Means over the folds.

    Args:
        of_folds: where the likes that each fold hid landed.
    """
    return Verdict(
        recipe=recipe,
        ndcg_10=float(np.mean([ndcg(places, len(places)) for places in of_folds])),
        recall_100=float(np.mean([recall(places, len(places)) for places in of_folds])),
        mrr=float(np.mean([reciprocal_rank(places) for places in of_folds])),
        ranks=tuple(sorted(int(place) for places in of_folds for place in places)),
    )


Recipe = Callable[[Profile, Sequence[Paper]], NDArray[np.float32]]


def _recipes(ranker: Ranker) -> Mapping[str, Recipe]:
    def digest(profile: Profile, papers: Sequence[Paper]) -> NDArray[np.float32]:
        row: NDArray[np.float32] = ranker.score_block([profile], papers)[0]
        return row

    def popularity(profile: Profile, papers: Sequence[Paper]) -> NDArray[np.float32]:
        return np.array([p.signals.upvotes or 0 for p in papers], dtype=np.float32)

    def newest(profile: Profile, papers: Sequence[Paper]) -> NDArray[np.float32]:
        days = [p.announced or (p.published.date() if p.published else None) for p in papers]
        known = [d.toordinal() for d in days if d]
        # A like without a date is no argument against this order: it stands in the middle.
        usual = float(np.median(known)) if known else 0.0
        return np.array([d.toordinal() if d else usual for d in days], dtype=np.float32)

    return {
        "digest": digest,
        "plain centroid": ranker.plain_centroid,
        "popularity": popularity,
        "newest first": newest,
    }
