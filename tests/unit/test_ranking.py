from __future__ import annotations

import numpy as np
import pytest

from digest.model import Basis, Profile, ReasonKind, Section
from digest.ranking import fit, select
from digest.ranking.ranker import without_parts
from digest.ranking.selection import (
    basis_of,
    build_profile,
    filter_candidates,
    followed_author,
    percentiles,
    same_person,
)
from tests.factories import paper, pick, subscriber, world

LASER = paper(900, title="laser beam mirror", abstract="laser beam lens mirror polarisation")
LEAF = paper(901, title="leaf root pollen", abstract="leaf root pollen flower seedling")


def test_papers_of_the_liked_field_come_first() -> None:
    candidates = world(40)
    scores = fit(candidates).score([LASER], candidates)
    order = np.argsort(-scores)
    assert scores.shape == (40,)
    assert all("laser" in candidates[i].text or "lens" in candidates[i].text for i in order[:10])
    assert scores[[i for i in range(40) if i % 2 == 0]].max() < scores[order[9]]


def test_a_near_copy_of_a_liked_paper_ranks_first() -> None:
    candidates = [*world(30), paper(500, title=LASER.title, abstract=LASER.abstract + " again")]
    scores = fit(candidates).score([LASER], candidates)
    assert int(np.argmax(scores)) == 30


def test_disliked_papers_push_their_like_down() -> None:
    candidates = world(40)
    ranker = fit(candidates)
    liked = ranker.score([LASER, LEAF], candidates)
    pushed = ranker.score([LASER, LEAF], candidates, disliked=[LEAF])
    botany = [i for i in range(40) if i % 2 == 0]
    assert pushed[botany].mean() < liked[botany].mean()


def test_a_block_scores_each_reader_as_if_alone() -> None:
    candidates = world(40)
    ranker = fit(candidates)
    profiles = [
        Profile(subscriber_id="a", liked=(LASER,)),
        Profile(subscriber_id="b", liked=(LEAF,), disliked=(LASER,)),
        Profile(subscriber_id="c"),
    ]
    block = ranker.score_block(profiles, candidates)
    assert block.shape == (3, 40)
    np.testing.assert_allclose(block[0], ranker.score([LASER], candidates), atol=1e-6)
    np.testing.assert_allclose(
        block[1], ranker.score([LEAF], candidates, disliked=[LASER]), atol=1e-6
    )
    assert not block[2].any()


def test_the_same_input_gives_the_same_bits() -> None:
    candidates = world(40)
    first = fit(candidates).score([LASER, LEAF], candidates)
    second = fit(candidates).score([LASER, LEAF], candidates)
    assert first.tobytes() == second.tobytes()


@pytest.mark.parametrize(
    "liked",
    [
        [],
        [paper(1, title="", abstract="")],
        [paper(1, title="zzz", abstract="unseen words only")],
        [paper(1, title="laser", abstract="")],
        [paper(1, title="", abstract="laser")],
    ],
)
def test_scores_are_finite_for_poor_profiles(liked: list) -> None:  # type: ignore[type-arg]
    candidates = [*world(20), paper(77, title="", abstract=""), paper(78, title="the", abstract="")]
    scores = fit(candidates).score(liked, candidates)
    assert np.isfinite(scores).all()
    assert (np.abs(scores) <= 1.00001).all()


def test_nothing_to_learn_from_is_no_error() -> None:
    assert fit([]).score([LASER], []).shape == (0,)
    assert not fit([]).score([LASER], world(3)).any()


def test_a_day_of_one_paper_is_not_compared_with_itself_alone() -> None:
    ranker = fit(world(100))
    (score,) = ranker.score([LASER], [paper(5, title="laser beam", abstract="laser beam lens")])
    assert score > 0.05


def test_contributions_add_up_to_the_score() -> None:
    candidates = world(40)
    ranker = fit(candidates)
    profile = Profile(subscriber_id="a", liked=(LASER, LEAF), disliked=(candidates[3],))
    scores = ranker.score_block([profile], candidates)[0]
    for index in (0, 1, 17):
        told = ranker.explain(profile, candidates, index, n_terms=1000)
        total = told.by_liked.sum() + told.by_disliked.sum() + told.common
        assert told.score == pytest.approx(scores[index], abs=1e-5)
        assert total == pytest.approx(told.score, abs=1e-5)


def test_terms_inside_a_longer_term_are_not_said_twice() -> None:
    terms = ["graph", "graph neural", "neural", "protein", "neural network"]
    assert without_parts(terms, 2) == ("graph neural", "protein")


# --- filters ----------------------------------------------------------------------------------


def test_filters_drop_what_was_seen_muted_or_elsewhere_and_count_it() -> None:
    papers = [
        paper(1),
        paper(2, title="A survey of everything"),
        paper(3, categories=("math.CO",)),
        paper(4, categories=()),
        paper(5, categories=("cs.LG", "cs.CL")),
    ]
    reader = subscriber(muted_terms=("survey",), categories=("cs.CL",))
    found = filter_candidates(papers, reader, {"arxiv:2605.00001"})
    assert [p.arxiv_id for p in found.papers] == ["2605.00004", "2605.00005"]
    assert (found.n_new, found.n_muted, found.n_other_categories) == (4, 1, 1)


def test_an_archive_stands_for_all_its_categories() -> None:
    papers = [paper(1, categories=("cs.CL",)), paper(2, categories=("math.CO",))]
    found = filter_candidates(papers, subscriber(categories=("cs",)), ())
    assert [p.arxiv_id for p in found.papers] == ["2605.00001"]


@pytest.mark.parametrize(
    ("followed", "author", "same"),
    [
        ("Grace Hopper", "Grace Hopper", True),
        ("G. Hopper", "Grace Hopper", True),
        ("Grace Hopper", "G. B. Hopper", True),
        ("Hopper, Grace", "Grace Hopper", True),
        ("José Álvarez", "Jose Alvarez", True),
        ("Grace Hopper", "George Hopper", False),
        ("Grace Hopper", "Hopper", False),
        ("Wei Wang", "Wen Wang", False),
        ("", "Grace Hopper", False),
    ],
)
def test_authors_are_recognised_by_family_name_and_initials(
    followed: str, author: str, same: bool
) -> None:
    assert same_person(followed, author) is same
    assert bool(followed_author(paper(1, authors=(author,)), (followed,))) is same


# --- picks ------------------------------------------------------------------------------------


def picks_for(reader, liked, papers):  # type: ignore[no-untyped-def]
    ranker = fit([*papers, *liked])
    profile = build_profile(reader, liked, ())
    found = filter_candidates(papers, reader, profile.rated_ids)
    chosen = {p.id for p in found.papers}
    scores = ranker.score_block([profile], papers)[0]
    scores = scores[[n for n, p in enumerate(papers) if p.id in chosen]]
    return select(reader, profile, found.papers, scores, ranker, papers)


def test_picks_name_the_nearest_liked_paper_and_the_shared_terms() -> None:
    first = picks_for(subscriber(), [LASER, LEAF], world(30))[0]
    kinds = [r.kind for r in first.reasons]
    assert kinds == [ReasonKind.SIMILAR_PAPER, ReasonKind.SHARED_TERM]
    assert first.reasons[0].evidence[0] in (LASER.title, LEAF.title)
    for term in first.reasons[1].evidence:
        for word in term.split():
            assert word in first.paper.text
    assert 0 < first.score <= 1
    assert first.percentile > 0.8  # others have the same words


def test_a_followed_author_comes_into_a_section_of_its_own_whatever_the_score() -> None:
    papers = [*world(20), paper(99, title="zzz", abstract="qqq", authors=("Grace Hopper",))]
    papers = [p if p.id.endswith("99") else paper_with(p) for p in papers]
    picks = picks_for(subscriber(followed_authors=("G. Hopper",)), [LASER], papers)
    assert picks[0].section is Section.FOLLOWED
    assert picks[0].paper.id.endswith("00099")
    assert picks[0].reasons[0].evidence == ("Grace Hopper",)
    assert [p.rank for p in picks] == list(range(1, len(picks) + 1))


def paper_with(p):  # type: ignore[no-untyped-def]
    from dataclasses import replace

    return replace(p, authors=("Nobody Known",))


def test_trending_takes_its_places_only_with_papers_that_have_votes() -> None:
    papers = world(30)
    papers[0] = paper(0, title="leaf", abstract="leaf", upvotes=80)
    reader = subscriber(edition_size=6, trending_size=3)
    picks = picks_for(reader, [LASER], papers)
    assert [p.section for p in picks].count(Section.TRENDING) == 1
    assert picks[-1].paper.id == papers[0].id
    assert len(picks) == 6


def test_a_bar_makes_a_thin_day_a_short_mail() -> None:
    papers = world(30)
    every = picks_for(subscriber(edition_size=30, trending_size=0), [LASER], papers)
    some = picks_for(subscriber(edition_size=30, trending_size=0, min_score=0.3), [LASER], papers)
    none = picks_for(subscriber(min_score=0.99), [LASER], papers)
    assert len(none) == 0 < len(some) < len(every)
    assert all(p.score > 0.3 for p in some)


def test_without_likes_keywords_serve_then_trending_then_the_newest() -> None:
    papers = world(10)
    voted = [*papers, paper(50, upvotes=9), paper(51, upvotes=30)]
    by_words = picks_for(subscriber(keywords=("laser beam",)), [], voted)
    assert by_words[0].reasons[0].kind is ReasonKind.KEYWORD
    assert by_words[0].reasons[0].evidence == ("laser beam",)
    by_votes = picks_for(subscriber(), [], voted)
    assert [p.paper.signals.upvotes for p in by_votes] == [30, 9]
    newest = picks_for(subscriber(edition_size=4), [], papers)
    assert [p.paper.id for p in newest] == [p.id for p in papers[:4]]
    profile = build_profile(subscriber(), (), ())
    assert basis_of(profile, voted) is Basis.TRENDING
    assert basis_of(profile, papers) is Basis.NEWEST


def test_percentiles_count_who_is_behind() -> None:
    found = percentiles(np.array([0.1, 0.5, 0.5, 0.9], dtype=np.float32))
    assert [round(float(x), 3) for x in found] == [0.0, 0.333, 0.333, 1.0]
    assert percentiles(np.array([0.4], dtype=np.float32)).tolist() == [1.0]
    assert pick().rank == 1
