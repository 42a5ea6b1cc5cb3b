"""What a mail server's answer means, for a message and for its address: the one judgement of it.

The same answer means the same whether a server gives it (`reply_to_receipt`) or a report brings it
later (`inbound`). Evidence is weighed in this order: words that are known (`replies.toml`), the
enhanced code (RFC 3463), the basic code, and at what stage it was said. What is about us, and what
a server says after the body without naming the address, is never held against the address.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path

from digest.model import Cause, Outcome, Receipt, Strike
from digest.text import clean

#: an enhanced code as a word of its own, so that no part of an IP address is taken for one
ENHANCED = re.compile(r"(?<![\d.])([245]\.\d{1,3}\.\d{1,3})(?![\d.]*\d)")
#: a basic code where a server's answer begins
BASIC = re.compile(r"(?<![\d.])([245]\d\d)(?=[ -])")
_LEADING = re.compile(r"^\s*([245]\.\d{1,3}\.\d{1,3})\b[\s:-]*")
_ADDRESS = re.compile(r"[^\s<>\"'(\[:;,=]+@[\w.-]*\w")
#: codes by which a server says that it does not want the recipient, for whatever reason
_NOT_THIS_RECIPIENT = frozenset({550, 551, 553})
#: answers to RCPT that are about our login
LOGIN_WANTED = frozenset({530, 534, 535, 538})


class Stage(StrEnum):
    """What a server's words answer."""

    MAIL = "mail"
    RECIPIENT = "recipient"
    #: all of the message, or its beginning: the address was accepted before
    BODY = "body"
    #: a report that came by mail: nobody knows
    REPORT = "report"


@dataclass(frozen=True, slots=True)
class Known:
    """A line of `replies.toml`."""

    provider: str
    cause: Cause
    says: str
    words: re.Pattern[str]
    source: str


@cache
def known_replies() -> tuple[Known, ...]:
    """What providers are known to say, the first that fits decides."""
    table = tomllib.loads(Path(__file__).with_name("replies.toml").read_text("utf-8"))
    return tuple(
        Known(
            provider=row["provider"],
            cause=Cause(row["means"]),
            says=row["says"],
            words=re.compile(row["words"], re.IGNORECASE),
            source=row["source"],
        )
        for row in table["reply"]
    )


#: by enhanced code without its class, the longest beginning that fits
_BY_CODE = {
    "1": Cause.UNAVAILABLE,
    "1.1": Cause.DEAD,
    "1.2": Cause.DEAD,
    "1.3": Cause.DEAD,
    "1.6": Cause.DEAD,
    "1.10": Cause.DEAD,
    "1.7": Cause.SENDER,
    "1.8": Cause.SENDER,
    "1.90": Cause.QUOTA,
    "2": Cause.UNAVAILABLE,
    "2.3": Cause.MESSAGE,
    "3": Cause.MESSAGE,
    "4": Cause.UNAVAILABLE,
    "5": Cause.MESSAGE,
    "6": Cause.MESSAGE,
    "7": Cause.SENDER,
}
#: what 4.x.x with a code means: the server is short of something, or wants fewer messages
_RESTING = ("4.3.", "4.5.3", "4.4.")
#: codes that say nothing: what else is known decides
_SILENT = re.compile(r"[245]\.(0\.\d+|5\.0)$")


def _joined(text: str) -> str:
    """An answer of several lines as one: each begins with the code again, which tears phrases.

    >>> _joined("550-5.7.1 is not permitted to 550 5.7.1 relay")
    '550-5.7.1 is not permitted to relay'
    """
    first = BASIC.search(text)
    if first is None:
        return text
    head, rest = text[: first.end()], text[first.end() :]
    enhanced = ENHANCED.search(rest)
    again = rf"(?:\s+{re.escape(enhanced[0])}(?![\d.]))?" if enhanced else ""
    return head + re.sub(rf"\s*(?<![\d.]){first[1]}[- ]{again.replace('s+', 's*')}\s*", " ", rest)


def judge(code: int | None, text: str, stage: Stage) -> tuple[Cause, str]:
    """What an answer is about, and whose known words those are, if any are.

    Args:
        code: basic, such as 550; None if it is not known.
        text: the rest of the answer, enhanced code included.
    """
    answer = text if code is None or text.startswith(str(code)) else f"{code} {text}"
    # nobody's name is evidence, as spam@example.org's would be
    words = _ADDRESS.sub("@", _joined(answer))
    for known in known_replies():
        if known.words.search(words):
            return known.cause, known.provider
    codes = [c for c in ENHANCED.findall(text) if not _SILENT.match(c)]
    # after a silent code the server's own stands further on: "5.0.0 smtp; 550 5.1.1"
    if codes:
        parts = codes[0].split(".")[1:]
        for n in range(len(parts), 0, -1):
            if cause := _BY_CODE.get(".".join(parts[:n])):
                return cause, ""
    if code is not None and code < 500:
        return Cause.LATER, ""
    if stage in (Stage.RECIPIENT, Stage.REPORT) and (code is None or code in _NOT_THIS_RECIPIENT):
        return Cause.UNAVAILABLE, ""  # "no such user" or "not from you": nobody knows
    if code == 552:
        return Cause.MESSAGE, ""
    return (Cause.SENDER if code in (550, 554) else Cause.MESSAGE), ""


def strike_of(cause: Cause, stage: Stage) -> Strike:
    """What a final refusal says of the address."""
    if cause is Cause.DEAD:
        # Some servers know their users only after the body; more often somebody else speaks then.
        return Strike.SOFT if stage is Stage.BODY else Strike.HARD
    return Strike.SOFT if cause is Cause.UNAVAILABLE else Strike.NONE


def reply_to_receipt(code: int, text: bytes | str, *, stage: Stage) -> Receipt:
    """A server's answer to RCPT TO or to the end of the data, sorted."""
    line = clean(text.decode("utf-8", "replace") if isinstance(text, bytes) else text)
    match = _LEADING.match(line)
    enhanced = match[1] if match else ""
    said = (line[match.end() :] if match else line)[:300]
    if 200 <= code < 300:
        return Receipt(outcome=Outcome.ACCEPTED, code=code, enhanced_code=enhanced, text=said)
    cause, provider = judge(code, line, stage)
    final = code >= 500
    if cause in (Cause.QUOTA, Cause.SLOW):
        outcome = Outcome.DEFERRED
    elif not final:
        outcome = Outcome.DEFERRED
        if cause not in (Cause.UNAVAILABLE, Cause.SENDER):
            cause = Cause.LATER
    else:
        outcome = {
            Cause.DEAD: Outcome.BOUNCED,
            Cause.UNAVAILABLE: Outcome.BOUNCED,
            Cause.SENDER: Outcome.POLICY,
        }.get(cause, Outcome.REJECTED)
    full = cause is Cause.UNAVAILABLE and enhanced in ("4.2.1", "4.2.2")
    return Receipt(
        outcome=outcome,
        code=code,
        enhanced_code=enhanced,
        text=said,
        strike=strike_of(cause, stage) if final or full else Strike.NONE,
        rest=code == 421 or (not final and enhanced.startswith(_RESTING)),
        cause=cause,
        provider=provider,
    )
