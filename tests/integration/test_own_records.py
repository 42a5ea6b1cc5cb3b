"""What a reader's file says of a paper is that reader's own: it changes no paper that anybody else
sees, joins no two, lends nothing, and goes with its import."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from digest import jobs
from digest.app import App
from digest.edition.links import Action
from digest.libraries import library_of
from digest.model import Listing, Paper, Subscriber
from digest.ports import Likes
from digest.store import database as database_module
from digest.store import open_store, schema
from digest.usecases.feedback import Unrated, rate_references, unrate
from digest.usecases.imports import HandedIn, forget_import, import_likes
from tests.conftest import NOW
from tests.factories import paper
from tests.servers import Answer, rss
from tests.worlds import World, import_from, make_world, record

TWO = """
[[subscribers]]
email = "ada@example.org"
[[subscribers]]
email = "mallory@example.org"
"""
#: words that no source ever wrote
POISON = """@article{x,
  title = {Click here: a title that the journal never printed},
  author = {Someone Else}, doi = {10.5555/abc.2026.1}, url = {https://example.net/elsewhere},
  abstract = {Words about graph neural networks that the reader of the file made up.}
}"""
CROSSREF = paper(
    1,
    id="doi:10.5555/abc.2026.1",
    title="A sober title of a study of soils",
    abstract="",
    authors=("Ada Lovelace",),
    url="https://doi.org/10.5555/abc.2026.1",
    pdf_url="",
    doi="10.5555/abc.2026.1",
    source="crossref",
)
#: tables that an import may change for everybody
SHARED = ("papers", "names", "mentions", "edition_picks")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with make_world(tmp_path) as made:
        made.write(subscribers=TWO, services="[]")
        yield made


def listed(app: App, *papers: Paper, source: str = "crossref", days: int = 0) -> None:
    at = app.clock() + timedelta(days=days)
    papers = tuple(replace(p, announced=at.date()) for p in papers)
    app.store.papers.add_listing(Listing(source=source, papers=papers, fetched_at=at))


def imported(app: App, email: str, text: str, name: str = "mine") -> None:
    path = Path(app.settings.store.path).parent / f"{name}.bib"
    path.write_text(text, "utf-8")
    report = import_from(app, jobs.subscriber(app, email), library_of(app, str(path)), name)
    assert report is not None
    assert not report.faults


def rows(app: App, *names: str) -> dict[str, list[dict[str, Any]]]:
    with app.store.database.read() as connection:
        return {
            n: [
                dict(r)
                for r in connection.execute(
                    sa.select(schema.metadata.tables[n]).order_by(
                        *schema.metadata.tables[n].primary_key
                    )
                ).mappings()
            ]
            for n in names
        }


def liked(app: App, email: str) -> list[Paper]:
    reader = jobs.subscriber(app, email)
    return list(app.store.ratings.reader_state(reader.id, app.clock().date()).liked)


def test_an_import_before_the_listing_changes_nothing_of_it(world: World) -> None:
    with world.app() as app:
        imported(app, "mallory@example.org", POISON)
        assert rows(app, *SHARED)["papers"] == []
        listed(app, CROSSREF)
        (stored,) = app.store.papers.get({CROSSREF.id}).values()
        assert (stored.title, stored.url, stored.source) == (
            CROSSREF.title,
            CROSSREF.url,
            "crossref",
        )
        assert stored.abstract == ""
        assert stored.authors == CROSSREF.authors


def test_an_import_after_the_listing_lends_it_nothing(world: World) -> None:
    with world.app() as app:
        listed(app, CROSSREF)
        before = rows(app, *SHARED)
        imported(app, "mallory@example.org", POISON)
        assert rows(app, *SHARED) == before
        # its own reader has the title that the source printed, and the words of the file
        (mine,) = liked(app, "mallory@example.org")
        assert mine.title == CROSSREF.title
        assert mine.abstract.startswith("Words about graph neural networks")
        assert liked(app, "ada@example.org") == []


def test_an_import_joins_no_two_stored_papers(world: World) -> None:
    with world.app() as app:
        one = paper(1, abstract="One.")
        other = replace(CROSSREF, id="doi:10.5555/b", doi="10.5555/b")
        listed(app, one, other)
        before = rows(app, *SHARED)
        joined = (
            "@article{x, title={Any}, eprint={2605.00001}, archivePrefix={arXiv}, doi={10.5555/b}}"
        )
        imported(app, "mallory@example.org", joined)
        assert rows(app, *SHARED) == before
        reader = jobs.subscriber(app, "mallory@example.org")
        state = app.store.ratings.reader_state(reader.id, app.clock().date())
        assert [p.id for p in state.liked] == [one.id]
        # who has it in a library under two names gets it under neither
        assert state.named == {one.id, other.id}
        told = jobs.why_not(app, reader, other)
        assert told == ("It stands in a library of theirs, so it is not sent.",)


def test_taking_an_import_back_leaves_no_trace(world: World) -> None:
    everything = [t.name for t in schema.metadata.sorted_tables]
    with world.app() as app:
        reader = jobs.subscriber(app, "mallory@example.org")
        listed(app, CROSSREF, paper(2))
        before = rows(app, *everything)
        imported(app, "mallory@example.org", POISON + "\n@misc{y, title={No id at all, but words}}")
        assert rows(app, *everything) != before
        assert forget_import(app.store, reader, "mine", app.clock()) == 2
        assert rows(app, *everything) == before


def test_whoever_is_deleted_takes_their_records_along(world: World) -> None:
    with world.app() as app:
        imported(app, "mallory@example.org", POISON)
        app.store.personal.forget(jobs.subscriber(app, "mallory@example.org").id)
        assert rows(app, "ratings")["ratings"] == []
        assert rows(app, *SHARED)["papers"] == []


def test_a_liked_paper_that_a_source_lists_under_another_id_is_no_news(world: World) -> None:
    with world.app() as app:
        imported(app, "ada@example.org", POISON)
        known = replace(CROSSREF, id="arxiv:2605.00009", abstract="Soils.", aliases=(CROSSREF.id,))
        listed(app, known)
        assert [p.id for p in liked(app, "ada@example.org")] == [known.id]
        assert [r["paper_id"] for r in rows(app, "ratings")["ratings"]] == [known.id]


def test_a_liked_paper_that_is_listed_later_by_its_title_is_no_news(world: World) -> None:
    title = "Weakly supervised segmentation of river deltas from space"
    text = f"@misc{{y, title={{{title}}}, author={{Lovelace, Ada}}, abstract={{Deltas.}}}}"
    with world.app() as app:
        imported(app, "ada@example.org", text)
        listed(app, paper(3, title=title, authors=("Ada Lovelace",)), paper(4))
        state = app.store.ratings.reader_state(
            jobs.subscriber(app, "ada@example.org").id, NOW.date()
        )
        assert state.named == {paper(3).id}
        assert len(state.liked) == 1


def test_own_records_teach_only_their_reader(world: World) -> None:
    """The same listing scores the same for everybody else, whatever somebody brings along."""
    with world.app() as app:
        listed(app, *(paper(n) for n in range(5)))
        before = app.store.papers.background(100)
        imported(app, "mallory@example.org", POISON)
        assert app.store.papers.background(100) == before


def test_what_is_asked_of_services_is_stored_for_everybody(world: World) -> None:
    path = world.write(subscribers=TWO, services='["arxiv"]')
    assert path.exists()
    from tests.servers import api

    world.web.says("/api/query", Answer(api([record(1, id="2405.01234", title="As arXiv has it")])))
    text = "@misc{x, title={As a file has it}, eprint={2405.01234}, archivePrefix={arXiv}}"
    with world.app() as app:
        imported(app, "mallory@example.org", text)
        (stored,) = app.store.papers.get({"arxiv:2405.01234"}).values()
        assert stored.title == "As arXiv has it"
        assert liked(app, "mallory@example.org") == [stored]


def test_a_paper_of_ones_own_can_be_rated_and_taken_back_by_any_name(world: World) -> None:
    with world.app() as app:
        reader = jobs.subscriber(app, "ada@example.org")
        imported(app, "ada@example.org", POISON)
        later = app.clock() + timedelta(minutes=1)
        told = rate_references(
            app.store, (), reader, ["10.5555/ABC.2026.1"], Action.DISLIKE, origin="cli", now=later
        )
        assert not told.missing
        assert liked(app, "ada@example.org") == []
        verdict = unrate(app.store, reader, ["https://doi.org/10.5555/abc.2026.1"], later)
        assert set(verdict.values()) == {Unrated.HELD_BACK}


def test_the_mail_of_another_reader_holds_no_word_of_an_import(world: World) -> None:
    items = [record(n) for n in range(1, 6)]
    world.web.says(
        "/rss/cs.CL+cs.LG", Answer(rss(items, NOW.strftime("%a, %d %b %Y 00:00:00 -0400")))
    )
    arxiv = "eprint={2605.00003}, archivePrefix={arXiv}"
    text = POISON.replace("doi = {10.5555/abc.2026.1}", arxiv)
    with world.app() as app:
        imported(app, "mallory@example.org", text)
        jobs.run(app)
    sent = {m.recipient: m for m in world.smtp.mails}
    body = sent["ada@example.org"].body
    assert b"Laser beam study 3" in body
    assert b"Click here" not in body
    assert b"example.net" not in body


def test_the_same_work_twice_in_a_library_is_one_like(world: World) -> None:
    """Preprint and journal version, joined by their titles for this reader alone."""
    title = "Weakly supervised segmentation of river deltas from space"
    pair = "\n".join(
        f"@misc{{{key}, title={{{title}}}, author={{Lovelace, Ada}}, year={{2025}}, {name}}}"
        for key, name in (
            ("a", "eprint={2405.00001}, archivePrefix={arXiv}"),
            ("b", "doi={10.5555/delta}"),
        )
    )
    with world.app() as app:
        imported(app, "ada@example.org", pair)
        assert len(liked(app, "ada@example.org")) == 1


def test_what_the_form_handed_in_is_a_readers_own_too(world: World) -> None:
    mine = Paper(id="doi:10.5555/b", title="Mine", abstract="My words.", doi="10.5555/b")
    with world.app() as app:
        reader = jobs.subscriber(app, "mallory@example.org")
        shelf = HandedIn(Likes(papers=(mine,)), "when joining")
        import_likes(app.store, (), reader, shelf, "when joining", app.clock(), dry_run=False)
        assert rows(app, *SHARED)["papers"] == []
        assert [p.title for p in liked(app, "mallory@example.org")] == ["Mine"]


# --- what was stored before ----------------------------------------------------------------------


def _as_before(place: Path | str) -> Subscriber:
    """A database of version 0.2, in which two imports wrote records and lent an abstract."""
    with open_store(place) as opened:
        (reader,) = opened.subscribers.sync_config(
            [Subscriber(id="", email="ada@example.org")], NOW
        )
        poisoned = replace(CROSSREF, title="Click here", url="http://example.net", source="bibtex")
        lent = replace(CROSSREF, id="doi:10.5555/lent", doi="10.5555/lent", abstract="Made up.")
        alone = paper(7, id="text:7", title="Only liked", source="ris")
        sound = paper(8)
        day = Listing(
            source="crossref",
            papers=(poisoned, lent, sound),
            fetched_at=datetime(2026, 5, 1, tzinfo=UTC),
        )
        opened.papers.add_listing(day)
        opened.papers.add([alone], NOW)
        ids = [poisoned.id, lent.id, alone.id, sound.id]
        opened.ratings.sync(reader.id, "import:library", ids, NOW)
        database_module.migrate(opened.database, "0006")
    return reader


def test_what_imports_wrote_before_goes_back_to_who_brought_it(place: Path | str) -> None:
    reader = _as_before(place)
    with open_store(place) as opened:
        shared = opened.papers.get({CROSSREF.id, "doi:10.5555/lent", "text:7", paper(8).id})
        assert "text:7" not in shared
        assert (shared[CROSSREF.id].title, shared[CROSSREF.id].url) == (
            "",
            "https://doi.org/10.5555/abc.2026.1",
        )
        assert shared["doi:10.5555/lent"].title == CROSSREF.title
        assert shared["doi:10.5555/lent"].abstract == ""
        assert shared[paper(8).id] == paper(8)
        mine = {p.id: p for p in opened.ratings.reader_state(reader.id, NOW.date()).liked}
        assert mine[CROSSREF.id].title == "Click here"
        assert mine["doi:10.5555/lent"].abstract == "Made up."
        assert mine["text:7"].title == "Only liked"
        # the next listing or service says what everybody sees
        opened.papers.add([CROSSREF], NOW)
        (mended,) = opened.papers.get({CROSSREF.id}).values()
        assert (mended.title, mended.authors) == (CROSSREF.title, CROSSREF.authors)
