"""Papers and editions for programs: what the JSON API answers and what a webhook posts. The models
are the schema, too."""

from __future__ import annotations

from datetime import date

from pydantic import BaseModel

from digest.model import Edition, Paper, Pick, StoredEdition
from digest.text import safe_url


class ReasonData(BaseModel):
    """Why a paper was picked."""

    kind: str
    evidence: list[str]


class PaperData(BaseModel):
    """A paper as its sources tell of it."""

    id: str
    title: str
    authors: list[str]
    url: str
    pdf_url: str
    code_url: str
    doi: str
    categories: list[str]
    announced: date | None
    abstract: str
    summary: str
    upvotes: int | None
    citations: int | None


class PickData(PaperData):
    """A paper of an edition, and why it is there."""

    rank: int
    key_sentence: str
    section: str
    interest: str
    score: float
    closeness: str | None
    reasons: list[ReasonData]


class EditionHead(BaseModel):
    """An edition without its papers."""

    date: date
    subject: str
    basis: str
    n_new: int


class EditionData(EditionHead):
    """An edition as it was chosen."""

    papers: list[PickData]


class SourceData(BaseModel):
    """What was read of a source; nothing wrong: no fault."""

    name: str
    n_papers: int
    fault: str


class PostedEdition(EditionData):
    """An edition as a webhook gets it: no address."""

    version: int = 1
    reader: str
    note: str
    sources: list[SourceData]


def paper_data(paper: Paper) -> PaperData:
    return PaperData.model_validate(_paper(paper))


def _paper(paper: Paper) -> dict[str, object]:
    return {
        "id": paper.id,
        "title": paper.plain_title,
        "authors": list(paper.authors),
        "url": safe_url(paper.url),
        "pdf_url": safe_url(paper.pdf_url),
        "code_url": safe_url(paper.signals.github_url),
        "doi": paper.doi,
        "categories": list(paper.categories),
        "announced": paper.announced,
        "abstract": paper.abstract,
        "summary": paper.signals.summary,
        "upvotes": paper.signals.upvotes,
        "citations": paper.signals.citations,
    }


def _pick(pick: Pick) -> PickData:
    about = _paper(pick.paper)
    if pick.summary:
        about["summary"] = pick.summary.sentence
    return PickData.model_validate(
        about
        | {
            "rank": pick.rank,
            "key_sentence": pick.key_sentence,
            "section": pick.section.value,
            "interest": pick.interest,
            "score": round(pick.score, 4),
            "closeness": pick.closeness.value if pick.closeness else None,
            "reasons": [{"kind": r.kind.value, "evidence": list(r.evidence)} for r in pick.reasons],
        }
    )


def edition_head(edition: Edition | StoredEdition) -> EditionHead:
    return EditionHead(
        date=edition.edition_date,
        subject=edition.subject,
        basis=edition.basis.value,
        n_new=edition.n_new,
    )


def edition_data(edition: Edition | StoredEdition) -> EditionData:
    papers = [_pick(p) for p in edition.picks]
    return EditionData(**edition_head(edition).model_dump(), papers=papers)


def posted_edition(edition: Edition) -> PostedEdition:
    return PostedEdition(
        **dict(edition_data(edition)),
        reader=edition.subscriber.id,
        note=edition.note,
        sources=[
            SourceData(name=s.name, n_papers=s.n_papers, fault=s.fault) for s in edition.sources
        ],
    )
