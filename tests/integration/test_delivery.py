"""SMTP and Maildir with real servers: what is accepted, refused, encrypted or left alone."""

from __future__ import annotations

import mailbox
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import trustme

from digest.channels.email.codes import Stage, reply_to_receipt
from digest.channels.email.maildir import MaildirTransport
from digest.channels.email.smtp import SmtpTransport
from digest.errors import RouteError
from digest.model import Message, Outcome, Strike
from tests.servers import MailServer, mail_server


@pytest.fixture
def smtp() -> Iterator[MailServer]:
    with mail_server() as server:
        yield server


def message(
    to: str = "ada@example.org", body: bytes = b"Subject: x\r\n\r\n.dot\r\n.\r\n..\r\nend\r\n"
) -> Message:
    return Message(message_id="<m@x>", sender="digest@example.org", recipient=to, body=body)


def transport(port: int, **options: object) -> SmtpTransport:
    defaults: dict[str, object] = {"host": "127.0.0.1", "port": port, "security": "none"}
    return SmtpTransport(**(defaults | {"timeout_s": 5} | options))  # type: ignore[arg-type]


def nothing() -> None:
    pass


def test_a_run_uses_one_connection_and_bodies_arrive_as_they_are(smtp: MailServer) -> None:
    told: list[int] = []
    with transport(smtp.port) as way:
        for n in range(3):
            answer = way.send(message(f"{n}@example.org"), before_data=lambda: told.append(1))
            assert answer.outcome is Outcome.ACCEPTED
        odd = message(body=b".\r\n.x: 1\r\n\r\n..\r\n")  # no mail of ours, but none is harmed
        assert way.send(odd, before_data=nothing).outcome is Outcome.ACCEPTED
    assert smtp.n_sessions == 1
    assert len(told) == 3
    assert [m.body for m in smtp.mails] == [message().body] * 3 + [odd.body]
    assert smtp.mails[0].sender == "digest@example.org"


def test_an_address_outside_ascii_needs_a_server_with_smtputf8() -> None:
    abroad = message("jörg@xn--bcher-kva.example", "To: <jörg@x>\r\n\r\nx\r\n".encode())
    with mail_server(enable_SMTPUTF8=True) as able, transport(able.port) as way:
        assert way.send(abroad, before_data=nothing).outcome is Outcome.ACCEPTED
        assert able.mails[0].recipient == "jörg@xn--bcher-kva.example"
        assert able.mails[0].body == abroad.body
    with mail_server(enable_SMTPUTF8=False) as unable, transport(unable.port) as way:
        answer = way.send(abroad, before_data=nothing)
        assert answer.outcome is Outcome.REJECTED
        assert "does not offer SMTPUTF8" in answer.text
        # the next reader must not pay for it
        assert way.send(message(), before_data=nothing).outcome is Outcome.ACCEPTED


def test_a_refused_recipient_is_a_receipt_and_the_next_mail_goes_out(smtp: MailServer) -> None:
    smtp.refuse = {
        "gone@example.org": "550 5.1.1 no such user",
        "full@example.org": "452 4.2.2 full",
    }
    with transport(smtp.port) as way:
        gone = way.send(message("gone@example.org"), before_data=nothing)
        full = way.send(message("full@example.org"), before_data=nothing)
        fine = way.send(message(), before_data=nothing)
    assert (gone.outcome, gone.code, gone.enhanced_code) == (Outcome.BOUNCED, 550, "5.1.1")
    assert gone.text == "no such user"
    assert full.outcome is Outcome.DEFERRED
    assert fine.outcome is Outcome.ACCEPTED
    assert [m.recipient for m in smtp.mails] == ["ada@example.org"]


def test_a_refusal_of_the_body_is_not_held_against_the_address(smtp: MailServer) -> None:
    smtp.after_data = "554 5.7.1 looks like spam"
    with transport(smtp.port) as way:
        answer = way.send(message(), before_data=nothing)
    assert (answer.outcome, answer.strike) == (Outcome.POLICY, Strike.NONE)


@pytest.mark.parametrize(
    ("code", "text", "at_recipient", "outcome", "strike", "rest"),
    [
        (250, "2.0.0 ok", False, "accepted", "", False),
        (251, "will forward", True, "accepted", "", False),
        (421, "busy", False, "deferred", "", True),
        (421, "4.7.0 too many messages", False, "deferred", "", True),
        (450, "mailbox busy", True, "deferred", "", False),
        (451, "4.7.1 greylisted", True, "deferred", "", False),
        (452, "4.5.3 too many recipients", True, "deferred", "", True),
        (452, "4.3.1 no storage", False, "deferred", "", True),
        (452, "4.2.2 mailbox full", True, "deferred", "soft", False),
        (550, "5.1.1 unknown", True, "bounced", "hard", False),
        (550, "5.1.10 null MX", True, "bounced", "hard", False),
        (553, "5.1.3 bad syntax", True, "bounced", "hard", False),
        (550, "5.2.1 disabled", True, "bounced", "soft", False),
        (552, "5.2.2 full", True, "bounced", "soft", False),
        (550, "no such user", True, "bounced", "hard", False),
        (550, "no", True, "bounced", "soft", False),
        (551, "moved", True, "bounced", "soft", False),
        (552, "5.3.4 too big", False, "rejected", "", False),
        (552, "5.2.3 too long", False, "rejected", "", False),
        (550, "5.7.1 blocked", True, "policy", "", False),
        (554, "5.7.26 unauthenticated", False, "policy", "", False),
        (550, "we do not like it", False, "policy", "", False),
        (554, "no SMTP service here", False, "policy", "", False),
        (550, "5.6.0 malformed", False, "rejected", "", False),
        (500, "what?", False, "rejected", "", False),
    ],
)
def test_replies_are_sorted_by_evidence(
    code: int, text: str, at_recipient: bool, outcome: str, strike: str, rest: bool
) -> None:
    found = reply_to_receipt(code, text, stage=Stage.RECIPIENT if at_recipient else Stage.BODY)
    assert (found.outcome, found.strike, found.rest) == (outcome, strike, rest)


# --- encryption and login ---------------------------------------------------------------------


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def server_tls(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


@pytest.fixture(scope="module")
def client_tls(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


def test_starttls_with_login(server_tls: ssl.SSLContext, client_tls: ssl.SSLContext) -> None:
    with mail_server(tls_context=server_tls, auth_required=True, require_starttls=True) as smtp:
        smtp.password = "hush"
        with transport(
            smtp.port, security="starttls", username="ada", password="hush", tls_context=client_tls
        ) as way:
            assert way.send(message(), before_data=nothing).outcome is Outcome.ACCEPTED
        assert smtp.logins == ["ada"]
        with (
            transport(
                smtp.port, security="starttls", username="a", password="bad", tls_context=client_tls
            ) as way,
            pytest.raises(RouteError, match="refuses the login") as caught,
        ):
            way.connect()
    assert not caught.value.temporary
    assert "bad" not in str(caught.value)


def test_implicit_tls(server_tls: ssl.SSLContext, client_tls: ssl.SSLContext) -> None:
    with (
        mail_server(implicit_tls=server_tls) as smtp,
        transport(smtp.port, security="tls", tls_context=client_tls) as way,
    ):
        assert way.send(message(), before_data=nothing).outcome is Outcome.ACCEPTED


def test_certificates_are_read_once_and_only_to_encrypt(
    smtp: MailServer,
    server_tls: ssl.SSLContext,
    client_tls: ssl.SSLContext,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    read: list[ssl.SSLContext] = []

    def context() -> ssl.SSLContext:
        read.append(client_tls)
        return client_tls

    monkeypatch.setattr(ssl, "create_default_context", context)
    with transport(smtp.port) as way:
        way.send(message(), before_data=nothing)
    assert not read
    with (
        mail_server(tls_context=server_tls, require_starttls=True) as encrypted,
        transport(encrypted.port, security="starttls", messages_per_connection=1) as way,
    ):
        for _ in range(3):  # a connection each
            way.send(message(), before_data=nothing)
    assert len(encrypted.mails) == 3
    assert len(read) == 1


def test_no_starttls_is_an_error_and_nothing_is_sent_in_the_clear(smtp: MailServer) -> None:
    with (
        transport(smtp.port, security="starttls") as way,
        pytest.raises(RouteError, match="offers no STARTTLS") as caught,
    ):
        way.send(message(), before_data=nothing)
    assert not caught.value.temporary
    assert smtp.mails == []


def test_a_certificate_of_nobody_is_an_error(server_tls: ssl.SSLContext) -> None:
    with (
        mail_server(tls_context=server_tls) as smtp,
        transport(smtp.port, security="starttls") as way,
        pytest.raises(RouteError, match=r"certificate .* is not valid"),
    ):
        way.send(message(), before_data=nothing)
    assert smtp.mails == []


def test_a_login_where_none_is_offered_is_told(smtp: MailServer) -> None:
    with (
        transport(smtp.port, username="ada", password="x") as way,
        pytest.raises(RouteError, match="offers no login"),
    ):
        way.connect()


# --- a server that breaks ---------------------------------------------------------------------


class BreaksAt:
    """A scripted server: answers up to a stage, then hangs up."""

    def __init__(self, stage: str, reply: bytes = b"") -> None:
        self.stage, self.reply = stage, reply
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self._serve)
        self.thread.start()

    def _serve(self) -> None:
        connection, _ = self.listener.accept()
        with connection, connection.makefile("rb") as lines:
            say: Callable[[bytes], None] = connection.sendall
            if self.stage == "connect":
                return say(self.reply) if self.reply else None
            say(b"220 hello\r\n")
            for line in lines:
                verb = line.split()[0].split(b":")[0].upper().decode()
                if verb == self.stage:
                    return say(self.reply) if self.reply else None
                if verb == "DATA":
                    say(b"354 go\r\n")
                    body = b""
                    while not body.endswith(b"\r\n.\r\n"):
                        part = connection.recv(65536)
                        if not part:
                            return None
                        body += part
                        if self.stage == "body":
                            return None
                    if self.stage == "dot":
                        return None
                    say(b"250 ok\r\n")
                else:
                    say(b"250 ok\r\n")
        return None

    def close(self) -> None:
        self.thread.join()
        self.listener.close()


@pytest.mark.parametrize(
    ("stage", "outcome"),
    [("RCPT", Outcome.DEFERRED), ("DATA", Outcome.DEFERRED), ("dot", Outcome.IN_DOUBT)],
)
def test_a_connection_lost_before_the_final_dot_is_no_doubt_and_after_it_is(
    stage: str, outcome: Outcome
) -> None:
    server = BreaksAt(stage)
    handed: list[int] = []
    with transport(server.port) as way:
        answer = way.send(message(), before_data=lambda: handed.append(1))
    server.close()
    assert answer.outcome is outcome
    assert bool(handed) is (stage == "dot")


@pytest.mark.parametrize("reply", [b"554 go away\r\n", b"421 busy\r\n", b"nonsense\r\n", b""])
def test_a_server_that_turns_us_away_at_the_door_is_a_route_fault(reply: bytes) -> None:
    server = BreaksAt("connect", reply)
    with transport(server.port) as way, pytest.raises(RouteError):
        way.send(message(), before_data=nothing)
    server.close()


def test_a_refused_sender_is_a_route_fault_that_names_the_remedy() -> None:
    server = BreaksAt("MAIL", b"550 5.7.1 not yours\r\n")
    with transport(server.port) as way, pytest.raises(RouteError, match="refuses the sender"):
        way.send(message(), before_data=nothing)
    server.close()


def test_nobody_listening_is_told_with_host_and_port() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    listener.close()
    with transport(port) as way, pytest.raises(RouteError, match=f"127.0.0.1:{port} cannot be"):
        way.connect()


# --- maildir ----------------------------------------------------------------------------------


def test_a_maildir_takes_mail_that_mail_programs_read(tmp_path: Path) -> None:
    with MaildirTransport(tmp_path / "deep" / "Maildir") as way:
        way.send(message(), before_data=nothing)
        answer = way.send(message(), before_data=nothing)
    assert answer.outcome is Outcome.ACCEPTED
    box = mailbox.Maildir(tmp_path / "deep" / "Maildir")
    assert [m["Subject"] for m in box] == ["x", "x"]


def test_a_maildir_that_is_a_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "Maildir").write_text("x")
    with (
        MaildirTransport(tmp_path / "Maildir") as way,
        pytest.raises(RouteError, match="cannot be"),
    ):
        way.connect()
