"""In which order an edition is read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.edition.layout import in_reading_order, layout, leads_of
from digest.model import Closeness, Pick, Reason, ReasonKind, Section
from tests.factories import pick

KINDS = st.sampled_from(
    [ReasonKind.SIMILAR_PAPER, ReasonKind.KEYWORD, ReasonKind.SHARED_TERM, ReasonKind.FILLER]
)
REASONS = st.lists(
    st.builds(Reason, kind=KINDS, evidence=st.lists(st.sampled_from("abc"), max_size=2).map(tuple)),
    max_size=3,
).map(tuple)


@st.composite
def many(draw: st.DrawFn) -> tuple[Pick, ...]:
    n = draw(st.integers(1, 20))
    return tuple(
        pick(
            i,
            section=draw(st.sampled_from(Section)),
            closeness=draw(st.sampled_from([None, *Closeness])),
            reasons=draw(REASONS),
        )
        for i in range(1, n + 1)
    )


@given(many())
def test_every_paper_is_read_once_and_setting_it_again_changes_nothing(
    picks: tuple[Pick, ...],
) -> None:
    ordered = in_reading_order(picks)
    assert {p.paper.id for p in ordered} == {p.paper.id for p in picks}
    assert [p.rank for p in ordered] == list(range(1, len(picks) + 1))
    assert in_reading_order(ordered) == ordered
    assert leads_of(ordered) == leads_of(picks)
    read = [p for d in layout(ordered) for g in d.groups for p in g.picks]
    assert tuple(read) == ordered


@given(many())
def test_a_group_has_one_main_reason_and_no_lead(picks: tuple[Pick, ...]) -> None:
    for division in layout(picks):
        for group in division.groups:
            if group.common is None:
                continue
            assert len(group.picks) >= 3
            assert {p.reasons[0].evidence[0] for p in group.picks} == {group.common.evidence[0]}
            assert {p.reasons[0].kind for p in group.picks} == {group.common.kind}
            assert leads_of(picks).isdisjoint(p.paper.id for p in group.picks)


@pytest.mark.parametrize(("n", "leads"), [(1, 1), (5, 5), (6, 3), (30, 3)])
def test_three_lead_unless_there_are_few(n: int, leads: int) -> None:
    assert len(leads_of([pick(i) for i in range(1, n + 1)])) == leads


def test_the_closest_lead_wherever_they_stand_and_what_is_only_trending_does_not() -> None:
    picks = [
        pick(1, section=Section.FOLLOWED, closeness=None),
        pick(2, closeness=Closeness.STRETCH),
        pick(3, closeness=Closeness.STRETCH),
        *(pick(n, section=Section.TRENDING, closeness=Closeness.STRONG) for n in (4, 5)),
        pick(6, section=Section.INTEREST, interest="birds", closeness=Closeness.STRONG),
    ]
    assert leads_of(picks) == {picks[i].paper.id for i in (1, 2, 5)}
