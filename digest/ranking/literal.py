"""Where words stand as they are written: what was asked for by name must not hang on a score."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from functools import lru_cache
from itertools import accumulate

from digest.model import Paper
from digest.terms import compile_terms, probe, searched

#: between titles and abstracts; no phrase reaches over it
_BORDER = "\0"


class LiteralIndex:
    """Some papers' texts, to find keywords in; `terms` says what stands there.

    What was looked for is remembered, since many readers share their keywords.
    """

    def __init__(self, papers: Sequence[Paper]) -> None:
        parts = [searched(part) + _BORDER for p in papers for part in p.text.split("\n", 1)]
        self._text = "".join(parts)
        #: where each part begins, and where the last one ends
        self._starts = [0, *accumulate(map(len, parts))]
        self._found: dict[str, tuple[frozenset[int], frozenset[int]]] = {}

    def holding(self, keyword: str) -> tuple[frozenset[int], frozenset[int]]:
        """Positions of the papers in which a keyword stands, and of those with it in the title."""
        found = self._found.get(keyword)
        if found is None:
            parts = self._parts_holding(keyword)
            everywhere = frozenset(part // 2 for part in parts)
            found = everywhere, frozenset(part // 2 for part in parts if not part % 2)
            self._found[keyword] = found
        return found

    def _parts_holding(self, keyword: str) -> list[int]:
        """Numbers of the titles and abstracts that hold a keyword."""
        pattern = phrase(keyword)
        if pattern is None:
            return []
        # Its longest word is looked for first: that is fifty times faster than the pattern, which
        # then reads only the parts that hold the word.
        word = probe(keyword)
        found = []
        at = self._text.find(word)
        while at >= 0:
            part = bisect_right(self._starts, at) - 1
            end = self._starts[part + 1]
            if pattern.search(self._text[self._starts[part] : end]):
                found.append(part)
            at = self._text.find(word, end)
        return found


@lru_cache(maxsize=4096)
def phrase(words: str) -> re.Pattern[str] | None:
    """A pattern that finds these words, together, in a `searched` text."""
    return compile_terms([words])
