"""The JSON API: what it answers fits its description, and nobody reads or rates for another."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from digest import jobs
from digest.edition.links import Action
from tests.servers import Answer, rss
from tests.sites import Site, served
from tests.worlds import ADA, make_world, record

DAY = "2026-05-20"
BASE = "/api/v1"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with make_world(tmp_path) as world:
        papers = [record(n) for n in range(1, 10)]
        world.web.says("/rss/cs.CL+cs.LG", Answer(rss(papers, "Wed, 20 May 2026 00:00:00 -0400")))
        world.write(subscribers=ADA + ADA.replace("ada@", "bob@"))
        with world.app() as app:
            jobs.run(app)
        with served(world, subscribers=ADA + ADA.replace("ada@", "bob@")) as made:
            made.indexed(9)
            yield made


def bearer(site: Site, email: str = "ada@example.org") -> dict[str, str]:
    return {"Authorization": f"Bearer {site.token(Action.API, email=email)}"}


def test_days_papers_and_search_are_open(site: Site) -> None:
    day = site.get(f"{BASE}/days/latest").json()
    assert (day["date"], day["n"], len(day["papers"])) == (DAY, 9, 9)
    assert site.get(f"{BASE}/days/{DAY}?page=2").json()["papers"] == []
    paper = day["papers"][0]
    assert site.get(f"{BASE}/papers/{paper['id']}").json() == paper
    assert site.get(f"{BASE}/papers/{paper['id'].partition(':')[2]}").json() == paper
    found = site.get(f"{BASE}/search", params={"q": f'"{paper["title"]}"'}).json()
    assert found["papers"][0]["id"] == paper["id"]


def test_own_editions_need_a_token_that_is_for_them(site: Site) -> None:
    head = site.get(f"{BASE}/editions", headers=bearer(site)).json()["editions"][0]
    assert head["date"] == DAY
    edition = site.get(f"{BASE}/editions/{DAY}", headers=bearer(site)).json()
    assert edition["papers"][0]["reasons"]
    assert edition["papers"][0]["rank"] == 1
    assert "@" not in str(edition)
    wrong = site.token(Action.FEED)
    for given in ({}, {"Authorization": "Bearer x"}, {"Authorization": f"Bearer {wrong}"}):
        answer = site.get(f"{BASE}/editions", headers=given)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["status"] == 401
    # called in with all other links
    token = bearer(site)
    site.app.store.subscribers.revoke_links(site.reader().id)
    assert site.get(f"{BASE}/editions", headers=token).status_code == 401


def test_a_rating_is_the_holders_and_is_taken_back(site: Site) -> None:
    paper = site.get(f"{BASE}/days/latest").json()["papers"][0]["id"]

    def rated(email: str) -> list[int]:
        found = site.app.store.ratings.of(site.reader(email).id)
        return [r.value for r in found if r.paper_id == paper]

    def say(value: str) -> int:
        answer = site.post(
            f"{BASE}/ratings", json={"paper": paper, "value": value}, headers=bearer(site)
        )
        return answer.status_code

    assert say("like") == 200
    assert (rated("ada@example.org"), rated("bob@example.org")) == ([1], [])
    assert say("none") == 200
    assert rated("ada@example.org") in ([], [0])
    assert say("later") == 200
    assert [k.paper.id for k in site.app.store.reading_list.of(site.reader().id)] == [paper]
    # a browser cannot be made to say it: there is no cookie that counts
    assert site.post(f"{BASE}/ratings", json={"paper": paper, "value": "like"}).status_code == 401


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"", "Invalid JSON"),
        (b"[]", "object"),
        (b'{"paper": "x"}', "value: Field required"),
        (b'{"paper": "x", "value": "love"}', "value: Input should be"),
        (b'{"paper": "", "value": "like"}', "paper: String should have at least"),
        (b'{"paper": "x", "value": "like", "more": 1}', "more: Extra inputs"),
        (b"\xff\xfe", "JSON"),
    ],
)
def test_a_rating_that_is_none_is_told(site: Site, body: bytes, told: str) -> None:
    answer = site.http.post(f"{BASE}/ratings", content=body, headers=bearer(site))
    assert answer.status_code == 400
    assert told in answer.json()["detail"]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/days/yesterday", 404),
        ("/days/1999-01-01", 404),
        ("/days/latest?page=0", 400),
        ("/days/latest?page=1e3", 400),
        ("/papers/arxiv:0000.00000", 404),
        ("/papers/%00", 404),
        ("/papers/a%0Ab", 404),
        ("/search", 400),
        ("/search?q=%20", 400),
        ("/nothing", 404),
    ],
)
def test_what_is_not_there_is_a_problem(site: Site, path: str, status: int) -> None:
    answer = site.get(BASE + path)
    assert answer.status_code == status
    problem = answer.json()
    assert problem["status"] == status
    assert problem["detail"]
    assert answer.headers["content-type"] == "application/problem+json"


def test_every_answer_fits_the_description(site: Site) -> None:
    jsonschema = pytest.importorskip("jsonschema", reason="jsonschema is not installed")
    told = site.get(f"{BASE}/openapi.json").json()
    assert told["servers"] == [{"url": f"{site.url}{BASE}"}]
    paper = site.get(f"{BASE}/days/latest").json()["papers"][0]["id"]
    values: dict[str, Any] = {"day": DAY, "paper": paper}
    asked = 0
    for path, methods in told["paths"].items():
        filled = re.sub(r"\{(\w+)\}", lambda m: values[m[1]], path)
        for method, operation in methods.items():
            body = {"paper": paper, "value": "like"} if "requestBody" in operation else None
            answer = site.http.request(
                method, BASE + filled, json=body, params={"q": "laser"}, headers=bearer(site)
            )
            assert answer.status_code == 200, path
            schema = operation["responses"]["200"]["content"]["application/json"]["schema"]
            whole = {"components": told["components"]} | schema
            jsonschema.Draft202012Validator(whole).validate(answer.json())
            asked += 1
    assert asked == 6


def test_another_method_is_refused(site: Site) -> None:
    for method, path, allowed in (("PUT", "/search", "GET, HEAD"), ("GET", "/ratings", "POST")):
        answer = site.http.request(method, BASE + path)
        assert (answer.status_code, answer.headers["allow"]) == (405, allowed)
        assert answer.json()["status"] == 405
    assert site.http.head(f"{BASE}/days/latest").status_code == 200


def test_schemathesis_finds_nothing(site: Site, tmp_path: Path) -> None:
    """Requests made from the description, fitting and unfitting: each gets an answer that it
    describes, and none crashes."""
    if find_spec("schemathesis") is None:
        pytest.skip("Schemathesis is not installed")
    config = tmp_path / "schemathesis.toml"
    # an address that is too long is refused before its parts are looked at
    config.write_text(
        "[checks.negative_data_rejection]\nexpected-statuses = [400, 401, 404, 405, 413, 414]\n"
    )
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "schemathesis.cli",
            f"--config-file={config}",
            "run",
            f"{site.url}{BASE}/openapi.json",
            "--header=Authorization: " + bearer(site)["Authorization"],
            "--max-examples=25",
            "--seed=20",
            "--phases=examples,coverage,fuzzing",
            "--no-color",
        ],
        cwd=tmp_path,
        env={k: v for k, v in os.environ.items() if "proxy" not in k.lower()},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-1000:]


def test_the_preferences_show_a_token_that_works(site: Site) -> None:
    page = site.get(f"/preferences/{site.token(Action.PREFERENCES)}").text
    token = re.search(r'<code class="wrap">(\S+)</code>', page)
    assert token
    given = {"Authorization": f"Bearer {token[1]}"}
    assert site.get(f"{BASE}/editions", headers=given).status_code == 200
    site.world.now += timedelta(days=500)
    assert site.get(f"{BASE}/editions", headers=given).status_code == 401
