"""`ports.Library`: run over every place that likes are read from."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from digest.app import App
from digest.config import AuthorLikes, RecommendedLikes
from digest.errors import LibraryError
from digest.libraries import library_of
from digest.library import KINDS, FileLibrary
from digest.library.zotero import Items, ZoteroLibrary
from digest.library.zotero_file import ZoteroFile
from digest.ports import Library
from tests.integration.test_lookups import author_pages, recommender, zotero_database
from tests.integration.test_zotero import Library as ZoteroServer
from tests.integration.test_zotero import item
from tests.servers import Answer
from tests.worlds import World, make_world

#: a small file of each kind, invented
FILES = {
    "bibtex": "@article{a, title = {Laser beams}, author = {Hopper, G}, doi = {10.1000/a}}",
    "ris": "TY  - JOUR\nTI  - Laser beams\nAU  - Hopper, G\nDO  - 10.1000/a\nER  - \n",
    "refer": "%0 Journal Article\n%T Laser beams\n%A Hopper, G\n%R 10.1000/a\n",
    "endnote-xml": "<xml><records><record><titles><title><style>Laser beams</style></title>"
    "</titles></record></records></xml>",
    "isi": "PT J\nAU Hopper, G\nTI Laser beams\nDI 10.1000/a\nER\n\nEF\n",
    "csv": 'Title,Authors,DOI\nLaser beams,"Hopper, Grace",10.1000/a\n',
    "json": '{"results": [{"display_name": "Laser beams", "doi": "10.1000/a"}]}',
    "csl-json": '[{"id": "a", "type": "article", "title": "Laser beams", "DOI": "10.1000/a"}]',
    "nbib": "PMID- 7\nTI  - Laser beams\nAB  - We look.\nLID - 10.1000/a [doi]\n\n",
    "ids": "arxiv:2605.00001\n10.1000/a\n",
    "page": "Laser beams and what they hold\n" + "A laser beam meets a mirror. " * 9 + "\n",
}
#: the kinds of files, then what is no file
PLACES = (*FILES, "zotero", "zotero.sqlite", "author", "recommendations")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with make_world(tmp_path) as made:
        yield made


@pytest.fixture
def app(world: World) -> Iterator[App]:
    with world.app() as made:
        yield made


def library(place: str, app: App, world: World) -> Library:
    if place in FILES:
        path = world.folder / f"library.{place}"
        path.write_text(FILES[place], "utf-8")
        return FileLibrary(path, place)
    if place == "zotero":
        ZoteroServer(world.web, [item(1), item(2)])
        items = Items(library="users/123")
        return ZoteroLibrary(app.fetcher, items, key="", base_url=world.web.url, allow_private=True)
    if place == "zotero.sqlite":
        return ZoteroFile(zotero_database(world.folder / "zotero.sqlite"), Items(library="user"))
    if place == "author":
        author_pages(world.web)
        return library_of(app, AuthorLikes(author="0000-0002-1825-0097"))
    recommender(world.web, "ARXIV:2605.00001")
    return library_of(app, RecommendedLikes(recommendations=("2605.00001",)))


def break_it(place: str, world: World) -> None:
    for path in world.web.routes:
        world.web.says(path, Answer(b"", status=503))
    for path in world.folder.glob("library.*"):
        path.unlink()
    for path in world.folder.glob("zotero.sqlite"):
        path.write_bytes(b"no database")


def test_every_kind_of_file_has_an_example_here() -> None:
    assert set(FILES) == set(KINDS)


@pytest.mark.parametrize("place", PLACES)
def test_it_has_a_name_and_gives_papers_or_references(place: str, app: App, world: World) -> None:
    found = library(place, app, world)
    assert found.name
    likes, memory = found.read("")
    assert likes is not None
    assert isinstance(memory, str)
    assert likes.faults == ()
    assert likes.papers or likes.refs
    assert all(p.title for p in likes.papers)


@pytest.mark.parametrize("place", PLACES)
def test_what_has_not_changed_is_not_brought_twice_as_something_new(
    place: str, app: App, world: World
) -> None:
    found = library(place, app, world)
    first, memory = found.read("")
    again, after = found.read(memory)
    assert first is not None
    assert after == memory
    if again is not None:
        assert {p.id for p in again.papers} <= {p.id for p in first.papers}
        assert set(again.refs) <= set(first.refs)


@pytest.mark.parametrize("place", PLACES)
def test_what_cannot_be_read_is_told_in_a_sentence(place: str, app: App, world: World) -> None:
    found = library(place, app, world)
    break_it(place, world)
    with pytest.raises(LibraryError) as told:
        found.read("")
    assert len(str(told.value)) > 20
    assert "Traceback" not in str(told.value)
