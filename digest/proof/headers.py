"""Checks of the message around the HTML: headers, parts, lines."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import cast

from digest.proof.findings import Finding, error, note, warning

#: RFC 5322 2.1.1, without the line end
MAX_LINE = 998
_WANTED = {
    "From": "RFC 5322 wants it",
    "To": "filters distrust mails without",
    "Subject": "readers choose by it",
    "Date": "RFC 5322 wants it",
    "Message-ID": "replies and duplicates are told by it",
    "MIME-Version": "RFC 2045 wants it",
    "List-Id": "readers sort by it (RFC 2919)",
    "List-Unsubscribe": "large providers want it of bulk mail",
}
_ONCE = ("From", "To", "Subject", "Date", "Message-ID", "Reply-To", "MIME-Version", "List-Id")


def parse(message: bytes) -> EmailMessage:
    return message_from_bytes(message, policy=policy.default)


def html_of(mail: EmailMessage) -> str:
    part = mail.get_body(("html",))
    return str(part.get_content()) if part is not None else ""


def with_images(mail: EmailMessage, html: str) -> str:
    """The HTML with the pictures that the mail carries in it, as a browser can show it alone."""
    for part in mail.walk():
        name = str(part["Content-ID"] or "").strip("<> ")
        if name and part.get_content_maintype() == "image":
            data = b64encode(cast(bytes, part.get_payload(decode=True))).decode("ascii")
            html = html.replace(f"cid:{name}", f"data:{part.get_content_type()};base64,{data}")
    return html


def text_of(mail: EmailMessage) -> str:
    part = mail.get_body(("plain",))
    return str(part.get_content()).replace("\r\n", "\n") if part is not None else ""


def check_message(message: bytes) -> Iterator[Finding]:
    mail = parse(message)
    for name, why in _WANTED.items():
        if not mail[name]:
            yield error("header", f"There is no {name} header: {why}.")
    for name in _ONCE:
        if len(mail.get_all(name, [])) > 1:
            yield error("header", f"The header {name} stands there more than once.")
    for part in mail.walk():
        for defect in part.defects:
            yield error("header", f"The message is malformed: {type(defect).__name__}.")
    head = message.split(b"\r\n\r\n", 1)[0]
    longest = max((len(line) for line in message.split(b"\r\n")), default=0)
    if longest > MAX_LINE:
        yield error("header", f"A line has {longest} octets; servers refuse more than {MAX_LINE}.")
    if b"\n" in message.replace(b"\r\n", b""):
        yield error("header", "A line ends without a carriage return.")
    if not head.isascii():
        yield note("header", "Headers hold UTF-8: only servers with SMTPUTF8 take this mail.")
    yield from _check_unsubscribing(mail)
    yield from _check_parts(mail)
    subject = str(mail["Subject"] or "")
    if len(subject) > 160:
        yield warning("header", f"The subject has {len(subject)} characters; 60 are seen.")


def _check_unsubscribing(mail: EmailMessage) -> Iterator[Finding]:
    ways = re.findall(r"<([^>]*)>", re.sub(r"\s", "", str(mail["List-Unsubscribe"] or "")))
    if mail["List-Unsubscribe"] and not all(
        w.startswith(("https:", "http:", "mailto:")) for w in ways
    ):
        yield error("header", "List-Unsubscribe holds something that is neither web nor mail.")
    one_click = str(mail["List-Unsubscribe-Post"] or "")
    has_https = any(w.startswith("https:") for w in ways)
    if has_https and one_click != "List-Unsubscribe=One-Click":
        yield error(
            "header",
            "List-Unsubscribe has a web address, but List-Unsubscribe-Post is missing.",
            "RFC 8058: List-Unsubscribe-Post: List-Unsubscribe=One-Click",
        )
    if one_click and not has_https:
        yield error("header", "List-Unsubscribe-Post needs an https address to post to.")


def _check_parts(mail: EmailMessage) -> Iterator[Finding]:
    if mail.get_content_type() != "multipart/alternative":
        kind = mail.get_content_type()
        yield error("header", f"The message is {kind}, not multipart/alternative.")
        return
    kinds = [cast(EmailMessage, p).get_content_type() for p in mail.iter_parts()]
    if kinds[:1] != ["text/plain"] or kinds[-1:] not in (["text/html"], ["multipart/related"]):
        yield error(
            "header",
            f"The parts are {', '.join(kinds)}.",
            "Plain text comes first and HTML last: programs show the last they can.",
        )
    text = text_of(mail)
    if len(text.split()) < 5:
        yield error("text", "The plain-text part says next to nothing.")
    longest = max((len(line) for line in text.splitlines() if "://" not in line), default=0)
    if longest > 100 and "mailto:" not in text:
        yield warning("text", f"A line of the plain text has {longest} characters.", "Wrap it.")
    if re.search("[\u202a-\u202e]", text) or text.count("\u2068") != text.count("\u2069"):
        yield error("text", "The plain text has characters that turn the direction of the rest.")
