"""The journal: editions, their mails, and what became of each.

One row a (subscriber, date, kind), written together with the edition before anything is sent.
Every later write names the worker and the state it expects; none changed means that the lease is
lost and the message belongs to somebody else.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import date, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from digest.model import (
    Delivery,
    DeliveryKey,
    DeliveryState,
    Edition,
    EditionKind,
    Message,
    NoEdition,
)
from digest.ports import HistoryEntry
from digest.store import schema
from digest.store.database import Database

_table = schema.deliveries


def _is(key: DeliveryKey, table: sa.Table = _table) -> sa.ColumnElement[bool]:
    return sa.and_(
        table.c.subscriber_id == key.subscriber_id,
        table.c.edition_date == key.edition_date,
        table.c.kind == key.kind.value,
    )


def _key_values(key: DeliveryKey) -> dict[str, Any]:
    return {
        "subscriber_id": key.subscriber_id,
        "edition_date": key.edition_date,
        "kind": key.kind.value,
    }


def _delivery(row: Any) -> Delivery:
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
            body=row["body"] or b"",
        ),
        state=DeliveryState(row["state"]),
        attempts=row["attempts"],
        doubts=row["doubts"],
        next_at=row["next_at"],
        settled_at=row["settled_at"],
        reply=row["reply"],
    )


class OutboxTables:
    """The part of the store that implements `ports.Outbox`."""

    _db: Database

    def plan(self, edition: Edition, message: Message, cursor: int, now: datetime) -> bool:
        key = DeliveryKey(
            subscriber_id=edition.subscriber.id,
            edition_date=edition.edition_date,
            kind=edition.kind,
        )
        with self._db.write() as connection:
            planned = connection.execute(
                insert(_table)
                .values(
                    **_key_values(key),
                    message_id=message.message_id,
                    sender=message.sender,
                    recipient=message.recipient,
                    body=message.body,
                    state=DeliveryState.READY.value,
                    planned_at=now,
                )
                .on_conflict_do_nothing()
            ).rowcount
            if not planned:
                return False
            connection.execute(
                schema.editions.insert().values(
                    **_key_values(key),
                    subject=edition.subject,
                    basis=edition.basis.value,
                    n_new=edition.n_new,
                    n_considered=edition.n_considered,
                    cursor=cursor,
                    composed_at=now,
                )
            )
            if edition.picks:
                connection.execute(
                    schema.edition_picks.insert(),
                    [
                        {
                            **_key_values(key),
                            "paper_id": pick.paper.id,
                            "rank": pick.rank,
                            "section": pick.section.value,
                            "score": pick.score,
                            "percentile": pick.percentile,
                            "reasons": [
                                asdict(r) | {"kind": r.kind.value, "evidence": list(r.evidence)}
                                for r in pick.reasons
                            ],
                        }
                        for pick in edition.picks
                    ],
                )
        return True

    def record_empty(
        self, outcome: NoEdition, cursor: int, now: datetime, again_at: datetime | None
    ) -> None:
        row = {
            "reason": outcome.reason.value,
            "detail": outcome.detail,
            "cursor": cursor,
            "decided_at": now,
            "again_at": again_at,
        }
        with self._db.write() as connection:
            connection.execute(
                insert(schema.empty_days)
                .values(
                    subscriber_id=outcome.subscriber.id, edition_date=outcome.edition_date, **row
                )
                .on_conflict_do_update(index_elements=["subscriber_id", "edition_date"], set_=row)
            )

    def empty_outcome(
        self, subscriber_id: str, edition_date: date
    ) -> tuple[str, str, datetime | None] | None:
        table = schema.empty_days
        query = sa.select(table.c.reason, table.c.detail, table.c.again_at).where(
            table.c.subscriber_id == subscriber_id, table.c.edition_date == edition_date
        )
        with self._db.read() as connection:
            row = connection.execute(query).first()
            return (row[0], row[1], row[2]) if row else None

    def delivery(self, key: DeliveryKey) -> Delivery | None:
        with self._db.read() as connection:
            row = connection.execute(sa.select(_table).where(_is(key))).mappings().first()
            return _delivery(row) if row else None

    def history(self, subscriber_id: str, limit: int) -> tuple[HistoryEntry, ...]:
        editions, picks, empty = schema.editions, schema.edition_picks, schema.empty_days
        same = [
            _table.c[name] == editions.c[name] for name in ("subscriber_id", "edition_date", "kind")
        ]
        n_picks = (
            sa.select(sa.func.count())
            .where(
                *(picks.c[c] == editions.c[c] for c in ("subscriber_id", "edition_date", "kind"))
            )
            .scalar_subquery()
        )
        mails = (
            sa.select(_table, editions.c.subject, n_picks.label("n_picks"))
            .join(editions, sa.and_(*same))
            .where(_table.c.subscriber_id == subscriber_id)
            .order_by(_table.c.edition_date.desc())
            .limit(limit)
        )
        nothing = (
            sa.select(empty)
            .where(empty.c.subscriber_id == subscriber_id)
            .order_by(empty.c.edition_date.desc())
            .limit(limit)
        )
        with self._db.read() as connection:
            found = [
                HistoryEntry(
                    edition_date=r["edition_date"],
                    outcome=r["state"],
                    kind=r["kind"],
                    subject=r["subject"],
                    detail=r["reply"],
                    n_picks=r["n_picks"],
                    attempts=r["attempts"],
                    doubts=r["doubts"],
                    at=r["settled_at"] or r["planned_at"],
                    next_at=r["next_at"],
                )
                for r in connection.execute(mails).mappings()
            ]
            mailed = {e.edition_date for e in found if e.kind == EditionKind.EDITION.value}
            found += [
                HistoryEntry(
                    edition_date=r["edition_date"],
                    outcome=r["reason"],
                    detail=r["detail"],
                    at=r["decided_at"],
                    next_at=r["again_at"],
                )
                for r in connection.execute(nothing).mappings()
                # an edition that came later in the day is the answer
                if r["edition_date"] not in mailed
            ]
        found.sort(key=lambda e: e.edition_date, reverse=True)
        return tuple(found[:limit])

    def claim(
        self, worker: str, now: datetime, lease: timedelta, limit: int
    ) -> tuple[Delivery, ...]:
        due = sa.or_(
            _table.c.state == DeliveryState.READY.value,
            sa.and_(_table.c.state == DeliveryState.DEFERRED.value, _table.c.next_at <= now),
        )
        chosen = (
            sa.select(_table.c.message_id)
            .where(due)
            .order_by(_table.c.planned_at, _table.c.message_id)
            .limit(limit)
            .with_for_update(skip_locked=True)  # nothing to SQLite, whose writer is alone
        )
        with self._db.write() as connection:
            rows = connection.execute(
                _table.update()
                .where(_table.c.message_id.in_(chosen.scalar_subquery()))
                .values(state=DeliveryState.CLAIMED.value, worker=worker, lease_until=now + lease)
                .returning(*_table.c)
            ).mappings()
            return tuple(_delivery(r) for r in rows)

    def has_due_deliveries(self, now: datetime) -> bool:
        """Whether a mail waits whose time has come, or was left in hand by the dead."""
        waiting = sa.or_(
            _table.c.state == DeliveryState.READY.value,
            sa.and_(_table.c.state == DeliveryState.DEFERRED.value, _table.c.next_at <= now),
            _table.c.state.in_([DeliveryState.CLAIMED.value, DeliveryState.HANDING.value]),
        )
        with self._db.read() as connection:
            return connection.scalar(sa.select(_table.c.state).where(waiting).limit(1)) is not None

    def mark_handing(self, key: DeliveryKey, worker: str, now: datetime) -> bool:
        return self._change(
            key, worker, DeliveryState.CLAIMED, {"state": DeliveryState.HANDING.value}
        )

    def settle(
        self,
        key: DeliveryKey,
        worker: str,
        state: DeliveryState,
        now: datetime,
        *,
        reply: str,
        next_at: datetime | None = None,
        count_attempt: bool = True,
    ) -> bool:
        values: dict[str, Any] = {
            "state": state.value,
            "worker": None,
            "lease_until": None,
            "next_at": next_at,
            "settled_at": now,
            "reply": reply[:500],
        }
        if count_attempt:
            values["attempts"] = _table.c.attempts + 1
        return self._change(key, worker, None, values)

    def _change(
        self, key: DeliveryKey, worker: str, state: DeliveryState | None, values: dict[str, Any]
    ) -> bool:
        expected = (
            [DeliveryState.CLAIMED.value, DeliveryState.HANDING.value]
            if state is None
            else [state.value]
        )
        with self._db.write() as connection:
            changed = connection.execute(
                _table.update()
                .where(_is(key), _table.c.worker == worker, _table.c.state.in_(expected))
                .values(**values)
            ).rowcount
        return changed == 1

    def sweep(self, now: datetime, *, everything: bool = False, hold: bool = False) -> int:
        over = sa.true() if everything else _table.c.lease_until <= now
        free: dict[str, Any] = {"worker": None, "lease_until": None}
        after = DeliveryState.UNKNOWN if hold else DeliveryState.READY
        with self._db.write() as connection:
            connection.execute(
                _table.update()
                .where(_table.c.state == DeliveryState.CLAIMED.value, over)
                .values(state=DeliveryState.READY.value, **free)
            )
            return connection.execute(
                _table.update()
                .where(_table.c.state == DeliveryState.HANDING.value, over)
                .values(state=after.value, doubts=_table.c.doubts + 1, **free)
            ).rowcount

    def purge(self, before: datetime) -> int:
        """Bodies of settled mails go, and papers that no rating, edition or listing names."""
        final = [s.value for s in DeliveryState if s.is_final]
        papers, picks, mentions = schema.papers, schema.edition_picks, schema.mentions
        with self._db.write() as connection:
            connection.execute(
                _table.update()
                .where(_table.c.planned_at < before, _table.c.state.in_(final))
                .values(body=None)
            )
            connection.execute(mentions.delete().where(mentions.c.first_seen < before))
            connection.execute(
                schema.listing_days.delete().where(schema.listing_days.c.fetched_at < before)
            )
            connection.execute(
                schema.empty_days.delete().where(schema.empty_days.c.decided_at < before)
            )
            made = schema.embeddings.c.made_at
            connection.execute(schema.embeddings.delete().where(made < before))
            connection.execute(schema.runs.delete().where(schema.runs.c.started_at < before))
            needed = [
                sa.exists().where(t.c.paper_id == papers.c.id)
                for t in (schema.ratings, picks, mentions)
            ]
            return connection.execute(
                papers.delete().where(papers.c.first_seen < before, *(~n for n in needed))
            ).rowcount
