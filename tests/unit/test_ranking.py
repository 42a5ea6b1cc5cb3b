from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest

from digest.authors import same_person
from digest.model import (
    Basis,
    Closeness,
    FilterKind,
    ListingEntry,
    Paper,
    Profile,
    ReaderState,
    Reason,
    ReasonKind,
    Section,
    Subscriber,
)
from digest.ranking import Ranker, filter_candidates, filters, fit, reasons, select, selection
from digest.ranking.calibration import Calibration
from digest.ranking.choice import percentiles
from digest.ranking.filters import unused_terms
from digest.ranking.fitted import Fitted
from digest.ranking.literal import LiteralIndex
from digest.ranking.profile import RankingOptions, basis_of, build_profile
from digest.ranking.ranker import without_parts
from digest.ranking.reader import DayRanking
from digest.ranking.reading import Reading
from digest.ranking.reasons import key_sentence, phrases
from digest.ranking.ridge import AXES, DayRidge, Features
from digest.ranking.selection import (
    chance,
    followed_author,
    heat,
    journal_versions,
)
from digest.ranking.vectors import Vectors, document
from digest.text import sentences
from tests.factories import paper, pick, subscriber, world

DAY = date(2026, 5, 20)
NOW = datetime(2026, 5, 20, 8, tzinfo=UTC)
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
    assert np.isfinite(fit([]).score([LASER], world(3))).all()
    assert not fit([]).score([], world(3)).any()


def test_a_day_of_one_paper_is_not_compared_with_itself_alone() -> None:
    ranker = fit(world(100))
    (score,) = ranker.score([LASER], [paper(5, title="laser beam", abstract="laser beam lens")])
    assert score > 0.05


@pytest.mark.parametrize("n", [40, 400], ids=["words alone", "with latent directions"])
def test_contributions_add_up_to_the_score(n: int) -> None:
    candidates = world(n)
    ranker = fit(world(30))
    profile = Profile(
        subscriber_id="a", liked=(LASER, LEAF), disliked=(candidates[3],), weights=(1.0, 0.25)
    )
    scores = ranker.score_block([profile], candidates)[0]
    parts, common = ranker.read(profile, candidates).parts()
    for index in (0, 1, 17):
        told = ranker.read(profile, candidates).explain([index])[0]
        assert told.score == pytest.approx(scores[index], abs=1e-5)
        by_paper = told.by_liked.sum() + told.by_disliked.sum() + told.common
        assert by_paper == pytest.approx(told.score, abs=1e-5)
        assert told.by_term.sum() + told.offset == pytest.approx(told.score, abs=1e-5)
        assert parts[:, index] == pytest.approx(told.by_liked, abs=1e-6)
        assert common[index] == pytest.approx(-told.common, abs=1e-6)
        assert told.by_disliked[0] <= 0 or index != 3


def test_papers_are_explained_together_as_they_are_alone() -> None:
    candidates = (*world(60), paper(970, title="Qq", abstract=""))
    profile = Profile(subscriber_id="a", liked=(LASER, LEAF), disliked=(candidates[3],))
    reading = fit(world(30)).read(profile, candidates[5:])
    wanted = [4, 55, 0, 17]  # one of them holds no known word
    for index, together in zip(wanted, reading.explain(wanted), strict=True):
        (alone,) = reading.explain([index])
        assert together.score == pytest.approx(alone.score, abs=1e-6)
        assert together.by_liked == pytest.approx(alone.by_liked, abs=1e-6)
        assert together.columns.tolist() == alone.columns.tolist()
        assert together.by_term == pytest.approx(alone.by_term, abs=1e-6)
    assert not len(reading.explain([55])[0].columns)
    assert reading.explain([]) == []


def test_what_others_like_changes_nobodys_scores() -> None:
    candidates = world(300)
    alone = fit(candidates).score([LASER], candidates)
    ranker = fit(candidates)
    ranker.score([LEAF, paper(5, title="zzz")], candidates)
    block = ranker.score_block(
        [Profile(subscriber_id="b", liked=(LEAF,)), Profile(subscriber_id="a", liked=(LASER,))],
        candidates,
    )
    np.testing.assert_array_equal(alone, ranker.score([LASER], candidates))
    np.testing.assert_allclose(block[1], alone, atol=1e-6)


def test_a_part_of_the_day_is_scored_as_in_the_whole_day() -> None:
    candidates = world(60)
    ranker = fit(world(20))
    whole = ranker.score([LASER], candidates)
    some = [candidates[n] for n in (7, 3, 50)]
    np.testing.assert_allclose(ranker.score([LASER], some), whole[[7, 3, 50]], atol=1e-6)
    equal = [replace(p, announce_type="cross") for p in some]
    np.testing.assert_allclose(ranker.score([LASER], equal), whole[[7, 3, 50]], atol=1e-6)


def test_newer_likes_weigh_more() -> None:
    reader = subscriber()
    profile = profile_of(reader, [LASER, LEAF], [0, 300], half_life_days=100)
    assert profile.weights == (1.0, 0.125)
    assert profile_of(reader, [LASER], [900], half_life_days=0).weights == ()
    candidates = world(40)
    ranker = fit(candidates)
    scores = ranker.score_block([profile], candidates)[0]
    optics = [i for i in range(40) if i % 2]
    botany = [i for i in range(40) if i % 2 == 0]
    assert scores[optics].mean() > scores[botany].mean()


def test_a_score_over_the_length_of_the_direction_is_a_cosine() -> None:
    candidates = world(400)
    ranker = fit(candidates)
    for liked in ((LASER,), (LASER, LEAF), tuple(candidates[:50])):
        profile = Profile(subscriber_id="", liked=liked)
        scores = ranker.score_block([profile], candidates)[0]
        assert np.abs(scores / ranker.read(profile, candidates).length).max() < 1.5


def test_terms_inside_a_longer_term_are_not_said_twice() -> None:
    terms = ["graph", "graph neural", "neural", "protein", "neural network"]
    assert list(without_parts(terms, 2)) == ["graph neural", "protein"]


# --- filters ----------------------------------------------------------------------------------


def test_filters_drop_what_was_seen_muted_or_elsewhere_and_count_it() -> None:
    papers = [
        paper(1),
        paper(2, title="A survey of everything"),
        paper(3, categories=("math.CO",)),
        paper(4, categories=()),
        paper(5, categories=("cs.LG", "cs.CL")),
    ]
    reader = subscriber(muted=("survey",), categories=("cs.CL",))
    found = filter_candidates(papers, reader.preferences, {"arxiv:2605.00001"})
    assert [p.arxiv_id for p in found.papers] == ["2605.00004", "2605.00005"]
    assert found.n_new == 4
    assert found.dropped == {FilterKind.MUTED_TERMS: 1, FilterKind.CATEGORIES: 1}


def kept(reader: Subscriber, *papers: Paper) -> list[str]:
    return [p.arxiv_id[-1] for p in filter_candidates(papers, reader.preferences, ()).papers]


def test_each_filter_takes_what_it_names_and_nothing_else() -> None:
    papers = (
        paper(1, title="GPT-9 and friends", authors=("Grace B. M. Hopper",)),
        paper(2, title="On proteins", announce_type="cross", upvotes=1, authors=("A",)),
        paper(3, title="Protein folding", abstract="No model.", upvotes=7, authors=("B",)),
    )
    for reader, expected in (
        (subscriber(), "123"),
        (subscriber(muted=("/gpt-\\d/",)), "23"),
        (subscriber(muted=("GPT-9", "/fold(s|ing)$/")), "23"),
        (subscriber(required=("protein",)), "23"),
        (subscriber(required=("/^protein/",)), "3"),
        (subscriber(muted_authors=("Hopper, G.",)), "23"),
        (subscriber(min_upvotes=2), "13"),  # nobody counts votes for the first
        (subscriber(announce_types=("new",)), "13"),
    ):
        assert "".join(kept(reader, *papers)) == expected, reader


def test_expressions_that_take_too_long_cost_a_filter_and_not_the_day(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    papers = [paper(n, abstract="a" * 400 + "b") for n in range(20)] + [paper(99, title="A survey")]
    slow = subscriber(muted=("/a[ab]*b$/", "survey"))
    monkeypatch.setattr(filters, "MAX_STEPS", 50_000)
    found = filter_candidates(papers, slow.preferences, ())
    assert 0 < len(found.papers) < 20  # in the order of the papers, on every machine the same
    assert paper(99).id not in {p.id for p in found.papers}
    assert caplog.text.count("filter.too_slow") == 1


@pytest.mark.parametrize(
    "term",
    [
        "/(?=x)y/",
        r"/(a)\1/",
        "/(?<!a)b/",
        f"/{'(' * 12}a{'){2,3}' * 12}/",
        "/(?:(?:a{30}){30}){30}/",
        f"/{'a' * 201}/",
        "/.{1000}/",
    ],
)
def test_stored_expressions_that_no_longer_pass_are_told_and_not_run(term: str) -> None:
    old = subscriber(muted=(term, "/subject 3/", "subject 4"))
    found = filter_candidates([paper(n) for n in range(1, 6)], old.preferences, ())
    assert [p.id[-1] for p in found.papers] == ["1", "2", "5"]
    (told,) = unused_terms(old.preferences)
    assert told.startswith('"/')
    assert told.endswith(".")


def test_more_expressions_than_are_taken_are_told() -> None:
    many = subscriber(muted=tuple(f"/[a-z .]+[0-9]{{{n}}}/" for n in range(5, 205)))
    assert len(unused_terms(many.preferences)) == 190


def test_an_archive_stands_for_all_its_categories() -> None:
    papers = [paper(1, categories=("cs.CL",)), paper(2, categories=("math.CO",))]
    found = filter_candidates(papers, subscriber(categories=("cs",)).preferences, ())
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


def picks_for(reader, liked, papers, background=(), **options):  # type: ignore[no-untyped-def]
    ranker = fit([*background, *liked])
    profile = profile_of(reader, liked)
    found = filter_candidates(papers, reader.preferences, profile.rated_ids)
    ranker.prepare(papers)
    return select(
        reader.preferences,
        found.papers,
        ranker.read(profile, found.papers),
        options=RankingOptions(**options),
        day=DAY,
        rng=chance(reader, DAY),
    )


def profile_of(reader, liked, ages_days=(), **options):  # type: ignore[no-untyped-def]
    ages = ages_days or [0.0] * len(liked)
    state = ReaderState(liked=tuple(liked), liked_at=tuple(NOW - timedelta(days=a) for a in ages))
    return build_profile(reader.preferences, state, NOW, RankingOptions(**options))


def test_picks_name_the_nearest_liked_paper_and_the_shared_terms() -> None:
    first = picks_for(subscriber(), [LASER, LEAF], world(30))[0]
    kinds = [r.kind for r in first.reasons]
    assert kinds[0] is ReasonKind.SIMILAR_PAPER
    assert kinds[-1] is ReasonKind.SHARED_TERM
    assert first.reasons[0].evidence[0] in (LASER.title, LEAF.title)
    likes = f"{LASER.text} {LEAF.text}"
    for phrase in first.reasons[-1].evidence:
        assert phrase in first.paper.text
        assert all(word in likes for word in phrase.split())
    assert 0 < first.score <= 1
    assert first.percentile > 0.8  # others have the same words


def test_a_followed_author_comes_into_a_section_of_its_own_whatever_the_score() -> None:
    papers = [*world(20), paper(99, title="zzz", abstract="qqq", authors=("Grace Hopper",))]
    papers = [p if p.id.endswith("99") else paper_with(p) for p in papers]
    picks = picks_for(subscriber(authors=("G. Hopper",)), [LASER], papers)
    assert picks[0].section is Section.FOLLOWED
    assert picks[0].paper.id.endswith("00099")
    assert picks[0].reasons[0].evidence == ("Grace Hopper",)
    assert [p.rank for p in picks] == list(range(1, len(picks) + 1))


def paper_with(p):  # type: ignore[no-untyped-def]
    return replace(p, authors=("Nobody Known",))


def test_trending_takes_its_places_only_with_papers_that_have_votes() -> None:
    papers = [paper(0, title="leaf", abstract="leaf", upvotes=80), *field("optics", 29, 3000)]
    reader = subscriber(length=6, trending=3)
    picks = picks_for(reader, [LASER], papers)
    assert [p.section for p in picks].count(Section.TRENDING) == 1
    assert picks[-1].paper.id == papers[0].id
    assert len(picks) == 6


def test_a_bar_makes_a_thin_day_a_short_mail() -> None:
    papers = world(30)
    every = picks_for(subscriber(length=30, trending=0), [LASER], papers)
    some = picks_for(subscriber(length=30, trending=0, min_score=0.2), [LASER], papers)
    none = picks_for(subscriber(min_score=0.99), [LASER], papers)
    assert len(none) == 0 < len(some) < len(every)
    assert all(p.score > 0.2 for p in some)


def test_without_likes_keywords_serve_then_trending_then_the_newest() -> None:
    papers = world(10)
    voted = [*papers, paper(50, upvotes=9), paper(51, upvotes=30)]
    by_words = picks_for(subscriber(keywords=("laser beam",)), [], voted)
    assert by_words[0].reasons[0].kind is ReasonKind.KEYWORD
    assert by_words[0].reasons[0].evidence == ("laser beam",)
    by_votes = picks_for(subscriber(), [], voted)
    assert [p.paper.signals.upvotes for p in by_votes] == [30, 9]
    newest = picks_for(subscriber(length=4), [], papers)
    assert [p.paper.id for p in newest] == [p.id for p in papers[:4]]
    profile = profile_of(subscriber(), ())
    assert basis_of(profile, voted) is Basis.TRENDING
    assert basis_of(profile, papers) is Basis.NEWEST


FIELDS = {
    "optics": "laser beam lens mirror polarisation interferometer photon cavity fibre prism",
    "botany": "leaf root pollen flower seedling petal photosynthesis chlorophyll stem fruit",
    "law": "court judge statute appeal verdict tort contract plaintiff clause evidence",
    "music": "chord melody rhythm tempo harmony violin cadence octave sonata fugue",
}


def field(name: str, n: int, first: int) -> list[Paper]:
    rng = np.random.default_rng(first)
    words = FIELDS[name].split()
    return [
        paper(
            first + i,
            title=" ".join(rng.choice(words, 3, replace=False)),
            abstract=" ".join(rng.choice(words, 7, replace=False)) + f" case{first + i}.",
            authors=("Nobody Known",),
            categories=(name,),
        )
        for i in range(n)
    ]


@pytest.mark.parametrize(("n_optics", "n_law"), [(12, 12), (18, 6), (6, 18)])
def test_two_interests_both_get_their_papers_in_proportion(n_optics: int, n_law: int) -> None:
    liked = [*field("optics", n_optics, 1000), *field("law", n_law, 2000)]
    papers = [p for n, name in enumerate(FIELDS) for p in field(name, 30, 3000 + 100 * n)]
    reader = subscriber(length=12, trending=0)
    picks = picks_for(reader, liked, papers)
    got = [p.paper.categories[0] for p in picks]
    expected = 12 * n_optics / (n_optics + n_law)
    assert abs(got.count("optics") - expected) <= 2, got
    assert abs(got.count("law") - (12 - expected)) <= 2, got


def test_one_piece_of_news_is_told_once() -> None:
    twins = [
        paper(700 + n, title="laser beam mirror", abstract="laser beam lens mirror polarisation")
        for n in range(4)
    ]
    others = field("optics", 30, 3000)
    picks = picks_for(subscriber(length=8, trending=0, fill=True), [LASER], [*twins, *others])
    assert sum(p.paper in twins for p in picks) == 1
    assert len(picks) == 8
    numbered = [replace(t, title=f"{t.title} part {n}") for n, t in enumerate(twins)]
    picks = picks_for(subscriber(length=4, trending=0), [LASER], numbered)
    assert len(picks) == 4


def test_variety_spreads_the_picks() -> None:
    papers = field("optics", 60, 3000)

    def spread(variety: float) -> float:
        reader = subscriber(length=6, trending=0)
        picks = picks_for(reader, [LASER], papers, variety=variety)
        alike = fit(papers).alike([p.paper for p in picks])
        return float(alike[np.triu_indices(len(picks), 1)].mean())

    assert spread(0.9) < spread(0.0)


def test_places_kept_for_a_category_are_filled_whatever_scores_higher() -> None:
    papers = [*field("optics", 20, 3000), *field("music", 5, 4000)]
    reader = subscriber(length=6, trending=0, reserved={"music": 2})
    picks = picks_for(reader, field("optics", 8, 1000), papers)
    music = [p for p in picks if p.paper.categories == ("music",)]
    assert len(music) == 2
    assert all(p.reasons[0].kind is ReasonKind.RESERVED for p in music)
    assert all(p.reasons[0].evidence == ("music",) for p in music)


def test_one_paper_from_outside_the_usual_is_marked_and_the_same_all_day() -> None:
    papers = [p for n, name in enumerate(FIELDS) for p in field(name, 30, 3000 + 100 * n)]
    reader = subscriber(length=6, trending=0)
    first, second = (
        picks_for(reader, field("optics", 8, 1000), papers, n_explore=1) for _ in range(2)
    )
    strange = [p for p in first if p.reasons and p.reasons[0].kind is ReasonKind.EXPLORATION]
    assert len(strange) == 1
    assert [p.paper.id for p in first] == [p.paper.id for p in second]


def test_what_is_outside_the_usual_is_never_among_the_best_nor_what_repels() -> None:
    order = list(range(100, 160))  # best first
    seen = {
        i for seed in range(200) for i in selection._explored(order, 2, np.random.default_rng(seed))
    }
    assert seen == set(order[3:20])  # under the best twentieth, within the best third
    assert selection._explored(order, 0, np.random.default_rng(1)) == []
    assert selection._explored([], 2, np.random.default_rng(1)) == []


def test_the_length_of_a_direction_is_that_of_its_scores() -> None:
    """A direction's square is what it gives its own likes, less what it gives everybody."""
    candidates = [*world(60), LASER, LEAF]
    likes = Profile(subscriber_id="a", liked=(LASER, LEAF), weights=(1.0, 0.5))
    reading = fit(candidates).read(likes, candidates)
    assert reading.day.latent.n_axes
    own = float(np.array([2 / 3, 1 / 3]) @ reading.scores[-2:] - reading.scores.mean())
    # A score is a sum over two spaces, in each of which a candidate has a length of 1.
    assert reading.length**2 == pytest.approx(2 * own, rel=0.1)


def test_one_odd_like_costs_the_block_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    candidates = world(40)
    listed = [
        ListingEntry(
            id=n, paper_id=p.id, source="x", listed_on=DAY, first_seen=NOW, announce_type="new"
        )
        for n, p in enumerate(candidates, 1)
    ]

    def scores_of_all(broken: bool) -> np.ndarray:
        day = DayRanking(listed, {p.id: p for p in candidates}, now=NOW, background=lambda: ())
        if broken:
            monkeypatch.setattr(Ranker, "read_block", lambda *_: 1 / 0)
        readers = [
            day.reader(replace(subscriber(fill=True), id=str(n)), DAY, ReaderState(liked=(like,)))
            for n, like in enumerate((LASER, LEAF))
        ]
        day.score(readers)
        assert all((r.whole_day is None) is broken for r in readers)
        assert all(len(r.picks()) == 8 for r in readers)
        return np.stack([r.scores for r in readers])

    np.testing.assert_allclose(scores_of_all(broken=False), scores_of_all(broken=True), atol=1e-6)


def test_a_keyword_that_only_one_paper_holds_brings_that_paper_first() -> None:
    """New names stand in one paper on their first day, whatever its score."""
    only = paper(300, title="On reefs", abstract="We map Coral-Bleachings by satellite.")
    papers = [*world(100), only]
    reader = subscriber(length=5, trending=0, keywords=("laser beam", "coral bleaching"))
    alone = subscriber(length=5, trending=0, keywords=("coral bleaching",))
    for likes in ([], [LASER], [LASER, LEAF]):
        assert picks_for(alone, likes, papers)[0].paper is only
        picks = picks_for(reader, likes, papers)
        assert only in [p.paper for p in picks]
        said = next(p.reasons for p in picks if p.paper is only)
        assert ("coral bleaching",) not in [r.evidence for r in said[1:]]
        assert (said[0].kind, said[0].evidence) == (
            ReasonKind.KEYWORD,
            ("coral bleaching",),
        )


def test_a_keyword_in_a_title_goes_before_one_in_an_abstract() -> None:
    inside = paper(300, title="Laser beam mirror", abstract="laser beam lens, and coral bleaching")
    titled = paper(301, title="Coral Bleaching", abstract="reef")
    reader = subscriber(length=5, trending=0, keywords=("coral bleaching",))
    likes = [replace(LASER, id=f"arxiv:2605.0{n}") for n in range(2000, 2009)]
    picks = picks_for(reader, likes, [*world(60), inside, titled])
    assert [p.paper for p in picks[:2]] == [titled, inside]
    assert picks[0].score < picks[1].score


def test_who_is_near_to_many_counts_less_than_who_stands_alone() -> None:
    crowd = [
        paper(n, title="laser beam mirror", abstract=f"laser beam lens c{n}") for n in range(40)
    ]
    alone = [paper(100 + n, title=f"q{n}x r{n}x", abstract=f"s{n}x t{n}x") for n in range(40)]
    vectors = Vectors([*crowd, *alone]).matrix
    ridge = DayRidge(Features(vectors, np.zeros((80, 0), dtype=np.float32)))
    assert ridge.hubness[:40].min() > 0 > ridge.hubness[40:].max()


def test_a_keyword_is_said_to_stand_only_where_it_stands() -> None:
    parted = paper(300, title="Laser and its beam", abstract="A beam, and the laser of it.")
    papers = [*world(100), parted]
    picks = picks_for(subscriber(length=12, trending=0, keywords=("laser beam",)), [], papers)
    kinds = set()
    for found in picks:
        text = found.paper.text.lower()
        for reason in found.reasons:
            kinds.add(reason.kind)
            if reason.kind is ReasonKind.KEYWORD:
                assert "laser beam" in text
            if reason.kind is ReasonKind.NEAR_KEYWORD:
                assert "laser beam" not in text
                assert reason.contribution >= reasons.NEAR
    assert ReasonKind.NEAR_KEYWORD in kinds


@pytest.mark.parametrize(
    ("keyword", "everywhere", "titles"),
    [
        ("coral bleaching", {0, 1}, {1}),
        ("ColBERT", {2}, {2}),
        ("résumé", {3}, set()),
        ("bert", set(), set()),
        ("reef colony", set(), set()),
        ("  ", set(), set()),
        ("图像", {4}, {4}),
    ],
)
def test_words_are_found_as_they_stand(
    keyword: str, everywhere: set[int], titles: set[int]
) -> None:
    texts = [
        ("On reef", "Colony of coral-bleachings."),
        ("Coral Bleaching", ""),
        ("ColBERT: passages", "Late interaction."),
        ("Jobs", "Resumes are read."),
        ("医学图像分割", ""),
    ]
    index = LiteralIndex([paper(n, title=t, abstract=a) for n, (t, a) in enumerate(texts)])
    assert index.holding(keyword) == (everywhere, titles)


def test_a_keyword_of_unknown_words_says_nothing_for_any_paper() -> None:
    papers = world(200)
    reading = fit(papers).read(profile_of(subscriber(keywords=("qqqx",)), ()), papers)
    assert not reading.parts()[0].any()


def test_a_text_of_the_background_is_taken_apart_once(monkeypatch: pytest.MonkeyPatch) -> None:
    papers = world(80)
    learned = Fitted.to(papers[:60], papers[60:]).vectors
    read: list[Paper] = []

    def taken_apart(p: Paper) -> str:
        read.append(p)
        return document(p)

    changed = replace(papers[1], abstract="A laser beam that pollen was put into.")
    asked = [LASER, papers[3], changed, papers[0], papers[3]]
    wanted = Vectors.known(learned.names, learned.idf).transform(asked)
    with monkeypatch.context() as patch:
        patch.setattr("digest.ranking.vectors.document", taken_apart)
        found = learned.transform(asked)
    assert read == [LASER, changed]
    np.testing.assert_allclose(found.toarray(), wanted.toarray(), atol=1e-6)


@pytest.mark.parametrize("n", [1, 2, 30, 400])
def test_the_ridge_is_what_solving_the_whole_system_gives(n: int) -> None:
    """Against the definition: k(like, day) (I + K / (lambda n))^-1, with n + 50 for n."""
    papers = [*world(n), LASER]
    vectors = Vectors(papers)
    day, like = vectors.matrix[:n], vectors.matrix[n:]
    nothing = np.zeros((n, 0), dtype=np.float32)
    ridge = DayRidge(Features(day, nothing))
    product = np.asarray((like @ day.T).todense(), dtype=np.float32)
    found, _, _ = ridge.similarity(Features(like, nothing[:1]), product)
    words, mine = day.toarray() - ridge.mean, like.toarray() - ridge.mean
    kernel = words @ words.T
    wanted = (mine @ words.T) @ np.linalg.inv(np.eye(n) + kernel / (0.01 * (n + 50)))
    if n <= AXES:
        np.testing.assert_allclose(found, wanted, atol=0.02)
    if n > 2:
        assert np.corrcoef(found[0], wanted[0])[0, 1] > 0.95
    assert np.isfinite(ridge.hubness).all()
    assert abs(float(ridge.hubness.sum())) < 1e-3


def test_a_paper_that_fills_a_place_says_so() -> None:
    strange = [paper(n, title=f"qq{n}x", abstract=f"zz{n}x yy{n}x") for n in range(3)]
    picks = picks_for(subscriber(length=5, trending=0, fill=True), [LASER], strange)
    assert len(picks) == 3
    assert all([r.kind for r in p.reasons] == [ReasonKind.FILLER] for p in picks)
    assert not picks_for(subscriber(length=5, trending=0), [LASER], strange)


def calibrated(*own: float) -> Calibration:
    return Calibration.of(np.array(own, dtype=np.float32))


def test_closeness_is_measured_by_how_close_the_likes_are() -> None:
    nothing, narrow, wide = calibrated(), calibrated(*[0.4] * 40), calibrated(*[0.06] * 40)
    assert (nothing.stretch, nothing.close, nothing.strong) == (0.04, 0.08, 0.14)
    assert wide.stretch < 0.1 < narrow.stretch < 0.4
    assert narrow.closeness(0.1) is None
    assert wide.closeness(0.1) is Closeness.STRONG
    assert calibrated(*[-0.1] * 40).stretch > 0  # unlike likes do not make everything close
    few, many = calibrated(0.4), calibrated(*[0.4] * 40)
    assert nothing.stretch < few.stretch < many.stretch


def readings(n_likes: int, **changes: object) -> tuple[Reading, list[Paper]]:
    liked, others = field("optics", n_likes, 5000), field("optics", 30, 6000)
    candidates = [*others, *field("botany", 200, 7000)]
    ranker = fit([*field("law", 60, 8000), *field("music", 60, 9000)])
    ranker.prepare(candidates)
    profile = Profile(subscriber_id="a", liked=tuple(liked), **changes)  # type: ignore[arg-type]
    return ranker.read(profile, candidates), others


@pytest.mark.parametrize("n", [3, 12, 80])
def test_likes_left_out_score_as_papers_of_their_field_do(n: int) -> None:
    reading, others = readings(n)
    scores = reading.scores / reading.length
    closeness = [reading.calibration.closeness(float(s)) for s in scores]
    assert sum(c is not None for c in closeness[: len(others)]) >= 0.6 * len(others)
    assert sum(c is not None for c in closeness[len(others) :]) <= 0.05 * 200


def test_the_bar_is_of_all_fields_also_where_the_likes_of_each_stand_together() -> None:
    liked = (*field("optics", 30, 5000), *field("botany", 30, 5100))
    candidates = [*field("optics", 30, 6000), *field("botany", 30, 7000)]
    ranker = fit([*field("law", 60, 8000), *field("music", 60, 9000)])
    ranker.prepare(candidates)
    reading = ranker.read(Profile(subscriber_id="a", liked=liked), candidates)
    near = [reading.calibration.closeness(float(s)) for s in reading.scores / reading.length]
    assert sum(c is not None for c in near[:30]) >= 20
    assert sum(c is not None for c in near[30:]) >= 20


def test_own_scores_are_those_of_the_papers_in_the_day() -> None:
    """Against the definition: leave a like out, make it a candidate, score it."""
    reading, _ = readings(12)
    likes = reading.profile.liked
    for at in (0, 5):
        others = likes[:at] + likes[at + 1 :]
        ranker = fit([*field("law", 60, 8000), *field("music", 60, 9000)])
        candidates = [*reading.candidates, likes[at]]
        ranker.prepare(candidates)
        alone = ranker.read(Profile(subscriber_id="a", liked=others), candidates)
        wanted = float(alone.scores[-1] / alone.length)
        assert float(reading._own_scores()[at]) == pytest.approx(wanted, rel=0.2, abs=0.02)


def test_the_length_is_that_of_the_directions_of_the_likes() -> None:
    reading, _ = readings(12)
    rows = reading.day.rated.rows(reading.profile.liked)
    shares = np.full(12, 1 / 12)
    square = 2 * shares @ reading.day.between(rows).directions @ shares
    assert reading.length**2 == pytest.approx(float(square), rel=1e-3)


def test_keywords_alone_ask_for_papers_that_are_near_them() -> None:
    papers = [*field("optics", 10, 3000), *field("botany", 100, 4000)]
    reader = subscriber(keywords=("laser photon", "zonohedron"), length=30, trending=0)
    picks = picks_for(reader, [], papers, background=field("law", 60, 8000))
    assert 0 < len(picks) <= 10
    assert all("2605.0300" in p.paper.id for p in picks)


def test_what_came_for_its_keyword_alone_is_not_called_close() -> None:
    odd = paper(77, title="A zonohedron", abstract="Nothing else is known of it at all.")
    reader = subscriber(keywords=("zonohedron",), length=30, trending=0)
    likes = field("optics", 30, 3000)
    first = picks_for(reader, likes, [odd, *field("optics", 20, 4000)])[0]
    assert first.paper.id == odd.id
    assert first.closeness is None
    assert [r.kind for r in first.reasons] == [ReasonKind.KEYWORD]


def test_a_trending_paper_has_its_sentence_marked_for_who_likes_nothing() -> None:
    text = "Foxes are common. We show that foxes swim well. They were seen in lakes."
    (told,) = picks_for(subscriber(), [], [paper(5, abstract=text, upvotes=30)])
    assert told.key_sentence == "We show that foxes swim well."


def test_likes_of_words_that_nobody_uses_bring_nothing() -> None:
    like = [paper(1, title="zonohedron", abstract="polytope facet vertex")]
    papers = field("optics", 20, 3000)
    assert not picks_for(subscriber(length=5, trending=0), like, papers)
    assert not picks_for(subscriber(length=5, trending=0, keywords=("zonohedron",)), [], papers)


def test_likes_without_a_text_do_not_silence_the_mail() -> None:
    unknown = [paper(n, title="", abstract="") for n in range(3)]
    picks = picks_for(subscriber(length=5, trending=0), unknown, field("optics", 20, 3000))
    assert len(picks) == 5
    assert not any(p.key_sentence for p in picks)


def test_old_votes_cool_down() -> None:
    fresh = paper(1, upvotes=10, announced=DAY)
    old = paper(2, upvotes=30, announced=DAY - timedelta(days=4))
    assert heat(fresh, DAY) > heat(old, DAY)


def test_phrases_are_as_the_paper_writes_them_and_hold_no_debris() -> None:
    found = paper(
        1,
        title="Graph Neural-Networks for Résumés",
        abstract=r"We train graph neural-networks of $x_1$ type et al. The state of the art is x1.",
    )
    terms = ["graph neural", "neural networks", "resumes", "x1", "al"]
    assert phrases(found, terms) == ("Graph Neural", "Résumés")
    small = {"graph", "neural", "bleaching"}  # the title's capitals are the title's
    assert phrases(found, ["graph neural", "resumes"], small) == ("graph neural", "Résumés")


def test_the_key_sentence_is_the_one_that_speaks_of_the_readers_interest() -> None:
    told = paper(
        950,
        title="A note on a laser",
        abstract="Much is said. A laser beam meets a mirror. Gardens have flowers too. The end.",
    )
    papers = [told, *world(20)]
    picks = picks_for(subscriber(length=21, trending=0), [LASER], papers)
    (found,) = [p for p in picks if p.paper is told]
    assert found.key_sentence == "A laser beam meets a mirror."


@pytest.mark.parametrize(
    ("abstract", "marked"),
    [
        (
            "Reef maps are widely used in marine biology. However, existing methods need many "
            "labels. We propose ReefNet, which learns from weak labels by aligning tides and "
            "images. Experiments on four reefs show that it outperforms all baselines by 7%. "
            "Code is available at https://example.org/reef.",
            3,
        ),
        (
            "Glaciers are retreating and the causes remain unclear. In this paper, we study the "
            "role of soot. To this end, we combine a novel ice-core record with a transport model. "
            "Future work will look at other regions.",
            2,
        ),
        (
            "BACKGROUND: Sleep has become shorter. METHODS: 212 nurses were asked. RESULTS: Night "
            "shifts reduced sleep by 41 minutes (p < 0.01). FUNDING: None.",
            2,
        ),
        (
            "Contract law is an open field. This article discusses clauses of hardship. We show "
            "that courts rarely apply them. The paper is organised in five parts.",
            2,
        ),
        (
            "珊瑚白化是一个重要问题。现有方法需要大量标注。本文提出一种弱监督方法。实验结果表明该方法优于基线。",
            3,
        ),
    ],
)
def test_the_marked_sentence_tells_what_was_done_or_found(abstract: str, marked: int) -> None:
    told = paper(950, title="A note", abstract=abstract)
    picks = picks_for(subscriber(length=21, trending=0), [LASER], [told, *world(20)])
    reading = fit(world(20)).read(profile_of(subscriber(), (told, LASER)), [told, *world(20)])
    assert picks
    assert key_sentence(reading, 0, reading.explain([0])[0]) == sentences(abstract)[marked]


def test_among_results_the_readers_own_words_choose() -> None:
    abstract = (
        "Two devices are compared. We show that the laser beam warms the mirror. We show that the "
        "leaf feeds the pollen. That was all that happened here."
    )
    told = paper(950, title="A note", abstract=abstract)
    for like, word in ((LASER, "laser"), (LEAF, "leaf")):
        reading = fit(world(20)).read(profile_of(subscriber(), (like,)), [told, *world(20)])
        assert word in key_sentence(reading, 0, reading.explain([0])[0])


def test_percentiles_count_who_is_behind() -> None:
    found = percentiles(np.array([0.1, 0.5, 0.5, 0.9], dtype=np.float32))
    assert [round(float(x), 3) for x in found] == [0.0, 0.333, 0.333, 1.0]
    assert percentiles(np.array([0.4], dtype=np.float32)).tolist() == [1.0]
    assert pick().rank == 1


def test_places_and_languages_are_filtered_as_far_as_sources_tell_them() -> None:
    papers = [
        paper(1, affiliations=("Department of Physics, ETH Zürich, Zurich",), language="en"),
        paper(2, affiliations=("Example Corporation",), language="de"),
        paper(3),
    ]
    for reader, expected in (
        (subscriber(muted_affiliations=("eth zurich",)), "23"),
        (subscriber(muted_affiliations=("Example Corp",)), "123"),  # whole words only
        (subscriber(languages=("en",)), "13"),  # of the third nobody says it
        (subscriber(languages=("de", "fr")), "23"),
    ):
        assert "".join(kept(reader, *papers)) == expected, reader
    dropped = filter_candidates(papers, subscriber(languages=("fr",)).preferences, ()).dropped
    assert dropped == {FilterKind.LANGUAGES: 2}


def test_papers_from_a_place_that_the_reader_follows_always_come_and_say_so() -> None:
    papers = [paper(n) for n in range(1, 9)]
    papers[6] = replace(papers[6], affiliations=("ETH Zürich",))
    reader = subscriber(affiliations=("ETH Zurich",), length=3)
    ranker = fit(papers)
    ranker.prepare(papers)
    day = date(2026, 5, 20)
    picks = select(
        reader.preferences,
        papers,
        ranker.read(Profile(subscriber_id="s1"), papers),
        day=day,
        rng=chance(reader, day),
    )
    assert picks[0].paper.id == papers[6].id
    assert picks[0].section is Section.FOLLOWED
    assert (
        Reason(kind=ReasonKind.FOLLOWED_AFFILIATION, evidence=("ETH Zurich",)) in picks[0].reasons
    )


def test_a_journal_version_is_told_only_to_who_asked_and_knows_the_preprint() -> None:
    out = paper(1, doi="10.1000/j", journal_ref="Journal of Lasers", announce_type="published")
    other = paper(2, doi="10.1000/k", announce_type="published")
    (told,) = journal_versions([out, other], {out.id}, 4)
    assert told.rank == 5
    assert told.section is Section.PUBLISHED
    assert told.paper.url == "https://doi.org/10.1000/j"
    assert told.reasons[0].evidence == ("Journal of Lasers",)
    assert "".join(kept(subscriber(announce_types=("new",)), out)) == "1"


# --- for other processes -------------------------------------------------------------------------


@pytest.mark.parametrize("n", [60, 3])
def test_a_ranker_that_was_stored_makes_the_same_of_the_same_readers(n: int) -> None:
    background = field("botany", 200, 5000)
    papers = field("optics", n, 3000)
    ranker = fit(background)
    ranker.prepare(papers)
    restored = Ranker.of_bytes(ranker.to_bytes(), {p.id: p for p in papers})
    reader = subscriber(length=6)
    profile = Profile(subscriber_id="s", liked=(LASER, LEAF), disliked=(papers[0],))
    first, second = (
        select(
            reader.preferences,
            papers,
            r.read(profile, papers),
            day=DAY,
            rng=np.random.default_rng(0),
        )
        for r in (ranker, restored)
    )
    assert first == second
    assert restored.to_bytes() == ranker.to_bytes()


def test_what_was_stored_for_other_papers_is_refused() -> None:
    papers = field("optics", 20, 3000)
    ranker = fit(())
    ranker.prepare(papers)
    data = ranker.to_bytes()
    with pytest.raises(ValueError, match="1 of its papers"):
        Ranker.of_bytes(data, {p.id: p for p in papers[1:]})
    for torn in (b"", b"PK", data[: len(data) // 2], data[:-3]):
        with pytest.raises(ValueError, match="not the bytes"):
            Ranker.of_bytes(torn, {p.id: p for p in papers})


def test_papers_without_a_word_can_be_stored_too() -> None:
    empty = [paper(1, title="the", abstract="of and")]
    ranker = fit(())
    ranker.prepare(empty)
    assert Ranker.of_bytes(ranker.to_bytes(), {p.id: p for p in empty}).score([LASER], empty) == [0]


def test_a_day_forgets_what_was_rated_when_it_is_full(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("digest.ranking.rated.MOST_RATED", 5)
    papers = field("optics", 20, 3000)
    ranker = fit(field("botany", 100, 5000))
    ranker.prepare(papers)
    likes = field("optics", 40, 9000)
    alone = [ranker.score([p], papers) for p in likes]
    for start in range(0, 40, 4):
        block = [Profile(subscriber_id=str(i), liked=(likes[i],)) for i in range(start, start + 4)]
        for i, reading in zip(range(start, start + 4), ranker.read_block(block), strict=True):
            np.testing.assert_allclose(reading.scores, alone[i], atol=1e-6)
        assert ranker._current is not None
        assert ranker._current.rated.n <= 5 + 4


def test_an_author_can_be_followed_by_the_id_that_registers_give() -> None:
    known = paper(
        1,
        authors=("J. Carberry", "Ada Lovelace"),
        author_ids=("0000-0002-1825-0097 J. Carberry", "A5023888391 J. Carberry"),
    )
    for wanted in ("https://orcid.org/0000-0002-1825-0097", "0000-0002-1825-0097", "a5023888391"):
        assert followed_author(known, (wanted,)) == "J. Carberry"
    assert followed_author(known, ("0000-0001-0000-0000",)) == ""
    assert followed_author(paper(2), ("0000-0002-1825-0097",)) == ""
