"""Every error that this package raises on purpose. The text is the sentence a user reads.

    DigestError
      ConfigError            problems: every fault of the file, each with key and remedy
      SourceError            source
        SourceUnavailable    retry_after_s
        SourceMalformed
      LibraryError           place
      RenderError            template, line
      DeliveryError
        RouteError           stage, code
      InboxError
      LoginError             temporary
      StoreError
        StoreBusy, StoreFull, StoreCorrupt, SchemaTooNew
      TokenError
        TokenInvalid
        TokenExpired         signed_on
      UnknownSubscriber      email

Outcomes that happen daily (a refused recipient, an empty listing) are values, not errors.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date

#: what stands before the @ of a web address, and the password of any other address
_LOGIN = re.compile(r"(https?://)[^/\s?#]+@|(://[^/\s?#:@]*:)[^/\s?#]+@")


def without_logins(text: str) -> str:
    """A text whose addresses hold no login: feeds are private by them, and errors travel far, into
    mails, logs and questions to maintainers.

    >>> without_logins("https://ada:hush@example.org/feed sent nothing")
    'https://***@example.org/feed sent nothing'
    """
    return _LOGIN.sub(lambda m: f"{m[1] or m[2]}***@", text)


class DigestError(Exception):
    """Root of the tree; `str(error)` says what happened, where, and what to do."""

    def __init__(self, message: str = "") -> None:
        super().__init__(without_logins(message))


class ConfigError(DigestError):
    """The configuration cannot be used; `problems` lists every fault found."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(without_logins(p) for p in problems)
        super().__init__("\n".join(self.problems))


class SourceError(DigestError):
    """Nothing could be learned from a source."""

    def __init__(self, message: str, *, source: str = "") -> None:
        self.source = source
        super().__init__(message)


class SourceUnavailable(SourceError):
    """The source did not answer usefully; trying later may help."""

    def __init__(
        self,
        message: str,
        *,
        source: str = "",
        status: int | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        self.status = status
        self.retry_after_s = retry_after_s
        super().__init__(message, source=source)


class SourceMalformed(SourceError):
    """The source answered with something that is not what it promised."""


class LibraryError(DigestError):
    """A reader's library (a .bib file, a list of ids) cannot be read."""

    def __init__(self, message: str, *, place: str = "") -> None:
        self.place = place
        super().__init__(message)


class RenderError(DigestError):
    """A template is wrong; nothing of the mail was produced."""

    def __init__(self, message: str, *, template: str = "", line: int | None = None) -> None:
        self.template = template
        self.line = line
        super().__init__(message)


class DeliveryError(DigestError):
    """Root of what can go wrong between us and the mail server."""


class RouteError(DeliveryError):
    """Stop using this route: the fault is not one message's, it would meet them all."""

    def __init__(
        self,
        message: str,
        *,
        stage: str,
        code: int | None = None,
        temporary: bool = True,
        until_tomorrow: bool = False,
    ) -> None:
        self.stage = stage
        #: our limit of the day is reached
        self.until_tomorrow = until_tomorrow
        self.code = code
        self.temporary = temporary
        super().__init__(message)


class LoginError(DigestError):
    """A provider gives no token to log in with."""

    def __init__(self, message: str, *, temporary: bool = False) -> None:
        self.temporary = temporary
        super().__init__(message)


class InboxError(DigestError):
    """The mailbox for replies and bounces cannot be read."""


class SummaryError(DigestError):
    """A language model did not summarise a paper."""


class StoreError(DigestError):
    """The database cannot be used."""


class StoreBusy(StoreError):
    """Another process holds the lock."""


class StoreFull(StoreError):
    """The disk that holds the database is full."""


class StoreCorrupt(StoreError):
    """The file is not a sound database."""


class SchemaTooNew(StoreError):
    """A newer version of the program has written this database."""


class TokenError(DigestError):
    """A link or a mail that asks for something it has no right to."""


class TokenInvalid(TokenError):
    """The token was not made here, or is torn."""


class TokenExpired(TokenError):
    """The token was good once."""

    def __init__(self, message: str, *, signed_on: date) -> None:
        self.signed_on = signed_on
        super().__init__(message)


class UnknownSubscriber(DigestError):
    """Nobody with that address."""

    def __init__(self, email: str, known: Sequence[str]) -> None:
        self.email = email
        names = ", ".join(known) if known else "none yet"
        super().__init__(f"No subscriber has the address {email}. Known: {names}.")
