"""One mail at a time, for tests that follow it through the journal; the program works in blocks."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from digest.model import DeliveryKey, DeliveryState, Edition, Message, NoEdition
from digest.ports import Settled, Settlement
from digest.store import SqlStore


def plan(store: SqlStore, edition: Edition, message: Message, cursor: int, now: datetime) -> bool:
    """Whether it was not known before."""
    return bool(store.settle_day([Settled(letter=edition, message=message, cursor=cursor)], now))


def record_empty(
    store: SqlStore, outcome: NoEdition, cursor: int, now: datetime, again_at: datetime | None
) -> None:
    store.settle_day([Settled(empty=outcome, cursor=cursor, again_at=again_at)], now)


def mark_handing(store: SqlStore, key: DeliveryKey, worker: str, now: datetime) -> bool:
    """Whether the lease still held."""
    mail = store.delivery(key)
    return mail is not None and bool(store.journal(worker, now, handing=[mail.message.message_id]))


def settle(
    store: SqlStore,
    key: DeliveryKey,
    worker: str,
    state: DeliveryState,
    now: datetime,
    **outcome: Any,
) -> bool:
    """Whether the lease still held."""
    mail = store.delivery(key)
    if mail is None:
        return False
    settled = Settlement(key=key, message_id=mail.message.message_id, state=state, **outcome)
    return bool(store.journal(worker, now, settled=[settled]))
