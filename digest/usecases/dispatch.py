"""Sending what is due: by which routes, and what becomes of the rest when one of them fails."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

from digest.model import Delivery, DeliveryState, RouteShare
from digest.ports import Clock, Route
from digest.usecases.claims import SendOptions
from digest.usecases.journal import SendReport
from digest.usecases.rates import paused_because
from digest.usecases.retry import RetryPolicy
from digest.usecases.routes import awake_routes, note_result, quota_until, resting_routes, shares
from digest.usecases.send import send_by_route

if TYPE_CHECKING:
    from digest.store import Store


def send_due(
    store: Store,
    routes: Sequence[Route],
    *,
    worker: str,
    clock: Clock,
    policy: RetryPolicy | None = None,
    options: SendOptions | None = None,
    should_stop: Callable[[], bool] = lambda: False,
    on_settled: Callable[[Delivery, DeliveryState], None] = lambda delivery, state: None,
) -> SendReport:
    """Send what is due, by the routes of the lowest priority first, and what those cannot take by
    the others. What one has in doubt is never given to another.

    Raises:
        StoreError: the journal is gone, so nothing more was sent; what was in hand is in doubt.
    """
    policy, options = policy or RetryPolicy(), options or SendOptions()
    total = SendReport(
        n_doubts=store.deliveries.sweep(
            clock(),
            everything=options.alone,
            hold=not policy.resend_unknown,
            of=options.alone_among,
        )
    )
    total.route_fault = paused_because(store, clock(), policy)
    faults: dict[str, str] = {}

    run = partial(
        send_by_route,
        store,
        clock=clock,
        policy=policy,
        options=options,
        should_stop=should_stop,
        on_settled=on_settled,
    )
    while not total.route_fault and not should_stop():
        resting = {r.name for r in routes if quota_until(store, r.name, clock()) is not None}
        shut = resting | faults.keys()
        usable = awake_routes(store, routes, clock(), shut)
        # whoever asks by hand means now: what failed a while ago is tried
        usable = usable or tuple(r for r in routes if r.name not in shut)
        if not usable:
            break
        reports = _at_once(usable, shares(usable, routes), worker, run)
        for name, report in reports.items():
            note_result(store, name, report, clock(), policy)
            total.add(report)
            if report.route_fault:
                faults[name] = report.route_fault
        if not any(r.route_fault for r in reports.values()):
            break
    _tell_faults(store, total, faults, routes, clock(), policy)
    return total


def _at_once(
    usable: Sequence[Route],
    share_of: Mapping[str, RouteShare | None],
    worker: str,
    run: Callable[..., SendReport],
) -> dict[str, SendReport]:
    """What became of each route that has a share."""
    taking = [r for r in usable if r.name in share_of]
    if len(taking) == 1:
        (route,) = taking
        return {route.name: run(route, worker=worker, share=share_of[route.name])}
    with ThreadPoolExecutor(max(1, len(taking)), thread_name_prefix="route") as pool:
        futures = {
            r.name: pool.submit(run, r, worker=f"{worker} {r.name}", share=share_of[r.name])
            for r in taking
        }
        return {name: future.result() for name, future in futures.items()}


def _tell_faults(
    store: Store,
    total: SendReport,
    faults: Mapping[str, str],
    routes: Sequence[Route],
    now: datetime,
    policy: RetryPolicy,
) -> None:
    """What keeps mail from going out is the run's fault; what another route made up for is told."""
    if total.route_fault:
        return
    told = dict(faults)
    waits = store.deliveries.has_due(now)
    if waits:  # routes that were not even tried, since their day is over
        rests = resting_routes(store, now, policy.zone)
        resting = [r.name for r in routes if quota_until(store, r.name, now) is not None]
        told = {name: rests[name] for name in resting if name in rests} | told
    named = [f"{name}: {fault}" if len(routes) > 1 else fault for name, fault in told.items()]
    if waits or len(routes) == 1:
        total.route_fault = " ".join(named)
    else:
        total.remarks += named
