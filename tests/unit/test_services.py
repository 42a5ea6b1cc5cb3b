"""What bioRxiv, OpenAlex, Crossref, OpenReview and PubMed answer, as papers."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.errors import SourceMalformed
from digest.model import Paper
from digest.ports import FetchRequest
from digest.sources import (
    biorxiv,
    crossref,
    europepmc,
    openalex,
    openreview,
    pubmed,
    semantic_scholar,
)
from digest.sources.payload import Page, window
from digest.text import clean, safe_url
from tests.conftest import NOW

DAY = date(2026, 5, 20)


def preprint(number: int = 1, **changes: Any) -> dict[str, Any]:
    return {
        "doi": f"10.64898/2026.05.{number:05d}",
        "title": f"Roots &amp; leaves {number}",
        "authors": "Kim, S. Y.; Yang, L.-Q.; Consortium",
        "date": "2026-05-19",
        "version": "1",
        "category": "Plant Biology",
        "abstract": "<p>We look at roots.</p>",
    } | changes


def details(*found: dict[str, Any], total: int | None = None) -> bytes:
    head = {"status": "ok", "cursor": 0, "count": len(found), "total": str(total or len(found))}
    return json.dumps({"messages": [head], "collection": found}).encode()


def test_a_preprint_has_all_that_the_server_says() -> None:
    (paper,), page = biorxiv.parse(details(preprint(), total=7), url="u", server="biorxiv")
    n, total = page.n_records, page.total
    assert (n, total) == (1, 7)
    assert paper.id == "doi:10.64898/2026.05.00001"
    assert paper.title == "Roots & leaves 1"
    assert paper.abstract == "We look at roots."
    assert paper.authors == ("S. Y. Kim", "L.-Q. Yang", "Consortium")
    assert paper.categories == ("plant biology",)
    assert paper.announced == date(2026, 5, 19)
    assert paper.url == "https://www.biorxiv.org/content/10.64898/2026.05.00001v1"
    assert paper.pdf_url == paper.url + ".full.pdf"
    assert paper.announce_type == "new"


def test_a_later_version_is_a_replacement_and_an_empty_day_is_one() -> None:
    body = details(preprint(version="2"), preprint(2, date="soon"), preprint(3, title=""))
    (paper,), page = biorxiv.parse(body, url="u", server="medrxiv")
    assert (paper.announce_type, page.n_records) == ("replace", 3)
    empty = json.dumps({"messages": [{"status": "no posts found"}], "collection": []}).encode()
    assert biorxiv.parse(empty, url="u", server="biorxiv") == ((), Page(0))


def work(number: int = 1, **changes: Any) -> dict[str, Any]:
    return {
        "id": f"https://openalex.org/W{number}",
        "doi": f"https://doi.org/10.1000/W{number}",
        "title": f"Coral reefs {number}",
        "publication_date": "2026-05-19",
        "authorships": [{"author": {"display_name": "Grace Hopper"}}, {"author": None}],
        "primary_location": {
            "landing_page_url": f"https://example.org/{number}",
            "source": {"display_name": "Journal of Reefs"},
        },
        "primary_topic": {"display_name": "Reefs", "field": {"display_name": "Biology"}},
        "abstract_inverted_index": {"reefs": [1], "Warm": [0], "bleach": [2]},
    } | changes


def works(*found: dict[str, Any], cursor: str | None = None) -> bytes:
    return json.dumps({"meta": {"next_cursor": cursor}, "results": found}).encode()


def test_a_work_of_openalex_has_its_abstract_unfolded() -> None:
    (paper,), cursor = openalex.parse(works(work(), cursor="x"), url="u", today=DAY)
    assert cursor == "x"
    assert paper.abstract == "Warm reefs bleach"
    assert (paper.id, paper.doi) == ("doi:10.1000/w1", "10.1000/w1")
    assert paper.authors == ("Grace Hopper",)
    assert paper.categories == ("Reefs", "Biology")
    assert paper.journal_ref == "Journal of Reefs"
    assert paper.announced == date(2026, 5, 19)


def test_a_work_that_is_dated_ahead_came_out_today_and_one_of_arxiv_is_known_as_such() -> None:
    ahead = work(1, publication_date="2031-01-01")
    preprint_ = work(2, doi="https://doi.org/10.48550/arXiv.2405.01234")
    bare = work(3, doi=None, primary_location=None)
    papers, _ = openalex.parse(works(ahead, preprint_, bare), url="u", today=DAY)
    assert papers[0].announced == DAY
    assert papers[1].id == "arxiv:2405.01234"
    assert papers[2].id.startswith("feed:")


def item(number: int = 1, **changes: Any) -> dict[str, Any]:
    return {
        "DOI": f"10.1000/C{number}",
        "URL": f"https://doi.org/10.1000/c{number}",
        "type": "journal-article",
        "title": [f"A study of <i>things</i> {number}"],
        "abstract": "<jats:title>Abstract</jats:title><jats:p>We look.</jats:p>",
        "author": [{"given": "Grace", "family": "Hopper"}, {"name": "The Group"}],
        "container-title": ["Journal of Things"],
        "created": {"date-time": "2026-05-19T08:00:00Z"},
        "published": {"date-parts": [[2026, 6]]},
    } | changes


def registered(*found: dict[str, Any], cursor: str = "", total: int | None = None) -> bytes:
    message = {"items": found, "next-cursor": cursor, "total-results": total or len(found)}
    return json.dumps({"status": "ok", "message": message}).encode()


def test_a_work_of_crossref_is_dated_by_its_registration() -> None:
    body = registered(item(), item(2, type="journal"), item(3, title=[]), cursor="c")
    (paper,), cursor, page = crossref.parse(body, url="u", now=NOW)
    n = page.n_records
    assert (cursor, n) == ("c", 3)
    assert paper.title == "A study of things 1"
    assert paper.abstract == "We look."
    assert paper.authors == ("Grace Hopper", "The Group")
    assert paper.announced == date(2026, 5, 19)
    assert paper.published == NOW  # the issue is of next month
    assert paper.journal_ref == "Journal of Things"


OLDEST = NOW - timedelta(days=60)


def submission(number: int = 1, **changes: Any) -> dict[str, Any]:
    return {
        "id": f"note{number}",
        "forum": f"forum{number}",
        "cdate": 1_700_000_000_000,
        "odate": round((NOW - timedelta(days=2)).timestamp() * 1000),
        "content": {
            "title": {"value": f"A submission {number}"},
            "abstract": {"value": "We look."},
            "authors": {"value": ["Grace Hopper", "Ada Lovelace"]},
            "venue": {"value": "COLM 2024"},
            "pdf": {"value": "/pdf/x.pdf"},
            "keywords": {"value": ["a", "b"]},
        },
    } | changes


def notes(*found: dict[str, Any], total: int | None = None) -> bytes:
    return json.dumps({"notes": found, "count": total or len(found)}).encode()


def test_a_submission_of_openreview_is_news_for_a_while() -> None:
    old = submission(2, odate=1_700_000_000_000)
    bare = submission(3, content={"title": "The first layout", "authors": ["A"]})
    body = notes(submission(), old, bare, submission(4, content=None))
    (new, known, first_layout), page = openreview.parse(body, url="u", now=NOW, oldest=OLDEST)
    n = page.n_records
    assert n == 4
    assert new.title == "A submission 1"
    assert new.url == "https://openreview.net/forum?id=forum1"
    assert new.pdf_url == "https://openreview.net/pdf?id=forum1"
    assert new.categories == ("COLM 2024",)
    assert new.announced == DAY - timedelta(days=2)
    assert known.announced is None
    assert first_layout.title == "The first layout"
    assert first_layout.pdf_url == ""


ARTICLE = """<PubmedArticle><MedlineCitation><PMID>{n}</PMID><Article>
<Journal><Title>Journal of Guts</Title></Journal>
<ArticleTitle>On <i>E. coli</i> {n}.</ArticleTitle>
<Abstract><AbstractText Label="BACKGROUND">We ask.</AbstractText>
<AbstractText Label="RESULTS">H<sub>2</sub>O helps.</AbstractText></Abstract>
<AuthorList><Author><LastName>Hopper</LastName><ForeName>Grace B</ForeName></Author>
<Author><CollectiveName>The Group</CollectiveName></Author></AuthorList>
</Article></MedlineCitation><PubmedData><History>
<PubMedPubDate PubStatus="received"><Year>2025</Year><Month>1</Month><Day>2</Day></PubMedPubDate>
<PubMedPubDate PubStatus="entrez"><Year>2026</Year><Month>5</Month><Day>19</Day></PubMedPubDate>
</History><ArticleIdList><ArticleId IdType="pubmed">{n}</ArticleId>
<ArticleId IdType="doi">10.1000/P{n}</ArticleId></ArticleIdList></PubmedData></PubmedArticle>"""


def articles(*numbers: int, more: str = "") -> bytes:
    found = "".join(ARTICLE.format(n=n) for n in numbers)
    return f"<?xml version='1.0'?><PubmedArticleSet>{found}{more}</PubmedArticleSet>".encode()


def pmids(*numbers: int, total: int | None = None) -> bytes:
    result = {"count": str(total or len(numbers)), "idlist": [str(n) for n in numbers]}
    return json.dumps({"esearchresult": result}).encode()


def test_an_article_of_pubmed_has_its_parts_and_the_day_it_was_taken_in() -> None:
    book = "<PubmedBookArticle/><PubmedArticle><MedlineCitation/></PubmedArticle>"
    (paper,), _ = pubmed.parse_records(articles(7, more=book), url="u", now=NOW)
    assert paper.title == "On E. coli 7"
    assert paper.abstract == "Background: We ask. Results: H₂O helps."
    assert paper.authors == ("Grace B Hopper", "The Group")
    assert (paper.id, paper.doi) == ("doi:10.1000/p7", "10.1000/p7")
    assert paper.url == "https://pubmed.ncbi.nlm.nih.gov/7/"
    assert paper.announced == date(2026, 5, 19)
    assert paper.journal_ref == "Journal of Guts"


def test_ids_of_pubmed_and_its_errors() -> None:
    assert pubmed.parse_ids(pmids(1, 2, total=9), url="u") == (("1", "2"), 9)
    with pytest.raises(SourceMalformed, match="bad query"):
        pubmed.parse_ids(b'{"esearchresult": {"ERROR": "bad query"}}', url="u")
    for body in (b"", b"<html>", b"<a>", b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>"):
        with pytest.raises(SourceMalformed):
            pubmed.parse_records(body, url="u", now=NOW)


@given(st.binary(max_size=100), st.integers(0, 1500))
def test_any_bytes_of_pubmed_are_read_or_refused(noise: bytes, at: int) -> None:
    sound = articles(7)
    try:
        found, _ = pubmed.parse_records(sound[:at] + noise + sound[at:], url="u", now=NOW)
    except SourceMalformed:
        return
    assert all(p.title == clean(p.title) for p in found)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"3", b'{"message": 3}', b'{"a": 1}'])
def test_what_is_no_answer_is_refused(body: bytes) -> None:
    with pytest.raises(SourceMalformed):
        biorxiv.parse(body, url="u", server="biorxiv")
    with pytest.raises(SourceMalformed):
        openalex.parse(body, url="u", today=DAY)
    with pytest.raises(SourceMalformed):
        crossref.parse(body, url="u", now=NOW)
    with pytest.raises(SourceMalformed):
        openreview.parse(body, url="u", now=NOW, oldest=OLDEST)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=12,
)


@given(st.data())
def test_any_value_of_any_key_is_read_or_refused(data: st.DataObject) -> None:
    def spoilt(record: dict[str, Any]) -> dict[str, Any]:
        key = data.draw(st.sampled_from(sorted(record)))
        return record | {key: data.draw(JSON)}

    found: list[Paper] = []
    found += biorxiv.parse(details(spoilt(preprint())), url="u", server="biorxiv")[0]
    found += openalex.parse(works(spoilt(work())), url="u", today=DAY)[0]
    found += crossref.parse(registered(spoilt(item())), url="u", now=NOW)[0]
    found += openreview.parse(notes(spoilt(submission())), url="u", now=NOW, oldest=OLDEST)[0]
    for paper in found:
        assert paper.title
        for text in (paper.title, paper.abstract, *paper.authors, *paper.categories):
            assert text == clean(text)
        assert paper.url == safe_url(paper.url)


def test_a_window_begins_where_the_last_fetch_ended() -> None:
    def asked(*covered: int, until: date | None = None) -> tuple[date, date]:
        days = frozenset(DAY - timedelta(days=n) for n in covered)
        request = FetchRequest(now=NOW, covered=days, until=until)
        return window(request, overlap=1, first=2)

    def days(*ago: int) -> tuple[date, ...]:
        return tuple(DAY - timedelta(days=n) for n in ago)

    assert asked() == days(2, 0)
    assert asked(1) == days(2, 0)
    assert asked(3, 4, 5) == days(4, 0)
    assert asked(90) == days(8, 0)
    assert asked(1, 9, until=DAY - timedelta(days=5)) == days(10, 5)


#: file, records in it, papers that have an abstract
@pytest.mark.parametrize(
    ("name", "server", "n_papers"),
    [
        ("details_biorxiv_2024_page0.json", "biorxiv", 100),
        ("details_medrxiv_2026-08.json", "medrxiv", 10),
        ("details_shape.json", "biorxiv", 1),
    ],
)
def test_recorded_preprints_are_read(fixtures: Path, name: str, server: str, n_papers: int) -> None:
    body = (fixtures / "biorxiv" / name).read_bytes()
    papers, page = biorxiv.parse(body, url="u", server=server)
    n = page.n_records
    assert len(papers) == n == n_papers
    assert all(p.abstract and p.authors and p.categories for p in papers) or n_papers == 1


def test_recorded_works_of_openalex_are_read(fixtures: Path) -> None:
    for path in sorted((fixtures / "openalex").glob("*.json")):
        body = path.read_bytes()
        recorded = json.loads(body)["results"]
        papers, _ = openalex.parse(body, url="u", today=DAY)
        assert len(papers) == len(recorded), path.name
        for paper, sent in zip(papers, recorded, strict=True):
            assert bool(paper.abstract) == bool(sent.get("abstract_inverted_index"))
            assert paper.authors


def test_recorded_works_of_crossref_are_read(fixtures: Path) -> None:
    n_abstracts = 0
    for path in sorted((fixtures / "crossref").glob("*.json")):
        body = path.read_bytes()
        if "message" not in json.loads(body):
            body = json.dumps({"message": json.loads(body)}).encode()
        papers, _, page = crossref.parse(
            body, url="u", now=datetime(2026, 11, 1, tzinfo=NOW.tzinfo)
        )
        n = page.n_records
        assert n >= 1, path.name
        n_abstracts += sum(bool(p.abstract) for p in papers)
    assert n_abstracts > 5


@pytest.mark.parametrize(
    ("name", "n"),
    [("notes_v1.json", 1), ("notes_v2_rebuilt.json", 1), ("notes_v2_colm2024_rebuilt.json", 120)],
)
def test_recorded_submissions_are_read(fixtures: Path, name: str, n: int) -> None:
    body = (fixtures / "openreview" / name).read_bytes()
    papers, page = openreview.parse(body, url="u", now=NOW, oldest=OLDEST)
    n_notes = page.n_records
    assert len(papers) == n_notes == n
    assert all(p.abstract and p.authors and p.published for p in papers)


def test_recorded_articles_of_pubmed_are_read(fixtures: Path) -> None:
    for path in sorted((fixtures / "pubmed").glob("*.xml")):
        body = path.read_bytes()
        papers, _ = pubmed.parse_records(
            body, url="u", now=datetime(2026, 11, 1, tzinfo=NOW.tzinfo)
        )
        assert len(papers) == body.count(b"<PubmedArticle>"), path.name
        assert all(p.authors and p.announced for p in papers), path.name
    for path in sorted((fixtures / "pubmed").glob("esearch*.json")):
        ids, total = pubmed.parse_ids(path.read_bytes(), url="u")
        assert 0 < len(ids) <= total


# --- Semantic Scholar and Europe PMC -------------------------------------------------------------


def test_a_paper_of_semantic_scholar_is_known_by_all_its_ids() -> None:
    record = {
        "paperId": "ab" * 20,
        "externalIds": {"ArXiv": "2405.01234", "DOI": "10.1000/J", "PubMed": "77"},
        "title": "Roots",
        "abstract": None,
        "authors": [{"name": "Ada Lovelace"}, {}],
        "year": 2024,
        "journal": {"name": "Nature"},
        "fieldsOfStudy": ["Biology", None],
    }
    (found,) = semantic_scholar.parse(json.dumps([record]).encode(), url="u", now=NOW)
    assert found is not None
    assert found.id == "arxiv:2405.01234"
    assert found.doi == "10.1000/j"
    assert set(found.aliases) == {"pmid:77", "s2:" + "ab" * 20}
    assert found.journal_ref == "Nature"
    assert found.categories == ("Biology",)
    assert found.published is not None


@pytest.mark.parametrize("body", [b"{}", b'{"error": "no"}', b'"x"', b"<html>", b'{"data": 3}'])
def test_what_semantic_scholar_does_not_mean_is_refused(body: bytes) -> None:
    with pytest.raises(SourceMalformed):
        semantic_scholar.parse(body, url="u", now=NOW)


@pytest.mark.parametrize("body", [b"{}", b'{"resultList": []}', b"[]", b"<html>"])
def test_what_europe_pmc_does_not_mean_is_refused(body: bytes) -> None:
    with pytest.raises(SourceMalformed):
        europepmc.parse(body, url="u", now=NOW)


_ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.floats(allow_nan=False),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                (
                    "paperId externalIds title DOI ArXiv authors year journal pmid authorList "
                    "author doi firstIndexDate journalInfo name"
                ).split()
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)


@given(st.lists(_ANY, max_size=3))
def test_any_value_under_any_key_of_these_two_is_read_or_left_out(values: list[Any]) -> None:
    for found in semantic_scholar.parse(json.dumps(values).encode(), url="u", now=NOW):
        assert found is None or found.title
    body = json.dumps({"resultList": {"result": values}}).encode()
    assert all(p.title for p in europepmc.parse(body, url="u", now=NOW)[0])


@pytest.mark.parametrize(
    ("name", "n_papers", "n_abstracts", "n_unknown"),
    [
        ("citations.json", 0, 0, 3),  # a page of edges, not of papers
        ("empty_paginated_results.json", 0, 0, 0),
        ("get_paper.json", 1, 0, 0),
        ("get_papers.json", 0, 0, 3),  # asked for authors only
        ("get_papers_not_found_warning.json", 3, 3, 1),
        ("get_recommended_papers.json", 100, 0, 0),
        ("s2_paper_detail.json", 1, 1, 0),
        ("s2_recommendations.json", 5, 4, 0),
        ("search.json", 5, 5, 0),
        ("search_paper.json", 100, 0, 0),
        ("search_paper_bulk_retrieval.json", 1000, 0, 0),
        ("search_paper_next_page_1.json", 100, 0, 0),
        ("search_paper_next_page_2.json", 100, 0, 0),
    ],
)
def test_recorded_answers_of_semantic_scholar_are_read(
    fixtures: Path, name: str, n_papers: int, n_abstracts: int, n_unknown: int
) -> None:
    body = (fixtures / "semantic_scholar" / name).read_bytes()
    found = semantic_scholar.parse(body, url="u", now=NOW)
    papers = [p for p in found if p is not None]
    assert (len(papers), sum(bool(p.abstract) for p in papers)) == (n_papers, n_abstracts)
    assert len(found) - len(papers) == n_unknown
    assert all(clean(p.title) == p.title and safe_url(p.url) for p in papers)


@pytest.mark.parametrize("name", ["not_found_1.json", "not_found_2.json"])
def test_recorded_refusals_of_semantic_scholar_are_told(fixtures: Path, name: str) -> None:
    body = (fixtures / "semantic_scholar" / name).read_bytes()
    with pytest.raises(SourceMalformed, match="with id 0 not found"):
        semantic_scholar.parse(body, url="u", now=NOW)


def test_the_recorded_author_of_semantic_scholar_is_no_list_of_papers(fixtures: Path) -> None:
    body = (fixtures / "semantic_scholar" / "get_author.json").read_bytes()
    with pytest.raises(SourceMalformed, match="no list of papers"):
        semantic_scholar.parse(body, url="u", now=NOW)


def test_the_recorded_page_of_europe_pmc_is_read(fixtures: Path) -> None:
    body = (fixtures / "europepmc" / "search.json").read_bytes()
    papers, cursor, _ = europepmc.parse(body, url="u", now=datetime(2026, 11, 1, tzinfo=UTC))
    assert len(papers) == 3
    assert cursor
    assert [p.aliases for p in papers] == [
        ("pmid:41792208",),
        ("pmid:41744547", "pmc:PMC12938590"),
        ("pmc:PMC13013079",),
    ]
    assert all(p.authors and p.language == "en" and p.affiliations for p in papers)
    assert not any("@" in a for p in papers for a in p.affiliations)
