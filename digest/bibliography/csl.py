"""CSL-JSON, which Zotero, Pandoc and citation processors read."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from digest.bibliography.facts import facts_of, inverted_or
from digest.bibliography.keys import citation_keys
from digest.model import Paper


def write(papers: Sequence[Paper]) -> str:
    keys = citation_keys(papers)
    items = [_item(p, key) for p, key in zip(papers, keys, strict=True)]
    return json.dumps(items, ensure_ascii=False, indent=2) + "\n"


def _item(paper: Paper, key: str) -> dict[str, Any]:
    facts = facts_of(paper)
    item: dict[str, Any] = {
        "id": key,
        "type": "article-journal" if facts.journal else "article",
        "title": facts.title,
        "author": [_name(a) for a in facts.authors],
        "issued": {"date-parts": [[int(p) for p in facts.date.split("-")]]} if facts.date else None,
        "container-title": facts.journal,
        "DOI": facts.doi,
        "PMID": facts.pmid,
        "archive": "arXiv" if facts.arxiv else "",
        "number": f"arXiv:{facts.arxiv}" if facts.arxiv else "",
        "note": facts.other,
        "URL": facts.url,
        "language": facts.language,
        "keyword": ", ".join(facts.categories),
        "abstract": facts.abstract,
    }
    return {name: value for name, value in item.items() if value}


def _name(name: str) -> dict[str, str]:
    inverted = inverted_or(name)
    if inverted is None or inverted == name or inverted.count(",") != 1:
        return {"literal": name}
    family, given = inverted.split(", ", 1)
    return {"family": family, "given": given}
