from __future__ import annotations

from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.edition.links import Action, Ticket, action_url, read_subject, read_token, sign
from digest.errors import TokenInvalid

IDS = st.text(
    alphabet=st.characters(exclude_characters="\n", exclude_categories=["Cs"]), max_size=60
)
TICKETS = st.builds(Ticket, st.sampled_from(Action), IDS, IDS)
LIKE = Ticket(Action.LIKE, "s1", "arxiv:2605.00001")


@given(TICKETS, st.binary(min_size=1))
def test_a_ticket_comes_back_from_its_token(ticket: Ticket, secret: bytes) -> None:
    token = sign(ticket, secret)
    assert read_token(token, secret) == ticket
    assert token.isascii()
    assert all(c.isalnum() or c in "-_" for c in token)


@given(TICKETS, TICKETS, st.binary(min_size=1), st.binary(min_size=1))
def test_no_other_secret_opens_a_token(
    ticket: Ticket, other: Ticket, secret: bytes, wrong: bytes
) -> None:
    token = sign(ticket, secret)
    # a secret shorter than HMAC's block is padded with zeros, so such two are the same key
    if wrong.rstrip(b"\0") != secret.rstrip(b"\0"):
        with pytest.raises(TokenInvalid):
            read_token(token, wrong)
    if ticket != other:
        assert sign(other, secret) != token


@given(TICKETS, st.data())
def test_a_token_with_one_character_changed_is_worthless(
    ticket: Ticket, data: st.DataObject
) -> None:
    token = sign(ticket, b"k")
    at = data.draw(st.integers(0, len(token) - 1))
    new = data.draw(st.characters(codec="ascii").filter(lambda c: c != token[at]))
    with pytest.raises(TokenInvalid):
        read_token(token[:at] + new + token[at + 1 :], b"k")


@given(st.text(max_size=200))
def test_anything_else_is_no_token(text: str) -> None:
    with pytest.raises(TokenInvalid):
        read_token(text, b"k")


@pytest.mark.parametrize("prefix", ["", "Re: ", "AW: Fwd: ", "[list] "])
def test_a_prepared_subject_is_understood_whatever_stands_around_it(prefix: str) -> None:
    url = action_url(
        LIKE,
        b"k",
        web_url="",
        reply_to="jörg+digest@example.org",
        verb="Gefällt mir",
        title="Pneumonoultramicroscopicsilicovolcanoconiosis & friends? 混合 #1",
    )
    parts = urlsplit(url)
    assert parts.scheme == "mailto"
    assert unquote(parts.path) == "jörg+digest@example.org"
    subject = parse_qs(parts.query)["subject"][0]
    assert subject.startswith("Gefällt mir: Pneumono")
    assert read_subject(prefix + subject, b"k") == LIKE


def test_a_subject_without_a_ticket_is_refused() -> None:
    for subject in ("like this paper", f"like [{'A' * 60}]", ""):
        with pytest.raises(TokenInvalid):
            read_subject(subject, b"k")


def test_with_a_web_side_actions_are_pages() -> None:
    def url(action: Action) -> str:
        return action_url(
            Ticket(action, "s1"), b"k", web_url="https://papers.example.org/d", reply_to="x@y.z"
        )

    assert url(Action.LIKE).startswith("https://papers.example.org/d/feedback/")
    assert url(Action.UNSUBSCRIBE).startswith("https://papers.example.org/d/unsubscribe/")
    assert url(Action.EDITION).startswith("https://papers.example.org/d/editions/")
    assert read_token(url(Action.LIKE).rsplit("/", 1)[1], b"k").action is Action.LIKE
