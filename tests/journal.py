"""One mail at a time, for tests that follow it through the journal; the program works in blocks."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from digest.model import (
    DeliveryKey,
    DeliveryResult,
    DeliveryState,
    Edition,
    Message,
    NoEdition,
    PlannedEdition,
)
from digest.store import Store


def plan(store: Store, edition: Edition, message: Message, cursor: int, now: datetime) -> bool:
    """Whether it was not known before."""
    return bool(
        store.deliveries.save_plan(
            [PlannedEdition(edition=edition, message=message, cursor=cursor)], now
        )
    )


def record_empty(
    store: Store, outcome: NoEdition, cursor: int, now: datetime, again_at: datetime | None
) -> None:
    store.deliveries.save_plan(
        [PlannedEdition(empty=outcome, cursor=cursor, again_at=again_at)], now
    )


def mark_handing(store: Store, key: DeliveryKey, worker: str, now: datetime) -> bool:
    """Whether the lease still held."""
    mail = store.history.delivery(key)
    return mail is not None and bool(
        store.deliveries.journal(worker, now, handing=[mail.message.message_id])
    )


def settle(
    store: Store,
    key: DeliveryKey,
    worker: str,
    state: DeliveryState,
    now: datetime,
    **outcome: Any,
) -> bool:
    """Whether the lease still held."""
    mail = store.history.delivery(key)
    if mail is None:
        return False
    settled = DeliveryResult(key=key, message_id=mail.message.message_id, state=state, **outcome)
    return bool(store.deliveries.journal(worker, now, settled=[settled]))
