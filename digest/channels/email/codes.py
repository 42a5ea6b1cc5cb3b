"""What a mail server's code means, for a message and for its address: the one table of it.

The same code means the same whether a server answers it (`reply_to_receipt`) or a report brings it
later (`inbound`). Decided by the enhanced code (RFC 3463) first, then by the basic code, then by
what was answered. What is about us (5.7.x, our address, what a server says after the data without a
reason) is never held against the address.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from digest.model import Outcome, Receipt, Strike
from digest.text import clean

#: as a word of its own, so that no part of an IP address is taken for one
ENHANCED = re.compile(r"(?<![\d.])([245]\.\d{1,3}\.\d{1,3})(?![\d.]*\d)")
_LEADING = re.compile(r"^\s*([245]\.\d{1,3}\.\d{1,3})\b[\s:-]*")


@dataclass(frozen=True, slots=True)
class Meaning:
    """What became of the message, and what that says of the address."""

    outcome: Outcome
    strike: Strike = Strike.NONE


_GONE = Meaning(Outcome.BOUNCED, Strike.HARD)
_PERHAPS_GONE = Meaning(Outcome.BOUNCED, Strike.SOFT)
_ABOUT_US = Meaning(Outcome.POLICY)
_THIS_MESSAGE = Meaning(Outcome.REJECTED)
_LATER = Meaning(Outcome.DEFERRED)
_FULL = Meaning(Outcome.DEFERRED, Strike.SOFT)

#: by enhanced code, the longest beginning that fits
_TABLE = {
    "2": Meaning(Outcome.ACCEPTED),
    "4": _LATER,
    "4.2.1": _FULL,
    "4.2.2": _FULL,
    "5.1": _PERHAPS_GONE,
    "5.1.1": _GONE,  # no such mailbox
    "5.1.2": _GONE,  # no such domain
    "5.1.3": _GONE,  # no address at all
    "5.1.6": _GONE,  # moved, nobody knows where
    "5.1.10": _GONE,  # the domain takes no mail
    "5.1.7": _ABOUT_US,  # our address is no address
    "5.1.8": _ABOUT_US,  # our domain is not there
    "5.2": _PERHAPS_GONE,  # disabled, full, a list that cannot be expanded
    "5.2.3": _THIS_MESSAGE,  # too large for the mailbox
    "5.3": _THIS_MESSAGE,  # too large for the server, or it cannot take any
    "5.4": _PERHAPS_GONE,  # no way there
    "5.5": _THIS_MESSAGE,
    "5.6": _THIS_MESSAGE,
    "5.7": _ABOUT_US,
}
#: the server itself is short of something, or wants fewer messages of us
_RESTING = ("4.3.", "4.5.3", "4.4.")
#: codes by which a server says that it does not want the recipient, for whatever reason
_NOT_THIS_RECIPIENT = frozenset({550, 551, 553})
#: answers to RCPT that are about our login
LOGIN_WANTED = frozenset({530, 534, 535, 538})


def meaning(code: int | None, enhanced: str, *, at_recipient: bool) -> Meaning:
    """What a code means.

    Args:
        code: basic, such as 550; None if only the enhanced one is known.
        enhanced: such as "5.1.1"; empty if only the basic one is known.
        at_recipient: it was said of the recipient's address, before the message was.
    """
    if code is not None and 200 <= code < 300:
        return Meaning(Outcome.ACCEPTED)
    if code is not None and 400 <= code < 500 and not enhanced.startswith("4"):
        return _LATER
    parts = enhanced.split(".")
    for n in range(len(parts), 0, -1):
        if found := _TABLE.get(".".join(parts[:n])):
            return found
    # no enhanced code, or one that says nothing ("5.0.0")
    if at_recipient and (code is None or code in _NOT_THIS_RECIPIENT):
        return _PERHAPS_GONE  # "no such user" or "not from you": nobody knows
    return _ABOUT_US if code in (550, 554) else _THIS_MESSAGE


def reply_to_receipt(code: int, text: bytes | str, *, at_recipient: bool) -> Receipt:
    """A server's answer to RCPT TO or to the end of the data, sorted.

    Args:
        at_recipient: the reply answered RCPT TO, so it is about the address.
    """
    line = clean(text.decode("utf-8", "replace") if isinstance(text, bytes) else text)
    match = _LEADING.match(line)
    enhanced = match[1] if match else ""
    found = meaning(code, enhanced, at_recipient=at_recipient)
    return Receipt(
        outcome=found.outcome,
        code=code,
        enhanced_code=enhanced,
        text=(line[match.end() :] if match else line)[:300],
        strike=found.strike,
        rest=code == 421 or (400 <= code < 500 and enhanced.startswith(_RESTING)),
    )
