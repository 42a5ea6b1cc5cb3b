"""A rendered edition as an RFC 5322 message, the same bytes for the same input."""

from __future__ import annotations

import hashlib
import hmac
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from zoneinfo import ZoneInfo

from digest.edition.links import unsubscribe_url
from digest.edition.render import Letterhead, Rendered
from digest.model import Edition, Message
from digest.text import clean

#: 998 octets a line is the law; 76 is what every relay leaves alone
_POLICY = SMTP.clone(max_line_length=76)


def message_id(secret: bytes, edition: Edition, domain: str) -> str:
    """The same for the same reader, date and kind, and telling nothing about them."""
    key = f"{edition.subscriber.id}|{edition.edition_date.isoformat()}|{edition.kind.value}"
    mac = hmac.new(secret, key.encode(), hashlib.sha256).hexdigest()[:32]
    return f"<{mac}@{domain}>"


def mailbox(text: str) -> Address:
    """A configured sender as an address whose name needs no further quoting."""
    name, address = parseaddr(text)
    user, _, domain = address.rpartition("@")
    return Address(display_name=clean(name), username=user, domain=domain)


def build_message(
    edition: Edition,
    rendered: Rendered,
    letterhead: Letterhead,
    *,
    sender: str,
    secret: bytes,
    now: datetime,
) -> Message:
    """The complete mail: headers, plain text, HTML."""
    author = mailbox(sender)
    subscriber = edition.subscriber
    identifier = message_id(secret, edition, author.domain)
    mail = EmailMessage(policy=_POLICY)
    mail["From"] = author
    user, _, domain = subscriber.email.rpartition("@")
    mail["To"] = Address(display_name=clean(subscriber.name), username=user, domain=domain)
    mail["Subject"] = clean(edition.subject)
    mail["Date"] = format_datetime(now.astimezone(ZoneInfo(subscriber.timezone)))
    mail["Message-ID"] = identifier
    if letterhead.reply_to != author.addr_spec:
        mail["Reply-To"] = letterhead.reply_to
    mail["List-Id"] = f"{_phrase(letterhead.title)} <digest.{author.domain}>"
    mail["List-Unsubscribe"] = f"<{unsubscribe_url(letterhead)}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(rendered.text, cte="quoted-printable")
    mail.add_alternative(rendered.html, subtype="html", cte="quoted-printable")
    # The boundary is drawn at random otherwise, and a retry would not be the same bytes.
    mail.set_boundary(f"=_{hashlib.sha256(identifier.encode()).hexdigest()[:32]}")
    return Message(
        message_id=identifier,
        sender=author.addr_spec,
        recipient=subscriber.email,
        body=mail.as_bytes(),
    )


def _phrase(title: str) -> str:
    """A title as a quoted header phrase; what ASCII cannot say is left to the subject."""
    ascii_title = clean(title).encode("ascii", "ignore").decode().strip()
    return '"' + ascii_title.replace("\\", "").replace('"', "") + '"' if ascii_title else ""
