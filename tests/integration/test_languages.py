"""Nothing English on any page that a mail in another language leads to."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest

from digest import jobs
from digest.edition.links import Action
from digest.languages import known_languages
from tests.integration.test_web import listed, pages
from tests.servers import Answer, rss
from tests.sites import Site, link_in, served
from tests.worlds import ADA, make_world

OTHERS = [code for code in known_languages() if code != "en"]
#: words that stand in nearly every English sentence, and in none of the other languages
ENGLISH = re.compile(r"\b(the|you|your|this|that|with|are|what|nothing|which|of|and|papers?)\b")
#: attributes that are read to people
SPOKEN = ("placeholder", "aria-label", "alt", "title")


class Words(HTMLParser):
    """What a page says itself: not papers, whose text has a direction of its own, and not zones."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.said: list[str] = []
        self._inside: list[bool] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        facts = dict(attrs)
        if tag in ("meta", "link", "input", "img", "br"):
            if facts.get("name") == "description":
                self.said.append(facts.get("content") or "")
        else:
            quoted = facts.get("dir") == "auto" or facts.get("id") == "timezone" or tag == "code"
            self._inside.append(quoted or tag == "style")
        self.said += [facts[a] or "" for a in SPOKEN if a in facts and not facts[a].count(": ")]

    def handle_endtag(self, tag: str) -> None:
        if self._inside and tag not in ("meta", "link", "input", "img", "br"):
            self._inside.pop()

    def handle_data(self, data: str) -> None:
        if not any(self._inside):
            self.said.append(data)


def english_in(text: str) -> list[str]:
    said = (" ".join(s.split()) for s in Words(text).said)
    clean = (s.replace("Morning papers", "").replace("Papers", "") for s in said)
    return [s for s in clean if ENGLISH.search(s) and "laser beam" not in s and "coral" not in s]


def reader(language: str) -> str:
    return f'{ADA}\nlanguage = "{language}"\nkeywords = ["laser beam"]'


@pytest.fixture(params=OTHERS)
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    with make_world(tmp_path) as world:
        world.web.says("/rss/cs.CL+cs.LG", Answer(rss(listed(), "Wed, 20 May 2026 00:00:00 -0400")))
        person = reader(request.param)
        world.write(subscribers=person)
        with world.app() as app:
            jobs.run(app)
        with served(world, subscribers=person) as made:
            made.http.headers["Accept-Language"] = request.param
            made.indexed(9)
            yield made


def test_every_page_is_in_the_readers_language(site: Site) -> None:
    language = site.reader().preferences.language
    found: dict[str, list[str]] = {}
    for path in pages(site):
        answer = site.get(path)
        if "html" in answer.headers["content-type"] and not path.startswith("/admin"):
            assert f'<html lang="{language}">' in answer.text, path
            if said := english_in(answer.text):
                found[path] = said
    assert found == {}


def test_what_answers_a_form_is_too(site: Site) -> None:
    language = site.reader().preferences.language
    mine = f"/preferences/{site.token(Action.PREFERENCES)}"
    feedback = [
        f"/feedback/{site.token(a, 'arxiv:2605.00002')}" for a in (Action.LIKE, Action.LATER)
    ]
    answers = [
        site.post("/subscribe", {"email": "nobody"}),
        site.post("/subscribe", {"email": "eve@example.org"}),
        site.post("/subscribe", {"email": "eve@example.org", "trending": "yes"}),
        *(site.post(p) for p in feedback),
        *(site.post(p, {"undo": "yes", "before": "0"}) for p in feedback),
        site.post(f"{mine}/likes", {"papers": "no such thing"}),
        site.post(f"{mine}/likes", {"papers": "2605.00003"}),
        site.post(f"{mine}/state", {"state": "pause"}),
        site.get("/feedback/torn"),
        site.get("/papers/tomorrow"),
        site.get("/week/never"),
        site.post(f"/unsubscribe/{site.token(Action.UNSUBSCRIBE)}"),
    ]
    for answer in answers:
        assert f'<html lang="{language}">' in answer.text
        assert english_in(answer.text) == [], answer.url
    mail = site.mail("eve@example.org")
    place = link_in(mail, "confirm")
    taste = site.post(place)  # whoever joined in a language gets their mail in it
    assert english_in(taste.text) == []
    assert site.reader("eve@example.org").preferences.language == language


def test_a_browser_that_nobody_knows_is_asked_for_its_language(site: Site) -> None:
    language = site.reader().preferences.language
    assert f'<html lang="{language}">' in site.get("/").text
    other = site.get("/", headers={"Accept-Language": "en"})
    assert '<html lang="en">' in other.text
    assert "Accept-Language" in other.headers["vary"]
    # the page of a reader is in theirs, whatever the browser asks for
    page = site.get(
        f"/preferences/{site.token(Action.PREFERENCES)}", headers={"Accept-Language": "en"}
    )
    assert f'<html lang="{language}">' in page.text
