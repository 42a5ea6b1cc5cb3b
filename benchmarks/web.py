"""Pages of the web side over 100,000 stored papers, asked for by 20 clients at once.

The server is `digest serve` in a process of its own, on the machine that also makes the load. The
limit of the same run is a file of a few kilobytes from the same server.
"""

from __future__ import annotations

import asyncio
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock
from itertools import islice
from pathlib import Path
from urllib.parse import quote

from benchmarks.one_reader import made_up, sentences
from digest.model import Listing, Paper, Signals
from digest.store import open_store

N_PAPERS, A_DAY, CLIENTS, SECONDS = 100_000, 1_000, 20, 6.0
LAST_DAY = date(2026, 5, 20)
AIM = "p95 under 50 ms"
ADMIN = "the-admin-password"
CONFIG = """
[[sources]]
kind = "arxiv"
categories = ["cs.CL"]
[maildir]
path = "Maildir"
[store]
path = "digest.db"
[web]
requests_per_minute = 0
[lookup]
services = []
"""


@dataclass(frozen=True, slots=True)
class Load:
    """What clients saw."""

    per_second: float
    p50_ms: float
    p95_ms: float
    kilobytes: float


def fill(folder: Path) -> None:
    """A database of a hundred listing days."""
    (folder / "config.toml").write_text(CONFIG, "utf-8")
    rng = random.Random(1)
    # Of a recorded arXiv listing 11% of the abstracts hold LaTeX; of these, nearly all would.
    made = [
        (title, abstract if i % 9 == 0 else abstract.replace("\\", ""))
        for i, (title, abstract) in enumerate(made_up(N_PAPERS, 1))
    ]
    with open_store(folder / "digest.db") as store:
        for n in range(0, N_PAPERS, A_DAY):
            day = LAST_DAY - timedelta(days=(N_PAPERS - n) // A_DAY - 1)
            at = datetime.combine(day, clock(6), tzinfo=UTC)
            papers = tuple(
                Paper(
                    id=f"arxiv:{day:%y%m}.{n + i:06d}"[:22],
                    title=title,
                    abstract=abstract,
                    authors=("Ada Lovelace", "Grace Hopper", f"Author {i % 97}"),
                    url="https://example.org/",
                    categories=(("cs.CL", "cs.CV", "q-bio.QM", "econ.EM")[i % 4],),
                    announced=day,
                    published=at,
                    source="arxiv",
                    signals=Signals(upvotes=rng.randrange(200) if i % 12 == 0 else None),
                )
                for i, (title, abstract) in enumerate(made[n : n + A_DAY])
            )
            store.papers.add_listing(Listing(source="arXiv", papers=papers, fetched_at=at))


async def ask(host: str, port: int, paths: Iterable[str], seconds: float) -> Load:
    """Keep `CLIENTS` connections busy for a while, or until nothing is left to ask for."""
    waiting = iter(paths)
    times: list[float] = []
    sizes: list[int] = []
    until = time.perf_counter() + seconds

    async def client() -> None:
        reader, writer = await asyncio.open_connection(host, port)
        while time.perf_counter() < until:
            path = next(waiting, None)
            if path is None:
                break
            started = time.perf_counter()
            writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200"), head[:200]
            length = re.search(rb"content-length: (\d+)", head)
            assert length
            body = await reader.readexactly(int(length[1]))
            times.append(time.perf_counter() - started)
            sizes.append(len(body))
        writer.close()

    started = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(CLIENTS)))
    took = time.perf_counter() - started
    times.sort()
    return Load(
        per_second=len(times) / took,
        p50_ms=1e3 * times[len(times) // 2],
        p95_ms=1e3 * times[int(len(times) * 0.95)],
        kilobytes=sum(sizes) / len(sizes) / 1e3,
    )


def again_and_again(paths: Sequence[str]) -> Iterator[str]:
    rng = random.Random(3)
    while True:
        yield rng.choice(paths)


def questions(seed: int = 2) -> Iterator[str]:
    """Words, titles and whole abstracts, as people type and paste them: no two alike."""
    rng, pool = random.Random(seed), [s for s in sentences() if len(s) > 80]
    before: set[str] = set()
    while True:
        kind, sentence = rng.random(), rng.choice(pool)
        if kind < 0.7:
            asked = " ".join(rng.sample(re.findall(r"[a-z]{5,}", sentence), 3))
        elif kind < 0.9:
            words = sentence.split()
            start = rng.randrange(4)
            asked = " ".join(words[start : start + rng.randint(7, 16)])
        else:
            asked = " ".join(rng.sample(pool, 6))
        if asked not in before:
            before.add(asked)
            yield f"/search?q={quote(asked[:2000])}"


def memory_mb(pid: int) -> float:
    """Of the process alone: what it shares with others, mapped files among it, is not counted."""
    status = Path(f"/proc/{pid}/status")
    if not status.exists():
        return float("nan")
    found = re.search(r"RssAnon:\s+(\d+)", status.read_text())
    return int(found[1]) / 1e3 if found else float("nan")


@contextmanager
def served(
    folder: Path, *arguments: str, n_papers: int = N_PAPERS
) -> Iterator[tuple[str, int, int]]:
    """Host, port and process id of a server whose index is ready."""
    server = subprocess.Popen(
        [sys.executable, "-m", "digest", "serve", "--port", "0", *arguments],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1", "DIGEST_ADMIN_PASSWORD": ADMIN},
    )
    try:
        assert server.stdout is not None
        found = re.search(r"http://([\d.]+):(\d+)/", server.stdout.readline())
        assert found
        wait_until_indexed(found[1], int(found[2]), n_papers)
        yield found[1], int(found[2]), server.pid
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(60)


def main() -> None:
    print(f"Web side: {N_PAPERS:,} stored papers, {CLIENTS} clients at once")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        started = time.perf_counter()
        fill(folder)
        print(f"  stored in {time.perf_counter() - started:.0f} s")
        started = time.perf_counter()
        with served(folder):
            print(f"  indexed in {time.perf_counter() - started:.0f} s, once")
        started = time.perf_counter()
        with served(folder) as (host, port, pid):
            print(f"  ready {time.perf_counter() - started:.1f} s after a restart (aim 2)")
            days = [f"/papers/{LAST_DAY - timedelta(days=n)}" for n in range(10)]
            days += [f"{d}?sort=time" for d in days] + [f"{d}?category=cs.CV" for d in days]
            print(f"{'page':>14}{'a second':>10}{'p50 ms':>9}{'p95 ms':>9}{'kB':>8}  aim")
            popular = list(islice(questions(), 100))
            limit = asyncio.run(ask(host, port, again_and_again(["/site.css"]), SECONDS / 2))
            loads = {
                "a small file": (limit, ""),
                "day": (asyncio.run(ask(host, port, again_and_again(days), SECONDS)), AIM),
                "search": (asyncio.run(ask(host, port, questions(), SECONDS)), AIM),
                # the page that many ask for on one day
                "the same again": (
                    asyncio.run(ask(host, port, again_and_again(popular), SECONDS / 2)),
                    AIM,
                ),
            }
            for what, (load, aim) in loads.items():
                print(
                    f"{what:>14}{load.per_second:>10.0f}{load.p50_ms:>9.1f}{load.p95_ms:>9.1f}"
                    f"{load.kilobytes:>8.1f}  {aim}"
                )
            print(f"  after that the server holds {memory_mb(pid):.0f} MB of its own (aim 200)")
            day = loads["day"][0]
            print(f"  a day's page costs {limit.per_second / day.per_second:.2f} x a small file")
        with served(folder, "--workers", "2") as (host, port, _):
            two = asyncio.run(ask(host, port, questions(4), SECONDS))
            alone = loads["search"][0]
            print(
                f"  search by two processes: {two.per_second:.0f} a second "
                f"({two.per_second / alone.per_second:.2f} x one), p95 {two.p95_ms:.0f} ms"
            )


def wait_until_indexed(host: str, port: int, n_papers: int) -> None:
    import base64
    import json
    import urllib.request

    login = base64.b64encode(f"admin:{ADMIN}".encode()).decode()
    request = urllib.request.Request(
        f"http://{host}:{port}/healthz", headers={"Authorization": f"Basic {login}"}
    )

    deadline = time.monotonic() + 600
    while time.monotonic() < deadline:
        # each of several workers has an index of its own, and anyone may answer
        asked = []
        for _ in range(12):
            with urllib.request.urlopen(request) as answer:
                asked.append(json.load(answer)["indexed"])
        if min(asked) >= n_papers:
            return
        time.sleep(0.5)
    raise TimeoutError("the index was not ready in ten minutes")


if __name__ == "__main__":
    main()
