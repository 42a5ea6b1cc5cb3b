"""Bounces and complaints per 1,000 mails, and the pause when there are too many of them.

Providers close accounts by these two numbers: SES looks at an account from 5% bounces or 0.1%
complaints on and stops it at 10% and 0.5%; Gmail and Yahoo ask for less than 0.3% complaints.
https://docs.aws.amazon.com/ses/latest/dg/faqs-enforcement.html
https://support.google.com/a/answer/81126
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from digest.model import DomainTraffic
from digest.usecases.retry import RetryPolicy

if TYPE_CHECKING:
    from digest.store import Store

#: what is looked back on
PERIOD = timedelta(days=7)
#: less than that says nothing about a sender
FEWEST_MAILS, FEWEST_BOUNCES, FEWEST_COMPLAINTS = 500, 10, 3
#: when an operator said that sending goes on: rates begin anew
_RESUMED = "rates since"


def traffic(store: Store, now: datetime) -> tuple[DomainTraffic, ...]:
    """What went to each domain and came back within a week, or since sending was resumed."""
    since = (now - PERIOD).date()
    resumed = store.facts.get(_RESUMED)
    return store.traffic.by_domain(max(since, date.fromisoformat(resumed)) if resumed else since)


def total_of(domains: Sequence[DomainTraffic]) -> DomainTraffic:
    return DomainTraffic(
        domain="all",
        n_sent=sum(d.n_sent for d in domains),
        n_bounced=sum(d.n_bounced for d in domains),
        n_complaints=sum(d.n_complaints for d in domains),
    )


def per_thousand(n: int, n_sent: int) -> float:
    return 1000 * n / max(n_sent, n, 1)


def paused_because(store: Store, now: datetime, policy: RetryPolicy) -> str:
    """Why nothing is sent, as a sentence; empty if nothing speaks against it."""
    if not policy.pause_at_bounces and not policy.pause_at_complaints:
        return ""
    found = total_of(traffic(store, now))
    if found.n_sent < FEWEST_MAILS:
        return ""
    for noun, n, fewest, most in (
        ("came back as undeliverable", found.n_bounced, FEWEST_BOUNCES, policy.pause_at_bounces),
        (
            "were reported as spam",
            found.n_complaints,
            FEWEST_COMPLAINTS,
            policy.pause_at_complaints,
        ),
    ):
        if most and n >= fewest and per_thousand(n, found.n_sent) > most:
            return (
                f"Sending is paused: {n:,} of the last {found.n_sent:,} mails {noun}, more than "
                f"{most:g} in 1,000. Look at `digest status`; `digest resume` goes on."
            )
    return ""


def resume(store: Store, now: datetime) -> None:
    """Let sending go on; what came back until today counts no more."""
    store.facts.set(_RESUMED, (now + timedelta(days=1)).date().isoformat())
