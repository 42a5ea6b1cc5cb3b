"""Every recorded payload, folder by folder: each file is read or refused with a word, and the
papers are counted, so that a change of a reader that loses some is seen."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from digest import library
from digest.errors import DigestError, LibraryError
from digest.library.records import paper_of
from digest.library.zotero_items import record_of_item
from digest.sources import (
    arxiv,
    arxiv_api,
    biorxiv,
    crossref,
    europepmc,
    feed,
    huggingface,
    openalex,
    openreview,
    opml,
    pubmed,
    semantic_scholar,
)
from tests.conftest import NOW


def _arxiv(path: Path) -> int:
    body = path.read_bytes()
    if path.name.startswith("api"):
        return len(arxiv_api.parse_api(body, "", url="u", source="arxiv", now=NOW)[0])
    return len(arxiv.parse_listing(body, "", url="u", source="arxiv", now=NOW).papers)


def _feed(path: Path) -> int:
    return len(feed.parse(path.read_bytes(), "", url="u", source="f", now=NOW)[0])


def _pubmed(path: Path) -> int:
    if path.suffix == ".json":
        return len(pubmed.parse_ids(path.read_bytes(), url="u")[0])
    if path.suffix == ".nbib":
        return len(library.read(path).papers)
    return len(pubmed.parse_records(path.read_bytes(), url="u", now=NOW)[0])


def _biorxiv(path: Path) -> int:
    if path.suffix == ".rdf":
        return _feed(path)
    return len(biorxiv.parse(path.read_bytes(), url="u", server="biorxiv")[0])


def _library(path: Path) -> int:
    found = library.read(path)
    return len(found.papers) + len(found.refs)


def _zotero(path: Path) -> int:
    data: Any = json.loads(path.read_bytes())
    items = data if isinstance(data, list) else [data]
    found = [i["data"] for i in items if isinstance(i, dict) and "itemType" in i.get("data", {})]
    return sum(paper_of(record_of_item(d), "zotero") is not None for d in found)


OLD = datetime(2000, 1, 1, tzinfo=UTC)
#: what reads a folder, how many of its files are refused, and how many papers the others hold
READERS: dict[str, tuple[Callable[[Path], int], int, int]] = {
    "arxiv": (_arxiv, 2, 1106),
    "huggingface": (
        lambda p: len(
            huggingface.parse(p.read_bytes(), url="u", day=date(2026, 5, 20), now=NOW)[0]
        ),
        0,
        889,
    ),
    "pubmed": (_pubmed, 0, 23),
    "semantic_scholar": (
        lambda p: sum(
            x is not None for x in semantic_scholar.parse(p.read_bytes(), url="u", now=NOW)
        ),
        3,
        1415,
    ),
    "openalex": (
        lambda p: len(openalex.parse(p.read_bytes(), url="u", today=NOW.date())[0]),
        0,
        10,
    ),
    "crossref": (lambda p: len(crossref.parse(p.read_bytes(), url="u", now=NOW)[0]), 0, 128),
    "biorxiv": (_biorxiv, 0, 141),
    "openreview": (
        lambda p: len(openreview.parse(p.read_bytes(), url="u", now=NOW, oldest=OLD)[0]),
        0,
        122,
    ),
    "europepmc": (lambda p: len(europepmc.parse(p.read_bytes(), url="u", now=NOW)[0]), 0, 3),
    "journals": (_feed, 0, 873),
    "blogs": (_feed, 0, 165),
    "bibtex": (_library, 0, 3328),
    "ris": (_library, 0, 124),
    "csl_json": (_library, 0, 763),
    "pages": (_library, 0, 67),
    "opml": (lambda p: len(opml.feeds(p)), 0, 207),
    "zotero": (_zotero, 0, 271),
}


@pytest.mark.parametrize("folder", READERS)
def test_every_file_of_a_folder_is_read_or_refused_and_counted(fixtures: Path, folder: str) -> None:
    read, n_refused, n_papers = READERS[folder]
    refused, found = 0, 0
    for path in sorted(p for p in (fixtures / folder).rglob("*") if p.is_file()):
        try:
            found += read(path)
        except DigestError:
            refused += 1
    assert (refused, found) == (n_refused, n_papers)


def test_no_recorded_folder_is_left_out(fixtures: Path) -> None:
    folders = {p.name for p in fixtures.iterdir() if p.is_dir()}
    # feeds are read in test_sources, listings and ranking by the tests and benches of the ranking
    assert folders - {"feeds", "listings", "ranking"} == set(READERS)


def test_the_saved_pages_hold_what_the_manifest_says(fixtures: Path) -> None:
    daily = library.read(fixtures / "pages" / "daily_papers.txt")
    topic = library.read(fixtures / "pages" / "topic.txt")
    assert (len(daily.papers), len(topic.papers)) == (37, 30)
    for found in (daily, topic):
        assert all(p.title and len(p.abstract) > 200 for p in found.papers)
        assert not found.faults
    assert topic.papers[0].title.startswith("Evaluation of HTR models")  # not "SubscribeEval…"


def test_a_torn_list_of_feeds_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "feeds.opml"
    for text, said in (
        ("<opml><body></body></opml>", "names no feed"),
        ("<opml><body>", "is no XML"),
        ('<!DOCTYPE x [<!ENTITY a "b">]><opml/>', "declares entities"),
    ):
        path.write_text(text)
        with pytest.raises(LibraryError, match=said):
            opml.feeds(path)
    path.write_text(
        '<opml><body><outline text="F"><outline text="A" xmlUrl="https://example.org/a.rss"/>'
        '<outline xmlUrl="https://example.org/a.rss"/><outline xmlUrl="javascript:1"/>'
        "</outline></body></opml>"
    )
    assert opml.feeds(path) == (opml.Feed("A", "https://example.org/a.rss"),)
