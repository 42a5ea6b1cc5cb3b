"""What somebody types into a search box: words, and conditions that a paper must meet.

    "coral bleaching" author:"G. Hopper" category:cs.CL since:2026-05

Phrases in quotes must stand as they are; of other words a paper should be near to them.
"""

from __future__ import annotations

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from digest.terms import search_words

#: a longer question is a text of its own, in which quotes are quotes
LONGEST = 300
_QUOTES = str.maketrans("“”„«»「」", '"""""""')
_PART = re.compile(
    r'(?<!\S)(?:(?P<key>[A-Za-z]+):(?:"(?P<of>[^"]*)"|(?P<plain>[^\s"]+))|"(?P<alone>[^"]*)")'
)
_DATE = re.compile(r"(\d{4})(?:-(\d{1,2})(?:-(\d{1,2}))?)?")


class Field(StrEnum):
    """Where in a paper words are looked for."""

    TITLE = "title"
    AUTHORS = "authors"
    ABSTRACT = "abstract"
    CATEGORIES = "categories"


@dataclass(frozen=True, slots=True)
class Phrase:
    """Words that stand together."""

    words: tuple[str, ...]
    #: in one of these
    fields: tuple[Field, ...] = (Field.TITLE, Field.ABSTRACT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A question, taken apart."""

    #: what papers should be near to: the text without its conditions
    text: str = ""
    #: all of them must stand in a paper
    phrases: tuple[Phrase, ...] = ()
    #: names of authors, all of whom wrote it
    authors: tuple[str, ...] = ()
    #: of the listing, both included
    since: date | None = None
    until: date | None = None
    #: conditions that say nothing, as they were written
    unclear: tuple[str, ...] = ()

    @property
    def is_strict(self) -> bool:
        """Whether there is any condition."""
        return bool(self.phrases or self.authors or self.since or self.until)


_KEYS = {
    "title": Field.TITLE,
    "ti": Field.TITLE,
    "abstract": Field.ABSTRACT,
    "abs": Field.ABSTRACT,
    "category": Field.CATEGORIES,
    "cat": Field.CATEGORIES,
    "author": Field.AUTHORS,
    "au": Field.AUTHORS,
}
_DATES = ("date", "since", "until")


def parse(text: str) -> Query:
    """Take a question apart. What is no condition is left as text."""
    if len(text) > LONGEST:
        return Query(text=text)
    text = text.translate(_QUOTES)
    phrases: list[Phrase] = []
    authors: list[str] = []
    spans: dict[str, tuple[date, date]] = {}
    unclear: list[str] = []
    rest: list[str] = []
    at = 0
    for part in _PART.finditer(text):
        key = (part["key"] or "").lower()
        said = part["of"] or part["plain"] or part["alone"] or ""
        if key and key not in _KEYS and key not in _DATES:
            continue  # "GAN:" and "doi:10.1000/1" are words
        rest.append(text[at : part.start()])
        at = part.end()
        words = search_words(said)
        if key in _DATES:
            if span := _span(said):
                spans[key] = span
            else:
                unclear.append(part[0])
        elif not words:
            unclear.append(part[0])
        elif _KEYS.get(key) is Field.AUTHORS:
            authors.append(said)
        elif key:
            phrases.append(Phrase(words, (_KEYS[key],)))
        else:
            phrases.append(Phrase(words))
            rest.append(f" {said} ")  # papers that hold it are put in order by it, too
    rest.append(text[at:])
    whole = spans.get("date")
    return Query(
        text=" ".join("".join(rest).split()),
        phrases=tuple(phrases),
        authors=tuple(authors),
        since=spans["since"][0] if "since" in spans else whole[0] if whole else None,
        until=spans["until"][1] if "until" in spans else whole[1] if whole else None,
        unclear=tuple(unclear),
    )


def _span(said: str) -> tuple[date, date] | None:
    """First and last day of a year, a month or a day."""
    found = _DATE.fullmatch(said)
    if not found:
        return None
    year, month, day = (int(n) if n else None for n in found.groups())
    try:
        if year and month and day:
            return date(year, month, day), date(year, month, day)
        if year and month:
            return date(year, month, 1), date(year, month, monthrange(year, month)[1])
        return (date(year, 1, 1), date(year, 12, 31)) if year else None
    except ValueError:
        return None
