"""`ports.Inbox`: run over every mailbox that replies and bounces are read from."""

from __future__ import annotations

import mailbox
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from digest.channels.email.mailboxes import ImapBox, MaildirBox
from digest.errors import InboxError
from digest.ports import Inbox
from tests.integration.test_returns import imap_server

MAIL = b"From: a@example.org\r\nSubject: no. %d\r\n\r\nText.\r\n"


@contextmanager
def maildir(folder: Path) -> Iterator[Inbox]:
    box = mailbox.Maildir(folder / "inbox", create=True)
    for number in range(3):
        box.add(MAIL % number)
    yield MaildirBox(folder / "inbox")


@contextmanager
def imap(folder: Path) -> Iterator[Inbox]:
    with imap_server() as server:
        server.mails = {number + 1: MAIL % number for number in range(3)}
        yield imap_box(server.port, server.password)


def imap_box(port: int, password: str) -> ImapBox:
    return ImapBox(
        host="127.0.0.1",
        port=port,
        security="none",
        username="digest@example.org",
        password=password,
        folder="INBOX",
    )


BOXES = {"maildir": maildir, "imap": imap}


def subjects(box: Inbox) -> dict[str, bytes]:
    return {raw.splitlines()[1]: key for key, raw in box.unread(lambda headers: True)}  # type: ignore[misc]


@pytest.mark.parametrize("kind", BOXES)
def test_unread_mails_come_with_a_key_until_they_are_done(kind: str, tmp_path: Path) -> None:
    with BOXES[kind](tmp_path) as box:
        unread = subjects(box)
        assert sorted(unread) == [b"Subject: no. 0", b"Subject: no. 1", b"Subject: no. 2"]
        assert subjects(box).keys() == unread.keys()  # looking marks nothing
        box.done(unread[b"Subject: no. 1"])  # type: ignore[arg-type]
        assert sorted(subjects(box)) == [b"Subject: no. 0", b"Subject: no. 2"]
        box.close()


@pytest.mark.parametrize("kind", BOXES)
def test_it_can_be_closed_twice_and_before_it_was_read(kind: str, tmp_path: Path) -> None:
    with BOXES[kind](tmp_path) as box:
        box.close()
        box.close()


@pytest.mark.parametrize("kind", BOXES)
def test_a_mailbox_that_is_not_there_is_told_in_a_sentence(kind: str, tmp_path: Path) -> None:
    with pytest.raises(InboxError) as told:
        MaildirBox(tmp_path / "nowhere") if kind == "maildir" else imap_box(1, "x")
    assert len(str(told.value)) > 20
    assert "Traceback" not in str(told.value)
