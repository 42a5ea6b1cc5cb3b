"""What a reader says of their libraries: matches by title, corrections, what counts, what is taken
back; and that all of it holds against the next import."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from digest import jobs
from digest.app import App
from digest.edition.links import Action
from digest.libraries import library_of
from digest.model import Paper, Subscriber
from digest.usecases.feedback import Unrated, rate, unrate
from digest.usecases.imports import ImportReport, forget_import
from digest.usecases.library_list import (
    correct,
    count_import,
    libraries_of,
    match_titles,
    open_entries,
)
from tests.acceptance.test_command import digest
from tests.servers import Answer
from tests.worlds import World, import_from, make_world

TITLE = "Weakly supervised segmentation of river deltas from space"
BIB = f"""@misc{{a, title={{{TITLE}}}, author={{Lovelace, Ada}}, year={{2024}}}}
@misc{{b, title={{Tides}}, author={{Hopper, Grace}}, abstract={{The tides.}}, doi={{10.5555/t}},
  date-added={{2019-05-04}}}}
@misc{{c, year={{2020}}}}"""


def crossref(*works: dict[str, object]) -> Answer:
    body = {"status": "ok", "message": {"items": list(works), "total-results": len(works)}}
    return Answer(json.dumps(body).encode(), content_type="application/json")


WORK = {
    "DOI": "10.5555/delta",
    "title": [TITLE],
    "author": [{"given": "Ada", "family": "Lovelace"}],
    "issued": {"date-parts": [[2024, 11]]},
    "abstract": "<jats:p>We see deltas.</jats:p>",
    "type": "journal-article",
}
OTHER = WORK | {"author": [{"given": "Someone", "family": "Else"}]}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with make_world(tmp_path) as made:
        made.web.says("/works", crossref(OTHER, WORK))
        made.write(services='["crossref"]')
        (tmp_path / "my.bib").write_text(BIB, "utf-8")
        yield made


def reader(app: App) -> Subscriber:
    return jobs.subscriber(app, "ada@example.org")


def brought(app: App, world: World) -> ImportReport:
    report = import_from(app, reader(app), library_of(app, str(world.folder / "my.bib")), "x")
    assert report is not None
    return report


def likes(app: App) -> dict[str, Paper]:
    state = app.store.ratings.reader_state(reader(app).id, app.clock().date())
    return {p.id: p for p in state.liked if "arxiv:" not in p.id}


def test_what_has_neither_id_nor_abstract_is_found_by_title_author_and_year(world: World) -> None:
    with world.app() as app:
        told = brought(app, world)
        assert [i for _, i in told.by_title] == ["doi:10.5555/delta"]
        assert likes(app)["doi:10.5555/delta"].abstract == "We see deltas."
        assert (told.n_entries, told.n_new, len(told.faults)) == (3, 2, 1)
        n_asked = len(world.web.asked("/works"))
        brought(app, world)  # it is known now, and nobody is asked by title again
        by_title = [r for r in world.web.asked("/works")[n_asked:] if "query.author" in r.query]
        assert by_title == []
        assert "doi:10.5555/delta" in likes(app)


def test_openalex_is_asked_by_title_too(world: World) -> None:
    work = {
        "id": "https://openalex.org/W77",
        "doi": "https://doi.org/10.5555/delta",
        "display_name": TITLE,
        "publication_date": "2024-11-02",
        "authorships": [{"author": {"display_name": "Ada Lovelace"}}],
        "abstract_inverted_index": {"Deltas.": [0]},
    }
    body = json.dumps({"meta": {"count": 1}, "results": [work]}).encode()
    world.web.says("/works", Answer(body, content_type="application/json"))
    world.write(services='["openalex"]')
    with world.app() as app:
        brought(app, world)
        assert likes(app)["doi:10.5555/delta"].abstract == "Deltas."
        asked = [r.query.get("filter", "") for r in world.web.asked("/works")]
        assert f"title.search:{TITLE}" in asked


def test_a_match_that_is_wrong_is_taken_back_for_good(world: World) -> None:
    with world.app() as app:
        brought(app, world)
        (wrong,) = [e for e in open_entries(app.store, reader(app), "x") if e.paper_id]
        told = correct(app.store, (), reader(app), "x", entry=wrong, ref="", now=world.now)
        assert told == ""
        assert "doi:10.5555/delta" not in likes(app)
        assert TITLE in {p.title for p in likes(app).values()}
        brought(app, world)
        assert match_titles(app.store, app.lookups, world.now) == 0
        assert "doi:10.5555/delta" not in likes(app)


def test_what_was_not_found_is_mended_and_stays_so(world: World) -> None:
    world.web.says("/works", crossref())
    with world.app() as app:
        brought(app, world)
        (fault,) = open_entries(app.store, reader(app), "x")
        no = correct(app.store, (), reader(app), "x", entry=fault, ref="nonsense", now=world.now)
        assert "is no arXiv id" in no
        done = correct(
            app.store, (), reader(app), "x", entry=fault, ref="2405.01234", now=world.now
        )
        assert "no service is asked" in done  # it is not stored, and nobody is asked here
        app.store.papers.add([Paper(id="arxiv:2405.01234", title="Right")], world.now)
        assert (
            correct(app.store, (), reader(app), "x", entry=fault, ref="2405.01234", now=world.now)
            == ""
        )
        rated = app.store.ratings.by_origin(reader(app).id)["import:x"]
        assert "arxiv:2405.01234" in rated
        assert open_entries(app.store, reader(app), "x") == ()
        assert brought(app, world).faults == ()
        assert "arxiv:2405.01234" in app.store.ratings.by_origin(reader(app).id)["import:x"]


def test_papers_may_be_known_without_being_likes(world: World) -> None:
    with world.app() as app:
        brought(app, world)
        assert count_import(app.store, reader(app), "x", counts=False)
        assert likes(app) == {}
        state = app.store.ratings.reader_state(reader(app).id, world.now.date())
        assert "doi:10.5555/t" in state.named
        brought(app, world)
        assert likes(app) == {}
        (entry,) = [e for e in libraries_of(app.store, reader(app)) if not e.is_configured]
        assert (entry.name, entry.counts, entry.n_papers) == ("x", False, 2)
        count_import(app.store, reader(app), "x", counts=True)
        assert "doi:10.5555/t" in likes(app)


def test_a_like_that_was_taken_back_stays_so_until_the_reader_says_otherwise(world: World) -> None:
    with world.app() as app:
        brought(app, world)
        told = unrate(app.store, reader(app), ["10.5555/t"], world.now)
        assert told == {"10.5555/t": Unrated.HELD_BACK}
        brought(app, world)
        assert "doi:10.5555/t" not in likes(app)
        later = world.now + timedelta(hours=1)
        rate(app.store, reader(app), ["doi:10.5555/t"], Action.LIKE, origin="mail", now=later)
        assert "doi:10.5555/t" in likes(app)


def test_a_like_is_as_old_as_the_library_says(world: World) -> None:
    with world.app() as app:
        brought(app, world)
        rated = {r.paper_id: r.rated_at for r in app.store.ratings.of(reader(app).id)}
        assert rated["doi:10.5555/t"].year == 2019
        assert rated["doi:10.5555/delta"] == world.now


def test_what_could_not_be_looked_for_at_once_is_found_by_the_daily_run(world: World) -> None:
    with world.app() as app:
        from digest.usecases.imports import HandedIn, import_likes

        read, _ = library_of(app, str(world.folder / "my.bib")).read("")
        assert read is not None
        import_likes(
            app.store, app.lookups, reader(app), HandedIn(read, "w"), "w", world.now,
            dry_run=False, max_titles=0,
        )  # fmt: skip
        assert "doi:10.5555/delta" not in likes(app)
        assert match_titles(app.store, app.lookups, world.now) == 1
        assert "doi:10.5555/delta" in likes(app)
        assert match_titles(app.store, app.lookups, world.now) == 0


def test_an_import_again_goes_on_with_the_titles_that_nobody_was_asked_about(world: World) -> None:
    world.web.says("/works", crossref())
    text = "\n".join(f"@misc{{k{n}, title={{{TITLE} {n}}}, author={{Doe, J}}}}" for n in range(3))
    (world.folder / "my.bib").write_text(text, "utf-8")
    with world.app() as app:
        from digest.usecases.imports import HandedIn, import_likes

        read, _ = library_of(app, str(world.folder / "my.bib")).read("")
        assert read is not None
        left = []
        for _ in range(4):
            told = import_likes(
                app.store, app.lookups, reader(app), HandedIn(read, "w"), "w", world.now,
                dry_run=False, max_titles=1,
            )  # fmt: skip
            assert told is not None
            left.append(told.n_titles_open)
        assert left == [2, 1, 0, 0]
        asked = [r.query["query.bibliographic"] for r in world.web.asked("/works")]
        assert len(asked) == len(set(asked)) == 3


def test_an_import_that_is_taken_away_leaves_nothing(world: World) -> None:
    with world.app() as app:
        brought(app, world)
        forget_import(app.store, reader(app), "x", world.now)
        assert [e for e in libraries_of(app.store, reader(app)) if not e.is_configured] == []


def test_the_command_lists_shows_and_mends(world: World) -> None:
    assert digest(world.folder, "import", "my.bib", "--name", "mine").returncode == 0
    listed = digest(world.folder, "imports")
    assert "mine: 2 likes, imported on" in listed.stdout
    assert "1 of 3 entries not used, 1 matched by title" in listed.stdout
    shown = digest(world.folder, "imports", "mine")
    assert "line 4: c has no title" in shown.stdout
    assert "was found by its title" in shown.stdout
    wrong = digest(world.folder, "imports", "mine", "--fix", "9=2405.01234")
    assert wrong.returncode == 2
    assert "no number of an entry" in wrong.stderr
    apart = digest(world.folder, "imports", "mine", "--fix", "2=")
    assert apart.returncode == 0, apart.stderr
    assert "was found by its title" not in apart.stdout
    known = digest(world.folder, "imports", "mine", "--known-only")
    assert "mine: 2 known papers" in known.stdout
