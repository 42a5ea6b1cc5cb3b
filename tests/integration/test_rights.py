"""A link never yields more than it is for, and a reader's own can be called in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from digest import jobs
from digest.edition.links import Action, Ticket
from digest.model import SubscriberState
from tests.conftest import NOW
from tests.integration.test_web import FORM
from tests.servers import Answer, rss
from tests.sites import Site, link_in, served, wait
from tests.worlds import World, make_world, record

ADA = "ada@example.org"
#: addresses that hold somebody's right to something
RIGHTS = re.compile(r"/(preferences|feedback|unsubscribe|confirm|editions|feed|link)/[\w.-]{16,}")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with make_world(tmp_path) as made:
        listed = [record(n) for n in range(1, 9)]
        stamp = NOW.strftime("%a, %d %b %Y 00:00:00 -0400")
        made.web.says("/rss/cs.CL+cs.LG", Answer(rss(listed, stamp)))
        yield made


@pytest.fixture
def site(world: World) -> Iterator[Site]:
    with served(world, services="[]") as made:
        jobs.run(made.app)
        yield made


def rights_on(page: str) -> set[str]:
    return {m[1] for m in RIGHTS.finditer(page)}


def preferences(site: Site, days: int = 0) -> str:
    """The link of a mail of so many days ago."""
    ticket = Ticket(Action.PREFERENCES, site.reader().id)
    day = (site.world.now - timedelta(days=days)).date()
    return f"/preferences/{site.app.mail.letterhead.seal.sign(ticket, day)}"


def test_an_edition_that_is_shared_names_nobody_and_does_nothing(site: Site) -> None:
    page = site.get(f"/editions/{site.token(Action.EDITION, '2026-05-20')}").text
    assert "Laser beam study" in page
    assert rights_on(page) == set()
    assert ADA not in page
    assert "Ada" not in page.replace("Ada Lovelace", "")  # an author


def test_leaving_shows_nothing_but_that_it_is_done(site: Site) -> None:
    link = f"/unsubscribe/{site.token(Action.UNSUBSCRIBE)}"
    site.world.now += timedelta(days=1500)
    for page in (site.get(link), site.post(link), site.post(link), site.get(link)):
        assert page.status_code == 200
        # the page's own address, and the one that mails to the reader and shows nothing
        assert rights_on(page.text) <= {"unsubscribe", "link"}
        assert ADA not in page.text
    assert site.people() == {ADA: "unsubscribed"}


def test_a_confirmation_begins_once_and_shows_nothing_more(site: Site) -> None:
    site.post("/subscribe", FORM)
    link = link_in(site.mail("eve@example.org"), "confirm")
    assert "coral" in site.get(link).text  # what is about to begin
    first = site.post(link)
    assert "You are subscribed" in first.text
    assert rights_on(first.text) == {"preferences"}  # whose address it is was proved just now
    for again in (site.post(link), site.get(link)):
        assert "You are subscribed already" in again.text
        assert rights_on(again.text) == set()
        assert "eve@example.org" not in again.text
        assert "coral" not in again.text
    site.world.now += timedelta(days=36)
    assert site.post(link).status_code == 410


def test_feedback_and_feeds_name_nobody(site: Site) -> None:
    like = f"/feedback/{site.token(Action.LIKE, 'arxiv:2605.00001')}"
    feed = f"/feed/{site.token(Action.FEED)}/atom"
    for page in (site.get(like), site.post(like), site.get(feed)):
        assert page.status_code == 200
        assert ADA not in page.text
        assert rights_on(page.text) <= {"feedback", "feed"}  # the page's own address


@pytest.mark.parametrize(
    ("days", "settings", "everything"), [(0, True, True), (1, True, True), (7, True, False)]
)
def test_a_link_weakens_with_its_age(
    site: Site, days: int, settings: bool, everything: bool
) -> None:
    where = preferences(site, days)
    assert ("What you like" in site.get(where).text) is settings
    assert site.post(f"{where}/likes", {"papers": "2605.00001"}).status_code == 200
    assert ("subscriber" in site.get(f"{where}/export.json").text) is everything
    assert (site.post(f"{where}/delete").status_code == 409) is everything  # of the configuration
    if not everything:
        assert "Mail me a link" in site.get(where).text
        assert f"{where}/export.json" not in site.get(where).text


def test_an_old_link_opens_nothing_and_has_a_fresh_one_mailed(site: Site) -> None:
    where = preferences(site, 8)
    before = site.app.store.personal.export(site.reader().id)
    page = site.get(where)
    assert ADA not in page.text
    assert "Laser" not in page.text
    for path, data in (
        ("", {"time": "09:00"}),
        ("/likes", {"papers": "2605.00001"}),
        ("/ratings", {"paper": "x"}),
        ("/state", {"state": "pause"}),
        ("/browser", {"remember": "yes"}),
        ("/links", {}),
        ("/delete", {}),
    ):
        answer = site.post(where + path, data)
        assert answer.status_code == 403, path
        assert "set-cookie" not in answer.headers
    assert "ratings" not in site.get(f"{where}/export.json").text
    assert site.app.store.personal.export(site.reader().id) == before

    asked = site.post(re.search(r'action="(/link/[^"]+)"', page.text)[1])  # type: ignore[index]
    assert asked.status_code == 202
    assert ADA not in asked.text
    fresh = link_in(site.mail(ADA, 2), "preferences")
    assert site.get(f"{fresh}/export.json").json()["subscriber"]["email"] == ADA


def test_links_are_mailed_three_times_a_day_at_most(site: Site) -> None:
    link = preferences(site).replace("/preferences/", "/link/")
    assert [site.post(link).status_code for _ in range(4)] == [202, 202, 202, 429]
    wait(lambda: len(site.world.smtp.to(ADA)) == 4)


def test_who_left_can_have_everything_deleted_and_who_bounced_is_not_written_to(
    site: Site,
) -> None:
    link = f"/unsubscribe/{site.token(Action.UNSUBSCRIBE)}"
    asked = site.post(re.search(r'action="(/link/[^"]+)"', site.post(link).text)[1])  # type: ignore[index]
    assert asked.status_code == 202
    site.mail(ADA, 2)
    site.app.store.subscribers.set_state(site.reader().id, SubscriberState.SUPPRESSED)
    site.post(link.replace("unsubscribe", "link"))
    wait(lambda: site.app.store.signups.in_state("failed"))
    assert len(site.world.smtp.to(ADA)) == 2


def test_a_reader_calls_in_all_links_of_theirs_and_of_nobody_else(site: Site) -> None:
    site.post("/subscribe", FORM)
    site.post(link_in(site.mail("eve@example.org"), "confirm"))
    others = f"/preferences/{site.token(Action.PREFERENCES, email='eve@example.org')}"
    old = {a: site.token(a, "arxiv:2605.00001") for a in Action if a is not Action.CONFIRM}
    done = site.post(f"{preferences(site)}/links")
    assert "Your links are disabled" in done.text
    for place, action in (
        ("preferences/{}", Action.PREFERENCES),
        ("feedback/{}", Action.LIKE),
        ("editions/{}", Action.EDITION),
        ("feed/{}/atom", Action.FEED),
    ):
        answer = site.get("/" + place.format(old[action]))
        assert answer.status_code == 404, place
    site.http.cookies.set("digest_session", old[Action.SESSION])
    assert "Like it: get papers like this" in site.get("/paper/arxiv:2605.00001").text
    assert site.get(others).status_code == 200
    assert site.get(f"/unsubscribe/{old[Action.UNSUBSCRIBE]}").status_code == 200
    # the next mail's links work, and the file of the configuration does not bring back the old
    site.world.now += timedelta(days=1)
    stamp = site.world.now.strftime("%a, %d %b %Y 00:00:00 -0400")
    listed = Answer(rss([record(n) for n in range(20, 25)], stamp))
    site.world.web.says("/rss/cs.CL+cs.LG", listed)
    with site.world.app() as fresh:
        jobs.run(fresh)
    fresh_link = link_in(site.mail(ADA, 2), "preferences")
    assert site.get(fresh_link).status_code == 200
    assert site.get(preferences(site)).status_code == 404
