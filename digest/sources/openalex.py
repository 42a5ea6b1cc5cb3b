"""OpenAlex: works of any field by a filter, with abstracts as inverted indices."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, time
from typing import Any, Literal
from urllib.parse import urlencode

from pydantic import StrictStr, model_validator

from digest.errors import LibraryError, SourceError, SourceMalformed
from digest.fetcher import Fetcher
from digest.fields import Url
from digest.identifiers import author_id, parse_doi, parse_pmid
from digest.identity import canonical_id
from digest.markup import plain
from digest.model import Listing, Paper, Signals
from digest.ports import FetchRequest, Likes
from digest.sources.base import BaseSource, KeyOf, NamedSourceSettings
from digest.sources.payload import (
    MAX_ABSTRACT_CHARS,
    MAX_AUTHORS,
    MAX_TITLE_CHARS,
    Page,
    count,
    language_of,
    listing,
    moment,
    once,
    out_of,
    parse_json,
    read_pages,
    records,
    stated_total,
    table,
    text,
    window,
)
from digest.sources.publishers import without_heading
from digest.text import clean, safe_url, unfolded

MAX_PAGES, PER_PAGE = 50, 200
INTERVAL_S = 0.2
#: OpenAlex learns of a work some days after it came out
OVERLAP_DAYS, FIRST_DAYS = 4, 4
_FIELDS = (
    "id,doi,title,display_name,publication_date,type,authorships,primary_location,"
    "primary_topic,abstract_inverted_index,language,ids,cited_by_count"
)


#: works that an author cites most often
MAX_REFERENCES = 300
#: how its filter calls a name
_FILTERS = {"doi:": "doi", "pmid:": "pmid", "openalex:": "openalex"}


def parse(
    body: bytes, *, url: str, today: date, source: str = "openalex"
) -> tuple[tuple[Paper, ...], str]:
    """The works of one page, and the cursor of the next; empty at the end.

    Raises:
        SourceMalformed: it is not an answer of this API.
    """
    data = parse_json(body, url)
    if not isinstance(data, dict) or not isinstance(data.get("results"), list):
        detail = text(data, "message") if isinstance(data, dict) else ""
        said = f": {detail[:200]}" if detail else ""
        raise SourceMalformed(f"{url} sent no list of works{said}.")
    papers = tuple(p for r in records(data, "results") if (p := _paper(r, today, source)))
    return papers, text(table(data, "meta"), "next_cursor")


def _paper(work: Mapping[str, Any], today: date, source: str) -> Paper | None:
    title = plain(text(work, "title") or text(work, "display_name"))
    if not title:
        return None
    location = table(work, "primary_location")
    doi = parse_doi(text(work, "doi"))
    page = safe_url(text(location, "landing_page_url")) or safe_url(text(work, "doi"))
    out = moment(text(work, "publication_date"), _end_of(today))
    topic = table(work, "primary_topic")
    field = text(table(topic, "field"), "display_name")
    subject = text(topic, "display_name")
    return Paper(
        id=canonical_id(doi=doi, url=page, guid=text(work, "id"), title=title),
        title=title[:MAX_TITLE_CHARS],
        abstract=without_heading(
            plain(unfolded(table(work, "abstract_inverted_index"), MAX_ABSTRACT_CHARS))
        )[:MAX_ABSTRACT_CHARS],
        authors=tuple(
            name
            for a in records(work, "authorships")
            if (name := text(table(a, "author"), "display_name"))
        ),
        url=page or safe_url(text(work, "id")),
        pdf_url=safe_url(text(location, "pdf_url")),
        doi=doi,
        categories=tuple(c for c in (subject, field) if c),
        primary_category=subject or field,
        published=out,
        announced=out.date() if out else today,
        journal_ref=text(table(location, "source"), "display_name"),
        source=source,
        signals=Signals(citations=count(work, "cited_by_count")),
        affiliations=once(
            text(i, "display_name")
            for a in records(work, "authorships")
            for i in records(a, "institutions")
        ),
        author_ids=once(
            (
                f"{known} {text(author, 'display_name')}"
                for author in (table(a, "author") for a in records(work, "authorships"))
                for known in (author_id(text(author, "orcid")), author_id(text(author, "id")))
                if known
            ),
            limit=MAX_AUTHORS,
        ),
        language=language_of(text(work, "language")),
        aliases=tuple(
            [f"openalex:{text(work, 'id').rsplit('/', 1)[-1]}"]
            + [f"pmid:{p}" for p in [parse_pmid(text(table(work, "ids"), "pmid"))] if p]
        ),
    )


def _end_of(day: date) -> datetime:

    return datetime.combine(day, time(23, 59), tzinfo=UTC)


class OpenAlexApi:
    """Works by DOI, PMID and its own ids; works of an author.

    Args:
        key: of the service, if there is one; it stands in no message.
    """

    name, batch = "OpenAlex", 50

    def __init__(
        self,
        fetcher: Fetcher,
        *,
        key: str = "",
        base_url: str = "https://api.openalex.org",
        allow_private: bool = False,
    ) -> None:
        self._fetcher, self._base_url = fetcher, base_url
        self._key, self._allow_private = key, allow_private

    def knows(self, name: str) -> bool:
        # a comma parts filters, a bar alternatives
        return name.startswith(tuple(_FILTERS)) and not re.search(r"[,|]", name)

    def find(self, names: Sequence[str], now: datetime) -> Mapping[str, Paper]:
        """The papers of these names; unknown ones are absent.

        Raises:
            SourceError: OpenAlex did not answer.
        """
        found: dict[str, Paper] = {}
        for prefix, filter in _FILTERS.items():
            asked = [n.removeprefix(prefix) for n in names if n.startswith(prefix)]
            if asked:
                query = {"filter": f"{filter}:{'|'.join(asked)}", "per-page": "200"}
                papers, _, _, _ = self.page(query, now.date())
                found |= out_of(names, papers)
        return found

    def by_title(self, paper: Paper, now: datetime) -> Sequence[Paper]:
        """Works with such a title, the likeliest first.

        Raises:
            SourceError: OpenAlex did not answer.
        """
        # a comma parts filters, a bar alternatives, and quotes and brackets are operators
        words = re.sub(r"[^\w\s-]+", " ", paper.plain_title)[:300]
        if not words.strip():
            return ()
        papers, *_ = self.page({"filter": f"title.search:{words}", "per-page": "5"}, now.date())
        return papers

    def page(
        self, query: Mapping[str, str], today: date, fields: str = _FIELDS
    ) -> tuple[tuple[Paper, ...], str, list[Mapping[str, Any]], int | None]:
        """One page of works: as papers, the cursor of the next page, as they were sent, and how
        many there are in all.

        Raises:
            SourceError: OpenAlex did not answer, or something else.
        """
        url = f"{self._base_url}/works?{urlencode({'select': fields, **query})}"
        got = self._fetcher.get(
            url,
            accept="application/json",
            allow_private=self._allow_private,
            min_interval_s=INTERVAL_S,
            secret_query={"api_key": self._key},
        )
        papers, cursor = parse(got.body, url=url, today=today)
        answer = parse_json(got.body, url)
        return (
            papers,
            cursor,
            records(answer, "results"),
            stated_total(table(answer, "meta"), "count"),
        )


class AuthorWorks:
    """An author's own works, and if asked what they cite: both say what the author likes.

    Args:
        author: an ORCID iD, or OpenAlex's id of an author.
        references: whether what their works cite counts, too; what is cited most often first.
        today: authors publish seldom, so nobody is asked for twice a day.

    Raises:
        LibraryError: `author` is neither.
    """

    def __init__(
        self,
        api: OpenAlexApi,
        author: str,
        *,
        references: bool = False,
        clock: Callable[[], datetime],
    ) -> None:
        self._api, self._references, self._clock = api, references, clock
        self._id = author_id(author)
        if not self._id:
            raise LibraryError(
                f'"{author}" is no author; write an ORCID iD like 0000-0002-1825-0097 or an id of '
                "OpenAlex like A5023888391."
            )

    @property
    def name(self) -> str:
        return f"author:{self._id}" + (" with references" if self._references else "")

    def read(self, memory: str) -> tuple[Likes | None, str]:
        """Their works; None if they were asked for today already.

        Raises:
            LibraryError: OpenAlex did not answer, or knows no such author.
        """
        now = self._clock()
        stamp = f"{self.name} {now.date()}"
        if memory == stamp:
            return None, memory
        try:
            return self._works(now), stamp
        except SourceError as error:
            raise LibraryError(f"{self.name} cannot be read: {error}", place=self.name) from error

    def _works(self, now: datetime) -> Likes:
        kind = "author.orcid" if "-" in self._id else "author.id"
        papers: dict[str, Paper] = {}
        cited: Counter[str] = Counter()
        cursor = "*"
        for _ in range(MAX_PAGES):
            query = {"filter": f"{kind}:{self._id}", "per-page": str(PER_PAGE), "cursor": cursor}
            fields = f"{_FIELDS},referenced_works" if self._references else _FIELDS
            found, cursor, works, _ = self._api.page(query, now.date(), fields)
            papers.update({p.id: p for p in found if p.id not in papers})
            for work in works if self._references else ():
                refs = work.get("referenced_works")
                cited.update(
                    f"openalex:{r.rsplit('/', 1)[-1]}"
                    for r in (refs if isinstance(refs, list) else ())
                    if isinstance(r, str)
                )
            if not works or not cursor:
                break
        if not papers:
            raise LibraryError(f"OpenAlex knows no works of {self._id}.", place=self.name)
        most_cited = sorted(cited, key=lambda r: (-cited[r], r))[:MAX_REFERENCES]
        return Likes(papers=tuple(papers.values()), refs=tuple(most_cited))


class OpenAlexSource(BaseSource):
    """Works that match a filter, by the day they came out.

    Args:
        filter: as OpenAlex writes it, such as "topics.id:T10017,language:en"; the dates are added.
        search: words that title or abstract must have, instead of or besides the filter.
    """

    def __init__(
        self,
        fetcher: Fetcher,
        *,
        filter: str = "",
        search: str = "",
        base_url: str = "https://api.openalex.org",
        name: str = "",
        allow_private: bool = False,
        key: str = "",
    ) -> None:
        self.name = name or "OpenAlex"
        self._filter, self._search = clean(filter), clean(search)
        self._api = OpenAlexApi(fetcher, key=key, base_url=base_url, allow_private=allow_private)

    def fetch(self, request: FetchRequest) -> Listing:
        """All pages of the days since the last fetch, and of some before."""
        first, last = window(request, overlap=OVERLAP_DAYS, first=FIRST_DAYS)
        dates = f"from_publication_date:{first},to_publication_date:{last}"
        query = {"filter": f"{self._filter},{dates}" if self._filter else dates}
        query |= {"search": self._search} if self._search else {}
        query |= {"per-page": str(PER_PAGE)}
        papers: dict[str, Paper] = {}
        cursor = "*"

        def read() -> Page:
            nonlocal cursor
            found, following, works, total = self._api.page(query | {"cursor": cursor}, last)
            papers.update({p.id: p for p in found if p.id not in papers})
            cursor = following or cursor
            return Page(len(works), total, more=bool(following))

        fault = read_pages(read, MAX_PAGES, "works")
        return listing(self.name, papers.values(), request, (first, last), fault)


class OpenAlexSettings(NamedSourceSettings):
    kind: Literal["openalex"]
    filter: StrictStr = ""
    search: StrictStr = ""
    base_url: Url = "https://api.openalex.org"

    @model_validator(mode="after")
    def _check_narrow(self) -> OpenAlexSettings:
        if not (self.filter.strip() or self.search.strip()):
            raise ValueError("OpenAlex lists everything there is; set filter or search")
        return self

    def build(self, fetcher: Fetcher, key_of: KeyOf) -> list[BaseSource]:
        return [OpenAlexSource(fetcher, **self.options(), key=key_of("openalex"))]
