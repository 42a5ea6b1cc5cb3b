"""Reading JSON that others wrote: every key may be missing, and every value of another type."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from digest.errors import SourceError, SourceMalformed
from digest.identity import names
from digest.model import Listing, Paper
from digest.ports import FetchRequest
from digest.text import clean

MAX_TITLE_CHARS, MAX_ABSTRACT_CHARS = 1_000, 20_000
#: how far back a source is asked for after days without a fetch
MAX_MISSED_DAYS = 7


def parse_json(body: bytes, url: str) -> Any:
    """The value of a JSON text.

    Raises:
        SourceMalformed: it is none.
    """
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise SourceMalformed(f"{url} sent something that is not JSON: {error}.") from error


def text(record: Mapping[str, Any], key: str) -> str:
    value = record.get(key)
    return clean(value) if isinstance(value, str) else ""


def count(record: Mapping[str, Any], key: str) -> int | None:
    value = record.get(key)
    sound = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**9
    return value if sound else None


def table(record: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = record.get(key)
    return value if isinstance(value, dict) else {}


def records(record: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    """The tables of a list; what is none is left out."""
    value = record.get(key)
    return [v for v in value if isinstance(v, dict)] if isinstance(value, list) else []


def moment(stamp: str, now: datetime) -> datetime | None:
    """An ISO instant in UTC, never later than now; None if it is none."""
    try:
        found = datetime.fromisoformat(stamp.replace("Z", "+00:00"))
    except ValueError:
        return None
    found = found if found.tzinfo else found.replace(tzinfo=UTC)
    return min(found.astimezone(UTC), now)


def language_of(code: str) -> str:
    """ISO 639-1 from "en-US", "eng" or "ger"; empty if it is no language.

    >>> language_of("ger"), language_of("pt_BR"), language_of("und")
    ('de', 'pt', '')
    """
    base = re.split(r"[-_]", code.strip().lower())[0]
    if len(base) == 3:
        from babel.core import get_global

        base = (get_global("language_aliases").get(base) or "").split("_")[0]
    return base if re.fullmatch(r"[a-z]{2}", base) else ""


def out_of(asked: Sequence[str], papers: Iterable[Paper]) -> dict[str, Paper]:
    """Answers by the names that were asked for."""
    found: dict[str, Paper] = {}
    wanted = frozenset(asked)
    for paper in papers:
        for name in names(paper):
            if name in wanted:
                found.setdefault(name, paper)
    return found


def once(texts: Iterable[str], limit: int = 50) -> tuple[str, ...]:
    """Texts that are not empty, each once."""
    return tuple(dict.fromkeys(t for t in texts if t))[:limit]


def window(request: FetchRequest, *, overlap: int, first: int) -> tuple[date, date]:
    """The days to ask a service for that lists by date: from where the last fetch ended, and some
    before it, since services learn of papers late.

    Args:
        overlap: days before the last one that was fetched.
        first: days to look back at the first fetch.
    """
    today = request.now.date()
    last = min(request.until, today) if request.until else today
    known = [d for d in request.covered if d <= last]
    start = max(known) - timedelta(days=overlap) if known else last - timedelta(days=first)
    return max(start, last - timedelta(days=MAX_MISSED_DAYS + overlap)), last


def read_pages(read: Callable[[], bool], most: int) -> str:
    """Read page after page until one was the last; returns what is missing, or nothing.

    Args:
        read: reads the next page, and tells whether there is another.

    Raises:
        SourceError: not even the first could be read.
    """
    for page in range(most):
        try:
            if not read():
                return ""
        except SourceError as error:
            if page == 0:
                raise
            return f"page {page + 1} is missing: {error}"
    return f"there are more than {most} pages; the first were used"


def listing(
    source: str,
    papers: Iterable[Paper],
    request: FetchRequest,
    days: tuple[date, date],
    fault: str = "",
) -> Listing:
    """What a service said of some days; today is not over, so it does not count as covered."""
    first, last = days
    covered = (first + timedelta(days=n) for n in range((last - first).days + 1))
    return Listing(
        source=source,
        papers=tuple(papers),
        fetched_at=request.now,
        complete=not fault,
        fault=fault,
        days=() if fault else tuple(d for d in covered if d < request.now.date()),
    )
