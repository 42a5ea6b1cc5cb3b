"""Library files: every entry becomes a like, a reference, a counted duplicate, or a fault with its
place."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest import library
from digest.config import LIBRARY_SUFFIXES, is_library
from digest.errors import LibraryError
from digest.library import ids, json_items, ris
from digest.ports import Likes

RIS = """TY  - JOUR
TI  - A study of {\\"u}bermuons
AU  - Hopper, Grace
AU  - Lovelace, Ada
AB  - We <i>look</i> at it.
DO  - 10.1000/ABC
PY  - 2019/05/01
JO  - Journal of Examples
ER  -

TY  - RPRT
UR  - https://arxiv.org/abs/2405.01234v2
ER  -

TY  - JOUR
VL  - 12
ER  -

TY  - JOUR
TI  - A study of {\\"u}bermuons
DO  - https://doi.org/10.1000/abc
ER  -

TY  - JOUR
TI  - The end is missing
"""


def total(found: Likes) -> int:
    n = len(found.papers) + len(found.refs) + len(found.faults) + found.n_duplicates
    assert n == found.n_entries
    return n


def test_a_ris_file_is_read_record_by_record() -> None:
    found = ris.parse(RIS.encode(), place="my.ris")
    first, last = found.papers
    assert first.title == "A study of übermuons"
    assert first.authors == ("Grace Hopper", "Ada Lovelace")
    assert first.abstract == "We look at it."
    assert (first.id, first.doi) == ("doi:10.1000/abc", "10.1000/abc")
    assert first.published is not None
    assert first.published.year == 2019
    assert last.title == "The end is missing"
    assert found.refs == ("2405.01234",)
    assert found.faults == ("my.ris, line 15: this record has no title, no abstract and no id.",)
    assert found.n_duplicates == 1
    assert total(found) == 5


def test_a_csl_file_is_read_item_by_item() -> None:
    items = [
        {
            "id": "a",
            "title": "On $\\alpha$",
            "author": [
                {"family": "Hopper", "given": "Grace"},
                {"literal": "The Collaboration"},
                {"family": "Beethoven", "given": "Ludwig", "non-dropping-particle": "van"},
            ],
            "abstract": "<jats:p>We look.</jats:p>",
            "issued": {"date-parts": [[2020, 4]]},
            "DOI": "10.48550/arXiv.2405.01234",
        },
        {"id": "b", "title": ["Crossref's dialect"], "container-title": ["J"]},
        {"id": "c", "DOI": "10.1000/x"},
        {"id": "nothing"},
        "no item",
        {"id": "b2", "title": "Crossref's dialect"},
    ]
    found = json_items.parse(json.dumps(items).encode(), place="my.json")
    first, second = found.papers
    assert (first.id, first.title) == ("arxiv:2405.01234", "On α")
    assert first.authors == ("Grace Hopper", "The Collaboration", "Ludwig van Beethoven")
    assert first.abstract == "We look."
    assert second.journal_ref == "J"
    assert found.refs == ("10.1000/x",)
    assert [f.split(": ")[0] for f in found.faults] == ["my.json, item 4", "my.json, item 5"]
    assert total(found) == 6


LIST = """# Reading list
2405.01234
arXiv:2406.00001v2   # a comment
- [A paper](https://arxiv.org/abs/hep-th/9901001) is nice, and so is doi:10.1000/xyz(1).
* <https://doi.org/10.1016/J.X.2010.03.024>
* (10.1093/mind/lix.236.433), huggingface.co/papers/2405.01234
* https://example.org/blog
nonsense

Prose is left alone.
"""


def test_ids_and_links_are_found_in_text_and_markdown() -> None:
    found = ids.parse(LIST.encode(), place="list.md")
    assert found.refs == (
        "2405.01234",
        "2406.00001",
        "hep-th/9901001",
        "10.1000/xyz(1)",
        "10.1016/j.x.2010.03.024",
        "10.1093/mind/lix.236.433",
    )
    assert [f.split(" is no")[0] for f in found.faults] == [
        "list.md, line 7: https://example.org/blog",
        "list.md, line 8: nonsense",
    ]


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("ris", "Dear diary"),
        ("csl-json", "{"),
        ("csl-json", "3"),
        ("ids", "Dear diary, nothing."),
        ("bibtex", "Dear diary"),
    ],
)
def test_what_is_nothing_of_its_kind_is_refused(tmp_path: Path, kind: str, body: str) -> None:
    path = tmp_path / "x"
    path.write_text(body)
    with pytest.raises(LibraryError, match="x "):
        library.read(path, kind)


def test_the_kind_is_told_by_the_name_or_by_the_reader(tmp_path: Path) -> None:
    path = tmp_path / "export.RIS"
    path.write_text(RIS)
    assert len(library.read(path).papers) == 2
    path = tmp_path / "export.docx"  # and whatever it is called
    path.write_text(RIS)
    assert len(library.read(path).papers) == 2
    with pytest.raises(LibraryError, match="no kind of library; use one of bibtex, ris"):
        library.read(path, "reader")
    with pytest.raises(LibraryError, match="cannot be read"):
        library.read(tmp_path / "missing.bib")


def test_a_like_is_a_file_by_its_name_alone() -> None:
    assert set(LIBRARY_SUFFIXES) == {*library.SUFFIXES, ".sqlite"}
    assert is_library("papers/My List.md")
    assert not is_library("https://example.org/list.txt")
    assert not is_library("10.1000/strange.json")
    assert not is_library("2405.01234")


@given(st.binary(max_size=300), st.sampled_from(sorted(library.KINDS)), st.integers(0, 500))
def test_any_bytes_of_a_library_are_read_or_refused(noise: bytes, kind: str, at: int) -> None:
    sound = RIS.encode()
    parse = library.parser(kind)
    for body in (noise, sound[:at] + noise + sound[at:]):
        try:
            found = parse(body, place="x")
        except LibraryError:
            continue
        assert all(p.title or p.abstract for p in found.papers)


#: entries that the manifest counts
RECORDED = {
    "bibtex/library_biology.bib": 216,
    "bibtex/library_small.bib": 27,
    "bibtex/library_mixed.bib": 42,
    "bibtex/library_law.bib": 993,
    "bibtex/library_ecology.bib": 309,
    "bibtex/library_music_technology.bib": 487,
    "bibtex/bbt_quietly_discarded_873.bib": 988,
    "bibtex/biblatex_examples.bib": 92,
    "bibtex/jabref_testbib_complex.bib": 20,
    "bibtex/jabref_testjabref.bib": 156,
    "csl_json/flight_test.json": 7,
    "csl_json/library_operations_research.json": 841,
    "ris/library_microbiome.ris": 5,
    "ris/library_operations_research.ris": 109,
    "ris/rispy_example_urls.ris": 4,
    "ris/rispy_example_extraneous_data.ris": 2,
}


@pytest.mark.parametrize(("name", "n_entries"), RECORDED.items())
def test_no_entry_of_a_recorded_library_is_lost_without_a_word(
    fixtures: Path, name: str, n_entries: int
) -> None:
    assert total(library.read(fixtures / name)) == n_entries


def test_every_recorded_ris_file_is_read_or_refused(fixtures: Path) -> None:
    files = {p.name: library.read(p) for p in (fixtures / "ris").glob("*.ris")}
    assert all(total(found) > 0 for found in files.values())
    assert len(files["rispy_example_wos.ris"].papers) == 2  # Web of Science's own format
