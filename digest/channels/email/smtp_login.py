"""Logging in at an SMTP server with any letters."""

from __future__ import annotations

import base64
import hmac
import smtplib
from collections.abc import Callable

#: questions of a server during one login
MOST_CHALLENGES = 5


class Login(smtplib.SMTP):
    """Logs in with any letters: RFC 4616 wants UTF-8, smtplib knows ASCII alone."""

    #: answers that were sent in this login
    _n_said = 0

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

    def auth_cram_md5(self, challenge: bytes | None = None) -> str | None:  # type: ignore[override]
        if challenge is None:
            return None
        answer = hmac.new(self.password.encode(), challenge, "md5").hexdigest()
        return f"{self.user} {answer}"


class TlsLogin(Login, smtplib.SMTP_SSL):
    """The same over TLS from the start."""


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode("ascii")
