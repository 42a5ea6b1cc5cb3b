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


# --- one paper is one paper, and two are two -----------------------------------------------------

TITLE = "Training models on grids of laser beams"
PREPRINT = {"id": "doi:10.26434/chemrxiv-2026-abc12", "doi": "10.26434/chemrxiv-2026-abc12-v1"}
JOURNAL = {"id": "doi:10.1021/jlaser.6c00001", "doi": "10.1021/jlaser.6c00001"}
DAY = datetime(2026, 5, 20, tzinfo=UTC)


def pair(one: dict[str, object], other: dict[str, object]) -> int:
    """How many papers two records are."""
    base: dict[str, object] = {"url": "", "pdf_url": "", "published": DAY}
    first = paper(1, **(base | {"title": TITLE, "source": "a"} | PREPRINT | one))  # type: ignore[arg-type]
    second = paper(2, **(base | {"title": TITLE, "source": "b"} | JOURNAL | other))  # type: ignore[arg-type]
    return len(merge([first, second]))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (TITLE, f"[ASAP] {TITLE}"),
        (TITLE, f"Sensors, Vol. 26, Pages 7000: {TITLE}"),
        (TITLE, f"{TITLE}: a study with plants"),
        ("Decays of $B^0_s$ mesons at CERN", "Decays of Bs0 mesons at CERN"),
        (r"Symmetry of $\mu$-$\tau$ neutrinos", "Symmetry of μ-τ neutrinos"),
        ("CO₂ capture by green plants", "CO2 capture by green plants"),
        ("Generative adversarial networks", "Generative Adversarial Networks"),
        ("基于激光的植物生长研究方法", "基于激光的植物生长研究方法"),
        ("Correction of batch effects in cells", "Correction of batch effects in cells"),
        ("Comment generation for source code", "Comment generation for source code"),
        ("Retractable needles for tissue", "Retractable needles for tissue"),
        ("News recommendation with graphs", "News recommendation with graphs"),
    ],
)  # fmt: skip
def test_a_preprint_and_its_journal_version_are_one_however_the_title_is_written(
    one: str, other: str
) -> None:
    assert pair({"title": one}, {"title": other}) == 1


@pytest.mark.parametrize(
    "title",
    [
        "This Week in The Journal of Plants",
        "Annual report of the observatory of lasers",
        "Introduction to the special issue on laser beams",
        "Erratum: Training models on grids of laser beams",
        "Correction to: Training models on grids of laser beams",
        "Correction: Training models on grids of laser beams",
        "Editorial board and list of reviewers",
        "Issue Information for the month of May",
    ],
)
def test_what_comes_again_under_one_title_is_never_joined_by_it(title: str) -> None:
    assert pair({"title": title}, {"title": title}) == 2


def test_two_parts_and_two_years_are_two_papers() -> None:
    assert pair({"title": f"{TITLE}: Part I"}, {"title": f"{TITLE}: Part II"}) == 2
    later = {"id": "feed:b", "doi": "", "published": DAY.replace(year=2027)}
    assert pair({"id": "feed:a", "doi": ""}, later) == 2
    assert pair({"id": "feed:a", "doi": ""}, later | {"published": DAY}) == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("Łukasz Kowal", "Jens Sørensen"), ("Lukasz Kowal", "J. Sorensen")),
        (("Ann Alpha", "Bo Beta"), ("ATLAS Collaboration", "Ann Alpha", "Bo Beta")),
        (("Ann Alpha", "Bo Beta", "Cy Gamma"), ("Bo Beta", "Ann Alpha", "Cy Gamma")),
        (("Thomas Müller", "Ann Alpha"), ("Mueller, Thomas", "Alpha, Ann")),
    ],
)
def test_authors_agree_however_registers_write_them(
    one: tuple[str, ...], other: tuple[str, ...]
) -> None:
    assert pair({"authors": one}, {"authors": other}) == 1
    assert pair({"authors": one}, {"authors": ("Zoe Zeta", "Yan Ypsilon")}) == 2


def test_a_feed_without_authors_is_joined_by_a_title_that_says_enough() -> None:
    long = "Training large models on grids of laser beams with plants that grow"
    assert pair({"title": long}, {"title": long, "authors": ()}) == 1
    assert pair({}, {"authors": ()}) == 2


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("10.26434/chemrxiv-2026-abc12", "10.26434/chemrxiv-2026-abc12-v2"),
        ("10.21203/rs.3.rs-1234/v1", "10.21203/rs.3.rs-1234/v2"),
        ("10.20944/preprints202601.0001.v1", "10.20944/preprints202601.0001.v2"),
        ("10.12688/f1000research.12345.1", "10.12688/f1000research.12345.2"),
        ("10.7554/eLife.12345", "10.7554/eLife.12345.2"),
        ("10.31234/osf.io/abcde_v1", "10.31234/osf.io/abcde_v3"),
        ("10.5281/zenodo.123", "10.5281/zenodo.456"),
    ],
)
def test_versions_of_a_preprint_are_one_paper(first: str, second: str) -> None:
    records = [
        paper(n, id=canonical_id(doi=doi), doi=doi, title=TITLE, url="", pdf_url="")
        for n, doi in enumerate((first, second))
    ]
    assert len(merge(records)) == 1
