"""Likes go to Zotero once each, whatever is broken off, and nothing else of a library is touched;
against a server that behaves as the API's documentation says."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from digest import jobs
from digest.app import App
from digest.config import load_settings, load_text
from digest.edition.links import Action
from digest.errors import ConfigError, LibraryError
from digest.fetcher import Fetcher
from digest.libraries import save_all_likes
from digest.library.zotero_write import ZoteroCollection
from digest.model import Paper
from digest.usecases.feedback import rate
from tests.factories import paper
from tests.servers import Answer, Request, WebServer
from tests.worlds import World, make_world

KEY = re.compile(r"[23456789ABCDEFGHIJKLMNPQRSTUVWXYZ]{8}")
#: fields that each type has, of those that are written here
FIELDS = {
    "journalArticle": "title abstractNote date DOI url language extra publicationTitle".split(),
    "preprint": "title abstractNote date DOI url language extra repository archiveID".split(),
}
COMMON = "key version itemType creators tags collections relations".split()


class ZoteroApi:
    """The part of the API that is written to: keys, versions, tokens, and one answer an object."""

    def __init__(self, web: WebServer, library: str = "users/123") -> None:
        self.objects: dict[str, dict[str, Any]] = {}
        self.collections: dict[str, str] = {}
        self.tokens: set[str] = set()
        self.may_write, self.version, self.n_writes = True, 1, 0
        #: the next write is carried out, but its answer is lost
        self.loses_answer = False
        web.routes["/keys/current"] = self._key
        web.routes[f"/{library}/items/top"] = self._search
        web.routes[f"/{library}/items"] = lambda r: self._write(r, self._item)
        web.routes[f"/{library}/collections"] = self._collections

    def titles(self) -> list[str]:
        return [o["title"] for o in self.objects.values()]

    def _key(self, request: Request) -> Answer:
        if request.headers.get("zotero-api-key") != "secret":
            return Answer(b"Forbidden", status=403)
        access = {
            "user": {"library": True, "write": self.may_write},
            "groups": {"all": {"library": True, "write": self.may_write}},
        }
        return _json({"userID": 123, "access": access})

    def _search(self, request: Request) -> Answer:
        words = request.query["q"].lower().split()
        found = [
            {"data": o}
            for o in self.objects.values()
            if all(w in o["title"].lower() for w in words)
        ]
        return _json(found)

    def _collections(self, request: Request) -> Answer:
        if request.body:
            return self._write(request, self._collection)
        found = [{"data": {"key": k, "name": n}} for k, n in self.collections.items()]
        return _json(found, {"Total-Results": str(len(found))})

    def _write(self, request: Request, put: Any) -> Answer:
        token = request.headers["zotero-write-token"]
        assert re.fullmatch("[0-9a-f]{32}", token)
        if token in self.tokens:
            return Answer(b"Write token already used", status=412)
        self.n_writes += 1
        self.version += 1
        answer: dict[str, dict[str, Any]] = {"successful": {}, "unchanged": {}, "failed": {}}
        objects = json.loads(request.body)
        assert len(objects) <= 50
        for number, one in enumerate(objects):
            fault = put(one)
            answer["failed" if fault else "successful"][str(number)] = fault or {"data": one}
        self.tokens.add(token)
        if self.loses_answer:
            self.loses_answer = False
            return Answer(b"Gateway timeout", status=504)
        return _json(answer)

    def _item(self, one: dict[str, Any]) -> dict[str, Any] | None:
        assert KEY.fullmatch(one["key"])
        if one["key"] in self.objects:
            if one["version"] != self.objects[one["key"]]["version"]:
                return {"key": one["key"], "code": 412, "message": "Item has been modified"}
            raise AssertionError("an item that was there would have been changed")
        allowed = {*FIELDS[one["itemType"]], *COMMON}
        if unknown := one.keys() - allowed:
            return {"code": 400, "message": f"'{unknown}' is not a valid field"}
        if one["title"] == "Refused":
            return {"code": 400, "message": "it is refused here"}
        self.objects[one["key"]] = one | {"version": self.version}
        return None

    def _collection(self, one: dict[str, Any]) -> dict[str, Any] | None:
        if one["key"] in self.collections:
            return {"code": 412, "message": "Collection exists"}
        self.collections[one["key"]] = one["name"]
        return None


def _json(data: Any, headers: dict[str, str] | None = None) -> Answer:
    body = json.dumps(data).encode()
    return Answer(body, content_type="application/json", headers=headers or {})


@pytest.fixture
def fetcher() -> Iterator[Fetcher]:
    with Fetcher(sleep=lambda s: None) as made:
        yield made


def sink(web: WebServer, fetcher: Fetcher, target: str = "zotero:users/123/To read") -> Any:
    return ZoteroCollection(fetcher, target, key="secret", base_url=web.url, allow_private=True)


PAPERS = [
    paper(1, title="A preprint of nets", authors=("Ada Lovelace", "The Nets Collaboration")),
    replace(paper(2, title="An article"), id="doi:10.5555/a", doi="10.5555/a", journal_ref="J"),
]


def test_papers_become_items_of_a_collection_that_is_made(web: WebServer, fetcher: Fetcher) -> None:
    api = ZoteroApi(web)
    report = sink(web, fetcher).save(PAPERS)
    assert report.faults == {}
    assert set(report.saved) == {p.id for p in PAPERS}
    first, second = api.objects.values()
    assert (first["itemType"], second["itemType"]) == ("preprint", "journalArticle")
    assert first["archiveID"].startswith("arXiv:")
    assert first["creators"] == [
        {"creatorType": "author", "firstName": "Ada", "lastName": "Lovelace"},
        {"creatorType": "author", "name": "The Nets Collaboration"},
    ]
    assert list(api.collections.values()) == ["To read"]
    assert first["collections"] == list(api.collections)
    sink(web, fetcher).save(PAPERS)
    assert (len(api.objects), len(api.collections)) == (2, 1)


def test_an_answer_that_got_lost_makes_no_second_item(web: WebServer, fetcher: Fetcher) -> None:
    api = ZoteroApi(web)
    api.loses_answer = True
    report = sink(web, fetcher, "zotero:users/123").save(PAPERS)
    assert set(report.saved) == {p.id for p in PAPERS}
    assert len(api.objects) == 2


def test_a_run_that_died_before_it_could_note_anything_is_repeated_without_harm(
    web: WebServer, fetcher: Fetcher
) -> None:
    api = ZoteroApi(web)
    first = sink(web, fetcher, "zotero:users/123").save(PAPERS)
    api.tokens.clear()  # twelve hours later
    more = [*PAPERS, paper(3, title="A third one")]
    # a search index that lags behind finds nothing of what was made
    web.routes["/users/123/items/top"] = lambda _: _json([])
    again = sink(web, fetcher, "zotero:users/123").save(more)
    assert len(api.objects) == 3
    assert again.saved.items() >= first.saved.items()


def test_what_the_library_has_already_is_left_alone(web: WebServer, fetcher: Fetcher) -> None:
    api = ZoteroApi(web)
    own = {"key": "MINE2345", "version": 1, "itemType": "journalArticle", "title": "An article"}
    own |= {"DOI": "10.5555/A", "extra": "my notes"}
    api.objects["MINE2345"] = dict(own)
    report = sink(web, fetcher).save(PAPERS)
    assert report.saved["doi:10.5555/a"] == "MINE2345"
    assert api.objects["MINE2345"] == own
    assert len(api.objects) == 2


def test_a_key_that_may_not_write_is_told_before_anything_is_sent(
    web: WebServer, fetcher: Fetcher
) -> None:
    api = ZoteroApi(web)
    api.may_write = False
    with pytest.raises(LibraryError, match="may not write to users/123"):
        sink(web, fetcher).save(PAPERS)
    with pytest.raises(LibraryError, match="may not write to users/999"):
        sink(web, fetcher, "zotero:users/999").save(PAPERS)
    assert api.n_writes == 0


def test_one_that_is_refused_costs_only_itself(web: WebServer, fetcher: Fetcher) -> None:
    ZoteroApi(web, "groups/45")
    bad = [Paper(id="text:1", abstract="Only an abstract."), Paper(id="text:2", title="Refused")]
    report = sink(web, fetcher, "zotero:groups/45").save([*bad, *PAPERS])
    assert report.faults == {"text:1": "it has no title", "text:2": "it is refused here"}
    assert len(report.saved) == 2


def test_an_answer_that_is_no_json_is_told_in_a_sentence(web: WebServer, fetcher: Fetcher) -> None:
    ZoteroApi(web)
    web.routes["/users/123/items/top"] = lambda _: Answer(b"<html>")
    with pytest.raises(LibraryError, match="not JSON"):
        sink(web, fetcher).save(PAPERS)


def test_a_place_that_is_none_is_a_mistake_of_the_configuration(tmp_path: Path) -> None:
    text = '[[subscribers]]\nemail = "a@example.org"\nsave_likes_to = "zotero:me"\n'
    with pytest.raises(ConfigError, match="no place in Zotero"):
        load_text(text, path=tmp_path / "config.toml", environ={})


# --- a run ---------------------------------------------------------------------------------------


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with make_world(tmp_path) as made:
        made.write(
            subscribers='[[subscribers]]\nemail = "ada@example.org"\n'
            'save_likes_to = "zotero:users/123/digest"\n'
        )
        yield made


def _place(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()[:16]


def like(app: App, *papers: Paper) -> None:
    app.store.papers.add(papers, app.clock())
    reader = jobs.subscriber(app, "ada@example.org")
    ids = [p.id for p in papers]
    rate(app.store, reader, ids, Action.LIKE, origin="mail", now=app.clock())


def test_each_run_saves_what_was_liked_since(world: World) -> None:
    api = ZoteroApi(world.web)
    settings = load_settings(world.config, {"ZOTERO_API_KEY": "secret"})
    with App(settings, clock=lambda: world.now) as app:
        people = jobs.sync_subscribers(app)
        like(app, PAPERS[0])
        reader = jobs.subscriber(app, "ada@example.org")
        app.store.ratings.sync(reader.id, "import:zotero", [PAPERS[1].id], app.clock())
        assert save_all_likes(app, people) == ()
        assert api.titles() == ["A preprint of nets"]  # not what came from a library
        n_requests = len(world.web.requests)
        assert save_all_likes(app, people) == ()
        assert len(world.web.requests) == n_requests  # nobody is asked about what was saved
        noted = app.store.facts.get(f"saved:{reader.id}:{_place('zotero:users/123/digest')}")
        assert PAPERS[0].id in noted
        api.may_write = False
        like(app, paper(5, title="Later"))
        (told,) = save_all_likes(app, people)
        assert "may not write" in told.text
        api.may_write = True
        assert save_all_likes(app, people) == ()
        assert api.titles() == ["A preprint of nets", "Later"]
        app.store.personal.forget(reader.id)  # and of what was saved nothing is left
        assert not app.store.facts.get(f"saved:{reader.id}:{_place('zotero:users/123/digest')}")
