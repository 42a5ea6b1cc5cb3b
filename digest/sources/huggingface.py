"""Hugging Face Daily Papers: what readers upvoted, with code and discussions.

Nearly every key of the JSON is missing in some year, so each is optional here.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import Field, StrictInt

from digest.errors import SourceError, SourceMalformed
from digest.fetcher import Fetched, Fetcher
from digest.fields import Url
from digest.identifiers import arxiv_key, parse_arxiv_id
from digest.model import Listing, Paper, Signals, Validators
from digest.ports import FetchRequest
from digest.sources.base import BaseSource, KeyOf, NamedSourceSettings
from digest.sources.payload import (
    MAX_MISSED_DAYS,
    count,
    is_repeat,
    moment,
    once,
    parse_json,
    table,
    text,
)
from digest.text import clean, safe_url

#: so long the list of a weekday that is empty is asked for again
OPEN_DAYS = 2


def parse(
    body: bytes, *, url: str, day: date, now: datetime, base_url: str = "https://huggingface.co"
) -> tuple[tuple[Paper, ...], str]:
    """The papers of one day's list in its order, and a remark if some could not be read.

    Raises:
        SourceMalformed: not a JSON list.
    """
    records = parse_json(body, url)
    if not isinstance(records, list):
        detail = text(records, "error") if isinstance(records, dict) else ""
        raise SourceMalformed(f"{url} sent no list of papers{': ' + detail if detail else ''}.")
    papers = [p for r in records if (p := _paper(r, day, now, base_url)) is not None]
    n_unread = len(records) - len(papers)
    remark = f"{n_unread} of {len(records)} entries had no id or no title" if n_unread else ""
    return tuple(papers), remark


def _paper(record: Any, day: date, now: datetime, base_url: str) -> Paper | None:
    if not isinstance(record, dict):
        return None
    paper = table(record, "paper") or record
    found = parse_arxiv_id(text(paper, "id"))
    title = text(paper, "title") or text(record, "title")
    if found is None or not title:
        return None
    arxiv_id, version = found
    listed = moment(text(paper, "submittedOnDailyAt"), now)
    organization = table(paper, "organization") or table(record, "organization")
    authors = paper.get("authors")
    by = table(record, "submittedBy") or table(paper, "submittedOnDailyBy")
    return Paper(
        id=arxiv_key(arxiv_id),
        title=title[:1000],
        abstract=(text(paper, "summary") or text(record, "summary"))[:20_000],
        authors=tuple(
            name
            for a in (authors if isinstance(authors, list) else ())
            if (name := clean(a) if isinstance(a, str) else _shown_name(a))
        ),
        url=f"https://arxiv.org/abs/{arxiv_id}",
        pdf_url=f"https://arxiv.org/pdf/{arxiv_id}",
        version=version,
        published=moment(text(paper, "publishedAt"), now),
        announced=listed.date() if listed else day,
        source="huggingface",
        signals=Signals(
            upvotes=count(paper, "upvotes"),
            comments=count(record, "numComments"),
            github_url=safe_url(text(paper, "githubRepo")),
            github_stars=count(paper, "githubStars"),
            project_url=safe_url(text(paper, "projectPage")),
            discussion_url=f"{base_url}/papers/{arxiv_id}",
            thumbnail_url=safe_url(text(record, "thumbnail")),
            organization=text(organization, "fullname") or text(organization, "name"),
            summary=text(paper, "ai_summary"),
            submitter=clean(text(by, "fullname") or text(by, "name"))[:80],
        ),
        affiliations=once([text(organization, "fullname"), text(organization, "name")]),
    )


def _shown_name(author: Any) -> str:
    if not isinstance(author, dict) or author.get("hidden") is True:
        return ""
    return text(author, "name")


def days_wanted(request: FetchRequest) -> tuple[date, ...]:
    """The lists to ask for, oldest first: missed ones, yesterday (votes have ripened), today."""
    last = min(request.until, request.now.date()) if request.until else request.now.date()
    known = {d for d in request.covered if last - timedelta(days=MAX_MISSED_DAYS) <= d < last}
    first = min(min(known) if known else last, last - timedelta(days=1))
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    return tuple(d for d in days if d not in request.covered or d >= last - timedelta(days=1))


class HuggingFaceSource(BaseSource):
    """One list a day, each asked for by its date.

    Args:
        linked: so many papers, the most upvoted, are asked for once more: how many models,
            datasets and demos name them.
    """

    def __init__(
        self,
        fetcher: Fetcher,
        *,
        base_url: str = "https://huggingface.co",
        name: str = "",
        allow_private: bool = False,
        linked: int = 0,
    ) -> None:
        self.name = name or "Daily Papers"
        self._linked = linked
        self._fetcher, self._base_url = fetcher, base_url
        self._allow_private = allow_private

    def fetch(self, request: FetchRequest) -> Listing:
        """The lists of `days_wanted`; days that fail are named and asked for again next time."""
        papers: list[Paper] = []
        covered: list[date] = []
        validators: list[Validators] = []
        faults: list[str] = []
        errors: list[SourceError] = []
        remarks: list[str] = []
        n_unchanged, n_answered = 0, 0
        before: Collection[str] = request.latest
        for day in (days := days_wanted(request)):
            url = f"{self._base_url}/api/daily_papers?date={day.isoformat()}"
            try:
                got = self._get(url, request.validators.get(url))
                n_answered += 1
                if got.unchanged:
                    n_unchanged += 1
                    covered.append(day)
                    continue
                found, remark = parse(
                    got.body, url=url, day=day, now=request.now, base_url=self._base_url
                )
            except SourceError as error:
                errors.append(error)
                # There is no list of a day that has not begun at their place, or of a weekend.
                if getattr(error, "status", None) not in (400, 404):
                    faults.append(str(error))
                    if not isinstance(error, SourceMalformed):
                        break  # the server is in trouble: further days would meet the same
                continue
            if day not in request.covered and is_repeat(found, before):
                faults.append(f"the list of {day.isoformat()} is still that of the day before")
                continue
            before = {p.id for p in found} or before
            papers += found
            if remark:
                remarks.append(f"{day.isoformat()}: {remark}")
            if not found and day.weekday() < 5 and (request.now.date() - day).days <= OPEN_DAYS:
                continue  # there are lists on weekdays; it may still come
            covered.append(day)
            validators.append(got.validators)
        if errors and not n_answered:
            raise errors[-1]
        papers, fault = self._with_linked(papers)
        if fault:
            remarks.append(f"models and datasets could not be asked for: {fault}")
        return Listing(
            source=self.name,
            papers=tuple(papers),
            fetched_at=request.now,
            complete=not faults,
            fault="; ".join(faults),
            remark="; ".join(remarks),
            unchanged=n_unchanged == len(days),
            # today's list still grows
            days=tuple(d for d in covered if d < request.now.date()),
            validators=tuple(validators),
        )

    def _get(self, url: str, validators: Validators | None = None) -> Fetched:
        return self._fetcher.get(
            url,
            accept="application/json",
            validators=validators,
            allow_private=self._allow_private,
        )

    def _with_linked(self, papers: list[Paper]) -> tuple[list[Paper], str]:
        """The same with what names the most upvoted of them, and why that is not all."""
        best = sorted(papers, key=lambda p: -(p.signals.upvotes or 0))
        found: dict[str, dict[str, Any]] = {}
        fault = ""
        for number in [n for n in dict.fromkeys(p.arxiv_id for p in best) if n][: self._linked]:
            url = f"{self._base_url}/api/papers/{number}"
            try:
                record = parse_json(self._get(url).body, url)
            except SourceError as error:
                if getattr(error, "status", None) == 404:
                    continue  # it has no page of its own there
                fault = str(error)
                break
            if isinstance(record, dict):
                found[arxiv_key(number)] = {
                    "models": count(record, "numTotalModels"),
                    "datasets": count(record, "numTotalDatasets"),
                    "demos": count(record, "numTotalSpaces"),
                }
        return [
            replace(p, signals=replace(p.signals, **found[p.id])) if p.id in found else p
            for p in papers
        ], fault


class HuggingFaceSettings(NamedSourceSettings):
    kind: Literal["huggingface"]
    base_url: Url = "https://huggingface.co"
    linked: Annotated[StrictInt, Field(ge=0, le=100)] = 0

    def build(self, fetcher: Fetcher, key_of: KeyOf) -> list[BaseSource]:
        return [HuggingFaceSource(fetcher, **self.options())]
