"""The web side in a real browser: a reader's whole life, with scripts and without, and axe-core's
opinion of every page."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest

from digest import jobs
from digest.edition.links import Action
from digest.errors import DigestError
from tests.conftest import ROOT
from tests.integration.test_web import listed, votes
from tests.servers import Answer, Mail, rss
from tests.sites import ADMIN, Site, link_in, served, wait
from tests.worlds import make_world

sync_api = pytest.importorskip(
    "playwright.sync_api", reason="Playwright is not installed, so no browser visits the site"
)
expect = sync_api.expect
AXE = ROOT / "tests" / "data" / "axe" / "axe.min.js"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with make_world(tmp_path) as world:
        world.web.says("/rss/cs.CL+cs.LG", Answer(rss(listed(), "Wed, 20 May 2026 00:00:00 -0400")))
        world.web.says("/api/daily_papers", votes(p3=7, p5=40))
        world.write()
        with world.app() as app:
            jobs.run(app)
        with served(world, admin=ADMIN) as made:
            made.indexed(9)
            yield made


@contextmanager
def browser(**options: Any) -> Iterator[Any]:
    from digest.preview.pictures import find_chromium

    try:
        chromium = find_chromium(os.environ)
    except DigestError as error:
        pytest.skip(f"no browser visits the site: {error}")
    with sync_api.sync_playwright() as playwright:
        program = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-gpu"]
        )
        context = program.new_context(**options)
        page = context.new_page()
        page.set_default_timeout(15_000)
        problems: list[str] = []
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on(
            "console", lambda m: problems.append(m.text) if "Content Security" in m.text else None
        )
        try:
            yield page
        finally:
            program.close()
        assert problems == []


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_a_readers_life(site: Site, scripts: bool, tmp_path: Path) -> None:
    library = tmp_path / "mine.bib"
    library.write_text(
        "@article{a, title={Fish of the reef}, author={A B}, abstract={coral reef fish}}"
    )
    with browser(java_script_enabled=scripts) as page:
        # from the day to the box, by what was searched for
        page.goto(site.url)
        expect(page.get_by_role("heading", level=1)).to_have_text("Wednesday, 20 May 2026")
        page.get_by_role("searchbox").fill("coral reef")
        page.keyboard.press("Enter")
        page.get_by_role("link", name="Get papers like these by mail").click()
        expect(page.get_by_label("Interests in plain words")).to_have_value("coral reef")
        page.get_by_label("Your mail address").fill("eve@example.org")
        page.get_by_label("A library").set_input_files(library)
        page.get_by_role("button", name="Subscribe").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Check your mail")

        # confirmed by the link of the mail
        page.goto(site.url + link_in(site.mail("eve@example.org"), "confirm"))
        expect(page.get_by_text("coral reef")).to_be_visible()
        page.get_by_role("button", name="Yes, begin").click()
        expect(page.get_by_role("status")).to_have_text("You are subscribed.")

        # some papers to say yes or no to
        first = page.get_by_role("group").first
        first.get_by_label("Yes").check()
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_role("status")).to_have_text("Noted. Your next mail knows it.")
        wait(lambda: site.app.store.ratings.of(site.reader("eve@example.org").id))

        # preferences
        page.get_by_label("Your name").fill("Eve")
        page.get_by_label("Most papers in a mail").fill("4")
        page.get_by_role("group", name="Days").get_by_label("Sun").uncheck()
        page.get_by_label("Muted words").fill("medieval")
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_role("status")).to_have_text("Saved.")
        expect(page.get_by_label("Your name")).to_have_value("Eve")
        expect(page.get_by_role("group", name="Days").get_by_label("Sun")).not_to_be_checked()

        # the mail, over real SMTP, and a like from it
        site.world.now += timedelta(hours=1)
        jobs.run(site.app)
        edition = site.mail("eve@example.org", 2)
        assert b"medieval" not in edition.body
        page.goto(site.url + link_in(edition, "editions"))
        expect(page.get_by_role("heading", name="For you")).to_be_visible()
        expect(page.get_by_role("link", name="Like:")).to_have_count(0)  # it can be shared
        page.goto(site.url + like_in(edition))
        expect(page.get_by_role("heading", level=1)).to_have_text("Like this paper?")
        title = page.get_by_role("article").get_by_role("heading").inner_text()
        page.get_by_role("button", name="Like").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Noted")

        # it stands in the profile, and can be taken back
        page.goto(site.url + link_in(edition, "preferences"))
        expect(page.get_by_text("3 likes")).to_be_visible()
        expect(page.get_by_role("listitem").filter(has_text=title)).to_be_visible()
        page.get_by_role("button", name=f"Remove: {title}").click()
        expect(page.get_by_role("status")).to_have_text("Removed.")
        expect(page.get_by_text("2 likes", exact=True)).to_be_visible()

        # and out again
        page.get_by_role("link", name="Unsubscribe").click()
        page.get_by_role("button", name="Unsubscribe").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("You are unsubscribed")
    assert site.people()["eve@example.org"] == "unsubscribed"
    site.world.now += timedelta(days=1)
    jobs.run(site.app)
    assert len(site.world.smtp.to("eve@example.org")) == 2


def like_in(mail: Mail) -> str:
    """The path behind the first Like of a mail, which only its HTML has."""
    body = message_from_bytes(mail.body, policy=policy.default).get_body(("html",))
    assert body is not None
    found = re.search(r'href="https?://[^/"]+(/feedback/[^"]+)"', body.get_content())
    assert found
    return found[1]


def test_the_keyboard_reaches_everything(site: Site) -> None:
    with browser() as page:
        page.goto(site.url)
        page.keyboard.press("Tab")
        expect(page.get_by_role("link", name="To the content")).to_be_focused()
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        focused = page.evaluate("document.activeElement.closest('main') !== null")
        assert focused
        page.goto(f"{site.url}/search")
        for _ in range(3):  # the way round, the name, the field of the search
            page.keyboard.press("Tab")
        expect(page.get_by_role("searchbox")).to_be_focused()


def places(site: Site) -> dict[str, str]:
    preferences = f"/preferences/{site.token(Action.PREFERENCES)}"
    site.post("/subscribe", {"email": "bob@example.org", "interests": "coral"})
    bob = link_in(site.mail("bob@example.org"), "confirm")
    site.post("/subscribe", {"email": "eve@example.org", "interests": "coral"})
    site.post(link_in(site.mail("eve@example.org"), "confirm"))
    keep = site.token(Action.LATER, "arxiv:2605.00003", email="eve@example.org")
    site.post(f"/feedback/{keep}")
    eve = f"/preferences/{site.token(Action.PREFERENCES, email='eve@example.org')}"
    return {
        "day": "/",
        "days": "/days",
        "week": "/week",
        "month": "/month/2026-05",
        "similar papers": "/paper/arxiv:2605.00001?similar=newest",
        "search form": "/search",
        "taste": f"{eve}/taste?new=yes",
        "reading list": f"{eve}/later",
        "libraries": f"{eve}/libraries",
        "later": f"/feedback/{site.token(Action.LATER, 'arxiv:2605.00002')}",
        "empty day": "/papers/2026-05-16",
        "search": "/search?q=coral+reef",
        "search by id": "/search?q=2605.00001",
        "nothing found": "/search?q=xyzzy",
        "paper": "/paper/arxiv:2605.00001",
        "subscribe": "/subscribe",
        "confirm": bob,
        "preferences of the configuration": preferences,
        "preferences": f"/preferences/{site.token(Action.PREFERENCES, email='eve@example.org')}",
        "delete": f"/preferences/{site.token(Action.PREFERENCES, email='eve@example.org')}/delete",
        "feedback": f"/feedback/{site.token(Action.LIKE, 'arxiv:2605.00002')}",
        "unsubscribe": f"/unsubscribe/{site.token(Action.UNSUBSCRIBE)}",
        "edition": f"/editions/{site.token(Action.EDITION, '2026-05-20')}",
        "admin": "/admin",
        "subscribers": "/admin/subscribers",
        "subscriber": f"/admin/subscribers/{site.reader().id}?paper=2605.00002",
        "missing": "/nothing",
    }


def said_by_tidy(html: str) -> list[str]:
    """What HTML Tidy has against a page."""
    tidy = shutil.which("tidy")
    if tidy is None:
        pytest.skip("HTML Tidy is not installed, so no page is validated")
    command = [tidy, "-errors", "-quiet", "-utf8"]
    found = subprocess.run(command, input=html, capture_output=True, text=True, check=False)
    unknown = ("aria-current", "inputmode")  # to its older versions
    return [s for s in found.stderr.splitlines() if not any(f'"{u}"' in s for u in unknown)]


def test_every_page_is_valid_html(site: Site) -> None:
    found: dict[str, list[str]] = {}
    for name, path in places(site).items():
        if said := said_by_tidy(site.get(path, auth=("x", ADMIN)).text):
            found[name] = said
    assert found == {}


@pytest.mark.parametrize("path", sorted((ROOT / "tests/data/golden").glob("*.html")))
def test_the_mails_are_valid_but_for_what_mail_programs_need(path: Path) -> None:
    faults = said_by_tidy(path.read_text("utf-8"))
    assert [f for f in faults if 'attribute "align" not allowed for HTML5' not in f] == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious_on_any_page(site: Site, scheme: str) -> None:
    source = AXE.read_text("utf-8")
    found: list[str] = []
    credentials = {"username": "x", "password": ADMIN}
    with browser(color_scheme=scheme, http_credentials=credentials, bypass_csp=True) as page:
        for name, path in places(site).items():
            page.goto(site.url + path)
            page.evaluate(source)
            for width in (1000, 320):
                page.set_viewport_size({"width": width, "height": 900})
                found += [f"{name} at {width}: {v}" for v in violations(page)]
                wide = page.evaluate("document.documentElement.scrollWidth")
                assert wide <= width, f"{name} is {wide} wide at {width}"
        page.goto(f"{site.url}/subscribe")  # a form with its faults
        page.evaluate("document.querySelector('form[method=post]').noValidate = true")
        page.get_by_role("button", name="Subscribe").click()
        expect(page.get_by_role("alert")).to_be_visible()
        page.evaluate(source)
        found += [f"faults: {v}" for v in violations(page)]
    assert found == []


def violations(page: Any) -> list[str]:
    """What axe-core finds, but for what it calls minor."""
    report = page.evaluate("axe.run({resultTypes: ['violations']})")
    return [
        f"{v['id']} ({v['impact']}): {json.dumps([n['target'] for n in v['nodes']][:3])}"
        for v in report["violations"]
        if v["impact"] != "minor"
    ]
