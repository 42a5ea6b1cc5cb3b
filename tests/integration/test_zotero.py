"""Zotero's web API as a server on loopback: pages, collections, versions, refusals."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from digest import jobs
from digest.config import ZoteroLikes
from digest.errors import LibraryError
from digest.fetcher import Fetcher
from digest.libraries import library_of
from digest.library.choice import Choice
from digest.library.zotero import Items, ZoteroLibrary
from digest.usecases.imports import ImportReport, forget_import, imports
from tests.acceptance.test_command import digest
from tests.servers import Answer, Request, WebServer, web_server
from tests.worlds import World, import_from, make_world

COLLECTIONS = (
    ("R", "Reading", False),
    ("D", "Deep", "R"),
    ("O", "Old", "R"),
    ("X", "Other", False),
)


def item(number: int, *collections: str, **changes: Any) -> dict[str, Any]:
    data = {
        "key": f"K{number}",
        "itemType": "journalArticle",
        "title": f"A paper {number}",
        "abstractNote": "We look.",
        "creators": [
            {"creatorType": "author", "firstName": "Grace", "lastName": "Hopper"},
            {"creatorType": "editor", "name": "Nobody"},
        ],
        "DOI": f"10.1000/z{number}",
        "collections": list(collections),
    }
    return {"key": f"K{number}", "data": data | changes}


class Library:
    """A library that a test changes: each item has the version it changed at."""

    def __init__(self, web: WebServer, items: list[dict[str, Any]]) -> None:
        self.version, self.key, self.backoff = 7, "", ""
        self.items = {i["key"]: (7, i) for i in items}
        self.deleted: dict[str, int] = {}
        self.collections: tuple[tuple[str, str, Any], ...] = COLLECTIONS
        web.routes["/users/123/items/top"] = self._items
        web.routes["/users/123/collections"] = self._collections
        web.routes["/users/123/deleted"] = self._deleted

    def put(self, *items: dict[str, Any]) -> None:
        self.version += 1
        self.items |= {i["key"]: (self.version, i) for i in items}

    def delete(self, key: str) -> None:
        self.version += 1
        del self.items[key]
        self.deleted[key] = self.version

    def _page(self, request: Request, found: list[Any]) -> Answer:
        start, limit = int(request.query["start"]), int(request.query["limit"])
        headers = {"Total-Results": str(len(found)), "Last-Modified-Version": str(self.version)}
        if self.backoff:
            headers["Backoff"] = self.backoff
        body = json.dumps(found[start : start + limit]).encode()
        return Answer(body, content_type="application/json", headers=headers)

    def _items(self, request: Request) -> Answer:
        assert request.headers["zotero-api-version"] == "3"
        if request.headers.get("zotero-api-key", "") != self.key:
            return Answer(b"Forbidden", status=403)
        if request.headers.get("if-modified-since-version") == str(self.version):
            return Answer(status=304)
        since = int(request.query.get("since", 0))
        trash = request.query.get("includeTrashed") == "1"
        return self._page(
            request,
            [i for v, i in self.items.values() if v > since and (trash or not is_trash(i))],
        )

    def _collections(self, request: Request) -> Answer:
        found = [
            {"key": k, "data": {"key": k, "name": n, "parentCollection": p}}
            for k, n, p in self.collections
        ]
        return self._page(request, found)

    def _deleted(self, request: Request) -> Answer:
        since = int(request.query["since"])
        gone = [k for k, v in self.deleted.items() if v > since]
        body = json.dumps({"collections": [], "items": gone, "searches": [], "tags": []})
        return Answer(body.encode(), content_type="application/json")


def is_trash(one: dict[str, Any]) -> bool:
    return bool(one["data"].get("deleted"))


def zotero(
    web: WebServer,
    fetcher: Fetcher,
    *collections: str,
    exclude: tuple[str, ...] = (),
    key: str = "",
) -> ZoteroLibrary:
    choice = Choice(collections=collections, exclude=exclude)
    wanted = Items.of("zotero:users/123", choice)
    return ZoteroLibrary(fetcher, wanted, key=key, base_url=web.url, allow_private=True)


def test_a_library_is_read_page_by_page(web: WebServer) -> None:
    items = [item(n) for n in range(230)]
    items += [item(1000, itemType="attachment"), item(1001, title="", abstractNote="")]
    items += [item(1002, title="", abstractNote="", DOI="")]
    Library(web, items)
    with Fetcher(sleep=lambda s: None) as fetcher:
        found, memory = zotero(web, fetcher).read("")
    assert found is not None
    assert json.loads(memory)["version"] == 7
    assert len(found.papers) == 230
    assert found.papers[0].authors == ("Grace Hopper",)
    assert found.papers[0].id == "doi:10.1000/z0"
    assert found.refs == ("10.1000/z1001",)
    assert found.faults == (
        "zotero:users/123, item K1002: this item has no title, no abstract and no id.",
    )
    assert len(web.asked("/users/123/items/top")) == 3


@pytest.mark.parametrize(
    ("patterns", "exclude", "expected"),
    [
        ((), (), "1234"),
        (("reading",), (), "123"),
        (("Reading/*",), (), "23"),
        (("Reading",), ("*/Old",), "12"),
        ((), ("Other",), "123"),
    ],
)
def test_collections_are_chosen_by_name_or_pattern(
    web: WebServer, patterns: tuple[str, ...], exclude: tuple[str, ...], expected: str
) -> None:
    Library(web, [item(1, "R"), item(2, "D"), item(3, "O"), item(4, "X")])
    with Fetcher(sleep=lambda s: None) as fetcher:
        found, _ = zotero(web, fetcher, *patterns, exclude=exclude).read("")
    assert found is not None
    assert "".join(p.title[-1] for p in found.papers) == expected


def test_a_collection_that_is_not_there_is_told(web: WebServer) -> None:
    Library(web, [item(1)])
    with Fetcher(sleep=lambda s: None) as fetcher, pytest.raises(LibraryError) as caught:
        zotero(web, fetcher, "Nothing").read("")
    assert "Other, Reading, Reading/Deep, Reading/Old" in str(caught.value)


def test_a_private_library_wants_its_key_which_stands_in_no_message(web: WebServer) -> None:
    library = Library(web, [item(1)])
    library.key = "hush-hush"
    with Fetcher(sleep=lambda s: None, retries=0) as fetcher:
        with pytest.raises(LibraryError, match="ZOTERO_API_KEY") as caught:
            zotero(web, fetcher, key="wrong-key").read("")
        assert "wrong-key" not in str(caught.value)
        assert zotero(web, fetcher, key="hush-hush").read("")[0] is not None


def test_a_key_does_not_follow_a_redirect_to_another_host(web: WebServer) -> None:
    with web_server() as other, Fetcher(sleep=lambda s: None, retries=0) as fetcher:
        other.says("/there", Answer(b"[]", content_type="application/json"))
        web.says(
            "/users/123/items/top", Answer(status=302, headers={"Location": f"{other.url}/there"})
        )
        zotero(web, fetcher, key="hush").read("")
        assert "zotero-api-key" in web.requests[0].headers
        assert "zotero-api-key" not in other.requests[0].headers


def test_a_wish_for_a_slower_pace_is_granted(web: WebServer) -> None:
    library = Library(web, [item(n) for n in range(150)])
    library.backoff = "5"
    slept: list[float] = []
    with Fetcher(sleep=slept.append) as fetcher:
        zotero(web, fetcher).read("")
    assert max(slept) > 4


@pytest.mark.parametrize("name", ["zotero:", "zotero:users/me", "zotero:123"])
def test_what_is_no_library_is_told(name: str) -> None:
    with pytest.raises(LibraryError, match="write it like zotero:users/123"):
        Items.of(name)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with make_world(tmp_path) as made:
        made.write()
        yield made


def imported(world: World, *collections: str) -> ImportReport | None:
    with world.app() as app:
        like = ZoteroLikes(zotero="users/123", collections=collections)
        return import_from(app, jobs.subscriber(app, "ada@example.org"), library_of(app, like), "z")


def liked(world: World) -> set[str]:
    with world.app() as app:
        reader = jobs.subscriber(app, "ada@example.org")
        papers = app.store.ratings.by_origin(reader.id).get("import:z", frozenset())
        return {i[-1] for i in papers}


def test_only_what_changed_travels(world: World) -> None:
    library = Library(world.web, [item(n) for n in range(1, 5)])
    first = imported(world)
    assert first is not None
    assert first.n_new == 4
    assert imported(world) is None
    library.delete("K1")
    library.put(item(2, title="A paper 2 changed"), item(3, deleted=1), item(5))
    n_before = len(world.web.requests)
    second = imported(world)
    assert second is not None
    assert (second.n_new, second.n_known, second.n_gone) == (1, 2, 2)
    assert liked(world) == {"2", "4", "5"}
    travelled = [r for r in world.web.requests[n_before:] if r.path.endswith("/items/top")]
    assert [r.query["since"] for r in travelled] == ["7"]
    assert imported(world) is None
    library.put(item(3))  # taken out of the trash again
    third = imported(world)
    assert third is not None
    assert third.n_new == 1


def test_an_item_that_leaves_the_collection_is_no_like_any_more(world: World) -> None:
    library = Library(world.web, [item(1, "X"), item(2, "X"), item(3, "R")])
    imported(world, "Other")
    assert liked(world) == {"1", "2"}
    library.put(item(1, "R"))
    imported(world, "Other")
    assert liked(world) == {"2"}


def test_other_collections_mean_that_all_items_are_read_again(world: World) -> None:
    library = Library(world.web, [item(1, "X"), item(2, "R")])
    imported(world, "Other")
    library.collections = (("R", "Other", False), ("X", "Old", False))  # renamed by their owner
    library.version += 1
    imported(world, "Other")
    assert liked(world) == {"2"}


def test_other_collections_under_the_same_name_replace_what_it_brought(world: World) -> None:
    Library(world.web, [item(1, "X"), item(2, "R")])
    imported(world, "Other")
    assert liked(world) == {"1"}
    changed = imported(world, "Reading")
    assert changed is not None
    assert liked(world) == {"2"}


def test_what_was_taken_away_is_read_whole_when_it_is_imported_again(world: World) -> None:
    Library(world.web, [item(1), item(2)])
    imported(world)
    with world.app() as app:
        reader = jobs.subscriber(app, "ada@example.org")
        assert imports(app.store, reader) == {"z": 2}
        forget_import(app.store, reader, "z", world.now)
    assert imported(world) is not None
    assert liked(world) == {"1", "2"}


def test_a_library_among_the_likes_is_kept_in_step_and_survives_a_silent_zotero(
    world: World,
) -> None:
    library = Library(world.web, [item(1), item(2)])
    world.write(
        subscribers='[[subscribers]]\nemail = "ada@example.org"\nlikes = "zotero:users/123"'
    )

    def synced() -> tuple[tuple[str, ...], set[str]]:
        with world.app() as app:
            told = jobs.sync_configured_likes(app, jobs.sync_subscribers(app))
            reader = jobs.subscriber(app, "ada@example.org")
            origins = app.store.ratings.by_origin(reader.id)
            return told, {i[-1] for i in origins.get("config:zotero:users/123", frozenset())}

    assert synced() == ((), {"1", "2"})
    library.delete("K1")
    assert synced() == ((), {"2"})
    library.key = "changed"
    told, likes = synced()
    assert likes == {"2"}
    assert "answered 403" in told[0].text
    assert "The likes it brought before are used." in told[0].text
    world.write(subscribers='[[subscribers]]\nemail = "ada@example.org"\nlikes = []')
    assert synced() == ((), set())


def test_the_command(world: World) -> None:
    library = Library(world.web, [item(1, "R"), item(2, "X")])
    library.key = "hush"
    (world.folder / ".env").write_text("ZOTERO_API_KEY=hush\n")
    (world.folder / ".env").chmod(0o600)
    done = digest(world.folder, "import", "zotero:users/123", "--collection", "Reading")
    assert done.returncode == 0, done.stderr
    assert "zotero:users/123 for ada@example.org: 1 new" in done.stdout.replace(" (Reading)", "")
    again = digest(world.folder, "import", "zotero:users/123", "--collection", "Reading")
    assert "nothing has changed" in again.stdout
    wrong = digest(world.folder, "import", "zotero:me")
    assert wrong.returncode == 1
    assert "names no Zotero library" in wrong.stderr
    same = digest(
        world.folder, "import", "zotero", "users/123", "--collection", "Reading", "--dry-run"
    )
    assert "nothing has changed" in same.stdout, same.stderr


def test_the_recorded_library_is_read_whole(fixtures: Path, web: WebServer) -> None:
    items = json.loads((fixtures / "zotero" / "library_items_rebuilt.json").read_text("utf-8"))
    Library(web, items)
    with Fetcher(sleep=lambda s: None) as fetcher:
        found, _ = zotero(web, fetcher).read("")
    assert found is not None
    n_works = sum(i["data"]["itemType"] != "annotation" for i in items)
    total = len(found.papers) + len(found.refs) + len(found.faults) + found.n_duplicates
    assert total == n_works == 249
    assert sum(bool(p.abstract) for p in found.papers) > 200
