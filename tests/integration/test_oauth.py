"""Logging in by OAuth: a provider over HTTP, an SMTP server that wants tokens, a real Dovecot."""

from __future__ import annotations

import base64
import json
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from aiosmtpd.smtp import SMTP, AuthResult
from typer.testing import CliRunner

from digest import jobs
from digest.channels.email import oauth_login
from digest.channels.email.mailboxes import ImapBox
from digest.channels.email.oauth import (
    CommandToken,
    RefreshedToken,
    initial_response,
    login_hint,
    read_tokens,
)
from digest.channels.email.smtp import SmtpTransport
from digest.cli.main import app as command_line
from digest.config import load_text
from digest.errors import ConfigError, InboxError, LoginError, RouteError
from tests.dovecot import dovecot
from tests.servers import Answer, MailServer, Request, WebServer, as_json, mail_server, web_server
from tests.worlds import World, make_world

ACCOUNT = "digest@example.org"


class Provider:
    """Gives tokens as RFC 6749 and 8628 say; they are numbered."""

    def __init__(self, web: WebServer) -> None:
        self.web, self.n_tokens = web, 0
        self.refused: dict[str, str] = {}
        self.pending: list[str] = []
        self.asked: list[dict[str, str]] = []
        web.routes["/token"] = self.token
        web.routes["/device"] = self.device
        web.routes["/info"] = self.info

    @property
    def good(self) -> str:
        return f"token-{self.n_tokens}"

    def token(self, request: Request) -> Answer:
        form = {k: v[0] for k, v in parse_qs(request.body.decode()).items()}
        self.asked.append(form)
        kind = form["grant_type"].rpartition(":")[2]
        if kind in self.refused:
            return as_error(self.refused[kind])
        if kind == "device_code" and self.pending:
            return as_error(self.pending.pop(0))
        self.n_tokens += 1
        answer = {"access_token": self.good, "expires_in": 3600, "token_type": "Bearer"}
        if kind != "refresh_token":
            answer["refresh_token"] = "lasting"
        return as_json(answer)

    def device(self, request: Request) -> Answer:
        return as_json(
            {
                "device_code": "D",
                "user_code": "ABCD-EFGH",
                "verification_uri": "https://example.org/device",
                "expires_in": 900,
                "interval": 5,
            }
        )

    def info(self, request: Request) -> Answer:
        if request.query.get("access_token") != self.good:
            return Answer(b'{"error":"invalid_token"}', status=400, content_type="application/json")
        return as_json({"email": ACCOUNT, "expires_in": 3600})


def test_init_for_a_provider_without_passwords_leads_on(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    done = CliRunner().invoke(
        command_line, ["init", "--email", "me@hotmail.co.uk", "--output", str(file)]
    )
    assert "takes no passwords" in done.output
    assert "SMTP_PASSWORD" not in done.output
    done = CliRunner().invoke(command_line, ["-c", str(file), "login"])
    assert done.exit_code == 2
    assert "client_id is empty" in done.output
    done = CliRunner().invoke(
        command_line, ["init", "--email", "me@gmx.ch", "--output", str(file), "--force"]
    )
    assert "mail.gmx.net: Allow POP3 and IMAP" in done.output


def as_error(name: str) -> Answer:
    body = json.dumps({"error": name, "error_description": f"said {name}."}).encode()
    return Answer(body, status=400, content_type="application/json")


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> Iterator[Provider]:
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")  # the provider of a test has no TLS
    with web_server() as web:
        yield Provider(web)


@contextmanager
def smtp_with_oauth(provider: Provider, *mechanisms: str) -> Iterator[MailServer]:
    """A server that takes the provider's good token and nothing else."""
    with mail_server(
        auth_required=False, auth_require_tls=False, auth_exclude_mechanism=["LOGIN", "PLAIN"]
    ) as box:

        async def answer(server: SMTP, args: list[str], name: str) -> AuthResult:
            wanted = initial_response(name, ACCOUNT, provider.good, "127.0.0.1", box.port)
            box.logins.append(name)
            if base64.b64decode(args[1]).decode() == wanted:
                return AuthResult(success=True)
            # RFC 7628: the reason first, which the client answers before the refusal
            await server.challenge_auth(b'{"status":"400"}', encode_to_b64=True)
            return AuthResult(success=False, handled=False)

        for name in mechanisms:

            async def auth(server: SMTP, args: list[str], name: str = name) -> AuthResult:
                return await answer(server, args, name)

            setattr(box, f"auth_{name}", auth)
        yield box


def configure(world: World, provider: Provider, **more: str) -> None:
    world.write(top="")
    text = world.config.read_text("utf-8")
    table = f"""
[oauth]
provider = "other"
client_id = "digest"
authorize_url = "{provider.web.url}/authorize"
token_url = "{provider.web.url}/token"
device_url = "{more.get("device_url", provider.web.url + "/device")}"
scope = "mail"
"""
    login = f'security = "none"\nusername = "{ACCOUNT}"\noauth = true\n'
    world.config.write_text(text.replace('security = "none"\n', login, 1) + table, "utf-8")


@pytest.mark.parametrize("mechanism", ["XOAUTH2", "OAUTHBEARER"])
def test_a_day_goes_out_with_a_token_that_is_renewed_in_time(
    mechanism: str, provider: Provider, tmp_path: Path
) -> None:
    with make_world(tmp_path) as world, smtp_with_oauth(provider, mechanism) as box:
        world.smtp = box
        configure(world, provider)
        world.quiet()
        done = CliRunner().invoke(command_line, ["-c", str(world.config), "login", "--help"])
        assert done.exit_code == 0, done.output
        tokens = tmp_path / "oauth-tokens.json"
        tokens.write_text(json.dumps({ACCOUNT: {"refresh_token": "lasting"}}), "utf-8")
        with world.app() as app:
            for n_expected, later in ((1, 0), (1, 50), (2, 58), (3, 200)):
                world.now += timedelta(minutes=later - (50 if later == 58 else 0))
                with app.mail.transport() as transport:
                    transport.connect()
                assert provider.n_tokens == n_expected
        assert set(box.logins) == {mechanism}
        assert {f["refresh_token"] for f in provider.asked} == {"lasting"}
        kept = read_tokens(tokens)[ACCOUNT]
        assert kept["refresh_token"] == "lasting"
        assert stat.S_IMODE(tokens.stat().st_mode) == 0o600


def test_a_token_of_a_clock_that_was_ahead_is_not_kept(provider: Provider, tmp_path: Path) -> None:
    with make_world(tmp_path) as world, smtp_with_oauth(provider, "XOAUTH2") as box:
        world.smtp = box
        configure(world, provider)
        with world.app() as app:
            account = RefreshedToken(
                app.mail.oauth_client(), tmp_path / "t.json", ACCOUNT, app.clock
            )
            (tmp_path / "t.json").write_text(json.dumps({ACCOUNT: {"refresh_token": "x"}}))
            world.now += timedelta(days=400)
            assert account.get() == "token-1"
            world.now -= timedelta(days=400)
            assert account.get() == "token-2"
            account.forget()
            assert account.get() == "token-3"


def test_who_has_not_logged_in_or_was_shut_out_is_told_what_to_do(
    provider: Provider, tmp_path: Path
) -> None:
    with make_world(tmp_path) as world, smtp_with_oauth(provider, "XOAUTH2") as box:
        world.smtp = box
        configure(world, provider)
        with world.app() as app, pytest.raises(RouteError, match="run `digest login`"):
            app.mail.transport().connect()
        tokens = tmp_path / "oauth-tokens.json"
        tokens.write_text(json.dumps({ACCOUNT: {"refresh_token": "x"}}), "utf-8")
        provider.refused["refresh_token"] = "invalid_grant"
        with world.app() as app, pytest.raises(RouteError, match=r"said invalid_grant.*login"):
            app.mail.transport().connect()
        provider.refused.clear()
        with world.app() as app:
            transport = app.mail.transport()
            provider.n_tokens = 5
            provider.web.says("/token", as_json({"access_token": "of another", "expires_in": 9}))
            with pytest.raises(RouteError, match=r"refuses the login.*`digest login`"):
                transport.connect()
            assert "access_token" not in read_tokens(tokens)[ACCOUNT]
        provider.web.says("/token", Answer(b"<html>", status=502))
        with world.app() as app, pytest.raises(RouteError, match="502 without sense") as raised:
            app.mail.transport().connect()
        assert raised.value.temporary


def test_a_command_gives_the_token(provider: Provider, tmp_path: Path) -> None:
    provider.n_tokens = 1
    with smtp_with_oauth(provider, "XOAUTH2") as box:

        def log_in(command: str) -> None:
            with SmtpTransport(
                host="127.0.0.1",
                port=box.port,
                security="none",
                username=ACCOUNT,
                token=CommandToken(command),
            ) as transport:
                transport.connect()

        log_in("echo token-1")
        log_in('sh -c "echo token-1; echo more"')
        for command, told in (
            ("sh -c 'echo locked >&2; exit 3'", "ended with 3 and no token: locked"),
            ("true", "it printed nothing"),
            ("no-such-program-here", "cannot be run"),
            ("'", "cannot be run"),
        ):
            with pytest.raises(RouteError, match=told):
                log_in(command)


def test_a_login_by_code_waits_as_it_is_told_and_keeps_the_tokens(
    provider: Provider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    monkeypatch.setattr("time.sleep", waits.append)
    provider.pending = ["authorization_pending", "slow_down", "authorization_pending"]
    with make_world(tmp_path) as world:
        configure(world, provider)
        done = CliRunner().invoke(command_line, ["-c", str(world.config), "login"])
    assert done.exit_code == 0, done.output
    shown = " ".join(done.output.split())
    assert "Open https://example.org/device in any browser, and type the code ABCD-EFGH" in shown
    assert waits == [5, 5, 10, 10]
    assert read_tokens(tmp_path / "oauth-tokens.json")[ACCOUNT]["refresh_token"] == "lasting"
    provider.refused["device_code"] = "access_denied"
    with make_world(tmp_path) as world:
        configure(world, provider)
        done = CliRunner().invoke(command_line, ["-c", str(world.config), "login"])
    assert done.exit_code == 1
    assert "said access_denied" in done.output


def test_a_login_by_browser_hears_what_it_brings_back(provider: Provider, tmp_path: Path) -> None:
    opened: list[dict[str, str]] = []

    def browser(address: str) -> None:
        asked = {k: v[0] for k, v in parse_qs(urlsplit(address).query).items()}
        opened.append(asked)
        back = asked["redirect_uri"]

        def come_back() -> None:
            httpx.get(f"{back}favicon.ico")
            httpx.get(back, params={"code": "C", "state": asked["state"]})

        threading.Thread(target=come_back).start()

    with make_world(tmp_path) as world:
        configure(world, provider)
        with world.app() as app:
            client = app.mail.oauth_client()
    found = oauth_login.log_in_by_browser(client, ACCOUNT, lambda line: None, browser)
    assert found["refresh_token"] == "lasting"
    (asked,) = opened
    assert asked["code_challenge_method"] == "S256"
    assert asked["login_hint"] == ACCOUNT
    (exchange,) = provider.asked
    assert exchange["code"] == "C"
    assert exchange["redirect_uri"] == asked["redirect_uri"]
    assert len(exchange["code_verifier"]) >= 43

    def forger(address: str) -> None:
        back = parse_qs(urlsplit(address).query)["redirect_uri"][0]
        threading.Thread(target=lambda: httpx.get(back, params={"code": "C", "state": "s"})).start()

    with pytest.raises(LoginError, match="refused"):
        oauth_login.log_in_by_browser(client, ACCOUNT, lambda line: None, forger)


def test_dovecot_takes_our_tokens_and_its_refusal_is_told(provider: Provider) -> None:
    provider.n_tokens = 1

    class Fixed:
        def __init__(self, token: str) -> None:
            self.token, self.forgotten = token, False

        def get(self) -> str:
            return self.token

        def forget(self) -> None:
            self.forgotten = True

    def opened(port: int, token: Fixed) -> ImapBox:
        return ImapBox(host="127.0.0.1", port=port, security="none", username=ACCOUNT, token=token)

    with dovecot(token_info=f"{provider.web.url}/info?access_token=") as server:
        server.deliver(b"Subject: Hello\r\n\r\nText\r\n")
        box = opened(server.port, Fixed("token-1"))
        assert [key for key, _ in box.unread(lambda headers: False)] == ["1"]
        box.close()
        wrong = Fixed("token-0")
        with pytest.raises(InboxError, match="`digest login` gets a new token"):
            opened(server.port, wrong)
        assert wrong.forgotten


def test_a_server_that_knows_no_password_is_told_by_what_it_wants(provider: Provider) -> None:
    with smtp_with_oauth(provider, "XOAUTH2") as box:
        transport = SmtpTransport(
            host="127.0.0.1", port=box.port, security="none", username="a", password="b"
        )
        with pytest.raises(RouteError, match=r"nobody log in with a password\. It wants OAuth"):
            transport.connect()
    with mail_server() as box:
        transport = SmtpTransport(
            host="127.0.0.1",
            port=box.port,
            security="none",
            username="a",
            token=CommandToken("echo x"),
        )
        with pytest.raises(RouteError, match="offers no login by OAuth"):
            transport.connect()


@pytest.mark.parametrize(
    ("host", "said", "wanted"),
    [
        (
            "smtp-mail.outlook.com",
            "535 5.7.139 Authentication unsuccessful, basic authentication is disabled.",
            "It wants OAuth",
        ),
        (
            "smtp.office365.com",
            "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for "
            "the Tenant.",
            "administrator can switch them on",
        ),
        ("outlook.office365.com", "LOGIN failed.", "It wants OAuth"),
        ("smtp.gmail.com", "535 5.7.8 Username and Password not accepted", "app password"),
        ("notoutlook.company.example", "535 5.7.8 no", "app password"),
    ],
)
def test_what_to_do_about_a_refused_login(host: str, said: str, wanted: str) -> None:
    hint = login_hint(host, said, by_token=False)
    assert wanted in hint
    assert ("app password" in hint) == (wanted == "app password")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("oauth = true", "[smtp] oauth = true wants a table [oauth]"),
        ('oauth = true\ntoken_command = "x"', "oauth and token_command exclude each other"),
        ("port = 465", 'port 465 goes with security = "tls"'),
    ],
)
def test_what_cannot_work_is_told_at_once(change: str, told: str) -> None:
    text = f"""
[[sources]]
kind = "arxiv"
categories = ["cs.LG"]
[smtp]
host = "smtp.example.org"
sender = "a@example.org"
username = "a"
{change}
"""
    with pytest.raises(ConfigError) as raised:
        load_text(text, path=Path("config.toml"), environ={})
    assert told in str(raised.value)


def test_an_oauth_login_wants_a_name_and_no_password(tmp_path: Path, provider: Provider) -> None:
    with make_world(tmp_path) as world:
        configure(world, provider)
        text = world.config.read_text("utf-8").replace(f'username = "{ACCOUNT}"\n', "")
        world.config.write_text(text, "utf-8")
        with world.app() as app, pytest.raises(ConfigError, match="username: a login by OAuth"):
            jobs.run(app)
