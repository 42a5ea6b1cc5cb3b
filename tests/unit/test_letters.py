"""What comes back by mail is told apart, whatever the bytes are."""

from __future__ import annotations

from email.message import EmailMessage
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.channels.email.inbound import Bounce, Complaint, Reply, needs_body, read_letter
from digest.edition.links import Verp
from digest.model import Strike

OURS = "<0123456789abcdef@example.org>"


def report(
    *,
    status: str = "5.1.1",
    action: str = "failed",
    diagnostic: str = "",
    enclosed: str = "message/rfc822",
    to: str = "bounces@example.org",
) -> bytes:
    """A delivery report as mail servers write them (RFC 3464)."""
    words = "no such user" if status == "5.1.1" else "refused"
    diagnostic = diagnostic or f"smtp; 550 {status} {words}"
    inner = f"Message-ID: {OURS}\r\nSubject: Morning papers\r\nTo: ada@example.org\r\n"
    body = inner + ("\r\nhello\r\n" if enclosed == "message/rfc822" else "")
    return (
        f"From: MAILER-DAEMON@mx.example.net\r\nTo: {to}\r\nSubject: Undelivered\r\n"
        "Auto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n\r\n'
        "--b\r\nContent-Type: text/plain\r\n\r\nSorry.\r\n"
        "--b\r\nContent-Type: message/delivery-status\r\n\r\n"
        "Reporting-MTA: dns; mx.example.net\r\nArrival-Date: Wed, 20 May 2026 05:30:00 +0000\r\n"
        "\r\nFinal-Recipient: rfc822; ada@example.org\r\n"
        f"Action: {action}\r\nStatus: {status}\r\nDiagnostic-Code: {diagnostic}\r\n\r\n"
        f"--b\r\nContent-Type: {enclosed}\r\n\r\n{body}\r\n--b--\r\n"
    ).encode()


def complaint(kind: str = "abuse") -> bytes:
    """An abuse report (RFC 5965)."""
    return (
        "From: fbl@provider.example\r\nTo: bounces@example.org\r\nSubject: FW: Morning papers\r\n"
        "MIME-Version: 1.0\r\n"
        'Content-Type: multipart/report; report-type=feedback-report; boundary="b"\r\n\r\n'
        "--b\r\nContent-Type: text/plain\r\n\r\nAn abuse report.\r\n"
        "--b\r\nContent-Type: message/feedback-report\r\n\r\n"
        f"Feedback-Type: {kind}\r\nUser-Agent: SomeGenerator/1.0\r\nVersion: 1\r\n\r\n"
        "--b\r\nContent-Type: message/rfc822\r\n\r\n"
        f"Message-ID: {OURS}\r\nSubject: Morning papers\r\n\r\nhello\r\n--b--\r\n"
    ).encode()


@pytest.mark.parametrize(
    ("status", "action", "strike"),
    [
        ("5.1.1", "failed", Strike.HARD),
        ("5.1.10", "failed", Strike.HARD),
        ("5.2.2", "failed", Strike.SOFT),
        ("5.0.0", "failed", Strike.SOFT),
        ("5.4.1", "failed", Strike.SOFT),
        ("4.4.7", "failed", Strike.SOFT),
        ("5.7.1", "failed", Strike.NONE),
        ("5.3.4", "failed", Strike.NONE),
        ("4.4.1", "delayed", Strike.NONE),
        ("2.0.0", "delivered", Strike.NONE),
        ("", "failed", Strike.SOFT),
    ],
)
def test_a_delivery_report_says_what_it_means_for_the_address(
    status: str, action: str, strike: Strike
) -> None:
    found = read_letter(report(status=status, action=action))
    assert isinstance(found, Bounce)
    assert found.strike is strike
    assert found.message_id == OURS
    assert found.text.startswith(status)


@pytest.mark.parametrize("enclosed", ["message/rfc822", "text/rfc822-headers"])
def test_the_mail_that_came_back_is_found_whole_or_by_its_headers(enclosed: str) -> None:
    found = read_letter(report(enclosed=enclosed))
    assert isinstance(found, Bounce)
    assert found.message_id == OURS


def test_a_complaint_is_one_and_its_opposite_is_not() -> None:
    found = read_letter(complaint())
    assert isinstance(found, Complaint)
    assert found.message_id == OURS
    assert "abuse" in found.text
    assert read_letter(complaint("not-spam")).strike is Strike.NONE


def test_a_complaint_of_microsofts_has_no_kind_of_its_own() -> None:
    raw = (
        "Return-Path: <staff@hotmail.example>\r\nFrom: staff@hotmail.example\r\n"
        "To: bounces@example.org\r\nSubject: complaint about message from 192.0.2.1\r\n"
        'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\n'
        "--b\r\nContent-Type: message/rfc822\r\n\r\n"
        f"X-HmXmrOriginalRecipient: ada@hotmail.example\r\nMessage-ID: {OURS}\r\n\r\nhello\r\n"
        "--b--\r\n"
    ).encode()
    found = read_letter(raw)
    assert isinstance(found, Complaint)
    assert found.message_id == OURS
    assert needs_body(raw.partition(b"\r\n\r\n")[0])


def test_a_daemon_without_an_address_is_a_server() -> None:
    raw = (
        "From: MAILER-DAEMON <>\r\nTo: bounces@example.org\r\nSubject: Mail failed\r\n\r\n"
        "There was an error delivering your mail to <ada@mx.example>.\r\n\r\n"
        "mx.example [192.0.2.1] did not like our final DATA:\r\n"
        "550-5.7.26 Unauthenticated email from example.org is not accepted due to domain's\r\n\r\n"
        "550 5.7.26 DMARC policy.\r\n\r\nMessage headers follow.\r\n\r\n"
        f"Message-ID: {OURS}\r\n"
    ).encode()
    found = read_letter(raw)
    assert isinstance(found, Bounce)
    assert (found.strike, found.message_id) == (Strike.NONE, OURS)


@pytest.mark.parametrize(
    ("status", "words", "strike"),
    [
        ("5.1.0", "550 5.1.0 <b@example.org> sender rejected. AUP#CDRBL", Strike.NONE),
        ("5.0.0", "554 Host network not allowed [us222]", Strike.NONE),
        ("5.2.0", "550 Unknown user ada@example.org", Strike.HARD),
        ("5.1.6", "550 5.1.6 recipient no longer on server", Strike.HARD),
        ("5.0.0", "550-mx [192.0.2.1]:9 is not permitted to550 relay through us", Strike.NONE),
        ("4.3.0", "421 4.3.0 Upstream error", Strike.NONE),
    ],
)
def test_the_servers_own_words_come_before_the_status(
    status: str, words: str, strike: Strike
) -> None:
    found = read_letter(report(status=status, diagnostic=f"smtp; {words}"))
    assert isinstance(found, Bounce)
    assert found.strike is strike


def test_where_a_report_came_to_is_known_though_it_was_forwarded() -> None:
    verp = Verp((b"k",))
    mine = verp.address("bounces@example.org", "0123abcd")
    raw = b"Delivered-To: " + mine.upper().encode() + b"\r\n" + report(to="postmaster@example.org")
    found = read_letter(raw)
    assert isinstance(found, Bounce)
    assert [verp.subscriber_of(a) for a in found.came_to] == ["0123abcd", ""]


def test_a_return_address_is_short_signed_and_known_by_older_keys() -> None:
    mine = Verp((b"k",)).address("bounces@example.org", "0" * 32)
    assert len(mine.split("@")[0]) <= 64
    assert Verp((b"k", b"new")).subscriber_of(mine) == "0" * 32
    assert Verp((b"new",)).subscriber_of(mine) == ""
    for forged in (
        mine.replace("0-", "1-"),
        f"bounces+{'0' * 32}-0123456789@example.org",
        "bounces@example.org",
        "",
    ):
        assert Verp((b"k",)).subscriber_of(forged) == ""


def test_replies_are_told_from_machines() -> None:
    mail = EmailMessage()
    mail["Subject"] = "Re: Größe [token]"
    mail.set_content("hello")
    assert read_letter(mail.as_bytes()) == Reply(subject="Re: Größe [token]", automatic=False)
    mail["Auto-Submitted"] = "auto-replied (vacation)"
    assert read_letter(mail.as_bytes()) == Reply(subject="Re: Größe [token]", automatic=True)


@given(st.binary(max_size=400), st.sampled_from([report(), complaint()]), st.integers(0, 900))
def test_no_bytes_can_break_the_reading(noise: bytes, sound: bytes, at: int) -> None:
    for raw in (noise, sound[:at] + noise + sound[at:], sound[:at]):
        assert isinstance(read_letter(raw), Bounce | Complaint | Reply)


def test_a_huge_mail_is_not_read_whole(tmp_path: Path) -> None:
    raw = b"Subject: x\r\n\r\n" + b"x" * 10_000_000
    assert read_letter(raw) == Reply(subject="x", automatic=False)
