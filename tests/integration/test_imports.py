"""Imports: what they bring, and that it can be taken away again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from digest import jobs
from digest.app import App
from digest.libraries import library_of
from digest.model import Subscriber
from digest.usecases.feedback import Unrated, unrate
from digest.usecases.imports import ImportReport, forget_import, imports
from tests.acceptance.test_command import digest
from tests.servers import Answer, api
from tests.unit.test_library_files import RIS
from tests.worlds import World, import_from, make_world, record

LIST = "2405.01234\n2405.09999\n"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with make_world(tmp_path) as made:
        listed = [record(1, id="2405.01234", title="A liked one")]
        made.web.says("/api/query", Answer(api(listed)))
        made.write()
        (tmp_path / "my.ris").write_text(RIS, "utf-8")
        (tmp_path / "list.txt").write_text(LIST, "utf-8")
        yield made


def reader(app: App) -> Subscriber:
    return jobs.subscriber(app, "ada@example.org")


def brought(app: App, path: Path, *, dry_run: bool = False, name: str = "x") -> ImportReport:
    report = import_from(app, reader(app), library_of(app, str(path)), name, dry_run=dry_run)
    assert report is not None
    return report


def likes(app: App) -> set[str]:
    return {
        r.paper_id
        for r in app.store.ratings.of(reader(app).id)
        if r.origin != "config" and r.value > 0
    }


def test_an_import_becomes_likes_and_says_what_it_brought(world: World) -> None:
    with world.app() as app:
        told = brought(app, world.folder / "my.ris")
        assert (told.n_new, told.n_known, told.n_without_abstract) == (3, 0, 1)
        assert len(told.faults) == 1
        assert "arxiv:2405.01234" in likes(app)  # the reference was looked up
        assert brought(app, world.folder / "my.ris").n_known == 3
        assert imports(app.store, reader(app)) == {"x": 3}


def test_a_dry_run_asks_nobody_and_changes_nothing(world: World) -> None:
    with world.app() as app:
        told = brought(app, world.folder / "list.txt", dry_run=True)
        assert (told.n_new, told.n_to_look_up) == (0, 2)
        assert not world.web.asked("/api/query")
        assert likes(app) == set()
        assert brought(app, world.folder / "my.ris", dry_run=True).n_new == 2
        assert likes(app) == set()


def test_what_nobody_knows_is_named(world: World) -> None:
    with world.app() as app:
        told = brought(app, world.folder / "list.txt")
        assert told.n_new == 1
        assert told.faults == ("2405.09999: arXiv knows no such paper.",)


def test_an_import_of_the_same_name_is_kept_in_step(world: World) -> None:
    with world.app() as app:
        brought(app, world.folder / "my.ris")
        (world.folder / "my.ris").write_text("TY  - JOUR\nTI  - Another\nER  -\n")
        told = brought(app, world.folder / "my.ris")
        assert (told.n_new, told.n_gone) == (1, 3)
        assert len(likes(app)) == 1


def test_an_import_is_taken_away_as_one_and_leaves_other_likes(world: World) -> None:
    with world.app() as app:
        brought(app, world.folder / "my.ris", name="zotero")
        brought(app, world.folder / "list.txt", name="list")
        assert forget_import(app.store, reader(app), "zotero", world.now) == 3
        assert likes(app) == {"arxiv:2405.01234"}  # the other import has it too
        assert imports(app.store, reader(app)) == {"list": 1}
        told = unrate(app.store, reader(app), ["2405.01234"], world.now)
        assert told == {"2405.01234": Unrated.HELD_BACK}
        assert likes(app) == set()


def test_a_missing_abstract_comes_from_arxiv(world: World) -> None:
    bare = "TY  - JOUR\nTI  - A liked one\nUR  - https://arxiv.org/abs/2405.01234\nER  -\n"
    (world.folder / "bare.ris").write_text(bare)
    with world.app() as app:
        told = brought(app, world.folder / "bare.ris")
        assert told.n_without_abstract == 0
        paper = app.store.papers.get(["arxiv:2405.01234"])["arxiv:2405.01234"]
        assert "laser beam" in paper.abstract.lower()


@pytest.mark.parametrize("name", ["my.ris", "list.txt"])
def test_a_file_among_the_likes_is_read_at_every_run(world: World, name: str) -> None:
    subscriber = f'[[subscribers]]\nemail = "ada@example.org"\nlikes = ["{name}"]\n'
    world.write(subscribers=subscriber)
    with world.app() as app:
        jobs.sync_configured_likes(app, jobs.sync_subscribers(app))
        n = {"my.ris": 3, "list.txt": 1}[name]
        origin = f"config:{name}"
        assert len(app.store.ratings.by_origin(reader(app).id)[origin]) == n
        (world.folder / name).write_text("TY  - JOUR\nTI  - Other\nER  -\n" if n > 1 else "")
        jobs.sync_configured_likes(app, jobs.sync_subscribers(app))
        left = app.store.ratings.by_origin(reader(app).id).get(origin, frozenset())
        assert len(left) == (1 if n > 1 else 0)


def test_a_file_that_is_gone_keeps_the_likes_it_brought(world: World) -> None:
    world.write(subscribers='[[subscribers]]\nemail = "ada@example.org"\nlikes = ["my.ris"]\n')
    with world.app() as app:
        jobs.sync_configured_likes(app, jobs.sync_subscribers(app))
        (world.folder / "my.ris").rename(world.folder / "elsewhere.ris")
        told = jobs.sync_configured_likes(app, jobs.sync_subscribers(app))
        assert "cannot be read" in told[0].text
        assert "The likes it brought before are used." in told[0].text
        assert len(app.store.ratings.by_origin(reader(app).id)["config:my.ris"]) == 3
        told = unrate(app.store, reader(app), ["2405.01234"], world.now)
        assert told == {"2405.01234": Unrated.HELD_BACK}


def test_the_commands(world: World) -> None:
    dry = digest(world.folder, "import", "my.ris", "--dry-run")
    assert dry.returncode == 0, dry.stderr
    assert "2 would be new, 0 known" in dry.stdout
    assert "1 to be looked up" in dry.stdout
    assert "my.ris, line 15" in dry.stderr
    done = digest(world.folder, "import", "my.ris", "--name", "zotero")
    assert "zotero for ada@example.org: 3 new, 0 known, 1 without abstract" in done.stdout
    assert "1 twice in it" in done.stdout
    assert "zotero: 3 likes" in digest(world.folder, "unimport").stdout
    assert digest(world.folder, "unimport", "mendeley").returncode == 2
    assert "3 likes of zotero" in digest(world.folder, "unimport", "zotero").stdout
    assert "has no imports" in digest(world.folder, "unimport").stdout
    wrong = digest(world.folder, "import", "missing.bib")
    assert wrong.returncode == 1
    assert "missing.bib cannot be read" in wrong.stderr
