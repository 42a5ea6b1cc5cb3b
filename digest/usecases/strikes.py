"""What refusals say of addresses: decided after a run, when all that were refused are known.

One dead address among many is its owner's; a whole domain that refuses everybody is not, whatever
code it uses: a large provider answered "no such user" for everybody on 15 December 2020.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from digest.model import DeliveryState, Strike
from digest.text import counted
from digest.usecases.retry import RetryPolicy, is_mass

if TYPE_CHECKING:
    from digest.store import Store
    from digest.usecases.journal import SendReport


def unlikely_domains(n_struck: Mapping[str, int], n_tried: Mapping[str, int]) -> frozenset[str]:
    """Domains whose refusals cannot be the addresses' fault: most of a domain, or of all."""
    if is_mass(sum(n_struck.values()), sum(n_tried.values())):
        return frozenset(n_struck)
    return frozenset(d for d, n in n_struck.items() if is_mass(n, n_tried.get(d, n)))


def apply_strikes(store: Store, report: SendReport, now: datetime, policy: RetryPolicy) -> None:
    """Hold a run's refusals against their addresses, unless too many were refused alike."""
    struck = [r for r in report.refused if r.receipt.strike]
    by_domain: dict[str, set[str]] = defaultdict(set)
    for refusal in struck:
        by_domain[refusal.domain].add(refusal.key.subscriber_id)
    counts = {domain: len(readers) for domain, readers in by_domain.items()}
    unlikely = unlikely_domains(counts, report.n_tried)
    for refusal in struck:
        if refusal.domain in unlikely:
            continue
        receipt = refusal.receipt
        store.strikes.add(
            refusal.key, "smtp", receipt.strike, receipt.reply, now, policy.suppress_after
        )
        if receipt.strike is Strike.HARD:
            report.settled[refusal.key] = (DeliveryState.SUPPRESSED, receipt.reply)
    for domain in sorted(unlikely):
        reply = next(r.receipt.reply for r in struck if r.domain == domain)
        report.remarks.append(
            f"{counted(counts[domain], 'reader')} of {report.n_tried[domain]:,} at {domain} were "
            f"refused alike ({reply}). So many at once are not the readers' fault, and nothing is "
            "held against them."
        )
