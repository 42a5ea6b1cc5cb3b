"""Any chat service that Apprise knows: Slack, Discord, Telegram, Matrix, Zulip, Teams, Feishu, ntfy
and a hundred more. https://github.com/caronc/apprise/wiki
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, Literal
from warnings import catch_warnings, simplefilter

from pydantic import Field, SecretStr, StrictInt

from digest.channels.base import ChannelSettings
from digest.channels.webhook import entries
from digest.distribution import missing
from digest.errors import ConfigError, RouteError
from digest.fields import FromEnvironment
from digest.model import Edition, Message, Outcome, Receipt, Rendered
from digest.ports import Route

#: parts the title from the text in a stored message
_SEAM = "\n\n"


class AppriseSettings(ChannelSettings):
    """[channel] with kind = "apprise"."""

    kind: Literal["apprise"]
    #: where to, as Apprise writes it: whoever has it can write there
    url: Annotated[SecretStr, FromEnvironment("APPRISE_URL", strip=True)] = SecretStr("")
    #: longer texts are cut after a whole paper; never longer than the service takes
    max_chars: Annotated[StrictInt, Field(ge=200, le=40_000)] = 4_000

    def build(self, title: str) -> AppriseChannel:
        service = notifier(self.url.get_secret_value())
        if service is None:
            raise ConfigError(
                [
                    "[channel], url: set APPRISE_URL in the environment or in .env to one address "
                    "of Apprise, such as tgram://TOKEN/CHAT or discord://ID/TOKEN"
                ]
            )
        return AppriseChannel(service, title=title, max_chars=self.max_chars)


def notifier(url: str) -> Any:
    """Apprise's plugin for an address, or None if it knows none.

    Raises:
        ConfigError: the extra is not installed.
    """
    try:
        with catch_warnings():  # it falls back to a module that Python is about to drop
            simplefilter("ignore", DeprecationWarning)
            import apprise

            return apprise.Apprise.instantiate(url)
    except ModuleNotFoundError as error:
        raise ConfigError([missing("[channel] apprise", error.name, "apprise")]) from error


class AppriseChannel:
    """Implements `ports.Channel`.

    Args:
        service: what `Apprise.instantiate` made of an address.
    """

    def __init__(self, service: Any, *, title: str, max_chars: int = 4_000) -> None:
        self._service, self._title = service, title
        self._max_chars = min(max_chars, service.body_maxlen)
        #: the address itself is a secret
        self._name = str(service.service_name)

    @property
    def routes(self) -> tuple[Route, ...]:
        return (Route(name=self._name, transport=self.transport),)

    def message(self, edition: Edition, rendered: Rendered, now: datetime) -> Message:
        """The edition's papers with their links. A group reads it, so nothing in it acts for the
        reader, and it does not say who that is."""
        about = f"{edition.subscriber.id}|{edition.edition_date}|{edition.kind}"
        text = "\n".join(entries(edition, self._max_chars))
        return Message(
            message_id=f"<{hashlib.sha256(about.encode()).hexdigest()[:32]}@apprise>",
            sender=self._title,
            recipient=edition.subscriber.email,
            body=f"{edition.subject}{_SEAM}{text}".encode(),
        )

    def transport(self) -> AppriseTransport:
        return AppriseTransport(self._service, self._name)


class AppriseTransport:
    """Implements `ports.Transport`: one notification a message."""

    def __init__(self, service: Any, name: str) -> None:
        self._service, self._name = service, name

    def __enter__(self) -> AppriseTransport:
        return self

    def __exit__(self, *exc: object) -> None:
        pass

    def connect(self) -> None:
        """Whether an address takes messages is known by sending one."""

    def send(self, message: Message, *, before_data: Callable[[], None]) -> Receipt:
        """
        Raises:
            RouteError: the service refused who we are; Apprise tells that in its log alone.
        """
        title, _, text = message.body.decode("utf-8").partition(_SEAM)
        before_data()
        with _Heard() as heard:
            sent = self._service.notify(body=text, title=title)
        said = f"{self._name}: {heard.last or 'Apprise says that it did not go through'}"[:300]
        if sent:
            return Receipt(outcome=Outcome.ACCEPTED, text=self._name)
        if any(f"error={code}" in heard.last for code in (401, 403, 404, 410)):
            raise RouteError(f"{said}. Look at APPRISE_URL.", stage="send")
        return Receipt(outcome=Outcome.DEFERRED, text=said, rest=True)


class _Heard(logging.Handler):
    """What Apprise logs while a notification is sent: it returns only whether it went through."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.last = ""
        self._logger = logging.getLogger("apprise")

    def emit(self, record: logging.LogRecord) -> None:
        self.last = " ".join(record.getMessage().split())

    def __enter__(self) -> _Heard:
        self._logger.addHandler(self)
        return self

    def __exit__(self, *exc: object) -> None:
        self._logger.removeHandler(self)
