from __future__ import annotations

import itertools
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.identifiers import name_of, parse_arxiv_id, parse_doi
from digest.identity import canonical_id, journal_doi, merge, names
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


LONG = "Laser beams meet mirrors in a laboratory"


def test_a_name_is_read_from_what_people_paste() -> None:
    sha = "0a" * 20
    for ref, expected in (
        ("PMID: 1234", "pmid:1234"),
        ("https://pubmed.ncbi.nlm.nih.gov/1234/", "pmid:1234"),
        (f"https://www.semanticscholar.org/paper/A-Title/{sha}", f"s2:{sha}"),
        ("CorpusId:77", "s2:CorpusId:77"),
        ("https://openalex.org/W2741809807", "openalex:W2741809807"),
        ("2405.01234v2", "arxiv:2405.01234"),
        ("https://doi.org/10.1000/X", "doi:10.1000/x"),
        ("1234", ""),
        ("a sentence with a W2741809807 in it", ""),
    ):
        assert name_of(ref) == expected, ref


def test_records_that_share_a_pmid_or_the_doi_of_another_version_are_one() -> None:
    preprint = paper(id="doi:10.64898/a", doi="10.64898/a", aliases=("doi:10.1000/j",))
    article = paper(id="pmid:7", doi="", title="Something else")
    journal = paper(id="doi:10.1000/j", doi="10.1000/j", aliases=("pmid:7",), source="crossref")
    (one,) = merge([preprint, article, journal])
    assert set(names(one)) == {"doi:10.64898/a", "doi:10.1000/j", "pmid:7"}


@pytest.mark.parametrize(
    "changes",
    [
        {"title": "Laser Beams Meet Mirrors, in a Laboratory."},
        {"authors": ("Lovelace, A.", "Hopper, G.")},
        {"authors": ("Lovelace A", "Hopper G", "Somebody E")},
    ],
)
def test_title_and_authors_join_a_preprint_and_its_journal_version(
    changes: dict[str, object],
) -> None:
    preprint = paper(1, title=LONG)
    article = paper(
        2, **({"id": "doi:10.1000/j", "doi": "10.1000/j", "title": LONG, "source": "x"} | changes)
    )
    (one,) = merge([preprint, article])
    assert one.id == "arxiv:2605.00001"
    assert journal_doi(one) == "10.1000/j"
    assert merge([article, preprint])[0].id == "arxiv:2605.00001"


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({}, {"id": "arxiv:2605.00002"}),  # two ids of one register
        (
            {"id": "doi:10.1000/a", "doi": "10.1000/a"},
            {"id": "doi:10.2000/b", "doi": "10.2000/b"},
        ),  # two journals
        (
            {"id": "doi:10.1101/a", "doi": "10.1101/a"},
            {"id": "doi:10.1101/b", "doi": "10.1101/b"},
        ),  # two preprints of one server
        ({"id": "pmid:1"}, {"id": "pmid:2"}),
        ({"id": "feed:1", "source": "J"}, {"id": "feed:2", "source": "J"}),
        ({}, {"id": "feed:2", "authors": ("Somebody Else",)}),
        ({}, {"id": "feed:2", "authors": ()}),
        (
            {"authors": ("A B", "C D", "E F", "G H")},
            {"id": "feed:2", "authors": ("A B", "I J", "K L", "M N")},
        ),
        ({"title": "Annual report 2026"}, {"id": "feed:2", "title": "Annual report 2026"}),
        (
            {"title": f"Erratum: {LONG}"},
            {"id": "feed:2", "title": f"Erratum: {LONG}"},
        ),
        (
            {"published": datetime(2010, 1, 1, tzinfo=UTC)},
            {"id": "feed:2", "published": datetime(2026, 1, 1, tzinfo=UTC)},
        ),
    ],
)
def test_papers_that_only_look_alike_stay_two(
    first: dict[str, object], second: dict[str, object]
) -> None:
    one = paper(1, **({"title": LONG} | first))
    other = paper(2, **({"title": LONG} | second))
    assert len(merge([one, other])) == 2
    assert len(merge([other, one])) == 2


@given(st.permutations(range(4)))
def test_merging_joins_the_same_records_in_any_order(order: list[int]) -> None:
    records = [
        paper(1, title=LONG),
        paper(2, id="doi:10.1000/j", doi="10.1000/j", title=LONG, aliases=("pmid:9",)),
        paper(3, id="pmid:9", title=f"{LONG}!"),
        paper(4, title="Another title that says quite enough"),
    ]
    found = merge([records[i] for i in order])
    assert {p.id for p in found} == {"arxiv:2605.00001", "arxiv:2605.00004"}
