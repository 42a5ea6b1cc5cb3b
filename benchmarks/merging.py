"""Fifty thousand records with 5% duplicates merged: time and memory must grow about linearly."""

from __future__ import annotations

import time
import tracemalloc
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from digest.identity import merge
from digest.model import Listing, Paper, Signals
from digest.store import open_store

SIZES = (12_500, 50_000)
SHARE = 20  # every twentieth record is a copy of an earlier one


def records(n: int) -> list[Paper]:
    """Papers of arXiv and of journals; copies come by DOI, by version, with votes,
    and by title and authors alone."""
    made: list[Paper] = []
    for i in range(n):
        if i % SHARE == SHARE - 1:
            first = made[i // 2]
            copies = (
                replace(first, source="huggingface", signals=Signals(upvotes=i % 90)),
                replace(first, version=(first.version or 1) + 1),
                replace(first, id=f"doi:{first.doi}", source="crossref"),
                # only title and authors tell that this is the journal's version
                replace(first, id=f"pmid:{i}", doi="", title=first.title.upper(), source="pubmed"),
            )
            made.append(copies[i // SHARE % len(copies)])
            continue
        made.append(
            Paper(
                id=f"arxiv:{2600 + i // 90_000}.{i % 90_000:05d}",
                title=f"What the study of number {i} tells about its neighbours",
                abstract=f"We look at number {i}. " * 40,
                authors=("Ada Lovelace", "Grace Hopper"),
                doi=f"10.1000/{i}",
                version=1,
                source="arxiv",
            )
        )
    return made


def main() -> None:
    print("Merging records of papers, a twentieth of them copies")
    print(f"{'records':>10}{'papers':>10}{'CPU s':>10}{'us each':>10}{'MB more':>10}")
    costs = []
    for n in SIZES:
        made = records(n)
        started = time.process_time()
        merged = merge(made)
        seconds = time.process_time() - started
        tracemalloc.start()
        merged = merge(made)
        peak = tracemalloc.get_traced_memory()[1] / 1e6
        tracemalloc.stop()
        costs.append(seconds / n)
        print(f"{n:>10,}{len(merged):>10,}{seconds:>10.2f}{1e6 * seconds / n:>10.1f}{peak:>10.1f}")
    growth = costs[-1] / costs[0]
    print(f"  a record costs {growth:.2f} x as much among {SIZES[-1]:,} (aim: under 2)")
    stored()


def stored() -> None:
    """The same into a database, a day of 2,500 at a time: the last days against the first."""
    made = records(SIZES[-1])
    days = [made[i : i + 2_500] for i in range(0, len(made), 2_500)]
    seconds = []
    with TemporaryDirectory() as folder, open_store(Path(folder) / "digest.db") as store:
        for n, day in enumerate(days):
            now = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=n)
            papers = tuple(replace(p, announced=now.date()) for p in day)
            started = time.process_time()
            store.papers.add_listing(Listing(source="arXiv", papers=papers, fetched_at=now))
            seconds.append(time.process_time() - started)
    first, last = (sum(s) / 3 for s in (seconds[1:4], seconds[-3:]))
    print(
        f"  stored day by day: {sum(seconds):.1f} s in all, the last days cost {last / first:.2f} x"
    )
    print("  as much as the first (aim: under 2)")


if __name__ == "__main__":
    main()
