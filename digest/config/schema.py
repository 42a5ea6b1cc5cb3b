"""The shape of config.toml. Every key here stands, explained, in config.example.toml."""

from __future__ import annotations

import re
from functools import reduce
from ipaddress import ip_network
from operator import or_
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    Field,
    SecretStr,
    StrictBool,
    StrictInt,
    StrictStr,
    ValidationInfo,
    field_validator,
    model_validator,
)

from digest.address import check_database_url
from digest.channels import registry as channels
from digest.channels.base import ChannelSettings
from digest.config.groups import GroupSettings
from digest.config.keys import ServiceKeys
from digest.config.likes import Likes
from digest.config.mail import (
    DeliverySettings,
    InboxSettings,
    MaildirSettings,
    MailSettings,
    OAuthSettings,
    ReportSettings,
    SmtpSettings,
    SummarySettings,
)
from digest.fields import (
    Address,
    FilePath,
    FromEnvironment,
    Host,
    Length,
    Papers,
    Share,
    Table,
    Url,
    anchored,
    check_path,
)
from digest.preferences import (
    MOST_INTERESTS,
    Interest,
    Preferences,
    Schedule,
    Wishes,
    check_names,
)
from digest.sources.base import SourceSettings
from digest.sources.registry import kinds

if TYPE_CHECKING:
    AnySource = SourceSettings
    AnyChannel = ChannelSettings
else:  # every kind that there is, other packages' among them
    AnySource = Annotated[reduce(or_, kinds().values()), Field(discriminator="kind")]
    AnyChannel = reduce(or_, channels.kinds().values())


def _check_place(value: str) -> str:
    """A place in Zotero that likes are saved to."""
    if value and not re.fullmatch(r"zotero:(users|groups)/\d{1,12}(/.{1,200})?", value):
        raise ValueError(
            f'"{value}" is no place in Zotero; write "zotero:users/123/To read": the number of the '
            "library and the name of a collection"
        )
    return value


class InterestSettings(Interest):
    """A named interest, and the likes that belong to it."""

    likes: Likes = ()

    @property
    def interest(self) -> Interest:
        """What of it the preferences hold."""
        return Interest.model_construct(**self.model_dump(exclude={"likes"}))


class SubscriberSettings(Wishes):
    """One reader: what differs from the common settings, and what they like."""

    email: Address
    likes: Likes = ()
    interests: Annotated[
        tuple[InterestSettings, ...],
        Field(max_length=MOST_INTERESTS),
        AfterValidator(check_names),
    ] = ()
    save_likes_to: Annotated[StrictStr, AfterValidator(_check_place)] = ""
    schedule: Schedule = Schedule()
    paused: StrictBool = False


def _check_model(value: str, info: ValidationInfo) -> str:
    """A folder, or a name by which the library knows a model."""
    if not value:
        return value
    folder = anchored(check_path(Path(value)), info)
    return str(folder) if folder.is_dir() else value


class RivalSettings(Table):
    """What differs in the ranker that is compared with; what is left out is the same."""

    half_life_days: Annotated[StrictInt | None, Field(ge=0, le=36500)] = None
    variety: Share | None = None
    semantic_weight: Annotated[float | None, Field(ge=0, le=10)] = None


class RankingSettings(Table):
    half_life_days: Annotated[StrictInt, Field(ge=0, le=36500)] = 90
    variety: Share = 0.3
    explore: Annotated[StrictInt, Field(ge=0, le=10)] = 0
    semantic: Annotated[StrictStr, Field(max_length=1000), AfterValidator(_check_model)] = ""
    semantic_weight: Annotated[float, Field(ge=0, le=10)] = 0.15
    rival: RivalSettings | None = None
    processes: Annotated[StrictInt, Field(ge=0, le=64)] = 0


class MonitorSettings(Table):
    ping_url: Url | Literal[""] = ""
    metrics_host: Host = "127.0.0.1"
    metrics_port: Annotated[StrictInt, Field(ge=0, le=65535)] = 0
    log_format: Literal["text", "json"] = "text"


class WebSettings(Table):
    """The web side, which `digest serve` runs."""

    url: Url | Literal[""] = ""
    host: Host = "127.0.0.1"
    port: Annotated[StrictInt, Field(ge=0, le=65535)] = 8000
    trusted_proxies: tuple[StrictStr, ...] = ()
    signups: StrictBool = True
    thumbnails: StrictBool = False
    index: FilePath | None = None
    requests_per_minute: Annotated[StrictInt, Field(ge=0)] = 600
    password: Annotated[SecretStr, FromEnvironment("DIGEST_ADMIN_PASSWORD")] = Field(
        default=SecretStr(""), exclude=True
    )

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

    path: Annotated[FilePath, Field(validate_default=True)] = Path("digest.db")
    url: StrictStr = ""
    retention_days: Annotated[StrictInt, Field(ge=30, le=36500)] = 365

    #: comes before `url`, and may hold a password
    address: Annotated[SecretStr, FromEnvironment("DIGEST_STORE_URL", strip=True)] = Field(
        default=SecretStr(""), exclude=True
    )

    @field_validator("url")
    @classmethod
    def _check_url(cls, value: str) -> str:
        return check_store_url(value)

    @property
    def where(self) -> Path | str:
        """What the store is opened with."""
        return self.address.get_secret_value() or self.url or self.path

    @field_validator("address")
    @classmethod
    def _check_address(cls, value: SecretStr) -> SecretStr:
        if value.get_secret_value():
            try:
                check_database_url(value.get_secret_value())
            except ValueError as error:
                raise ValueError(f"DIGEST_STORE_URL: {error}") from None
        return value


class ClusterSettings(Table):
    """Workers that share a PostgreSQL store."""

    block: Annotated[StrictInt, Field(ge=1, le=5000)] = 200
    dead_after_s: Annotated[StrictInt, Field(ge=2, le=3600)] = 60


class LookupSettings(Table):
    """Who is asked for papers that no source has listed, and for abstracts that are missing."""

    services: tuple[
        Literal["arxiv", "openalex", "crossref", "semantic-scholar", "europepmc"], ...
    ] = ("arxiv", "openalex", "crossref", "semantic-scholar", "europepmc")
    openalex_url: Url = "https://api.openalex.org"
    crossref_url: Url = "https://api.crossref.org"
    semantic_scholar_url: Url = "https://api.semanticscholar.org"
    europepmc_url: Url = "https://www.ebi.ac.uk/europepmc/webservices/rest"
    zotero_url: Url = "https://api.zotero.org"
    allow_private: StrictBool = False


class FetchSettings(Table):
    contact: StrictStr = ""
    timeout_s: Annotated[StrictInt, Field(ge=1, le=600)] = 30
    retries: Annotated[StrictInt, Field(ge=0, le=10)] = 3
    #: the address of a proxy, or "environment" for what HTTP_PROXY, HTTPS_PROXY and NO_PROXY say
    proxy: StrictStr = ""

    @field_validator("proxy")
    @classmethod
    def _check_proxy(cls, value: str) -> str:
        if value in ("", "environment"):
            return value
        if not re.match(r"(?:https?|socks5h?)://[^/\s]+/?$", value):
            raise ValueError(
                f'"{value}" is no proxy; write it like "http://proxy.example.org:3128", or '
                '"environment"'
            )
        return value


#: keys that are the same for every [[smtp]]
_OF_ALL_ROUTES = ("sender", "reply_to", "bounces_to")


class Settings(Table):
    """The whole file, defaults filled in."""

    title: Annotated[StrictStr, Field(min_length=1, max_length=100)] = "Paper digest"
    length: Length = 12
    trending: Papers = 3
    min_score: Share = 0.0
    fill: StrictBool = False
    on_empty: Literal["nothing", "note"] = "nothing"
    schedule: Schedule = Schedule()
    sources: Annotated[tuple[AnySource, ...], Field(min_length=1)]
    subscribers: tuple[SubscriberSettings, ...] = ()
    groups: tuple[GroupSettings, ...] = ()
    smtp: tuple[SmtpSettings, ...] = ()
    oauth: OAuthSettings | None = None
    maildir: MaildirSettings | None = None
    channel: AnyChannel | None = None
    delivery: DeliverySettings = DeliverySettings()
    inbox: InboxSettings | None = None
    monitor: MonitorSettings = MonitorSettings()
    mail: MailSettings = MailSettings()
    summary: SummarySettings | None = None
    ranking: RankingSettings = RankingSettings()
    web: WebSettings = WebSettings()
    reports: ReportSettings = ReportSettings()
    store: StoreSettings = StoreSettings()
    fetch: FetchSettings = FetchSettings()
    lookup: LookupSettings = LookupSettings()
    cluster: ClusterSettings = ClusterSettings()
    keys: ServiceKeys = Field(default=ServiceKeys(), exclude=True)

    @model_validator(mode="before")
    @classmethod
    def _read_absent_tables(cls, raw: Any) -> Any:
        """Tables with secrets are read even where the file has none of them."""
        return (
            {"web": {}, "store": {}, "keys": {}, "reports": {}} | raw
            if isinstance(raw, dict)
            else raw
        )

    @field_validator("title")
    @classmethod
    def _check_title(cls, value: str) -> str:
        if re.search(r"[\x00-\x1f\x7f]", value):
            raise ValueError("a title is one line without control characters")
        return value.strip()

    @model_validator(mode="after")
    def _check_whole(self) -> Settings:
        if sum(bool(way) for way in (self.smtp, self.maildir, self.channel)) > 1:
            raise ValueError("[smtp], [maildir] and [channel] exclude each other; keep one")
        if self.channel and self.web.url:
            raise ValueError("[web] url needs mail: who subscribes there is asked to confirm by it")
        seen: set[str] = set()
        for subscriber in self.subscribers:
            if subscriber.email.lower() in seen:
                raise ValueError(
                    f"{subscriber.email} stands in two [[subscribers]]; keep one of them"
                )
            seen.add(subscriber.email.lower())
        return self

    @field_validator("smtp", mode="before")
    @classmethod
    def _one_route_is_a_list(cls, raw: object) -> object:
        """What the first [[smtp]] says of sender and answers holds for all."""
        routes = [raw] if isinstance(raw, dict) else raw
        if not isinstance(routes, list | tuple) or not all(isinstance(r, dict) for r in routes):
            return raw
        common = {k: v for k, v in (routes[0] if routes else {}).items() if k in _OF_ALL_ROUTES}
        return [common | route for route in routes]

    @field_validator("smtp")
    @classmethod
    def _check_routes(cls, routes: tuple[SmtpSettings, ...]) -> tuple[SmtpSettings, ...]:
        for route in routes[1:]:
            for key in _OF_ALL_ROUTES:
                if getattr(route, key) != getattr(routes[0], key):
                    raise ValueError(
                        f"{key} stands in the first [[smtp]] and holds for all: a mail is written "
                        "and signed before its route is known"
                    )
        names = [r.route for r in routes]
        if twice := next((n for n in names if names.count(n) > 1), ""):
            raise ValueError(f"two [[smtp]] are called {twice}; give each a name of its own")
        if routes and all(r.recipients for r in routes):
            raise ValueError("every [[smtp]] has recipients, so nobody else would get mail")
        return routes

    @model_validator(mode="after")
    def _check_oauth(self) -> Settings:
        wanted = [*(("[smtp]", s) for s in self.smtp), ("[inbox]", self.inbox)]
        for table, login in wanted:
            if login and login.oauth and self.oauth is None:
                raise ValueError(
                    f"{table} oauth = true wants a table [oauth] with provider and client_id "
                    "(docs/mail.md)"
                )
        return self

    def preferences_of(self, subscriber: SubscriberSettings) -> Preferences:
        """A subscriber's own settings over the common ones."""
        chosen = {
            name: getattr(table, name)
            for table in (subscriber.schedule, subscriber)
            for name in table.model_fields_set & Preferences.model_fields.keys()
        }
        if "interests" in chosen:
            chosen["interests"] = tuple(i.interest for i in subscriber.interests)
        return self.common_preferences.model_copy(update=chosen)

    @property
    def common_preferences(self) -> Preferences:
        """What holds for whoever did not choose otherwise."""
        chosen = {
            name: getattr(table, name)
            for table in (self, self.schedule)
            for name in type(table).model_fields.keys() & Preferences.model_fields.keys()
        }
        return Preferences.model_construct(**chosen, language=self.mail.language)

    @property
    def sender(self) -> str:
        if self.smtp:
            return self.smtp[0].sender
        return self.maildir.sender if self.maildir else "Paper digest <digest@localhost>"
