"""Hugging Face Daily Papers: what readers upvoted, with code and discussions.

Nearly every key of the JSON is missing in some year, so each is optional here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

from digest.errors import SourceError, SourceMalformed
from digest.fetcher import Fetcher
from digest.identity import arxiv_key, parse_arxiv_id
from digest.model import Listing, Paper, Signals, Validators
from digest.ports import FetchRequest
from digest.text import clean, safe_url

MAX_MISSED_DAYS = 7


def _text(record: Mapping[str, Any], key: str) -> str:
    value = record.get(key)
    return clean(value) if isinstance(value, str) else ""


def _count(record: Mapping[str, Any], key: str) -> int | None:
    value = record.get(key)
    sound = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**9
    return value if sound else None


def _table(record: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = record.get(key)
    return value if isinstance(value, dict) else {}


def _moment(text: str, now: datetime) -> datetime | None:
    try:
        found = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        return None
    found = found if found.tzinfo else found.replace(tzinfo=UTC)
    return min(found.astimezone(UTC), now)


def parse(
    body: bytes, *, url: str, day: date, now: datetime, base_url: str = "https://huggingface.co"
) -> tuple[tuple[Paper, ...], str]:
    """The papers of one day's list in its order, and a fault if some could not be read.

    Raises:
        SourceMalformed: not a JSON list.
    """
    try:
        records = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise SourceMalformed(f"{url} sent something that is not JSON: {error}.") from error
    if not isinstance(records, list):
        detail = _text(records, "error") if isinstance(records, dict) else ""
        raise SourceMalformed(f"{url} sent no list of papers{': ' + detail if detail else ''}.")
    papers = [p for r in records if (p := _paper(r, day, now, base_url)) is not None]
    n_unread = len(records) - len(papers)
    fault = f"{n_unread} of {len(records)} entries had no id or no title" if n_unread else ""
    return tuple(papers), fault


def _paper(record: Any, day: date, now: datetime, base_url: str) -> Paper | None:
    if not isinstance(record, dict):
        return None
    paper = _table(record, "paper") or record
    found = parse_arxiv_id(_text(paper, "id"))
    title = _text(paper, "title") or _text(record, "title")
    if found is None or not title:
        return None
    arxiv_id, version = found
    listed = _moment(_text(paper, "submittedOnDailyAt"), now)
    organization = _table(paper, "organization") or _table(record, "organization")
    authors = paper.get("authors")
    return Paper(
        id=arxiv_key(arxiv_id),
        title=title[:1000],
        abstract=(_text(paper, "summary") or _text(record, "summary"))[:20_000],
        authors=tuple(
            name
            for a in (authors if isinstance(authors, list) else ())
            if isinstance(a, dict) and a.get("hidden") is not True and (name := _text(a, "name"))
        ),
        url=f"https://arxiv.org/abs/{arxiv_id}",
        pdf_url=f"https://arxiv.org/pdf/{arxiv_id}",
        version=version,
        published=_moment(_text(paper, "publishedAt"), now),
        announced=listed.date() if listed else day,
        source="huggingface",
        signals=Signals(
            upvotes=_count(paper, "upvotes"),
            comments=_count(record, "numComments"),
            github_url=safe_url(_text(paper, "githubRepo")),
            github_stars=_count(paper, "githubStars"),
            project_url=safe_url(_text(paper, "projectPage")),
            discussion_url=f"{base_url}/papers/{arxiv_id}",
            thumbnail_url=safe_url(_text(record, "thumbnail")),
            organization=_text(organization, "fullname") or _text(organization, "name"),
            summary=_text(paper, "ai_summary"),
        ),
    )


def days_wanted(request: FetchRequest) -> tuple[date, ...]:
    """The lists to ask for, oldest first: missed ones, yesterday (votes have ripened), today."""
    last = min(request.until, request.now.date()) if request.until else request.now.date()
    known = {d for d in request.covered if last - timedelta(days=MAX_MISSED_DAYS) <= d < last}
    first = min(min(known) if known else last, last - timedelta(days=1))
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    return tuple(d for d in days if d not in request.covered or d >= last - timedelta(days=1))


class HuggingFaceSource:
    """One list a day, each asked for by its date."""

    def __init__(
        self,
        fetcher: Fetcher,
        *,
        base_url: str = "https://huggingface.co",
        name: str = "",
        allow_private: bool = False,
    ) -> None:
        self.name = name or "Daily Papers"
        self._fetcher, self._base_url = fetcher, base_url
        self._allow_private = allow_private

    def fetch(self, request: FetchRequest) -> Listing:
        """The lists of `days_wanted`; days that fail are named and asked for again next time."""
        papers: list[Paper] = []
        covered: list[date] = []
        validators: list[Validators] = []
        faults: list[str] = []
        errors: list[SourceError] = []
        n_unchanged = 0
        days = days_wanted(request)
        for day in days:
            url = f"{self._base_url}/api/daily_papers?date={day.isoformat()}"
            try:
                got = self._fetcher.get(
                    url,
                    accept="application/json",
                    validators=request.validators.get(url),
                    allow_private=self._allow_private,
                )
                if got.unchanged:
                    n_unchanged += 1
                    covered.append(day)
                    continue
                found, fault = parse(
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
            papers += found
            covered.append(day)
            if fault:
                faults.append(f"{day.isoformat()}: {fault}")
            else:
                validators.append(got.validators)
        if errors and not covered:
            raise errors[-1]
        return Listing(
            source=self.name,
            papers=tuple(papers),
            fetched_at=request.now,
            complete=not faults,
            fault="; ".join(faults),
            unchanged=n_unchanged == len(days),
            # today's list still grows
            days=tuple(d for d in covered if d < request.now.date()),
            validators=tuple(validators),
        )
