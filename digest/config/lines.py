"""In which line of a TOML file a key stands, since the parser does not tell."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

#: a path of keys and, for members of arrays of tables, their numbers
Path = tuple[str | int, ...]

_HEADER = re.compile(r"\s*(\[\[?)\s*([^\[\]]+?)\s*\]\]?\s*(?:#.*)?$")
_KEY = re.compile(r"""\s*((?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[\w-]+|"[^"]*"|'[^']*'))*)\s*=""")
_PART = re.compile(r"""[\w-]+|"[^"]*"|'[^']*'""")
#: what makes a value go on over lines: strings and comments are stepped over
_PIECES = re.compile(
    r'"""(?:\\.|[^\\])*?"""|\'\'\'.*?\'\'\'|"(?:\\.|[^"\\\n])*"|\'[^\'\n]*\'|#[^\n]*|[\[\]{}]',
    re.DOTALL,
)


def line_of(text: str, loc: Sequence[str | int]) -> int | None:
    """The line, from 1, of a key, or of the innermost table around it that can be found."""
    known = _lines(text)
    path: Path = tuple(loc)
    while path:
        for found in (path, (*path, 0)):  # of an array of tables its first
            if found in known:
                return known[found]
        path = path[:-1]
    return None


def _lines(text: str) -> Mapping[Path, int]:
    found: dict[Path, int] = {}
    counts: dict[Path, int] = {}
    table: Path = ()
    for number, line in _starts(text):
        if header := _HEADER.match(line):
            names = tuple(_PART.findall(header[2]))
            path = _inside(tuple(n.strip("\"'") for n in names), counts)
            if header[1] == "[[":
                counts[path] = counts.get(path, -1) + 1
                path = (*path, counts[path])
            table = path
            found.setdefault(path, number)
        elif key := _KEY.match(line):
            path = table
            for part in _PART.findall(key[1]):
                path = (*path, part.strip("\"'"))
                found.setdefault(path, number)
    return found


def _inside(names: tuple[str, ...], counts: Mapping[Path, int]) -> Path:
    """A header's names with the number of the latest member of each array before its last name."""
    path: Path = ()
    for n, name in enumerate(names):
        path = (*path, name)
        if n < len(names) - 1 and path in counts:
            path = (*path, counts[path])
    return path


def _starts(text: str) -> Iterator[tuple[int, str]]:
    """The lines that begin a header or a key: not those that a value goes on over."""
    text = text.replace("\r\n", "\n")
    opened = bytearray(len(text) + 1)  # whether a character lies inside of a value's brackets
    depth, at = 0, 0
    for piece in _PIECES.finditer(text):
        if depth:
            opened[at : piece.start()] = b"\1" * (piece.start() - at)
        line = text[text.rfind("\n", 0, piece.start()) + 1 : piece.start()]
        is_header = not depth and not line.strip("[ \t") and piece[0] in "[]"
        if "\n" in piece[0]:
            opened[piece.start() + 1 : piece.end()] = b"\1" * (piece.end() - piece.start() - 1)
        elif piece[0] in "[{" and not is_header and "=" in line + "=" * depth:
            depth += 1
        elif piece[0] in "]}" and depth:
            depth -= 1
        at = piece.end()
    start = 0
    for number, line in enumerate(text.split("\n"), 1):
        if not opened[start]:
            yield number, line
        start += len(line) + 1
