"""BibTeX, which BibLaTeX and every reference manager read, too."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date

from digest.bibliography.facts import facts_of, inverted_or
from digest.bibliography.keys import citation_keys
from digest.model import Paper

_MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split()
_ESCAPES = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "%": r"\%",
    "#": r"\#", "_": r"\_", "^": r"\textasciicircum{}", "~": r"\textasciitilde{}",
    "`": r"\textasciigrave{}", "<": r"\textless{}", ">": r"\textgreater{}",
}  # fmt: skip
_SPECIAL = re.compile("[" + re.escape("".join(_ESCAPES)) + r"]|--+|''+")
#: a word whose capitals a style must keep: GPT, BERT, DNA, but not the first letter of a title
_CAPITALS = re.compile(r"(?<![\\{\w])[\w-]*\w[A-Z][\w-]*")


def write(papers: Sequence[Paper]) -> str:
    keys = citation_keys(papers)
    return "\n".join(_entry(p, key) for p, key in zip(papers, keys, strict=True))


def escaped(text: str) -> str:
    """A plain text as LaTeX that shows the same."""
    return _SPECIAL.sub(lambda m: _ESCAPES.get(m[0]) or "{}".join(m[0]), text)


def _entry(paper: Paper, key: str) -> str:
    facts = facts_of(paper)
    day = date.fromisoformat(facts.date) if len(facts.date) > 4 else None
    fields = {
        "title": _CAPITALS.sub(lambda m: f"{{{m[0]}}}", escaped(facts.title)),
        "author": " and ".join(map(_author, facts.authors)),
        "journal": escaped(facts.journal),
        "year": facts.year,
        "month": _MONTHS[day.month - 1] if day else "",
        "day": str(day.day) if day else "",
        "doi": facts.doi,
        "eprint": facts.arxiv,
        "archiveprefix": "arXiv" if facts.arxiv else "",
        "primaryclass": paper.primary_category if facts.arxiv else "",
        "pmid": facts.pmid,
        "url": facts.url,
        "language": facts.language,
        "keywords": escaped(", ".join(facts.categories)),
        "note": escaped(facts.other),
        "abstract": escaped(facts.abstract),
    }
    kind = "article" if facts.journal else "misc"
    lines = [
        f"  {name} = {value if name == 'month' else f'{{{value}}}'},"
        for name, value in fields.items()
        if value
    ]
    return "\n".join([f"@{kind}{{{key},", *lines, "}", ""])


def _author(name: str) -> str:
    """Family name first where that is sure; else in braces, which keep a name whole."""
    inverted = inverted_or(name)
    if inverted is None or re.search(r"\band\b", name, re.IGNORECASE) or "," not in inverted:
        return f"{{{escaped(name)}}}"
    return escaped(inverted)
