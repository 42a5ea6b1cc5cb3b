"""Library files of about five megabytes, honest and hostile, made from invented papers."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

BYTES = 4_900_000
_WORDS = "words of an abstract that goes on and on and on "
_FRACTIONS = b"$\\frac{a}{b}$ \\'e "
_TEX = "words $x^2$ of an {\\em abstract} by Erd{\\H o}s that goes on "


def _until_full(entry: Callable[[int], str]) -> bytes:
    parts, size, n = [], 0, 0
    while size < BYTES:
        parts.append(entry(n))
        size += len(parts[-1])
        n += 1
    return "".join(parts[:-1]).encode()


def ris() -> bytes:
    return _until_full(
        lambda i: (
            f"TY  - JOUR\nTI  - Study {i} of rivers\nAU  - Lovelace, Ada\nAU  - Hopper, Grace\n"
            f"PY  - 2024\nDO  - 10.5555/x{i}\nAB  - {_WORDS * 30}\nER  - \n\n"
        )
    )


def _bibtex(words: str, title: str) -> bytes:
    return _until_full(
        lambda i: (
            f"@article{{k{i},\n  title = {{{title} {i}}},\n  author = {{Lovelace, Ada and "
            f"Hopper, Grace}},\n  year = {{2024}},\n  doi = {{10.5555/x{i}}},\n  abstract = "
            f"{{{words * 30}}}\n}}\n"
        )
    )


def bibtex() -> bytes:
    return _bibtex(_WORDS, "Study of rivers")


def bibtex_with_tex() -> bytes:
    return _bibtex(_TEX, "Study of {\\'e}t{\\'e}s and $\\alpha$")


def csl() -> bytes:
    body = _until_full(
        lambda i: (
            json.dumps(
                {
                    "id": f"k{i}",
                    "title": f"Study {i} of rivers",
                    "abstract": _WORDS * 30,
                    "author": [{"family": "Lovelace", "given": "Ada"}],
                    "DOI": f"10.5555/x{i}",
                }
            )
            + ","
        )
    )
    return b"[" + body.rstrip(b",") + b"]"


def nbib() -> bytes:
    return _until_full(
        lambda i: (
            f"PMID- {i + 1}\nTI  - Study {i} of rivers\nAB  - {_WORDS * 30}\n"
            f"FAU - Lovelace, Ada\nAID - 10.5555/x{i} [doi]\n\n"
        )
    )


def links() -> bytes:
    return _until_full(lambda i: f"https://arxiv.org/abs/{2301 + i // 99_000}.{i % 99_000:05d} x\n")


#: what somebody's own library may be, by the name of its file
HONEST: Mapping[str, Callable[[], bytes]] = {
    "rivers.ris": ris,
    "rivers.bib": bibtex,
    "rivers-tex.bib": bibtex_with_tex,
    "rivers.json": csl,
    "rivers.nbib": nbib,
}
#: what no library is: made to keep a parser busy
HOSTILE: Mapping[str, Callable[[], bytes]] = {
    "blanks in .bib": lambda: b"@a{" + b" " * BYTES,
    "lines in .bib": lambda: b"@a{k, author={" + b"\n" * BYTES + b"and}}",
    "starts.ris": lambda: b"TY  - A\n" * (BYTES // 8),
    "short.ris": lambda: b"TY  - JOUR\nTI  - T\nAB  - w\nER  - \n" * (BYTES // 34),
    "one-title.bib": lambda: b"@article{a, title={" + _FRACTIONS * (BYTES // 18) + b"}}",
    "braces.bib": lambda: b"@article{a, title=" + b"{" * BYTES,
    "ats.bib": lambda: b"@" * BYTES,
    "strings.bib": lambda: b"@string{a={b}}\n" * (BYTES // 15),
    "nested.json": lambda: b"[" * BYTES,
    "numbers.json": lambda: b"[" + b"1," * (BYTES // 2) + b"1]",
    "continued.nbib": lambda: b"PMID- 1\nAB  - x\n" + b"      y\n" * (BYTES // 8),
    "links.txt": links,
    "dots.txt": lambda: b"10.1/" + b"." * BYTES,
    "brackets.md": lambda: b"[a](" * (BYTES // 4),
    "authors.bib": lambda: b"@article{a, title={T}, author={" + b"A and " * (BYTES // 6) + b"}}",
}
