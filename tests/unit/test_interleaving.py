"""Two rankers in one mail."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest

from digest.model import Profile, ReasonKind, Team
from digest.preferences import Preferences
from digest.ranking import fit, select
from digest.ranking.interleaving import judge, team_draft
from digest.ranking.profile import RankingOptions
from digest.ranking.reader import DayRanking
from tests.factories import subscriber
from tests.unit.test_interests import DAY, EIGHT, MAIN, entries, state_of
from tests.unit.test_interests import LISTED as PAPERS
from tests.unit.test_ranking import NOW, field


def test_both_choose_in_turns_and_none_twice() -> None:
    rng = np.random.default_rng(3)
    first, rival = list(range(20)), list(range(10, 40))
    chosen = team_draft(first, rival, 12, rng)
    assert len(chosen) == 12
    teams = list(chosen.values())
    assert teams.count(Team.FIRST) == teams.count(Team.RIVAL) == 6
    for n in range(0, 12, 2):  # each round has both
        assert set(teams[n : n + 2]) == {Team.FIRST, Team.RIVAL}
    assert next(i for i, t in chosen.items() if t is Team.FIRST) == 0
    assert next(i for i, t in chosen.items() if t is Team.RIVAL) == 10


def test_what_both_like_most_goes_to_either_as_often() -> None:
    owners = [
        team_draft([7, 1, 2], [7, 3, 4], 2, np.random.default_rng(seed))[7] for seed in range(400)
    ]
    assert 160 < owners.count(Team.FIRST) < 240


@pytest.mark.parametrize(
    ("first", "rival", "n"), [([], [1, 2], 2), ([1], [1], 5), ([], [], 3), ([1, 2, 3], [1], 3)]
)
def test_who_has_nothing_left_lets_the_other_choose_for_nobody(
    first: list[int], rival: list[int], n: int
) -> None:
    chosen = team_draft(first, rival, n, np.random.default_rng(1))
    assert set(chosen) == set(first) | set(rival)
    if not first:
        assert set(chosen.values()) <= {Team.NONE}


def test_likes_count_for_who_chose() -> None:
    def picks(n_days: int, first: int, rival: int) -> list[tuple[date, Team, bool]]:
        return [
            (DAY + timedelta(days=d), team, n < liked)
            for d in range(n_days)
            for team, liked in ((Team.FIRST, first), (Team.RIVAL, rival))
            for n in range(6)
        ]

    found = judge(picks(10, 3, 1))
    assert (found.n_editions, found.n_first, found.n_rival) == (10, 60, 60)
    assert (found.liked_first, found.liked_rival) == (30, 10)
    assert (found.won_first, found.won_rival) == (10, 0)
    assert found.p_value == pytest.approx(2 / 1024)
    level = judge(picks(4, 2, 2))
    assert (level.won_first, level.won_rival, level.p_value) == (0, 0, 1.0)
    assert judge([]).n_editions == 0


def test_a_rival_takes_turns_in_for_you_alone() -> None:

    def picks(options: RankingOptions):  # type: ignore[no-untyped-def]
        day = DayRanking(
            entries(PAPERS),
            {p.id: p for p in PAPERS},
            now=NOW,
            background=lambda: field("music", 60, 9000),
            options=options,
        )
        reader = subscriber(keywords=("pollen",), length=12, trending=0)
        return day.reader(reader, DAY, state_of(*MAIN[:40], *EIGHT)).picks()

    alone = picks(RankingOptions())
    assert {p.team for p in alone} == {Team.NONE}
    same = picks(RankingOptions(rival=RankingOptions()))
    assert {p.paper.id for p in same} == {p.paper.id for p in alone}
    both = picks(RankingOptions(rival=RankingOptions(half_life_days=5, variety=0.9)))
    teams = [p.team for p in both]
    assert abs(teams.count(Team.FIRST) - teams.count(Team.RIVAL)) <= 1
    assert [p.rank for p in both] == list(range(1, len(both) + 1))
    assert all(p.team is Team.NONE for p in both if "pollen" in p.paper.text)
    assert picks(RankingOptions(rival=RankingOptions(half_life_days=5, variety=0.9))) == both


def test_what_the_rival_alone_would_choose_is_explained_by_it_and_is_no_contest() -> None:
    papers = field("optics", 20, 3000)
    ranker = fit([*field("law", 40, 5000), *field("music", 40, 9000)])
    ranker.prepare(papers)
    botanist, optician = (
        ranker.read(Profile(subscriber_id="a", liked=tuple(likes)), papers)
        for likes in (EIGHT, field("optics", 8, 1000))
    )
    picks = select(
        Preferences(length=5, trending=0),
        papers,
        botanist,
        options=RankingOptions(rival=RankingOptions()),
        day=DAY,
        rng=np.random.default_rng(1),
        rival=optician,
    )
    assert len(picks) == 5
    assert {p.team for p in picks} == {Team.NONE}
    assert all(p.closeness and p.reasons[0].kind is ReasonKind.SIMILAR_PAPER for p in picks)
