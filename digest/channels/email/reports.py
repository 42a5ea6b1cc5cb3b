"""What mail providers report by webhook: bounces, complaints and unsubscriptions.

Each kind proves who sent it in its provider's own way, and is read into the same `ProviderReport`.
Whether a bounce says something of the address is judged by `codes`, as everywhere.

Sources: docs.aws.amazon.com/ses (notification contents) and /sns (message signatures),
postmarkapp.com/developer/webhooks, documentation.mailgun.com (securing webhooks),
docs.sendgrid.com (event webhook security), developers.brevo.com (webhooks).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from digest.channels.email.codes import ENHANCED, Stage, judge, strike_of
from digest.channels.email.inbound import READERS_WILL
from digest.errors import DigestError
from digest.model import Strike
from digest.text import clean

#: how far a signed time may lie from ours; providers repeat what was not taken for hours
MOST_SKEW = timedelta(hours=24)


class ReportRefused(DigestError):
    """A report that does not prove who sent it, or that cannot be read."""


class ReportKind(StrEnum):
    """What a report tells."""

    BOUNCE = "bounce"
    COMPLAINT = "complaint"
    UNSUBSCRIBE = "unsubscribe"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderReport:
    """One event about one recipient."""

    kind: ReportKind
    recipient: str
    #: of the mail, with its brackets, if the provider tells it
    message_id: str = ""
    strike: Strike = Strike.NONE
    text: str = ""


class ReportReader(ABC):
    """Reads the reports of one provider."""

    @abstractmethod
    def read(
        self, headers: Mapping[str, str], body: bytes, now: datetime
    ) -> tuple[ProviderReport, ...]:
        """What a request tells; nothing for events that are none of ours.

        Args:
            headers: by name in lower case.

        Raises:
            ReportRefused: it proves nothing, or makes no sense.
        """


def json_of(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise ReportRefused("This is no JSON.") from error


def events_of(found: Any) -> list[dict[str, Any]]:
    """One event, or a list of them."""
    events = found if isinstance(found, list) else [found]
    return [e for e in events if isinstance(e, dict)]


def text_of(value: Any) -> str:
    return value if isinstance(value, str) else ""


def table_of(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def message_id_of(value: Any) -> str:
    """With its brackets."""
    bare = text_of(value).strip().strip("<>")
    return f"<{bare}>" if "@" in bare else ""


def _is_same(given: str, wanted: str) -> bool:
    return bool(wanted) and hmac.compare_digest(given.encode(), wanted.encode())


def bounce(
    recipient: str, message_id: str, said: str, *, hard: bool, code: str = ""
) -> ProviderReport:
    """A bounce, judged by the server's words; by the provider's word where there are none.

    Args:
        hard: the provider calls it permanent.
        code: enhanced, or basic.
    """
    words = clean(said)
    basic = re.search(r"(?<![\d.])([45]\d\d)(?=[ -])", words)
    enhanced = ENHANCED.search(words) or ENHANCED.search(code)
    number = int(basic[1]) if basic else int(code) if code.isdigit() else None
    strike = Strike.NONE
    if enhanced or number:
        cause, _ = judge(
            number, words if ENHANCED.search(words) else f"{code} {words}", Stage.REPORT
        )
        strike = strike_of(cause, Stage.REPORT)
    elif hard:
        strike = Strike.HARD
    if not hard and strike is Strike.HARD:
        strike = Strike.SOFT
    shown = " ".join(p for p in (code if code not in words else "", words) if p)[:300]
    return ProviderReport(
        kind=ReportKind.BOUNCE,
        recipient=recipient,
        message_id=message_id,
        strike=strike,
        text=shown or ("permanent" if hard else "for now"),
    )


def complaint(recipient: str, message_id: str, kind: str = "") -> ProviderReport:
    """A complaint; only what is the reader's will counts."""
    wilful = not kind or kind in READERS_WILL
    return ProviderReport(
        kind=ReportKind.COMPLAINT if wilful else ReportKind.BOUNCE,
        recipient=recipient,
        message_id=message_id,
        strike=Strike.HARD if wilful else Strike.NONE,
        text=f"complaint: {kind or 'abuse'}",
    )


class GenericReports(ReportReader):
    """{"kind", "email", "message_id", "hard", "reason"}, one or a list, for scripts of one's own.

    Args:
        secret: X-Signature is the HMAC-SHA256 of the body under it, in hex.
    """

    def __init__(self, secret: str) -> None:
        self._secret = secret

    def read(
        self, headers: Mapping[str, str], body: bytes, now: datetime
    ) -> tuple[ProviderReport, ...]:
        wanted = hmac.new(self._secret.encode(), body, hashlib.sha256).hexdigest()
        given = headers.get("x-signature", "").removeprefix("sha256=").lower()
        if not _is_same(given, wanted):
            raise ReportRefused("X-Signature is not the HMAC-SHA256 of the body.")
        return tuple(self._read(events_of(json_of(body))))

    def _read(self, events: Iterable[dict[str, Any]]) -> Iterator[ProviderReport]:
        for event in events:
            who, mail = text_of(event.get("email")), message_id_of(event.get("message_id"))
            kind, reason = event.get("kind"), text_of(event.get("reason"))
            if not who:
                raise ReportRefused("An event has no email.")
            if kind == "bounce":
                yield bounce(who, mail, reason, hard=event.get("hard") is True)
            elif kind == "complaint":
                yield complaint(who, mail)
            elif kind == "unsubscribe":
                yield ProviderReport(kind=ReportKind.UNSUBSCRIBE, recipient=who, message_id=mail)
            else:
                raise ReportRefused("kind is bounce, complaint or unsubscribe.")


class PostmarkReports(ReportReader):
    """Postmark has no signature: its webhook's address holds a name and a password (HTTP Basic)."""

    #: types that say nothing of the address: our content, our standing, or a person away
    _OURS = frozenset(
        "AutoResponder Blocked ChallengeVerification DMARCPolicy InboundError OpenRelayTest "
        "SMTPApiError SpamNotification TemplateRenderingFailed VirusNotification".split()
    )

    def __init__(self, password: str) -> None:
        self._password = password

    def read(
        self, headers: Mapping[str, str], body: bytes, now: datetime
    ) -> tuple[ProviderReport, ...]:
        if not _is_same(_basic_password(headers), self._password):
            raise ReportRefused("The password in the webhook's address is wrong.")
        return tuple(r for e in events_of(json_of(body)) if (r := self._read(e)) is not None)

    def _read(self, event: dict[str, Any]) -> ProviderReport | None:
        record, kind = event.get("RecordType"), text_of(event.get("Type"))
        who = text_of(event.get("Email")) or text_of(event.get("Recipient"))
        if record == "SpamComplaint":
            return complaint(who, "")
        if record == "SubscriptionChange":
            gone = event.get("SuppressSending") is True and event.get("Origin") == "Recipient"
            return ProviderReport(kind=ReportKind.UNSUBSCRIBE, recipient=who) if gone else None
        if record != "Bounce":
            return None
        said = text_of(event.get("Details")) or text_of(event.get("Description"))
        if kind in self._OURS:
            return ProviderReport(kind=ReportKind.BOUNCE, recipient=who, text=f"{kind}: {said}")
        if kind in ("SpamComplaint", "Unsubscribe"):
            return complaint(who, "")
        return bounce(who, "", said, hard=kind in ("HardBounce", "BadEmailAddress"))


def _basic_password(headers: Mapping[str, str]) -> str:
    scheme, _, given = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return given.strip()
    try:
        return base64.b64decode(given).decode("utf-8", "replace").partition(":")[2]
    except (ValueError, binascii.Error):
        return ""


class BrevoReports(ReportReader):
    """Brevo has no signature: it shows a token ("Authorization: Bearer")."""

    def __init__(self, token: str) -> None:
        self._token = token

    def read(
        self, headers: Mapping[str, str], body: bytes, now: datetime
    ) -> tuple[ProviderReport, ...]:
        if not _is_same(_basic_password(headers), self._token):
            raise ReportRefused("The token is wrong.")
        return tuple(r for e in events_of(json_of(body)) if (r := self._read(e)) is not None)

    def _read(self, event: dict[str, Any]) -> ProviderReport | None:
        who, mail = text_of(event.get("email")), message_id_of(event.get("message-id"))
        kind, said = (
            text_of(event.get("event")).replace("-", "_").lower(),
            text_of(event.get("reason")),
        )
        if kind in ("hard_bounce", "hardbounce", "invalid_email", "invalid"):
            return bounce(who, mail, said, hard=True)
        if kind in ("soft_bounce", "softbounce"):
            return bounce(who, mail, said, hard=False)
        if kind in ("spam", "complaint"):
            return complaint(who, mail)
        if kind in ("unsubscribed", "unsubscribe"):
            return ProviderReport(kind=ReportKind.UNSUBSCRIBE, recipient=who, message_id=mail)
        return None


class MailgunReports(ReportReader):
    """Mailgun signs time and token of each event with an HMAC."""

    def __init__(self, signing_key: str) -> None:
        self._key = signing_key

    def read(
        self, headers: Mapping[str, str], body: bytes, now: datetime
    ) -> tuple[ProviderReport, ...]:
        found = table_of(json_of(body))
        signed = table_of(found.get("signature"))
        stamp, token = str(signed.get("timestamp", "")), text_of(signed.get("token"))
        wanted = hmac.new(self._key.encode(), f"{stamp}{token}".encode(), hashlib.sha256)
        if not _is_same(text_of(signed.get("signature")), wanted.hexdigest()):
            raise ReportRefused("The signature is wrong.")
        check_time(stamp, now)
        report = self._read(table_of(found.get("event-data")))
        return (report,) if report is not None else ()

    def _read(self, event: dict[str, Any]) -> ProviderReport | None:
        who, kind = text_of(event.get("recipient")), event.get("event")
        mail = message_id_of(
            table_of(table_of(event.get("message")).get("headers")).get("message-id")
        )
        if kind == "complained":
            return complaint(who, mail)
        if kind == "unsubscribed":
            return ProviderReport(kind=ReportKind.UNSUBSCRIBE, recipient=who, message_id=mail)
        if kind != "failed":
            return None
        status = table_of(event.get("delivery-status"))
        said = text_of(status.get("message")) or text_of(status.get("description"))
        code = text_of(status.get("enhanced-code")) or str(status.get("code", ""))
        return bounce(who, mail, said, hard=event.get("severity") == "permanent", code=code)


def check_time(stamp: str, now: datetime) -> None:
    try:
        age = abs(now.timestamp() - float(stamp))
    except ValueError as error:
        raise ReportRefused("The time is none.") from error
    if not age <= MOST_SKEW.total_seconds():
        raise ReportRefused("The report is signed for another day.")
