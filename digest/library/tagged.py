"""Formats of lines that begin with a tag: RIS, PubMed's .nbib, refer, Web of Science."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from digest.text import clean


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """How a format writes its lines."""

    #: a line with a tag and a value
    line: re.Pattern[str]
    #: tags that begin a record; the empty ones of a format without any begin at the first tag
    starts: frozenset[str]
    #: tags that end a record
    ends: frozenset[str] = frozenset()
    #: whether an empty line ends a record as well
    blank_ends: bool = False
    #: a line that goes on with the value before it
    continued: re.Pattern[str] = re.compile(r"\s+\S")


@dataclass(slots=True)
class Lines:
    """A record, and where it begins."""

    number: int
    values: dict[str, list[list[str]]] = field(default_factory=dict)

    def put(self, tag: str, text: str) -> list[str]:
        value = [text]
        self.values.setdefault(tag, []).append(value)
        return value

    @property
    def fields(self) -> dict[str, list[str]]:
        """The values of each tag in their order, each in one line; empty ones are left out."""
        # joined once: line by line, a long value would take the square of its time
        return {
            tag: texts
            for tag, values in self.values.items()
            if (texts := [t for v in values if (t := clean(" ".join(v)))])
        }


def records(text: str, dialect: Dialect) -> Iterator[Lines]:
    """The records of a text, those without a beginning or an end among them.

    Lines between records, numbers and headings, are left alone.
    """
    record: Lines | None = None
    value: list[str] | None = None
    for number, line in enumerate(text.split("\n"), 1):
        match = dialect.line.match(line)
        if match is None:
            if not line.strip():
                if dialect.blank_ends and record is not None:
                    yield record
                    record = value = None
            elif value is not None and dialect.continued.match(line):
                value.append(line)
            continue
        tag = match[1].upper()
        if tag in dialect.ends:
            if record is not None:
                yield record
            record = value = None
            continue
        if record is None or tag in dialect.starts:
            if record is not None:
                yield record
            record = Lines(number)
        value = record.put(tag, match[2] or "")
    if record is not None:
        yield record
