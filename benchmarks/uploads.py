"""Libraries that visitors upload: how long each takes, and what others notice meanwhile.

Ten files of five megabytes are sent to `/subscribe` at once, honest ones and ones that were made to
keep a parser busy, while pages, one-click unsubscriptions and /healthz are asked for one after the
other. The server is `digest serve` in a process of its own, on the machine that makes the load.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import httpx

from benchmarks.libraries import HONEST, HOSTILE
from benchmarks.web import CONFIG, served
from digest.edition.links import Action, Seal, Ticket
from digest.model import Subscriber
from digest.store import open_store
from digest.web.uploads import AT_A_TIME

N_UPLOADS, SECONDS = 10, 5.0
#: limits: of a file alone, and of the slowest twentieth of other answers while ten are uploaded
MOST_S, MOST_P95_MS = 5.0, 100.0


def fill(folder: Path) -> str:
    """An empty archive with one subscriber; returns their link to unsubscribe."""
    web = '[web]\nurl = "https://papers.example.org"\ntrusted_proxies = ["127.0.0.1"]'
    text = CONFIG.replace("[web]", web)
    (folder / "config.toml").write_text(text, "utf-8")
    now = datetime.now(UTC)
    with open_store(folder / "digest.db") as store:
        reader = store.subscribers.add(Subscriber(id="", email="a@example.org", origin="web"), now)
        ticket = Ticket(Action.UNSUBSCRIBE, reader.id)
        return f"/unsubscribe/{Seal(store.keys).sign(ticket, now.date())}"


#: reads one file as the server does, and says what came of it
_READ = """
import asyncio, resource, sys
from digest.errors import LibraryError
from digest.library.isolated import read_isolated
name = sys.argv[1]
try:
    found = asyncio.run(read_isolated("", sys.stdin.buffer.read(), name))
    said = f"{len(found.papers) + len(found.refs):,} papers, {len(found.faults)} faults"
except LibraryError as error:
    said = str(error)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(f"{used.ru_utime + used.ru_stime:.1f} {used.ru_maxrss // 1000} {said[:64]}")
"""


def alone() -> None:
    """Each file by itself; processor time, since reading comes last on a busy machine."""
    print(f"{'file of 4.9 MB':>16}{'CPU s':>7}{'MB':>6}  what comes of it (limit {MOST_S:g} s)")
    for name, make in {**HONEST, **HOSTILE}.items():
        done = subprocess.run(
            [sys.executable, "-c", _READ, name], input=make(), capture_output=True, check=True
        )
        cpu, megabytes, said = done.stdout.decode().strip().split(" ", 2)
        print(f"{name:>16}{cpu:>7}{megabytes:>6}  {said}")


def p95_ms(base: str, leaving: str, until: threading.Event | float) -> tuple[float, int]:
    """The slowest twentieth of answers to other visitors, and how many there were."""
    times: list[float] = []
    deadline = time.monotonic() + (until if isinstance(until, float) else 600)
    with httpx.Client(base_url=base, timeout=60) as client:
        while time.monotonic() < deadline and not (
            isinstance(until, threading.Event) and until.is_set()
        ):
            for method, path in (
                ("GET", "/"),
                ("GET", "/healthz"),
                ("POST", leaving),
                ("GET", "/search?q=x"),
            ):
                started = time.perf_counter()
                answer = client.request(method, path)
                times.append(time.perf_counter() - started)
                assert answer.status_code == 200, (path, answer.status_code)
            time.sleep(0.02)
    times.sort()
    return 1e3 * times[int(len(times) * 0.95)], len(times)


def together(folder: Path) -> None:
    leaving = fill(folder)
    bodies = [(name, make()) for name, make in {**HONEST, **HOSTILE}.items()][:N_UPLOADS]
    with served(folder, n_papers=0) as (host, port, _):
        base = f"http://{host}:{port}"
        before, _ = p95_ms(base, leaving, SECONDS)
        over, codes = threading.Event(), []

        def upload(n: int) -> None:
            name, body = bodies[n]
            form = {"email": f"p{n}@example.org", "interests": "x"}
            answer = httpx.post(
                f"{base}/subscribe",
                data=form,
                files={"library": (name, body)},
                headers={"X-Forwarded-For": f"192.0.2.{n}"},  # ten people, as behind a proxy
                timeout=600,
            )
            codes.append(answer.status_code)

        threads = [threading.Thread(target=upload, args=(n,)) for n in range(N_UPLOADS)]
        started = time.perf_counter()
        for thread in threads:
            thread.start()

        def wait() -> None:
            for thread in threads:
                thread.join()
            over.set()

        threading.Thread(target=wait).start()
        during, n = p95_ms(base, leaving, over)
        took = time.perf_counter() - started
    print(
        f"  {N_UPLOADS} at once, {AT_A_TIME} read at a time: all answered in {took:.0f} s "
        f"({', '.join(f'{codes.count(c)} x {c}' for c in sorted(set(codes)))})"
    )
    print(
        f"  {n} other answers meanwhile: p95 {during:.0f} ms, {during / before:.1f} x without "
        f"uploads (limit {MOST_P95_MS:g} ms)"
    )


def main() -> None:
    print("Uploaded libraries")
    alone()
    with tempfile.TemporaryDirectory() as name:
        together(Path(name))


if __name__ == "__main__":
    main()
