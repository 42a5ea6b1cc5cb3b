"""The preview page by its own HTTP, without a browser."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
import uvicorn

from digest import jobs
from digest.app import TEMPLATES, App
from digest.config import load_settings
from digest.preview.headers import headers_of
from digest.preview.mails import PreviewMails
from digest.preview.site import Site
from digest.preview.views import in_scheme, without_style
from tests.servers import Answer, rss
from tests.worlds import ADA, World, make_world, record

EVE = ADA.replace("ada@", "eve@")
DAY = "2026-05-20"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with make_world(tmp_path) as made:
        stamp = made.now.strftime("%a, %d %b %Y 00:00:00 -0400")
        papers = [record(n) for n in range(6)]
        made.web.says("/rss/cs.CL+cs.LG", Answer(rss(papers, stamp)))
        made.write(subscribers=ADA + EVE)
        with made.app() as app:
            jobs.fetch_all(app)
        yield made


@contextmanager
def page(world: World) -> Iterator[httpx.Client]:
    def opened() -> App:
        return App(load_settings(world.config, {}), clock=lambda: world.now)

    site = Site(PreviewMails(opened), config=world.config, templates=TEMPLATES, more=[])
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(site.application(), log_level="error"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with httpx.Client(base_url=url, trust_env=False, timeout=60) as client:
            yield client
    finally:
        server.should_exit = True
        thread.join()


def test_the_page_lists_people_dates_views_and_findings(world: World) -> None:
    with page(world) as client:
        html = client.get("/").text
    assert html.index("ada@example.org") < html.index("eve@example.org")
    assert f"?who=ada%40example.org&amp;day={DAY}" in html
    assert html.count("<iframe") == 3
    assert "of 102,000 bytes" in html
    assert "as sent" not in html


def test_each_view_shows_the_same_mail_in_its_way(world: World) -> None:
    query = {"who": "ada@example.org", "day": DAY}
    with page(world) as client:
        assert "A study" not in client.get("/", params=query | {"tab": "frames"}).text
        text = client.get("/", params=query | {"tab": "text"}).text
        assert "MORNING PAPERS\nWednesday, 20 May 2026" in text
        source = client.get("/", params=query | {"tab": "source"}).text
        assert "&lt;!DOCTYPE html&gt;" in source
        headers = client.get("/", params=query | {"tab": "headers"}).text
        assert "List-Unsubscribe" in headers
        light = client.get("/mail", params=query | {"scheme": "light"})
        dark = client.get("/mail", params=query | {"scheme": "dark"})
        bare = client.get("/mail", params=query | {"style": "off", "images": "off"})
    assert "Laser beam study" in light.text
    assert "@media (max-width: 0px)" in light.text
    assert "@media (min-width: 0px)" in dark.text
    assert "<style" not in bare.text
    assert "img-src 'none'" in bare.headers["content-security-policy"]
    assert "script-src" not in light.headers["content-security-policy"]
    assert "default-src 'none'" in light.headers["content-security-policy"]


def test_what_was_sent_can_be_seen_as_it_was(world: World) -> None:
    with world.app() as app:
        jobs.run(app)
    world.write(subscribers=ADA + EVE, top='[mail]\nlanguage = "de"')
    query = {"who": "ada@example.org", "day": DAY, "tab": "text"}
    with page(world) as client:
        now = client.get("/", params=query).text
        sent = client.get("/", params=query | {"as": "sent"}).text
    assert "as sent" in now
    assert "Mittwoch" in now
    assert "Wednesday" in sent


def test_nothing_is_sent_planned_or_fetched_by_looking(world: World) -> None:
    n_requests = len(world.web.requests)
    with page(world) as client:
        for tab in ("frames", "text", "source", "headers"):
            client.get("/", params={"tab": tab})
    with world.app() as app:
        assert all(not app.store.history.of(s.id, 5) for s in app.store.subscribers.all())
    assert not world.smtp.mails
    assert len(world.web.requests) == n_requests


def test_a_day_without_papers_says_why(world: World) -> None:
    with world.app() as app:
        jobs.run(app)
    world.now += timedelta(days=1)
    with page(world) as client:
        html = client.get("/").text
    assert "2026-05-21" in html
    assert "No listing today" in html
    assert "<iframe" not in html


def test_faults_are_shown_and_do_not_end_the_page(world: World) -> None:
    with page(world) as client:
        assert "No subscriber has the address" in client.get("/", params={"who": "x@y.z"}).text
        assert client.get("/", params={"day": "yesterday"}).status_code == 200
        assert client.get("/mail", params={"day": "yesterday"}).status_code == 400
        assert client.get("/mail", params={"who": "x@y.z", "day": DAY}).status_code == 404
        assert client.get("/nothing").status_code == 404
        assert client.get("/spam", params={"who": "x@y.z", "day": DAY}).status_code == 200


def test_a_broken_configuration_is_shown_and_a_mended_one_comes_back(world: World) -> None:
    sound = world.config.read_text("utf-8")
    world.config.write_text(sound.replace("title =", "titel ="), "utf-8")
    shelf = PreviewMails(lambda: App(load_settings(world.config, {}), clock=lambda: world.now))
    assert "there is no such key" in shelf.faults[0]
    assert shelf.people() == ()
    world.config.write_text(sound, "utf-8")
    shelf.reload()
    assert shelf.faults == ()
    assert shelf.people() == ("ada@example.org", "eve@example.org")
    shelf.close()


def test_a_mistake_in_a_template_is_shown_and_mended_without_a_restart(world: World) -> None:
    own = world.folder / "own"
    own.mkdir()
    card = own / "card.html.j2"
    card.write_text("\n{{ card.nonsense }}", "utf-8")
    world.write(subscribers=ADA, top='[mail]\ntemplates = "own"')
    shelf = PreviewMails(lambda: App(load_settings(world.config, {}), clock=lambda: world.now))
    mail = shelf.mail("ada@example.org", world.now.date(), sent=False)
    assert f"{card}, line 2" in mail.problems[0]
    card.write_text("<p>Mended {{ card.rank }}</p>", "utf-8")
    shelf.restyle()
    assert "<p>Mended 1</p>" in shelf.mail("ada@example.org", world.now.date(), sent=False).html
    shelf.close()


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example"])
def test_only_this_machine_is_answered(world: World, host: str) -> None:
    with page(world) as client:
        assert client.get("/", headers={"Host": host}).status_code == 400
        policy = client.get("/").headers["content-security-policy"]
    assert "unsafe" not in policy


def test_schemes_are_answered_for_the_browser() -> None:
    css = "@media screen and (prefers-color-scheme:dark){a{}} @media (prefers-color-scheme: light)"
    assert in_scheme(css, "dark") == (
        "@media screen and (min-width: 0px){a{}} @media (max-width: 0px)"
    )
    assert without_style("<p>a</p><STYLE type=x>b\n</style ><p>c</p>") == "<p>a</p><p>c</p>"


def test_headers_are_shown_decoded_and_raw() -> None:
    found = headers_of(
        b"Subject: =?utf-8?q?Gr=C3=B6=C3=9Fe?=\r\n =?utf-8?q?!?=\r\nX: =?q?\r\n\r\nb"
    )
    assert [(h.name, h.value) for h in found] == [("Subject", "Größe!"), ("X", "=?q?")]
    assert "\r\n" in found[0].raw
