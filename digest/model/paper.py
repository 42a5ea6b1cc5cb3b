"""Papers, and what sources say of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from digest.latex import readable


@dataclass(frozen=True, slots=True, kw_only=True)
class Signals:
    """What readers elsewhere make of a paper. Never part of its identity."""

    upvotes: int | None = None
    comments: int | None = None
    github_url: str = ""
    github_stars: int | None = None
    project_url: str = ""
    discussion_url: str = ""
    thumbnail_url: str = ""
    organization: str = ""
    #: who brought it to the readers there
    submitter: str = ""
    #: one sentence by somebody else's language model, as the source sends it
    summary: str = ""
    #: whose model that is, if not Hugging Face's
    summary_by: str = ""
    citations: int | None = None
    #: at Hugging Face, those whose cards name it
    models: int | None = None
    datasets: int | None = None
    demos: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Paper:
    """One work, whatever number of sources listed it."""

    #: canonical: "arxiv:2405.01234", "doi:10.1000/x", "pmid:1234", "feed:<hash>", "text:<hash>"
    id: str
    title: str = ""
    abstract: str = ""
    authors: tuple[str, ...] = ()
    url: str = ""
    pdf_url: str = ""
    doi: str = ""
    version: int | None = None
    categories: tuple[str, ...] = ()
    primary_category: str = ""
    #: when the first version came out
    published: datetime | None = None
    updated: datetime | None = None
    #: date of the listing that announced it, in the source's own zone
    announced: date | None = None
    #: arXiv's own word: new, cross, replace or replace-cross; "published" where a listing brings
    #: the journal version of a preprint that was known
    announce_type: str = "new"
    comment: str = ""
    journal_ref: str = ""
    source: str = ""
    signals: Signals = Signals()
    #: where the authors work, as the source writes it, each once
    affiliations: tuple[str, ...] = ()
    #: registers' ids of its authors, each with the name: "0000-0002-1825-0097 Ada Lovelace"
    author_ids: tuple[str, ...] = ()
    #: ISO 639-1, such as "en"; empty where the source does not say
    language: str = ""
    #: what else it is called: "pmid:1234", the DOI of another version, ids of merged records
    aliases: tuple[str, ...] = ()

    @property
    def arxiv_id(self) -> str:
        """The bare arXiv id, or an empty string."""
        names = (self.id, *self.aliases)
        return next((n[6:] for n in names if n.startswith("arxiv:")), "")

    @property
    def plain_title(self) -> str:
        """The title as a person reads it."""
        return readable(self.title)

    @property
    def text(self) -> str:
        """Title and abstract as a person reads them: what is ranked, searched and filtered.

        One line each.
        """
        return f"{self.plain_title}\n{readable(self.abstract)}"

    @property
    def is_replacement(self) -> bool:
        return self.announce_type.startswith("replace")


@dataclass(frozen=True, slots=True, kw_only=True)
class Validators:
    """What a server gave us to ask "has it changed?" next time."""

    url: str
    etag: str = ""
    last_modified: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """What one source said in one fetch."""

    source: str
    papers: tuple[Paper, ...]
    fetched_at: datetime
    #: False: something is missing, `fault` says what; fetch again
    complete: bool = True
    fault: str = ""
    #: worth telling, and nothing that another fetch would mend
    remark: str = ""
    #: a list that shows its papers for many days, not only on one: each is listed once
    rolling: bool = False
    #: the server said that nothing changed since the last fetch
    unchanged: bool = False
    #: listing days (source's zone) that this fetch covers whole, empty days among them
    days: tuple[date, ...] = ()
    validators: tuple[Validators, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ListingEntry:
    """A paper in one listing. `id` only ever grows: it is the clock of what is new to whom."""

    id: int
    paper_id: str
    source: str
    listed_on: date
    announce_type: str
    first_seen: datetime
