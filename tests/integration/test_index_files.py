"""The index as files: made by one process, mapped by all, and never of another database."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from digest.model import Listing, Paper
from digest.query import parse
from digest.store import Store, open_store
from digest.web import search_index
from digest.web.index_files import Builder, IndexFiles, mark_of
from digest.web.search_index import SearchIndex
from tests.conftest import NOW
from tests.unit.test_search import archive

pytestmark = pytest.mark.sqlite


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(search_index, "MOST_RECENT", 50)
    return tmp_path / "digest.db"


@pytest.fixture
def store(place: Path) -> Iterator[Store]:
    with open_store(place) as opened:
        arrive(opened, archive(90))
        yield opened


def arrive(store: Store, papers: list[Paper]) -> None:
    listed = tuple(replace(p, announced=NOW.date()) for p in papers)
    store.papers.add_listing(Listing(source="arXiv", papers=listed, fetched_at=NOW))


def index_of(store: Store, place: Path) -> SearchIndex:
    files = IndexFiles(place.with_name("index"), mark_of(store))
    return SearchIndex(store, files, Builder(place, files))


def found(index: SearchIndex, text: str) -> list[str]:
    return [p.id for p in index.find(parse(text), 20).papers]


def test_files_are_made_once_and_tell_what_memory_tells(store: Store, place: Path) -> None:
    alone = SearchIndex(store)
    alone.work()
    first, second = index_of(store, place), index_of(store, place)
    first.work()
    current = (place.parent / "index/current").read_text()
    second.work()
    assert (place.parent / "index/current").read_text() == current
    for text in ("coral fish", "laser cavity", "title:trade coin", "xyzzy"):
        assert found(first, text) == found(second, text) == found(alone, text)
    assert len(first) == len(second) == 90
    assert second._index is not None
    latent = second._index.statistics.latent
    assert latent.n_axes
    assert np.shares_memory(latent.axes, latent.by_column)  # of the file, not of this process


def test_what_arrives_later_is_found_beside_the_files(store: Store, place: Path) -> None:
    first, second = index_of(store, place), index_of(store, place)
    first.work()
    arrive(store, [Paper(id="new:1", title="Laser combs over coral", abstract="Light on a reef.")])
    changed = Paper(id="reef:0", title="Medieval laser", abstract="No more of fish.")
    store.papers.add([changed], NOW)
    arrive(store, [changed])
    first.work()
    second.work()
    assert found(first, "laser coral")[0] == found(second, "laser coral")[0] == "new:1"
    arrive(store, archive(200)[90:])
    first.work()
    assert len(first) == 201
    second.work()
    assert len(second) == 201
    assert len(list((place.parent / "index").glob("index-*"))) == 1


def test_what_was_learned_anew_is_not_given_up_for_older_files(store: Store, place: Path) -> None:
    """Else all would be read and learned at every look."""
    index = index_of(store, place)
    index.work()
    arrive(store, archive(138)[90:])  # half as many more, and too few for new files
    index.work()
    learned = index._index
    assert learned is not None
    assert learned.n_recent == 0
    index.work()
    assert index._index is learned
    assert len(index) == 138


def test_a_title_of_many_words_comes_before_what_is_nearer(store: Store, place: Path) -> None:
    title = "Silk caravan coin trade route merchant silver medieval"
    words = title.lower().split()
    arrive(
        store,
        [
            Paper(id="it", title=title, abstract="coral reef fish swim in clear water " * 9),
            Paper(id="near", title=" ".join(reversed(words)), abstract=" ".join(words[::2])),
        ],
    )
    index = SearchIndex(store)
    index.work()
    nearest = index._nearest(Paper(id="", title=title), 5).hits
    assert nearest[0].paper_id == "near"
    assert found(index, title)[0] == "it"


@pytest.mark.parametrize(
    "name",
    ["current", *(f"index-*/{n}" for n in ("rows.npy", "idf.npy", "ids.txt", "names.txt"))],
)
def test_torn_files_are_made_anew(store: Store, place: Path, name: str) -> None:
    index_of(store, place).work()
    (torn,) = (place.parent / "index").glob(name)
    torn.write_bytes(torn.read_bytes()[: torn.stat().st_size // 2])
    again = index_of(store, place)
    again.work()
    assert "reef" in found(again, "coral fish")[0]


def test_files_of_another_database_are_not_read(store: Store, place: Path, tmp_path: Path) -> None:
    index_of(store, place).work()
    with open_store(tmp_path / "other.db") as other:
        arrive(other, [Paper(id=f"x:{n}", title=f"Wool {n}", abstract="Sheep.") for n in range(60)])
        index = index_of(other, tmp_path / "other.db")
        index.work()
        assert found(index, "coral") == []
        assert len(index) == 60


def test_a_folder_that_cannot_be_written_costs_the_files_alone(store: Store, place: Path) -> None:
    place.with_name("index").write_text("a file is in the way")
    index = index_of(store, place)
    index.work()
    assert len(index) == 90


def test_a_builder_that_dies_costs_the_files_alone(store: Store, place: Path) -> None:
    files = IndexFiles(place.with_name("index"), mark_of(store))
    tries: list[int] = []

    def dies(stopping: threading.Event) -> bool:
        tries.append(1)
        return False

    index = SearchIndex(store, files, dies)
    index.work()
    arrive(store, archive(120)[90:])
    index.work()
    assert len(index) == 120
    assert tries == [1]
