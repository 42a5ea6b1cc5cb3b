"""The shape of config.toml. Every key here stands, explained, in config.example.toml."""

from __future__ import annotations

import difflib
import os
import re
from datetime import time
from email.utils import parseaddr
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, available_timezones

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    SecretStr,
    StrictBool,
    StrictInt,
    StrictStr,
    Tag,
    field_validator,
    model_validator,
)

from digest.address import check_database_url, on_the_wire
from digest.expressions import check_expressions
from digest.schedule import WEEKDAYS

AnnounceType = Literal["new", "cross", "replace", "replace-cross"]


def check_timezone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
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
    if isinstance(value, str) and (m := re.fullmatch(r"([01]?\d|2[0-3])[:.]([0-5]\d)", value)):
        return time(int(m[1]), int(m[2]))
    raise ValueError(f'{value!r} is not a time of day; write it like "07:30"')


def parse_weekday(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 6:
        return value
    name = str(value).strip().lower()[:3]
    if name not in WEEKDAYS:
        raise ValueError(f'"{value}" is not a weekday; use ' + ", ".join(WEEKDAYS))
    return WEEKDAYS.index(name)


def check_address(value: str) -> str:
    """A mail address alone, such as ada@example.org."""
    text = value.strip()
    local, at, domain = text.rpartition("@")
    sound = (
        at
        and local
        and domain
        and not re.search(r"[\s,;<>()\[\]\"\\]", text)
        and not re.search(r"[\x00-\x1f\x7f]", value)
        and "@" not in local
        and ".." not in text
        and not domain.startswith((".", "-"))
        and not domain.endswith(".")
    )
    if not sound:
        raise ValueError(f'"{value}" is not a mail address; write it like "ada@example.org"')
    try:
        on_the_wire(text)
    except ValueError as error:
        raise ValueError(f'"{value}" is not a mail address: {error}') from None
    return text


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


Timezone = Annotated[
    StrictStr, BeforeValidator(lambda v: check_timezone(v) if isinstance(v, str) else v)
]
TimeOfDay = Annotated[time, BeforeValidator(parse_time)]
Weekday = Annotated[int, BeforeValidator(parse_weekday)]
Address = Annotated[
    StrictStr, BeforeValidator(lambda v: check_address(v) if isinstance(v, str) else v)
]
Mailbox = Annotated[
    StrictStr, BeforeValidator(lambda v: check_mailbox(v) if isinstance(v, str) else v)
]
Url = Annotated[
    StrictStr, BeforeValidator(lambda v: check_http_url(v) if isinstance(v, str) else v)
]
FilePath = Annotated[Path, AfterValidator(check_path)]
Host = Annotated[StrictStr, Field(min_length=1), AfterValidator(lambda v: check_host(v))]
Colour = Annotated[
    StrictStr, BeforeValidator(lambda v: check_colour(v) if isinstance(v, str) else v)
]
Language = Literal["en", "de"]
LanguageCode = Annotated[StrictStr, Field(pattern=r"^[a-z]{2}$")]
Words = Annotated[tuple[StrictStr, ...], Field(max_length=500)]
Terms = Annotated[tuple[StrictStr, ...], Field(max_length=500), AfterValidator(check_terms)]
Length = Annotated[StrictInt, Field(ge=1, le=100)]


class Table(BaseModel):
    """A TOML table: unknown keys are mistakes, values do not change after the check."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Schedule(Table):
    time: TimeOfDay = time(7, 30)
    timezone: Timezone = "UTC"
    weekdays: Annotated[tuple[Weekday, ...], Field(min_length=1)] = (0, 1, 2, 3, 4, 5, 6)
    wait_until: TimeOfDay | None = None


class OwnSchedule(Table):
    """A subscriber's deviations from the common schedule."""

    time: TimeOfDay | None = None
    timezone: Timezone | None = None
    weekdays: Annotated[tuple[Weekday, ...], Field(min_length=1)] | None = None
    wait_until: TimeOfDay | None = None


class ArxivSettings(Table):
    kind: Literal["arxiv"]
    name: StrictStr = ""
    categories: Annotated[tuple[StrictStr, ...], Field(min_length=1, max_length=100)]
    announce_types: Annotated[tuple[AnnounceType, ...], Field(min_length=1)] = ("new", "cross")
    base_url: Url = "https://rss.arxiv.org"
    api_url: Url = "https://export.arxiv.org/api/query"
    allow_private: StrictBool = False

    @field_validator("categories")
    @classmethod
    def _check_categories(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for category in value:
            if not re.fullmatch(r"[a-z][a-z-]*(\.[A-Za-z][A-Za-z-]*)?", category):
                raise ValueError(
                    f'"{category}" is not an arXiv category; they look like "cs.CL" or "hep-th"'
                )
        return value


class ArxivQuerySettings(Table):
    kind: Literal["arxiv-query"]
    name: StrictStr = ""
    query: Annotated[StrictStr, Field(min_length=1, max_length=2000)]
    api_url: Url = "https://export.arxiv.org/api/query"
    allow_private: StrictBool = False


class OpenReviewSettings(Table):
    kind: Literal["openreview"]
    name: StrictStr = ""
    venue: Annotated[StrictStr, Field(min_length=1)]
    max_age_days: Annotated[StrictInt, Field(ge=1, le=3650)] = 60
    base_url: Url = "https://api2.openreview.net"
    allow_private: StrictBool = False


class PubMedSettings(Table):
    kind: Literal["pubmed"]
    name: StrictStr = ""
    query: Annotated[StrictStr, Field(min_length=1, max_length=4000)]
    base_url: Url = "https://eutils.ncbi.nlm.nih.gov/entrez/eutils"
    allow_private: StrictBool = False


class HuggingFaceSettings(Table):
    kind: Literal["huggingface"]
    name: StrictStr = ""
    base_url: Url = "https://huggingface.co"
    allow_private: StrictBool = False


class FeedSettings(Table):
    kind: Literal["feed"]
    name: StrictStr = ""
    url: Url
    max_age_days: Annotated[StrictInt, Field(ge=1, le=3650)] = 60
    allow_private: StrictBool = False


class BiorxivSettings(Table):
    kind: Literal["biorxiv"]
    name: StrictStr = ""
    server: Literal["biorxiv", "medrxiv"] = "biorxiv"
    categories: Words = ()
    announce_types: Annotated[tuple[Literal["new", "replace"], ...], Field(min_length=1)] = ("new",)
    base_url: Url = "https://api.biorxiv.org"
    allow_private: StrictBool = False


class OpenAlexSettings(Table):
    kind: Literal["openalex"]
    name: StrictStr = ""
    filter: StrictStr = ""
    search: StrictStr = ""
    base_url: Url = "https://api.openalex.org"
    allow_private: StrictBool = False

    @model_validator(mode="after")
    def _check_narrow(self) -> OpenAlexSettings:
        if not (self.filter.strip() or self.search.strip()):
            raise ValueError("OpenAlex lists everything there is; set filter or search")
        return self


class CrossrefSettings(Table):
    kind: Literal["crossref"]
    name: StrictStr = ""
    issn: Annotated[tuple[StrictStr, ...], Field(min_length=1, max_length=100)]
    base_url: Url = "https://api.crossref.org"
    allow_private: StrictBool = False

    @field_validator("issn")
    @classmethod
    def _check_issn(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for issn in value:
            if not re.fullmatch(r"\d{4}-\d{3}[\dXx]", issn):
                raise ValueError(f'"{issn}" is not an ISSN; they look like "1476-4687"')
        return value


class SemanticScholarSettings(Table):
    kind: Literal["semantic-scholar"]
    name: StrictStr = ""
    most: Annotated[StrictInt, Field(ge=1, le=500)] = 200
    max_age_days: Annotated[StrictInt, Field(ge=1, le=3650)] = 60
    base_url: Url = "https://api.semanticscholar.org"
    allow_private: StrictBool = False


class EuropePmcSettings(Table):
    kind: Literal["europepmc"]
    name: StrictStr = ""
    query: Annotated[StrictStr, Field(min_length=1, max_length=4000)]
    base_url: Url = "https://www.ebi.ac.uk/europepmc/webservices/rest"
    allow_private: StrictBool = False


class OpmlSettings(Table):
    """All the feeds of a list that feed readers export."""

    kind: Literal["opml"]
    path: FilePath
    max_age_days: Annotated[StrictInt, Field(ge=1, le=3650)] = 60
    allow_private: StrictBool = False


SourceSettings = Annotated[
    ArxivSettings
    | HuggingFaceSettings
    | FeedSettings
    | BiorxivSettings
    | OpenAlexSettings
    | CrossrefSettings
    | ArxivQuerySettings
    | OpenReviewSettings
    | PubMedSettings
    | SemanticScholarSettings
    | EuropePmcSettings
    | OpmlSettings,
    Field(discriminator="kind"),
]


class InlinePaper(Table):
    title: StrictStr = ""
    abstract: StrictStr = ""

    @model_validator(mode="after")
    def _check_text(self) -> InlinePaper:
        if not (self.title.strip() or self.abstract.strip()):
            raise ValueError("a paper needs a title or an abstract")
        return self


class ZoteroLikes(Table):
    """A library of the web API ("users/123") or a zotero.sqlite, or some of its collections."""

    zotero: Annotated[StrictStr, Field(min_length=1)]
    collections: Words = ()
    exclude: Words = ()

    @field_validator("zotero")
    @classmethod
    def _check_library(cls, value: str) -> str:
        if not re.fullmatch(r"(users|groups)/\d{1,12}", value) and not value.endswith(".sqlite"):
            raise ValueError(
                f'"{value}" is no Zotero library; write "users/123", "groups/456" or the path of a '
                "zotero.sqlite"
            )
        return value


class AuthorLikes(Table):
    """An author's own works, by ORCID iD or OpenAlex id, and if asked what they cite."""

    author: Annotated[StrictStr, Field(min_length=1)]
    references: StrictBool = False


class RecommendedLikes(Table):
    """What Semantic Scholar recommends to who likes these papers."""

    recommendations: Annotated[tuple[StrictStr, ...], Field(min_length=1, max_length=100)]


class FileLikes(Table):
    """A file whose name does not tell what it is."""

    file: FilePath
    kind: Literal["bibtex", "ris", "csl-json", "nbib", "ids", "page"]


#: by the key that tells them apart; pydantic puts these names into the places of mistakes
LIKE_TABLES = {
    "zotero": "(zotero)",
    "author": "(author)",
    "recommendations": "(recommendations)",
    "file": "(file)",
}


def _form_of_like(value: object) -> str | None:
    if isinstance(value, str):
        return "(text)"
    if isinstance(value, Table):
        fields = type(value).model_fields
        return next((t for k, t in LIKE_TABLES.items() if k in fields), "(paper)")
    if isinstance(value, dict):
        return next((tag for key, tag in LIKE_TABLES.items() if key in value), "(paper)")
    return None


Like = Annotated[
    Annotated[StrictStr, Tag("(text)")]
    | Annotated[InlinePaper, Tag("(paper)")]
    | Annotated[ZoteroLikes, Tag("(zotero)")]
    | Annotated[AuthorLikes, Tag("(author)")]
    | Annotated[RecommendedLikes, Tag("(recommendations)")]
    | Annotated[FileLikes, Tag("(file)")],
    Discriminator(_form_of_like),
]


#: a like whose name ends so is a file
LIBRARY_SUFFIXES = (".bib", ".ris", ".json", ".nbib", ".txt", ".md", ".sqlite")


def is_library(like: str) -> bool:
    """Whether a like is a library file, and not an id or an address."""
    named = like.lower().endswith(LIBRARY_SUFFIXES) and "://" not in like
    return named and not re.match(r"(doi:\s*)?10\.\d{4,9}/", like, re.IGNORECASE)


class SubscriberSettings(Table):
    email: Address
    name: StrictStr = ""
    likes: tuple[Like, ...] = ()
    keywords: Words = ()
    authors: Words = ()
    muted: Terms = ()
    required: Terms = ()
    muted_authors: Words = ()
    affiliations: Words = ()
    muted_affiliations: Words = ()
    languages: tuple[LanguageCode, ...] = ()
    journal_versions: StrictBool = False
    min_upvotes: Annotated[StrictInt, Field(ge=0)] = 0
    announce_types: tuple[AnnounceType, ...] = ()
    categories: Words = ()
    reserved: dict[StrictStr, Annotated[StrictInt, Field(ge=1, le=50)]] = Field(
        default_factory=dict
    )
    schedule: OwnSchedule = OwnSchedule()
    length: Length | None = None
    trending: Annotated[StrictInt, Field(ge=0, le=50)] | None = None
    min_score: Annotated[float, Field(ge=0, le=1)] | None = None
    on_empty: Literal["nothing", "note"] | None = None
    language: Language | None = None
    paused: StrictBool = False

    @field_validator("likes", mode="before")
    @classmethod
    def _one_like_is_a_list(cls, value: object) -> object:
        return [value] if isinstance(value, str | dict) else value

    @field_validator("likes")
    @classmethod
    def _check_files(cls, value: tuple[Like, ...]) -> tuple[Like, ...]:
        for like in value:
            named = like.zotero if isinstance(like, ZoteroLikes) else like
            if isinstance(named, str) and is_library(named):
                check_path(Path(named))
        return value


class SmtpSettings(Table):
    host: Host
    port: Annotated[StrictInt, Field(ge=1, le=65535)] | None = None
    security: Literal["starttls", "tls", "none"] = "starttls"
    username: StrictStr = ""
    password_file: FilePath | None = None
    sender: Mailbox
    reply_to: Mailbox | None = None
    bounces_to: Address | None = None
    messages_per_connection: Annotated[StrictInt, Field(ge=1, le=10_000)] = 100
    connections: Annotated[StrictInt, Field(ge=1, le=1000)] = 1
    per_second: Annotated[float, Field(ge=0, le=100_000)] = 0.0
    pipelining: StrictBool = True
    timeout_s: Annotated[StrictInt, Field(ge=1, le=600)] = 60
    #: filled in from SMTP_PASSWORD or password_file, never from the TOML
    password: SecretStr = Field(default=SecretStr(""), init=False, exclude=True)
    #: what is wrong with the password, told by what needs it
    fault: str = Field(default="", init=False, exclude=True)

    @property
    def effective_port(self) -> int:
        return self.port or {"starttls": 587, "tls": 465, "none": 25}[self.security]


class MaildirSettings(Table):
    path: FilePath
    sender: Mailbox = "Paper digest <digest@localhost>"


def _check_model(value: str) -> str:
    """A folder, or a name by which the library knows a model."""
    if value:
        check_path(Path(value))
    return value


class RankingSettings(Table):
    half_life_days: Annotated[StrictInt, Field(ge=0, le=36500)] = 365
    variety: Annotated[float, Field(ge=0, le=1)] = 0.3
    explore: Annotated[StrictInt, Field(ge=0, le=10)] = 0
    semantic: Annotated[StrictStr, Field(max_length=1000), AfterValidator(_check_model)] = ""
    semantic_weight: Annotated[float, Field(ge=0, le=10)] = 0.1


class InboxSettings(Table):
    """Where replies and bounces arrive: a Maildir, or a folder on an IMAP server."""

    maildir: FilePath | None = None
    host: Host | Literal[""] = ""
    port: Annotated[StrictInt, Field(ge=1, le=65535)] | None = None
    security: Literal["tls", "starttls", "none"] = "tls"
    username: StrictStr = ""
    folder: Annotated[StrictStr, Field(min_length=1)] = "INBOX"
    every_minutes: Annotated[StrictInt, Field(ge=1, le=1440)] = 10
    #: filled in from INBOX_PASSWORD
    password: SecretStr = Field(default=SecretStr(""), init=False, exclude=True)
    #: what is wrong with the password, told by what needs it
    fault: str = Field(default="", init=False, exclude=True)

    @model_validator(mode="after")
    def _check_one(self) -> InboxSettings:
        if bool(self.maildir) == bool(self.host):
            raise ValueError("[inbox] wants either maildir or host")
        return self

    @property
    def effective_port(self) -> int:
        return self.port or (993 if self.security == "tls" else 143)


class MonitorSettings(Table):
    ping_url: Url | Literal[""] = ""
    metrics_port: Annotated[StrictInt, Field(ge=0, le=65535)] = 0
    log_format: Literal["text", "json"] = "text"


class DeliverySettings(Table):
    on_unknown: Literal["resend", "hold"] = "resend"
    suppress_after: Annotated[StrictInt, Field(ge=1, le=100)] = 3
    give_up_after_h: Annotated[StrictInt, Field(ge=1, le=168)] = 24


class DkimSettings(Table):
    domain: StrictStr
    selector: Annotated[StrictStr, Field(min_length=1)]
    key_file: FilePath

    @field_validator("domain")
    @classmethod
    def _check_domain(cls, value: str) -> str:
        return check_address(f"x@{value}").removeprefix("x@")


class MailSettings(Table):
    language: Language = "en"
    accent: Colour = "#9a3412"
    thumbnails: StrictBool = False
    templates: FilePath | None = None
    dkim: DkimSettings | None = None


class WebSettings(Table):
    """The web side, which `digest serve` runs."""

    url: Url | Literal[""] = ""
    host: Host = "127.0.0.1"
    port: Annotated[StrictInt, Field(ge=0, le=65535)] = 8000
    trusted_proxies: tuple[StrictStr, ...] = ()
    signups: StrictBool = True
    thumbnails: StrictBool = False
    requests_per_minute: Annotated[StrictInt, Field(ge=0)] = 600
    #: filled in from DIGEST_ADMIN_PASSWORD
    password: SecretStr = Field(default=SecretStr(""), init=False, exclude=True)

    @field_validator("trusted_proxies")
    @classmethod
    def _check_proxies(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for proxy in value:
            try:
                proxy == "*" or ip_network(proxy, strict=False)
            except ValueError:
                raise ValueError(
                    f'"{proxy}" is no address of a proxy; write its address or network, such as '
                    '"172.18.0.0/16" (names are not looked up)'
                ) from None
        return value


def check_store_url(url: str) -> str:
    """The address of a PostgreSQL database, or nothing.

    Raises:
        ValueError: it is none, or holds a password.
    """
    if url and check_database_url(url):
        raise ValueError(
            "a password does not belong in this file; set DIGEST_STORE_URL in the environment or "
            "in .env to the whole address, or use PGPASSFILE"
        )
    return url


class StoreSettings(Table):
    """A file of SQLite's, or a PostgreSQL database."""

    path: FilePath = Path("digest.db")
    url: StrictStr = ""
    retention_days: Annotated[StrictInt, Field(ge=30, le=36500)] = 365

    #: `url` as it is used: DIGEST_STORE_URL comes first, and may hold a password
    address: SecretStr = Field(default=SecretStr(""), init=False, exclude=True)

    @field_validator("url")
    @classmethod
    def _check_url(cls, value: str) -> str:
        return check_store_url(value)

    @property
    def where(self) -> Path | str:
        """What the store is opened with."""
        return self.address.get_secret_value() or self.path


class ClusterSettings(Table):
    """Workers that share a PostgreSQL store."""

    block: Annotated[StrictInt, Field(ge=1, le=5000)] = 200
    dead_after_s: Annotated[StrictInt, Field(ge=2, le=3600)] = 60


class LookupSettings(Table):
    """Who is asked for papers that no source has listed, and for abstracts that are missing."""

    services: tuple[Literal["arxiv", "openalex", "crossref", "semantic-scholar"], ...] = (
        "arxiv",
        "openalex",
        "crossref",
        "semantic-scholar",
    )
    openalex_url: Url = "https://api.openalex.org"
    crossref_url: Url = "https://api.crossref.org"
    semantic_scholar_url: Url = "https://api.semanticscholar.org"
    zotero_url: Url = "https://api.zotero.org"
    allow_private: StrictBool = False


class ServiceKeys(BaseModel):
    """Filled in from the environment, never from the TOML."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    openalex: SecretStr = SecretStr("")
    ncbi: SecretStr = SecretStr("")
    semantic_scholar: SecretStr = SecretStr("")
    zotero: SecretStr = SecretStr("")


class FetchSettings(Table):
    contact: StrictStr = ""
    timeout_s: Annotated[StrictInt, Field(ge=1, le=600)] = 30
    retries: Annotated[StrictInt, Field(ge=0, le=10)] = 3


class Settings(Table):
    """The whole file, defaults filled in."""

    title: Annotated[StrictStr, Field(min_length=1, max_length=100)] = "Paper digest"
    length: Length = 12
    trending: Annotated[StrictInt, Field(ge=0, le=50)] = 3
    min_score: Annotated[float, Field(ge=0, le=1)] = 0.0
    on_empty: Literal["nothing", "note"] = "nothing"
    schedule: Schedule = Schedule()
    sources: Annotated[tuple[SourceSettings, ...], Field(min_length=1)]
    subscribers: tuple[SubscriberSettings, ...] = ()
    smtp: SmtpSettings | None = None
    maildir: MaildirSettings | None = None
    delivery: DeliverySettings = DeliverySettings()
    inbox: InboxSettings | None = None
    monitor: MonitorSettings = MonitorSettings()
    mail: MailSettings = MailSettings()
    ranking: RankingSettings = RankingSettings()
    web: WebSettings = WebSettings()
    store: StoreSettings = StoreSettings()
    fetch: FetchSettings = FetchSettings()
    lookup: LookupSettings = LookupSettings()
    cluster: ClusterSettings = ClusterSettings()
    keys: ServiceKeys = Field(default=ServiceKeys(), init=False, exclude=True)

    @field_validator("title")
    @classmethod
    def _check_title(cls, value: str) -> str:
        if re.search(r"[\x00-\x1f\x7f]", value):
            raise ValueError("a title is one line without control characters")
        return value.strip()

    @model_validator(mode="after")
    def _check_whole(self) -> Settings:
        if self.smtp and self.maildir:
            raise ValueError("[smtp] and [maildir] exclude each other; keep one")
        seen: set[str] = set()
        for subscriber in self.subscribers:
            if subscriber.email.lower() in seen:
                raise ValueError(
                    f"{subscriber.email} stands in two [[subscribers]]; keep one of them"
                )
            seen.add(subscriber.email.lower())
        return self

    @property
    def sender(self) -> str:
        if self.smtp:
            return self.smtp.sender
        return self.maildir.sender if self.maildir else "Paper digest <digest@localhost>"
