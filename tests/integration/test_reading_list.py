"""What readers keep for later, from the link in a mail to the mail that brings it back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from email import message_from_bytes
from email.policy import default
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest import jobs
from digest.edition.links import Action
from digest.model import Kept, Section
from digest.ranking.later import MOST_AT_ONCE, MOST_TIMES, come_back
from tests.factories import paper
from tests.servers import Answer, rss
from tests.sites import Site, served
from tests.worlds import World, make_world, record

FRIDAY = 4


def at(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 12, tzinfo=UTC)


def kept(number: int, added: date, n_shown: int = 0, shown_on: date | None = None) -> Kept:
    return Kept(paper=paper(number), added_at=at(added), n_shown=n_shown, shown_on=shown_on)


@given(
    st.dates(date(2026, 1, 1), date(2026, 12, 1)),
    st.integers(0, 6),
    st.sets(st.integers(1, 60), max_size=30),
)
def test_a_paper_comes_back_once_a_week_three_times_at_most_and_never_is_forgotten(
    added: date, weekday: int, mailed: set[int]
) -> None:
    """Whatever days mail goes out on."""
    entry, seen = kept(1, added), []
    for n in sorted(mailed):
        day = added + timedelta(days=n)
        if come_back([entry], day, weekday, 0):
            seen.append(day)
            entry = kept(1, added, len(seen), day)
    assert len(seen) <= MOST_TIMES
    weeks = [(d - timedelta(days=(d.weekday() - weekday) % 7)) for d in seen]
    assert len(set(weeks)) == len(weeks)
    first_due = added + timedelta(days=(weekday - added.weekday() - 1) % 7 + 1)
    expected = [added + timedelta(days=n) for n in sorted(mailed)]
    assert seen[:1] == [d for d in expected if d >= first_due][:1]


def test_the_earliest_come_first_and_not_all_at_once() -> None:
    many = [kept(n, date(2026, 5, 1)) for n in range(1, 9)]
    back = come_back(many, date(2026, 5, 8), FRIDAY, 10)
    assert [p.paper.id for p in back] == [k.paper.id for k in many[:MOST_AT_ONCE]]
    assert [p.rank for p in back] == [11, 12, 13, 14, 15]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with make_world(tmp_path) as made:
        made.web.says("/rss/cs.CL+cs.LG", listing(1, 4))
        yield made


def listing(first: int, last: int, day: str = "Wed, 20 May 2026") -> Answer:
    papers = [
        record(n, title=f"On the laser mirror, part {n}", abstract=f"Laser light, {n}.")
        for n in range(first, last + 1)
    ]
    return Answer(rss(papers, f"{day} 00:00:00 -0400"))


@pytest.fixture
def site(world: World) -> Iterator[Site]:
    world.write()
    with world.app() as app:
        jobs.run(app)
    with served(world) as made:
        made.indexed(4)
        yield made


def keep(site: Site, paper_id: str = "arxiv:2605.00002") -> str:
    place = f"/feedback/{site.token(Action.LATER, paper_id)}"
    assert site.post(place).status_code == 200
    return place


def list_of(site: Site) -> list[str]:
    return [k.paper.id for k in site.app.store.reading_list.of(site.reader().id)]


def test_keeping_takes_a_post_and_can_be_taken_back(site: Site) -> None:
    place = f"/feedback/{site.token(Action.LATER, 'arxiv:2605.00002')}"
    assert "Keep this paper for later?" in site.get(place).text
    assert list_of(site) == []
    assert "Undo" in site.post(place).text
    site.post(place)
    assert list_of(site) == ["arxiv:2605.00002"]
    site.post(place, {"undo": "yes", "before": "0"})
    assert list_of(site) == []


def test_it_comes_back_in_the_mail_in_its_own_section_until_it_is_rated(site: Site) -> None:
    keep(site)
    world = site.world
    shown = []
    for n, day in enumerate((22, 25, 29), 1):  # Friday, Monday, Friday
        world.now = datetime(2026, 5, day, 8, tzinfo=UTC)
        stamp = world.now.strftime("%a, %d %b %Y")
        world.web.says("/rss/cs.CL+cs.LG", listing(10 * n, 10 * n + 1, stamp))
        with world.app() as app:
            jobs.run(app)
            found = app.store.archive.edition_of(site.reader().id, world.now.date())
        assert found
        shown.append([p.paper.id for p in found.picks if p.section is Section.LATER])
        if day == 22:
            mail = message_from_bytes(world.smtp.to("ada@example.org")[-1].body, policy=default)
            for kind in ("plain", "html"):
                part = mail.get_body((kind,))
                assert part is not None
                assert "you kept it for later on 20 may." in part.get_content().lower()
    assert shown == [["arxiv:2605.00002"], [], ["arxiv:2605.00002"]]
    site.post(f"/feedback/{site.token(Action.LIKE, 'arxiv:2605.00002')}")
    assert list_of(site) == []
    world.now += timedelta(hours=1)
    keep(site)  # kept once more after it was rated
    assert list_of(site) == ["arxiv:2605.00002"]


def test_a_day_before_its_listing_waits_and_is_not_sent_for_the_list_alone(site: Site) -> None:
    keep(site)
    site.world.now = datetime(2026, 5, 22, 8, tzinfo=UTC)
    site.world.quiet()
    with site.world.app() as app:
        report = jobs.run(app)
        assert app.store.archive.edition_of(site.reader().id, date(2026, 5, 22)) is None
    assert {str(s.result) for s in report.subscribers} <= {"no_listing", "sources_failed"}


def test_the_page_of_the_list_rates_removes_and_exports(site: Site) -> None:
    keep(site)
    keep(site, "arxiv:2605.00003")
    token = site.token(Action.PREFERENCES)
    assert "2 papers on your reading list" in site.get(f"/preferences/{token}").text
    page = f"/preferences/{token}/later"
    assert "part 2" in site.get(page).text
    assert site.get(f"{page}.bib").text.count("@") == 2
    assert site.get(f"{page}.doc").status_code == 404
    site.post(page, {"paper": "arxiv:2605.00002", "value": "like"})
    site.post(page, {"paper": "arxiv:2605.00001", "value": "like"})  # does not stand there
    assert {
        r.paper_id for r in site.app.store.ratings.of(site.reader().id) if r.origin == "web"
    } == {"arxiv:2605.00002"}
    assert "Removed." in site.post(page, {"paper": "arxiv:2605.00003", "value": "remove"}).text
    assert "Nothing is kept for later" in site.get(page).text


def test_a_recognised_browser_keeps_papers_where_it_reads_them(site: Site) -> None:
    site.post(f"/preferences/{site.token(Action.PREFERENCES)}/browser", {"remember": "yes"})
    page = site.get("/paper/arxiv:2605.00002")
    token = page.text.split('name="token" value="', 1)[1].split('"', 1)[0]
    form = {"token": token, "paper": "arxiv:2605.00002"}
    assert "On your reading list" in site.post("/rate", form | {"value": "later"}).text
    assert list_of(site) == ["arxiv:2605.00002"]
    assert ">Later</button>" in site.post("/rate", form | {"value": "not-later"}).text
    assert site.post("/rate", {"paper": "arxiv:2605.00002", "value": "later"}).status_code == 403


def test_the_list_is_taken_along_kept_by_purging_and_forgotten_with_its_reader(site: Site) -> None:
    keep(site)
    store, reader = site.app.store, site.reader()
    exported = json.dumps(store.personal.export(reader.id))
    assert "arxiv:2605.00002" in json.loads(exported)["titles"]
    late = datetime(2030, 1, 1, tzinfo=UTC)
    with store.database.write() as connection:
        from digest.store import schema

        connection.execute(schema.edition_picks.delete())
    store.purge(late)
    assert list_of(site) == ["arxiv:2605.00002"]
    store.personal.forget(reader.id)
    assert store.reading_list.of(reader.id) == ()
