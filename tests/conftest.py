"""Shared by all tests: a fixed moment, the recorded payloads if there are any, a closed network."""

from __future__ import annotations

import ipaddress
import os
import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import settings

from tests.servers import WebServer, web_server

# The same examples every time: a build must not fail by luck. DIGEST_FUZZ=1 draws new ones.
settings.register_profile("steady", derandomize=True, deadline=None)
settings.register_profile("fuzz", deadline=None, max_examples=3000)
FUZZING = bool(os.environ.get("DIGEST_FUZZ"))
settings.load_profile("fuzz" if FUZZING else "steady")

#: a Wednesday, 07:30 in Berlin
NOW = datetime(2026, 5, 20, 5, 30, tzinfo=UTC)
ROOT = Path(__file__).resolve().parent.parent
FIXTURES = Path(os.environ.get("DIGEST_FIXTURES", ROOT.parent / "shared" / "fixtures"))


def examples(n: int) -> settings:
    """So many examples of a property, and thirty times as many when fuzzing (`make fuzz`)."""
    return settings(max_examples=30 * n if FUZZING else n, deadline=None)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--store", choices=("sqlite", "postgres"), default="sqlite", help="what the tests run on"
    )


def pytest_configure(config: pytest.Config) -> None:
    from tests import postgres

    postgres.wanted = config.getoption("--store") == "postgres"
    if postgres.wanted and postgres.programs() is None:
        raise pytest.UsageError("--store postgres: there is no PostgreSQL (initdb) on this machine")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--store") == "postgres":
        about_files = pytest.mark.skip(reason="about the file of an SQLite database")
        for item in items:
            if item.get_closest_marker("sqlite"):
                item.add_marker(about_files)


@pytest.fixture(autouse=True, scope="session")
def _only_loopback() -> Iterator[None]:
    """A test that reaches for the internet is a broken test, wherever it runs."""
    real = socket.socket.connect

    def guarded(self: socket.socket, address: object) -> None:
        if isinstance(address, tuple) and not ipaddress.ip_address(address[0]).is_loopback:
            raise AssertionError(f"a test wants to connect to {address}")
        return real(self, address)  # type: ignore[arg-type]

    socket.socket.connect = guarded  # type: ignore[method-assign,assignment]
    yield
    socket.socket.connect = real  # type: ignore[method-assign]


@pytest.fixture
def now() -> datetime:
    return NOW


@pytest.fixture
def fixtures() -> Path:
    """The recorded payloads; a test that needs them is skipped, aloud, where they are absent."""
    if not FIXTURES.is_dir():
        pytest.skip(f"recorded payloads are not here ({FIXTURES})")
    return FIXTURES


@pytest.fixture
def place(tmp_path: Path) -> Path | str:
    """Where a new database is: what `open_store` takes."""
    from tests import postgres

    return postgres.fresh(empty=True) if postgres.wanted else tmp_path / "digest.db"


@pytest.fixture
def web() -> Iterator[WebServer]:
    """A web server on this machine that says what a test tells it to."""
    with web_server() as server:
        yield server
