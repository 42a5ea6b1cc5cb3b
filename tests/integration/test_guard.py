"""What stands before the pages: clients, proxies, guesses, half requests, long uploads."""

from __future__ import annotations

import json
import logging
import socket
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from digest import jobs
from digest.cli.check import _web
from digest.edition.links import Action
from digest.errors import StoreError
from digest.usecases import signup
from digest.web import uploads
from digest.web.guard import client_of
from digest.web.protocol import HttpProtocol
from tests.integration.test_web import FORM
from tests.servers import Answer, rss
from tests.sites import ADMIN, Site, link_in, served, wait
from tests.worlds import World, make_world, record


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with make_world(tmp_path) as made:
        stamp = made.now.strftime("%a, %d %b %Y 00:00:00 -0400")
        made.web.says("/rss/cs.CL+cs.LG", Answer(rss([record(n) for n in range(1, 9)], stamp)))
        yield made


@pytest.fixture
def site(world: World) -> Iterator[Site]:
    with served(world, services="[]") as made:
        jobs.run(made.app)
        yield made


# --- who asks ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8::1", "2001:db8::2", True),
        ("2001:db8:0:0:1::", "2001:db8::ffff", True),
        ("2001:db8:0:1::1", "2001:db8:0:2::1", False),
        ("fe80::1%eth0", "fe80::2%eth1", True),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
        ("192.0.2.1", "192.0.2.2", False),
        ("", "", True),
    ],
)
def test_clients_are_told_apart_by_address_and_not_by_text(
    one: str, other: str, same: bool
) -> None:
    first, second = (client_of({"client": (host, 1)}) for host in (one, other))
    assert (first == second) is same


def test_a_proxy_that_is_not_named_is_told_once_in_the_log_and_by_check(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING), served(world) as site:
        for n in range(3):
            site.get("/", headers={"X-Forwarded-For": f"192.0.2.{n}"})
        assert caplog.text.count("web.proxy_not_trusted peer=127.0.0.1") == 1
        assert "Requests came through 127.0.0.1" in "".join(_web(site.app).warnings)
    with served(world, web='trusted_proxies = ["127.0.0.0/8"]') as site:
        assert "Requests came through" not in "".join(_web(site.app).warnings)


def test_clients_behind_a_named_proxy_are_told_apart(world: World) -> None:
    web = 'trusted_proxies = ["127.0.0.0/8"]\nrequests_per_minute = 5'
    with served(world, web=web) as site:

        def codes(client: str) -> list[int]:
            headers = {"X-Forwarded-For": client}
            return [site.get("/site.css", headers=headers).status_code for _ in range(7)]

        assert codes("192.0.2.1")[-1] == 429
        assert codes("192.0.2.2")[0] == 200
        assert codes("2001:db8::1")[-1] == 429
        assert codes("2001:db8::2")[0] == 429


# --- leaving -------------------------------------------------------------------------------------


def test_leaving_with_a_valid_link_is_never_too_much(world: World) -> None:
    with served(world, web="requests_per_minute = 6") as site:
        link = f"/unsubscribe/{site.token(Action.UNSUBSCRIBE)}"
        form = {"List-Unsubscribe": "One-Click"}
        assert {site.post(link, form).status_code for _ in range(40)} == {200}
        forged = [site.post(f"{link}x", form).status_code for _ in range(10)]
        assert (forged[0], forged[-1]) == (404, 429)
        assert site.post(link, form).status_code == 200


# --- the admin -----------------------------------------------------------------------------------


def test_guesses_are_logged_slowed_and_counted_over_processes(
    world: World, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    from digest.web.routes import admin

    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    monkeypatch.setattr(admin, "sleep", sleep)
    with served(world, admin=ADMIN) as one, served(world, admin=ADMIN) as two:
        assert one.get("/admin").status_code == 401  # a first visit is no guess
        assert not waited
        codes = []
        for n in range(20):
            site = (one, two)[n % 2]
            codes.append(site.get("/admin", auth=("x", f"guess{n}")).status_code)
        assert codes[:7] == [401] * 7
        assert set(codes[8:]) == {429}
        assert caplog.text.count("admin.refused client=") == codes.count(401)
        assert waited == sorted(waited)
        assert waited[0] >= 0.5
        # the right one is not tried either, or it could be guessed on
        answer = two.get("/admin/subscribers", auth=("x", ADMIN))
        assert answer.status_code == 429
        assert int(answer.headers["retry-after"]) > 0
        world.now += timedelta(minutes=10)
        assert two.get("/admin", auth=("x", ADMIN)).status_code == 200


def test_health_says_ok_or_not_and_more_to_the_admin_alone(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    with served(world, admin=ADMIN) as site:
        assert site.get("/healthz").json() == {"status": "ok"}
        assert site.get("/healthz", auth=("x", ADMIN)).json()["indexed"] == 0
        assert site.get("/healthz", auth=("x", "wrong")).status_code == 401

        def gone() -> str:
            raise StoreError("postgresql://digest@db.internal/digest cannot be reached: secret")

        monkeypatch.setattr(site.app.store.archive, "state", gone)
        for auth in (None, ("x", "wrong")):
            answer = site.get("/healthz", auth=auth)
            assert answer.status_code == 503
            assert answer.json() == {"status": "failing"}
        assert "db.internal" in site.get("/healthz", auth=("x", ADMIN)).json()["fault"]


# --- addresses -----------------------------------------------------------------------------------


def test_no_answer_takes_a_host_from_the_request(world: World) -> None:
    with (
        served(world, admin=ADMIN) as site,
        httpx.Client(base_url=site.url, follow_redirects=False) as client,
    ):
        paths = ["/admin/", "/subscribe/", "/papers/2026-05-20/", "//evil.example/", "/search/"]
        for path in paths:
            answer = client.get(path, headers={"Host": "evil.example"})
            assert answer.status_code in (200, 401, 404), path
            assert "evil.example" not in json.dumps(dict(answer.headers)), path
        assert client.get("/admin/").status_code == 401
        assert client.get("/subscribe/").status_code == 200


# --- half requests -------------------------------------------------------------------------------


def _closed(connection: socket.socket) -> bool:
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True


def test_heads_that_do_not_come_are_dropped(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(HttpProtocol, "head_s", 0.3)
    port = int(site.url.rpartition(":")[2])
    # nothing at all, half a head, and half a second head on a connection that was in use
    silent, half, used = (socket.create_connection(("127.0.0.1", port)) for _ in range(3))
    half.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nX-A: ")
    used.sendall(b"GET /site.css HTTP/1.1\r\nHost: x\r\n\r\n")
    time.sleep(0.1)
    used.sendall(b"GET /site.css HTTP/1.1\r\nHo")
    for connection in (silent, half):
        connection.settimeout(10)
        assert _closed(connection)
        connection.close()
    used.settimeout(10)
    while used.recv(65536):
        pass
    used.close()
    assert site.get("/site.css").status_code == 200
    wait(lambda: not HttpProtocol._without_head)


def test_one_client_cannot_hold_all_places_with_half_heads(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    from digest.web import protocol

    monkeypatch.setattr(protocol, "MOST_WITHOUT_HEAD", 5)
    port = int(site.url.rpartition(":")[2])
    held = [socket.create_connection(("127.0.0.1", port)) for _ in range(12)]
    for connection in held:
        connection.settimeout(0.3)
    wait(lambda: HttpProtocol._without_head["127.0.0.1"] <= 5)
    for connection in held:
        connection.close()


# --- uploads -------------------------------------------------------------------------------------


def upload(site: Site, name: str, body: bytes, **fields: str) -> httpx.Response:
    return site.http.post("/subscribe", data=FORM | fields, files={"library": (name, body)})


def test_a_library_comes_along_through_its_own_process(site: Site) -> None:
    text = b"TY  - JOUR\nTI  - On river deltas\nAB  - Deltas.\nDO  - 10.5555/d\nER  - \n"
    assert upload(site, "mine.ris", text).status_code == 202
    site.post(link_in(site.mail("eve@example.org"), "confirm"))
    wait(lambda: site.app.store.ratings.of(site.reader("eve@example.org").id))
    (mine,) = site.app.store.ratings.papers_of(site.reader("eve@example.org").id).values()
    assert mine.title == "On river deltas"


@pytest.mark.parametrize(
    ("name", "body", "said"),
    [
        ("a.ris", b"TY  - A\n" * 130_000, "holds 130,000 entries; at most 20,000"),
        ("a.json", b"[" * 4_000_000, "is not JSON"),
        ("a.bib", b"no entry", "holds no BibTeX entry"),
        ("a.exe", b"MZ", "MZ is no arXiv id, DOI, PMID or known address"),
    ],
)
def test_a_file_that_is_none_is_told_in_a_sentence(
    site: Site, name: str, body: bytes, said: str
) -> None:
    answer = upload(site, name, body)
    assert answer.status_code == 422
    assert said in answer.text


def test_a_file_that_takes_too_long_is_given_up_and_others_are_answered(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    from digest.library import isolated

    monkeypatch.setattr(isolated, "WALL_S", 2.0)
    slow = b"".join(
        b"@article{k%d, title={%s}}\n" % (n, b"$\\frac{a}{b_%d}$ \\'e{%d} " % (n, n) * 90)
        for n in range(1_600)
    )
    answers: list[httpx.Response] = []
    thread = threading.Thread(target=lambda: answers.append(upload(site, "slow.bib", slow)))
    thread.start()
    link = f"/unsubscribe/{site.token(Action.UNSUBSCRIBE)}"
    n_answered = 0
    while thread.is_alive():  # two seconds; a parser in the server itself would answer nobody
        assert httpx.get(f"{site.url}/healthz").status_code == 200
        assert httpx.post(f"{site.url}{link}").status_code == 200
        n_answered += thread.is_alive()
    thread.join()
    assert n_answered > 3
    assert answers[0].status_code == 422
    assert "takes too long to read" in answers[0].text


def test_limits_come_before_anything_is_read(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []

    async def reading(kind: str, body: bytes, place: str) -> object:
        read.append(place)
        raise AssertionError

    monkeypatch.setattr(uploads, "read_isolated", reading)
    assert upload(site, "a.bib", b"x", email="nonsense").status_code == 422
    old = site.token(Action.LIKE, "arxiv:2605.00001")
    likes = site.http.post(f"/preferences/{old}/likes", files={"library": ("a.bib", b"x")})
    assert likes.status_code == 404
    for n in range(10):
        site.post("/subscribe", FORM | {"email": f"p{n}@example.org"})
    assert upload(site, "a.bib", b"x").status_code == 429
    assert read == []


def test_requests_that_nobody_confirms_cannot_fill_the_disk(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    def library(n: int) -> bytes:
        return b"".join(
            b"TY  - JOUR\nTI  - Study %d of %d\nAB  - Words.\nER  - \n" % (k, n) for k in range(600)
        )

    answer = upload(site, "a.ris", library(1), email="p1@example.org")
    assert "500 of its papers are used for now" in answer.text
    first = site.app.store.signups.n_bytes()
    upload(site, "a.ris", library(2), email="p1@example.org")  # no mail, so nothing to wait for
    assert site.app.store.signups.n_bytes() == first
    monkeypatch.setattr(signup, "MAX_WAITING_BYTES", first - 1)
    upload(site, "a.ris", library(3), email="p3@example.org")
    assert site.app.store.signups.n_bytes() < 1.1 * first
    site.mail("p1@example.org")
    site.world.now += timedelta(days=15)
    jobs.purge(site.app)
    assert site.app.store.signups.n_bytes() == 0


def test_one_client_hands_in_a_few_files_a_minute(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(site.web_context.uploads, "_pace", uploads.RateLimiter(2))
    answers = [upload(site, "a.bib", b"no entry").text for _ in range(4)]
    assert "holds no BibTeX entry" in answers[1]
    assert "Please wait a minute" in answers[3]


def test_a_process_that_reads_has_no_secret_of_ours() -> None:
    from digest.library.isolated import _environment

    given = {"PATH": "/bin", "SMTP_PASSWORD": "x", "DIGEST_STORE_URL": "y", "HOME": "/root"}
    assert _environment(given) == {"PATH": "/bin"}
