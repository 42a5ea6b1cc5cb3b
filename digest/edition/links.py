"""Where a mail leads to besides papers: what a reader can do with a click or a mail.

With a public web address the actions are pages there; without one they are mails to the reply
address with a prepared subject. Both carry the same signed ticket, and nothing else is believed.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from functools import lru_cache
from urllib.parse import quote

from itsdangerous import BadData, Signer
from itsdangerous.encoding import base64_decode, base64_encode

from digest.errors import TokenExpired, TokenInvalid
from digest.languages import N_
from digest.text import shorten

#: days that a link of a mail may be used; see `Action.max_age_days` for those that differ
MAX_AGE_DAYS = 400
#: of a subject at which a token may have been folded
MOST_BLANKS = 40
#: octets of a signature: half of an HMAC, as RFC 2104 admits. Earlier ones had all 32
_MAC_BYTES = 16
_TOKEN = re.compile(r"[A-Za-z0-9_-]{16,600}\.(?:[A-Za-z0-9_-]{43}|[A-Za-z0-9_-]{22})")
#: characters of a title in a prepared subject
_SUBJECT_TITLE = 48
#: keeps these signatures apart from everything else that the keys sign
_SALT = b"digest.ticket"
_DAMAGED = N_("This link is damaged, or was not made by this digest.")


class Action(StrEnum):
    """What a link asks for."""

    LIKE = "like"
    LATER = "later"  # come back on the reader's day
    DISLIKE = "dislike"
    FEWER = "fewer"  # fewer papers like this one: weighs more than a dislike
    UNSUBSCRIBE = "unsubscribe"
    EDITION = "edition"  # show the edition of a date
    CONFIRM = "confirm"  # begin a subscription that was asked for; of nobody yet
    PREFERENCES = "preferences"  # see and change everything about oneself, while it is fresh
    FEED = "feed"  # read one's editions in a feed reader
    API = "api"  # let a program read one's editions, and rate
    SESSION = "session"  # be recognised by a browser

    @property
    def max_age_days(self) -> int | None:
        """Days that a link may be used; None: for ever, since leaving must always be possible."""
        if self is Action.UNSUBSCRIBE:
            return None
        return 7 if self is Action.CONFIRM else MAX_AGE_DAYS


#: where on the web side an action happens, if it is no feedback
_PLACES = {
    Action.UNSUBSCRIBE: "unsubscribe",
    Action.EDITION: "editions",
    Action.CONFIRM: "confirm",
    Action.PREFERENCES: "preferences",
    Action.FEED: "feed",
}


@dataclass(frozen=True, slots=True)
class Ticket:
    """Who may do what to what."""

    action: Action
    subscriber_id: str
    #: a paper's id, or an edition's date; empty for unsubscribing
    about: str = ""
    #: of the reader's links; whoever calls in all their links begins another one
    generation: int = 0
    #: when it was signed, as far as that is known
    issued: date | None = field(default=None, compare=False)

    def age_days(self, today: date) -> int:
        """How old a ticket is that was read from a token."""
        return (today - self.issued).days if self.issued else 0


@lru_cache(maxsize=8)
def _derived(key: bytes) -> bytes:
    return Signer(key, salt=_SALT, key_derivation="hmac", digest_method=hashlib.sha256).derive_key()


@dataclass(frozen=True, slots=True)
class Seal:
    """Signs tickets with the newest of some keys, and knows those that any of them signed.

    The date of issue is signed too. It is the edition's, not the clock's, so that an edition that
    is made again holds the same links.
    """

    #: oldest first
    keys: Sequence[bytes]

    def sign(self, ticket: Ticket, issued: date) -> str:
        """The token: letters, digits, "-", "_" and one dot."""
        parts = (
            ticket.action.value,
            ticket.subscriber_id,
            ticket.about,
            f"{issued.toordinal():x}",
            *([f"{ticket.generation:x}"] if ticket.generation else []),
        )
        payload = base64_encode("\n".join(parts))
        mac = hmac.digest(_derived(self.keys[-1]), payload, "sha256")[:_MAC_BYTES]
        return f"{payload.decode('ascii')}.{base64_encode(mac).decode('ascii')}"

    def read(self, token: str, today: date) -> Ticket:
        """The ticket that a token holds.

        Raises:
            TokenInvalid: it was signed with none of the keys, or is torn.
            TokenExpired: it is too old for what it asks.
        """
        try:
            payload = base64_decode(self._signed(token))
            action, subscriber_id, about, issued_hex, *rest = payload.decode().split("\n")
            issued = date.fromordinal(int(issued_hex, 16))
            generation = int(rest[0], 16) if rest else 0
            ticket = Ticket(Action(action), subscriber_id, about, generation, issued)
        except (BadData, ValueError, OverflowError) as error:
            raise TokenInvalid(_DAMAGED) from error
        most = ticket.action.max_age_days
        if most is not None and ticket.age_days(today) > most:
            raise TokenExpired(
                f"This link is of {issued:%d %B %Y} and too old to be used.", signed_on=issued
            )
        return ticket

    def read_subject(self, subject: str, today: date) -> Ticket:
        """The ticket in the subject of a reply, whatever a mail program put around it.

        Raises:
            TokenInvalid: there is none in it.
            TokenExpired: it is too old for what it asks.
        """
        for written in _unfolded(subject):
            for found in _TOKEN.findall(written):
                try:
                    return self.read(found, today)
                except TokenInvalid:
                    continue  # a long word of the title
        raise TokenInvalid("The subject holds no valid token.")

    @staticmethod
    def is_in(subject: str) -> bool:
        """Whether a subject holds something that looks like a token."""
        return any(_TOKEN.search(written) for written in _unfolded(subject))

    def _signed(self, token: str) -> bytes:
        """What stands before the signature, if one of the keys made it."""
        payload, _, signature = token.encode("ascii").rpartition(b".")
        found = base64_decode(signature)
        for key in self.keys:
            mac = hmac.digest(_derived(key), payload, "sha256")
            if hmac.compare_digest(found, mac[:_MAC_BYTES]) or hmac.compare_digest(found, mac):
                return payload
        raise BadData("no key of ours signed this")


def _unfolded(subject: str) -> Iterator[str]:
    """A subject as it stands, and without each of its blanks: a long token may have been folded."""
    text = " ".join(subject.split())
    yield text
    for blank in list(re.finditer(" ", text))[:MOST_BLANKS]:
        yield text[: blank.start()] + text[blank.end() :]


@dataclass(frozen=True, slots=True)
class Verp:
    """Return addresses that say whose mail came back: bounces+ID-MAC@example.org.

    In lower case and hexadecimal, since servers on the way may change the case; within the 64
    octets that RFC 5321 gives the part before the @.
    """

    keys: Sequence[bytes]

    def address(self, mailbox: str, subscriber_id: str) -> str:
        local, _, domain = mailbox.rpartition("@")
        return f"{local}+{subscriber_id}-{self._mac(self.keys[-1], subscriber_id)}@{domain}"

    def subscriber_of(self, address: str) -> str:
        """The subscriber behind a return address of ours; nothing if it is none."""
        match = re.search(r"\+([0-9a-z]+)-([0-9a-f]{10})@", address.lower())
        if match is None:
            return ""
        known = (self._mac(key, match[1]) for key in self.keys)
        return match[1] if any(hmac.compare_digest(mac, match[2]) for mac in known) else ""

    @staticmethod
    def _mac(key: bytes, subscriber_id: str) -> str:
        return hmac.new(key, b"return\n" + subscriber_id.encode(), hashlib.sha256).hexdigest()[:10]


def mailto(address: str, subject: str) -> str:
    """A mailto: link (RFC 6068) with a prepared subject."""
    return f"mailto:{quote(address, safe='@+.-_')}?subject={quote(subject)}"


def action_url(
    ticket: Ticket, token: str, *, web_url: str, reply_to: str, verb: str = "", title: str = ""
) -> str:
    """Where an action happens: a page below `web_url`, else a mail to `reply_to`.

    Args:
        token: the signed ticket.
        verb, title: what the person reads in the prepared subject.
    """
    if web_url:
        return f"{web_url}/{_PLACES.get(ticket.action, 'feedback')}/{token}"
    return f"{_mailto_before(reply_to, verb or ticket.action.value, title)}{token}%5D"


@lru_cache(maxsize=8192)  # only the token is another one for each reader, and it needs no quoting
def _mailto_before(reply_to: str, verb: str, title: str) -> str:
    named = f"{verb}: {shorten(title, _SUBJECT_TITLE)}" if title else verb
    return mailto(reply_to, f"{named} [")
