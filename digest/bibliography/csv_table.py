"""CSV, for spreadsheets."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from digest.bibliography.facts import facts_of
from digest.model import Paper

HEADER = (
    *("Title", "Authors", "Date", "Journal", "DOI", "arXiv ID", "PMID", "Identifier", "URL"),
    *("Language", "Categories", "Abstract"),
)
#: what makes a spreadsheet take a cell for a formula
_FORMULA = ("=", "+", "-", "@", "'")


def write(papers: Sequence[Paper]) -> str:
    out = io.StringIO()
    table = csv.writer(out, lineterminator="\n")
    table.writerow(HEADER)
    for paper in papers:
        facts = facts_of(paper)
        table.writerow(
            map(
                _cell,
                (
                    facts.title,
                    # the last semicolon says that even one name is a list
                    "".join(f"{a}; " for a in facts.authors).rstrip(),
                    facts.date,
                    facts.journal,
                    facts.doi,
                    facts.arxiv,
                    facts.pmid,
                    facts.other,
                    facts.url,
                    facts.language,
                    "; ".join(facts.categories),
                    facts.abstract,
                ),
            )
        )
    return out.getvalue()


def _cell(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text
