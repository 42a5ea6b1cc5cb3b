"""`ports.Transport`: run over every way out."""

from __future__ import annotations

import mailbox
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email import message_from_bytes
from pathlib import Path

import pytest

from digest.channels.email.maildir import MaildirTransport
from digest.channels.email.smtp import SmtpTransport
from digest.channels.webhook import WebhookTransport
from digest.errors import RouteError
from digest.model import Message, Outcome
from digest.ports import Transport
from tests.servers import Answer, mail_server, web_server

#: a way out, and how to look at what has arrived
Out = tuple[Transport, Callable[[], list[bytes]]]


def message(number: int = 1) -> Message:
    message_id = f"<{number}@example.org>"
    body = (
        f"Message-ID: {message_id}\r\nFrom: digest@example.org\r\nTo: ada@example.org\r\n"
        "Subject: Morning papers\r\n\r\nLaser beams.\r\n.\r\nAnd a line with a dot.\r\n"
    )
    return Message(
        message_id=message_id,
        sender="digest@example.org",
        recipient="ada@example.org",
        body=body.encode(),
    )


@contextmanager
def smtp(folder: Path) -> Iterator[Out]:
    with mail_server() as box:
        transport = SmtpTransport(host="127.0.0.1", port=box.port, security="none")
        yield transport, lambda: [m.body for m in box.mails]


@contextmanager
def maildir(folder: Path) -> Iterator[Out]:
    path = folder / "out"
    yield MaildirTransport(path), lambda: [m.as_bytes() for m in mailbox.Maildir(path)]


@contextmanager
def webhook(folder: Path) -> Iterator[Out]:
    with web_server() as web:
        web.says("/hook", Answer(b"ok"))
        transport = WebhookTransport(f"{web.url}/hook", timeout_s=5, allow_private=True)
        yield transport, lambda: [r.body for r in web.requests if r.body]


WAYS = {"smtp": smtp, "maildir": maildir, "webhook": webhook}


def closed(kind: str, folder: Path) -> Transport:
    if kind == "smtp":
        with mail_server() as box:
            port = box.port
        return SmtpTransport(host="127.0.0.1", port=port, security="none")
    if kind == "webhook":
        return WebhookTransport("http://127.0.0.1:1/hook", timeout_s=5, allow_private=True)
    (folder / "file").write_text("not a folder")
    return MaildirTransport(folder / "file" / "out")


@pytest.mark.parametrize("kind", WAYS)
def test_each_message_arrives_once_and_whole(kind: str, tmp_path: Path) -> None:
    with WAYS[kind](tmp_path) as (transport, arrived):
        with transport:
            transport.connect()
            for number in range(3):
                receipt = transport.send(message(number), before_data=lambda: None)
                assert receipt.outcome is Outcome.ACCEPTED
        mails = [message_from_bytes(m) for m in arrived()]
    assert sorted(m["Message-ID"] for m in mails) == [f"<{n}@example.org>" for n in range(3)]
    for mail in mails:
        text = str(mail.get_payload()).splitlines()
        assert text[:3] == ["Laser beams.", ".", "And a line with a dot."]


@pytest.mark.parametrize("kind", WAYS)
def test_the_journal_is_told_once_and_before_the_body_goes_out(kind: str, tmp_path: Path) -> None:
    with WAYS[kind](tmp_path) as (transport, arrived):
        seen: list[int] = []
        with transport:
            transport.send(message(), before_data=lambda: seen.append(len(arrived())))
        assert seen == [0]
        assert len(arrived()) == 1


@pytest.mark.parametrize("kind", WAYS)
def test_a_journal_that_cannot_be_written_keeps_the_message_here(kind: str, tmp_path: Path) -> None:
    def full() -> None:
        raise OSError("no space left")

    with WAYS[kind](tmp_path) as (transport, arrived):
        with pytest.raises(OSError, match="no space left"), transport:
            transport.send(message(), before_data=full)
        assert arrived() == []


@pytest.mark.parametrize("kind", WAYS)
def test_a_way_that_is_shut_says_so_before_anything_is_sent(kind: str, tmp_path: Path) -> None:
    transport = closed(kind, tmp_path)
    with pytest.raises(RouteError) as told, transport:
        transport.connect()
    assert len(str(told.value)) > 20
    assert "Traceback" not in str(told.value)
