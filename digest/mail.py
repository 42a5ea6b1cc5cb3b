"""The assembly's mail part: ways out and in, and what all mails have in common."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from email.utils import parseaddr
from functools import cached_property, partial
from importlib.util import find_spec
from typing import TYPE_CHECKING

from digest.config import Settings
from digest.distribution import missing
from digest.errors import ConfigError
from digest.ports import Channel, Clock, Inbox, Route, Signer, Transport

if TYPE_CHECKING:
    from digest.channels.email.dkim import DkimSigner
    from digest.channels.email.oauth import AccessToken, OAuthClient
    from digest.config.mail import Login, SmtpSettings
    from digest.edition import Letterhead
    from digest.model import Edition, Message, Rendered
    from digest.store import Store
    from digest.usecases.claims import SendOptions
    from digest.usecases.retry import RetryPolicy


class EmailChannel:
    """Implements `ports.Channel`: a MIME message, signed if there is a key.

    Args:
        routes: mail servers, or a Maildir.
    """

    def __init__(
        self, routes: tuple[Route, ...], letterhead: Letterhead, sign: Signer | None
    ) -> None:
        self.routes = routes
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
        return EmailChannel(self._mail_routes(), self.letterhead, self.signer())

    @cached_property
    def _chat(self) -> Channel | None:
        channel = self.settings.channel
        return channel.build(self.settings.title) if channel else None

    def transport(self) -> Transport:
        """The first way out.

        Raises:
            ConfigError: there is none, or the login of one of them is missing.
        """
        if not self.channel.routes:
            raise ConfigError(
                [
                    "There is no way to send: the configuration has neither [smtp] nor [maildir] "
                    "nor [channel]. `digest preview` works without."
                ]
            )
        first, *others = self.channel.routes
        for route in others:
            route.transport()
        return first.transport()

    def _mail_routes(self) -> tuple[Route, ...]:
        if self.settings.maildir:
            from digest.channels.email.maildir import MaildirTransport

            path = self.settings.maildir.path
            return (Route(name="maildir", transport=lambda: MaildirTransport(path)),)
        return tuple(
            Route(
                name=smtp.route,
                transport=partial(self._smtp, smtp),
                connections=smtp.connections,
                per_second=smtp.per_second,
                priority=smtp.priority,
                weight=smtp.weight,
                recipients=smtp.recipients,
                per_day=smtp.per_day,
                warm_up=smtp.warm_up,
            )
            for smtp in self.settings.smtp
        )

    def _smtp(self, smtp: SmtpSettings) -> Transport:
        if smtp.fault:
            raise ConfigError([smtp.fault])
        from digest.channels.email.smtp import SmtpTransport

        return SmtpTransport(
            host=smtp.host,
            port=smtp.effective_port,
            security=smtp.security,
            username=smtp.username,
            password=smtp.password.get_secret_value(),
            token=self._token(smtp),
            timeout_s=smtp.timeout_s,
            messages_per_connection=smtp.messages_per_connection,
            pipelining=smtp.pipelining,
        )

    def _token(self, login: Login) -> AccessToken | None:
        """What the login shows instead of a password, if it does.

        Raises:
            ConfigError: oauthlib is missing.
        """
        from digest.channels.email.oauth import CommandToken, RefreshedToken

        if login.token_command:
            return CommandToken(login.token_command)
        if not login.oauth or self.settings.oauth is None:
            return None
        if find_spec("oauthlib") is None:
            raise ConfigError([missing("Logging in by OAuth", "oauthlib", "oauth")])
        path = self.settings.oauth.token_file
        return RefreshedToken(self.oauth_client(), path, login.username, self.clock)

    def oauth_client(self) -> OAuthClient:
        """This program, as the provider of [oauth] knows it.

        Raises:
            ConfigError: there is no such table, or no client_id in it.
        """
        from digest.channels.email.oauth import ENDPOINTS, Endpoints, OAuthClient

        settings = self.settings.oauth
        if settings is None:
            raise ConfigError(
                ["There is no table [oauth] with provider and client_id (config.example.toml)."]
            )
        if not settings.client_id:
            raise ConfigError(
                [
                    "[oauth] client_id is empty: register this program at the provider, once "
                    '(docs/mail.md, "Logging in by OAuth").'
                ]
            )
        known = ENDPOINTS.get(settings.provider, Endpoints(authorize="", token="", scope=""))
        tenant = settings.tenant
        return OAuthClient(
            endpoints=Endpoints(
                authorize=settings.authorize_url or known.authorize.format(tenant=tenant),
                token=settings.token_url or known.token.format(tenant=tenant),
                device=settings.device_url or known.device.format(tenant=tenant),
                scope=settings.scope or known.scope,
            ),
            client_id=settings.client_id,
            client_secret=settings.client_secret.get_secret_value(),
        )

    @property
    def n_connections(self) -> int:
        """At once, to all servers together."""
        return sum(r.connections for r in self.channel.routes) or 1

    @property
    def retry_policy(self) -> RetryPolicy:
        from digest.usecases.retry import RetryPolicy

        delivery = self.settings.delivery
        return RetryPolicy(
            resend_unknown=delivery.on_unknown == "resend",
            suppress_after=delivery.suppress_after,
            give_up_after=timedelta(hours=delivery.give_up_after_h),
            pause_at_bounces=delivery.pause_at_bounces,
            pause_at_complaints=delivery.pause_at_complaints,
            zone=self.settings.schedule.timezone,
        )

    def send_options(self, *, most: int = 0, alone_among: str = "") -> SendOptions:
        """How mails leave, as configured, whatever their route.

        Args:
            most: mails to send at most; 0: all.
        """
        from digest.channels.email.dns import operator_of
        from digest.usecases.claims import LEASE, SendOptions

        store = self._store()
        dead_after = timedelta(seconds=self.settings.cluster.dead_after_s)
        return SendOptions(
            alone=store.single_process,
            alone_among=alone_among,
            lease=LEASE if store.single_process else dead_after,
            most=most,
            operator_per_second=self.settings.delivery.operator_per_second,
            operator_connections=self.settings.delivery.operator_connections,
            operator_of=operator_of,
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
            token=self._token(settings),
            folder=settings.folder,
            position=position,
        )

    def signer(self) -> DkimSigner | None:
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

        smtp = self.settings.smtp[0] if self.settings.smtp else None
        reply_to = (smtp.reply_to if smtp and smtp.reply_to else None) or self.settings.sender
        return Letterhead(
            title=self.settings.title,
            sender=self.settings.sender,
            reply_to=parseaddr(reply_to)[1],
            keys=self._store().keys,
            bounces_to=(smtp.bounces_to if smtp and smtp.bounces_to else ""),
            web_url=self.settings.web.url,
            accent=Accent.of(self.settings.mail.accent),
        )
