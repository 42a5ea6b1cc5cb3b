"""Where a mail leads to besides papers: what a reader can do with a click or a mail.

With a public web address the actions are pages there; without one they are mails to the reply
address with a prepared subject. Both carry the same signed ticket, and nothing else is believed.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import quote

from digest.errors import TokenInvalid
from digest.text import shorten

#: bytes of the signature: 96 bits, and a guess costs a request or a mail
_MAC_BYTES = 12
_TOKEN = re.compile(r"[A-Za-z0-9_-]{24,600}")
#: characters of a title in a prepared subject
_SUBJECT_TITLE = 48


class Action(StrEnum):
    """What a link asks for."""

    LIKE = "like"
    DISLIKE = "dislike"
    FEWER = "fewer"  # fewer papers like this one: weighs more than a dislike
    UNSUBSCRIBE = "unsubscribe"
    EDITION = "edition"  # show the edition of a date


@dataclass(frozen=True, slots=True)
class Ticket:
    """Who may do what to what."""

    action: Action
    subscriber_id: str
    #: a paper's id, or an edition's date; empty for unsubscribing
    about: str = ""


def sign(ticket: Ticket, secret: bytes) -> str:
    """A ticket as a token of letters, digits, "-" and "_"; the same each time."""
    payload = "\n".join((ticket.action.value, ticket.subscriber_id, ticket.about)).encode()
    return base64.urlsafe_b64encode(_mac(payload, secret) + payload).rstrip(b"=").decode("ascii")


def read_token(token: str, secret: bytes) -> Ticket:
    """The ticket that a token holds.

    Raises:
        TokenInvalid: it was not made with this secret, or is torn.
    """
    try:
        raw = base64.urlsafe_b64decode(token.encode("ascii") + b"=" * (-len(token) % 4))
        mac, payload = raw[:_MAC_BYTES], raw[_MAC_BYTES:]
        if not hmac.compare_digest(mac, _mac(payload, secret)):
            raise TokenInvalid("This link is damaged, or was not made by this digest.")
        action, subscriber_id, about = payload.decode().split("\n")
        ticket = Ticket(Action(action), subscriber_id, about)
    except (ValueError, binascii.Error) as error:
        raise TokenInvalid("This link is damaged, or was not made by this digest.") from error
    if sign(ticket, secret) != token:  # base64 has several spellings of the last bits
        raise TokenInvalid("This link is damaged, or was not made by this digest.")
    return ticket


def read_subject(subject: str, secret: bytes) -> Ticket:
    """The ticket in the subject of a reply, whatever a mail program put around it.

    Raises:
        TokenInvalid: there is none in it.
    """
    for found in _TOKEN.findall("".join(subject.split("\r\n"))):
        try:
            return read_token(found, secret)
        except TokenInvalid:
            continue  # a long word of the title
    raise TokenInvalid("The subject holds no valid token.")


def _mac(payload: bytes, secret: bytes) -> bytes:
    # The first word keeps these signatures apart from everything else the secret signs.
    return hmac.new(secret, b"ticket\n" + payload, hashlib.sha256).digest()[:_MAC_BYTES]


def mailto(address: str, subject: str) -> str:
    """A mailto: link (RFC 6068) with a prepared subject."""
    return f"mailto:{quote(address, safe='@+.-_')}?subject={quote(subject)}"


def action_url(
    ticket: Ticket, secret: bytes, *, web_url: str, reply_to: str, verb: str = "", title: str = ""
) -> str:
    """Where an action happens: a page below `web_url`, else a mail to `reply_to`.

    Args:
        verb, title: what the person reads in the prepared subject.
    """
    token = sign(ticket, secret)
    if web_url:
        place = {Action.UNSUBSCRIBE: "unsubscribe", Action.EDITION: "editions"}
        return f"{web_url}/{place.get(ticket.action, 'feedback')}/{token}"
    said = verb or ticket.action.value
    named = f"{said}: {shorten(title, _SUBJECT_TITLE)}" if title else said
    return mailto(reply_to, f"{named} [{token}]")
