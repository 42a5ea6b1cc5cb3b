"""When a mail is tried again, and when a route is given up."""

from __future__ import annotations

import pytest

from digest.errors import RouteError
from digest.model import Outcome, Receipt
from digest.usecases.retry import (
    MOST_POLICY,
    MOST_POLICY_OF_DOMAIN,
    MOST_RESTS,
    CircuitBreaker,
)

ACCEPTED = Receipt(outcome=Outcome.ACCEPTED, code=250)
POLICY = Receipt(outcome=Outcome.POLICY, code=550, text="blocked")
DEAD = Receipt(outcome=Outcome.BOUNCED, code=550, text="no such user")
BUSY = Receipt(outcome=Outcome.DEFERRED, code=421, text="busy", rest=True)


def test_scattered_refusals_in_a_large_run_do_not_stop_a_route() -> None:
    breaker = CircuitBreaker()
    for turn in range(20):
        for n in range(MOST_POLICY - 1):
            breaker.heard(POLICY, f"{turn}-{n}.example")
        breaker.heard(ACCEPTED, "z.example")
    assert not breaker.closed


def test_refusals_in_a_row_do_and_a_dead_address_in_between_says_nothing() -> None:
    breaker = CircuitBreaker()
    for n in range(MOST_POLICY - 1):
        breaker.heard(POLICY, f"{n}.example")
        breaker.heard(DEAD, f"{n}.example")
    with pytest.raises(RouteError, match=f"{MOST_POLICY} mails in a row"):
        breaker.heard(POLICY, "z.example")


def test_a_domain_that_refuses_us_while_others_accept_is_closed_alone() -> None:
    breaker = CircuitBreaker()
    for _ in range(MOST_POLICY_OF_DOMAIN):
        assert not breaker.closed
        breaker.heard(ACCEPTED, "a.example")
        breaker.heard(POLICY, "b.example")
    assert breaker.closed == {"b.example": POLICY}
    assert not breaker.is_one_domain


def test_a_domain_that_wants_to_rest_is_closed_and_one_answer_between_is_enough() -> None:
    breaker = CircuitBreaker()
    for _ in range(20):
        for _ in range(MOST_RESTS - 1):
            breaker.heard(BUSY, "a.example")
        breaker.heard(DEAD, "a.example")
    assert not breaker.closed
    for _ in range(MOST_RESTS):
        breaker.heard(BUSY, "a.example")
    assert breaker.closed == {"a.example": BUSY}


def test_a_server_that_says_so_whoever_is_written_to_is_left_alone() -> None:
    breaker = CircuitBreaker()
    for n in range(2 * MOST_RESTS - 1):
        breaker.heard(BUSY, f"{n}.example")
    with pytest.raises(RouteError, match="left alone"):
        breaker.heard(BUSY, "z.example")


def test_connections_that_are_lost_again_and_again_stop_the_route() -> None:
    breaker = CircuitBreaker()
    lost = Receipt(outcome=Outcome.DEFERRED, rest=True, text="connection lost")
    for _ in range(MOST_RESTS - 1):
        breaker.heard(lost, "a.example")
    with pytest.raises(RouteError, match="left alone"):
        breaker.heard(lost, "a.example")
