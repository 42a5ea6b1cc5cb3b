"""The polite client against a real server that misbehaves."""

from __future__ import annotations

import gzip
import socket
import threading
import time
import zlib

import pytest

from digest.errors import SourceUnavailable
from digest.fetcher import Fetcher
from digest.model import Validators
from digest.ssrf import is_public
from tests.servers import Answer, WebServer, gzipped


class Waits(list[float]):
    """A clock that stands still unless somebody sleeps."""

    now = 1000.0

    def sleep(self, seconds: float) -> None:
        self.append(seconds)
        self.now += seconds

    def monotonic(self) -> float:
        return self.now


def fetcher(waits: Waits | None = None, **options: object) -> Fetcher:
    waits = Waits() if waits is None else waits
    defaults: dict[str, object] = {
        "timeout_s": 5,
        "sleep": waits.sleep,
        "monotonic": waits.monotonic,
    }
    return Fetcher(**(defaults | options))  # type: ignore[arg-type]


def test_it_names_the_project_and_a_contact(web: WebServer) -> None:
    web.says("/x", Answer(b"hello"))
    with fetcher(contact="me@example.org") as client:
        assert client.get(f"{web.url}/x", allow_private=True).body == b"hello"
    agent = web.requests[0].headers["user-agent"]
    assert agent.startswith("preprint-digest/")
    assert "me@example.org" in agent


def test_what_has_not_changed_is_not_sent_again(web: WebServer) -> None:
    web.says("/x", Answer(b"hello", headers={"ETag": '"1"', "Last-Modified": "Mon"}))
    with fetcher() as client:
        first = client.get(f"{web.url}/x", allow_private=True)
        web.says("/x", Answer(status=304))
        second = client.get(f"{web.url}/x", allow_private=True, validators=first.validators)
    assert first.validators == Validators(url=f"{web.url}/x", etag='"1"', last_modified="Mon")
    assert web.requests[1].headers["if-none-match"] == '"1"'
    assert web.requests[1].headers["if-modified-since"] == "Mon"
    assert second.unchanged


def test_a_passing_fault_is_tried_again_with_growing_pauses(web: WebServer) -> None:
    web.says("/x", Answer(status=503), Answer(status=502), Answer(b"fine"))
    waits = Waits()
    with fetcher(waits, pause_s=0) as client:
        assert client.get(f"{web.url}/x", allow_private=True).body == b"fine"
    assert len(waits) == 2
    assert 1 <= waits[0] <= 2 < waits[1] + 1


def test_retry_after_is_obeyed_and_a_long_one_ends_the_attempts(web: WebServer) -> None:
    web.says("/x", Answer(status=429, headers={"Retry-After": "17"}), Answer(b"fine"))
    waits = Waits()
    with fetcher(waits, pause_s=0) as client:
        client.get(f"{web.url}/x", allow_private=True)
        assert waits[0] >= 17
        web.says("/x", Answer(status=503, headers={"Retry-After": "7200"}))
        with pytest.raises(SourceUnavailable, match="left alone for 120 minutes") as caught:
            client.get(f"{web.url}/x", allow_private=True)
    assert caught.value.retry_after_s == 7200
    assert len(web.requests) == 3


def test_a_fault_that_stays_is_told_with_its_status(web: WebServer) -> None:
    web.says("/x", Answer(status=500))
    with fetcher(retries=2) as client:
        with pytest.raises(SourceUnavailable, match="answered 500") as caught:
            client.get(f"{web.url}/x", allow_private=True)
        assert caught.value.status == 500
        assert len(web.requests) == 3
        with pytest.raises(SourceUnavailable, match="answered 404"):
            client.get(f"{web.url}/none", allow_private=True)
    assert len(web.requests) == 4


def test_requests_to_one_host_keep_their_distance(web: WebServer) -> None:
    web.says("/x", Answer(b""))
    waits = Waits()
    with fetcher(waits) as client:
        for _ in range(3):
            client.get(f"{web.url}/x", allow_private=True, min_interval_s=3)
    assert waits == [3, 3]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "0.0.0.0", "2130706433"])
def test_private_addresses_are_refused_unless_allowed(web: WebServer, host: str) -> None:
    web.says("/x", Answer(b"secret"))
    with fetcher(retries=0) as client, pytest.raises(SourceUnavailable, match=r"private|resolved"):
        client.get(f"http://{host}:{web.port}/x")
    assert web.requests == []


@pytest.mark.parametrize(
    "address",
    [
        "10.0.0.1",
        "172.16.5.4",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "::1",
        "fd00::1",
        "fe80::1%eth0",
        "::ffff:127.0.0.1",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
        "0.0.0.0",
        "224.0.0.1",
    ],
)
def test_addresses_that_lead_inside_are_not_public(address: str) -> None:
    assert not is_public(address)
    assert is_public("93.184.216.34")
    assert is_public("2606:2800:220:1::1")


def test_a_name_that_resolves_to_a_private_address_is_refused(
    monkeypatch: pytest.MonkeyPatch, web: WebServer
) -> None:
    def rebound(host: str, port: int, **_: object) -> list[object]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    monkeypatch.setattr(socket, "getaddrinfo", rebound)
    with fetcher(retries=0) as client, pytest.raises(SourceUnavailable, match="private address"):
        client.get(f"http://feeds.example.org:{web.port}/x")
    assert web.requests == []


def test_redirects_are_followed_a_few_times_and_only_to_web_addresses(web: WebServer) -> None:
    def hop(to: str) -> Answer:
        return Answer(status=302, headers={"Location": to})

    web.says("/a", hop("/b"))
    web.says("/b", Answer(b"arrived"))
    web.says("/round", hop("/round"))
    web.says("/file", hop("file:///etc/passwd"))
    with fetcher(retries=0, pause_s=0) as client:
        assert client.get(f"{web.url}/a", allow_private=True).body == b"arrived"
        with pytest.raises(SourceUnavailable, match="more than 5 times"):
            client.get(f"{web.url}/round", allow_private=True)
        with pytest.raises(SourceUnavailable, match="no web address"):
            client.get(f"{web.url}/file", allow_private=True)


def test_compressed_answers_are_unpacked(web: WebServer) -> None:
    web.says("/gz", gzipped(b"hello " * 1000))
    raw = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    bare = raw.compress(b"hello") + raw.flush()
    web.says("/deflate", Answer(bare, headers={"Content-Encoding": "deflate"}))
    web.says("/br", Answer(b"x", headers={"Content-Encoding": "br"}))
    with fetcher(retries=0, pause_s=0) as client:
        assert client.get(f"{web.url}/gz", allow_private=True).body == b"hello " * 1000
        assert client.get(f"{web.url}/deflate", allow_private=True).body == b"hello"
        with pytest.raises(SourceUnavailable, match="which we did not ask for"):
            client.get(f"{web.url}/br", allow_private=True)


def test_bombs_and_endless_bodies_stop_at_the_limit(web: WebServer) -> None:
    import tracemalloc

    web.says(
        "/bomb", Answer(gzip.compress(b"\0" * 200_000_000), headers={"Content-Encoding": "gzip"})
    )
    web.says("/big", Answer(b"x" * 3_000_000))
    with fetcher(retries=0, pause_s=0) as client:
        tracemalloc.start()
        for path in ("/bomb", "/big"):
            with pytest.raises(SourceUnavailable, match="larger than 2 MB"):
                client.get(f"{web.url}{path}", allow_private=True, max_bytes=2_000_000)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < 30_000_000


def test_a_trickle_ends_at_the_deadline_however_steady_it_is() -> None:
    listener = socket.create_server(("127.0.0.1", 0))

    def trickle() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(1000)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
            try:
                for _ in range(200):
                    connection.sendall(b"x")
                    time.sleep(0.01)
            except OSError:
                pass

    thread = threading.Thread(target=trickle)
    thread.start()
    with (
        Fetcher(retries=0, timeout_s=5, deadline_s=0.2) as client,
        pytest.raises(SourceUnavailable, match="took longer than"),
    ):
        client.get(f"http://127.0.0.1:{listener.getsockname()[1]}/", allow_private=True)
    thread.join()
    listener.close()


def test_a_server_that_is_not_there_is_told_plainly() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    listener.close()
    with fetcher(retries=1) as client, pytest.raises(SourceUnavailable, match="cannot be reached"):
        client.get(f"http://127.0.0.1:{port}/", allow_private=True)


# --- proxies -------------------------------------------------------------------------------------


def test_a_proxy_is_used_by_choice_and_the_guard_stays(
    web: WebServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Our server stands for the proxy: it is asked for whole addresses."""
    web.says("/feed", Answer(b"through the proxy"))
    address = "http://papers.invalid/feed"  # no name server knows it, but the proxy does
    with Fetcher(retries=0, proxy=web.url) as fetcher:
        assert fetcher.get(address, accept="*/*").body == b"through the proxy"
        for private in ("http://127.0.0.1:9/feed", "http://localhost/feed", "http://[::1]/feed"):
            with pytest.raises(SourceUnavailable, match="is a private address"):
                fetcher.get(private, accept="*/*")
    with Fetcher(retries=0) as fetcher, pytest.raises(SourceUnavailable):
        fetcher.get(address, accept="*/*")
    monkeypatch.setenv("HTTP_PROXY", web.url)
    monkeypatch.setenv("NO_PROXY", "direct.invalid")
    with Fetcher(retries=0, proxy="environment") as fetcher:
        assert fetcher.get(address, accept="*/*").body == b"through the proxy"
        with pytest.raises(SourceUnavailable, match="cannot be reached"):
            fetcher.get("http://direct.invalid/feed", accept="*/*")
    with Fetcher(retries=0) as fetcher, pytest.raises(SourceUnavailable):
        fetcher.get(address, accept="*/*")  # not asked for, so not used
