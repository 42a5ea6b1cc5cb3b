"""What a check says."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    ERROR = "error"  # some reader cannot use the mail, or a server refuses it
    WARNING = "warning"  # somebody gets less than was meant
    NOTE = "note"  # good to know

    @property
    def order(self) -> int:
        return list(Severity).index(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing to know about a mail, and how to mend it."""

    severity: Severity
    #: size, css, image, contrast, link, structure, text, header or spam
    check: str
    #: finished sentences: what is so, and what to do
    text: str
    remedy: str = ""
    #: where to read more
    url: str = ""


def error(check: str, text: str, remedy: str = "") -> Finding:
    return Finding(severity=Severity.ERROR, check=check, text=text, remedy=remedy)


def warning(check: str, text: str, remedy: str = "") -> Finding:
    return Finding(severity=Severity.WARNING, check=check, text=text, remedy=remedy)


def note(check: str, text: str, remedy: str = "") -> Finding:
    return Finding(severity=Severity.NOTE, check=check, text=text, remedy=remedy)
