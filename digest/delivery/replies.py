"""What a mail server's answer means for one message. A table, and nothing else.

Decided by the enhanced code (RFC 3463) first, then by the basic code, then by what was answered.
Policy refusals (5.7.x, and what a server says after the data without a reason) are never held
against the address: they are about us.
"""

from __future__ import annotations

import re

from digest.model import Outcome, Receipt, Strike
from digest.text import clean

_ENHANCED = re.compile(r"^\s*([245]\.\d{1,3}\.\d{1,3})\b[\s:-]*")
_TABLE: dict[str, tuple[Outcome, Strike]] = {
    # the address does not exist, or not any more
    **dict.fromkeys(("5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10"), (Outcome.BOUNCED, Strike.HARD)),
    # disabled, full, over its quota: perhaps not for ever
    **dict.fromkeys(("5.2.0", "5.2.1", "5.2.2"), (Outcome.BOUNCED, Strike.SOFT)),
    "4.2.2": (Outcome.DEFERRED, Strike.SOFT),
    "4.2.1": (Outcome.DEFERRED, Strike.SOFT),
    # too large for the mailbox or the server
    **dict.fromkeys(("5.2.3", "5.3.4"), (Outcome.REJECTED, Strike.NONE)),
}
#: the server itself is short of something, or wants fewer messages of us
_RESTING = ("4.3.", "4.5.3", "4.4.")
#: answers to RCPT that are about our login
LOGIN_WANTED = frozenset({530, 534, 535, 538})


def receipt(code: int, text: bytes | str, *, at_recipient: bool) -> Receipt:
    """Sort a reply to RCPT TO or to the end of the data.

    Args:
        at_recipient: the reply answered RCPT TO, so it is about the address.
    """
    line = clean(text.decode("utf-8", "replace") if isinstance(text, bytes) else text)
    match = _ENHANCED.match(line)
    enhanced = match[1] if match else ""
    rest = line[match.end() :] if match else line
    outcome, strike = classify(code, enhanced, at_recipient)
    return Receipt(
        outcome=outcome,
        code=code,
        enhanced_code=enhanced,
        text=rest[:300],
        strike=strike,
        rest=code == 421 or (400 <= code < 500 and enhanced.startswith(_RESTING)),
    )


def classify(code: int, enhanced: str, at_recipient: bool) -> tuple[Outcome, Strike]:
    """What became of the message, and what that says of the address."""
    if 200 <= code < 300:
        return Outcome.ACCEPTED, Strike.NONE
    if enhanced in _TABLE:
        return _TABLE[enhanced]
    if enhanced.startswith("4") or 400 <= code < 500:
        return Outcome.DEFERRED, Strike.NONE
    if enhanced.startswith("5.7."):
        return Outcome.POLICY, Strike.NONE
    if enhanced:
        return Outcome.REJECTED, Strike.NONE
    if at_recipient and code in (550, 551, 553):
        return Outcome.BOUNCED, Strike.SOFT  # "no such user" or "not from you": nobody knows
    return (Outcome.POLICY if code in (550, 554) else Outcome.REJECTED), Strike.NONE
