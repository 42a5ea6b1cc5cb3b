"""The login by OAuth 2.0 that a person makes once, and that gives us a refresh token.

Their browser is sent to the provider either with a code to type (RFC 8628, Microsoft) or from a
server on this machine that hears the answer (RFC 8252; Google has no codes for mail).
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from urllib.parse import urlencode

from digest.channels.email.oauth import OAuthClient, ask, host_of, said_in, secret_of
from digest.errors import LoginError

#: how long a person may take who logs in
PATIENCE = timedelta(minutes=15)


def log_in_by_code(
    client: OAuthClient,
    tell: Callable[[str], None],
    sleep: Callable[[float], None],
) -> Mapping[str, Any]:
    """Have a person type a code at the provider, in any browser (RFC 8628); returns its tokens.

    Raises:
        LoginError: they did not, or the provider refuses.
    """
    from oauthlib.oauth2 import DeviceClient

    device = DeviceClient(client.client_id)
    form = {"client_id": client.client_id, "scope": client.endpoints.scope}
    asked = ask(client.endpoints.device, urlencode(form))
    if "device_code" not in asked:
        raise LoginError(f"{host_of(client.endpoints.device)} gives no code: {said_in(asked)}.")
    where = asked.get("verification_uri") or asked.get("verification_url")
    tell(f"Open {where} in any browser, and type the code {asked['user_code']}")
    every, patience = float(asked.get("interval") or 5), PATIENCE.total_seconds()
    patience = min(patience, float(asked.get("expires_in") or patience))
    waited = 0.0
    while waited < patience:
        sleep(every)
        waited += every
        body = device.prepare_request_body(
            asked["device_code"], include_client_id=True, **secret_of(client)
        )
        answer = ask(client.endpoints.token, body)
        if "access_token" in answer:
            return answer
        if answer.get("error") == "slow_down":
            every += 5
        elif answer.get("error") != "authorization_pending":
            raise LoginError(f"The login was refused: {said_in(answer)}.")
    raise LoginError("Nobody typed the code in time; run `digest login` again.")


def log_in_by_browser(
    client: OAuthClient,
    account: str,
    tell: Callable[[str], None],
    open_browser: Callable[[str], object],
) -> Mapping[str, Any]:
    """Send a person's browser to the provider and hear what it brings back to this machine (RFC
    8252, with PKCE); returns the provider's tokens.

    Raises:
        LoginError: nothing came back, or the provider refuses.
    """
    from oauthlib.oauth2 import OAuth2Error, WebApplicationClient

    web = WebApplicationClient(client.client_id)
    verifier, state = secrets.token_urlsafe(48), secrets.token_urlsafe(24)
    with _Listener(("127.0.0.1", 0), _Landing) as listener:
        redirect = f"http://127.0.0.1:{listener.server_port}/"
        address = web.prepare_request_uri(
            client.endpoints.authorize,
            redirect_uri=redirect,
            scope=client.endpoints.scope.split(),
            state=state,
            code_challenge=web.create_code_challenge(verifier, "S256"),
            code_challenge_method="S256",
            access_type="offline",
            prompt="consent",
            login_hint=account,
        )
        tell(f"Your browser opens; if it does not, open {address}")
        tell(
            "On a machine without one, forward the port first: ssh -L "
            f"{listener.server_port}:127.0.0.1:{listener.server_port} …"
        )
        open_browser(address)
        arrived = listener.wait(PATIENCE.total_seconds())
    try:
        found = web.parse_request_uri_response(f"https://127.0.0.1{arrived}", state=state)
    except OAuth2Error as error:
        raise LoginError(f"The login was refused: {error.description or error.error}.") from error
    body = web.prepare_request_body(
        code=found["code"], redirect_uri=redirect, code_verifier=verifier, **secret_of(client)
    )
    answer = ask(client.endpoints.token, body)
    if "access_token" not in answer:
        raise LoginError(f"The login was refused: {said_in(answer)}.")
    if not answer.get("refresh_token"):
        raise LoginError(
            "The provider gave no refresh token, so the login would end within the hour. Take "
            "away this program's access in your account's settings there, and try again."
        )
    return answer


class _Landing(BaseHTTPRequestHandler):
    """Where the provider sends the browser back to."""

    server: _Listener

    def do_GET(self) -> None:
        hears = "code=" in self.path or "error=" in self.path
        self.send_response(200 if hears else 404)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.end_headers()
        if hears:
            self.wfile.write(b"You can close this window and go back to the terminal.\n")
            self.server.arrived = self.path

    def log_message(self, format: str, *args: object) -> None:
        """The address holds the code, which belongs into no log."""


class _Listener(HTTPServer):
    arrived = ""

    def wait(self, seconds: float) -> str:
        """The address that the browser came with.

        Raises:
            LoginError: it did not come.
        """
        self.timeout = 1.0
        waited = 0.0
        while not self.arrived and waited < seconds:
            self.handle_request()
            waited += self.timeout
        if not self.arrived:
            raise LoginError("Nobody logged in within a quarter of an hour; run it again.")
        return self.arrived
