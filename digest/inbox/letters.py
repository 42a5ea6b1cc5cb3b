"""What a mail in the inbox is. Pure: bytes in, a value out; nothing is believed here yet.

Delivery reports are RFC 3464, complaints RFC 5965 (ARF). Whom they concern is told by the return
address they came to (VERP) and by the Message-ID of the mail they enclose; whether that can be
believed is for the caller, who knows the keys and the journal.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.message import EmailMessage, Message
from email.utils import getaddresses
from typing import cast

from digest.model import Strike
from digest.text import clean

#: headers in which the address stands that a mail came to, whatever passed it on
_CAME_TO = ("Delivered-To", "X-Original-To", "Envelope-To", "X-Envelope-To", "To", "Cc")
_MESSAGE_ID = re.compile(r"<[^<>\s]{3,200}>")
#: larger than any report; what is larger is somebody's attachment
MAX_BYTES = 2_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounce:
    """A mail server could not deliver, or not yet."""

    #: addresses that the report came to
    came_to: tuple[str, ...]
    #: of the mail that came back, "<…>"; empty if the report does not say
    message_id: str
    strike: Strike
    #: the server's words
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Complaint:
    """A reader called a mail spam."""

    came_to: tuple[str, ...]
    message_id: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """Anything else: an action's prepared subject, or a letter to a person."""

    subject: str
    #: sent by a program: nobody is to answer it, and nobody meant it
    automatic: bool


Letter = Bounce | Complaint | Reply


def read_letter(raw: bytes) -> Letter:
    """What a mail is; never raises, whatever the bytes are."""
    mail = cast(EmailMessage, message_from_bytes(raw[:MAX_BYTES], policy=policy.compat32))
    kind = mail.get_content_type()
    report = str(mail.get_param("report-type") or "").lower() if kind == "multipart/report" else ""
    came_to = tuple(
        address.lower()
        for name in _CAME_TO
        for _, address in getaddresses([str(v) for v in mail.get_all(name, [])])
        if address
    )
    if report == "delivery-status":
        return _bounce(mail, came_to)
    if report == "feedback-report":
        return _complaint(mail, came_to)
    submitted = str(mail.get("Auto-Submitted", "no")).split(";")[0].strip().lower()
    bulk = str(mail.get("Precedence", "")).strip().lower() in ("bulk", "junk", "auto_reply")
    return Reply(
        subject=_decoded(str(mail.get("Subject", ""))), automatic=submitted != "no" or bulk
    )


def _bounce(mail: Message, came_to: tuple[str, ...]) -> Bounce | Reply:
    found: list[tuple[Strike, str]] = []
    for part in mail.walk():
        if part.get_content_type() != "message/delivery-status":
            continue
        for block in _blocks(part):
            action = str(block.get("Action", "")).strip().lower()
            if not action:
                continue  # the block about the whole message
            code = re.search(r"[245]\.\d{1,3}\.\d{1,3}", str(block.get("Status", "")))
            status = code[0] if code else ""
            said = clean(str(block.get("Diagnostic-Code", "")).split(";", 1)[-1])
            found.append((_severity(action, status), f"{status} {said}".strip()[:300]))
    worst = max(found, key=lambda f: (f[0] is Strike.HARD, f[0] is Strike.SOFT), default=None)
    strike, text = worst or (Strike.NONE, "a report without a status")
    return Bounce(came_to=came_to, message_id=_enclosed_id(mail), strike=strike, text=text)


def _severity(action: str, status: str) -> Strike:
    """Failed for good is hard if the address is to blame; policy is about us; delays pass."""
    if action != "failed" or status.startswith(("2.", "5.7.")):
        return Strike.NONE
    if status in ("5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10"):
        return Strike.HARD
    if status.startswith(("5.3.", "5.6.")):
        return Strike.NONE  # this message: too large, or not understood
    return Strike.SOFT


def _complaint(mail: Message, came_to: tuple[str, ...]) -> Complaint | Reply:
    for part in mail.walk():
        if part.get_content_type() == "message/feedback-report":
            for block in _blocks(part):
                kind = str(block.get("Feedback-Type", "")).strip().lower()
                if kind == "not-spam":
                    return Reply(subject="", automatic=True)
                if kind:
                    text = f"complaint ({clean(kind)[:40]})"
                    return Complaint(came_to=came_to, message_id=_enclosed_id(mail), text=text)
    return Reply(subject="", automatic=True)


def _blocks(part: Message) -> list[Message]:
    """The groups of header lines in a report, however the parser took them."""
    payload = part.get_payload()
    if isinstance(payload, list):
        blocks = [b for b in payload if isinstance(b, Message)]
        # a feedback-report is one message whose headers, or whose text, are the fields
        nested = [
            inner for b in blocks if not b.keys() for inner in _parsed(str(b.get_payload() or ""))
        ]
        return [b for b in blocks if b.keys()] + nested
    return _parsed(str(payload or ""))


def _parsed(text: str) -> list[Message]:
    groups = re.split(r"\r?\n\r?\n", text)
    return [message_from_bytes(g.encode("utf-8", "replace")) for g in groups if g.strip()]


def _enclosed_id(mail: Message) -> str:
    """The Message-ID of the mail that a report encloses, whole or its headers only."""
    for part in mail.walk():
        if part is mail or (part.is_multipart() and part.get_content_type() != "message/rfc822"):
            continue
        kind = part.get_content_type()
        if kind == "message/rfc822":
            inner = part.get_payload()
            first = inner[0] if isinstance(inner, list) and inner else None
            text = str(first.get("Message-ID", "")) if isinstance(first, Message) else ""
        elif kind in ("text/rfc822-headers", "message/rfc822-headers", "text/rfc822"):
            raw = part.get_payload(decode=True)
            body = raw if isinstance(raw, bytes) else str(part.get_payload() or "").encode()
            text = str(message_from_bytes(body.lstrip()).get("Message-ID", ""))
        else:
            continue
        match = _MESSAGE_ID.search(text)
        if match:
            return match[0]
    return ""


def _decoded(subject: str) -> str:
    try:
        return clean(str(make_header(decode_header(subject))))
    except (LookupError, ValueError, HeaderParseError):
        return clean(subject)
