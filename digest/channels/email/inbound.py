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
from email.message import EmailMessage, Message
from email.utils import getaddresses
from typing import cast

from flufl.bounce import all_failures

from digest.channels.email.codes import (
    BASIC,
    ENHANCED,
    Stage,
    judge,
    known_replies,
    strike_of,
)
from digest.channels.email.mime_text import (
    decoded_header,
    decoded_text,
    enclosed_id,
    header_blocks,
    plain_text,
)
from digest.model import Strike
from digest.text import clean

log = logging.getLogger(__name__)

#: headers in which the address stands that a mail came to, whatever passed it on
_CAME_TO = ("Delivered-To", "X-Original-To", "Envelope-To", "X-Envelope-To", "To", "Cc")
_DAEMON = re.compile(
    r"(mailer-daemon|mail-daemon|postmaster|mailerdaemon|mdaemon)\b", re.IGNORECASE
)
_MAILBOX = re.compile(r"[^\s<>;,:\"]+@[^\s<>;,:\"]+\w")
#: of a report's text that are read
_MOST_LINES = 200
#: where a report in plain text goes on to the message that came back
_COPY = re.compile(
    r"-{2,}.*\b(copy|original|header|message|follow)|^(return-path|received|message-id):"
    r"|^>+ ?received:",
    re.IGNORECASE,
)
#: subjects of reports that nothing else in their headers tells
_REPORT_SUBJECT = re.compile(
    r"undeliver|deliver(y|ed)|fail|return|reject|bounce|abuse|complaint|spam|retour|unzustell",
    re.IGNORECASE,
)
#: of a mail that a reader of Microsoft's called junk; its reports (JMRP) have no kind of their own
_MICROSOFTS = "X-HmXmrOriginalRecipient"
#: larger than any report; what is larger is somebody's attachment
MAX_BYTES = 2_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounce:
    """A mail server could not deliver, or not yet; or a report about us that accuses nobody."""

    #: addresses that the report came to
    came_to: tuple[str, ...]
    #: of the mail that came back, "<…>"; empty if the report does not say
    message_id: str
    strike: Strike
    #: the server's words
    text: str
    #: addresses that could not be reached; empty if the report does not say
    recipients: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Complaint:
    """A reader called a mail spam, or wants no more."""

    came_to: tuple[str, ...]
    message_id: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """Anything else: an action's prepared subject, or a letter to a person."""

    subject: str
    #: sent by a program: nobody is to answer it, and nobody meant it
    automatic: bool
    #: by a mail server, as far as that can be told without understanding it
    from_server: bool = False
    came_to: tuple[str, ...] = ()


Letter = Bounce | Complaint | Reply

#: kinds of feedback by which readers say what they want; others are about us (RFC 5965, 6430, 6591)
READERS_WILL = ("abuse", "opt-out", "opt-out-list")
_STATUS_PARTS = re.compile(r"message/(global-|x)?delivery-status|text/(x-)?delivery-status")
_RECIPIENT_FIELDS = ("Final-Recipient", "Original-Recipient", "X-Actual-Recipient")
#: subjects of programs that answer for somebody who is away
_AWAY = re.compile(
    r"^\s*((re|aw|fwd?)\s*:\s*)*("
    r"auto(matic|matisch\w*|mated|mática|matique)?[- :]*(re(ply|sponse|spuesta)|antwort|:)"
    r"|out of( the)? office|vacation|on holiday|away from|abwesen|absen(ce|t)|ooo\b"
    r"|réponse auto|risposta auto|自動|自动)",
    re.IGNORECASE,
)
_AWAY_TEXT = re.compile(
    r"\b(i am|i'm|i will be|i'll be) (currently )?(out|away|on)\b|out of (the )?office"
    r"|on (annual )?leave|on vacation|im urlaub|nicht im (büro|haus)|en vacances|de vacaciones",
    re.IGNORECASE,
)
#: a report that a mail is late and still tried
_DELAYED = re.compile(
    r"this is a warning message only|do(es)? not need to re-?send|will (continue|keep) (to )?try"
    r"|(message|delivery)[^.]{0,30}(delayed|has not (yet )?been delivered)"
    r"|notification \(delay\)|still being (re)?tried|will be (re)?tried",
    re.IGNORECASE,
)


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
    subject = decoded_header(str(mail.get("Subject", "")))
    if report == "feedback-report" or _part(mail, "message/feedback-report"):
        return _feedback(mail, came_to)
    if any(_MICROSOFTS in part for part in mail.walk()):
        return Complaint(came_to=came_to, message_id=enclosed_id(mail), text="complaint (junk)")
    if report == "disposition-notification":
        return Reply(subject=subject, automatic=True)
    if bounce := _with_status(mail, came_to):
        return bounce
    automatic, from_server = _is_automatic(mail), _is_from_a_server(mail)
    if _answers_for_a_person(mail, subject):
        return Reply(subject=subject, automatic=True)
    if _DELAYED.search(f"{subject} {plain_text(mail)[:2000]}"):
        return Reply(subject=subject, automatic=True)
    if (automatic or from_server) and (bounce := _other_bounce(mail, came_to, from_server)):
        return bounce
    return Reply(subject=subject, automatic=automatic, from_server=from_server, came_to=came_to)


def needs_body(headers: bytes) -> bool:
    """Whether a mail may be a report, whose body has to be read; an action stands in its subject,
    and a letter to a person is nobody's business."""
    mail = cast(EmailMessage, message_from_bytes(headers, policy=policy.compat32))
    kind = mail.get_content_type()
    signed = any("+" in str(v) and "-" in str(v) for n in _CAME_TO for v in mail.get_all(n, []))
    return (
        kind == "multipart/report"
        or signed
        or _is_automatic(mail)
        or _is_from_a_server(mail)
        or _REPORT_SUBJECT.search(str(mail.get("Subject", ""))) is not None
    )


def _is_automatic(mail: Message) -> bool:
    submitted = str(mail.get("Auto-Submitted", "no")).split(";")[0].strip().lower()
    bulk = str(mail.get("Precedence", "")).strip().lower() in ("bulk", "junk", "auto_reply")
    return submitted != "no" or bulk


def _answers_for_a_person(mail: Message, subject: str) -> bool:
    """Whether a program answers for somebody: they are away, but they are there."""
    submitted = str(mail.get("Auto-Submitted", "")).strip().lower()
    if str(mail.get("Precedence", "")).strip().lower() == "auto_reply" or "vacation" in submitted:
        return True
    if _is_from_a_daemon(mail):
        return False
    marks = ("X-Autoreply", "X-Autorespond", "X-Autoresponder", "X-Auto-Response-Suppress")
    marked = any(name in mail for name in marks) or "auto-replied" in submitted
    return bool(marked or _AWAY.search(subject) or _AWAY_TEXT.search(plain_text(mail)[:1000]))


def _is_from_a_server(mail: Message) -> bool:
    """Whether no person sent it: bounces have no return address, or a daemon's name on them."""
    return str(mail.get("Return-Path", "x")).strip() == "<>" or _is_from_a_daemon(mail)


def _is_from_a_daemon(mail: Message) -> bool:
    if "X-Failed-Recipients" in mail:
        return True
    senders = [str(v) for v in mail.get_all("From", [])]
    # some write no address at all: "MAILER-DAEMON <>"
    named = [v.strip().removesuffix("<>").strip(' "') for v in senders if v.strip().endswith("<>")]
    addresses = [address for _, address in getaddresses(senders)]
    return any(_DAEMON.match(who) for who in (*addresses, *named))


def _part(mail: Message, kind: str) -> Message | None:
    return next((p for p in mail.walk() if p.get_content_type() == kind), None)


def _with_status(mail: Message, came_to: tuple[str, ...]) -> Bounce | None:
    """A report with the fields of RFC 3464 or 6533, in whatever part they stand."""
    found: list[tuple[Strike, str]] = []
    recipients: list[str] = []
    is_report = False
    for part in mail.walk():
        kind = part.get_content_type()
        marked = _STATUS_PARTS.fullmatch(kind) is not None
        if not marked and not (kind == "text/plain" and "\nFinal-Recipient:" in decoded_text(part)):
            continue
        is_report = is_report or marked
        for block in header_blocks(part):
            action = str(block.get("Action", "")).split(";")[0].strip().lower()
            if not action:
                continue  # the block about the whole message
            said = clean(str(block.get("Diagnostic-Code", "")).split(";", 1)[-1])
            status = ENHANCED.search(str(block.get("Status", "")))
            code = status[0] if status else ""
            recipients += _recipients_of(block)
            failed = action.startswith(("failed", "expired"))
            # delays pass, and what was relayed is out of sight
            strike = _strike(code, said, mail) if failed else Strike.NONE
            found.append((strike, f"{code} {said}".strip()[:300]))
    if not found:
        if not is_report and mail.get_content_type() != "multipart/report":
            return None
        if other := _other_bounce(mail, came_to):
            return other
        found = [(Strike.NONE, "a report without a status")]
    strike, text = max(found, key=lambda f: (f[0] is Strike.HARD, f[0] is Strike.SOFT))
    return Bounce(
        came_to=came_to,
        message_id=enclosed_id(mail),
        strike=strike,
        text=text,
        recipients=tuple(dict.fromkeys(recipients)),
    )


def _recipients_of(block: Message) -> list[str]:
    values = (str(block.get(name, "")).split(";", 1)[-1] for name in _RECIPIENT_FIELDS)
    return [found[0].lower() for v in values if (found := _MAILBOX.search(v))]


def _strike(status: str, said: str, mail: Message) -> Strike:
    """What a failure that is final says of the address; see `codes`.

    The server's own words come first; where they say nothing, those of the report do.
    """
    if not said or (_is_silent(status) and not ENHANCED.search(said)):
        said = f"{said} {_server_words(plain_text(mail))}".strip()
    basic = BASIC.search(said)
    code = int(basic[1]) if basic and basic[1].startswith("5") else None
    return strike_of(judge(code, f"{said} {status}".strip(), Stage.REPORT)[0], Stage.REPORT)


def _is_silent(status: str) -> bool:
    return not status or status.endswith(".0.0") or status[2:] == "5.0"


def _other_bounce(
    mail: Message, came_to: tuple[str, ...], from_server: bool = False
) -> Bounce | None:
    """A report in one of the many forms that are older than RFC 3464, or go without it."""
    try:
        late, gone = all_failures(mail)
    except Exception as error:  # whatever its detectors make of odd bytes
        log.info("bounce.not_scanned error=%r", error)
        return None
    named = _MAILBOX.findall(str(mail.get("X-Failed-Recipients", "")))
    text = plain_text(mail)
    said, message_id = _server_words(text), enclosed_id(mail)
    if not (gone or named):
        # words that are known, or a mail that came back, make a report of a server's letter
        known = any(k.words.search(said) for k in known_replies()) or ENHANCED.search(said)
        if not from_server or not (known or message_id):
            return None
        named = re.findall(r"^\W*<?([^\s<>;,:\"]+@[^\s<>;,:\"]+\w)>?:?\s*$", text, re.MULTILINE)
    recipients = [a.decode("utf-8", "replace") if isinstance(a, bytes) else str(a) for a in gone]
    strike = _strike("", said, mail)
    return Bounce(
        came_to=came_to,
        message_id=message_id,
        strike=Strike.NONE if late and not gone else strike,
        text=said[:300] or "a report in words of its own",
        recipients=tuple(dict.fromkeys(a.lower() for a in [*recipients, *named])),
    )


def _server_words(text: str) -> str:
    """What a report says of the failure: the lines with a server's answer, else all its words."""
    lines: list[str] = []
    for line in text.splitlines()[:_MOST_LINES]:
        if _COPY.match(line):
            break
        lines.append(line.strip())
    for n, line in enumerate(lines):
        code = BASIC.search(line)
        if code or ENHANCED.search(line):
            rest = " ".join(lines[n + 1 : n + 3])  # answers are wrapped
            return clean(f"{line[code.start() if code else 0 :]} {rest}")[:500]
    return clean(" ".join(lines))[:1500]


def _feedback(mail: Message, came_to: tuple[str, ...]) -> Letter:
    """A report of RFC 5965: a reader's will, or something about us."""
    part = _part(mail, "message/feedback-report")
    for block in header_blocks(part) if part is not None else []:
        kind = clean(str(block.get("Feedback-Type", ""))).lower()[:40]
        if kind in READERS_WILL:
            return Complaint(
                came_to=came_to, message_id=enclosed_id(mail), text=f"complaint ({kind})"
            )
        if kind:
            return Bounce(
                came_to=came_to,
                message_id=enclosed_id(mail),
                strike=Strike.NONE,
                text=f"a report about us ({kind})" if kind != "not-spam" else "it was no spam",
            )
    return Reply(subject="", automatic=True)
