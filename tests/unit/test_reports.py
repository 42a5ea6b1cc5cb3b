"""What providers report by webhook: who sent it, and what it says of a reader."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from digest.channels.email.reports import (
    BrevoReports,
    GenericReports,
    MailgunReports,
    PostmarkReports,
    ReportRefused,
)
from digest.channels.email.reports_signed import SendgridReports, SesReports

NOW = datetime(2026, 5, 20, 6, tzinfo=UTC)
ADA = "ada@example.org"
TOPIC = "arn:aws:sns:eu-west-1:123456789012:digest"
CERT = "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0.pem"


def body_of(data: Any) -> bytes:
    return json.dumps(data).encode()


def told(found: Any) -> list[tuple[str, str]]:
    return [(str(r.kind), str(r.strike)) for r in found]


@pytest.mark.parametrize(
    ("event", "wanted"),
    [
        ({"kind": "bounce", "hard": True}, [("bounce", "hard")]),
        (
            {"kind": "bounce", "hard": True, "reason": "550 5.1.1 no such user"},
            [("bounce", "hard")],
        ),
        (
            {"kind": "bounce", "hard": True, "reason": "550 5.7.1 blocked using zen.spamhaus.org"},
            [("bounce", "")],
        ),
        (
            {"kind": "bounce", "hard": False, "reason": "552 5.2.2 mailbox full"},
            [("bounce", "soft")],
        ),
        ({"kind": "complaint"}, [("complaint", "hard")]),
        ({"kind": "unsubscribe"}, [("unsubscribe", "")]),
    ],
)
def test_a_generic_report_is_signed_and_judged_by_its_words(event: Any, wanted: Any) -> None:
    body = body_of({"email": ADA} | event)
    signature = hmac.new(b"secret", body, hashlib.sha256).hexdigest()
    reader = GenericReports("secret")
    assert told(reader.read({"x-signature": signature}, body, NOW)) == wanted
    for wrong in ("", signature[:-1] + "0" * (signature[-1] != "0") + "1" * (signature[-1] == "0")):
        with pytest.raises(ReportRefused):
            reader.read({"x-signature": wrong}, body, NOW)


@pytest.mark.parametrize(
    ("event", "wanted"),
    [
        (
            {
                "RecordType": "Bounce",
                "Type": "HardBounce",
                "Email": ADA,
                "Details": "smtp;550 5.1.1 unknown",
            },
            [("bounce", "hard")],
        ),
        ({"RecordType": "Bounce", "Type": "SoftBounce", "Email": ADA}, [("bounce", "")]),
        (
            {
                "RecordType": "Bounce",
                "Type": "SpamNotification",
                "Email": ADA,
                "Details": "550 5.1.1 spam",
            },
            [("bounce", "")],
        ),
        ({"RecordType": "SpamComplaint", "Email": ADA}, [("complaint", "hard")]),
        (
            {
                "RecordType": "SubscriptionChange",
                "Recipient": ADA,
                "SuppressSending": True,
                "Origin": "Recipient",
            },
            [("unsubscribe", "")],
        ),
        ({"RecordType": "SubscriptionChange", "Recipient": ADA, "SuppressSending": False}, []),
        ({"RecordType": "Open", "Recipient": ADA}, []),
    ],
)
def test_postmark(event: Any, wanted: Any) -> None:
    basic = base64.b64encode(b"digest:secret").decode()
    reader = PostmarkReports("secret")
    assert told(reader.read({"authorization": f"Basic {basic}"}, body_of(event), NOW)) == wanted
    for header in ("", "Basic !", f"Basic {base64.b64encode(b'digest:').decode()}"):
        with pytest.raises(ReportRefused):
            reader.read({"authorization": header}, body_of(event), NOW)


def test_brevo() -> None:
    reader, header = BrevoReports("secret"), {"authorization": "Bearer secret"}
    for event, wanted in (
        ("hard_bounce", [("bounce", "hard")]),
        ("soft_bounce", [("bounce", "")]),
        ("spam", [("complaint", "hard")]),
        ("unsubscribed", [("unsubscribe", "")]),
        ("delivered", []),
    ):
        found = reader.read(header, body_of({"event": event, "email": ADA}), NOW)
        assert told(found) == wanted
    with pytest.raises(ReportRefused):
        reader.read({"authorization": "Bearer other"}, b"{}", NOW)
    with pytest.raises(ReportRefused):
        reader.read(header, b"[" * 100_000, NOW)


def test_mailgun() -> None:
    def signed(event: Any, stamp: str, key: bytes = b"secret") -> bytes:
        signature = hmac.new(key, f"{stamp}tok".encode(), hashlib.sha256).hexdigest()
        about = {"timestamp": stamp, "token": "tok", "signature": signature}
        return body_of({"signature": about, "event-data": {"recipient": ADA} | event})

    stamp, reader = str(int(NOW.timestamp())), MailgunReports("secret")
    dead = {
        "event": "failed",
        "severity": "permanent",
        "delivery-status": {"code": 550, "enhanced-code": "5.1.1", "message": "no such user"},
        "message": {"headers": {"message-id": "x@example.org"}},
    }
    (found,) = reader.read({}, signed(dead, stamp), NOW)
    assert (str(found.strike), found.message_id) == ("hard", "<x@example.org>")
    ours = dead | {"delivery-status": {"code": 550, "message": "5.7.1 IP address blacklisted"}}
    assert told(reader.read({}, signed(ours, stamp), NOW)) == [("bounce", "")]
    assert told(reader.read({}, signed({"event": "complained"}, stamp), NOW)) == [
        ("complaint", "hard")
    ]
    for body in (
        signed(dead, stamp, b"other"),
        signed(dead, str(int(NOW.timestamp()) - 100_000)),
        signed(dead, "nan"),
        b"[]",
    ):
        with pytest.raises(ReportRefused):
            reader.read({}, body, NOW)


def test_sendgrid() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    public = key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    reader = SendgridReports(base64.b64encode(public).decode())
    events = [
        {"event": "bounce", "email": ADA, "type": "bounce", "status": "5.1.1", "reason": "unknown"},
        {"event": "bounce", "email": ADA, "type": "blocked", "reason": "550 5.7.1 blocked"},
        {"event": "spamreport", "email": ADA},
        {"event": "open", "email": ADA},
    ]
    body, stamp = body_of(events), str(int(NOW.timestamp()))
    signature = key.sign(stamp.encode() + body, ec.ECDSA(hashes.SHA256()))
    headers = {
        "x-twilio-email-event-webhook-timestamp": stamp,
        "x-twilio-email-event-webhook-signature": base64.b64encode(signature).decode(),
    }
    assert told(reader.read(headers, body, NOW)) == [
        ("bounce", "hard"),
        ("bounce", ""),
        ("complaint", "hard"),
    ]
    with pytest.raises(ReportRefused):
        reader.read(headers, body + b" ", NOW)
    with pytest.raises(ReportRefused):
        reader.read({}, body, NOW)


# --- Amazon ------------------------------------------------------------------------------------

KEY = rsa.generate_private_key(65537, 2048)


def certificate() -> bytes:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "sns.amazonaws.com")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(KEY.public_key())
        .serial_number(1)
        .not_valid_before(NOW - timedelta(days=1))
        .not_valid_after(NOW + timedelta(days=1))
        .sign(KEY, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM)


def notice(message: Any, **changes: str) -> bytes:
    names = ("Message", "MessageId", "Subject", "SubscribeURL", "Timestamp", "Token", "TopicArn")
    found = {
        "Type": "Notification",
        "MessageId": "m",
        "TopicArn": TOPIC,
        "Message": json.dumps(message),
        "Timestamp": NOW.isoformat().replace("+00:00", "Z"),
        "SignatureVersion": "2",
        "SigningCertURL": CERT,
    } | changes
    text = "".join(f"{n}\n{found[n]}\n" for n in (*names, "Type") if n in found)
    digest = hashes.SHA1() if found["SignatureVersion"] == "1" else hashes.SHA256()
    signature = KEY.sign(text.encode(), padding.PKCS1v15(), digest)
    return body_of({"Signature": base64.b64encode(signature).decode()} | found)


def ses_bounce(kind: str, said: str, status: str) -> dict[str, Any]:
    recipient = {"emailAddress": ADA, "status": status, "diagnosticCode": said}
    return {
        "notificationType": "Bounce",
        "bounce": {"bounceType": kind, "bouncedRecipients": [recipient]},
        "mail": {"commonHeaders": {"messageId": "<x@example.org>"}},
    }


def test_amazon() -> None:
    asked: list[str] = []

    def get(url: str) -> bytes:
        asked.append(url)
        return certificate()

    reader = SesReports([TOPIC], get)
    for version in ("1", "2"):
        dead = notice(ses_bounce("Permanent", "smtp; 550 5.1.1 user unknown", "5.1.1"),
                      SignatureVersion=version)  # fmt: skip
        (found,) = reader.read({}, dead, NOW)
        assert (str(found.strike), found.message_id) == ("hard", "<x@example.org>")
    assert asked == [CERT]  # once
    ours = ses_bounce("Permanent", "smtp; 550 5.7.1 blocked, see spamhaus", "5.7.1")
    assert told(reader.read({}, notice(ours), NOW)) == [("bounce", "")]
    full = ses_bounce("Transient", "smtp; 552 5.2.2 mailbox full", "5.2.2")
    assert told(reader.read({}, notice(full), NOW)) == [("bounce", "soft")]
    for kind, wanted in (("abuse", "complaint"), ("auth-failure", "bounce"), ("virus", "bounce")):
        about = {"complaintFeedbackType": kind, "complainedRecipients": [{"emailAddress": ADA}]}
        found = reader.read({}, notice({"notificationType": "Complaint", "complaint": about}), NOW)
        assert told(found) == [(wanted, "hard" if wanted == "complaint" else "")]
    join = "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription"
    confirmation = notice({}, Type="SubscriptionConfirmation", SubscribeURL=join, Token="t")
    assert reader.read({}, confirmation, NOW) == ()
    assert asked[-1] == join


@pytest.mark.parametrize(
    "changes",
    [
        {"TopicArn": "arn:aws:sns:eu-west-1:1:other"},
        {"SigningCertURL": "https://sns.eu-west-1.amazonaws.com.example/x.pem"},
        {"SigningCertURL": "https://evil.example/sns.eu-west-1.amazonaws.com"},
        {"SigningCertURL": "http://sns.eu-west-1.amazonaws.com/x.pem"},
        {"Timestamp": "2026-05-01T00:00:00Z"},
        {"Timestamp": "soon"},
        {"Type": "Other"},
        {"Type": "SubscriptionConfirmation", "SubscribeURL": "https://evil.example/", "Token": "t"},
    ],
)
def test_what_is_not_amazons_is_refused(changes: dict[str, str]) -> None:
    asked: list[str] = []

    def get(url: str) -> bytes:
        asked.append(url)
        return certificate()

    with pytest.raises(ReportRefused):
        SesReports([TOPIC], get).read({}, notice({}, **changes), NOW)
    assert set(asked) <= {CERT}


def test_a_changed_message_of_amazons_is_refused() -> None:
    body = json.loads(notice(ses_bounce("Permanent", "x", "5.1.1")))
    body["Message"] = body["Message"].replace("ada@", "bob@")
    with pytest.raises(ReportRefused, match="signature"):
        SesReports([TOPIC], lambda url: certificate()).read({}, body_of(body), NOW)
