from __future__ import annotations

from datetime import date, timedelta
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.edition.links import MAX_AGE_DAYS, Action, Seal, Ticket, action_url
from digest.errors import TokenExpired, TokenInvalid

IDS = st.text(
    alphabet=st.characters(exclude_characters="\n", exclude_categories=["Cs"]), max_size=60
)
TICKETS = st.builds(Ticket, st.sampled_from(Action), IDS, IDS)
DAYS = st.dates(date(2020, 1, 1), date(2100, 1, 1))
LIKE = Ticket(Action.LIKE, "s1", "arxiv:2605.00001")
DAY = date(2026, 5, 20)
SEAL = Seal((b"k",))


@given(TICKETS, DAYS, st.binary(min_size=1))
def test_a_ticket_comes_back_from_its_token(ticket: Ticket, day: date, key: bytes) -> None:
    token = Seal((key,)).sign(ticket, day)
    assert Seal((key,)).read(token, day) == ticket
    assert token.isascii()
    assert all(c.isalnum() or c in "-_." for c in token)


@given(TICKETS, TICKETS, st.binary(min_size=1), st.binary(min_size=1))
def test_no_other_key_opens_a_token_and_no_token_serves_another_ticket(
    ticket: Ticket, other: Ticket, key: bytes, wrong: bytes
) -> None:
    token = Seal((key,)).sign(ticket, DAY)
    # a key shorter than HMAC's block is padded with zeros, so such two are the same
    if wrong.rstrip(b"\0") != key.rstrip(b"\0"):
        with pytest.raises(TokenInvalid):
            Seal((wrong,)).read(token, DAY)
    if ticket != other:
        mixed = ".".join(
            (SEAL.sign(other, DAY).split(".")[0], SEAL.sign(ticket, DAY).split(".")[1])
        )
        with pytest.raises(TokenInvalid):
            SEAL.read(mixed, DAY)


@given(TICKETS, st.data())
def test_a_token_with_one_character_changed_is_worthless(
    ticket: Ticket, data: st.DataObject
) -> None:
    token = SEAL.sign(ticket, DAY)
    # The last letter of the signature carries bits that mean nothing.
    at = data.draw(st.integers(0, len(token) - 2))
    new = data.draw(st.characters(codec="ascii").filter(lambda c: c != token[at]))
    with pytest.raises(TokenInvalid):
        SEAL.read(token[:at] + new + token[at + 1 :], DAY)


@given(st.text(max_size=200))
def test_anything_else_is_no_token(text: str) -> None:
    with pytest.raises(TokenInvalid):
        SEAL.read(text, DAY)
    with pytest.raises(TokenInvalid):
        SEAL.read_subject(text, DAY)


@pytest.mark.parametrize("action", Action)
def test_a_link_grows_old_but_leaving_is_possible_for_ever(action: Action) -> None:
    token = SEAL.sign(Ticket(action, "s1"), DAY)
    last = DAY + timedelta(days=7 if action is Action.CONFIRM else MAX_AGE_DAYS)
    assert SEAL.read(token, last).action is action
    if action is Action.UNSUBSCRIBE:
        assert SEAL.read(token, last + timedelta(days=9999)).action is action
    else:
        with pytest.raises(TokenExpired) as caught:
            SEAL.read(token, last + timedelta(days=1))
        assert caught.value.signed_on == DAY


def test_what_an_earlier_key_signed_is_known_until_it_is_revoked() -> None:
    token = SEAL.sign(LIKE, DAY)
    assert Seal((b"k", b"new")).read(token, DAY) == LIKE
    assert Seal((b"k", b"new")).sign(LIKE, DAY) == Seal((b"new",)).sign(LIKE, DAY)
    with pytest.raises(TokenInvalid):
        Seal((b"new",)).read(token, DAY)


@pytest.mark.parametrize("prefix", ["", "Re: ", "AW: Fwd: ", "[list] "])
def test_a_prepared_subject_is_understood_whatever_stands_around_it(prefix: str) -> None:
    url = action_url(
        LIKE,
        SEAL.sign(LIKE, DAY),
        web_url="",
        reply_to="jörg+digest@example.org",
        verb="Gefällt mir",
        title="Pneumonoultramicroscopicsilicovolcanoconiosis.A & friends? 混合 #1",
    )
    parts = urlsplit(url)
    assert parts.scheme == "mailto"
    assert unquote(parts.path) == "jörg+digest@example.org"
    subject = parse_qs(parts.query)["subject"][0]
    assert subject.startswith("Gefällt mir: Pneumono")
    assert SEAL.read_subject(prefix + subject, DAY) == LIKE


def test_a_subject_without_a_ticket_is_refused() -> None:
    for subject in ("like this paper", f"like [{'A' * 60}.{'A' * 43}]", ""):
        with pytest.raises(TokenInvalid):
            SEAL.read_subject(subject, DAY)


def test_with_a_web_side_actions_are_pages() -> None:
    def url(action: Action) -> str:
        ticket = Ticket(action, "s1")
        token = SEAL.sign(ticket, DAY)
        return action_url(ticket, token, web_url="https://papers.example.org/d", reply_to="x@y.z")

    assert url(Action.LIKE).startswith("https://papers.example.org/d/feedback/")
    assert url(Action.UNSUBSCRIBE).startswith("https://papers.example.org/d/unsubscribe/")
    assert url(Action.EDITION).startswith("https://papers.example.org/d/editions/")
    assert SEAL.read(url(Action.LIKE).rsplit("/", 1)[1], DAY).action is Action.LIKE
