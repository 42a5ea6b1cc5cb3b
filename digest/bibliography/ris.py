"""RIS, which Zotero, Mendeley, EndNote and others read."""

from __future__ import annotations

from collections.abc import Sequence

from digest.bibliography.facts import facts_of, inverted_or
from digest.bibliography.keys import citation_keys
from digest.model import Paper


def write(papers: Sequence[Paper]) -> str:
    keys = citation_keys(papers)
    return "\n".join(_record(p, key) for p, key in zip(papers, keys, strict=True))


def _record(paper: Paper, key: str) -> str:
    facts = facts_of(paper)
    date = facts.date.replace("-", "/")
    lines = [
        ("TY", "UNPB" if facts.is_preprint else "JOUR" if facts.journal else "GEN"),
        ("ID", key),
        ("TI", facts.title),
        *(("AU", inverted_or(a) or _literal(a)) for a in facts.authors),
        ("PY", facts.year),
        ("DA", date if len(date) > 4 else ""),
        ("T2", facts.journal),
        ("DO", facts.doi),
        ("N1", f"arXiv:{facts.arxiv}" if facts.arxiv else ""),
        ("N1", f"PMID: {facts.pmid}" if facts.pmid else ""),
        ("M3", facts.other),
        ("UR", facts.url),
        ("LA", facts.language),
        *(("KW", c) for c in facts.categories),
        ("AB", facts.abstract),
    ]
    return "\n".join([*(f"{tag}  - {value}" for tag, value in lines if value), "ER  - ", ""])


def _literal(name: str) -> str:
    """A name that is not to be turned: EndNote's comma behind it says so."""
    return f"{name.replace(',', ',,')}," if "," in name else name
