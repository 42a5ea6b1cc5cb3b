from __future__ import annotations

import itertools
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.identity import canonical_id, merge, parse_arxiv_id, parse_doi
from digest.model import Signals
from tests.factories import paper


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2405.01234", ("2405.01234", None)),
        ("2405.01234v3", ("2405.01234", 3)),
        ("arXiv:2405.01234", ("2405.01234", None)),
        ("https://arxiv.org/abs/2406.00001", ("2406.00001", None)),
        ("http://arxiv.org/pdf/2406.00001v2.pdf", ("2406.00001", 2)),
        ("https://huggingface.co/papers/2406.00001", ("2406.00001", None)),
        ("https://doi.org/10.48550/arXiv.2406.00001", ("2406.00001", None)),
        ("10.48550/arXiv.2406.00001", ("2406.00001", None)),
        ("oai:arXiv.org:2604.21935v1", ("2604.21935", 1)),
        ("astro-ph/0601001", ("astro-ph/0601001", None)),
        ("math.GT/0309136v2", ("math/0309136", 2)),
        ("https://arxiv.org/abs/hep-th/9901001", ("hep-th/9901001", None)),
        ("not an id", None),
        ("https://example.org/2405.01234", None),
        ("12345", None),
    ],
)
def test_arxiv_ids_are_read_from_what_people_paste(
    text: str, expected: tuple[str, int | None] | None
) -> None:
    assert parse_arxiv_id(text) == expected


def test_dois_lose_the_punctuation_of_the_sentence_around_them() -> None:
    assert parse_doi("see https://doi.org/10.1000/ABC.1).") == "10.1000/abc.1"
    assert parse_doi("10.1016/S0140-6736(05)12345-6") == "10.1016/s0140-6736(05)12345-6"
    assert parse_doi("nothing") == ""


def test_a_preprint_doi_is_the_preprint() -> None:
    assert canonical_id(doi="10.48550/arXiv.2405.01234") == "arxiv:2405.01234"
    assert canonical_id(url="https://doi.org/10.1000/X") == "doi:10.1000/x"
    assert canonical_id(guid="tag:x", title="T").startswith("feed:")
    assert canonical_id(title="T").startswith("text:")


def test_one_paper_from_two_sources_carries_the_signals_of_both() -> None:
    listed = paper(1, source="arxiv", signals=Signals())
    voted = paper(
        1,
        source="huggingface",
        abstract="shorter",
        categories=(),
        signals=Signals(upvotes=12, github_url="https://example.org/x"),
    )
    for order in ((listed, voted), (voted, listed)):
        (one,) = merge(order)
        assert one.abstract == listed.abstract
        assert one.categories == ("cs.CL",)
        assert one.signals.upvotes == 12
        assert one.signals.github_url == "https://example.org/x"


def test_a_doi_joins_a_journal_entry_with_its_preprint() -> None:
    preprint = paper(1, doi="10.1000/x")
    journal = paper(2, id="doi:10.1000/x", doi="10.1000/x", source="journal")
    for order in ((preprint, journal), (journal, preprint)):
        (one,) = merge(order)
        assert one.id == preprint.id


def test_a_replacement_does_not_make_an_old_paper_new() -> None:
    first = paper(1, announced=date(2026, 5, 1), version=1)
    later = paper(1, announced=date(2026, 5, 20), version=2, announce_type="replace", title="New")
    (one,) = merge([first, later])
    assert one.announced == date(2026, 5, 1)
    assert one.announce_type == "new"
    assert one.title == "New"


@given(st.permutations(range(5)))
def test_the_order_of_sources_does_not_change_which_papers_there_are(order: list[int]) -> None:
    records = [
        paper(1, doi="10.1/a"),
        paper(1, source="huggingface", upvotes=3),
        paper(2),
        paper(3, id="doi:10.1/a", doi="10.1/a", source="journal"),
        paper(2, version=4, announce_type="replace"),
    ]
    merged = merge([records[i] for i in order])
    assert {p.id for p in merged} == {"arxiv:2605.00001", "arxiv:2605.00002"}


def test_merging_twice_changes_nothing() -> None:
    records = [paper(n % 4, upvotes=n) for n in range(12)]
    once = merge(records)
    assert merge(once) == once
    assert len(once) == len({p.id for p in itertools.chain(once)})
