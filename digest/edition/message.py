"""A rendered edition as an RFC 5322 message, the same bytes for the same input."""

from __future__ import annotations

import hashlib
import hmac
from base64 import encodebytes
from binascii import b2a_qp
from collections.abc import Mapping
from datetime import datetime
from email.header import Header
from email.utils import format_datetime, formataddr, parseaddr
from functools import lru_cache
from zoneinfo import ZoneInfo

from digest.address import on_the_wire
from digest.edition.letterhead import Letterhead
from digest.edition.links import Action, Ticket, Verp, action_url
from digest.model import Edition, Message, Rendered
from digest.text import clean


def message_id(secret: bytes, edition: Edition, domain: str) -> str:
    """The same for the same reader, date and kind, and telling nothing about them."""
    key = f"{edition.subscriber.id}|{edition.edition_date.isoformat()}|{edition.kind.value}"
    mac = hmac.new(secret, key.encode(), hashlib.sha256).hexdigest()[:32]
    return f"<{mac}@{domain}>"


@lru_cache(maxsize=4096)  # many readers have the same paper on top
def unstructured(name: str, value: str) -> bytes:
    """A header of free text, folded and encoded (RFC 2047).

    `email.header.Header` and not the policies of `EmailMessage`: those lose a blank here and there
    between the encoded words of a long header, and leave text that looks encoded as it is.
    """
    value = clean(value)
    charset = "us-ascii" if value.isascii() and "=?" not in value else "utf-8"
    header = Header(value, charset, maxlinelen=76, header_name=name)
    # at blanks; by default it would rather break after any comma, however early
    encoded = header.encode(splitchars=" ", linesep="\r\n")
    return f"{name}: {encoded}\r\n".encode("ascii")


@lru_cache(maxsize=64)  # the sender's; readers' pass through it
def address(name: str, who: str, email: str) -> bytes:
    """A header of one mailbox; the display name is quoted or encoded as needed."""
    shown = clean(who)
    if not shown:
        return f"{name}: {email}\r\n".encode()
    if not shown.isascii() or "=?" in shown:
        encoded = Header(shown, "utf-8", maxlinelen=76, header_name=name).encode(linesep="\r\n")
        return f"{name}: {encoded}\r\n <{email}>\r\n".encode()
    # the address is put in by hand: formataddr takes ASCII alone
    phrase = formataddr((shown, "x@x")).removesuffix("<x@x>")
    return f"{name}: {phrase}<{email}>\r\n".encode()


def build_message(
    edition: Edition,
    rendered: Rendered,
    letterhead: Letterhead,
    *,
    now: datetime,
) -> Message:
    """The complete mail: headers, plain text, HTML.

    A domain outside ASCII is written as IDNA; an address whose part before the @ is outside ASCII
    stands in the headers as UTF-8 (RFC 6532), and only a server with SMTPUTF8 takes that.
    """
    author, author_address = _author(letterhead.sender)
    domain = author_address.rpartition("@")[2]
    subscriber = edition.subscriber
    recipient = on_the_wire(subscriber.email)
    reply_to = on_the_wire(letterhead.reply_to)
    identifier = message_id(letterhead.keys[-1], edition, domain)
    local = now.astimezone(ZoneInfo(subscriber.preferences.timezone))
    headers = [
        address("From", author, author_address),
        address("To", subscriber.preferences.name, recipient),
        unstructured("Subject", edition.subject),
        f"Date: {format_datetime(local)}\r\n".encode("ascii"),
        f"Message-ID: {identifier}\r\n".encode("ascii"),
        f"List-Id: {_phrase(letterhead.title)}<digest.{domain}>\r\n".encode("ascii"),
        *_unsubscribing(edition, letterhead, reply_to),
        f"Feedback-ID: {edition.kind}:digest:{feedback_sender(domain)}\r\n".encode(),
        b"Auto-Submitted: auto-generated\r\n",
    ]
    if reply_to != author_address:
        headers.insert(2, address("Reply-To", "", reply_to))
    return Message(
        message_id=identifier,
        sender=_return_address(letterhead, subscriber.id) or author_address,
        recipient=recipient,
        body=b"".join(headers) + _bodies(rendered, identifier),
    )


def build_letter(
    email: str,
    subject: str,
    rendered: Rendered,
    letterhead: Letterhead,
    *,
    name: str,
    now: datetime,
) -> Message:
    """A short letter to one address, such as a request to confirm.

    Args:
        name: of what it is about; the same one makes the same Message-ID.
    """
    author, author_address = _author(letterhead.sender)
    domain = author_address.rpartition("@")[2]
    recipient = on_the_wire(email)
    mac = hmac.new(letterhead.keys[-1], f"letter|{name}".encode(), hashlib.sha256).hexdigest()
    identifier = f"<{mac[:32]}@{domain}>"
    headers = [
        address("From", author, author_address),
        address("To", "", recipient),
        unstructured("Subject", subject),
        f"Date: {format_datetime(now)}\r\n".encode("ascii"),
        f"Message-ID: {identifier}\r\n".encode("ascii"),
        b"Auto-Submitted: auto-generated\r\n",
    ]
    return Message(
        message_id=identifier,
        sender=author_address,
        recipient=recipient,
        body=b"".join(headers) + _bodies(rendered, identifier),
    )


@lru_cache(maxsize=16)
def _author(sender: str) -> tuple[str, str]:
    """Name and address, as they are written on the wire, of "Name <address>"."""
    name, written = parseaddr(sender)
    return name, on_the_wire(written)


def feedback_sender(domain: str) -> str:
    """Who sends, as Google's Postmaster Tools want it in the last field of Feedback-ID: 5 to 15
    characters that stay the same. What stands before it groups complaints, so it has no date.

    https://support.google.com/a/answer/6254652
    """
    name = "".join(c for c in domain.lower() if c.isascii() and c.isalnum())[:15]
    return name if len(name) >= 5 else f"{name}digest"[:15]


def _return_address(head: Letterhead, subscriber_id: str) -> str:
    if not head.bounces_to:
        return ""
    return Verp(head.keys).address(on_the_wire(head.bounces_to), subscriber_id)


def _unsubscribing(edition: Edition, head: Letterhead, reply_to: str) -> list[bytes]:
    """RFC 2369, and RFC 8058 where its button can work: it needs https."""
    who = edition.subscriber
    ticket = Ticket(Action.UNSUBSCRIBE, who.id, generation=who.link_generation)
    token = head.seal.sign(ticket, edition.edition_date)
    mail = action_url(ticket, token, web_url="", reply_to=reply_to)
    if not head.web_url:
        return [f"List-Unsubscribe: <{mail}>\r\n".encode()]
    page = action_url(ticket, token, web_url=head.web_url, reply_to=reply_to)
    lines = [f"List-Unsubscribe: <{page}>,\r\n <{mail}>\r\n".encode()]
    if page.startswith("https://"):
        lines.append(b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n")
    return lines


def _bodies(rendered: Rendered, identifier: str) -> bytes:
    """The MIME headers and the two bodies, plain text first."""
    # Drawn from the identifier: a retry has to be the same bytes. "=_" stands in no encoded text.
    boundary = f"=_{hashlib.sha256(identifier.encode()).hexdigest()[:32]}"
    pieces = [
        f'MIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary="{boundary}"\r\n'
    ]
    html = _text("html", rendered.html)
    if rendered.images:
        html = _related(html, rendered.images, f"{boundary}_")
    for part in (_text("plain", rendered.text), html):
        pieces.append(f"\r\n--{boundary}\r\n{part}")
    pieces.append(f"\r\n--{boundary}--\r\n")
    return "".join(pieces).encode("ascii")


def _text(subtype: str, text: str) -> str:
    return (
        f'Content-Type: text/{subtype}; charset="utf-8"\r\n'
        f"Content-Transfer-Encoding: quoted-printable\r\n\r\n{quoted_printable(text)}"
    )


def _related(html: str, images: Mapping[str, bytes], boundary: str) -> str:
    """HTML and the pictures in it (RFC 2387)."""
    pieces = [
        f'Content-Type: multipart/related; type="text/html"; boundary="{boundary}"\r\n'
        f"\r\n--{boundary}\r\n{html}"
    ]
    for name, jpeg in images.items():
        encoded = encodebytes(jpeg).decode("ascii").replace("\n", "\r\n")
        pieces.append(
            f"\r\n--{boundary}\r\nContent-Type: image/jpeg\r\nContent-ID: <{name}>\r\n"
            f"Content-Disposition: inline\r\nContent-Transfer-Encoding: base64\r\n\r\n{encoded}"
        )
    pieces.append(f"\r\n--{boundary}--\r\n")
    return "".join(pieces)


def quoted_printable(text: str) -> str:
    """A body of text, encoded (RFC 2045), lines ended by CRLF.

    `EmailMessage` does the same letter by letter in Python, which took longer than all the rest.
    """
    lines = text.replace("\r\n", "\n").encode("utf-8")
    return b2a_qp(lines, istext=True).decode("ascii").replace("\n", "\r\n")


@lru_cache(maxsize=16)
def _phrase(title: str) -> str:
    """A title as a quoted phrase; what ASCII cannot say is left to the subject."""
    ascii_title = clean(title.encode("ascii", "ignore").decode())
    bare = ascii_title.replace("\\", "").replace('"', "")
    return f'"{bare}" ' if bare else ""
