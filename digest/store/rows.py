"""Rows of the journal, as its modules read and write them."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from digest.model import Delivery, DeliveryKey, DeliveryState, EditionKind, Message
from digest.store import schema

_table = schema.deliveries
#: states of a mail that nobody has in hand and that may still go out
WAITING = (DeliveryState.READY.value, DeliveryState.DEFERRED.value)

WHOLE = sa.select(_table, schema.bodies.c.body).outerjoin(
    schema.bodies, schema.bodies.c.message_id == _table.c.message_id
)


def has_key(key: DeliveryKey, table: sa.Table = _table) -> sa.ColumnElement[bool]:
    return sa.and_(
        table.c.subscriber_id == key.subscriber_id,
        table.c.edition_date == key.edition_date,
        table.c.kind == key.kind.value,
    )


def key_values(key: DeliveryKey) -> dict[str, Any]:
    return {
        "subscriber_id": key.subscriber_id,
        "edition_date": key.edition_date,
        "kind": key.kind.value,
    }


def to_delivery(row: Any) -> Delivery:
    return Delivery(
        key=DeliveryKey(
            subscriber_id=row["subscriber_id"],
            edition_date=row["edition_date"],
            kind=EditionKind(row["kind"]),
        ),
        message=Message(
            message_id=row["message_id"],
            sender=row["sender"],
            recipient=row["recipient"],
            body=row.get("body") or b"",
        ),
        state=DeliveryState(row["state"]),
        attempts=row["attempts"],
        doubts=row["doubts"],
        next_at=row["next_at"],
        planned_at=row["planned_at"],
        settled_at=row["settled_at"],
        reply=row["reply"],
    )
