"""Whether a mail says all that the papers in it say."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from digest.latex import lost_words, readable
from digest.model import Paper
from digest.proof.findings import Finding, error


def lost_in(papers: Iterable[Paper]) -> Iterator[Finding]:
    """Words of titles and abstracts that their readable form does not hold."""
    for paper in papers:
        for what, source in (("title", paper.title), ("abstract", paper.abstract)):
            lost = lost_words(source, readable(source))
            if lost:
                words = ", ".join(f'"{w}"' for w in lost[:5])
                yield error(
                    "text",
                    f"The {what} of {paper.id} is shown without {words}.",
                    "This is a fault of digest's reader of LaTeX; please report it.",
                )
