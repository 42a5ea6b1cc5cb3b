"""SMTP: one connection for a run, encryption that never falls back, and a receipt a message."""

from __future__ import annotations

import re
import smtplib
import socket
import ssl
import unicodedata
from collections.abc import Callable, Sequence
from functools import cached_property

from digest.address import needs_smtputf8
from digest.channels.email.codes import LOGIN_WANTED, Stage, reply_to_receipt
from digest.channels.email.oauth import OAUTH_HINT, AccessToken, login_hint
from digest.channels.email.smtp_login import Login, TlsLogin
from digest.errors import LoginError, RouteError
from digest.model import Cause, Message, Outcome, Receipt
from digest.text import clean

#: RFC 5321 4.5.3.2.6 gives the server ten minutes after the final dot; giving up early is how
#: mails are sent twice
FINAL_REPLY_TIMEOUT_S = 600.0
#: as an expression it is looked for three times as fast as by `bytes.replace`
_LINE_WITH_DOT = re.compile(rb"\n\.")
#: the answers to MAIL, RCPT and DATA that let a message pass
_WELCOME = ((250,), (250, 251, 252), (354,))


class _Ended(Exception):
    """The server ended the connection before it heard of anybody."""


class SmtpTransport:
    """Implements `ports.Transport`.

    Args:
        security: "starttls", "tls" or "none". What is asked for and not offered is an error.
        token: shown at the login instead of a password.
        timeout_s: for each answer but the last.
        messages_per_connection: a new connection after so many; many servers close after 50 to 100.
        pipelining: say MAIL, RCPT and DATA in one go where the server offers that.
    """

    def __init__(
        self,
        *,
        host: str,
        port: int,
        security: str = "starttls",
        username: str = "",
        password: str = "",
        token: AccessToken | None = None,
        timeout_s: float = 60.0,
        messages_per_connection: int = 100,
        pipelining: bool = True,
        tls_context: ssl.SSLContext | None = None,
    ) -> None:
        self._pipelining = pipelining
        self._host, self._port, self._security = host, port, security
        # the same letters may be typed composed or not; the server knows one way
        self._username = unicodedata.normalize("NFC", username)
        self._password = unicodedata.normalize("NFC", password)
        self._token, self._timeout_s = token, timeout_s
        self._tls = tls_context
        self._smtp: smtplib.SMTP | None = None
        self._most, self._n_sent = messages_per_connection, 0

    @property
    def route(self) -> str:
        return f"{self._host}:{self._port}"

    def __enter__(self) -> SmtpTransport:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        if self._smtp is not None:
            try:
                self._smtp.quit()
            except (OSError, smtplib.SMTPException):
                self._smtp.close()  # a failed farewell changes nothing about what was accepted
            self._smtp = None

    @cached_property
    def _context(self) -> ssl.SSLContext:
        """Made once, and only if needed: reading certificates takes as long as a hundred mails."""
        return self._tls or ssl.create_default_context()

    # --- connecting ----------------------------------------------------------------------------

    def connect(self) -> None:
        """Open the connection and log in.

        Raises:
            RouteError: with the stage at which it failed and what to do about it.
        """
        if self._smtp is not None:
            return
        smtp: Login | None = None
        stage, seconds = "connect", self._timeout_s
        try:
            if self._security == "tls":
                smtp = TlsLogin(self._host, self._port, timeout=seconds, context=self._context)
            else:
                smtp = Login(self._host, self._port, timeout=seconds)
            if smtp.sock is not None:  # the last words of a message must not wait for an answer
                smtp.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            smtp.ehlo_or_helo_if_needed()
            if self._security == "starttls":
                stage = "tls"
                if not smtp.has_extn("starttls"):
                    raise RouteError(
                        f"{self.route} offers no STARTTLS, so nothing was sent. If the server "
                        'speaks TLS from the start, set security = "tls"; security = "none" '
                        "would send in the clear.",
                        stage=stage,
                        temporary=False,
                    )
                smtp.starttls(context=self._context)
                smtp.ehlo()
            if self._username:
                stage = "auth"
                self._log_in(smtp)
        except LoginError as error:
            self._abandon(smtp)
            raise RouteError(str(error), stage=stage, temporary=error.temporary) from error
        except RouteError:
            self._abandon(smtp)
            raise
        except (OSError, smtplib.SMTPException, ValueError) as error:
            # ValueError: a host that is no name, an answer that is no base64
            self._abandon(smtp)
            raise self._fault(stage, error) from error
        self._smtp, self._n_sent = smtp, 0

    def _log_in(self, smtp: Login) -> None:
        if self._token is None:
            smtp.login(self._username, self._password)
            return
        try:
            smtp.auth_oauth(self._username, self._token.get())
        except smtplib.SMTPAuthenticationError:
            self._token.forget()
            raise

    @staticmethod
    def _abandon(smtp: smtplib.SMTP | None) -> None:
        if smtp is not None:
            smtp.close()

    def _fault(self, stage: str, error: Exception) -> RouteError:
        code = getattr(error, "smtp_code", None)
        said = _reply_text(error)
        temporary = not (isinstance(code, int) and code >= 500)
        if isinstance(error, smtplib.SMTPAuthenticationError) and not temporary:
            hint = login_hint(self._host, said, by_token=self._token is not None)
            text = f"{self.route} refuses the login of {self._username!r} ({said}). {hint}"
        elif isinstance(error, smtplib.SMTPNotSupportedError) and self._token is not None:
            temporary = False
            text = (
                f"{self.route} offers no login by OAuth (XOAUTH2 or OAUTHBEARER). Check host, or "
                "log in with a password."
            )
        elif stage == "auth" and type(error) is smtplib.SMTPException:
            # smtplib knows none of the ways that the server names
            temporary = False
            text = f"{self.route} lets nobody log in with a password. {OAUTH_HINT}"
        elif isinstance(error, smtplib.SMTPNotSupportedError) and stage == "auth":
            temporary = False
            text = (
                f"{self.route} offers no login on this connection. Remove username, or use "
                'security = "starttls" or "tls".'
            )
        elif isinstance(error, ssl.SSLCertVerificationError):
            temporary = False
            text = (
                f"The certificate of {self.route} is not valid ({error.verify_message}). Nothing "
                "was sent. Check host: it must be the name in the certificate."
            )
        elif isinstance(error, ssl.SSLError):
            text = (
                f"No encrypted connection to {self.route} ({said}). Check port and security: 465 "
                'goes with "tls", 587 with "starttls".'
            )
        elif isinstance(error, TimeoutError):
            text = f"{self.route} did not answer within {self._timeout_s:g} seconds."
        elif stage == "connect" and isinstance(error, OSError | ValueError) and code is None:
            text = f"{self.route} cannot be reached ({said}). Check host and port."
        else:
            text = f"{self.route} answered {said or 'nothing sensible'} at {stage}."
        return RouteError(text, stage=stage, code=code, temporary=temporary)

    # --- sending -------------------------------------------------------------------------------

    def send(self, message: Message, *, before_data: Callable[[], None]) -> Receipt:
        if self._n_sent >= self._most:
            self.close()
        self.connect()
        used = self._n_sent > 0
        answer = self._attempt(message, before_data)
        if answer is None and used:
            # The server ended a connection that had worked: it limits messages per connection.
            self.connect()
            answer = self._attempt(message, before_data)
        return answer or Receipt(
            outcome=Outcome.DEFERRED, rest=True, text="the server ended the connection at MAIL"
        )

    def _attempt(self, message: Message, before_data: Callable[[], None]) -> Receipt | None:
        """One try on the open connection; None if the server ended it before it heard of anybody.

        Raises:
            RouteError: see `Transport.send`.
        """
        assert self._smtp is not None
        smtp = self._smtp
        self._n_sent += 1
        if needs_smtputf8(message.sender, message.recipient) and not smtp.has_extn("smtputf8"):
            return Receipt(
                outcome=Outcome.REJECTED,
                text=f"{self.route} does not offer SMTPUTF8, which addresses with letters outside "
                "ASCII before the @ need",
            )
        try:
            answers = self._envelope(smtp, message)
        except _Ended:
            self._drop()
            return None
        except smtplib.SMTPServerDisconnected as error:
            self._drop()
            # Before the body: the server has nothing to deliver.
            return self._lost(error)
        except (OSError, smtplib.SMTPException) as error:
            self._drop()
            raise self._fault("mail", error) from error
        refusal = self._refusal(smtp, answers)
        if refusal is not None or self._smtp is None:
            return refusal
        try:
            before_data()
        except BaseException:
            # The server waits for a body: whatever came next on this connection would become it.
            self._drop()
            raise
        return self._send_body(smtp, message.body)

    def _envelope(self, smtp: smtplib.SMTP, message: Message) -> list[tuple[int, bytes]]:
        """The answers to MAIL, RCPT and DATA: in one go if the server can (RFC 2920), else up to
        the first that is a refusal.

        Raises:
            _Ended: the server ended the connection before it answered at all.
            SMTPServerDisconnected: it ended it after that.
        """
        smtp.command_encoding = "ascii"
        if needs_smtputf8(message.sender, message.recipient):
            smtp.command_encoding = "utf-8"
        options = "".join(f" {o}" for o in self._mail_options(message) if smtp.does_esmtp)
        commands = (
            f"MAIL FROM:<{message.sender}>{options}\r\n",
            f"RCPT TO:<{message.recipient}>\r\n",
            "DATA\r\n",
        )
        at_once = self._pipelining and smtp.has_extn("pipelining")
        answers: list[tuple[int, bytes]] = []
        try:
            if at_once:
                smtp.send("".join(commands))
            for command, welcome in zip(commands, _WELCOME, strict=True):
                if not at_once:
                    smtp.send(command)
                answers.append(smtp.getreply())
                code = answers[-1][0]
                if code == 421 or (not at_once and code not in welcome):
                    break
        except smtplib.SMTPServerDisconnected as error:
            if not answers:
                raise _Ended from error
            raise
        if answers[0][0] == 421:
            raise _Ended
        return answers

    def _refusal(self, smtp: smtplib.SMTP, answers: Sequence[tuple[int, bytes]]) -> Receipt | None:
        """What the first refusal among the answers means; None if the body is welcome.

        Raises:
            RouteError: it would meet every message.
        """
        stage, code, text = next(
            (
                (n, *answer)
                for n, (answer, welcome) in enumerate(zip(answers, _WELCOME, strict=False))
                if answer[0] not in welcome
            ),
            (len(_WELCOME), 0, b""),
        )
        if stage == len(_WELCOME):
            return None
        if answers[-1][0] == 354:
            self._drop()  # it waits for a body all the same, which must not be one
        else:
            self._end(smtp, answers[-1][0])
        if stage == 0:
            return self._refused_at_mail(code, text)
        if stage == 1 and code in LOGIN_WANTED:
            raise self._login_wanted(code, text)
        return reply_to_receipt(code, text, stage=Stage.RECIPIENT if stage == 1 else Stage.BODY)

    def _send_body(self, smtp: smtplib.SMTP, body: bytes) -> Receipt:
        first = b"." if body.startswith(b".") else b""
        stuffed = first + _LINE_WITH_DOT.sub(b"\n..", body)  # RFC 5321 4.5.2
        try:
            smtp.send(stuffed + (b"" if stuffed.endswith(b"\r\n") else b"\r\n"))
        except (OSError, smtplib.SMTPException) as error:
            self._drop()
            # Without its final dot the server must not deliver it.
            return self._lost(error)
        try:
            smtp.send(b".\r\n")
            if smtp.sock is not None:
                smtp.sock.settimeout(FINAL_REPLY_TIMEOUT_S)
            code, text = smtp.getreply()
            if smtp.sock is not None:
                smtp.sock.settimeout(self._timeout_s)
        except (OSError, smtplib.SMTPException) as error:
            self._drop()
            return Receipt(
                outcome=Outcome.IN_DOUBT,
                rest=True,
                text=f"connection lost while waiting for the answer: {_reply_text(error)}",
            )
        answer = reply_to_receipt(code, text, stage=Stage.BODY)
        if code == 421:
            self._drop()
        return answer

    @staticmethod
    def _lost(error: Exception) -> Receipt:
        text = f"connection lost: {_reply_text(error)}"
        return Receipt(outcome=Outcome.DEFERRED, rest=True, text=text)

    @staticmethod
    def _mail_options(message: Message) -> list[str]:
        options = [f"SIZE={len(message.body)}"]
        if needs_smtputf8(message.sender, message.recipient):
            options += ["SMTPUTF8", "BODY=8BITMIME"]  # RFC 6531; the headers hold UTF-8
        return options

    def _end(self, smtp: smtplib.SMTP, code: int) -> None:
        """Leave the connection ready for the next message, or drop it."""
        if code == 421:
            self._drop()
            return
        try:
            smtp.rset()
        except (OSError, smtplib.SMTPException):
            self._drop()

    def _drop(self) -> None:
        self._abandon(self._smtp)
        self._smtp = None

    def _login_wanted(self, code: int, text: bytes) -> RouteError:
        said = f"{code} {clean(text.decode('utf-8', 'replace'))}"
        self._drop()
        return RouteError(
            f"{self.route} wants a login: {said}. Set username in [smtp] and SMTP_PASSWORD.",
            stage="auth",
            code=code,
            temporary=False,
        )

    def _refused_at_mail(self, code: int, text: bytes) -> Receipt:
        """A refusal at MAIL: of this mail for its size, for our quota or pace, or of the sender.

        Raises:
            RouteError: it would meet every message.
        """
        receipt = reply_to_receipt(code, text, stage=Stage.MAIL)
        if receipt.cause in (Cause.QUOTA, Cause.SLOW, Cause.MESSAGE):
            return receipt
        raise RouteError(
            f"{self.route} refuses the sender: {receipt.reply}. Check sender in [smtp] and whether "
            "this account may use it.",
            stage="mail",
            code=code,
            temporary=code < 500,
        )


def _reply_text(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        text = error.smtp_error
        said = text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)
        return clean(f"{error.smtp_code} {said}")[:200]
    return clean(getattr(error, "strerror", None) or str(error))[:200]
