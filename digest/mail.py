"""The assembly's mail part: ways out and in, and what all mails have in common."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from email.utils import parseaddr
from functools import cached_property
from typing import TYPE_CHECKING

from digest.config import Settings
from digest.errors import ConfigError
from digest.ports import Channel, Clock, Inbox, Signer, Transport

if TYPE_CHECKING:
    from digest.edition import Letterhead
    from digest.model import Edition, Message, Rendered
    from digest.store import Store
    from digest.usecases.retry import RetryPolicy
    from digest.usecases.senders import SendOptions

#: a mail server's pace is kept however many wait for it; a longer wait is a clock that went back
LONGEST_TURN = timedelta(hours=1)


class EmailChannel:
    """Implements `ports.Channel`: a MIME message, signed if there is a key.

    Args:
        make_transport: opens the mail server or the Maildir.
    """

    def __init__(
        self,
        route: str,
        letterhead: Letterhead,
        sign: Signer | None,
        make_transport: Callable[[], Transport],
    ) -> None:
        self.route, self.transport = route, make_transport
        self._letterhead, self._sign = letterhead, sign

    def message(self, edition: Edition, rendered: Rendered, now: datetime) -> Message:
        from digest.edition import build_message

        message = build_message(edition, rendered, self._letterhead, now=now)
        return replace(message, body=self._sign(message.body)) if self._sign else message


class MailParts:
    """How editions leave and answers come back, as configured."""

    def __init__(self, settings: Settings, store: Callable[[], Store], clock: Clock) -> None:
        #: opened at first use: what is wrong with the settings is told before
        self._store = store
        self.settings, self.clock = settings, clock

    @cached_property
    def channel(self) -> Channel:
        """The configured one; without [channel] it is mail.

        Raises:
            ConfigError: the DKIM key or the channel's address cannot be used.
        """
        return self._chat or self.email

    @cached_property
    def email(self) -> EmailChannel:
        """Mail, whatever else is configured: previews are mails."""
        return EmailChannel(self.route, self.letterhead, self.signer(), self._mail_transport)

    @cached_property
    def _chat(self) -> Channel | None:
        channel = self.settings.channel
        return channel.build(self.settings.title) if channel else None

    def transport(self) -> Transport:
        """The configured way out.

        Raises:
            ConfigError: there is none, or its password is missing.
        """
        return self._chat.transport() if self._chat else self._mail_transport()

    def _mail_transport(self) -> Transport:
        if self.settings.maildir:
            from digest.channels.email.maildir import MaildirTransport

            return MaildirTransport(self.settings.maildir.path)
        smtp = self.settings.smtp
        if smtp is None:
            raise ConfigError(
                [
                    "There is no way to send: the configuration has neither [smtp] nor [maildir] "
                    "nor [channel]. `digest preview` works without."
                ]
            )
        if smtp.fault:
            raise ConfigError([smtp.fault])
        from digest.channels.email.smtp import SmtpTransport

        return SmtpTransport(
            host=smtp.host,
            port=smtp.effective_port,
            security=smtp.security,
            username=smtp.username,
            password=smtp.password.get_secret_value(),
            timeout_s=smtp.timeout_s,
            messages_per_connection=smtp.messages_per_connection,
            pipelining=smtp.pipelining,
        )

    @property
    def route(self) -> str:
        """The server by the name under which its pace and its pauses are kept."""
        if self._chat:
            return self._chat.route
        smtp = self.settings.smtp
        return f"{smtp.host}:{smtp.effective_port}" if smtp else "maildir"

    @property
    def retry_policy(self) -> RetryPolicy:
        from digest.usecases.retry import RetryPolicy

        delivery = self.settings.delivery
        return RetryPolicy(
            resend_unknown=delivery.on_unknown == "resend",
            suppress_after=delivery.suppress_after,
            give_up_after=timedelta(hours=delivery.give_up_after_h),
            zone=self.settings.schedule.timezone,
        )

    def send_options(
        self, *, most: int = 0, connections: int | None = None, alone_among: str = ""
    ) -> SendOptions:
        """How mails leave, as configured.

        Args:
            most: mails to send at most; 0: all.
            connections: fewer than configured, if the others are somebody else's.
        """
        from digest.usecases.senders import LEASE, SendOptions

        smtp, store = self.settings.smtp, self._store()
        dead_after = timedelta(seconds=self.settings.cluster.dead_after_s)

        def take_turns(n: int, apart: float) -> float:
            name = f"mail:{self.route}"
            return store.rate_limits.acquire(name, self.clock(), apart, n, LONGEST_TURN)

        return SendOptions(
            connections=connections or (smtp.connections if smtp else 1),
            alone=store.single_process,
            alone_among=alone_among,
            lease=LEASE if store.single_process else dead_after,
            most=most,
            per_second=smtp.per_second if smtp else 0.0,
            take_turns=take_turns,
        )

    def inbox(self, position: str = "") -> Inbox:
        """The configured mailbox.

        Args:
            position: how far it was looked through the last time.

        Raises:
            ConfigError: there is none.
            InboxError: it cannot be opened.
        """
        from digest.channels.email.mailboxes import ImapBox, MaildirBox

        settings = self.settings.inbox
        if settings is None:
            raise ConfigError(
                ["There is no inbox: the configuration has no [inbox] (config.example.toml)."]
            )
        if settings.maildir:
            return MaildirBox(settings.maildir)
        if settings.fault:
            raise ConfigError([settings.fault])
        return ImapBox(
            host=settings.host,
            port=settings.effective_port,
            security=settings.security,
            username=settings.username,
            password=settings.password.get_secret_value(),
            folder=settings.folder,
            position=position,
        )

    def signer(self) -> Signer | None:
        """Signs with the configured DKIM key.

        Raises:
            ConfigError: the key cannot be used, or dkimpy is missing.
        """
        dkim = self.settings.mail.dkim
        if dkim is None:
            return None
        from digest.channels.email.dkim import DkimSigner

        return DkimSigner(domain=dkim.domain, selector=dkim.selector, key_file=dkim.key_file)

    @cached_property
    def letterhead(self) -> Letterhead:
        from digest.colour import Accent
        from digest.edition import Letterhead

        smtp = self.settings.smtp
        reply_to = (smtp.reply_to if smtp and smtp.reply_to else None) or self.settings.sender
        return Letterhead(
            title=self.settings.title,
            sender=self.settings.sender,
            reply_to=parseaddr(reply_to)[1],
            keys=self._store().keys,
            bounces_to=(smtp.bounces_to if smtp and smtp.bounces_to else ""),
            web_url=self.settings.web.url,
            accent=Accent.of(self.settings.mail.accent),
            thumbnails=self.settings.mail.thumbnails,
        )
