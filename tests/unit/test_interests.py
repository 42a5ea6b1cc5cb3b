"""Named interests: whose likes they have, when they come, and that they get their places."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta

import pytest

from digest.model import Basis, ListingEntry, Paper, Pick, ReaderState, Section
from digest.preferences import Interest, Preferences
from digest.ranking.interests import due_before, is_due, likes_by_interest, profile_of
from digest.ranking.profile import build_profile
from digest.ranking.reader import DayRanking, ReaderRanking
from tests.factories import paper, subscriber
from tests.unit.test_ranking import DAY, NOW, field

MAIN = field("optics", 300, 10_000)
EIGHT = field("botany", 8, 20_000)
LISTED = [*field("optics", 60, 3000), *field("botany", 10, 4000), *field("law", 60, 5000)]
LABELLED = {"config:interest Plants": frozenset(p.id for p in EIGHT)}


def state_of(*liked: Paper, **changes: object) -> ReaderState:
    values: dict[str, object] = {
        "liked": liked,
        "liked_at": tuple(NOW - timedelta(days=n % 50) for n in range(len(liked))),
        "labelled": LABELLED,
    }
    return ReaderState(**(values | changes))  # type: ignore[arg-type]


def entries(papers: Sequence[Paper], first: int = 1, day: date = DAY) -> list[ListingEntry]:
    seen = NOW - (DAY - day)
    return [
        ListingEntry(
            id=n, paper_id=p.id, source="x", listed_on=day, first_seen=seen, announce_type="new"
        )
        for n, p in enumerate(papers, first)
    ]


def ranked(
    interests: Sequence[Interest],
    state: ReaderState,
    listed: Sequence[ListingEntry] | None = None,
    **changes: object,
) -> ReaderRanking:
    reader = subscriber(interests=tuple(interests), trending=0, **changes)
    found = entries(LISTED) if listed is None else list(listed)
    day = DayRanking(
        found, {p.id: p for p in LISTED}, now=NOW, background=lambda: field("music", 60, 9000)
    )
    made = day.reader(reader, DAY, state)
    day.score([made])
    return made


def of(picks: Sequence[Pick], name: str) -> list[str]:
    return [p.paper.id for p in picks if p.interest == name]


BOTANY = {p.id for p in LISTED[60:70]}


def test_eight_likes_beside_three_hundred_get_their_places() -> None:
    state = state_of(*MAIN, *EIGHT)
    picks = ranked([Interest(name="Plants", places=4)], state, length=12).picks()
    plants = of(picks, "Plants")
    assert len(plants) == 4
    assert set(plants) <= BOTANY
    rest = [p.paper.id for p in picks if p.section is Section.FOR_YOU]
    assert len(rest) == 8
    assert not BOTANY & set(rest)  # they are not the main profile's any more
    assert [p.rank for p in picks] == list(range(1, 13))
    assert [p.section for p in picks] == sorted((p.section for p in picks), key=list(Section).index)


def test_its_keywords_come_first_and_no_paper_twice() -> None:
    wanted = [
        Interest(name="Courts", keywords=("zonohedron",), places=2),
        Interest(name="Plants", keywords=("zonohedron",), places=2),
    ]
    odd = [paper(n, title="On a zonohedron", abstract="Nothing else.") for n in (1, 2, 3)]
    odd[1] = replace(odd[1], title="Chess", abstract="A zonohedron of wood.")
    odd[2] = replace(odd[2], title="Roads", abstract="Zonohedron shapes.")
    day = DayRanking(
        entries([*LISTED, *odd]),
        {p.id: p for p in [*LISTED, *odd]},
        now=NOW,
        background=lambda: (),
    )
    reader = subscriber(interests=tuple(wanted), trending=0)
    picks = day.reader(reader, DAY, state_of(*EIGHT)).picks()
    assert of(picks, "Courts")[0] == odd[0].id  # in the title
    assert len(of(picks, "Courts")) == 2
    assert of(picks, "Plants")[0] in {odd[1].id, odd[2].id} - set(of(picks, "Courts"))
    ids = [p.paper.id for p in picks]
    assert len(ids) == len(set(ids))


def test_an_alert_lists_every_match_beside_the_length_of_the_mail() -> None:
    alert = Interest(name="Plants", keywords=("pollen",), all=True, places=1)
    state = state_of(*MAIN)
    holding = {p.id for p in LISTED if "pollen" in p.text}
    made = ranked([alert], state, length=3)
    assert set(of(made.picks(), "Plants")) == holding
    assert len(holding) > 3
    assert len(made.picks()) == len(holding) + 3


def test_where_likes_belong() -> None:
    first, second = Interest(name="A", libraries=("a.bib",)), Interest(name="B")
    chosen = Preferences(interests=(first, second))
    state = ReaderState(
        labelled={
            "import:a.bib": frozenset("12"),
            "import:other.bib": frozenset("9"),
            "config:interest B": frozenset("23"),
            "config:interest B: users/1": frozenset("4"),
            "config:interest Bees": frozenset("8"),
            "interest:B": frozenset("5"),
            "interest:Gone": frozenset("6"),
        }
    )
    found = likes_by_interest(chosen, state)
    assert found == {"A": frozenset("12"), "B": frozenset("345")}  # 2 belongs to the first


def test_a_profile_is_parted_with_its_weights() -> None:
    likes, interest = [*MAIN[:3], *EIGHT[:2]], Interest(name="Plants", keywords=("pollen",))
    state = state_of(*likes, disliked=(LISTED[0],), disliked_at=(NOW,), dislike_weights=(1.0,))
    whole = build_profile(Preferences(keywords=("laser",)), state, NOW)
    part = profile_of(whole, interest, {p.id for p in EIGHT})
    assert [p.title for p in part.liked] == [*(p.title for p in EIGHT[:2]), "pollen"]
    assert part.weights == (*whole.weights[3:5], 1.0)
    assert not part.disliked


@pytest.mark.parametrize(
    ("weekdays", "due", "before"),
    [((0, 1, 2, 3, 4, 5, 6), True, 1), ((2,), True, 7), ((0, 2), True, 2), ((0,), False, 2)],
)
def test_days_of_an_interest(weekdays: tuple[int, ...], due: bool, before: int) -> None:
    interest = Interest(name="A", weekdays=weekdays)  # DAY is a Wednesday
    assert is_due(interest, DAY) is due
    assert due_before(interest, DAY) == DAY - timedelta(days=before)


def test_what_comes_once_a_week_comes_with_the_whole_week() -> None:
    early, late = LISTED[60:65], LISTED[65:70]
    listed = [
        *entries(early, 1, DAY - timedelta(days=6)),
        *entries([*LISTED[:60], *LISTED[70:]], 100, DAY - timedelta(days=1)),
        *entries(late, 500, DAY),
    ]
    weekly = Interest(name="Plants", weekdays=(2,), places=20)
    state = state_of(
        *MAIN, *EIGHT, cursor=300, considered_to=DAY - timedelta(days=1), sent=frozenset()
    )
    made = ranked([weekly], state, listed)
    plants = set(of(made.picks(), "Plants"))
    assert plants & {p.id for p in early}
    assert plants & {p.id for p in late}
    assert made.considered.n_new == len(LISTED)
    sent = replace(state, sent=frozenset(plants))
    assert not plants & set(of(ranked([weekly], sent, listed).picks(), "Plants"))
    other_day = Interest(name="Plants", weekdays=(3,), places=20)
    assert not of(ranked([other_day], state, listed).picks(), "Plants")


def test_who_has_interests_alone_is_sent_nothing_else() -> None:
    state = state_of(*EIGHT)
    made = ranked([Interest(name="Plants")], state)
    assert made.basis is Basis.LIKES
    assert {p.section for p in made.picks()} == {Section.INTEREST}
    law = ranked([Interest(name="Plants")], state, entries(LISTED[70:]))
    assert law.picks() == ()
    told = law.shortfall()
    assert told is not None
    assert told.score < told.bar
    resting = ranked([Interest(name="Plants", weekdays=(3,))], state)
    assert resting.picks() == ()
    assert resting.shortfall() is None


def test_without_any_interest_nothing_changes() -> None:
    with_labels = ranked([], state_of(*MAIN, *EIGHT))
    without = ranked([], state_of(*MAIN, *EIGHT, labelled={}))
    assert [p.paper.id for p in with_labels.picks()] == [p.paper.id for p in without.picks()]


def test_a_week_without_a_match_says_so_though_the_day_brought_nothing() -> None:
    weekly = Interest(name="Plants", weekdays=(2,))
    listed = entries(LISTED[70:], 1, DAY - timedelta(days=3))
    state = state_of(*EIGHT, cursor=900, considered_to=DAY - timedelta(days=1))
    made = ranked([weekly], state, listed)
    assert made.picks() == ()
    assert made.candidates.n_new == 0
    assert len(made.considered.papers) == 60
    assert made.shortfall() is not None


def test_a_preprint_liked_in_an_interest_is_known_when_its_journal_version_comes() -> None:
    like = replace(EIGHT[0], journal_ref="Leaves", doi="10.1000/leaf")
    listed = [replace(e, announce_type="published") for e in entries([like])]
    day = DayRanking(listed, {like.id: like}, now=NOW, background=lambda: ())
    reader = subscriber(interests=(Interest(name="Plants"),), journal_versions=True)
    (told,) = day.reader(reader, DAY, state_of(*EIGHT)).picks()
    assert told.section is Section.PUBLISHED
