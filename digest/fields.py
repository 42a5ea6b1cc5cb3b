"""Types of settings: what a value may be, and what is told of one that may not.

Configuration and preferences are made of these. A validator that costs something is skipped for
values that come out of the store, where only checked ones get in (see `STORED`).
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import time
from email.utils import parseaddr
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, available_timezones

import email_validator
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    SecretStr,
    StrictInt,
    StrictStr,
    ValidationInfo,
    model_validator,
)
from pydantic_core import CoreSchema, core_schema

from digest.expressions import check_expressions


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What validators know of where a value comes from: pydantic's validation context."""

    #: it was checked before it was stored
    stored: bool = False
    #: paths are relative to this folder
    base: Path | None = None
    environ: Mapping[str, str] = field(default_factory=dict)


STORED = Context(stored=True)


def _context(info: ValidationInfo) -> Context:
    return info.context if isinstance(info.context, Context) else Context()


#: a group's own mail server may be called "localhost" or "mail.local"
email_validator.SPECIAL_USE_DOMAIN_NAMES.clear()

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAYS = "monday tuesday wednesday thursday friday saturday sunday".split()
AnnounceType = Literal["new", "cross", "replace", "replace-cross"]


#: what people write for where they are: "PDT", "UTC+2", "+02:00"
_OFFSET = re.compile(r"[A-Z]{1,3}T|(?:(?:UTC|GMT)\s*)?[+-]\s*\d{1,2}(?::?\d\d)?", re.IGNORECASE)
#: a large place for each
_ABBREVIATED = {
    "CEST": "Europe/Berlin", "MESZ": "Europe/Berlin", "WEST": "Europe/Lisbon",
    "EEST": "Europe/Athens", "BST": "Europe/London", "IST": "Asia/Kolkata",
    "PST": "America/Los_Angeles", "PDT": "America/Los_Angeles", "MDT": "America/Denver",
    "CST": "America/Chicago", "CDT": "America/Chicago", "EDT": "America/New_York",
    "ET": "America/New_York",
    "PT": "America/Los_Angeles", "CT": "America/Chicago", "MT": "America/Denver",
    "AEST": "Australia/Sydney", "AEDT": "Australia/Sydney", "JST": "Asia/Tokyo",
    "KST": "Asia/Seoul", "SGT": "Asia/Singapore", "HKT": "Asia/Hong_Kong",
    "BRT": "America/Sao_Paulo",
    "NZST": "Pacific/Auckland", "NZDT": "Pacific/Auckland", "SAST": "Africa/Johannesburg",
}  # fmt: skip


def check_timezone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        if name.strip().upper() in _ABBREVIATED or _OFFSET.fullmatch(name.strip()):
            place = _ABBREVIATED.get(name.strip().upper(), "Europe/Berlin")
            raise ValueError(
                f'"{name}" is an offset, which changes with the season; write a place, such as '
                f'"{place}"'
            ) from None
        known = available_timezones()
        last_parts = {z.rsplit("/", 1)[-1].lower(): z for z in sorted(known)}
        wanted = name.replace(" ", "_").lower()
        guess = last_parts.get(wanted.rsplit("/", 1)[-1])
        if guess is None:
            close = difflib.get_close_matches(wanted, [z.lower() for z in known], n=1)
            guess = next((z for z in known if z.lower() == close[0]), None) if close else None
        hint = f'did you mean "{guess}"?' if guess else 'write it like "Europe/Berlin"'
        raise ValueError(f'"{name}" is not a time zone; {hint}') from None
    return name


def parse_time(value: object) -> time:
    if isinstance(value, time):  # TOML's own local time: 07:30:00
        return value.replace(tzinfo=None)
    form = r"([01]?\d|2[0-3])[:.]([0-5]\d)(?::[0-5]\d)?"
    if isinstance(value, str) and (m := re.fullmatch(form, value)):
        return time(int(m[1]), int(m[2]))
    raise ValueError(f'{value!r} is not a time of day; write it like "07:30"')


def parse_weekday(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 6:
        return value
    name = str(value).strip().lower().removesuffix(".")
    found = [n for n, day in enumerate(_DAYS) if len(name) >= 3 and day.startswith(name)]
    if not found:
        raise ValueError(f'"{value}" is not a weekday; use ' + ", ".join(WEEKDAYS))
    return found[0]


def check_address(value: str) -> str:
    """A mail address alone, such as ada@example.org."""
    try:
        found = email_validator.validate_email(
            value.strip(" "), check_deliverability=False, globally_deliverable=False
        )
    except email_validator.EmailNotValidError as error:
        raise ValueError(
            f'"{value}" is not a mail address; write it like "ada@example.org" ({error})'
        ) from None
    return found.original


def check_mailbox(value: str) -> str:
    """A mail address with or without a name: Morning papers <digest@example.org>."""
    if re.search(r"[\x00-\x1f\x7f]", value):
        raise ValueError("a sender is one line without control characters")
    _, address = parseaddr(value)
    if not address:
        raise ValueError(
            f'"{value}" is not a sender; write it like "Morning papers <digest@example.org>"'
        )
    check_address(address)
    return value.strip()


def check_http_url(value: str) -> str:
    shown = f'"{value[:100]}"'
    if not re.fullmatch(r"https?://[^\s/?#]+[^\s]*", value):
        raise ValueError(f"{shown} is not a web address; it begins with http:// or https://")
    try:
        parts = urlsplit(value)
        check_host(parts.hostname or "", port=parts.port)
    except ValueError as error:
        raise ValueError(f"{shown} is not a web address: {error}") from None
    return value.rstrip("/")


def check_host(value: str, *, port: int | None = None) -> str:
    """The name or the address of a machine, without a port."""
    shown = f'"{value[:100]}"'
    named = value.removeprefix("[").removesuffix("]")
    try:
        ip_address(named.partition("%")[0])
        return value
    except ValueError:
        pass
    if match := re.fullmatch(r"([^:]+):(\d{1,5})", value):
        raise ValueError(f'{shown} holds a port; write host = "{match[1]}" and port = {match[2]}')
    if "://" in value or "/" in value:
        raise ValueError(f"{shown} is no name of a machine; leave out what stands around it")
    try:
        name = value.removesuffix(".").encode("idna").decode("ascii")
    except UnicodeError:
        name = ""
    if not re.fullmatch(r"[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?", name) or ".." in name:
        raise ValueError(f"{shown} is no name of a machine; write it like smtp.example.org")
    if len(name) > 253 or any(len(label) > 63 for label in name.split(".")):
        raise ValueError(f"{shown} is no name of a machine: it is too long")
    return value


def check_path(value: Path) -> Path:
    """A path that the system can be asked about."""
    text = str(value)
    shown = f'"{text[:100]}"'
    if "\0" in text:
        raise ValueError(f"{shown} is no path: it holds a character that no name can hold")
    if len(os.fsencode(text)) > 4000 or any(len(os.fsencode(p)) > 255 for p in value.parts):
        raise ValueError(f"{shown}… is too long for a path")
    try:
        named = value.expanduser()
    except RuntimeError:
        raise ValueError(f"{shown}: there is no such user, whose folder ~ could mean") from None
    if not named.name:
        raise ValueError(f"{shown} names no file and no folder")
    return value


def check_terms(value: tuple[str, ...]) -> tuple[str, ...]:
    """Words and phrases, or regular expressions as "/…/"."""
    check_expressions(value)
    return value


def check_colour(value: str) -> str:
    if not re.fullmatch(r"#[0-9a-fA-F]{6}", value):
        raise ValueError(f'"{value}" is not a colour; write it like "#9a3412"')
    return value.lower()


def _checked(check: Callable[[Any], Any]) -> AfterValidator:
    def unless_stored(value: Any, info: ValidationInfo) -> Any:
        return value if _context(info).stored else check(value)

    return AfterValidator(unless_stored)


Timezone = Annotated[StrictStr, _checked(check_timezone)]
TimeOfDay = Annotated[time, BeforeValidator(parse_time)]
Weekday = Annotated[int, BeforeValidator(parse_weekday)]
Weekdays = Annotated[
    tuple[Weekday, ...],
    Field(min_length=1),
    AfterValidator(lambda days: tuple(sorted(set(days)))),
]
Address = Annotated[StrictStr, AfterValidator(check_address)]
Mailbox = Annotated[StrictStr, AfterValidator(check_mailbox)]
Url = Annotated[StrictStr, AfterValidator(check_http_url)]


def anchored(value: Path, info: ValidationInfo) -> Path:
    """A path of the file, relative to the file."""
    base = _context(info).base
    return base / value.expanduser() if base is not None else value


FilePath = Annotated[Path, AfterValidator(check_path), AfterValidator(anchored)]
Host = Annotated[StrictStr, Field(min_length=1), AfterValidator(lambda v: check_host(v))]
Colour = Annotated[StrictStr, AfterValidator(check_colour)]
LanguageCode = Annotated[StrictStr, Field(pattern=r"^[a-z]{2}$")]
Words = Annotated[tuple[StrictStr, ...], Field(max_length=500)]
Terms = Annotated[tuple[StrictStr, ...], Field(max_length=500), _checked(check_terms)]
#: so many papers
Papers = Annotated[StrictInt, Field(ge=0, le=50)]
Length = Annotated[StrictInt, Field(ge=1, le=100)]
Share = Annotated[float, Field(ge=0, le=1)]


class Table(BaseModel):
    """A TOML table: unknown keys are mistakes, values do not change after the check."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    @model_validator(mode="before")
    @classmethod
    def _read_secrets(cls, raw: Any, info: ValidationInfo) -> Any:
        """Secrets come from the environment; see `FromEnvironment`."""
        if not isinstance(raw, dict):
            return raw
        environ = _context(info).environ
        wanted = {
            name: origin.variable
            for name, found in cls.model_fields.items()
            for origin in found.metadata
            if isinstance(origin, FromEnvironment)
        }
        given = {n: _Given(environ.get(v, "")) for n, v in wanted.items() if n not in raw}
        return raw | given


@dataclass(frozen=True, slots=True)
class FromEnvironment:
    """Marks a secret: which variable holds it. In the file it is a mistake."""

    variable: str
    #: what else may be done, after "set … in the environment or in .env"
    otherwise: str = ""
    strip: bool = False

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_before_validator_function(self._read, handler(source))

    def _read(self, value: Any) -> Any:
        if isinstance(value, _Given):
            return value.value.strip() if self.strip else value.value
        if isinstance(value, SecretStr):  # of a copy
            return value
        raise ValueError(
            f"a password does not belong in this file; set {self.variable} in the environment or "
            f"in .env{self.otherwise}"
        )


@dataclass(frozen=True, slots=True)
class _Given:
    """A secret from the environment, which no file can hold."""

    value: str
