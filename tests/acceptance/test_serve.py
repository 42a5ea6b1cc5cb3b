"""`digest serve` as an operator runs it: it starts, answers, and stops when it is told to."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.acceptance.test_command import digest
from tests.acceptance.test_command import world as world
from tests.sites import wait
from tests.worlds import World


@contextmanager
def serving(folder: Path, *arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    server = subprocess.Popen(
        [sys.executable, "-m", "digest", "serve", "--port", "0", *arguments],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )
    assert server.stdout is not None
    try:
        found = re.search(r"http://[\d.]+:\d+/", server.stdout.readline())
        assert found
        yield server, found[0]
    finally:
        if server.poll() is None:
            server.send_signal(signal.SIGTERM)
        server.communicate(timeout=40)


def children(pid: int) -> list[int]:
    found = Path(f"/proc/{pid}/task/{pid}/children")
    if not found.exists():
        pytest.skip("this system does not tell the children of a process")
    return [int(n) for n in found.read_text().split()]


def is_up(address: str) -> bool:
    """Whether all of its processes answer: what comes to one that starts waits for it."""
    try:  # which of them answers is by chance
        return all(httpx.get(f"{address}healthz", timeout=40).is_success for _ in range(20))
    except httpx.HTTPError:
        return False


def is_refused(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=5).close()
    except ConnectionRefusedError:
        return True
    return False


@pytest.mark.parametrize("workers", ["1", "2"])
def test_it_answers_at_once_and_lets_open_requests_finish(world: World, workers: str) -> None:
    digest(world.folder, "run")
    with serving(world.folder, "--workers", workers) as (server, address):
        assert is_up(address)
        host, port = address.removeprefix("http://").rstrip("/").split(":")
        with socket.create_connection((host, int(port))) as slow:
            slow.sendall(b"POST /rate HTTP/1.1\r\nHost: x\r\nContent-Length: 7\r\n")
            slow.sendall(b"Content-Type: application/x-www-form-urlencoded\r\n\r\npap")
            time.sleep(0.3)
            server.send_signal(signal.SIGTERM)
            wait(lambda: is_refused(host, int(port)))
            slow.sendall(b"er=x")
            assert slow.recv(100).startswith(b"HTTP/1.1 403")
        assert server.wait(20) == 0


def test_a_worker_that_dies_is_replaced_and_all_stop_together(world: World) -> None:
    digest(world.folder, "run")
    with serving(world.folder, "--workers", "2") as (server, address):
        wait(lambda: is_up(address), 40)
        wait(lambda: len(children(server.pid)) == 2)
        first = children(server.pid)
        os.kill(first[0], signal.SIGKILL)
        wait(lambda: len(set(children(server.pid)) - set(first)) == 1, 40)
        assert is_up(address)
        last = children(server.pid)
        server.send_signal(signal.SIGTERM)
        assert server.wait(40) == 0
        wait(lambda: not any(Path(f"/proc/{pid}").exists() for pid in last))


def test_a_port_that_is_taken_is_told(world: World) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = digest(world.folder, "serve", "--port", port)
    assert done.returncode == 1
    assert "cannot be listened at (Address already in use); --host and --port" in done.stderr
