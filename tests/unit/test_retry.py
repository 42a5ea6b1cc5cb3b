"""When a mail is tried again, and when a route is given up."""

from __future__ import annotations

import pytest

from digest.errors import RouteError
from digest.model import Outcome, Receipt
from digest.usecases.retry import MOST_POLICY, MOST_RESTS, CircuitBreaker

ACCEPTED = Receipt(outcome=Outcome.ACCEPTED, code=250)
POLICY = Receipt(outcome=Outcome.POLICY, code=550, text="blocked")
DEAD = Receipt(outcome=Outcome.BOUNCED, code=550, text="no such user")
BUSY = Receipt(outcome=Outcome.DEFERRED, code=421, text="busy", rest=True)


def test_scattered_refusals_in_a_large_run_do_not_stop_a_route() -> None:
    breaker = CircuitBreaker()
    for _ in range(20):
        for _ in range(MOST_POLICY - 1):
            breaker.heard(POLICY)
        breaker.heard(ACCEPTED)


def test_refusals_in_a_row_do_and_a_dead_address_in_between_says_nothing() -> None:
    breaker = CircuitBreaker()
    for _ in range(MOST_POLICY - 1):
        breaker.heard(POLICY)
        breaker.heard(DEAD)
    with pytest.raises(RouteError, match=f"{MOST_POLICY} mails in a row"):
        breaker.heard(POLICY)


def test_a_server_that_wants_to_rest_is_left_alone_and_one_answer_between_is_enough() -> None:
    breaker = CircuitBreaker()
    for _ in range(20):
        for _ in range(MOST_RESTS - 1):
            breaker.heard(BUSY)
        breaker.heard(DEAD)
    for _ in range(MOST_RESTS - 1):
        breaker.heard(BUSY)
    with pytest.raises(RouteError, match="left alone"):
        breaker.heard(BUSY)
