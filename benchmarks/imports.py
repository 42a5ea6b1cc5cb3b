"""Library files of 10,000 records, one a format: processor time and memory of reading each.

Beside it the time that scikit-learn takes to count the words of the same papers, which whoever
ranks them has to spend anyway, and the limits: 10 s and 300 MB.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Mapping

from sklearn.feature_extraction.text import CountVectorizer

N, MOST_S, MOST_MB = 10_000, 10.0, 300
_ABSTRACT = "This study looks at rivers of a kind, and at how they find their way to the sea. " * 12


def files() -> Mapping[str, bytes]:
    """The same invented papers in each format."""
    rows = [
        (
            f"Study {n * 7919 % N} of rivers named {n}",
            f"Lovelace{n}",
            f"10.5555/x{n}",
            1990 + n % 30,
        )
        for n in range(N)
    ]
    texts = {
        "bibtex": "".join(
            f"@article{{k{n},\n  title = {{{t}}},\n  author = {{{a}, Ada and M{{\\'u}}ller, J}},\n"
            f"  journal = {{Rivers}},\n  year = {{{y}}},\n  doi = {{{d}}},\n"
            f"  url = {{https://example.org/{n}}},\n  note = {{Page {n}}},\n"
            f"  abstract = {{{_ABSTRACT}}}\n}}\n\n"
            for n, (t, a, d, y) in enumerate(rows)
        ),
        "ris": "".join(
            f"TY  - JOUR\nTI  - {t}\nAU  - {a}, Ada\nPY  - {y}\nDO  - {d}\n"
            f"AB  - {_ABSTRACT}\nER  - \n\n"
            for t, a, d, y in rows
        ),
        "nbib": "".join(
            f"PMID- {10_000_000 + n}\nTI  - {t}.\nFAU - {a}, Ada\nDP  - {y}\nLID - {d} [doi]\n"
            f"AB  - {_ABSTRACT}\n\n"
            for n, (t, a, d, y) in enumerate(rows)
        ),
        "refer": "".join(
            f"%0 Journal Article\n%T {t}\n%A {a}, Ada\n%D {y}\n%R {d}\n%X {_ABSTRACT}\n\n"
            for t, a, d, y in rows
        ),
        "isi": "FN Clarivate\nVR 1.0\n"
        + "".join(
            f"PT J\nAU {a}, A\nTI {t}\nPY {y}\nDI {d}\nAB {_ABSTRACT}\nER\n\n"
            for t, a, d, y in rows
        )
        + "EF\n",
        "endnote-xml": "<xml><records>"
        + "".join(
            f"<record><contributors><authors><author>{a}, Ada</author></authors></contributors>"
            f"<titles><title>{t}</title></titles><dates><year>{y}</year></dates>"
            f"<electronic-resource-num>{d}</electronic-resource-num>"
            f"<abstract>{_ABSTRACT}</abstract></record>"
            for t, a, d, y in rows
        )
        + "</records></xml>",
        "csl-json": json.dumps(
            [
                {
                    "id": d,
                    "type": "article-journal",
                    "title": t,
                    "author": [{"family": a, "given": "Ada"}],
                    "issued": {"date-parts": [[y]]},
                    "DOI": d,
                    "abstract": _ABSTRACT,
                }
                for t, a, d, y in rows
            ]
        ),
        "csv": "Title,Authors,Year,DOI,Abstract\n"
        + "".join(f'"{t}","{a}, Ada;",{y},{d},"{_ABSTRACT}"\n' for t, a, d, y in rows),
        "ids": "".join(f"https://doi.org/{d}\n" for _, _, d, _ in rows),
    }
    return {kind: text.encode() for kind, text in texts.items()}


_READ = """
import resource, sys
from digest import library
body = sys.stdin.buffer.read()
found = library.read_bytes(body, "x")
used = resource.getrusage(resource.RUSAGE_SELF)
status = open("/proc/self/status").read()  # the peak since this program began
peak = int(status.partition("VmHWM:")[2].split()[0]) // 1000
print(f"{used.ru_utime + used.ru_stime:.1f} {peak} {found.n_entries}")
"""


def main() -> None:
    made = files()
    started = time.process_time()
    CountVectorizer(ngram_range=(1, 2)).fit([f"rivers {n} {_ABSTRACT}" for n in range(N)])
    counting = time.process_time() - started
    print(f"library files of {N:,} records; counting their words takes {counting:.1f} s of CPU")
    print(f"{'format':>12}{'CPU s':>7}{'of that':>9}{'MB':>6}  (limits {MOST_S:g} s, {MOST_MB} MB)")
    for kind, body in made.items():
        done = subprocess.run(
            [sys.executable, "-c", _READ], input=body, capture_output=True, check=True
        )
        cpu, megabytes, n = done.stdout.decode().split()
        kept = float(cpu) < MOST_S and int(megabytes) < MOST_MB and int(n) == N
        verdict = "" if kept else "  MISSED"
        print(f"{kind:>12}{cpu:>7}{float(cpu) / counting:>9.2f}{megabytes:>6}{verdict}")


if __name__ == "__main__":
    main()
