"""What mail servers answer: each line of the public table, and how evidence is weighed."""

from __future__ import annotations

import re

import pytest

from digest.channels.email.codes import (
    Known,
    Stage,
    judge,
    known_replies,
    reply_to_receipt,
    strike_of,
)
from digest.model import Cause, Outcome, Strike

KNOWN = known_replies()


def parts(answer: str) -> tuple[int, str]:
    code, _, text = answer.partition(" ")
    return int(code), text


def test_the_table_is_worth_its_name() -> None:
    assert len(KNOWN) >= 60
    assert len({k.says for k in KNOWN}) == len(KNOWN)
    assert {k.cause for k in KNOWN} == set(Cause) - {Cause.NONE}
    assert all(k.source.startswith("https://") for k in KNOWN)
    assert len({k.provider for k in KNOWN}) >= 15


@pytest.mark.parametrize("known", KNOWN, ids=lambda k: f"{k.provider}: {k.says[:50]}")
def test_a_line_of_the_table_means_what_it_says(known: Known) -> None:
    code, text = parts(known.says)
    assert known.words.search(text), "its own words do not find it"
    cause, provider = judge(code, text, Stage.REPORT)
    assert cause is known.cause, f"a line of {provider} comes before"


#: own-made answers: stage, answer, what it is about, what it says of the address
ANSWERS = [
    (Stage.BODY, "554 5.2.0 STOREDRV.Submission.Exception:OutboundSpamException", "sender", ""),
    (Stage.BODY, "550 5.1.8 Access denied, bad outbound sender AS(42003)", "sender", ""),
    (Stage.BODY, "550 5.4.5 Daily user sending limit exceeded. d2e1 - gsmtp", "quota", ""),
    (Stage.BODY, "550 5.1.90 Your message can't be sent", "quota", ""),
    (Stage.RECIPIENT, "504 5.5.2 <laptop>: Helo command rejected: need FQDN", "sender", ""),
    (Stage.MAIL, "552 5.3.4 Message size exceeds fixed limit", "message", ""),
    (Stage.MAIL, "552 5.3.4 message too big", "message", ""),
    (Stage.BODY, "454 Throttling failure: Maximum sending rate exceeded.", "slow", ""),
    (Stage.BODY, "454 Throttling failure: Daily message quota exceeded.", "quota", ""),
    (Stage.RECIPIENT, "421 4.7.28 unusual rate of mail", "slow", ""),
    (
        Stage.RECIPIENT,
        "550 5.7.1 Client host [192.0.2.7] blocked",
        "sender",
        "",
    ),
    (Stage.RECIPIENT, "550 5.7.606 Access denied, banned sending IP [192.0.2.7]", "sender", ""),
    (Stage.RECIPIENT, "550 5.7.133 sender not authenticated for group", "sender", ""),
    (Stage.RECIPIENT, "550 Unauthenticated senders not allowed", "sender", ""),
    (Stage.RECIPIENT, "550 5.1.1 nobody of that name", "dead", "hard"),
    # answers of several lines, whose codes tear what is known
    (Stage.RECIPIENT, "550 a.example is not permitted to550 relay here", "sender", ""),
    (Stage.RECIPIENT, "550 5.7.1 you are not allowed 550-5.7.1 to relay", "sender", ""),
    (Stage.RECIPIENT, "550 5.1.1 <ada@example.net> over quota (#5.1.1)", "unavailable", "soft"),
    (Stage.RECIPIENT, "550 5.7.1 <ada@example.net>... User unknown", "dead", "hard"),
    (Stage.RECIPIENT, "550 5.1.1 your IP is listed in Spamhaus XBL", "sender", ""),
    (Stage.RECIPIENT, "550 5.1.1 <spam@example.net>: no", "dead", "hard"),
    (Stage.RECIPIENT, "550 <a.quota@mail.example.net> does not exist", "dead", "hard"),
    (Stage.RECIPIENT, "550 no", "unavailable", "soft"),
    (Stage.RECIPIENT, "552 5.2.2 mailbox full", "unavailable", "soft"),
    (Stage.RECIPIENT, "550 5.2.1 mailbox disabled, not accepting messages", "unavailable", "soft"),
    (Stage.BODY, "550 no", "sender", ""),
    (Stage.BODY, "554 5.0.0 error", "sender", ""),
    (Stage.BODY, "550 5.1.1 user unknown", "dead", "soft"),
    (Stage.REPORT, "5.0.0 smtp; 550 5.1.1 there is nobody", "dead", "hard"),
    (Stage.REPORT, "5.0.0 smtp; 550 5.7.1 refused", "sender", ""),
    (Stage.REPORT, "5.2.3 too large for this mailbox", "message", ""),
]


@pytest.mark.parametrize(("stage", "answer", "about", "strike"), ANSWERS)
def test_evidence_is_weighed(stage: Stage, answer: str, about: str, strike: str) -> None:
    given = re.match(r"\d{3} ", answer)
    code, text = parts(answer) if given else (None, answer)
    cause, _ = judge(code, text, stage)
    assert cause == about
    assert strike_of(cause, stage) == strike


@pytest.mark.parametrize("known", KNOWN, ids=lambda k: f"{k.provider}: {k.says[:50]}")
@pytest.mark.parametrize("stage", list(Stage))
def test_what_is_about_us_or_the_mail_is_never_held_against_an_address(
    known: Known, stage: Stage
) -> None:
    code, text = parts(known.says)
    receipt = reply_to_receipt(code, text, stage=stage)
    if known.cause not in (Cause.DEAD, Cause.UNAVAILABLE):
        assert receipt.strike is Strike.NONE
    if stage is Stage.BODY:
        assert receipt.strike is not Strike.HARD
    assert receipt.outcome is not Outcome.ACCEPTED
