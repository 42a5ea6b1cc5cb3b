"""Rows of the journal, as its modules read and write them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from digest.model import Delivery, DeliveryKey, DeliveryState, EditionKind, Message, RouteShare
from digest.store import schema

_table = schema.deliveries
#: states of a mail that nobody has in hand and that may still go out
WAITING = (DeliveryState.READY.value, DeliveryState.DEFERRED.value)
#: the state of mails that are found by their ids or readers. SQLite, which keeps no statistics
#: here, would rather search by the bare column, and go through all that waits for each few mails
found_state = _table.c.state + ""

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
        struck=row.get("struck", False),
    )


def _goes_to(recipients: Sequence[str]) -> sa.ColumnElement[bool]:
    """Rows whose recipient is one of the addresses, or at one of the domains."""
    recipient = sa.func.lower(_table.c.recipient)
    return sa.or_(
        sa.false(),
        *(
            recipient == r if "@" in r else recipient.endswith(f"@{r}", autoescape=True)
            for r in recipients
        ),
    )


def may_take(share: RouteShare) -> tuple[sa.ColumnElement[bool], ...]:
    """Rows that a route may take."""
    reader = _table.c.subscriber_id
    mine = sa.and_(
        reader >= share.first_id,
        reader < share.last_id,
        sa.not_(_goes_to(share.others)) if share.others else sa.true(),
    )
    if share.recipients:
        mine = _goes_to(share.recipients)
    # in doubt: it may have gone out by the route it was handed to, so that one alone repeats it
    doubt, there = _table.c.doubts > 0, _table.c.route.in_(share.routes)
    own = sa.and_(doubt, _table.c.route == share.route)
    return (sa.or_(own, sa.and_(mine, sa.not_(sa.and_(doubt, there)))),)
