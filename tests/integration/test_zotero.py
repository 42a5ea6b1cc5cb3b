"""Zotero's web API as a server on loopback: pages, collections, versions, refusals."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from digest.errors import LibraryError
from digest.fetcher import Fetcher
from digest.library.zotero import Wanted, Zotero
from digest.subscriptions import forget_import, imports
from tests.acceptance.test_command import digest
from tests.servers import Answer, Request, WebServer, web_server
from tests.worlds import World, make_world

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
    """A library that a test changes."""

    def __init__(self, web: WebServer, items: list[dict[str, Any]]) -> None:
        self.items, self.version, self.key, self.backoff = items, 7, "", ""
        web.routes["/users/123/items/top"] = self._items
        web.routes["/users/123/collections"] = self._collections

    def _page(self, request: Request, found: list[Any]) -> Answer:
        if request.headers.get("zotero-api-key", "") != self.key:
            return Answer(b"Forbidden", status=403)
        start, limit = int(request.query["start"]), int(request.query["limit"])
        headers = {"Total-Results": str(len(found)), "Last-Modified-Version": str(self.version)}
        if self.backoff:
            headers["Backoff"] = self.backoff
        body = json.dumps(found[start : start + limit]).encode()
        return Answer(body, content_type="application/json", headers=headers)

    def _items(self, request: Request) -> Answer:
        assert request.headers["zotero-api-version"] == "3"
        if request.headers.get("if-modified-since-version") == str(self.version):
            return Answer(status=304)
        return self._page(request, self.items)

    def _collections(self, request: Request) -> Answer:
        found = [
            {"key": k, "data": {"key": k, "name": n, "parentCollection": p}}
            for k, n, p in COLLECTIONS
        ]
        return self._page(request, found)


@pytest.fixture
def web() -> Iterator[WebServer]:
    with web_server() as server:
        yield server


def zotero(web: WebServer, fetcher: Fetcher, key: str = "") -> Zotero:
    return Zotero(fetcher, key=key, base_url=web.url, allow_private=True)


def wanted(*collections: str, exclude: tuple[str, ...] = ()) -> Wanted:
    found = Wanted.of("zotero:users/123", collections, exclude)
    assert found is not None
    return found


def test_a_library_is_read_page_by_page(web: WebServer) -> None:
    items = [item(n) for n in range(230)]
    items += [item(1000, itemType="attachment"), item(1001, title="", abstractNote="")]
    items += [item(1002, title="", abstractNote="", DOI="")]
    Library(web, items)
    with Fetcher(sleep=lambda s: None) as fetcher:
        found, version = zotero(web, fetcher).read(wanted())
    assert found is not None
    assert version == 7
    assert len(found.papers) == 230
    assert found.papers[0].authors == ("Grace Hopper",)
    assert found.papers[0].id == "doi:10.1000/z0"
    assert found.refs == ("10.1000/z1001",)
    assert found.faults == (
        "zotero:users/123, item K1002: entry has no title, no abstract and no id.",
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
        found, _ = zotero(web, fetcher).read(wanted(*patterns, exclude=exclude))
    assert found is not None
    assert "".join(p.title[-1] for p in found.papers) == expected


def test_a_collection_that_is_not_there_is_told(web: WebServer) -> None:
    Library(web, [item(1)])
    with Fetcher(sleep=lambda s: None) as fetcher, pytest.raises(LibraryError) as caught:
        zotero(web, fetcher).read(wanted("Nothing"))
    assert "Other, Reading, Reading/Deep, Reading/Old" in str(caught.value)


def test_a_private_library_wants_its_key_which_stands_in_no_message(web: WebServer) -> None:
    library = Library(web, [item(1)])
    library.key = "hush-hush"
    with Fetcher(sleep=lambda s: None, retries=0) as fetcher:
        with pytest.raises(LibraryError, match="ZOTERO_API_KEY") as caught:
            zotero(web, fetcher, key="wrong-key").read(wanted())
        assert "wrong-key" not in str(caught.value)
        assert zotero(web, fetcher, key="hush-hush").read(wanted())[0] is not None


def test_a_key_does_not_follow_a_redirect_to_another_host(web: WebServer) -> None:
    with web_server() as other, Fetcher(sleep=lambda s: None, retries=0) as fetcher:
        other.says("/there", Answer(b"[]", content_type="application/json"))
        web.says(
            "/users/123/items/top", Answer(status=302, headers={"Location": f"{other.url}/there"})
        )
        zotero(web, fetcher, key="hush").read(wanted())
        assert "zotero-api-key" in web.requests[0].headers
        assert "zotero-api-key" not in other.requests[0].headers


def test_a_wish_for_a_slower_pace_is_granted(web: WebServer) -> None:
    library = Library(web, [item(n) for n in range(150)])
    library.backoff = "5"
    slept: list[float] = []
    with Fetcher(sleep=slept.append) as fetcher:
        zotero(web, fetcher).read(wanted())
    assert max(slept) > 4


@pytest.mark.parametrize("name", ["zotero:", "zotero:users/me", "zotero:123"])
def test_what_is_no_library_is_told(name: str) -> None:
    with pytest.raises(LibraryError, match="write it like zotero:users/123"):
        Wanted.of(name)
    assert Wanted.of("library.bib") is None


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with make_world(tmp_path) as made:
        made.write()
        yield made


def test_only_a_changed_library_is_read_again_and_what_left_it_goes(world: World) -> None:
    library = Library(world.web, [item(1), item(2)])

    def imported() -> object:
        with world.app() as app:
            reader = app.subscriber("ada@example.org")
            return app.import_zotero(
                reader, wanted(), "z", "", dry_run=False, base_url=world.web.url
            )

    first = imported()
    assert first is not None
    assert first.n_new == 2  # type: ignore[attr-defined]
    assert imported() is None
    library.version, library.items = 8, [item(2), item(3)]
    second = imported()
    assert (second.n_new, second.n_gone) == (1, 1)  # type: ignore[union-attr]
    with world.app() as app:
        reader = app.subscriber("ada@example.org")
        assert imports(app.store, reader) == {"z": 2}
        forget_import(app.store, reader, "z", world.now)
    assert imported() is not None  # after it was taken away, it is read whole


def test_the_command(world: World) -> None:
    library = Library(world.web, [item(1, "R"), item(2, "X")])
    library.key = "hush"
    (world.folder / ".env").write_text(f"ZOTERO_API_KEY=hush\nDIGEST_ZOTERO_URL={world.web.url}\n")
    (world.folder / ".env").chmod(0o600)
    done = digest(world.folder, "import", "zotero:users/123", "--collection", "Reading")
    assert done.returncode == 0, done.stderr
    assert "zotero:users/123 for ada@example.org: 1 new" in done.stdout
    again = digest(world.folder, "import", "zotero:users/123", "--collection", "Reading")
    assert "nothing has changed" in again.stdout
    wrong = digest(world.folder, "import", "zotero:me")
    assert wrong.returncode == 1
    assert "names no Zotero library" in wrong.stderr


def test_the_recorded_library_is_read_whole(fixtures: Path, web: WebServer) -> None:
    items = json.loads((fixtures / "zotero" / "library_items_rebuilt.json").read_text("utf-8"))
    Library(web, items)
    with Fetcher(sleep=lambda s: None) as fetcher:
        found, _ = zotero(web, fetcher).read(wanted())
    assert found is not None
    n_works = sum(i["data"]["itemType"] != "annotation" for i in items)
    total = len(found.papers) + len(found.refs) + len(found.faults) + found.n_duplicates
    assert total == n_works == 249
    assert sum(bool(p.abstract) for p in found.papers) > 200
