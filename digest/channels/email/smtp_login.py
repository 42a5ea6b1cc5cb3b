"""Logging in at an SMTP server with any letters."""

from __future__ import annotations

import base64
import hmac
import smtplib
from collections.abc import Callable

from digest.channels.email.oauth import chosen_mechanism, initial_response, last_response

#: questions of a server during one login
MOST_CHALLENGES = 5


class Login(smtplib.SMTP):
    """Logs in with any letters: RFC 4616 wants UTF-8, smtplib knows ASCII alone."""

    #: answers that were sent in this login
    _n_said = 0
    _server = ("", 0)

    def connect(  # type: ignore[override]
        self, host: str = "localhost", port: int = 0, source_address: tuple[str, int] | None = None
    ) -> tuple[int, bytes]:
        self._server = (host, port)
        return super().connect(host, port, source_address)

    def auth(
        self,
        mechanism: str,
        authobject: Callable[..., str | None],
        *,
        initial_response_ok: bool = True,
    ) -> tuple[int, bytes]:
        first = authobject() if initial_response_ok else None
        command = mechanism.upper() + (f" {_encoded(first)}" if first is not None else "")
        self._n_said = int(first is not None)
        code, answer = self.docmd("AUTH", command)
        while code == 334 and self._n_said < MOST_CHALLENGES:
            said = authobject(base64.decodebytes(answer))
            self._n_said += 1
            code, answer = self.docmd(_encoded(said or ""))
        if code in (235, 503):
            return code, answer
        raise smtplib.SMTPAuthenticationError(code, answer)

    def auth_login(self, challenge: bytes | None = None) -> str:  # type: ignore[override]
        """First the name, then the password; the words that a server asks with differ."""
        return self.user if challenge is None or not self._n_said else self.password

    def auth_oauth(self, username: str, token: str) -> None:
        """Log in with an access token instead of a password (RFC 7628).

        Raises:
            SMTPNotSupportedError: the server offers no OAuth.
            SMTPAuthenticationError: it refuses the token.
        """
        self.ehlo_or_helo_if_needed()
        mechanism = chosen_mechanism(self.esmtp_features.get("auth", ""))
        if not mechanism:
            raise smtplib.SMTPNotSupportedError("the server offers no login by OAuth")
        first = initial_response(mechanism, username, token, *self._server)
        self.auth(
            mechanism,
            # a second question is the reason of a refusal
            lambda challenge=None: first if challenge is None else last_response(mechanism),
        )

    def auth_cram_md5(self, challenge: bytes | None = None) -> str | None:  # type: ignore[override]
        if challenge is None:
            return None
        answer = hmac.new(self.password.encode(), challenge, "md5").hexdigest()
        return f"{self.user} {answer}"


class TlsLogin(Login, smtplib.SMTP_SSL):
    """The same over TLS from the start."""


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode("ascii")
