"""Fifty thousand records with 5% duplicates merged: time and memory must grow about linearly."""

from __future__ import annotations

import time
import tracemalloc
from dataclasses import replace

from digest.identity import merge
from digest.model import Paper, Signals

SIZES = (12_500, 50_000)
SHARE = 20  # every twentieth record is a copy of an earlier one


def records(n: int) -> list[Paper]:
    """Papers of arXiv and of journals; copies come by DOI, by version, and with votes."""
    made: list[Paper] = []
    for i in range(n):
        if i % SHARE == SHARE - 1:
            first = made[i // 2]
            copies = (
                replace(first, source="huggingface", signals=Signals(upvotes=i % 90)),
                replace(first, version=(first.version or 1) + 1),
                replace(first, id=f"doi:{first.doi}", source="crossref"),
            )
            made.append(copies[i // SHARE % 3])
            continue
        made.append(
            Paper(
                id=f"arxiv:{2600 + i // 90_000}.{i % 90_000:05d}",
                title=f"Study {i}",
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


if __name__ == "__main__":
    main()
