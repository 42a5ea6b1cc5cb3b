"""Crossref: what the journals of some ISSNs registered lately."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

from pydantic import Field, StrictStr, field_validator

from digest.errors import SourceError, SourceMalformed
from digest.fetcher import Fetcher
from digest.fields import Url
from digest.identifiers import author_id, doi_name, parse_doi
from digest.identity import canonical_id
from digest.latex import readable
from digest.markup import plain
from digest.model import Listing, Paper
from digest.ports import FetchRequest
from digest.sources.base import BaseSource, KeyOf, NamedSourceSettings, ask_json
from digest.sources.payload import (
    MAX_ABSTRACT_CHARS,
    MAX_AUTHORS,
    MAX_TITLE_CHARS,
    Page,
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
from digest.text import clean, fold, safe_url

MAX_PAGES, PER_PAGE = 20, 100
INTERVAL_S = 1.0
OVERLAP_DAYS, FIRST_DAYS = 1, 4
#: editorials' front matter and the like have no text to rank
_TYPES = frozenset({"journal-article", "proceedings-article", "posted-content", "book-chapter"})

#: relations to another version of the same work
_SAME_WORK = ("has-preprint", "is-preprint-of", "is-version-of", "has-version", "is-identical-to")


def parse(body: bytes, *, url: str, now: datetime) -> tuple[tuple[Paper, ...], str, Page]:
    """The works of one answer, the cursor of the next page, and how much this one held.

    A single work, as Crossref gives it for a DOI, is read too.

    Raises:
        SourceMalformed: it is not an answer of this API.
    """
    data = parse_json(body, url)
    message = table(data, "message") if isinstance(data, dict) else {}
    items = records(message, "items") if "items" in message else [message] if message else []
    if not message:
        raise SourceMalformed(f"{url} sent no list of works.")
    papers = tuple(p for r in items if (p := _paper(r, now)) is not None)
    cursor = text(message, "next-cursor")
    # without a total a page that is not full is the last
    more = bool(cursor) and len(items) >= PER_PAGE
    return papers, cursor, Page(len(items), stated_total(message, "total-results"), more=more)


def _first(record: Mapping[str, Any], key: str) -> str:
    value = record.get(key)
    if isinstance(value, list):
        value = next((v for v in value if isinstance(v, str)), "")
    return plain(value) if isinstance(value, str) else ""


def _paper(item: Mapping[str, Any], now: datetime) -> Paper | None:
    doi, title = parse_doi(text(item, "DOI")), _first(item, "title")
    subtitle = _first(item, "subtitle")
    if subtitle and fold(subtitle) not in fold(title):
        title = f"{title.rstrip(' :')}: {subtitle}" if title else ""
    kind = text(item, "type")
    if not doi or not title or (kind and kind not in _TYPES):
        return None
    registered = moment(text(table(item, "created"), "date-time"), now)
    out = _date(table(item, "published")) or _date(table(item, "issued"))
    subjects = item.get("subject")
    return Paper(
        id=canonical_id(doi=doi),
        title=title[:MAX_TITLE_CHARS],
        abstract=without_heading(plain(text(item, "abstract")))[:MAX_ABSTRACT_CHARS],
        authors=tuple(n for a in records(item, "author") if (n := _name(a))),
        url=safe_url(text(item, "URL")) or f"https://doi.org/{doi}",
        doi=doi,
        categories=tuple(
            clean(s) for s in (subjects if isinstance(subjects, list) else ()) if isinstance(s, str)
        )[:4],
        published=min(out, now) if out else registered,
        announced=registered.date() if registered else now.date(),
        journal_ref=_first(item, "container-title"),
        source="crossref",
        affiliations=once(
            text(a, "name") for n in records(item, "author") for a in records(n, "affiliation")
        ),
        author_ids=once(
            (
                f"{known} {_name(a)}"
                for a in records(item, "author")
                if (known := author_id(text(a, "ORCID")))
            ),
            limit=MAX_AUTHORS,
        ),
        language=language_of(text(item, "language")),
        aliases=tuple(
            doi_name(other)
            for kind in _SAME_WORK
            for r in records(table(item, "relation"), kind)
            if (other := parse_doi(text(r, "id"))) and other != doi
        ),
    )


def _name(author: Mapping[str, Any]) -> str:
    return text(author, "name") or clean(f"{text(author, 'given')} {text(author, 'family')}")


def _date(record: Mapping[str, Any]) -> datetime | None:
    parts = record.get("date-parts")
    numbers = parts[0] if isinstance(parts, list) and parts and isinstance(parts[0], list) else []
    try:
        year, month, day = ([int(n) for n in numbers if n is not None] + [1, 1])[:3]
        return datetime(year, month, day, tzinfo=UTC)
    except (TypeError, ValueError):
        return None


class CrossrefApi:
    """Works by DOI."""

    name, batch = "Crossref", 20

    def __init__(
        self,
        fetcher: Fetcher,
        *,
        base_url: str = "https://api.crossref.org",
        allow_private: bool = False,
    ) -> None:
        self._fetcher, self._base_url = fetcher, base_url
        self._allow_private = allow_private

    def knows(self, name: str) -> bool:
        return name.startswith("doi:") and "," not in name  # which parts filters

    def find(self, names: Sequence[str], now: datetime) -> Mapping[str, Paper]:
        """The papers of these names; unknown ones are absent.

        Raises:
            SourceError: Crossref did not answer.
        """
        query = {"filter": ",".join(names), "rows": str(len(names))}
        url = f"{self._base_url}/works?{urlencode(query, safe=':,')}"
        body = ask_json(
            self._fetcher, url, allow_private=self._allow_private, interval_s=INTERVAL_S
        )
        return out_of(names, parse(body, url=url, now=now)[0])

    def by_title(self, paper: Paper, now: datetime) -> Sequence[Paper]:
        """Works with such a title and author, the likeliest first.

        Raises:
            SourceError: Crossref did not answer.
        """
        query = {"query.bibliographic": readable(paper.title)[:300], "rows": "3"}
        if paper.authors:
            query["query.author"] = paper.authors[0]
        url = f"{self._base_url}/works?{urlencode(query)}"
        body = ask_json(
            self._fetcher, url, allow_private=self._allow_private, interval_s=INTERVAL_S
        )
        return parse(body, url=url, now=now)[0]


class CrossrefSource(BaseSource):
    """New works of journals, one query an ISSN."""

    def __init__(
        self,
        fetcher: Fetcher,
        *,
        issn: Sequence[str],
        base_url: str = "https://api.crossref.org",
        name: str = "",
        allow_private: bool = False,
    ) -> None:
        self.name = name or "Crossref"
        self._fetcher, self._issn, self._base_url = fetcher, tuple(issn), base_url
        self._allow_private = allow_private

    def fetch(self, request: FetchRequest) -> Listing:
        """Of each journal what was registered since the last fetch; one that fails costs itself."""
        first, last = window(request, overlap=OVERLAP_DAYS, first=FIRST_DAYS)
        papers: dict[str, Paper] = {}
        errors: list[SourceError] = []
        faults: list[str] = []
        for issn in self._issn:
            try:
                if fault := self._journal(issn, first, last, request.now, papers):
                    faults.append(f"{issn}: {fault}")
            except SourceError as error:
                errors.append(error)
        if len(errors) == len(self._issn):
            raise errors[-1]
        fault = "; ".join([*faults, *map(str, errors)])
        return listing(self.name, papers.values(), request, (first, last), fault)

    def _journal(
        self, issn: str, first: date, last: date, now: datetime, papers: dict[str, Paper]
    ) -> str:
        """Collect the works of one journal; returns what is missing."""
        query = {
            "filter": f"from-created-date:{first},until-created-date:{last}",
            "rows": str(PER_PAGE),
        }
        cursor = "*"

        def read() -> Page:
            nonlocal cursor
            url = f"{self._base_url}/journals/{issn}/works?{urlencode(query | {'cursor': cursor})}"
            body = ask_json(
                self._fetcher, url, allow_private=self._allow_private, interval_s=INTERVAL_S
            )
            found, following, page = parse(body, url=url, now=now)
            for paper in found:
                papers.setdefault(paper.id, paper)
            cursor = following or cursor
            # a page that is not full may still be followed by others
            return replace(page, more=bool(following)) if page.total is not None else page

        return read_pages(read, MAX_PAGES, "works")


class CrossrefSettings(NamedSourceSettings):
    kind: Literal["crossref"]
    issn: Annotated[tuple[StrictStr, ...], Field(min_length=1, max_length=100)]
    base_url: Url = "https://api.crossref.org"

    @field_validator("issn")
    @classmethod
    def _check_issn(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for issn in value:
            if not re.fullmatch(r"\d{4}-\d{3}[\dXx]", issn):
                raise ValueError(f'"{issn}" is not an ISSN; they look like "1476-4687"')
        return value

    def build(self, fetcher: Fetcher, key_of: KeyOf) -> list[BaseSource]:
        return [CrossrefSource(fetcher, **self.options())]
