"""Services that know papers by their ids, and what authors and recommendations bring: replayed on
loopback, with paging, refusals and resumption."""

from __future__ import annotations

import json
import logging
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from digest import jobs
from digest.config import AuthorLikes, RecommendedLikes, load_settings
from digest.edition.links import Action
from digest.errors import LibraryError, SourceError
from digest.fetcher import Fetcher
from digest.libraries import library_of
from digest.library.choice import Choice
from digest.library.zotero import Items
from digest.library.zotero_file import ZoteroFile
from digest.model import Listing, Paper
from digest.ports import FetchRequest
from digest.sources.europepmc import EuropePmcSource
from digest.sources.openalex import OpenAlexApi, OpenAlexSource
from digest.sources.pubmed import PubMedSource
from digest.sources.semantic_scholar import SemanticScholarApi, SemanticScholarSource
from digest.store import open_store
from digest.usecases.abstracts import fill_abstracts
from digest.usecases.feedback import rate_references
from digest.usecases.imports import imports
from digest.usecases.lookup import resolve
from tests.acceptance.test_command import digest
from tests.conftest import NOW
from tests.factories import paper
from tests.servers import Answer, Request, WebServer, as_json
from tests.worlds import World, import_from, make_world

ALL = '["arxiv", "openalex", "crossref", "semantic-scholar"]'


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with make_world(tmp_path) as made:
        made.write(services=ALL)
        yield made


class Services:
    """OpenAlex, Crossref and Semantic Scholar behind one address, each with its own holdings."""

    def __init__(self, web: WebServer) -> None:
        #: name to whether there is an abstract
        self.openalex: dict[str, bool] = {}
        self.crossref: dict[str, bool] = {}
        self.s2: dict[str, bool] = {}
        self.asked: list[tuple[str, list[str]]] = []
        self.down: set[str] = set()
        self.die_after = 10**9
        web.routes["/works"] = self._works
        web.routes["/graph/v1/paper/batch"] = self._batch

    def _count(self, service: str, names: list[str]) -> Answer | None:
        self.asked.append((service, names))
        if service in self.down or len(self.asked) > self.die_after:
            return Answer(b"down", status=503)
        return None

    def _works(self, request: Request) -> Answer:
        wanted = request.query["filter"]
        if "select" in request.query:
            names = [f"doi:{d}" for d in wanted.removeprefix("doi:").split("|")]
            if refused := self._count("openalex", names):
                return refused
            found = [work(n, self.openalex[n]) for n in names if n in self.openalex]
            return as_json({"meta": {}, "results": found})
        names = wanted.split(",")
        if refused := self._count("crossref", names):
            return refused
        items = [crossref_item(n, self.crossref[n]) for n in names if n in self.crossref]
        return as_json({"message": {"items": items}})

    def _batch(self, request: Request) -> Answer:
        names = [i.replace("DOI:", "doi:") for i in json.loads(request.body)["ids"]]
        if refused := self._count("s2", names):
            return refused
        return as_json([s2_paper(n) if n in self.s2 else None for n in names])

    def names_asked(self, service: str) -> list[str]:
        return [n for s, names in self.asked if s == service for n in names]


def work(name: str, abstract: bool = True, **changes: Any) -> dict[str, Any]:
    doi = name.removeprefix("doi:")
    number = int.from_bytes(doi.encode()) % 10**9
    return {
        "id": f"https://openalex.org/W{number}",
        "doi": f"https://doi.org/{doi}",
        "title": f"Work called {doi}",
        "publication_date": "2024-02-03",
        "authorships": [
            {"author": {"display_name": "Ada"}, "institutions": [{"display_name": "ETH Zürich"}]}
        ],
        "language": "en",
        "abstract_inverted_index": {"Of": [0], "words.": [1]} if abstract else None,
    } | changes


def crossref_item(name: str, abstract: bool) -> dict[str, Any]:
    return {
        "DOI": name.removeprefix("doi:"),
        "title": [f"Work called {name}"],
        "type": "journal-article",
        "abstract": "<jats:p>Told by Crossref.</jats:p>" if abstract else "",
    }


def s2_paper(name: str, **changes: Any) -> dict[str, Any]:
    doi = name.removeprefix("doi:")
    return {
        "paperId": f"{abs(hash(doi)):040x}"[:40],
        "externalIds": {"DOI": doi},
        "title": f"Work called {doi}",
        "abstract": "Told by Semantic Scholar.",
        "year": 2024,
        "authors": [{"name": "Ada"}],
    } | changes


def abstracts(world: World, *dois: str) -> dict[str, str]:
    with world.app() as app:
        found = app.store.papers.get([f"doi:{d}" for d in dois])
    return {i.removeprefix("doi:"): p.abstract for i, p in found.items()}


def test_services_are_asked_in_turn_for_what_is_still_missing(world: World) -> None:
    services = Services(world.web)
    services.openalex = {"doi:10.1000/a": True, "doi:10.1000/b": False}
    services.crossref = {"doi:10.1000/b": False, "doi:10.1000/c": True}
    services.s2 = {"doi:10.1000/b": True}
    refs = ["10.1000/a", "10.1000/b", "10.1000/c", "10.1000/d"]
    with world.app() as app:
        found = resolve(refs, app.store, app.lookups, world.now)
        assert len(found.papers) == 3
        assert found.missing == {
            "10.1000/d": "OpenAlex, Crossref and Semantic Scholar know no such paper"
        }
        n_asked = len(services.asked)
        resolve(refs, app.store, app.lookups, world.now)
        assert len(services.asked) == n_asked  # politely and once
        resolve(refs, app.store, app.lookups, world.now + timedelta(days=8))
        assert services.names_asked("openalex")[4:] == ["doi:10.1000/d"]
    assert services.names_asked("crossref")[:3] == [
        "doi:10.1000/b",
        "doi:10.1000/c",
        "doi:10.1000/d",
    ]
    assert services.names_asked("s2")[:2] == ["doi:10.1000/b", "doi:10.1000/d"]
    assert abstracts(world, "10.1000/a", "10.1000/b", "10.1000/c") == {
        "10.1000/a": "Of words.",
        "10.1000/b": "Told by Semantic Scholar.",
        "10.1000/c": "Told by Crossref.",
    }


def test_a_service_that_is_down_is_no_verdict(world: World) -> None:
    services = Services(world.web)
    services.down = {"openalex", "crossref", "s2"}
    with world.app() as app:
        found = resolve(["10.1000/a"], app.store, app.lookups, world.now)
        assert "could not be asked" in found.missing["10.1000/a"]
        services.down = set()
        services.crossref = {"doi:10.1000/a": True}
        assert len(resolve(["10.1000/a"], app.store, app.lookups, world.now).papers) == 1


def bare_library(folder: Path, n: int) -> Path:
    path = folder / "bare.bib"
    path.write_text(
        "\n".join(f"@article{{k{i}, title={{Work {i}}}, doi={{10.1000/w{i}}}}}" for i in range(n))
    )
    return path


def test_missing_abstracts_are_filled_in_and_a_broken_import_goes_on_where_it_was(
    world: World,
) -> None:
    services = Services(world.web)
    services.openalex = {f"doi:10.1000/w{i}": True for i in range(120)}
    path = bare_library(world.folder, 120)
    services.die_after = 1
    told: list[str] = []
    with world.app() as app:
        reader = jobs.subscriber(app, "ada@example.org")
        first = import_from(app, reader, library_of(app, str(path)), progress=told.append)
        assert first is not None
        assert (first.n_new, first.n_without_abstract) == (120, 70)
    assert told[0] == "OpenAlex: 50 of 120"
    n_before, services.die_after = len(services.asked), 10**9
    with world.app() as app:
        reader = jobs.subscriber(app, "ada@example.org")
        second = import_from(app, reader, library_of(app, str(path)))
        assert second is not None
        assert (second.n_new, second.n_known, second.n_without_abstract) == (0, 120, 0)
    again = [n for s, names in services.asked[n_before:] if s == "openalex" for n in names]
    assert len(again) == len(set(again)) == 70


def test_items_without_an_abstract_count_with_their_title(world: World) -> None:
    Services(world.web)
    path = bare_library(world.folder, 3)
    with world.app() as app:
        reader = jobs.subscriber(app, "ada@example.org")
        report = import_from(app, reader, library_of(app, str(path)))
        assert report is not None
        assert report.n_without_abstract == 3
        profile = jobs.profile(app, reader).profile
        assert {"Work 0", "Work 1", "Work 2"} <= {p.title for p in profile.liked}


# --- authors -------------------------------------------------------------------------------------


def author_pages(web: WebServer, pages: int = 2) -> list[dict[str, str]]:
    asked: list[dict[str, str]] = []

    def route(request: Request) -> Answer:
        asked.append(request.query)
        wanted = request.query["filter"]
        if wanted.startswith("openalex:"):
            ids = wanted.removeprefix("openalex:").split("|")
            found = [
                work(f"10.2000/{i[1:]}", id=f"https://openalex.org/{i}") for i in ids if i != "W404"
            ]
            return as_json({"meta": {}, "results": found})
        if "0000-0000-0000-0001" in wanted:
            return as_json({"meta": {}, "results": []})
        page = 0 if request.query["cursor"] == "*" else int(request.query["cursor"])
        cited = [f"https://openalex.org/W{n}" for n in (901, 902, 404)]
        found = [
            work(f"10.1000/p{page}{n}", referenced_works=cited[: n + 1 + page]) for n in range(2)
        ]
        following = str(page + 1) if page + 1 < pages else None
        return as_json({"meta": {"next_cursor": following}, "results": found})

    web.routes["/works"] = route
    return asked


def test_an_authors_works_become_likes_and_if_asked_what_they_cite(world: World) -> None:
    asked = author_pages(world.web)
    with world.app() as app:
        reader = jobs.subscriber(app, "ada@example.org")
        shelf = library_of(app, "orcid:0000-0002-1825-0097")
        report = import_from(app, reader, shelf)
        assert report is not None
        assert report.n_new == 4
        assert asked[0]["filter"] == "author.orcid:0000-0002-1825-0097"
        assert import_from(app, reader, shelf) is None  # once a day
        world.now += timedelta(days=1)
        deep = library_of(app, AuthorLikes(author="A5023888391", references=True))
        report = import_from(app, reader, deep)
        assert report is not None
        assert (report.n_new, report.n_known) == (2, 4)
        assert report.faults == ("openalex:W404: OpenAlex knows no such paper.",)
        assert list(imports(app.store, reader).values()) == [4, 6]


def test_an_author_whom_nobody_knows_is_told(world: World) -> None:
    author_pages(world.web)
    with world.app() as app:
        reader = jobs.subscriber(app, "ada@example.org")
        with pytest.raises(LibraryError, match="knows no works of 0000-0000-0000-0001"):
            import_from(app, reader, library_of(app, "orcid:0000-0000-0000-0001"))
        with pytest.raises(LibraryError, match="write an ORCID iD like"):
            library_of(app, "orcid:Ada Lovelace")
    done = digest(world.folder, "import", "author", "nobody")
    assert done.returncode == 1
    assert '"nobody" is no author' in done.stderr


# --- Semantic Scholar ----------------------------------------------------------------------------


def recommender(web: WebServer, *known: str) -> list[dict[str, Any]]:
    asked: list[dict[str, Any]] = []

    def batch(request: Request) -> Answer:
        ids = json.loads(request.body)["ids"]
        return as_json(
            [{"paperId": f"{i:0>40}"[-40:], "title": "T"} if i in known else None for i in ids]
        )

    def recommend(request: Request) -> Answer:
        asked.append(json.loads(request.body) | {"key": request.headers.get("x-api-key", "")})
        day = NOW.date() - timedelta(days=1)
        old = {"publicationDate": "2001-01-01"}
        return as_json(
            {
                "recommendedPapers": [
                    s2_paper("10.1000/r1", publicationDate=str(day)),
                    s2_paper("10.1000/r2", **old),
                ]
            }
        )

    web.routes["/graph/v1/paper/batch"] = batch
    web.routes["/recommendations/v1/papers/"] = recommend
    return asked


def test_recommendations_are_asked_by_what_readers_liked(web: WebServer) -> None:
    asked = recommender(web, "ARXIV:2605.00001", "DOI:10.1000/j")
    liked = (
        paper(1),
        paper(2),
        paper(3, id="doi:10.1000/j", doi="10.1000/j"),
        paper(4, id="text:x"),
    )
    with Fetcher(sleep=lambda s: None) as fetcher:
        source = SemanticScholarSource(
            fetcher, base_url=web.url, allow_private=True, key="hush-hush"
        )
        found = source.fetch(FetchRequest(now=NOW, liked=liked, disliked=()))
        quiet = source.fetch(FetchRequest(now=NOW))
    assert len(asked[0]["positivePaperIds"]) == 2
    assert asked[0]["key"] == "hush-hush"
    assert found.rolling
    assert [p.announced for p in found.papers] == [NOW.date(), None]
    assert quiet.papers == ()
    assert len(asked) == 1


def test_a_run_hands_the_likes_to_the_source_that_wants_them(world: World) -> None:
    recommender(world.web, "ARXIV:2405.01234")
    source = '[[sources]]\nkind = "semantic-scholar"\nallow_private = true\n'
    source += f'base_url = "{world.web.url}"\n'
    world.write(sources=source, services="[]")
    with world.app() as app:
        app.store.papers.add([paper(1, id="arxiv:2405.01234")], world.now)

        rate_references(
            app.store,
            app.lookups,
            jobs.subscriber(app, "ada@example.org"),
            ["2405.01234"],
            Action.LIKE,
            origin="cli",
            now=world.now,
        )
        report = jobs.run(app)
        assert report is not None
        assert {s.source: s.n_fetched for s in report.sources}["Semantic Scholar"] == 2
        assert app.store.papers.entries_of("doi:10.1000/r1")
        assert not app.store.papers.entries_of("doi:10.1000/r2")


def test_recommended_papers_become_likes(world: World) -> None:
    recommender(world.web, "ARXIV:2405.01234")
    with world.app() as app:
        reader = jobs.subscriber(app, "ada@example.org")
        shelf = library_of(app, RecommendedLikes(recommendations=("2405.01234", "nonsense")))
        report = import_from(app, reader, shelf)
        assert report is not None
        assert report.n_new == 2
        assert report.faults == ("nonsense is no id or address of a paper.",)
        unknown = library_of(app, RecommendedLikes(recommendations=("10.1000/zzz",)))
        with pytest.raises(LibraryError, match=r"recommends nothing for 10\.1000/zzz"):
            import_from(app, reader, unknown)


def test_a_pace_that_is_too_fast_for_no_key_says_what_helps(web: WebServer) -> None:
    web.says("/graph/v1/paper/batch", Answer(b"{}", status=429, headers={"Retry-After": "600"}))
    with Fetcher(sleep=lambda s: None, retries=0) as fetcher:
        api = SemanticScholarApi(fetcher, base_url=web.url, allow_private=True)
        with pytest.raises(SourceError, match="SEMANTIC_SCHOLAR_API_KEY has a pace of its own"):
            api.find(["doi:10.1000/x"], NOW)


# --- keys ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("service", ["openalex", "pubmed"])
def test_a_key_in_the_address_stands_in_no_message_and_no_log(
    web: WebServer, service: str, caplog: pytest.LogCaptureFixture
) -> None:
    web.says("/works", Answer(b"no", status=403))
    web.says("/esearch.fcgi", Answer(b"no", status=403))
    caplog.set_level(logging.DEBUG, logger="digest")
    with Fetcher(sleep=lambda s: None, retries=0) as fetcher:
        source: Any = (
            OpenAlexSource(fetcher, filter="x:y", base_url=web.url, allow_private=True, key="hush")
            if service == "openalex"
            else PubMedSource(fetcher, query="x", base_url=web.url, allow_private=True, key="hush")
        )
        with pytest.raises(SourceError) as caught:
            source.fetch(FetchRequest(now=NOW))
    assert web.requests[0].query["api_key"] == "hush"
    assert "hush" not in str(caught.value)
    assert "hush" not in caplog.text


def test_keys_come_from_the_environment_and_never_from_the_file(tmp_path: Path) -> None:
    with make_world(tmp_path) as world:
        path = world.write()
        settings = load_settings(path, {"OPENALEX_API_KEY": "abc", "NCBI_API_KEY": "def"})
        assert settings.keys.openalex.get_secret_value() == "abc"
        assert "abc" not in repr(settings)
        path.write_text(path.read_text() + '\n[keys]\nopenalex = "abc"\n')
        done = digest(tmp_path, "status")
        assert done.returncode == 2
        assert "keys do not belong in this file; set OPENALEX_API_KEY" in done.stderr


def test_openalex_without_a_key_sends_none(web: WebServer) -> None:
    web.says("/works", as_json({"meta": {}, "results": []}))
    with Fetcher(sleep=lambda s: None) as fetcher:
        api = OpenAlexApi(fetcher, base_url=web.url, allow_private=True)
        assert api.find(["doi:10.1000/a", "pmid:7"], NOW) == {}
    assert [r.query["filter"] for r in web.requests] == ["doi:10.1000/a", "pmid:7"]
    assert "api_key" not in web.requests[0].query


# --- Europe PMC ----------------------------------------------------------------------------------


def test_europe_pmc_is_read_page_by_page(web: WebServer) -> None:
    def route(request: Request) -> Answer:
        cursor = request.query["cursorMark"]
        number = {"*": 1, "b": 2, "c": 3}[cursor]
        following = {"*": "b", "b": "c", "c": "c"}[cursor]
        one = {
            "id": str(number),
            "source": "MED",
            "pmid": str(number),
            "title": f"Article {number}.",
            "authorString": "Liu Q, Yu N.",
            "firstIndexDate": str(NOW.date()),
        }
        return as_json({"nextCursorMark": following, "resultList": {"result": [one]}})

    web.routes["/search"] = route
    with Fetcher(sleep=lambda s: None) as fetcher:
        source = EuropePmcSource(fetcher, query="roots", base_url=web.url, allow_private=True)
        found = source.fetch(FetchRequest(now=NOW))
    assert [p.id for p in found.papers] == ["pmid:1", "pmid:2", "pmid:3"]
    assert found.papers[0].title == "Article 1"
    assert found.papers[0].authors == ("Liu Q", "Yu N")
    assert web.requests[0].query["query"].startswith("(roots) AND FIRST_IDATE:[")


# --- Zotero's own database -----------------------------------------------------------------------

SCHEMA = """
CREATE TABLE itemTypes (itemTypeID INTEGER PRIMARY KEY, typeName TEXT);
CREATE TABLE items (itemID INTEGER PRIMARY KEY, itemTypeID INT, libraryID INT, key TEXT);
CREATE TABLE deletedItems (itemID INTEGER PRIMARY KEY, dateDeleted);
CREATE TABLE fields (fieldID INTEGER PRIMARY KEY, fieldName TEXT);
CREATE TABLE itemDataValues (valueID INTEGER PRIMARY KEY, value);
CREATE TABLE itemData (itemID INT, fieldID INT, valueID INT, PRIMARY KEY (itemID, fieldID));
CREATE TABLE creators (creatorID INTEGER PRIMARY KEY, firstName, lastName, fieldMode INT);
CREATE TABLE creatorTypes (creatorTypeID INTEGER PRIMARY KEY, creatorType TEXT);
CREATE TABLE itemCreators (itemID INT, creatorID INT, creatorTypeID INT, orderIndex INT);
CREATE TABLE collections (
  collectionID INTEGER PRIMARY KEY, collectionName, parentCollectionID, key);
CREATE TABLE collectionItems (collectionID INT, itemID INT, orderIndex INT);
INSERT INTO itemTypes VALUES (1, 'journalArticle'), (2, 'attachment');
INSERT INTO fields VALUES (1, 'title'), (2, 'abstractNote'), (3, 'DOI'), (4, 'date'),
  (5, 'pages');
INSERT INTO creatorTypes VALUES (1, 'author'), (2, 'editor');
INSERT INTO creators VALUES (1, 'Grace', 'Hopper', 0), (2, '', 'The Consortium', 1),
  (3, 'E', 'D', 0);
INSERT INTO collections VALUES (1, 'Reading', NULL, 'R'), (2, 'Deep', 1, 'D'),
  (3, 'Other', NULL, 'X');
"""


def zotero_database(path: Path) -> Path:
    database = sqlite3.connect(path)
    database.executescript(SCHEMA)
    for number in range(1, 5):
        kind = 2 if number == 4 else 1
        database.execute("INSERT INTO items VALUES (?, ?, 1, ?)", (number, kind, f"K{number}"))
        facts = {
            1: f"A paper {number}",
            3: f"10.1000/z{number}",
            4: "2024-05-00 May 2024",
            5: "1-9",
        }
        if number == 1:
            facts[2] = "We look at it."
        for field, value in facts.items():
            value_id = database.execute("INSERT INTO itemDataValues (value) VALUES (?)", (value,))
            row = (number, field, value_id.lastrowid)
            database.execute("INSERT INTO itemData VALUES (?, ?, ?)", row)
    database.execute("INSERT INTO deletedItems VALUES (3, 'now')")
    database.executemany(
        "INSERT INTO itemCreators VALUES (1, ?, ?, ?)", [(2, 1, 1), (1, 1, 0), (3, 2, 2)]
    )
    database.executemany("INSERT INTO collectionItems VALUES (?, ?, 0)", [(2, 1), (3, 2)])
    database.commit()
    database.close()
    return path


def local(path: Path, *collections: str) -> ZoteroFile:
    return ZoteroFile(path, Items(library="user", choice=Choice(collections=collections)))


def test_a_local_database_is_read_without_touching_it_even_while_zotero_runs(
    tmp_path: Path,
) -> None:
    path = zotero_database(tmp_path / "zotero.sqlite")
    before = path.read_bytes()
    running = sqlite3.connect(path)
    running.execute("PRAGMA locking_mode = EXCLUSIVE")
    running.execute("BEGIN EXCLUSIVE")
    found, memory = local(path).read("")
    running.rollback()
    running.close()
    assert path.read_bytes() == before
    assert found is not None
    first, second = found.papers
    assert (first.id, first.title, first.abstract) == (
        "doi:10.1000/z1",
        "A paper 1",
        "We look at it.",
    )
    assert first.authors == ("Grace Hopper", "The Consortium")
    assert second.title == "A paper 2"  # the third is in the trash, the fourth a file
    assert local(path).read(memory) == (None, memory)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["zotero.sqlite"]


def test_collections_of_a_local_database_are_chosen(tmp_path: Path) -> None:
    path = zotero_database(tmp_path / "zotero.sqlite")
    found, _ = local(path, "Reading").read("")
    assert found is not None
    assert [p.title for p in found.papers] == ["A paper 1"]  # in a collection below it
    with pytest.raises(LibraryError, match="it has: Other, Reading, Reading/Deep"):
        local(path, "Missing").read("")


@pytest.mark.parametrize("content", [b"", b"not a database at all", b"SQLite format 3\x00torn"])
def test_what_is_no_database_of_zotero_is_told(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "zotero.sqlite"
    path.write_bytes(content)
    with pytest.raises(LibraryError, match="cannot be read as a database of Zotero"):
        local(path).read("")
    with pytest.raises(LibraryError, match="No such file"):
        local(tmp_path / "missing.sqlite").read("")


def test_a_local_database_among_the_likes(world: World) -> None:
    zotero_database(world.folder / "zotero.sqlite")
    like = '{ zotero = "zotero.sqlite", collections = ["Other"] }'
    world.write(subscribers=f'[[subscribers]]\nemail = "ada@example.org"\nlikes = [{like}]')
    with world.app() as app:
        assert jobs.sync_configured_likes(app, jobs.sync_subscribers(app)) == ()
        reader = jobs.subscriber(app, "ada@example.org")
        origins = app.store.ratings.by_origin(reader.id)
        assert origins["config:zotero.sqlite (Other)"] == {"doi:10.1000/z2"}
    done = digest(world.folder, "import", "zotero.sqlite", "--collection", "Reading")
    assert done.returncode == 0, done.stderr
    assert "zotero.sqlite (Reading) for ada@example.org: 1 new" in done.stdout


# --- abstracts of what may be picked -------------------------------------------------------------


class Library:
    """A service with one abstract, which counts what it is asked."""

    name, batch = "Library", 10

    def __init__(self, known: Paper) -> None:
        self.known = known
        self.asked: list[str] = []

    def knows(self, name: str) -> bool:
        return name.startswith("doi:")

    def find(self, names: Sequence[str], now: datetime) -> dict[str, Paper]:
        self.asked += names
        return {n: self.known for n in names if n == self.known.id}

    def by_title(self, paper: Paper, now: datetime) -> Sequence[Paper]:
        self.asked.append(paper.title)
        return [self.known]


def test_abstracts_are_looked_up_for_all_that_was_listed_without_one(tmp_path: Path) -> None:
    title = "Growing plants under grids of laser beams in winter"
    known = paper(
        1, id="doi:10.1000/a", doi="10.1000/a", title=title, abstract="We grow.", url="", pdf_url=""
    )
    by_doi = replace(known, abstract="", source="J", announced=NOW.date())
    by_title = replace(by_doi, id="feed:x", doi="", source="K")
    for listed in (by_doi, by_title):
        with open_store(tmp_path / f"{listed.source}.db") as store:
            library = Library(known)
            store.papers.add_listing(Listing(source="J", papers=(listed,), fetched_at=NOW))
            assert fill_abstracts(store, [library], NOW) == 1
            found = store.papers.find(listed.id)
            assert found is not None
            assert found.abstract == "We grow."
            assert len(library.asked) <= 2
            # nobody is asked twice for what is there, or for what nobody has
            assert fill_abstracts(store, [library], NOW) == 0
            other = replace(listed, id="doi:10.1000/b", doi="10.1000/b", title="Another " + title)
            store.papers.add_listing(Listing(source="J", papers=(other,), fetched_at=NOW))
            fill_abstracts(store, [library], NOW)
            n_asked = len(library.asked)
            fill_abstracts(store, [library], NOW + timedelta(hours=1))
            assert len(library.asked) == n_asked


def test_a_title_that_is_another_papers_brings_no_abstract(tmp_path: Path) -> None:
    wrong = paper(1, id="doi:10.1000/a", doi="10.1000/a", authors=("Zoe Zeta",), url="", pdf_url="")
    listed = replace(wrong, id="feed:x", doi="", abstract="", authors=("Ann Alpha", "Bo Beta"))
    with open_store(tmp_path / "digest.db") as store:
        store.papers.add_listing(Listing(source="J", papers=(listed,), fetched_at=NOW))
        library = Library(wrong)
        assert fill_abstracts(store, [library], NOW) == 0
        assert fill_abstracts(store, [library], NOW + timedelta(hours=1)) == 0
        assert library.asked == [listed.title]  # once
