"""Markdown, for notes and mails: a line a paper."""

from __future__ import annotations

import re
from collections.abc import Sequence

from digest.bibliography.facts import facts_of
from digest.model import Paper

#: names before "et al."
MAX_AUTHORS = 4


def write(papers: Sequence[Paper]) -> str:
    return "".join(_line(p) for p in papers)


def _line(paper: Paper) -> str:
    facts = facts_of(paper)
    title = _plain(facts.title)
    authors = ", ".join(facts.authors[:MAX_AUTHORS])
    if len(facts.authors) > MAX_AUTHORS:
        authors += " et al."
    link = facts.url or (f"https://doi.org/{facts.doi}" if facts.doi else "")
    parts = [
        f"[{title}](<{link}>)" if link else title,
        _plain(authors),
        f"*{_plain(facts.journal)}*" if facts.journal else "",
        facts.year,
    ]
    said = ". ".join(p.rstrip(".") for p in parts if p)
    return f"- {said}.\n"


def _plain(text: str) -> str:
    """A text without what Markdown would read in it."""
    return re.sub(r"([\\`*_\[\]<>#|])", r"\\\1", text)
