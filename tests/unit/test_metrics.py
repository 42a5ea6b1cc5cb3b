from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from digest.model import Paper, Profile
from digest.ranking import fit
from digest.ranking.coverage import Coverage, Venue, coverage
from digest.ranking.metrics import (
    evaluate,
    folds,
    ndcg,
    newest_fifth,
    ranks_of,
    recall,
    reciprocal_rank,
    without,
)
from tests.factories import paper, world
from tests.unit.test_ranking import FIELDS, field


def places(*ranks: int) -> np.ndarray:
    return np.array(ranks, dtype=np.int64)


def test_metrics_agree_with_their_definitions() -> None:
    assert ndcg(places(1, 2, 3), 3) == pytest.approx(1.0)
    assert ndcg(places(2), 1) == pytest.approx(1 / np.log2(3))
    assert ndcg(places(11), 1) == 0
    assert recall(places(5, 150), 2) == 0.5
    assert reciprocal_rank(places(4, 9)) == 0.25
    assert reciprocal_rank(places()) == 0


def test_a_ranking_that_knows_nothing_lands_in_the_middle() -> None:
    assert ranks_of(np.zeros(101, dtype=np.float32), [0, 50]).tolist() == [51, 51]
    scores = np.array([0.1, 0.9, 0.5], dtype=np.float32)
    assert ranks_of(scores, [1, 2, 0]).tolist() == [1, 2, 3]


def test_every_like_is_hidden_once() -> None:
    parts = folds(13, np.random.default_rng(0))
    assert sorted(i for part in parts for i in part) == list(range(13))
    assert len(parts) == 5


def test_hidden_likes_are_found_by_what_is_left_and_not_by_chance_or_date() -> None:
    liked = field("optics", 15, 1000)
    listed = [p for n, name in enumerate(FIELDS) for p in field(name, 20, 3000 + 100 * n)]
    listed = [p for p in listed if p.categories != ("optics",)]
    told = evaluate(
        "a@x",
        Profile(subscriber_id="", liked=tuple(liked)),
        listed,
        fit(listed),
        np.random.default_rng(0),
    )
    by_name = {v.recipe: v for v in told.verdicts}
    assert set(by_name) == {"digest", "plain centroid", "popularity", "newest first"}
    assert by_name["digest"].ndcg_10 > 0.95
    assert by_name["digest"].recall_100 == 1
    assert by_name["digest"].mrr == pytest.approx(1)
    assert len(by_name["digest"].ranks) == 15
    assert by_name["popularity"].ndcg_10 < 0.3
    assert "15 hidden likes" in told.remark
    assert "flatters" in told.remark


def test_the_newest_fifth_is_hidden_and_later_dislikes_stand_beside_it() -> None:
    """Who turned from optics to botany is judged on botany."""
    liked = [*field("optics", 12, 1000), *field("botany", 3, 1100)]
    disliked = [*field("law", 2, 1200), *field("music", 2, 1300)]
    when = [datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=n) for n in range(15)]
    told = evaluate(
        "a@x",
        Profile(subscriber_id="", liked=tuple(liked), disliked=tuple(disliked)),
        field("law", 60, 3000),
        fit([]),
        np.random.default_rng(0),
        liked_at=when,
        disliked_at=[when[0], when[3], when[12], when[14]],
    )
    assert (told.in_time_order, told.n_hidden, told.n_disliked) == (True, 3, 2)
    assert "flatters" not in told.remark
    assert all(len(v.ranks) == 3 for v in told.verdicts)
    assert max(told.verdicts[0].ranks) <= 62 + 3


def test_what_is_hidden_leaves_the_profile_with_its_weight() -> None:
    likes, dislikes = field("optics", 3, 1000), field("law", 2, 1200)
    told = Profile(
        subscriber_id="",
        liked=tuple(likes),
        weights=(1.0, 2.0, 3.0),
        disliked=tuple(dislikes),
        dislike_weights=(1.0, 3.0),
    )
    left = without(told, {likes[1].id, dislikes[0].id})
    assert (left.liked, left.weights) == ((likes[0], likes[2]), (1.0, 3.0))
    assert (left.disliked, left.dislike_weights) == ((dislikes[1],), (3.0,))


@pytest.mark.parametrize(
    ("days", "hidden"),
    [
        ([0] * 10, None),
        ([0] * 8 + [1, 1], [8, 9]),
        ([1, 1, *[0] * 8], [0, 1]),
        ([0] * 7 + [5] * 3, [7, 8, 9]),
        ([0] * 4 + [5] * 6, None),
    ],
)
def test_a_fifth_is_parted_only_where_a_moment_parts_it(
    days: list[int], hidden: list[int] | None
) -> None:
    when = [datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=n) for n in days]
    found = newest_fifth(when, [])
    assert (found.likes.tolist() if found else None) == hidden


def test_the_hidden_likes_teach_nothing() -> None:
    # Likes that share no word with each other cannot be found by closeness; a leak would find them.
    # (The ranker itself puts papers unlike all others first, so the centroid is asked.)
    liked = [paper(n, title=f"alpha{n}x", abstract=f"beta{n}x gamma{n}x") for n in range(10)]
    listed = field("law", 60, 3000)
    told = evaluate(
        "a@x",
        Profile(subscriber_id="", liked=tuple(liked)),
        listed,
        fit(listed),
        np.random.default_rng(0),
    )
    by_name = {v.recipe: v for v in told.verdicts}
    assert by_name["plain centroid"].ndcg_10 < 0.5


@pytest.mark.parametrize(("n_likes", "n_listed"), [(7, 50), (12, 5), (0, 0)])
def test_too_few_likes_or_papers_are_told_plainly(n_likes: int, n_listed: int) -> None:
    told = evaluate(
        "a@x",
        Profile(subscriber_id="", liked=tuple(field("optics", n_likes, 1000))),
        field("law", n_listed, 3000),
        fit([]),
        np.random.default_rng(0),
    )
    assert told.verdicts == ()
    assert "too few" in told.remark


def covered(likes: list[Paper], categories: tuple[str, ...] = ("cs.CL",)) -> Coverage:
    """Of a day of optics, half of it in physics.optics."""
    optics, botany = world(60)[1::2], world(60)[::2]
    listed = [
        *(replace(p, categories=("physics.optics",)) for p in optics),
        *(replace(p, categories=categories) for p in botany),
    ]
    ranker = fit(listed)
    return coverage(ranker.read(Profile(subscriber_id="a", liked=tuple(likes)), listed))


def test_coverage_tells_which_categories_are_close() -> None:
    found = covered([paper(900, title="laser beam mirror", abstract="laser beam lens mirror")])
    assert (found.n_listed, found.is_poor) == (60, False)
    assert 10 <= found.n_close <= 30
    (first, near, listed), *_ = found.categories
    assert (first, near, listed) == ("physics.optics", found.n_close, 30)
    assert not found.missing


def test_coverage_tells_where_likes_come_from_that_nobody_lists() -> None:
    def like(n: int, **changes: object) -> Paper:
        text = "glacier moraine firn"
        return replace(paper(n, title=text, abstract=f"{text} ice"), **changes)  # type: ignore[arg-type]

    glaciers = [like(n, categories=("physics.ao-ph", "cs.CL")) for n in (1, 2, 3)]
    biology = [like(n, id=f"doi:10.1101/{n}", doi=f"10.1101/{n}", categories=()) for n in (4, 5)]
    journal = [like(n, id=f"pmid:{n}", journal_ref="Ice", categories=()) for n in (6, 7)]
    listed = [like(n, categories=("cs.CL",)) for n in (8, 9)]
    once = [like(10, categories=("math.GT",))]
    found = covered([*glaciers, *biology, *journal, *listed, *once])
    assert found.is_poor
    assert found.missing == (
        (Venue("physics.ao-ph", "arxiv"), 3),
        (Venue("Ice", "crossref"), 2),
        (Venue("bioRxiv and medRxiv", "biorxiv"), 2),
    )
