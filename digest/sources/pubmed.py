"""PubMed: what a query finds, by the E-utilities: esearch for the ids, efetch for the records."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from typing import Annotated, Literal
from urllib.parse import urlencode
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from pydantic import Field, StrictStr

from digest.errors import SourceError, SourceMalformed
from digest.fetcher import Fetcher
from digest.fields import Url
from digest.identifiers import author_id, parse_doi
from digest.identity import canonical_id
from digest.markup import plain
from digest.model import Listing, Paper
from digest.ports import FetchRequest
from digest.sources.base import BaseSource, KeyOf, NamedSourceSettings
from digest.sources.payload import (
    MAX_ABSTRACT_CHARS,
    MAX_AUTHORS,
    MAX_TITLE_CHARS,
    Page,
    language_of,
    listing,
    once,
    parse_json,
    read_pages,
    short_of,
    table,
    text,
    window,
)
from digest.text import clean

#: records in one efetch, ids in one esearch, and ids in all
BATCH, PER_PAGE, MAX_IDS = 200, 1000, 5000
#: without a key three requests a second are allowed
INTERVAL_S, INTERVAL_WITH_KEY_S = 0.4, 0.12
OVERLAP_DAYS, FIRST_DAYS = 1, 3


def parse_ids(body: bytes, *, url: str) -> tuple[tuple[str, ...], int]:
    """The ids of one esearch answer, and how many there are in all.

    Raises:
        SourceMalformed: it is not an answer of this service, or it names an error.
    """
    data = parse_json(body, url)
    result = table(data, "esearchresult") if isinstance(data, dict) else {}
    fault = text(result, "ERROR") or (text(data, "error") if isinstance(data, dict) else "")
    ids = result.get("idlist")
    if fault or not isinstance(ids, list):
        raise SourceMalformed(f"{url} sent no list of ids{': ' + fault if fault else ''}.")
    found = tuple(str(i) for i in ids if re.fullmatch(r"\d{1,12}", str(i)))
    total = text(result, "count")
    return found, int(total) if total.isdigit() else len(found)


def parse_records(
    body: bytes, *, url: str, now: datetime
) -> tuple[tuple[Paper, ...], frozenset[str]]:
    """The articles of an efetch answer, and the ids of all its records: books and what has no
    title are no papers.

    Raises:
        SourceMalformed: it is not XML, or it declares entities.
    """
    if b"<!ENTITY" in body:
        raise SourceMalformed(f"{url} declares entities, which a list of articles does not need.")
    try:
        root = ElementTree.fromstring(body)
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise SourceMalformed(f"{url} sent something that is not XML: {error}.") from error
    papers = tuple(p for a in root.iter("PubmedArticle") if (p := _paper(a, now)) is not None)
    told = {_text(e) for kind in _RECORDS for e in root.findall(f"{kind}/PMID")}
    return papers, frozenset(told)


_RECORDS = (
    "PubmedArticle/MedlineCitation",
    "PubmedBookArticle/BookDocument",
    "DeleteCitation",
)


def _paper(record: ElementTree.Element, now: datetime) -> Paper | None:
    citation = record.find("MedlineCitation")
    article = citation.find("Article") if citation is not None else None
    if citation is None or article is None:
        return None
    pmid = _text(citation.find("PMID"))
    title = _text(article.find("ArticleTitle")) or _text(article.find("VernacularTitle"))
    if not pmid.isdigit() or not title:
        return None
    doi = next((d for d in _dois(record, article) if d), "")
    page = f"https://pubmed.ncbi.nlm.nih.gov/{pmid}/"
    entered = _entered(record)
    entered = min(entered, now) if entered else None
    return Paper(
        id=canonical_id(doi=doi, guid=page),
        title=_without_brackets(title)[:MAX_TITLE_CHARS],
        abstract=_abstract(article)[:MAX_ABSTRACT_CHARS],
        authors=tuple(_author(a) for a in article.findall("AuthorList/Author") if _author(a)),
        author_ids=once(
            (
                f"{known} {_author(a)}"
                for a in article.findall("AuthorList/Author")
                for e in a.findall("Identifier")
                if (known := author_id(_text(e))) and _author(a)
            ),
            limit=MAX_AUTHORS,
        ),
        url=page,
        doi=doi,
        published=entered,
        announced=(entered or now).date(),
        journal_ref=_text(article.find("Journal/Title")),
        source="pubmed",
        affiliations=once(
            _text(a).rstrip(".") for a in article.findall("AuthorList/Author/AffiliationInfo/*")
        ),
        language=language_of(_text(article.find("Language"))),
        aliases=(f"pmid:{pmid}",) if doi else (),
    )


def _without_brackets(title: str) -> str:
    """A title without the brackets that tell that it is a translation, and without its full stop.

    >>> _without_brackets("[The frog in winter].")
    'The frog in winter'
    """
    title = title.rstrip(".").rstrip()
    if title.startswith("[") and title.endswith("]") and "[" not in title[1:]:
        title = title[1:-1].rstrip(". ")
    return title


def _text(element: ElementTree.Element | None) -> str:
    """All text of an element: titles hold <i>, <sub> and MathML."""
    if element is None:
        return ""
    if len(element) == 0:
        return clean(element.text)
    parts = [escape(element.text or "")]
    parts += [ElementTree.tostring(child, encoding="unicode") for child in element]
    return plain("".join(parts))


def _abstract(article: ElementTree.Element) -> str:
    """The parts of a structured abstract with their labels."""
    parts = []
    for part in article.findall("Abstract/AbstractText"):
        label, said = clean(part.get("Label")), _text(part)
        if said:
            parts.append(f"{label.capitalize()}: {said}" if label else said)
    return " ".join(parts)


def _author(author: ElementTree.Element) -> str:
    given = _text(author.find("ForeName")) or _text(author.find("Initials"))
    name = clean(f"{given} {_text(author.find('LastName'))}")
    return name or _text(author.find("CollectiveName"))


def _dois(record: ElementTree.Element, article: ElementTree.Element) -> Iterator[str]:
    for element in record.findall("PubmedData/ArticleIdList/ArticleId"):
        if element.get("IdType") == "doi":
            yield parse_doi(_text(element))
    for element in article.findall("ELocationID"):
        if element.get("EIdType") == "doi":
            yield parse_doi(_text(element))


def _entered(record: ElementTree.Element) -> datetime | None:
    """When PubMed took it in."""
    found = {d.get("PubStatus"): d for d in record.findall("PubmedData/History/PubMedPubDate")}
    for status in ("entrez", "pubmed", "medline"):
        element = found.get(status)
        if element is not None:
            try:
                parts = [int(_text(element.find(k)) or 1) for k in ("Year", "Month", "Day")]
                return datetime(parts[0], parts[1], parts[2], tzinfo=UTC)
            except ValueError:
                continue
    return None


class PubMedSource(BaseSource):
    """What a query finds among the articles that PubMed took in lately.

    Args:
        query: as PubMed writes it, such as 'microbiome[tiab] AND "Nature"[jour]'.
    """

    def __init__(
        self,
        fetcher: Fetcher,
        *,
        query: str,
        base_url: str = "https://eutils.ncbi.nlm.nih.gov/entrez/eutils",
        name: str = "",
        allow_private: bool = False,
        key: str = "",
    ) -> None:
        self.name = name or "PubMed"
        self._key = key
        self._fetcher, self._query, self._base_url = fetcher, query, base_url
        self._allow_private = allow_private

    def fetch(self, request: FetchRequest) -> Listing:
        """Ids of the days since the last fetch, then their records."""
        first, last = window(request, overlap=OVERLAP_DAYS, first=FIRST_DAYS)
        ids, fault = self._ids(first, last)
        papers: dict[str, Paper] = {}
        missing: list[str] = []
        for start in range(0, len(ids), BATCH):
            try:
                missing += self._collect(ids[start : start + BATCH], request.now, papers)
            except SourceError as error:
                if not papers:
                    raise
                fault = fault or f"records from the {start + 1}st on are missing: {error}"
                break
        if missing:  # asked for once more, since what is left out by chance comes then
            try:
                missing = self._collect(missing[:BATCH], request.now, papers)
            except SourceError as error:
                fault = fault or str(error)
        fault = fault or short_of(len(ids) - len(missing), len(ids), "records")
        return listing(self.name, papers.values(), request, (first, last), fault)

    def _collect(self, ids: Sequence[str], now: datetime, papers: dict[str, Paper]) -> list[str]:
        """Add the records of some ids; returns the ids that were not answered."""
        found, told = self._records(ids, now)
        for paper in found:
            papers.setdefault(paper.id, paper)
        return [i for i in ids if i not in told]

    def _ids(self, first: date, last: date) -> tuple[list[str], str]:
        ids: list[str] = []

        def read() -> Page:
            query = {
                "db": "pubmed",
                "term": self._query,
                "datetype": "edat",
                "mindate": f"{first:%Y/%m/%d}",
                "maxdate": f"{last:%Y/%m/%d}",
                "retmode": "json",
                "retmax": str(PER_PAGE),
                "retstart": str(len(ids)),
            }
            url = f"{self._base_url}/esearch.fcgi?{urlencode(query)}"
            found, total = parse_ids(self._get(url, "application/json"), url=url)
            ids.extend(found)
            return Page(len(found), total)

        fault = read_pages(read, MAX_IDS // PER_PAGE, "ids")
        return list(dict.fromkeys(ids)), fault

    def _records(
        self, ids: Sequence[str], now: datetime
    ) -> tuple[tuple[Paper, ...], frozenset[str]]:
        query = {"db": "pubmed", "id": ",".join(ids), "retmode": "xml"}
        url = f"{self._base_url}/efetch.fcgi?{urlencode(query, safe=',')}"
        return parse_records(self._get(url, "application/xml"), url=url.split("&id=")[0], now=now)

    def _get(self, url: str, accept: str) -> bytes:
        got = self._fetcher.get(
            url,
            accept=accept,
            allow_private=self._allow_private,
            min_interval_s=INTERVAL_S if not self._key else INTERVAL_WITH_KEY_S,
            secret_query={"api_key": self._key},
        )
        return got.body


class PubMedSettings(NamedSourceSettings):
    kind: Literal["pubmed"]
    query: Annotated[StrictStr, Field(min_length=1, max_length=4000)]
    base_url: Url = "https://eutils.ncbi.nlm.nih.gov/entrez/eutils"

    def build(self, fetcher: Fetcher, key_of: KeyOf) -> list[BaseSource]:
        return [PubMedSource(fetcher, **self.options(), key=key_of("ncbi"))]
