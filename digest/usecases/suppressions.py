"""Lists of addresses that get nothing, as CSV: those of providers come in, ours goes out."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from digest.fields import check_address
from digest.model import Suppression

HEADER = ("email", "reason", "date", "detail")
#: how providers call the columns, without case and signs
_EMAIL = ("email", "emailaddress", "address", "recipient", "recipientaddress", "to")
_REASON = ("reason", "suppressionreason", "type", "bouncetype")
_DATE = ("date", "createdat", "created", "lastupdatetime", "timestamp", "time", "since")
_DETAIL = ("detail", "details", "description", "error", "status", "comment")


def write_csv(entries: Iterable[Suppression]) -> str:
    """Addresses with reason and date (ISO 8601, UTC)."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(HEADER)
    for entry in entries:
        since = entry.since.astimezone(UTC).isoformat(timespec="seconds") if entry.since else ""
        writer.writerow((entry.email, entry.reason, since, _inert(entry.detail)))
    return out.getvalue()


def _inert(text: str) -> str:
    """A server's words, so that no spreadsheet takes them for a formula."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t") else text


def read_csv(text: str, now: datetime) -> tuple[tuple[Suppression, ...], tuple[str, ...]]:
    """The addresses of a list, and what could not be read, by line.

    A table with a header, in whichever provider's words, or an address a line.
    """
    text = text.removeprefix("\ufeff")
    first = text.partition("\n")[0]
    delimiter = max(",;\t", key=first.count)
    rows = list(csv.reader(io.StringIO(text), delimiter=delimiter))
    names = [_plain(cell) for cell in rows[0]] if rows else []
    columns = {
        wanted[0]: next((names.index(n) for n in wanted if n in names), -1)
        for wanted in (_EMAIL, _REASON, _DATE, _DETAIL)
    }
    has_header = columns["email"] >= 0
    if not has_header:
        columns = dict.fromkeys(columns, -1) | {"email": 0}
    entries, faults = [], []
    for number, row in enumerate(rows, 1):
        if (number == 1 and has_header) or not any(cell.strip() for cell in row):
            continue
        try:
            entries.append(_entry(row, columns, now))
        except ValueError as error:
            faults.append(f"line {number}: {error}")
    return tuple(entries), tuple(faults)


def _plain(name: str) -> str:
    return "".join(c for c in name.lower() if c.isalnum())


def _entry(row: list[str], columns: Mapping[str, int], now: datetime) -> Suppression:
    def cell(name: str) -> str:
        place = columns[name]
        return row[place].strip() if 0 <= place < len(row) else ""

    return Suppression(
        email=check_address(cell("email")),
        reason=cell("reason").lower()[:20] or "list",
        detail=cell("detail")[:500],
        since=_instant(cell("date")) or now,
    )


def _instant(text: str) -> datetime | None:
    """ISO 8601, or seconds since 1970, as SendGrid has it; None if it is neither."""
    try:
        if text.isdigit():
            return datetime.fromtimestamp(int(text), UTC)
        found = datetime.fromisoformat(text.removesuffix(" UTC"))
    except (ValueError, OverflowError, OSError):
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
