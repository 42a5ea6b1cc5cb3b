"""Semantic Scholar: papers by any of their ids, and recommendations from what somebody likes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

from pydantic import Field, StrictInt

from digest.errors import LibraryError, SourceError, SourceMalformed, SourceUnavailable
from digest.fetcher import Fetcher
from digest.fields import Url
from digest.identifiers import arxiv_key, name_of, parse_arxiv_id, parse_doi
from digest.identity import canonical_id, names
from digest.markup import plain
from digest.model import Listing, Paper, Signals
from digest.ports import FetchRequest, Likes
from digest.sources.base import BaseSource, KeyOf, NamedSourceSettings
from digest.sources.payload import (
    MAX_ABSTRACT_CHARS,
    MAX_TITLE_CHARS,
    count,
    moment,
    parse_json,
    records,
    table,
    text,
)
from digest.text import clean, safe_url

BASE_URL = "https://api.semanticscholar.org"
#: one request a second, all endpoints together, is what a key allows
INTERVAL_S = 1.1
#: ids in one batch, likes in one question, papers in one answer
BATCH, MAX_LIKES, MAX_RECOMMENDED = 100, 100, 200
_FIELDS = (
    "externalIds,title,abstract,authors,publicationDate,year,venue,journal,url,fieldsOfStudy,"
    "citationCount"
)
#: how its batch calls a name
_PREFIXES = {"doi:": "DOI:", "arxiv:": "ARXIV:", "pmid:": "PMID:", "s2:": ""}


def parse(body: bytes, *, url: str, now: datetime) -> tuple[Paper | None, ...]:
    """The papers of a search, a recommendation or a batch, in its order; None for what is unknown
    to it or has no title.

    Raises:
        SourceMalformed: it is not an answer of this API.
    """
    data = parse_json(body, url)
    if isinstance(data, dict):
        if said := text(data, "error") or text(data, "message"):
            raise SourceMalformed(f"{url} is refused: {said[:200]}.")
        if "paperId" in data:
            data = [data]
        elif "data" not in data and data.get("total") == 0:
            data = []
        else:
            data = data.get("data", data.get("recommendedPapers"))
    if not isinstance(data, list):
        raise SourceMalformed(f"{url} sent no list of papers.")
    return tuple(_paper(r, now) if isinstance(r, dict) else None for r in data)


def _paper(record: Mapping[str, Any], now: datetime) -> Paper | None:
    title = plain(text(record, "title"))
    s2 = text(record, "paperId")
    if not title:
        return None
    ids = table(record, "externalIds")
    doi, pmid = parse_doi(text(ids, "DOI")), text(ids, "PubMed")
    arxiv = parse_arxiv_id(text(ids, "ArXiv"))
    page = safe_url(text(record, "url")) or f"https://www.semanticscholar.org/paper/{s2}"
    guid = f"https://arxiv.org/abs/{arxiv[0]}" if arxiv else ""
    year = record.get("year")
    stamp = text(record, "publicationDate") or (f"{year}-01-01" if isinstance(year, int) else "")
    fields = record.get("fieldsOfStudy")
    subjects = [clean(f) for f in (fields if isinstance(fields, list) else ()) if f]
    key = canonical_id(url=guid, doi=doi, guid="" if doi or guid else page, title=title)
    others = [f"pmid:{pmid}"] if pmid.isdigit() else []
    others += [f"s2:{s2}"] if s2 else []
    if arxiv and key != arxiv_key(arxiv[0]):
        others.append(arxiv_key(arxiv[0]))
    return Paper(
        id=key,
        title=title[:MAX_TITLE_CHARS],
        abstract=plain(text(record, "abstract"))[:MAX_ABSTRACT_CHARS],
        authors=tuple(n for a in records(record, "authors") if (n := text(a, "name"))),
        url=guid or (f"https://doi.org/{doi}" if doi else page),
        doi=doi,
        categories=tuple(subjects),
        primary_category=subjects[0] if subjects else "",
        published=moment(stamp, now),
        journal_ref=text(table(record, "journal"), "name") or text(record, "venue"),
        source="semantic-scholar",
        signals=Signals(
            summary=(tldr := text(table(record, "tldr"), "text")),
            summary_by="Semantic Scholar" if tldr else "",
            citations=count(record, "citationCount"),
        ),
        aliases=tuple(others),
    )


class SemanticScholarApi:
    """The graph of papers and its recommendations.

    Args:
        key: of the service, if there is one; it travels in a header and stands in no message.
    """

    name, batch = "Semantic Scholar", BATCH

    def __init__(
        self,
        fetcher: Fetcher,
        *,
        key: str = "",
        base_url: str = BASE_URL,
        allow_private: bool = False,
    ) -> None:
        self._fetcher, self._base_url, self._allow_private = fetcher, base_url, allow_private
        self._headers = {"x-api-key": key} if key else {}

    def knows(self, name: str) -> bool:
        # of arXiv's ids arXiv itself is the register
        return name.startswith(("doi:", "pmid:", "s2:"))

    def find(self, names: Sequence[str], now: datetime) -> Mapping[str, Paper]:
        """The papers of these names; unknown ones are absent.

        Raises:
            SourceError: Semantic Scholar did not answer.
        """
        query = urlencode({"fields": f"{_FIELDS},tldr"}, safe=",")
        url = f"{self._base_url}/graph/v1/paper/batch?{query}"
        papers = self._ask(url, {"ids": [_asked(n) for n in names]}, now)
        return {n: p for n, p in zip(names, papers, strict=False) if p is not None}

    def recommended(
        self, liked: Sequence[str], disliked: Sequence[str], now: datetime, most: int
    ) -> tuple[Paper, ...]:
        """Recent papers like some and unlike others.

        Args:
            liked: names of papers; those that the service does not know are left out.

        Raises:
            SourceError: Semantic Scholar did not answer.
        """
        wanted = [n for n in (*liked, *disliked) if n.startswith(tuple(_PREFIXES))]
        known: dict[str, str] = {}
        for start in range(0, len(wanted), BATCH):
            part = wanted[start : start + BATCH]
            for name, paper in self.find(part, now).items():
                known[name] = next((a for a in paper.aliases if a.startswith("s2:")), "")[3:]
        positive = [known[n] for n in liked if known.get(n)]
        negative = [known[n] for n in disliked if known.get(n)]
        if not positive:
            return ()
        query = urlencode({"fields": _FIELDS, "limit": str(most)}, safe=",")
        url = f"{self._base_url}/recommendations/v1/papers/?{query}"
        asked = {"positivePaperIds": positive, "negativePaperIds": negative}
        return tuple(p for p in self._ask(url, asked, now) if p is not None)

    def _ask(self, url: str, body: object, now: datetime) -> tuple[Paper | None, ...]:
        try:
            got = self._fetcher.get(
                url,
                accept="application/json",
                headers=self._headers,
                body=body,
                allow_private=self._allow_private,
                min_interval_s=INTERVAL_S,
                accept_status=frozenset({400}),
            )
        except SourceUnavailable as error:
            if error.status not in (401, 403, 429) or self._headers:
                raise
            hint = " A key in SEMANTIC_SCHOLAR_API_KEY has a pace of its own."
            raise SourceUnavailable(f"{error}{hint}", status=error.status) from error
        return parse(got.body, url=url.split("?")[0], now=now)


def _asked(name: str) -> str:
    prefix = next(p for p in _PREFIXES if name.startswith(p))
    return _PREFIXES[prefix] + name.removeprefix(prefix)


def best_names(papers: Iterable[Paper]) -> tuple[str, ...]:
    """For each paper the name that the service knows best; papers without one are left out."""
    found = []
    for paper in papers:
        called = names(paper)
        ranked = (n for p in ("s2:", "arxiv:", "doi:", "pmid:") for n in called if n.startswith(p))
        found += [name] if (name := next(ranked, "")) else []
    return tuple(dict.fromkeys(found))


class Recommendations:
    """What Semantic Scholar recommends to who likes some papers.

    Args:
        refs: ids or addresses of those papers.
        clock: nobody is asked for twice a day.
    """

    def __init__(
        self, api: SemanticScholarApi, refs: Sequence[str], *, clock: Callable[[], datetime]
    ) -> None:
        self._api, self._clock = api, clock
        self._refs = tuple(refs)

    @property
    def name(self) -> str:
        more = f" and {len(self._refs) - 1} more" if len(self._refs) > 1 else ""
        return f"recommendations:{self._refs[0] if self._refs else ''}{more}"

    def read(self, memory: str) -> tuple[Likes | None, str]:
        """The recommended papers; None if they were asked for today already.

        Raises:
            LibraryError: Semantic Scholar did not answer, or knows none of the papers.
        """
        now = self._clock()
        stamp = f"{now.date()} {' '.join(self._refs)}"
        if memory == stamp:
            return None, memory
        called = {ref: name_of(ref) for ref in self._refs}
        try:
            papers = self._api.recommended(
                [n for n in called.values() if n], (), now, MAX_RECOMMENDED
            )
        except SourceError as error:
            raise LibraryError(f"{self.name} cannot be read: {error}", place=self.name) from error
        if not papers:
            raise LibraryError(
                f"Semantic Scholar recommends nothing for {', '.join(self._refs)[:200]}.",
                place=self.name,
            )
        faults = tuple(
            f"{ref} is no id or address of a paper." for ref, n in called.items() if not n
        )
        return Likes(papers=papers, faults=faults), stamp


class SemanticScholarSource(BaseSource):
    """What Semantic Scholar recommends to those who like what our readers liked lately."""

    #: asks for `FetchRequest.liked`
    uses_likes = True

    def __init__(
        self,
        fetcher: Fetcher,
        *,
        most: int = MAX_RECOMMENDED,
        max_age_days: int = 60,
        base_url: str = BASE_URL,
        name: str = "",
        allow_private: bool = False,
        key: str = "",
    ) -> None:
        self.name = name or "Semantic Scholar"
        self._most, self._max_age = most, timedelta(days=max_age_days)
        self._api = SemanticScholarApi(
            fetcher, key=key, base_url=base_url, allow_private=allow_private
        )

    def fetch(self, request: FetchRequest) -> Listing:
        """Recommendations; those older than `max_age_days` come without an announcement date.

        Nothing, while nobody likes anything.
        """
        liked, disliked = best_names(request.liked), best_names(request.disliked)
        until = request.until or request.now.date()
        oldest = datetime.combine(until, time(), tzinfo=UTC) - self._max_age
        papers = (
            self._api.recommended(liked[:MAX_LIKES], disliked[:MAX_LIKES], request.now, self._most)
            if liked
            else ()
        )
        return Listing(
            source=self.name,
            papers=tuple(
                p if p.published and p.published < oldest else replace(p, announced=until)
                for p in papers
            ),
            fetched_at=request.now,
            rolling=True,
        )


class SemanticScholarSettings(NamedSourceSettings):
    kind: Literal["semantic-scholar"]
    most: Annotated[StrictInt, Field(ge=1, le=500)] = 200
    max_age_days: Annotated[StrictInt, Field(ge=1, le=3650)] = 60
    base_url: Url = "https://api.semanticscholar.org"

    def build(self, fetcher: Fetcher, key_of: KeyOf) -> list[BaseSource]:
        return [SemanticScholarSource(fetcher, **self.options(), key=key_of("semantic_scholar"))]
