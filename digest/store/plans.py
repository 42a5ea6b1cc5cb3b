"""Storing what was decided: editions, their mails, and days without."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from digest.model import DeliveryKey, DeliveryState, EditionKind, PlannedEdition
from digest.store import schema
from digest.store.database import chunks, insert
from digest.store.rows import WAITING, found_state, key_values
from digest.store.subscribers import reschedule

_table = schema.deliveries


def save_plan(
    connection: sa.Connection, block: Sequence[PlannedEdition], now: datetime
) -> frozenset[DeliveryKey]:
    """Store what was decided; what is known stays. Returns the keys of new mails."""
    mails = {
        DeliveryKey(
            subscriber_id=p.subscriber.id,
            edition_date=p.edition.edition_date,
            kind=p.edition.kind,
        ): p
        for p in block
        if p.edition is not None and p.message is not None
    }
    planned = _add_mails(connection, mails, now)
    _record_empty(connection, [p for p in block if p.empty is not None], now)
    looked_at = [
        {"who": p.subscriber.id, "due_at": p.due_at, "checked_at": now}
        for p in block
        if p.due_at is not None
    ]
    if looked_at:
        reschedule(connection, looked_at)
    return planned


def _add_mails(
    connection: sa.Connection, mails: Mapping[DeliveryKey, PlannedEdition], now: datetime
) -> frozenset[DeliveryKey]:
    """Mails, editions and picks of those keys that are new."""
    if not mails:
        return frozenset()
    returned = connection.execute(
        insert(connection, _table)
        .on_conflict_do_nothing()
        .returning(_table.c.subscriber_id, _table.c.edition_date, _table.c.kind),
        [
            {
                **key_values(key),
                "message_id": s.message.message_id,
                "sender": s.message.sender,
                "recipient": s.message.recipient,
                "state": DeliveryState.READY.value,
                "planned_at": now,
            }
            for key, s in mails.items()
            if s.message is not None
        ],
    )
    planned = frozenset(
        DeliveryKey(subscriber_id=who, edition_date=day, kind=EditionKind(kind))
        for who, day, kind in returned
    )
    if not planned:
        return planned
    _supersede(connection, planned)
    fresh = {key: s for key, s in mails.items() if key in planned}
    bodies = [
        {"message_id": s.message.message_id, "body": s.message.body}
        for s in fresh.values()
        if s.message is not None
    ]
    connection.execute(schema.bodies.insert(), bodies)
    connection.execute(
        schema.editions.insert(), [_edition_row(key, s, now) for key, s in fresh.items()]
    )
    if picks := [row for key, s in fresh.items() for row in _pick_rows(key, s)]:
        connection.execute(schema.edition_picks.insert(), picks)
    return planned


def _edition_row(key: DeliveryKey, planned: PlannedEdition, now: datetime) -> dict[str, Any]:
    edition = planned.edition
    assert edition is not None
    return {
        **key_values(key),
        "subject": edition.subject,
        "basis": edition.basis.value,
        "n_new": edition.n_new,
        "n_considered": edition.n_considered,
        "cursor": planned.cursor,
        "composed_at": now,
    }


def _pick_rows(key: DeliveryKey, planned: PlannedEdition) -> list[dict[str, Any]]:
    return [
        {
            **key_values(key),
            "paper_id": pick.paper.id,
            "rank": pick.rank,
            "section": pick.section.value,
            "interest": pick.interest,
            "team": pick.team.value,
            "score": pick.score,
            "percentile": pick.percentile,
            "reasons": [
                {
                    "kind": r.kind.value,
                    "evidence": list(r.evidence),
                    "contribution": r.contribution,
                }
                for r in pick.reasons
            ],
        }
        for pick in (planned.edition.picks if planned.edition else ())
    ]


def _supersede(connection: sa.Connection, planned: Collection[DeliveryKey]) -> None:
    """Earlier mails that still wait give way: a late one would come after the new one, which
    has their papers."""
    occasions = {(k.edition_date, k.kind) for k in planned}
    for day, kind in occasions:
        people = [k.subscriber_id for k in planned if (k.edition_date, k.kind) == (day, kind)]
        for part in chunks(people):
            connection.execute(
                _table.update()
                .where(
                    _table.c.subscriber_id.in_(part),
                    _table.c.kind == kind.value,
                    _table.c.edition_date < day,
                    found_state.in_(WAITING),
                )
                .values(
                    state=DeliveryState.FAILED.value,
                    next_at=None,
                    reply=sa.func.trim(
                        f"superseded by the edition of {day}; " + _table.c.reply, "; "
                    ),
                )
            )


def _record_empty(
    connection: sa.Connection, block: Sequence[PlannedEdition], now: datetime
) -> None:
    rows = [
        {
            "subscriber_id": s.empty.subscriber.id,
            "edition_date": s.empty.edition_date,
            "reason": s.empty.reason.value,
            "detail": s.empty.detail,
            "cursor": s.cursor,
            "decided_at": now,
            "again_at": s.again_at,
        }
        for s in block
        if s.empty is not None
    ]
    if not rows:
        return
    adding = insert(connection, schema.empty_days)
    said = ("reason", "detail", "cursor", "decided_at", "again_at")
    connection.execute(
        adding.on_conflict_do_update(
            index_elements=["subscriber_id", "edition_date"],
            set_={name: adding.excluded[name] for name in said},
        ),
        rows,
    )
