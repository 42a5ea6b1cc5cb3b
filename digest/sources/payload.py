"""Reading JSON that others wrote: every key may be missing, and every value of another type."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from digest.errors import SourceError, SourceMalformed
from digest.identity import names
from digest.model import Listing, Paper
from digest.ports import FetchRequest
from digest.text import clean

MAX_TITLE_CHARS, MAX_ABSTRACT_CHARS, MAX_AUTHORS = 1_000, 20_000, 5_000
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
    """A number of votes or the like; some write it as a text."""
    value = record.get(key)
    if isinstance(value, str) and value.strip().isdecimal():
        value = int(value)
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


@dataclass(frozen=True, slots=True)
class Page:
    """How much one page of an answer held."""

    n_records: int
    #: how many there are on all pages, where the service says so
    total: int | None = None
    #: the service offers another page
    more: bool = True


#: a page that is empty although more was promised is asked for so often again
ASKED_AGAIN = 2


def read_pages(read: Callable[[], Page], most: int, what: str = "records") -> str:
    """Read page after page until all that was promised is there; returns what is missing.

    An answer counts as whole only if it held as many records as the service says there are.

    Args:
        read: reads the next page, or the same once more if the last one was empty.
        what: the records, in a fault such as "500 of 900 papers came".

    Raises:
        SourceError: not even the first could be read.
    """
    n_seen, n_pages, n_empty = 0, 0, 0
    total: int | None = None
    while n_pages < most:
        try:
            page = read()
        except SourceError as error:
            if n_pages == 0:
                raise
            return f"page {n_pages + 1} is missing: {error}"
        n_seen += page.n_records
        total = total if page.total is None else max(total or 0, page.total)
        if total is None:
            if not page.n_records or not page.more:
                return ""
        elif n_seen >= total:
            return ""
        elif not page.n_records:
            n_empty += 1
            if n_empty > ASKED_AGAIN:
                return short_of(n_seen, total, what)
            continue
        elif not page.more:
            return short_of(n_seen, total, what)
        n_pages, n_empty = n_pages + 1, 0
    return f"there are more than {most} pages; the first were used"


def short_of(n_seen: int, total: int, what: str = "records") -> str:
    """That less came than was promised; empty if it did not."""
    return f"only {n_seen:,} of {total:,} {what} came" if n_seen < total else ""


def is_repeat(papers: Sequence[Paper], before: Collection[str]) -> bool:
    """Whether a day's list is that of the day before under another date.

    Some servers change the date before the papers.

    Args:
        before: ids of what was listed on the day before.
    """
    new = [p for p in papers if p.announce_type == "new"] or list(papers)
    return len(new) > 1 and all(p.id in before for p in new)


def stated_total(record: Mapping[str, Any], key: str) -> int | None:
    """A count that may be written as a text; None if there is none."""
    value = record.get(key)
    if isinstance(value, str) and value.strip().isdigit():
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


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
