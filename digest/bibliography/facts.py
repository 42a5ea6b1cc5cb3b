"""What formats say of a paper, put the same way for all of them."""

from __future__ import annotations

from dataclasses import dataclass

from digest.authors import inverted_name, natural_name
from digest.latex import readable
from digest.model import Paper


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """A paper in plain text; empty where nothing is known."""

    title: str
    abstract: str
    authors: tuple[str, ...]
    #: "2024", "2024-05" is never known alone, "2024-05-02"
    date: str
    journal: str
    doi: str
    arxiv: str
    pmid: str
    #: of a register without a form of its own: "pmc:…", "s2:…", "openalex:…"
    other: str
    url: str
    language: str
    categories: tuple[str, ...]

    @property
    def year(self) -> str:
        return self.date[:4]

    @property
    def is_preprint(self) -> bool:
        return bool(self.arxiv) and not self.journal


def facts_of(paper: Paper) -> Facts:
    names = (paper.id, *paper.aliases)

    def register(prefix: str) -> str:
        return next((n.removeprefix(prefix) for n in names if n.startswith(prefix)), "")

    date = ""
    if paper.published is not None:
        day = paper.published.date()
        # of most entries of a library only the year is known
        date = f"{day.year:04}" if (day.month, day.day) == (1, 1) else day.isoformat()
    other = next((n for n in names if n.startswith(("pmc:", "s2:", "openalex:"))), "")
    return Facts(
        title=paper.plain_title,
        abstract=readable(paper.abstract),
        authors=paper.authors,
        date=date,
        journal=readable(paper.journal_ref),
        doi=paper.doi or register("doi:"),
        arxiv=paper.arxiv_id,
        pmid=register("pmid:"),
        other=other,
        url=paper.url,
        language=paper.language,
        categories=paper.categories,
    )


def inverted_or(name: str) -> str | None:
    """A name with the family name first, where it comes back as it is; else nothing."""
    inverted = inverted_name(name)
    return inverted if natural_name(inverted) == name else None
