"""Papers by the words that stand in them, on both kinds of database."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from digest.model import Listing, Paper
from digest.query import Field, Phrase, parse
from digest.store import Store, open_store
from digest.store import database as database_module
from digest.terms import search_words
from tests.conftest import NOW
from tests.factories import paper

DAY = date(2026, 5, 20)
CORAL = paper(
    1, title="ColBERT on reefs", abstract="We study coral bleaching.", categories=("q-bio.PE",)
)
CORAL = replace(CORAL, authors=("Grace B. Hopper", "Ada Lovelace"))
APART = replace(CORAL, id="arxiv:2605.00002", title="Coral without bleaching", abstract="A reef.")
APART = replace(APART, authors=("Hopper, Georg", "Wei Li"), categories=("cs.CL", "cs.LG"))
CHINESE = replace(CORAL, id="arxiv:2605.00003", title="医学图像分割", abstract="一种方法。")
CHINESE = replace(CHINESE, authors=("王伟",), categories=())


@pytest.fixture
def store(place: Path | str) -> Iterator[Store]:
    with open_store(place) as opened:
        listed(opened, CORAL, day=DAY)
        listed(opened, APART, day=DAY + timedelta(days=1))
        listed(opened, CHINESE, day=DAY + timedelta(days=2))
        yield opened


def listed(store: Store, *papers: Paper, day: date = DAY) -> None:
    announced = tuple(replace(p, announced=day) for p in papers)
    store.papers.add_listing(Listing(source="arXiv", papers=announced, fetched_at=NOW))


def found(store: Store, text: str) -> list[int]:
    return [int(i[-1]) for i in store.search.find(parse(text), 10)]


def test_several_ways_to_go_on_are_asked_at_once(store: Store) -> None:
    ways = [[Phrase(("coral",), (field,))] for field in (Field.TITLE, Field.ABSTRACT)]
    for text in ("", "category:cs.CL", "author:Hopper", "until:2026-05-20"):
        query = parse(text)
        for limit in (1, 10):
            alone = [store.search.find(query, limit, way) for way in ways]
            assert store.search.find_each(query, limit, ways) == alone, text
    assert store.search.find_each(parse(""), 10, ways) == [["arxiv:2605.00002"], [CORAL.id]]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ('"coral bleaching"', [1]),
        ('"cor-al"', [2, 1]),
        ('"coralbleaching"', []),
        ('"Coral-Bleachings"', [1]),
        ('"reefs"', [2, 1]),
        ("title:ColBERT", [1]),
        ("title:bleaching", [2]),
        ("abstract:bleaching", [1]),
        ("category:cs.CL", [2]),
        ("cat:cs", [2]),
        ("category:q-bio", [1]),
        ("author:Hopper", [2, 1]),
        ('author:"G. Hopper"', [2, 1]),
        ('author:"Grace Hopper"', [1]),
        ('author:"Hopper, Grace"', [1]),
        ('author:"Ada Hopper"', []),
        ("author:王伟", [3]),
        ("author:Hopper author:Li", [2]),
        ("title:医学图像", [3]),
        ("since:2026-05-21", [3, 2]),
        ("until:2026-05-21", [2, 1]),
        ("date:2026-05-21", [2]),
        ("author:Hopper until:2026-05-20", [1]),
        ('"zonohedra"', []),
        ('"Lovelace on"', []),
        ('"reefs we"', []),
    ],
)
def test_what_meets_the_conditions_is_found_the_latest_first(
    store: Store, text: str, wanted: list[int]
) -> None:
    assert found(store, text) == wanted


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        (text, asked)
        for text in ("pre-training", "pretraining", "pre training")
        for asked in ('"pre-training"', '"pretraining"', '"pre trainings"')
        # of two words in the text and one in the question nobody knows that they belong
        if (text, asked) != ("pre training", '"pretraining"')
    ],
)
def test_compounds_are_found_in_one_word_and_in_two(store: Store, text: str, asked: str) -> None:
    listed(store, paper(5, title="Work", abstract=f"We use {text} of networks."))
    assert found(store, asked) == [5]


def test_no_name_reaches_over_two_authors(store: Store) -> None:
    over = Phrase(search_words("Hopper Ada"), (Field.AUTHORS,))
    assert store.search.find(parse(""), 10, [over]) == []


def test_what_only_readers_like_is_not_found(store: Store) -> None:
    store.papers.add([paper(7, title="A private zonohedron")], NOW)
    assert found(store, '"zonohedron"') == []
    listed(store, paper(7, title="A private zonohedron"))
    assert found(store, '"zonohedron"') == [7]


def test_the_index_follows_the_papers(store: Store) -> None:
    listed(store, paper(4, title="Bare", abstract=""))
    assert found(store, "title:Bare") == [4]
    listed(store, paper(4, title="Bare", abstract="On zonohedra in water."))
    assert found(store, '"zonohedra"') == [4]
    assert store.purge(NOW + timedelta(days=900)) == 4
    assert found(store, '"coral"') == []
    with store.database.read() as connection:
        left = connection.exec_driver_sql("SELECT count(*) FROM search_index").scalar()
    assert left == 0


def test_two_papers_that_become_one_are_found_once(store: Store) -> None:
    preprint = paper(8, title="Zonohedra of water", abstract="")
    journal = paper(8, title="Polyhedra, a survey", abstract="", authors=("E. Noether",))
    journal = replace(journal, id="doi:10.1000/8", doi="10.1000/8", url="", pdf_url="")
    listed(store, preprint)
    listed(store, journal)
    assert len(store.search.find(parse("title:polyhedra"), 10)) == 1
    listed(store, replace(preprint, doi="10.1000/8"))
    ids = {i for t in ("zonohedra", "polyhedra") for i in store.search.find(parse(f'"{t}"'), 10)}
    assert len(ids) == 1
    with store.database.read() as connection:
        n = connection.exec_driver_sql("SELECT count(*) FROM search_index").scalar()
    assert n == 4


def test_papers_of_an_older_database_are_found(place: Path | str, store: Store) -> None:
    database_module.migrate(store.database, "0011")
    store.close()
    with open_store(place) as again:
        assert found(again, '"coral bleaching"') == [1]
        assert found(again, "author:Hopper") == [2, 1]


@pytest.mark.parametrize("text", ['"\'"', '"\\"', '"NEAR(a b)"', '"a AND b*"', 'author:"O\'Neil"'])
def test_no_words_are_commands(store: Store, text: str) -> None:
    listed(store, replace(paper(9, title="On a AND b, near a b"), authors=("Shaun O'Neil",)))
    query = parse(text)
    assert not query.is_strict or set(found(store, text)) <= {9}


def test_a_long_paper_is_indexed_as_far_as_it_goes(store: Store) -> None:
    listed(store, paper(6, title="Long", abstract="water zonohedron " * 30_000))
    assert found(store, '"water zonohedron"') == [6]


def test_words_longer_than_a_database_takes_are_cut(store: Store) -> None:
    """PostgreSQL refuses a word of more than 2,046 bytes, in a paper and in a question."""
    long = "𐐷" * 3_000
    odd = " ".join(chr(0x1E900 + n % 34) * 90 + str(n) for n in range(4_000))
    listed(store, paper(5, title=f"{long} work", abstract=f"A {long}-{long} {odd}"), CORAL)
    assert found(store, f'"{long[:250]} work"') == [5]
    asked = Phrase(search_words(long), (Field.TITLE,))
    assert store.search.find(parse(long), 10, [asked]) == ["arxiv:2605.00005"]
    assert found(store, '"coral bleaching"') == [1]
