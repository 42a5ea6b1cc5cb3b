"""The journal: mails, and what became of each.

One row a (subscriber, date, kind), written together with the edition before anything is sent.
Every later write names the worker and the state it expects; none changed means that the lease is
lost and the message belongs to somebody else.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from digest.model import (
    Delivery,
    DeliveryKey,
    DeliveryResult,
    DeliveryState,
    PlannedEdition,
    RouteShare,
    SubscriberState,
)
from digest.store import schema
from digest.store.database import Database
from digest.store.plans import save_plan
from digest.store.rows import WAITING, WHOLE, found_state, has_key, may_take, to_delivery

_table = schema.deliveries
_IN_HAND = (DeliveryState.CLAIMED.value, DeliveryState.HANDING.value)
_LEFT = (SubscriberState.UNSUBSCRIBED, SubscriberState.SUPPRESSED)


def _subscriber_is(*states: SubscriberState) -> sa.ColumnElement[bool]:
    people = schema.subscribers
    return sa.exists().where(
        people.c.id == _table.c.subscriber_id, people.c.state.in_([s.value for s in states])
    )


_ACTIVE = sa.not_(_subscriber_is(*_LEFT))


def _not_busy(chosen: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    """Those of the rows that no other transaction is at. Waiting for them in whatever order they
    come would be a deadlock with one that goes through them in another."""
    rows = sa.select(_table.c.message_id).where(chosen).with_for_update(skip_locked=True)
    return _table.c.message_id.in_(rows.scalar_subquery())


_SETTLE = (
    _table.update()
    .where(
        _table.c.message_id == sa.bindparam("which"),
        _table.c.worker == sa.bindparam("holder"),
        sa.or_(*(found_state == s for s in _IN_HAND)),  # IN cannot be said for many rows at once
    )
    .values(
        state=sa.bindparam("state"),
        worker=None,
        lease_until=None,
        next_at=sa.bindparam("next_at"),
        settled_at=sa.bindparam("settled_at"),
        reply=sa.bindparam("reply"),
        attempts=_table.c.attempts + 1,
        doubts=_table.c.doubts + sa.bindparam("doubt"),
    )
)
_THESE = _table.c.message_id.in_(sa.bindparam("ids", expanding=True))
_MINE = sa.and_(_THESE, _table.c.worker == sa.bindparam("holder"))
_people = schema.subscribers
#: whoever left gets no mail of a plan that was made before
_LEAVE_OUT = (
    _table.update()
    .where(_THESE, _subscriber_is(*_LEFT))
    .values(
        state=DeliveryState.SUPPRESSED.value,
        next_at=None,
        reply="the subscription is "
        + sa.select(_people.c.state)
        .where(_people.c.id == _table.c.subscriber_id)
        .scalar_subquery(),
    )
)
_NAMES = [c.name for c in _table.c]
_TAKE = (
    _table.update()
    .where(_THESE, found_state.in_(WAITING))
    .values(
        state=DeliveryState.CLAIMED.value,
        worker=sa.bindparam("holder"),
        lease_until=sa.bindparam("until"),
    )
    .returning(*_table.c)
)
_BODIES = sa.select(schema.bodies.c.message_id, schema.bodies.c.body).where(
    schema.bodies.c.message_id.in_(sa.bindparam("ids", expanding=True))
)
_STRUCK = sa.select(schema.strikes.c.subscriber_id).where(
    schema.strikes.c.subscriber_id.in_(sa.bindparam("ids", expanding=True))
)
_HAND_OVER = (
    _table.update()
    .where(_MINE, found_state == DeliveryState.CLAIMED.value, _ACTIVE)
    .values(state=DeliveryState.HANDING.value, route=sa.bindparam("by"))
    .returning(_table.c.message_id)
)
_TAKE_BACK = (
    _table.update()
    .where(_MINE, found_state == DeliveryState.HANDING.value)
    .values(state=DeliveryState.CLAIMED.value)
)


class Deliveries:
    """The journal that mails are sent by."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def save_plan(self, block: Sequence[PlannedEdition], now: datetime) -> frozenset[DeliveryKey]:
        """Store what was decided for some readers, in one transaction; what is known stays.

        Returns the keys of mails that were not known before.
        """
        with self._db.write() as connection:
            return save_plan(connection, block, now)

    def claim(
        self,
        worker: str,
        now: datetime,
        lease: timedelta,
        limit: int,
        share: RouteShare | None = None,
    ) -> tuple[Delivery, ...]:
        """Lease some mails whose time has come.

        Args:
            share: those that a route may take; None: all.
        """
        allowed = may_take(share) if share is not None else ()
        # Two plain questions, each with an index; one with OR would sort all that waits, each time.
        put_off = sa.select(_table.c.message_id).where(
            _table.c.state == DeliveryState.DEFERRED.value, _table.c.next_at <= now
        )
        ready = sa.select(_table.c.message_id).where(_table.c.state == DeliveryState.READY.value)
        with self._db.write() as connection:
            claimed: list[Delivery] = []
            for due, order in (
                # fresh mails first: what was put off may be put off again
                (ready, (_table.c.planned_at, _table.c.message_id)),
                (put_off, (_table.c.next_at,)),
            ):
                while room := limit - len(claimed):
                    ids = connection.scalars(
                        # nothing to SQLite, whose writer is alone
                        due.where(*allowed)
                        .order_by(*order)
                        .limit(room)
                        .with_for_update(skip_locked=True)
                    ).all()
                    if not ids:
                        break
                    claimed += self._taken(connection, ids, worker, now + lease)
            return tuple(claimed)

    @staticmethod
    def _taken(
        connection: sa.Connection, ids: Sequence[str], worker: str, lease_until: datetime
    ) -> list[Delivery]:
        """These mails, leased; whoever left after the plan gets no mail of it."""
        connection.execute(_LEAVE_OUT, {"ids": list(ids)})
        values = {"ids": list(ids), "holder": worker, "until": lease_until}
        # as plain rows: looking each value up by its name takes as long as reading it
        found = [dict(zip(_NAMES, row, strict=True)) for row in connection.execute(_TAKE, values)]
        by_id = {row["message_id"]: row for row in found}
        for name, body in connection.execute(_BODIES, {"ids": list(by_id)}):
            by_id[name]["body"] = body
        people = list({row["subscriber_id"] for row in found})
        with_strikes = set(connection.scalars(_STRUCK, {"ids": people}))
        for row in found:
            row["struck"] = row["subscriber_id"] in with_strikes
        return [to_delivery(by_id[i]) for i in ids if i in by_id]

    def journal(
        self,
        worker: str,
        now: datetime,
        *,
        handing: Sequence[str] = (),
        taken_back: Sequence[str] = (),
        settled: Sequence[DeliveryResult] = (),
        route: str = "",
    ) -> frozenset[str]:
        """Write down, in one transaction, whose bodies go out next and what became of others.

        An accepted mail wipes what its server refused before.

        Args:
            handing: message ids.
            taken_back: of those that were being handed over and were not taken; they stay claimed.
            route: that they are handed to.

        Returns the message ids whose lease still held.
        """
        with self._db.write() as connection:
            held = self._settle(connection, settled, worker, now) if settled else frozenset()
            if taken_back:
                connection.execute(_TAKE_BACK, {"ids": list(taken_back), "holder": worker})
            if handing:
                values = {"ids": list(handing), "holder": worker, "by": route[:100]}
                held |= frozenset(connection.scalars(_HAND_OVER, values))
        return held

    def _settle(
        self,
        connection: sa.Connection,
        settled: Sequence[DeliveryResult],
        worker: str,
        now: datetime,
    ) -> frozenset[str]:
        ids = [s.message_id for s in settled]
        rows = [
            {
                "which": s.message_id,
                "holder": worker,
                "state": s.state.value,
                "next_at": s.next_at,
                "settled_at": now,
                "reply": s.reply[:500],
                "doubt": int(s.doubt),
            }
            for s in settled
        ]
        n_changed = connection.execute(_SETTLE, rows).rowcount
        held = frozenset(ids)
        if n_changed != len(ids):  # rare: a lease was lost, and its row was left alone
            changed = connection.execute(
                sa.select(_table.c.message_id, _table.c.state).where(
                    _table.c.message_id.in_(ids),
                    _table.c.settled_at == now,
                    _table.c.worker.is_(None),
                )
            )
            wanted = {(s.message_id, s.state.value) for s in settled}
            held = frozenset(name for name, state in changed if (name, state) in wanted)
        sent = [s for s in settled if s.message_id in held and s.state is DeliveryState.SENT]
        wiped = [s.key.subscriber_id for s in sent if s.struck]
        if wiped:
            # what came back by mail is no less true because a relay took the next one
            struck = schema.strikes
            connection.execute(
                struck.delete().where(struck.c.subscriber_id.in_(wiped), struck.c.origin == "smtp")
            )
        return held

    def postpone(
        self,
        message_ids: Sequence[str],
        until: datetime,
        now: datetime,
        *,
        worker: str = "",
        reply: str = "",
    ) -> None:
        """Try these again later: those that failed just now, and those that a worker has claimed
        and not touched."""
        values: dict[str, Any] = {
            "state": DeliveryState.DEFERRED.value,
            "next_at": until,
            "worker": None,
            "lease_until": None,
        }
        if reply:
            values["reply"] = reply[:500]
        mine = sa.or_(
            sa.and_(found_state == DeliveryState.FAILED.value, _table.c.settled_at <= now),
            sa.and_(found_state == DeliveryState.CLAIMED.value, _table.c.worker == worker),
        )
        with self._db.write() as connection:
            for start in range(0, len(message_ids), 500):
                chosen = _table.c.message_id.in_(message_ids[start : start + 500])
                connection.execute(_table.update().where(chosen, mine).values(**values))

    def release(self, worker: str) -> None:
        """What a worker claimed and did not touch is ready again."""
        mine = sa.and_(_table.c.worker == worker, _table.c.state == DeliveryState.CLAIMED.value)
        with self._db.write() as connection:
            connection.execute(
                _table.update()
                .where(_not_busy(mine))
                .values(state=DeliveryState.READY.value, worker=None, lease_until=None)
            )

    def renew(self, worker: str, lease_until: datetime) -> None:
        """What a worker has in hand stays its own for longer."""
        mine = sa.and_(_table.c.worker == worker, _table.c.state.in_(_IN_HAND))
        with self._db.write() as connection:
            connection.execute(
                _table.update().where(_not_busy(mine)).values(lease_until=lease_until)
            )

    def sweep(
        self, now: datetime, *, everything: bool = False, hold: bool = False, of: str = ""
    ) -> int:
        """Free what is leased by the dead: leases that ended, or all of them.

        Args:
            hold: what was being handed over, and is in doubt, is held as unknown; else it is ready
                again.
            of: workers whose names begin so are known to be dead.

        Returns the number of doubts.
        """
        over = sa.true() if everything else _table.c.lease_until <= now
        if of:
            over = sa.or_(over, _table.c.worker.startswith(of, autoescape=True))
        free: dict[str, Any] = {"worker": None, "lease_until": None}
        after = DeliveryState.UNKNOWN if hold else DeliveryState.READY
        claimed, handing = (
            _not_busy(sa.and_(_table.c.state == state.value, over))
            for state in (DeliveryState.CLAIMED, DeliveryState.HANDING)
        )
        with self._db.write() as connection:
            connection.execute(
                _table.update().where(claimed).values(state=DeliveryState.READY.value, **free)
            )
            return connection.execute(
                _table.update()
                .where(handing)
                .values(state=after.value, doubts=_table.c.doubts + 1, **free)
            ).rowcount

    def retry(self, key: DeliveryKey, now: datetime, *, sent_too: bool = False) -> str:
        """Make a mail that failed or is held ready again; an empty answer, or why it cannot be.

        Args:
            sent_too: also one that was sent, since its reader says that it never came.
        """
        later = sa.select(sa.func.max(_table.c.edition_date)).where(
            _table.c.subscriber_id == key.subscriber_id, _table.c.kind == key.kind.value
        )
        kept = [] if sent_too else [DeliveryState.SENT.value]
        with self._db.write() as connection:
            row = connection.execute(WHOLE.where(has_key(key))).mappings().first()
            if row is None:
                return "there is no such mail"
            if row["state"] == DeliveryState.SENT.value and not sent_too:
                return "it was sent"
            if row["body"] is None:
                return "it is too old; its text is forgotten"
            latest = connection.scalar(later)
            if latest is not None and latest > key.edition_date:
                return f"the edition of {latest} came after it"
            changed = connection.execute(
                _table.update()
                .where(has_key(key), _table.c.state.not_in([*_IN_HAND, *kept]))
                .values(state=DeliveryState.READY.value, next_at=None, planned_at=now, attempts=0)
            ).rowcount
        return "" if changed else "it is being sent"

    def n_waiting(self) -> int:
        """How many mails wait, whether their time has come or not."""
        waiting = sa.select(sa.func.count()).where(_table.c.state.in_(WAITING))
        with self._db.read() as connection:
            return connection.scalar(waiting) or 0

    def n_due(self, now: datetime) -> int:
        """How many mails wait whose time has come."""
        due = sa.or_(
            _table.c.state == DeliveryState.READY.value,
            sa.and_(_table.c.state == DeliveryState.DEFERRED.value, _table.c.next_at <= now),
        )
        with self._db.read() as connection:
            return connection.scalar(sa.select(sa.func.count()).where(due)) or 0

    def has_due(self, now: datetime) -> bool:
        """Whether a mail waits whose time has come, or was left in hand by the dead."""
        waiting = sa.or_(
            _table.c.state == DeliveryState.READY.value,
            sa.and_(_table.c.state == DeliveryState.DEFERRED.value, _table.c.next_at <= now),
            _table.c.state.in_([DeliveryState.CLAIMED.value, DeliveryState.HANDING.value]),
        )
        with self._db.read() as connection:
            return connection.scalar(sa.select(_table.c.state).where(waiting).limit(1)) is not None

    def next_at(self) -> datetime | None:
        """When the next waiting mail may go out; a time that has passed for one that is ready."""
        ready = sa.case(
            (_table.c.state == DeliveryState.READY.value, _table.c.planned_at),
            else_=_table.c.next_at,
        )
        query = sa.select(sa.func.min(ready)).where(_table.c.state.in_(WAITING))
        with self._db.read() as connection:
            found: datetime | None = connection.scalar(query)
        return found
