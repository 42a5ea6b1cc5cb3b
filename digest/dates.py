"""Dates as feeds spell them: RFC 822, ISO 8601, and what people write instead."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

from digest.text import clean, fold

#: whose names of months are read, the likelier first where two languages share a word
_LANGUAGES = "en de fr es pt it nl pl cs sv da nb fi tr ro hu ru uk id ca".split()
_ZONES = {
    "z": 0, "ut": 0, "utc": 0, "gmt": 0, "wet": 0, "bst": 1, "cet": 1, "cest": 2, "met": 1,
    "mez": 1, "mesz": 2, "eet": 2, "eest": 3, "msk": 3, "ist": 5.5, "jst": 9, "kst": 9, "aest": 10,
    "aedt": 11, "est": -5, "edt": -4, "cst": -6, "cdt": -5, "mst": -7, "mdt": -6, "pst": -8,
    "pdt": -7, "akst": -9, "hst": -10, "art": -3, "brt": -3,
}  # fmt: skip
_ISO = re.compile(r"^(?:\w+,?\s+)?(\d{4})[-/.](\d{1,2})(?:[-/.](\d{1,2}))?(?!\d)")
_COMPACT = re.compile(r"^(\d{4})(\d{2})(\d{2})(?:T?(\d{2})(\d{2})(\d{2})?)?(?=Z|\b)")
_NUMERIC = re.compile(r"(?<!\d)(\d{1,2})([./\- ])(\d{1,2})\2(\d{4}|\d{2})(?!\d)")
_EAST_ASIAN = re.compile(r"(\d{4})\s*[年년]\s*(\d{1,2})\s*[月월](?:\s*(\d{1,2})\s*[日일])?")
_TIME = re.compile(
    r"(?<![\d:+-])(\d{1,2})(?::|h)(\d{2})(?::(\d{2})(?:\.\d+)?)?\s*([ap]\.?\s?m\b\.?)?", re.I
)
_OFFSET = re.compile(r"([+-])(\d{2}):?(\d{2})(?!\d)")
_PLACE = re.compile(r"\b[A-Z][a-z]+/[A-Z][A-Za-z_]+")
_WORD = re.compile(r"[^\W\d_]+")
_DAY = re.compile(r"(?<![\d:])(\d{1,2})(?:st|nd|rd|th|\.|er|º)?(?![\d:])", re.IGNORECASE)
#: no longer spelling is a date
MAX_CHARS = 100


def parse_date(text: str) -> datetime | None:
    """The instant in UTC that a text names, midnight where it names a day; None if it is none.

    Which of day and month comes first in 03/04/2026 is told by its weekday if it has one.

    >>> parse_date("mer, 9 avr 2018 00:00:00 +0200").isoformat()
    '2018-04-08T22:00:00+00:00'
    """
    text = clean(text)
    if not text or len(text) > MAX_CHARS:
        return None
    if re.fullmatch(r"\d{10}|\d{13}", text):
        return datetime.fromtimestamp(int(text[:10]), UTC)
    zone, rest = _zone(text)
    hours, rest = _time(rest)
    for read in (_compact, _year_first, _with_name, _in_numbers):
        try:
            if (day := read(rest)) is not None:
                return (day.replace(tzinfo=zone) + hours).astimezone(UTC)
        except (ValueError, OverflowError):
            continue
    return None


def _zone(text: str) -> tuple[tzinfo, str]:
    """The time zone that stands in a text, and the text without it."""
    if place := _PLACE.search(text):
        try:
            return ZoneInfo(place[0]), text.replace(place[0], " ")
        except (KeyError, ValueError, OSError):
            pass
    time = _TIME.search(text)
    start = time.end() if time else 0
    if time and (offset := _OFFSET.search(text, start)):
        hours, minutes = int(offset[2]), int(offset[3])
        shift = timedelta(hours=hours, minutes=minutes)
        # what lies further away than any place on earth is a mistake
        west = offset[1] == "-"
        known = minutes < 60 and shift <= timedelta(hours=12 if west else 14)
        zone = timezone(-shift if west else shift) if known else UTC
        return zone, text[: offset.start()]
    for word in _WORD.finditer(text, start):
        name = word[0].lower()
        if name in _ZONES and (word[0].isupper() or len(name) > 3):
            left = text[: word.start()] + text[word.end() :]
            return timezone(timedelta(hours=_ZONES[name])), left
    return UTC, text


def _time(text: str) -> tuple[timedelta, str]:
    """The time of day in a text, and the text without it."""
    match = _TIME.search(text.replace("T", " ") if re.match(r"\d{4}-", text) else text)
    if match is None:
        return timedelta(), text
    hour, minute, second = int(match[1]), int(match[2]), int(match[3] or 0)
    half = (match[4] or "").lower()
    if half.startswith("p") and hour < 12:
        hour += 12
    if half.startswith("a") and hour == 12:
        hour = 0
    if hour > 24 or minute > 59 or second > 60:
        return timedelta(), text[: match.start()] + " " + text[match.end() :]
    return timedelta(hours=hour, minutes=minute, seconds=second), (
        f"{text[: match.start()]} {text[match.end() :]}"
    )


def _compact(text: str) -> datetime | None:
    match = _COMPACT.match(text)
    if match is None:
        return None
    year, month, day, hour, minute, second = (int(g or 0) for g in match.groups())
    return datetime(year, month, day, hour, minute, second, tzinfo=UTC)


def _year_first(text: str) -> datetime | None:
    match = _ISO.match(text) or _EAST_ASIAN.search(text)
    return datetime(int(match[1]), int(match[2]), int(match[3] or 1), tzinfo=UTC) if match else None


def _with_name(text: str) -> datetime | None:
    """A date whose month is written out, in any of the languages."""
    years = list(re.finditer(r"(?<!\d)(?:19|20)\d{2}(?!\d)", text))
    words = [
        (w, _months()[name]) for w in _WORD.finditer(text) if (name := fold(w[0])) in _months()
    ]
    if not words:
        return None
    if not years:  # 10 Nov 26
        short = re.search(r"[^\W\d_.]\.?[\s-]+(\d{2})\s*$", text.strip(" ,"))
        if short is None:
            return None
        year, at = 2000 + int(short[1]), short.start(1)
        text = text[:at]
    else:
        year, at = int(years[-1][0]), years[-1].start()
        text = text[:at] + " " + text[years[-1].end() :]
    # "mar., 01 déc. 2020" has two words that are months: the one nearest to the year
    _, month = min(words, key=lambda w: abs(w[0].start() - at))
    day = _DAY.search(text)
    return datetime(year, month, int(day[1]) if day else 1, tzinfo=UTC)


def _in_numbers(text: str) -> datetime | None:
    match = _NUMERIC.search(text)
    if match is None:
        return None
    first, second, year = int(match[1]), int(match[3]), int(match[4])
    year += 2000 if year < 100 else 0
    readings = [(second, first), (first, second)]  # (month, day)
    if second > 12 or (match[2] == "/" and first <= 12 and not _names_weekday(text)):
        readings.reverse()
    found = [datetime(year, m, d, tzinfo=UTC) for m, d in readings if m <= 12]
    named = _names_weekday(text)
    return next(
        (d for d in found if named and d.weekday() == named - 1), found[0] if found else None
    )


def _names_weekday(text: str) -> int:
    """1 for Monday to 7 for Sunday; 0 if none is named."""
    names = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
    return next(
        (names.index(w) + 1 for t in _WORD.findall(text) if (w := t.lower()[:3]) in names), 0
    )


@lru_cache(maxsize=1)
def _months() -> dict[str, int]:
    """Months by their folded names and abbreviations."""
    from babel import Locale

    found: dict[str, int] = {}
    for language in _LANGUAGES:
        months = Locale(language).months
        for context in ("format", "stand-alone"):
            for width in ("wide", "abbreviated"):
                for number, name in months[context][width].items():
                    key = fold(name).strip(". ")
                    if key.isalpha():
                        found.setdefault(key, number)
    return found | {"sept": 9, "mrz": 3, "maerz": 3, "fevr": 2, "aout": 8}
