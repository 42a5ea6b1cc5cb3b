"""What a mail in the inbox is. Pure: bytes in, a value out; nothing is believed here yet.

Delivery reports are RFC 3464 or one of the forms that flufl.bounce knows, complaints RFC 5965
(ARF). Whom they concern is told by the return address they came to (VERP) and by the Message-ID of
the mail they enclose; whether that can be believed is for the caller, who knows keys and journal.
"""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.message import EmailMessage, Message
from email.utils import getaddresses
from typing import cast

from flufl.bounce import all_failures

from digest.channels.email.codes import ENHANCED, meaning
from digest.model import Strike
from digest.text import clean

log = logging.getLogger(__name__)

#: headers in which the address stands that a mail came to, whatever passed it on
_CAME_TO = ("Delivered-To", "X-Original-To", "Envelope-To", "X-Envelope-To", "To", "Cc")
_DAEMON = re.compile(
    r"(mailer-daemon|mail-daemon|postmaster|mailerdaemon|mdaemon)\b", re.IGNORECASE
)
#: a basic code where a server's answer begins
_BASIC = re.compile(r"(?<![\d.])([245]\d\d)(?=[ -])")
#: where a report in plain text goes on to the message that came back
_COPY = re.compile(r"-{2,}.*\b(copy|original|header|message)\b", re.IGNORECASE)
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
    automatic = _is_automatic(mail)
    if (automatic or _is_from_a_server(mail)) and (bounce := _other_bounce(mail, came_to)):
        return bounce
    return Reply(subject=_decoded(str(mail.get("Subject", ""))), automatic=automatic)


def _is_automatic(mail: Message) -> bool:
    submitted = str(mail.get("Auto-Submitted", "no")).split(";")[0].strip().lower()
    bulk = str(mail.get("Precedence", "")).strip().lower() in ("bulk", "junk", "auto_reply")
    return submitted != "no" or bulk


def _is_from_a_server(mail: Message) -> bool:
    """Whether no person sent it: bounces have no return address, or a daemon's name on them."""
    if str(mail.get("Return-Path", "x")).strip() == "<>" or "X-Failed-Recipients" in mail:
        return True
    senders = getaddresses([str(v) for v in mail.get_all("From", [])])
    return any(_DAEMON.match(address) for _, address in senders)


def _bounce(mail: Message, came_to: tuple[str, ...]) -> Bounce:
    """A report as RFC 3464 wants it, or in another form that says so."""
    found: list[tuple[Strike, str]] = []
    for part in mail.walk():
        if part.get_content_type() != "message/delivery-status":
            continue
        for block in _blocks(part):
            action = str(block.get("Action", "")).strip().lower()
            if not action:
                continue  # the block about the whole message
            status = ENHANCED.search(str(block.get("Status", "")))
            said = clean(str(block.get("Diagnostic-Code", "")).split(";", 1)[-1])
            strike = _strike(status[0] if status else "", said)
            text = f"{status[0] if status else ''} {said}".strip()[:300]
            # delays pass, and what was relayed is out of sight
            found.append((strike if action == "failed" else Strike.NONE, text))
    worst = max(found, key=lambda f: (f[0] is Strike.HARD, f[0] is Strike.SOFT), default=None)
    if worst is None and (other := _other_bounce(mail, came_to)):
        return other
    strike, text = worst or (Strike.NONE, "a report without a status")
    return Bounce(came_to=came_to, message_id=_enclosed_id(mail), strike=strike, text=text)


def _strike(status: str, said: str) -> Strike:
    """What a failure that is final says of the address; see `codes`.

    A temporary code means that the server has given up after trying for days.
    """
    code = _BASIC.search(said)
    basic = int(code[1]) if code and code[1].startswith("5") else None
    return meaning(basic, re.sub("^4", "5", status), at_recipient=True).strike


def _other_bounce(mail: Message, came_to: tuple[str, ...]) -> Bounce | None:
    """A report in one of the many forms that are older than RFC 3464, or go without it."""
    try:
        _, gone = all_failures(mail)
    except Exception as error:  # whatever its detectors make of odd bytes
        log.info("bounce.not_scanned error=%r", error)
        return None
    if not gone:
        return None
    said = _server_words(_plain_text(mail))
    status = ENHANCED.search(said)
    return Bounce(
        came_to=came_to,
        message_id=_enclosed_id(mail),
        strike=_strike(status[0] if status else "", said),
        text=said[:300] or "a report in words of its own",
    )


def _plain_text(mail: Message) -> str:
    for part in mail.walk():
        if part.get_content_maintype() == "text":
            body = part.get_payload(decode=True)
            return body.decode("utf-8", "replace") if isinstance(body, bytes) else ""
    return ""


def _server_words(text: str) -> str:
    """The line of a report in which a server's answer stands, or nothing."""
    for line in text.splitlines():
        if _COPY.match(line):
            break
        if (code := _BASIC.search(line)) or (code := ENHANCED.search(line)):
            return clean(line[code.start() :])
    return ""


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
    # reports in plain text copy the message below their own words
    copied = re.search(r"^Message-ID:\s*(<[^<>\s]{3,200}>)", _plain_text(mail), re.I | re.M)
    return copied[1] if copied else ""


def _decoded(subject: str) -> str:
    try:
        return clean(str(make_header(decode_header(subject))))
    except (LookupError, ValueError, HeaderParseError):
        return clean(subject)
