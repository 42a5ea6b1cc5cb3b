"""The tables of config.toml that say how mails look, leave and come back."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    Field,
    SecretStr,
    StrictBool,
    StrictInt,
    StrictStr,
    field_validator,
    model_validator,
)

from digest.fields import (
    Address,
    Colour,
    FilePath,
    FromEnvironment,
    Host,
    Mailbox,
    Table,
    Url,
    check_address,
)
from digest.preferences import Language


def check_recipient(value: str) -> str:
    """An address, or a domain alone."""
    return check_address(value if "@" in value else f"x@{value}").removeprefix("x@").lower()


class Login(Table):
    """How to log in at a mail server: by password, or by OAuth."""

    username: StrictStr = ""
    #: show a token of [oauth]
    oauth: StrictBool = False
    #: or what a command prints
    token_command: StrictStr = ""
    #: what is wrong with the login, told by what needs it
    fault: str = Field(default="", init=False, exclude=True)

    @property
    def by_token(self) -> bool:
        return self.oauth or bool(self.token_command)

    @model_validator(mode="after")
    def _check_login(self) -> Self:
        if self.oauth and self.token_command:
            raise ValueError("oauth and token_command exclude each other; keep one")
        return self


class SmtpSettings(Login):
    """A mail server that mails leave by."""

    name: Annotated[StrictStr, Field(pattern=r"^[A-Za-z0-9_.:-]{0,60}$")] = ""
    host: Host
    port: Annotated[StrictInt, Field(ge=1, le=65535)] | None = None
    security: Literal["starttls", "tls", "none"] = "starttls"
    password_file: FilePath | None = None
    sender: Mailbox
    reply_to: Mailbox | None = None
    bounces_to: Address | None = None
    priority: Annotated[StrictInt, Field(ge=0, le=100)] = 0
    weight: Annotated[StrictInt, Field(ge=1, le=1000)] = 1
    recipients: tuple[Annotated[StrictStr, AfterValidator(check_recipient)], ...] = ()
    per_day: Annotated[StrictInt, Field(ge=0)] = 0
    warm_up: Annotated[StrictInt, Field(ge=0)] = 0
    messages_per_connection: Annotated[StrictInt, Field(ge=1, le=10_000)] = 100
    connections: Annotated[StrictInt, Field(ge=1, le=1000)] = 1
    per_second: Annotated[float, Field(ge=0, le=100_000)] = 0.0
    pipelining: StrictBool = True
    timeout_s: Annotated[StrictInt, Field(ge=1, le=600)] = 60
    password: Annotated[
        SecretStr, FromEnvironment("SMTP_PASSWORD", ", or name a file in password_file")
    ] = Field(default=SecretStr(""), exclude=True)

    @property
    def effective_port(self) -> int:
        return self.port or {"starttls": 587, "tls": 465, "none": 25}[self.security]

    @property
    def route(self) -> str:
        """The name under which its pace, its pauses and its limits are kept."""
        return self.name or f"{self.host}:{self.effective_port}"

    @model_validator(mode="after")
    def _check_port(self) -> SmtpSettings:
        if self.port == 465 and self.security == "starttls":
            raise ValueError(
                'port 465 goes with security = "tls"; with "starttls" both sides would wait for '
                "the other to begin"
            )
        return self


class MaildirSettings(Table):
    path: FilePath
    sender: Mailbox = "Paper digest <digest@localhost>"


class InboxSettings(Login):
    """Where replies and bounces arrive: a Maildir, or a folder on an IMAP server."""

    maildir: FilePath | None = None
    host: Host | Literal[""] = ""
    port: Annotated[StrictInt, Field(ge=1, le=65535)] | None = None
    security: Literal["tls", "starttls", "none"] = "tls"
    folder: Annotated[StrictStr, Field(min_length=1)] = "INBOX"
    every_minutes: Annotated[StrictInt, Field(ge=1, le=1440)] = 10
    password: Annotated[SecretStr, FromEnvironment("INBOX_PASSWORD")] = Field(
        default=SecretStr(""), exclude=True
    )

    @model_validator(mode="after")
    def _check_one(self) -> InboxSettings:
        if bool(self.maildir) == bool(self.host):
            raise ValueError("[inbox] wants either maildir or host")
        return self

    @property
    def effective_port(self) -> int:
        return self.port or (993 if self.security == "tls" else 143)


class OAuthSettings(Table):
    """This program's registration at the provider of a mailbox, for `digest login`."""

    provider: Literal["google", "microsoft", "other"]
    client_id: StrictStr = ""
    tenant: Annotated[StrictStr, Field(pattern=r"^[A-Za-z0-9.-]+$")] = "common"
    token_file: Annotated[FilePath, Field(validate_default=True)] = Path("oauth-tokens.json")
    authorize_url: Url | Literal[""] = ""
    token_url: Url | Literal[""] = ""
    device_url: Url | Literal[""] = ""
    scope: StrictStr = ""
    client_secret: Annotated[SecretStr, FromEnvironment("OAUTH_CLIENT_SECRET", strip=True)] = Field(
        default=SecretStr(""), exclude=True
    )

    @model_validator(mode="after")
    def _check_other(self) -> OAuthSettings:
        if self.provider == "other" and not (self.token_url and self.scope):
            raise ValueError(
                'provider = "other" wants token_url and scope, and authorize_url or device_url'
            )
        return self


class DeliverySettings(Table):
    on_unknown: Literal["resend", "hold"] = "resend"
    suppress_after: Annotated[StrictInt, Field(ge=1, le=100)] = 3
    give_up_after_h: Annotated[StrictInt, Field(ge=1, le=168)] = 24
    spread_minutes: Annotated[StrictInt, Field(ge=0, le=720)] = 0
    operator_per_second: Annotated[float, Field(ge=0, le=100_000)] = 0.0
    operator_connections: Annotated[StrictInt, Field(ge=0, le=1000)] = 0
    pause_at_bounces: Annotated[float, Field(ge=0, le=1000)] = 50.0
    pause_at_complaints: Annotated[float, Field(ge=0, le=1000)] = 0.5


class ReportSettings(Table):
    """Providers that tell of bounces and complaints by webhook, each by its secret."""

    sns_topics: tuple[Annotated[StrictStr, Field(pattern=r"^arn:aws[a-z-]*:sns:")], ...] = ()
    postmark: Annotated[SecretStr, FromEnvironment("POSTMARK_WEBHOOK_PASSWORD", strip=True)] = (
        Field(default=SecretStr(""), exclude=True)
    )
    mailgun: Annotated[SecretStr, FromEnvironment("MAILGUN_SIGNING_KEY", strip=True)] = Field(
        default=SecretStr(""), exclude=True
    )
    sendgrid: Annotated[SecretStr, FromEnvironment("SENDGRID_VERIFICATION_KEY", strip=True)] = (
        Field(default=SecretStr(""), exclude=True)
    )
    brevo: Annotated[SecretStr, FromEnvironment("BREVO_WEBHOOK_TOKEN", strip=True)] = Field(
        default=SecretStr(""), exclude=True
    )
    generic: Annotated[SecretStr, FromEnvironment("REPORTS_SECRET", strip=True)] = Field(
        default=SecretStr(""), exclude=True
    )


class DkimSettings(Table):
    domain: StrictStr
    selector: Annotated[StrictStr, Field(min_length=1)]
    key_file: FilePath

    @field_validator("domain")
    @classmethod
    def _check_domain(cls, value: str) -> str:
        return check_address(f"x@{value}").removeprefix("x@")


class SummarySettings(Table):
    """A language model behind an OpenAI-compatible endpoint."""

    base_url: Url
    model: Annotated[StrictStr, Field(min_length=1, max_length=200)]
    #: of all summaries; nothing: each reader's
    language: Literal[""] | Language = ""
    budget_per_day: Annotated[StrictInt, Field(ge=1)] = 200
    timeout_s: Annotated[StrictInt, Field(ge=1, le=600)] = 30
    deadline_s: Annotated[StrictInt, Field(ge=1, le=3600)] = 120


class MailSettings(Table):
    language: Language = "en"
    accent: Colour = "#9a3412"
    thumbnails: StrictBool = False
    templates: FilePath | None = None
    dkim: DkimSettings | None = None
