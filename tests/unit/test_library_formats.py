# ruff: noqa: E501 - entries stand in one line, as programs write them
"""Every format that programs export, in the shapes they write: invented papers, real habits."""

from __future__ import annotations

import json
from datetime import date

import pytest

from digest import library
from digest.errors import LibraryError
from digest.library.choice import Choice, matches
from digest.model import Paper
from digest.ports import Likes


def read(text: str | bytes, name: str = "export", choice: Choice | None = None) -> Likes:
    """The papers of a file whose name says nothing; the books balance on every one."""
    body = text.encode() if isinstance(text, str) else text
    found = library.read_bytes(body, name, choice=choice)
    n = len(found.papers) + len(found.refs) + len(found.faults) + found.n_duplicates
    assert n == found.n_entries
    return found


def only(text: str | bytes) -> Paper:
    (paper,) = read(text).papers
    return paper


SHAPES = {
    "refer": "%0 Journal Article\n%T A title\n%A Doe, Jane\n%A Roe, Richard\n%J Journal of Tests\n"
    "%D 2019\n%8 May 4, 2019\n%R doi:10.5555/abc\n%X We test\nover two lines.\n",
    "ris": "TY - JOUR\r\nTI - A title\r\nA1  - Doe, Jane\r\nAU  - Roe, Richard\r\n"
    "JO  - Journal of Tests\r\nDA  - 2019/05/04/\r\nM3  - 10.5555/abc\r\n"
    "AB  - We test\r\nAB  - over two lines.\r\nER -\r\n",
    "isi": "FN Clarivate Analytics Web of Science\nVR 1.0\nPT J\nAU Doe, J\n   Roe, R\n"
    "AF Doe, Jane\n   Roe, Richard\nTI A title\nSO Journal of Tests\nAB We test\n   over two lines.\n"
    "DI 10.5555/abc\nPD MAY 4\nPY 2019\nER\n\nEF\n",
    "nbib": "PMID- 12345678\nTI  - A\n      title.\nLID - 10.5555/abc [doi]\nAB  - We test\n"
    "      over two lines.\nFAU - Doe, Jane\nAU  - Doe J\nFAU - Roe, Richard\nDP  - 2019 May 4\n"
    "JT  - Journal of Tests\n",
    "RefWorks": "RT Journal Article\nSR 1\nA1 Doe, Jane;Roe, Richard\nT1 A title\n"
    "JF Journal of Tests\nYR 2019\nPD May 4\nDO 10.5555/abc\nAB We test over two lines.\n",
    "endnote-xml": '<?xml version="1.0"?><xml><records><record><contributors><authors>'
    "<author><style>Doe, Jane</style></author><author><style>Roe, Richard</style></author>"
    '</authors></contributors><titles><title><style>A </style><style face="italic">title</style>'
    "</title><secondary-title>Journal of Tests</secondary-title></titles><dates><year>2019</year>"
    "<pub-dates><date>May 4</date></pub-dates></dates><electronic-resource-num>10.5555/abc"
    "</electronic-resource-num><abstract>We test over two lines.</abstract></record></records></xml>",
    "csv": '"Key","Item Type","Publication Year","Author","Title","Publication Title","DOI",'
    '"Abstract Note","Date"\n"A","journalArticle","2019","Doe, Jane; Roe, Richard","A title",'
    '"Journal of Tests","10.5555/abc","We test\nover two lines.","2019-05-04"\n',
    "csl-json": json.dumps(
        [
            {
                "id": "a",
                "type": "article-journal",
                "title": "A title",
                "author": [
                    {"family": "Doe", "given": "Jane"},
                    {"family": "Roe", "given": "Richard"},
                ],
                "issued": {"date-parts": [[2019, 5, 4]]},
                "container-title": "Journal of Tests",
                "DOI": "10.5555/abc",
                "abstract": "<p>We test over two lines.</p>",
            }
        ]
    ),
    "Better BibTeX JSON": json.dumps(
        {
            "config": {},
            "items": [
                {
                    "itemType": "journalArticle",
                    "title": "A title",
                    "creators": [
                        {"creatorType": "author", "firstName": "Jane", "lastName": "Doe"},
                        {"creatorType": "author", "name": "Richard Roe"},
                        {"creatorType": "editor", "name": "Nobody"},
                    ],
                    "publicationTitle": "Journal of Tests",
                    "abstractNote": "We test over two lines.",
                    "date": "2019-05-04",
                    "DOI": "10.5555/abc",
                }
            ],
        }
    ),
    "Semantic Scholar": json.dumps(
        {
            "data": [
                {
                    "title": "A title",
                    "authors": [{"name": "Jane Doe"}, {"name": "Richard Roe"}],
                    "abstract": "We test over two lines.",
                    "venue": "Journal of Tests",
                    "publicationDate": "2019-05-04",
                    "externalIds": {"DOI": "10.5555/abc", "CorpusId": 7},
                }
            ]
        }
    ),
    "OpenAlex": json.dumps(
        {
            "results": [
                {
                    "id": "https://openalex.org/W123456",
                    "doi": "https://doi.org/10.5555/abc",
                    "display_name": "A title",
                    "publication_date": "2019-05-04",
                    "authorships": [
                        {"author": {"display_name": "Jane Doe"}},
                        {"author": {"display_name": "Richard Roe"}},
                    ],
                    "primary_location": {"source": {"display_name": "Journal of Tests"}},
                    "abstract_inverted_index": {
                        "We": [0],
                        "test": [1],
                        "over": [2],
                        "two": [3],
                        "lines.": [4],
                    },
                }
            ]
        }
    ),
    "BibTeX without a key": "@article{\n author = {Doe, Jane and Roe, Richard},\n"
    " title = {A title},\n journal = {Journal of Tests},\n year = 2019, month = may, day = 4,\n"
    " doi = {10.5555/abc},\n abstract = {We test\n over two lines.}\n}",
    "BibLaTeX": "@article (k,\n author = {family=Doe, given=Jane and Roe, Richard},\n"
    " title = {{A title}}, journaltitle = {Journal of Tests}, date = {2019-05-04},\n"
    ' doi = "10.5555/abc", abstract = "We test over two lines.")',
}


@pytest.mark.parametrize("shape", SHAPES)
def test_one_paper_is_the_same_in_every_shape(shape: str) -> None:
    paper = only(SHAPES[shape])
    assert paper.id == "doi:10.5555/abc"
    assert paper.title == "A title"
    assert paper.authors == ("Jane Doe", "Richard Roe")
    assert paper.abstract == "We test over two lines."
    assert paper.journal_ref == "Journal of Tests"
    assert paper.published is not None
    assert paper.published.date() == date(2019, 5, 4)


@pytest.mark.parametrize(
    ("header", "row"),
    [
        (
            "Authors,Title,Publication,Volume,Number,Pages,Year,Publisher",
            '"Doe, Jane; ",T,J,,,,2020,',
        ),
        (
            "Authors,Author full names,Title,Year,Source title,DOI,Link,Abstract,EID",
            '"Doe J.","Doe, Jane (12345678900)",T,2020,J,10.5555/x,http://s,A,2-s2.0',
        ),
        (
            '"Document Title",Authors,"Publication Title","Publication Year","Abstract","DOI"',
            '"T","Jane Doe","J","2020","A","10.5555/x"',
        ),
        ("Title;Authors;Year", 'T;"Doe, Jane;";2020'),
        ("PT\tAU\tAF\tTI\tSO\tPY", "J\tDoe, J\tDoe, Jane\tT\tJ\t2020"),
        (
            '"About the data: exported on 1 May"\nRank,DOI,Title,Abstract,PubYear,Authors',
            '1,10.5555/x,T,A,2020,"Doe, Jane;"',
        ),
    ],
    ids=["Google Scholar", "Scopus", "IEEE", "semicolons", "Web of Science", "Dimensions"],
)
def test_tables_are_known_by_their_columns(header: str, row: str) -> None:
    paper = only(f"{header}\n{row}\n")
    assert (paper.title, paper.authors) == ("T", ("Jane Doe",))
    assert paper.published is not None
    assert paper.published.year == 2020


def test_each_record_of_a_format_without_beginnings_is_one() -> None:
    refer = "%A John Smith\n%T One\n%D 1990\n\n%T Two\n%A Kim\n%0 Journal Article\n"
    assert [p.title for p in read(refer).papers] == ["One", "Two"]
    ris = "TI  - One\nAU  - Doe, Jane\nER  - \nTI  - Two\nER  - \n"
    assert [p.title for p in read(ris).papers] == ["One", "Two"]
    eric = "OWN - ERIC\nTI  - One\nOID - EJ1\n\nOWN - ERIC\nTI  - Two\nOID - EJ2\n"
    assert [p.title for p in read(eric).papers] == ["One", "Two"]


def test_json_that_is_no_list_of_papers_is_refused_and_what_is_no_work_is_counted() -> None:
    with pytest.raises(LibraryError, match="no list of papers"):
        read('{"title": "My settings", "version": 3}')
    items = [
        {"itemType": "note", "note": "x"},
        {"itemType": "attachment", "title": "a.pdf"},
        {"itemType": "journalArticle", "title": "A paper"},
        {"itemType": "film", "title": "A film"},
    ]
    found = read(json.dumps({"items": items}))
    assert [p.title for p in found.papers] == ["A paper"]
    assert sum(r.count("are no papers") for r in found.remarks) == 3


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"%PDF-1.7", "is a PDF"),
        (b"PK\x03\x04abc", "is an archive"),
        (b"\x1f\x8babc", "is compressed"),
        (b"SQLite format 3\x00", "is a database"),
        (b"<rdf:RDF xmlns:rdf='x'></rdf:RDF>", "is RDF"),
        (b"<opml><body/></opml>", "list of feeds"),
        (b"a\x01\x00b", "is no text"),
    ],
)
def test_what_holds_no_papers_says_what_it_is(body: bytes, said: str) -> None:
    with pytest.raises(LibraryError, match=said):
        read(body)


# --- BibTeX as people have it --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("@article{b, title = {One too many {brace}, doi = {10.5555/x}, year = {2009}}", "One too many brace"),
        ("@article{k, title = {Extra close}} more}, year = 2002}", "Extra close more"),
        ("@misc{k, title = {Never closes, year = {2001}\n\n@misc{l, title={Fine}}", "Never closes"),
        ('@misc{k, title = "The "best" way", year = 2001}', 'The "best" way'),
        ('@misc{k, title = a # " and the rest"}\n@string{a = "The beginning"}', "The beginning and the rest"),
        ("@article{k\n title = {No comma after the key}\n}", "No comma after the key"),
        ("@misc{k, title = {Main}, subtitle = {and the rest}}", "Main: and the rest"),
        ("@misc{k, title = {Is it?}, subtitle = {It is}}", "Is it? It is"),
        (r"@misc{k, title = {{\textless}i{\textgreater}E. coli{\textless}/i{\textgreater}}}", "E. coli"),
        ("@misc{k, title = {Without an end", "Without an end"),
    ],
)  # fmt: skip
def test_a_broken_entry_is_read_as_far_as_it_goes(text: str, title: str) -> None:
    found = read(text)
    assert found.papers[0].title == title
    assert not found.faults


def test_what_was_mended_is_told_with_its_line() -> None:
    found = read(
        "@misc{a, title={Fine}}\n\n@misc{b, title = {Torn, year = {2001}\n\n@misc{c, title={C}}"
    )
    assert len(found.papers) == 3
    assert any("line 3" in r and "title" in r for r in found.remarks)


def test_parts_inherit_from_the_whole_but_not_what_is_its_own() -> None:
    text = """@inproceedings{child, title = {A child}, crossref = {Parent}}
@inproceedings{other, title = {Another}, xdata = {common}}
@proceedings{parent, title = {The proceedings}, year = 2011, doi = {10.5555/book}}
@xdata{common, year = {2012}, doi = {10.5555/other}}"""
    found = read(text)
    child, other, parent = found.papers
    assert (child.journal_ref, child.doi) == ("The proceedings", "")
    assert child.published == parent.published
    assert other.doi == "10.5555/other"
    assert len(found.faults) == 1  # what only serves others is told, not lost


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ("King, Jr., Martin", ("Martin King, Jr.",)),
        (
            "{Centre for Trees and Graphs} and Doe, Jane",
            ("Centre for Trees and Graphs", "Jane Doe"),
        ),
        ("family=Oord, given=Aaron, prefix=van den", ("Aaron van den Oord",)),
        ("A. One AND B. Two", ("A. One", "B. Two")),
        ("Ann One; Bob Two; Cy Three", ("Ann One", "Bob Two", "Cy Three")),
        ("Knuth, D.~E. and others", ("D. E. Knuth",)),
        (r"M{\"u}ller, J{\'o}zef", ("Józef Müller",)),
    ],
)
def test_authors_as_people_write_them(names: str, expected: tuple[str, ...]) -> None:
    assert only(f"@misc{{k, title={{T}}, author={{{names}}}}}").authors == expected


def test_comments_and_addresses_are_no_entries() -> None:
    text = "% @misc{no, title={Commented}}\n@comment{x}\nfoo@bar.org {x}\n@misc{y, title={Yes}}"
    assert [p.title for p in read(text).papers] == ["Yes"]


def test_groups_and_tags_choose_entries() -> None:
    text = """@misc{a, title={A}, groups={Reading, 2024 [new]}, keywords={ml, nlp}}
@misc{b, title={B}, keywords={physics}}
@misc{c, title={C}}
@comment{jabref-meta: grouping:
0 AllEntriesGroup:;
1 ExplicitGroup:Old\\;0\\;c\\;\\;;
}"""
    titles = {
        choice: [p.title for p in read(text, choice=choice).papers]
        for choice in (
            Choice(collections=("2024 [new]",)),
            Choice(collections=("old",)),
            Choice(tags=("ml",)),
            Choice(exclude=("Reading", "Old")),
        )
    }
    assert list(titles.values()) == [["A"], ["C"], ["A"], ["B"]]
    assert not matches("2024 n", ["2024 [new]"])
    assert matches("Reading/2026/May", ["reading/*"])


# --- one identity for all ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fields",
    [
        "journal={arXiv preprint arXiv:2405.01234}",
        "journal={ArXiv}, volume={abs/2405.01234}",
        "howpublished={https://arxiv.org/abs/2405.01234v2}",
        "note={arXiv:2405.01234 [cs]}",
        "number={arXiv:2405.01234}",
        "arxivId={2405.01234}",
        "eprint={2405.01234v1 [cs.LG]}",
        "annote={Found as arXiv: 2405.01234. Good.}",
        "bdsk-url-1={http://arxiv.org/pdf/2405.01234}",
        "doi={10.48550/arXiv.2405.01234}",
    ],
)
def test_an_arxiv_id_is_found_wherever_programs_put_it(fields: str) -> None:
    assert only(f"@misc{{k, title={{T}}, {fields}}}").id == "arxiv:2405.01234"


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        (r"doi={10.5555/0016(1999)111{\textless}1796:FPI{\textgreater}2.3.CO;2}", "doi:10.5555/0016(1999)111<1796:fpi>2.3.co;2"),
        ("doi={10.5555/0016(1999)111$<$1796:FPI$>$2.3.CO;2}", "doi:10.5555/0016(1999)111<1796:fpi>2.3.co;2"),
        ("doi={10.5555/0016(1999)111&lt;1796:FPI&gt;2.3.CO;2}", "doi:10.5555/0016(1999)111<1796:fpi>2.3.co;2"),
        ("url={https://doi.org/10.5555/0016(1999)111%3C1796:FPI%3E2.3.CO;2}", "doi:10.5555/0016(1999)111<1796:fpi>2.3.co;2"),
        (r"doi={10.5555/a\_b}", "doi:10.5555/a_b"),
        ("eprint={10.5555/x}", "doi:10.5555/x"),
        ("ee={https://doi.org/10.5555/x}", "doi:10.5555/x"),
        ("url={https://www.jstor.org/stable/2346178}", "doi:10.2307/2346178"),
        ("eprint={0309136}, primaryClass={math.GT}, archivePrefix={arXiv}", "arxiv:math/0309136"),
        ("pmid={12345678}", "pmid:12345678"),
        ("url={https://pmc.ncbi.nlm.nih.gov/articles/PMC1234567/}", "pmc:PMC1234567"),
        ("adsurl={https://ui.adsabs.harvard.edu/abs/2020arXiv200507513A}", "arxiv:2005.07513"),
    ],
)  # fmt: skip
def test_ids_come_out_of_every_field_and_spelling(fields: str, name: str) -> None:
    assert only(f"@misc{{k, title={{T}}, {fields}}}").id == name


@pytest.mark.parametrize(
    "note", ["Comment on arXiv:2405.01234", "Erratum in doi:10.5555/x", "See arXiv:2405.01234"]
)
def test_a_remark_about_another_paper_is_no_id(note: str) -> None:
    assert only(f"@misc{{k, title={{T}}, note={{{note}}}}}").id.startswith("text:")


def test_an_id_that_several_works_share_names_none_of_them() -> None:
    text = "\n".join(
        f"@incollection{{k{n}, title={{{title}}}, author={{{author}}}, year={{2001}}, doi={{10.5555/book}}}}"
        for n, (title, author) in enumerate(
            [("On orchids", "Roe, R"), ("The tides", "Poe, A"), ("A theory of nets", "Doe, J")]
        )
    )
    found = read(text)
    assert len(found.papers) == 3
    assert {p.doi for p in found.papers} == {""}
    assert any("10.5555/book stands in 3 entries of different titles" in r for r in found.remarks)
    mendeley = "@article{a, title={On orchids}, eprint={arXiv:1011.1669v3}, doi={10.5555/a}}"
    assert only(mendeley).id == "doi:10.5555/a"


def test_a_preprint_and_its_later_title_stay_one_paper() -> None:
    text = """@misc{a, title={Nets that learn slowly}, author={Doe, J}, eprint={2405.01234}}
@misc{b, title={Patience pays}, author={Doe, J}, eprint={2405.01234}}"""
    found = read(text)
    assert (len(found.papers), found.n_duplicates) == (1, 1)


def test_a_duplicate_fills_what_the_first_lacks() -> None:
    text = """@misc{a, title={A study of the nets of rivers}, author={Doe, Jane}, year=2020}
@misc{b, title={A study of the nets of rivers}, author={Doe, J.}, doi={10.5555/x}, abstract={We look.}}"""
    (paper,) = read(text).papers
    assert (paper.abstract, paper.doi, paper.id) == ("We look.", "10.5555/x", "doi:10.5555/x")


def test_two_papers_of_one_short_title_and_other_authors_are_two() -> None:
    text = "@misc{a, title={Introduction}, author={Doe, J}}\n@misc{b, title={Introduction}, author={Roe, R}}"
    assert len(read(text).papers) == 2


# --- lists and encodings -------------------------------------------------------------------------


def test_a_title_among_links_is_a_paper_known_by_it() -> None:
    found = read(
        "https://www.nature.com/articles/s41586-021-03819-2\n"
        "https://www.biorxiv.org/content/10.1101/2020.01.01.000001v2.full\n"
        "Attention Is All You Need\n\nhttps://example.org/blog\n"
    )
    assert [p.title for p in found.papers] == ["Attention Is All You Need"]
    assert found.refs == ("10.1038/s41586-021-03819-2", "10.1101/2020.01.01.000001")
    assert len(found.faults) == 1


def test_bookmarks_and_saved_pages_are_read_by_their_links() -> None:
    page = '<!DOCTYPE NETSCAPE-Bookmark-file-1><DT><A HREF="https://arxiv.org/abs/2405.00008">x</A>'
    assert read(page).refs == ("2405.00008",)


TEXTS = {
    "cp1252": "Müller, Jürgen; Gonçalves, João: Über die Größe der Informações",
    "cp1250": "Wałęsa, Józef: Zażółć gęślą jaźń; Dvořák: Žluťoučký kůň",
    "gbk": "基于卷积神经网络的医学图像分割方法研究",
    "shift_jis": "深層学習による画像認識の研究について",
    "utf-16": "Über 深度学习",
    "utf-16-le": "A plain title with an é",
    "utf-8-sig": "Ein Müller",
}


@pytest.mark.parametrize("encoding", TEXTS)
@pytest.mark.parametrize("n_others", [0, 40])
def test_a_file_is_read_in_the_encoding_it_was_written_in(encoding: str, n_others: int) -> None:
    others = "".join(f"@misc{{o{n}, title={{Some plain title {n}}}}}\n" for n in range(n_others))
    text = f"{others}@misc{{k, title={{{TEXTS[encoding]}}}}}\n"
    found = read(text.encode(encoding))
    assert found.papers[-1].title == TEXTS[encoding]
    assert bool(found.remarks) == (not encoding.startswith("utf-8"))


def test_what_a_file_says_of_its_encoding_is_believed() -> None:
    body = "% Encoding: GBK\n@misc{k, title={题名 and more}}".encode("gbk")
    assert only(body).title == "题名 and more"


def test_when_the_reader_took_a_paper_in_is_kept() -> None:
    text = "@misc{a, title={A}, date-added={2019-05-04 10:00:00 +0000}}\n@misc{b, title={B}}"
    found = read(text)
    assert {d.date() for d in found.added.values()} == {date(2019, 5, 4)}
    assert set(found.added) == {found.papers[0].id}
