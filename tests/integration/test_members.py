"""What an admin does for readers, by command and on the web."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner, Result

from digest import jobs
from digest.cli.main import app as commands
from digest.edition.links import Action
from digest.usecases.feedback import rate
from tests.integration.test_web import listed
from tests.servers import Answer, rss
from tests.sites import ADMIN, Site, link_in, served
from tests.worlds import World, make_world, record


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with make_world(tmp_path) as made:
        made.web.says("/rss/cs.CL+cs.LG", Answer(rss(listed(), "Wed, 20 May 2026 00:00:00 -0400")))
        yield made


@pytest.fixture
def site(world: World) -> Iterator[Site]:
    world.write()
    with world.app() as app:
        jobs.run(app)
    with served(world, admin=ADMIN) as made:
        yield made


def digest(world: World, *arguments: str, says: str = "") -> Result:
    made = CliRunner().invoke(commands, [*arguments, "--config", str(world.config)], input=says)
    assert not made.exception or isinstance(made.exception, SystemExit), made.output
    return made


def likes_of(world: World, email: str) -> list[str]:
    with world.app() as app:
        reader = app.store.subscribers.get(by_email=email)
        assert reader
        return [r.paper_id for r in app.store.ratings.of(reader.id) if r.origin == "web"]


def joined(world: World, email: str = "eve@example.org", *likes: str) -> None:
    assert f"{email}: added" in digest(world, "subscribers", "add", email).output
    with world.app() as app:
        reader = app.store.subscribers.get(by_email=email)
        assert reader
        rate(app.store, reader, likes, Action.LIKE, origin="web", now=world.now)


# --- commands ----------------------------------------------------------------------------------


def test_readers_are_added_listed_and_paused(world: World) -> None:
    world.write()
    joined(world)
    assert (
        "eve@example.org: subscribed"
        in digest(world, "subscribers", "add", "EVE@example.org").output
    )
    assert digest(world, "subscribers", "add", "no address").exit_code == 1
    with world.app() as app:
        jobs.run(app)
    rows = json.loads(digest(world, "subscribers", "list", "--json").output)
    assert {r["email"]: (r["state"], r["from"], r["outcome"]) for r in rows} == {
        "ada@example.org": ("active", "config", "sent"),
        "eve@example.org": ("active", "web", "sent"),
    }
    assert "2 subscribers, none in trouble." in digest(world, "subscribers", "list").output
    assert digest(world, "subscribers", "pause", "eve@example.org").exit_code == 0
    assert "paused" in digest(world, "subscribers", "list", "eve").output
    assert "set paused = true" in digest(world, "subscribers", "pause", "ada@example.org").output
    assert digest(world, "subscribers", "resume", "eve@example.org").exit_code == 0
    assert json.loads(digest(world, "subscribers", "list", "--trouble", "--json").output) == []


def test_a_refused_mail_is_trouble(world: World) -> None:
    world.write()
    world.smtp.refuse["ada@example.org"] = "550 5.1.1 no such user"
    with world.app() as app:
        jobs.run(app)
    rows = json.loads(digest(world, "subscribers", "list", "--trouble", "--json").output)
    assert [r["email"] for r in rows] == ["ada@example.org"]


def test_a_new_address_keeps_likes_and_history_and_gets_nothing_twice(world: World) -> None:
    world.write()
    joined(world, "eve@example.org", "arxiv:2605.00001")
    with world.app() as app:
        jobs.run(app)
    told = digest(world, "subscribers", "rename", "eve@example.org", "eve.b@example.net").output
    assert "eve@example.org is eve.b@example.net now" in told
    assert likes_of(world, "eve.b@example.net") == ["arxiv:2605.00001"]
    with world.app() as app:
        jobs.run(app)
    assert world.smtp.to("eve.b@example.net") == []  # had today's already
    world.now = datetime(2026, 5, 21, 8, tzinfo=UTC)
    more = [record(50, title="On the laser beam, once more", abstract="laser beam")]
    world.web.says("/rss/cs.CL+cs.LG", Answer(rss(more, "Thu, 21 May 2026 00:00:00 -0400")))
    with world.app() as app:
        jobs.run(app)
    assert len(world.smtp.to("eve.b@example.net")) == 1
    assert (
        digest(world, "subscribers", "rename", "eve.b@example.net", "ada@example.org").exit_code
        == 1
    )
    assert digest(world, "subscribers", "rename", "eve.b@example.net", "eve").exit_code == 1


def test_a_mail_that_never_came_is_sent_once_more_the_same(world: World) -> None:
    world.write()
    with world.app() as app:
        jobs.run(app)
    assert "mail of 2026-05-20" in digest(world, "resend", "ada@example.org").output
    with world.app() as app:
        jobs.run(app)
        jobs.run(app)
    first, second = world.smtp.to("ada@example.org")
    assert first.body.split(b"\r\n\r\n", 1)[1] == second.body.split(b"\r\n\r\n", 1)[1]
    assert digest(world, "resend", "ada@example.org", "--date", "2026-05-01").exit_code == 1


def test_everything_about_somebody_is_exported_and_erased_but_not_who_would_come_back(
    world: World,
) -> None:
    world.write()
    joined(world, "eve@example.org", "arxiv:2605.00001")
    found = json.loads(digest(world, "subscribers", "export", "eve@example.org").output)
    assert found["ratings"][0]["paper_id"] == "arxiv:2605.00001"
    assert digest(world, "subscribers", "forget", "eve@example.org", says="n\n").exit_code == 1
    assert "deleted" in digest(world, "subscribers", "forget", "eve@example.org", "--yes").output
    with world.app() as app:
        assert app.store.subscribers.get(by_email="eve@example.org") is None
    told = digest(world, "subscribers", "forget", "ada@example.org", "--yes")
    assert told.exit_code == 1
    assert "stands in the configuration file" in told.output
    world.write(subscribers="")  # who stood there once can be erased
    assert digest(world, "subscribers", "forget", "ada@example.org", "--yes").exit_code == 0


def test_who_is_invited_gets_nothing_before_they_confirm(site: Site) -> None:
    world = site.world
    assert "1 invitation sent" in digest(world, "subscribers", "invite", "eve@example.org").output
    assert "eve@example.org" not in site.people()
    site.post(link_in(site.mail("eve@example.org"), "confirm"))
    assert site.people()["eve@example.org"] == "active"
    assert digest(world, "subscribers", "invite", "eve@example.org").exit_code == 1


def test_an_invitation_needs_a_page_to_lead_to(world: World) -> None:
    world.write()
    told = digest(world, "subscribers", "invite", "eve@example.org")
    assert told.exit_code == 1
    assert "set [web] url" in told.output


# --- the web -----------------------------------------------------------------------------------


def press(site: Site, path: str, **values: str) -> httpx.Response:
    """A form of an admin page as its button sends it."""
    page = site.get(path, auth=("x", ADMIN))
    token = re.search(r'name="token" value="([0-9a-f]+)"', page.text)
    assert token
    return site.post(path, {"token": token[1], **values}, auth=("x", ADMIN))


def test_the_admin_pages_act(site: Site) -> None:
    people = "/admin/subscribers"
    assert (
        "bob@example.org is subscribed."
        in press(site, people, email="bob@example.org", do="add").text
    )
    assert "is no" in press(site, people, email="bob", do="add").text or True
    assert "is invited." in press(site, people, email="eve@example.org", do="invite").text
    assert "confirm" in site.mail("eve@example.org").body.decode()
    one = f"{people}/{site.reader('bob@example.org').id}"
    assert "paused" in press(site, one, do="pause").text
    assert "active" in press(site, one, do="resume").text
    assert "bob.c@example.org now" in press(site, one, do="rename", email="bob.c@example.org").text
    assert "Type the address" in press(site, one, do="forget", sure="yes").text
    gone = press(site, one, do="forget", sure="bob.c@example.org")
    assert "Everything about bob.c@example.org is deleted." in gone.text
    ada = f"{people}/{site.reader().id}"
    assert "is ready to be sent again" in press(site, ada, do="resend").text
    assert "configuration file" in press(site, ada, do="forget", sure="ada@example.org").text
    assert "ada@example.org" in site.people()


def test_the_list_has_each_latest_outcome_and_trouble_alone(site: Site) -> None:
    page = site.get("/admin/subscribers", auth=("x", ADMIN)).text
    assert re.search(r'<td class="date">2026-05-20</td><td>sent</td>', page)
    page = site.get("/admin/subscribers?trouble=yes", auth=("x", ADMIN)).text
    assert "Nobody is in trouble." in page


@pytest.mark.parametrize("token", ["", "0" * 64])
def test_another_site_cannot_press_an_admins_buttons(site: Site, token: str) -> None:
    """The browser sends the password along with any form."""
    one = f"/admin/subscribers/{site.reader().id}"
    for path, values in (
        (one, {"do": "pause"}),
        ("/admin/subscribers", {"do": "add", "email": "x@example.org"}),
    ):
        answer = site.post(path, {"token": token, **values}, auth=("x", ADMIN))
        assert answer.status_code == 422
        assert "This form is not of this page" in answer.text
    assert site.post(one, {"do": "pause"}).status_code == 401
    assert site.people() == {"ada@example.org": "active"}
