"""Sending beside Postfix's own load generator: as many sessions to the same server, messages of the
same size, in the same run. Skipped, with a word, without Debian's postfix.

Twice: the connections alone, and with the journal, which writes down every mail before its body
goes out and after it was taken, and which the generator has no counterpart of.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path

from benchmarks.memory import peak_mb
from digest.channels.email.smtp import SmtpTransport
from digest.model import Basis, Edition, EditionKind, Message, Outcome, PlannedEdition, Subscriber
from digest.ports import Route
from digest.store import Store, open_store
from digest.usecases.claims import SendOptions
from digest.usecases.dispatch import send_due

SESSIONS, N_MAILS, KILOBYTES = 8, 3_000, 40
NOW = datetime(2026, 1, 1, tzinfo=UTC)
LIMIT = 0.5


def program(name: str) -> str | None:
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")


@contextmanager
def sink() -> Iterator[int]:
    """Postfix's server that takes everything and keeps nothing; yields its port."""
    found = program("smtp-sink")
    assert found is not None
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    user = ["-u", "nobody"] if os.getuid() == 0 else []
    process = subprocess.Popen(
        [found, *user, f"127.0.0.1:{port}", "1000"], stderr=subprocess.DEVNULL
    )
    try:
        for _ in range(100):
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                time.sleep(0.05)
        yield port
    finally:
        process.terminate()
        process.wait()


def source_rate(port: int, n: int, sessions: int, size: int) -> float:
    """Messages a second of smtp-source."""
    found = program("smtp-source")
    assert found is not None
    arguments = ["-s", str(sessions), "-m", str(n), "-l", str(size), "-d"]
    started = time.monotonic()
    subprocess.run([found, *arguments, f"127.0.0.1:{port}"], check=True, capture_output=True)
    return n / (time.monotonic() - started)


def fill(store: Store, n: int, size: int) -> None:
    """So many planned mails."""
    body = read_library(size)
    for start in range(0, n, 500):
        store.deliveries.save_plan(
            [
                PlannedEdition(
                    edition=Edition(
                        subscriber=Subscriber(id=f"{i:032x}", email=f"p{i}@example.org"),
                        edition_date=date(2026, 1, 1),
                        kind=EditionKind.EDITION,
                        subject="Bench",
                        picks=(),
                        n_new=0,
                        n_considered=0,
                        basis=Basis.LIKES,
                        sources=(),
                    ),
                    message=Message(
                        message_id=f"<{i}@example.org>",
                        sender="b@example.org",
                        recipient=f"p{i}@example.org",
                        body=body,
                    ),
                )
                for i in range(start, min(start + 500, n))
            ],
            NOW,
        )


def our_rate(store: Store, port: int, n: int, sessions: int) -> tuple[float, float]:
    """Messages a second, and milliseconds of our CPU each."""

    def transport() -> SmtpTransport:
        return SmtpTransport(
            host="127.0.0.1", port=port, security="none", messages_per_connection=10_000
        )

    used, started = time.process_time(), time.monotonic()
    report = send_due(
        store,
        [Route(name="bench", transport=transport, connections=sessions)],
        worker="bench",
        clock=lambda: NOW,
        options=SendOptions(alone=store.single_process),
    )
    seconds = time.monotonic() - started
    assert len(report.settled) == n, report
    return n / seconds, 1e3 * (time.process_time() - used) / n


def bare_rate(port: int, n: int, sessions: int, body: bytes) -> float:
    """Messages a second over our connections, with nothing written down."""
    message = Message(
        message_id="<x@example.org>",
        sender="b@example.org",
        recipient="p@example.org",
        body=body,
    )

    def work() -> None:
        with SmtpTransport(
            host="127.0.0.1", port=port, security="none", messages_per_connection=10_000
        ) as route:
            for _ in range(n // sessions):
                assert route.send(message, before_data=lambda: None).outcome is Outcome.ACCEPTED

    threads = [threading.Thread(target=work) for _ in range(sessions)]
    started = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return n / (time.monotonic() - started)


def read_library(size: int) -> bytes:
    line = b"x" * 74 + b"\r\n"
    return b"From: b@example.org\r\nSubject: bench\r\n\r\n" + line * (size // len(line))


def main() -> None:
    if program("smtp-sink") is None or program("smtp-source") is None:
        print("Sending: skipped, Postfix's smtp-sink and smtp-source are not here.")
        return
    size = KILOBYTES * 1000
    print(f"Sending {N_MAILS:,} mails of {KILOBYTES} kB over {SESSIONS} connections to smtp-sink")
    with sink() as port:
        source = max(source_rate(port, N_MAILS, SESSIONS, size) for _ in range(2))
        bare = bare_rate(port, N_MAILS, SESSIONS, read_library(size))
        print(f"  smtp-source: {source:,.0f} a second")
        print(f"  connections: {bare:,.0f} a second, {bare / source:.2f} of it (limit {LIMIT})")
        for name in stores():
            with (
                tempfile.TemporaryDirectory(prefix="digest-bench-") as folder,
                opened(name, Path(folder)) as store,
            ):
                fill(store, N_MAILS, size)
                rate, cpu = our_rate(store, port, N_MAILS, SESSIONS)
            print(
                f"  with the journal in {name}: {rate:,.0f} a second, {rate / source:.2f} of it "
                f"(aim {LIMIT}), {cpu:.2f} ms of CPU each"
            )
    peak = peak_mb()
    print(f"  peak memory {peak:.0f} MB")


def stores() -> list[str]:
    """The stores that can be measured here."""
    from tests import postgres

    return ["SQLite", *(["PostgreSQL"] if postgres.programs() else [])]


@contextmanager
def opened(name: str, folder: Path) -> Iterator[Store]:
    from tests import postgres

    where = folder / "digest.db" if name == "SQLite" else postgres.fresh()
    with open_store(where) as store:
        yield store


if __name__ == "__main__":
    main()
