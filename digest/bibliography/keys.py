"""Citation keys: the same for a paper whatever else is exported with it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence

from digest.authors import inverted_name
from digest.model import Paper
from digest.text import fold

#: words of the title that stand in a key
N_WORDS = 2
#: words that no key needs; a list of its own, since a key that changed would break documents
_EMPTY = frozenset(
    "a about all an and are as at be been between by can do does for from has have how i if "
    "in into is it its more most new no not of off on one or our out over s so some such "
    "than that the their them then there these they this those to toward towards two under "
    "up upon using via was we were what when where which while who why with without you "
    "your".split()
)


def citation_key(paper: Paper) -> str:
    """First author, year and first words of the title, as in "vaswani2017attentionneed"."""
    family = inverted_name(paper.authors[0]).partition(",")[0] if paper.authors else ""
    author = _ascii(fold(family))
    year = str(paper.published.year) if paper.published else ""
    words = [w for t in re.findall(r"[^\W_]+", fold(paper.plain_title)) if (w := _ascii(t))]
    told = [w for w in words if w not in _EMPTY and len(w) > 1]
    key = f"{author}{year}{''.join(told[:N_WORDS])}"
    # of titles and names in other letters nothing may be left
    return key if re.search(r"[a-z]", key) else f"paper{year}{_mark(paper)}"


def citation_keys(papers: Sequence[Paper]) -> list[str]:
    """A key a paper, in their order. Where two would have one, all but the one of the first id get
    a mark of their id behind it."""
    wanted = [citation_key(p) for p in papers]
    first: dict[str, str] = {}
    for key, paper in zip(wanted, papers, strict=True):
        first[key] = min(first.get(key, paper.id), paper.id)
    return [
        key if first[key] == paper.id else f"{key}-{_mark(paper)}"
        for key, paper in zip(wanted, papers, strict=True)
    ]


def _ascii(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text)


def _mark(paper: Paper) -> str:
    return hashlib.sha256(paper.id.encode()).hexdigest()[:6]
