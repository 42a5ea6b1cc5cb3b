"""Text as a person reads it, and the filters of the plain-text templates."""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from itertools import groupby

from digest.latex import readable
from digest.text import clean, shorten

_RIGHT_TO_LEFT = frozenset({"R", "AL", "AN"})


@lru_cache(maxsize=8192)  # pages show the same papers again and again
def shown(text: str, max_chars: int = 10_000) -> str:
    """Outside text as a person reads it; cleaned once more, whatever door it came in by."""
    return shorten(clean(readable(text)), max_chars)


@lru_cache(maxsize=8192)
def isolated(name: str) -> str:
    """A name for plain text: one that is written right to left must not turn what surrounds it."""
    if not name.isascii() and any(unicodedata.bidirectional(c) in _RIGHT_TO_LEFT for c in name):
        return f"\u2068{name}\u2069"
    return name


@lru_cache(maxsize=8192)  # a paper's abstract is wrapped for many readers
def wrap(text: str, indent: str = "", hanging: str = "", width: int = 72) -> str:
    """A paragraph for plain text; addresses and long words are never broken.

    East Asian text, which has no blanks, breaks after any character and counts two columns each.

    Args:
        hanging: further indent of all lines but the first.
    """
    if text.isascii() or not any(map(_is_wide, set(text))):
        return _wrapped(" ".join(text.split()), indent, indent + hanging, width)
    further = indent + hanging
    lines: list[str] = []
    line, columns, used = indent, len(indent), False
    for word in text.split():
        for n, piece in enumerate(_breakable(word)):
            blank = " " if used and n == 0 else ""
            size = _columns(piece)
            if used and columns + len(blank) + size > width:
                lines.append(line)
                line, columns, blank = further, len(further), ""
            line += blank + piece
            columns += len(blank) + size
            used = True
    return "\n".join([*lines, line])


def _wrapped(text: str, indent: str, further: str, width: int) -> str:
    """A text of single blanks and letters of one column each, broken at the last blank that fits:
    a step a line, not one a word."""
    lines: list[str] = []
    start, prefix = 0, indent
    while len(text) - start > width - len(prefix):
        end = text.rfind(" ", start, start + width - len(prefix) + 1)
        if end < 0:  # a long word has a line of its own
            end = text.find(" ", start)
        if end < 0:
            break
        lines.append(prefix + text[start:end])
        start, prefix = end + 1, further
    return "\n".join([*lines, prefix + text[start:]])


@lru_cache(maxsize=8192)
def _is_wide(char: str) -> bool:
    return unicodedata.east_asian_width(char) in "WF"


def _breakable(word: str) -> list[str]:
    """A word in the pieces that a line may end after."""
    pieces: list[str] = []
    for wide, run in groupby(word, _is_wide):
        chars = list(run)
        pieces += chars if wide else ["".join(chars)]
    return pieces


def _columns(text: str) -> int:
    """Columns that a fixed-width font gives a text."""
    return len(text) + sum(map(_is_wide, text))
