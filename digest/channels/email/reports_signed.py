"""Reports that are signed with a key pair: SendGrid's and Amazon's. Needs cryptography."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from digest.channels.email.reports import (
    ProviderReport,
    ReportKind,
    ReportReader,
    ReportRefused,
    bounce,
    check_time,
    complaint,
    events_of,
    json_of,
    message_id_of,
    table_of,
    text_of,
)


class SendgridReports(ReportReader):
    """SendGrid signs time and body with ECDSA.

    Args:
        public_key: the verification key, base64 as SendGrid shows it.
    """

    def __init__(self, public_key: str) -> None:
        self._key = public_key

    def read(
        self, headers: Mapping[str, str], body: bytes, now: datetime
    ) -> tuple[ProviderReport, ...]:
        from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
        from cryptography.hazmat.primitives.asymmetric import ec
        from cryptography.hazmat.primitives.hashes import SHA256
        from cryptography.hazmat.primitives.serialization import load_der_public_key

        stamp = headers.get("x-twilio-email-event-webhook-timestamp", "")
        given = headers.get("x-twilio-email-event-webhook-signature", "")
        try:
            key = load_der_public_key(base64.b64decode(self._key))
            if not isinstance(key, ec.EllipticCurvePublicKey):
                raise ReportRefused("SENDGRID_VERIFICATION_KEY is no ECDSA key.")
            key.verify(base64.b64decode(given), stamp.encode() + body, ec.ECDSA(SHA256()))
        except (InvalidSignature, UnsupportedAlgorithm, ValueError, TypeError) as error:
            raise ReportRefused("The signature is wrong.") from error
        check_time(stamp, now)
        return tuple(r for e in events_of(json_of(body)) if (r := self._read(e)) is not None)

    def _read(self, event: dict[str, Any]) -> ProviderReport | None:
        who, mail = text_of(event.get("email")), message_id_of(event.get("smtp-id"))
        kind, said = event.get("event"), text_of(event.get("reason"))
        if kind == "bounce":
            hard = event.get("type", "bounce") == "bounce"
            return bounce(who, mail, said, hard=hard, code=text_of(event.get("status")))
        if kind == "spamreport":
            return complaint(who, mail)
        if kind in ("unsubscribe", "group_unsubscribe"):
            return ProviderReport(kind=ReportKind.UNSUBSCRIBE, recipient=who, message_id=mail)
        return None


#: where SNS keeps its certificates, and takes confirmations
_SNS_HOST = re.compile(r"sns\.[a-z0-9-]+\.amazonaws\.com(\.cn)?")
_SNS_SIGNED = {
    "Notification": ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    "SubscriptionConfirmation": (
        *("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
    ),
}


class SesReports(ReportReader):
    """Amazon's SES reports by its SNS, which signs with a key whose certificate it publishes.

    Args:
        topics: ARNs of the topics that are ours.
        get: asks a web address; for certificates, and to confirm the subscription.
    """

    def __init__(self, topics: Iterable[str], get: Callable[[str], bytes]) -> None:
        self._topics, self._get = frozenset(topics), get
        self._certificates: dict[str, bytes] = {}

    def read(
        self, headers: Mapping[str, str], body: bytes, now: datetime
    ) -> tuple[ProviderReport, ...]:
        found = {k: v for k, v in table_of(json_of(body)).items() if isinstance(v, str)}
        if found.get("TopicArn") not in self._topics:
            raise ReportRefused("This topic is not in [reports] sns_topics.")
        self._verify(found)
        try:
            sent = datetime.fromisoformat(found.get("Timestamp", ""))
        except ValueError as error:
            raise ReportRefused("The time is none.") from error
        check_time(str(sent.timestamp()), now)
        if found.get("Type") == "SubscriptionConfirmation":
            self._get(_amazons(found.get("SubscribeURL", "")))
            return ()
        return tuple(self._read(table_of(json_of(found["Message"].encode()))))

    def _verify(self, found: Mapping[str, str]) -> None:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric import padding, rsa
        from cryptography.hazmat.primitives.hashes import SHA1, SHA256
        from cryptography.x509 import load_pem_x509_certificate

        names = _SNS_SIGNED.get(found.get("Type", ""))
        if names is None:
            raise ReportRefused("This type of message is not known.")
        text = "".join(f"{name}\n{found[name]}\n" for name in names if name in found)
        address = _amazons(found.get("SigningCertURL", ""))
        if address not in self._certificates:
            self._certificates[address] = self._get(address)
        # version 1 is SHA-1; Amazon lets a topic choose version 2 since 2022
        digest = SHA1() if found.get("SignatureVersion") == "1" else SHA256()
        try:
            key = load_pem_x509_certificate(self._certificates[address]).public_key()
            if not isinstance(key, rsa.RSAPublicKey):
                raise ReportRefused("The certificate has no RSA key.")
            signature = base64.b64decode(found.get("Signature", ""))
            key.verify(signature, text.encode(), padding.PKCS1v15(), digest)
        except (InvalidSignature, ValueError) as error:
            raise ReportRefused("The signature is wrong.") from error

    def _read(self, event: dict[str, Any]) -> Iterator[ProviderReport]:
        kind = event.get("notificationType") or event.get("eventType")
        heads = table_of(table_of(event.get("mail")).get("commonHeaders"))
        mail = message_id_of(heads.get("messageId"))
        if kind == "Bounce":
            about = table_of(event.get("bounce"))
            hard = about.get("bounceType") == "Permanent"
            for one in events_of(about.get("bouncedRecipients")):
                said = text_of(one.get("diagnosticCode")) or text_of(about.get("bounceSubType"))
                status = text_of(one.get("status"))
                yield bounce(text_of(one.get("emailAddress")), mail, said, hard=hard, code=status)
        elif kind == "Complaint":
            about = table_of(event.get("complaint"))
            for one in events_of(about.get("complainedRecipients")):
                feedback = text_of(about.get("complaintFeedbackType"))
                yield complaint(text_of(one.get("emailAddress")), mail, feedback)


def _amazons(address: str) -> str:
    """An address of SNS itself.

    Raises:
        ReportRefused: it is another's, who could sign anything with a certificate of their own.
    """
    try:
        parts = urlsplit(address)
        fits = parts.scheme == "https" and not parts.port and not parts.username
    except ValueError:
        fits = False
    if not fits or not _SNS_HOST.fullmatch(parts.hostname or ""):
        raise ReportRefused("The certificate is not at Amazon's.")
    return address
