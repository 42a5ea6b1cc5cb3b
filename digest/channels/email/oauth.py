"""OAuth 2.0 for logins at mail servers: access tokens from a command, or from a refresh token that
a person has allowed us once (`oauth_login`). oauthlib writes and reads what is said; httpx carries
it."""

from __future__ import annotations

import json
import re
import secrets
import shlex
import subprocess
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

import httpx

from digest.errors import LoginError
from digest.files import write_private
from digest.text import clean

#: an access token is renewed so long before its end
RENEW_BEFORE = timedelta(minutes=5)
#: how long a command may take, and a provider
COMMAND_TIMEOUT_S, HTTP_TIMEOUT_S = 60, 30


class AccessToken(Protocol):
    """Where the token comes from that a login shows instead of a password."""

    def get(self) -> str:
        """A token that is good now.

        Raises:
            LoginError: there is none.
        """
        ...

    def forget(self) -> None:
        """It was refused: do not give the same again."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoints:
    """Where a provider is asked, and for what."""

    authorize: str
    token: str
    scope: str
    #: empty: it has no login by code
    device: str = ""


_MICROSOFT = "https://login.microsoftonline.com/{tenant}/oauth2/v2.0"
#: https://developers.google.com/workspace/gmail/imap/xoauth2-protocol
#: https://learn.microsoft.com/exchange/client-developer/legacy-protocols/how-to-authenticate-an-imap-pop-smtp-application-by-using-oauth
ENDPOINTS: Mapping[str, Endpoints] = {
    "google": Endpoints(
        authorize="https://accounts.google.com/o/oauth2/v2/auth",
        token="https://oauth2.googleapis.com/token",
        scope="https://mail.google.com/",
    ),
    "microsoft": Endpoints(
        authorize=f"{_MICROSOFT}/authorize",
        token=f"{_MICROSOFT}/token",
        device=f"{_MICROSOFT}/devicecode",
        scope="offline_access https://outlook.office.com/SMTP.Send "
        "https://outlook.office.com/IMAP.AccessAsUser.All",
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class OAuthClient:
    """This program, as a provider knows it."""

    endpoints: Endpoints
    client_id: str
    client_secret: str = ""


def initial_response(mechanism: str, username: str, token: str, host: str, port: int) -> str:
    """What a client says first: RFC 7628 for OAUTHBEARER, else what Google made up before it."""
    if mechanism == "OAUTHBEARER":
        name = username.replace("=", "=3D").replace(",", "=2C")
        return f"n,a={name},\x01host={host}\x01port={port}\x01auth=Bearer {token}\x01\x01"
    return f"user={username}\x01auth=Bearer {token}\x01\x01"


def last_response(mechanism: str) -> str:
    """What a client says to a refusal, so that the server may end the exchange."""
    return "\x01" if mechanism == "OAUTHBEARER" else ""


def chosen_mechanism(offered: str) -> str:
    """The mechanism to use of those that a server names; empty if there is none."""
    names = offered.upper().split()
    return next((m for m in ("OAUTHBEARER", "XOAUTH2") if m in names), "")


OAUTH_HINT = (
    "It wants OAuth: set oauth = true and a table [oauth], then run `digest login` (docs/mail.md), "
    "or set token_command."
)
#: operators that take no passwords any more, also no app passwords
_OAUTH_ONLY = re.compile(r"(?:^|\.)(?:office365|outlook|hotmail|live)\.com$")


def login_hint(host: str, said: str, *, by_token: bool) -> str:
    """What to do about a refused login, as a sentence.

    Args:
        said: the server's words, with its code.
    """
    if by_token:
        return (
            "Check username, and that the token's account may send and read mail by SMTP and IMAP; "
            "`digest login` gets a new token."
        )
    words = said.lower()
    if re.search(r"smtpclientauthentication is disabled|5\.7\.139.*disabled for the", words):
        return (
            "The organisation has switched SMTP logins off: its administrator can switch them on "
            f"for this mailbox. {OAUTH_HINT}"
        )
    if "5.7.139" in words or "basic authentication" in words or _OAUTH_ONLY.search(host.lower()):
        return OAUTH_HINT
    return "Check username and SMTP_PASSWORD; many providers want an app password here."


class CommandToken:
    """Implements `AccessToken`: the first line that a command prints, as with mutt and msmtp."""

    def __init__(self, command: str) -> None:
        self._command = command

    def get(self) -> str:
        try:
            done = subprocess.run(
                shlex.split(self._command),
                capture_output=True,
                timeout=COMMAND_TIMEOUT_S,
                stdin=subprocess.DEVNULL,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise LoginError(
                f"token_command said nothing within {COMMAND_TIMEOUT_S} seconds.", temporary=True
            ) from error
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise LoginError(f"token_command cannot be run: {reason}.") from error
        token = done.stdout.decode("utf-8", "replace").strip().partition("\n")[0].strip()
        if done.returncode or not token:
            said = clean(done.stderr.decode("utf-8", "replace"))[:200] or "it printed nothing"
            raise LoginError(
                f"token_command ended with {done.returncode} and no token: {said}.", temporary=True
            )
        return token

    def forget(self) -> None:
        """It is asked anew for each login."""


class RefreshedToken:
    """Implements `AccessToken`: made from the refresh token in a file, and kept there.

    Args:
        account: whose, as the mail server's login names them.
    """

    def __init__(
        self, client: OAuthClient, path: Path, account: str, clock: Callable[[], datetime]
    ) -> None:
        self._client, self._path, self._account, self._clock = client, path, account, clock
        self._lock = threading.Lock()

    def get(self) -> str:
        with self._lock:
            kept = read_tokens(self._path)
            mine = kept.get(self._account)
            if not mine or not mine.get("refresh_token"):
                raise LoginError(
                    f"{self._account} has not logged in by OAuth yet: run `digest login`."
                )
            good_until = datetime.fromisoformat(mine.get("good_until") or "2000-01-01T00:00+00:00")
            # a clock that was ahead must not keep a token alive
            left = good_until - self._clock()
            if RENEW_BEFORE < left <= timedelta(days=1) and mine.get("access_token"):
                return str(mine["access_token"])
            return self._renewed(str(mine["refresh_token"]))

    def forget(self) -> None:
        with self._lock:
            kept = read_tokens(self._path)
            if self._account in kept:
                kept[self._account].pop("access_token", None)
                _write_tokens(self._path, kept)

    def _renewed(self, refresh_token: str) -> str:
        from oauthlib.oauth2 import WebApplicationClient

        client = WebApplicationClient(self._client.client_id)
        body = client.prepare_refresh_body(
            refresh_token=refresh_token,
            scope=self._client.endpoints.scope,
            client_id=self._client.client_id,
            **secret_of(self._client),
        )
        answer = ask(self._client.endpoints.token, body)
        if "error" in answer:
            raise LoginError(
                f"The login of {self._account} has ended ({said_in(answer)}). Run `digest login` "
                "again."
            )
        # some give a new refresh token each time, which the old one makes room for
        answer.setdefault("refresh_token", refresh_token)
        save_token(self._path, self._account, answer, self._clock())
        return str(answer["access_token"])


def read_tokens(path: Path) -> dict[str, dict[str, str]]:
    """What is kept, by account; nothing if there is no file.

    Raises:
        LoginError: the file is no list of tokens.
    """
    try:
        found: dict[str, dict[str, str]] = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise LoginError(
            f"{path} cannot be read: {error}. `digest login` writes it anew."
        ) from error
    return found


def save_token(path: Path, account: str, answer: Mapping[str, Any], now: datetime) -> None:
    """Keep what a provider gave.

    Raises:
        LoginError: the file cannot be written.
    """
    good_until = now + timedelta(seconds=float(answer.get("expires_in") or 3600))
    try:
        kept = read_tokens(path)
    except LoginError:
        kept = {}
    kept[account] = {
        "refresh_token": str(answer.get("refresh_token", "")),
        "access_token": str(answer["access_token"]),
        "good_until": good_until.isoformat(),
    }
    _write_tokens(path, kept)


def _write_tokens(path: Path, kept: Mapping[str, object]) -> None:
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        write_private(beside, json.dumps(kept, indent=1).encode())
        beside.replace(path)
    except OSError as error:
        raise LoginError(f"{path} cannot be written: {error.strerror}.") from error


def secret_of(client: OAuthClient) -> dict[str, str]:
    return {"client_secret": client.client_secret} if client.client_secret else {}


def ask(url: str, body: str) -> dict[str, Any]:
    """A provider's answer to a form; it says no by "error" in it.

    Raises:
        LoginError: it did not answer sensibly.
    """
    try:
        response = httpx.post(
            url,
            content=body,
            headers={"Content-Type": "application/x-www-form-urlencoded"},
            timeout=HTTP_TIMEOUT_S,
        )
        answer = response.json()
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise LoginError(f"{host_of(url)} cannot be reached: {error}.", temporary=True) from error
    except ValueError as error:
        raise LoginError(
            f"{host_of(url)} answered {response.status_code} without sense.", temporary=True
        ) from error
    if not isinstance(answer, dict) or not (answer.keys() & {"error", "access_token", "user_code"}):
        raise LoginError(
            f"{host_of(url)} answered {response.status_code} without sense.", temporary=True
        )
    return answer


def host_of(url: str) -> str:
    return urlsplit(url).hostname or url


def said_in(answer: Mapping[str, Any]) -> str:
    said = answer.get("error_description") or answer.get("error") or "no reason given"
    return clean(str(said)).rstrip(".")[:300]
