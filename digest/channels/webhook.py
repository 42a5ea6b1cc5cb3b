"""A channel of a chat program: an edition as one message to an incoming webhook.

Slack, Mattermost, Rocket.Chat and Google Chat take {"text": …}, Discord takes {"content": …}:
https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks
https://docs.discord.com/developers/resources/webhook#execute-webhook
"""

from __future__ import annotations

import hashlib
import hmac
import json
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from datetime import datetime
from time import time  # noqa: TID251 - a signature names the moment at which it leaves
from typing import Annotated, Literal
from urllib.parse import urlsplit

import httpx
from pydantic import Field, SecretStr, StrictBool, StrictInt, StrictStr

from digest.channels.base import ChannelSettings
from digest.errors import ConfigError, RouteError
from digest.fields import FromEnvironment, check_http_url
from digest.model import Edition, Message, Outcome, Receipt, Rendered
from digest.ports import Route
from digest.serialization import posted_edition
from digest.ssrf import PublicOnlyTransport

#: seconds that a chat program has to answer
TIMEOUT_S = 20.0
#: answers that say something of us or of the address, not of this message
_SHUT = frozenset({401, 403, 404, 405, 410})
_TOO_LARGE = 413


class WebhookSettings(ChannelSettings):
    """[channel] with kind = "webhook"."""

    kind: Literal["webhook"]
    #: whoever has the address can write there
    url: Annotated[SecretStr, FromEnvironment("WEBHOOK_URL", strip=True)] = SecretStr("")
    #: a chat program's text, or the whole edition for a program
    form: Literal["text", "edition"] = "text"
    #: signs what is posted, as standardwebhooks.com describes
    secret: Annotated[SecretStr, FromEnvironment("WEBHOOK_SECRET", strip=True)] = SecretStr("")
    #: the key of the text in the JSON
    field: Annotated[StrictStr, Field(min_length=1, max_length=40)] = "text"
    #: longer texts are cut after a whole paper
    max_chars: Annotated[StrictInt, Field(ge=200, le=40_000)] = 4_000
    allow_private: StrictBool = False

    def build(self, title: str) -> WebhookChannel:
        url = self.url.get_secret_value()
        try:
            check_http_url(url)
        except ValueError:
            raise ConfigError(
                [
                    "[channel], url: set WEBHOOK_URL in the environment or in .env to the address "
                    "of an incoming webhook; it begins with https://"
                ]
            ) from None
        return WebhookChannel(
            url,
            title=title,
            field=self.field,
            max_chars=self.max_chars,
            allow_private=self.allow_private,
            whole=self.form == "edition",
            secret=self.secret.get_secret_value(),
        )


class WebhookChannel:
    """Implements `ports.Channel`."""

    def __init__(
        self,
        url: str,
        *,
        title: str,
        field: str = "text",
        max_chars: int = 4_000,
        timeout_s: float = TIMEOUT_S,
        allow_private: bool = False,
        whole: bool = False,
        secret: str = "",
    ) -> None:
        self._url, self._title, self._field, self._max_chars = url, title, field, max_chars
        self._whole, self._secret = whole, secret
        self._timeout_s, self._allow_private = timeout_s, allow_private
        #: the rest of the address is a secret
        self._host = urlsplit(url).netloc.rpartition("@")[2]

    @property
    def routes(self) -> tuple[Route, ...]:
        return (Route(name=self._host, transport=self.transport),)

    def message(self, edition: Edition, rendered: Rendered, now: datetime) -> Message:
        """The edition's papers with their links, as JSON. A group reads it, so nothing in it acts
        for the reader."""
        reader = edition.subscriber
        about = f"{reader.id}|{edition.edition_date}|{edition.kind}"
        if self._whole:
            body = posted_edition(edition).model_dump_json()
        else:
            text = "\n".join(self._lines(edition))
            body = json.dumps({self._field: text}, ensure_ascii=False)
        return Message(
            message_id=f"<{hashlib.sha256(about.encode()).hexdigest()[:32]}@{self._host}>",
            sender=self._title,
            recipient=reader.email,
            body=body.encode(),
        )

    def _lines(self, edition: Edition) -> Iterator[str]:
        head = edition.subject if not edition.note else f"{edition.subject}\n{edition.note}"
        yield head
        yield from entries(edition, self._max_chars - len(head))

    def transport(self) -> WebhookTransport:
        return WebhookTransport(
            self._url,
            timeout_s=self._timeout_s,
            allow_private=self._allow_private,
            secret=self._secret,
        )


def entries(edition: Edition, max_chars: int) -> Iterator[str]:
    """Each paper with its link, cut after a whole one; the note of an edition without papers."""
    if edition.note and not edition.picks:
        yield edition.note
    left = max_chars - 40  # for the last line
    for n, pick in enumerate(edition.picks):
        entry = f"{n + 1}. {pick.paper.plain_title}\n{pick.paper.url}"
        left -= len(entry) + 1
        if left < 0:
            yield f"… and {len(edition.picks) - n} more"
            return
        yield entry


def signature(secret: str, message_id: str, at: int, body: bytes) -> str:
    """As https://www.standardwebhooks.com describes it: "v1," and an HMAC of id, time and body."""
    key = secret.removeprefix("whsec_")
    try:
        raw = b64decode(key, validate=True) if secret.startswith("whsec_") else key.encode()
    except ValueError:
        raw = key.encode()
    signed = f"{message_id}.{at}.".encode() + body
    return "v1," + b64encode(hmac.digest(raw, signed, "sha256")).decode("ascii")


class WebhookTransport:
    """Implements `ports.Transport`: one POST a message."""

    def __init__(
        self, url: str, *, timeout_s: float, allow_private: bool = False, secret: str = ""
    ) -> None:
        self._url, self._host = url, urlsplit(url).netloc.rpartition("@")[2]
        self._secret = secret
        way = None if allow_private else PublicOnlyTransport()
        self._client = httpx.Client(timeout=timeout_s, transport=way, trust_env=allow_private)

    def __enter__(self) -> WebhookTransport:
        return self

    def __exit__(self, *exc: object) -> None:
        self._client.close()

    def connect(self) -> None:
        """Ask for nothing: whether the address takes a message is known by sending one.

        Raises:
            RouteError: there is nobody at the address.
        """
        try:
            self._client.head(self._url)
        except httpx.HTTPError as error:
            raise self._unreachable(error) from error

    def send(self, message: Message, *, before_data: Callable[[], None]) -> Receipt:
        before_data()
        try:
            answer = self._client.post(
                self._url, content=message.body, headers=self._headers(message)
            )
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:  # nothing left us
            raise self._unreachable(error) from error
        except httpx.HTTPError as error:
            return Receipt(outcome=Outcome.IN_DOUBT, text=f"{self._host} broke off: {error}")
        return self._receipt(answer)

    def _headers(self, message: Message) -> dict[str, str]:
        """The id is the same each time, so that a receiver knows what it had already."""
        name, at = message.message_id.strip("<>"), int(time())
        found = {"Content-Type": "application/json", "webhook-id": name}
        if self._secret:
            signed = signature(self._secret, name, at, message.body)
            found |= {"webhook-timestamp": str(at), "webhook-signature": signed}
        return found

    def _receipt(self, answer: httpx.Response) -> Receipt:
        code, text = answer.status_code, " ".join(answer.text.split())[:300]
        if answer.is_success:
            return Receipt(outcome=Outcome.ACCEPTED, code=code, text=text)
        if code in _SHUT:
            raise RouteError(
                f"{self._host} refuses the webhook ({code} {text}). Make a new one there, and set "
                "WEBHOOK_URL.",
                stage="send",
                code=code,
            )
        if code == _TOO_LARGE or (code < 500 and code != 429):
            return Receipt(outcome=Outcome.REJECTED, code=code, text=text)
        return Receipt(outcome=Outcome.DEFERRED, code=code, text=text, rest=True)

    def _unreachable(self, error: Exception) -> RouteError:
        return RouteError(
            f"{self._host} cannot be reached ({error or type(error).__name__}).",
            stage="connect",
            temporary=True,
        )
