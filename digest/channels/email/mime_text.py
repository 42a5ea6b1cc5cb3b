"""What stands in a MIME message, as text, however oddly it was written."""

from __future__ import annotations

import re
from email import message_from_bytes, message_from_string
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.message import Message

from digest.markup import plain
from digest.text import clean

_MESSAGE_ID = re.compile(r"<[^<>\s]{3,200}>")


def plain_text(mail: Message) -> str:
    """The report's own words: its first text, without tags."""
    for part in mail.walk():
        if part.get_content_maintype() == "text":
            text = decoded_text(part)
            if part.get_content_subtype() == "html":
                text = re.sub(r"<br[^>]*>|</(p|tr|div|li)>", "\n", text, flags=re.IGNORECASE)
                text = _lines_of(text)
            if text.strip():
                return text
    return ""


def _lines_of(html: str) -> str:
    return "\n".join(plain(line) for line in html.splitlines())


def decoded_text(part: Message) -> str:
    body = part.get_payload(decode=True)
    if not isinstance(body, bytes):
        return str(part.get_payload() or "")
    charset = str(part.get_content_charset() or "utf-8")
    try:
        return body.decode(charset, "replace")
    except LookupError:
        return body.decode("utf-8", "replace")


def header_blocks(part: Message) -> list[Message]:
    """The groups of header lines in a report, however the parser took them."""
    payload = part.get_payload()
    if isinstance(payload, list):
        blocks = [b for b in payload if isinstance(b, Message)]
        # The parser knows delivery-status alone: of others it makes one message, whose headers are
        # the first group of fields and whose text are those that follow.
        nested = [
            inner for b in blocks if not b.is_multipart() for inner in _parsed(decoded_text(b))
        ]
        return [b for b in blocks if b.keys()] + nested
    return _parsed(decoded_text(part))


def _parsed(text: str) -> list[Message]:
    groups = re.split(r"\r?\n[ \t]*\r?\n", text)
    return [message_from_string(g) for g in groups if g.strip()]


def enclosed_id(mail: Message) -> str:
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
    copied = re.search(r"^Message-ID:\s*(<[^<>\s]{3,200}>)", plain_text(mail), re.I | re.M)
    return copied[1] if copied else ""


def decoded_header(subject: str) -> str:
    try:
        return clean(str(make_header(decode_header(subject))))
    except (LookupError, ValueError, HeaderParseError):
        return clean(subject)
