"""What a mail server's answer means for one message. A table, and nothing else.

Decided by the enhanced code (RFC 3463) first, then by the basic code. Policy refusals (5.7.x) are
never held against the address: they are about us.
"""

from __future__ import annotations

import re

from digest.model import Outcome, Receipt
from digest.text import clean

_ENHANCED = re.compile(r"^\s*([245]\.\d{1,3}\.\d{1,3})\b[\s:-]*")
#: the address does not exist, or not any more
_DEAD = frozenset({"5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10"})


def receipt(code: int, text: bytes | str, *, at_recipient: bool) -> Receipt:
    """Sort a reply to RCPT TO or to the end of the data.

    Args:
        at_recipient: the reply answered RCPT TO, so it is about the address.
    """
    line = clean(text.decode("utf-8", "replace") if isinstance(text, bytes) else text)
    match = _ENHANCED.match(line)
    enhanced = match[1] if match else ""
    rest = line[match.end() :] if match else line
    return Receipt(
        outcome=_outcome(code, enhanced, at_recipient),
        code=code,
        enhanced_code=enhanced,
        text=rest[:300],
    )


def _outcome(code: int, enhanced: str, at_recipient: bool) -> Outcome:
    if 200 <= code < 300:
        return Outcome.ACCEPTED
    if enhanced.startswith("4") or 400 <= code < 500:
        return Outcome.DEFERRED
    if enhanced in _DEAD:
        return Outcome.BOUNCED
    if enhanced:
        return Outcome.REJECTED
    return Outcome.BOUNCED if at_recipient and code in (550, 551, 553) else Outcome.REJECTED
