"""The journal: editions, their mails, and what became of each.

One row a (subscriber, date, kind), written together with the edition before anything is sent.
Every later write names the worker and the state it expects; none changed means that the lease is
lost and the message belongs to somebody else.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from digest.model import (
    Delivery,
    DeliveryKey,
    DeliveryState,
    EditionKind,
    Message,
    Strike,
    SubscriberState,
)
from digest.ports import HistoryEntry, Settled, Settlement, Standing, StrikeEntry
from digest.store import schema
from digest.store.database import Database, insert
from digest.store.papers import TURN as PAPERS_TURN
from digest.store.papers import chunks
from digest.store.subscribers import put_off

_table = schema.deliveries
#: states of a mail that nobody has in hand and that may still go out
WAITING = (DeliveryState.READY.value, DeliveryState.DEFERRED.value)
_IN_HAND = (DeliveryState.CLAIMED.value, DeliveryState.HANDING.value)
_LEFT = (SubscriberState.UNSUBSCRIBED, SubscriberState.SUPPRESSED)


def _subscriber_is(*states: SubscriberState) -> sa.ColumnElement[bool]:
    people = schema.subscribers
    return sa.exists().where(
        people.c.id == _table.c.subscriber_id, people.c.state.in_([s.value for s in states])
    )


_ACTIVE = sa.not_(_subscriber_is(*_LEFT))


def _is(key: DeliveryKey, table: sa.Table = _table) -> sa.ColumnElement[bool]:
    return sa.and_(
        table.c.subscriber_id == key.subscriber_id,
        table.c.edition_date == key.edition_date,
        table.c.kind == key.kind.value,
    )


def _not_busy(chosen: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    """Those of the rows that no other transaction is at. Waiting for them in whatever order they
    come would be a deadlock with one that goes through them in another."""
    rows = sa.select(_table.c.message_id).where(chosen).with_for_update(skip_locked=True)
    return _table.c.message_id.in_(rows.scalar_subquery())


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


_SETTLE = (
    _table.update()
    .where(
        _table.c.message_id == sa.bindparam("which"),
        _table.c.worker == sa.bindparam("holder"),
        sa.or_(*(_table.c.state == s for s in _IN_HAND)),
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


_WHOLE = sa.select(_table, schema.bodies.c.body).outerjoin(
    schema.bodies, schema.bodies.c.message_id == _table.c.message_id
)


class OutboxTables:
    """The part of the store that implements `ports.Outbox`."""

    _db: Database

    def settle_day(
        self,
        block: Sequence[Settled],
        now: datetime,
        also: Callable[[object], None] = lambda connection: None,
    ) -> frozenset[DeliveryKey]:
        with self._db.write() as connection:
            letters = {
                DeliveryKey(
                    subscriber_id=s.letter.subscriber.id,
                    edition_date=s.letter.edition_date,
                    kind=s.letter.kind,
                ): s
                for s in block
                if s.letter is not None and s.message is not None
            }
            planned = self._plan(connection, letters, now)
            self._record_empty(connection, [s for s in block if s.empty is not None], now)
            looked_at = [
                {"who": s.reader.id, "due_at": s.due_at, "checked_at": now}
                for s in block
                if s.due_at is not None
            ]
            if looked_at:
                put_off(connection, looked_at)
            if planned:
                also(connection.connection.driver_connection)
        return planned

    def _plan(
        self, connection: sa.Connection, letters: Mapping[DeliveryKey, Settled], now: datetime
    ) -> frozenset[DeliveryKey]:
        """Mails, editions and picks of those keys that are new."""
        if not letters:
            return frozenset()
        returned = connection.execute(
            insert(connection, _table)
            .on_conflict_do_nothing()
            .returning(_table.c.subscriber_id, _table.c.edition_date, _table.c.kind),
            [
                {
                    **_key_values(key),
                    "message_id": s.message.message_id,
                    "sender": s.message.sender,
                    "recipient": s.message.recipient,
                    "state": DeliveryState.READY.value,
                    "planned_at": now,
                }
                for key, s in letters.items()
                if s.message is not None
            ],
        )
        planned = frozenset(
            DeliveryKey(subscriber_id=who, edition_date=day, kind=EditionKind(kind))
            for who, day, kind in returned
        )
        if not planned:
            return planned
        fresh = [(key, s) for key, s in letters.items() if key in planned]
        connection.execute(
            schema.bodies.insert(),
            [
                {"message_id": s.message.message_id, "body": s.message.body}
                for _, s in fresh
                if s.message is not None
            ],
        )
        self._supersede(connection, planned)
        connection.execute(
            schema.editions.insert(),
            [
                {
                    **_key_values(key),
                    "subject": s.letter.subject,
                    "basis": s.letter.basis.value,
                    "n_new": s.letter.n_new,
                    "n_considered": s.letter.n_considered,
                    "cursor": s.cursor,
                    "composed_at": now,
                }
                for key, s in fresh
                if s.letter is not None
            ],
        )
        picks = [
            {
                **_key_values(key),
                "paper_id": pick.paper.id,
                "rank": pick.rank,
                "section": pick.section.value,
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
            for key, s in fresh
            if s.letter is not None
            for pick in s.letter.picks
        ]
        if picks:
            connection.execute(schema.edition_picks.insert(), picks)
        return planned

    @staticmethod
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
                        _table.c.state.in_(WAITING),
                    )
                    .values(
                        state=DeliveryState.FAILED.value,
                        next_at=None,
                        reply=sa.func.trim(
                            f"superseded by the edition of {day}; " + _table.c.reply, "; "
                        ),
                    )
                )

    @staticmethod
    def _record_empty(connection: sa.Connection, block: Sequence[Settled], now: datetime) -> None:
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

    def delivery(self, key: DeliveryKey) -> Delivery | None:
        with self._db.read() as connection:
            row = connection.execute(_WHOLE.where(_is(key))).mappings().first()
            return _delivery(row) if row else None

    def standings(self, days: Mapping[str, date]) -> dict[str, Standing]:
        empty = schema.empty_days
        found: dict[str, Standing] = {}
        with self._db.read() as connection:
            for part in chunks(days):
                latest = {  # noqa: C416 - a row is a tuple to a loop, and to mypy to it alone
                    who: day
                    for who, day in connection.execute(
                        sa.select(_table.c.subscriber_id, sa.func.max(_table.c.edition_date))
                        .where(
                            _table.c.subscriber_id.in_(part),
                            _table.c.kind == EditionKind.EDITION.value,
                        )
                        .group_by(_table.c.subscriber_id)
                    )
                }
                wanted = {days[who] for who in part}
                mails = connection.execute(
                    sa.select(_table).where(
                        _table.c.subscriber_id.in_(part),
                        _table.c.edition_date.in_(wanted),
                        _table.c.kind == EditionKind.EDITION.value,
                    )
                ).mappings()
                planned = {(r["subscriber_id"], r["edition_date"]): _delivery(r) for r in mails}
                nothing = {
                    (who, day): again_at
                    for who, day, again_at in connection.execute(
                        sa.select(
                            empty.c.subscriber_id, empty.c.edition_date, empty.c.again_at
                        ).where(empty.c.subscriber_id.in_(part), empty.c.edition_date.in_(wanted))
                    )
                }
                for who in part:
                    key = (who, days[who])
                    found[who] = Standing(
                        latest=latest.get(who),
                        delivery=planned.get(key),
                        empty=key in nothing,
                        again_at=nothing.get(key),
                    )
        return found

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
        # Two plain questions, each with an index; one with OR would sort all that waits, each time.
        put_off = sa.select(_table.c.message_id).where(
            _table.c.state == DeliveryState.DEFERRED.value, _table.c.next_at <= now
        )
        ready = sa.select(_table.c.message_id).where(_table.c.state == DeliveryState.READY.value)
        with self._db.write() as connection:
            claimed: list[Delivery] = []
            for due, order in (
                (put_off, (_table.c.next_at,)),
                (ready, (_table.c.planned_at, _table.c.message_id)),
            ):
                while room := limit - len(claimed):
                    ids = connection.scalars(
                        # nothing to SQLite, whose writer is alone
                        due.order_by(*order).limit(room).with_for_update(skip_locked=True)
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
        mine = _table.c.message_id.in_(ids)
        for state in _LEFT:
            connection.execute(
                _table.update()
                .where(mine, _subscriber_is(state))
                .values(
                    state=DeliveryState.SUPPRESSED.value,
                    next_at=None,
                    reply=f"the subscription is {state.value}",
                )
            )
        rows = connection.execute(
            _table.update()
            .where(mine, _table.c.state.in_(WAITING))
            .values(state=DeliveryState.CLAIMED.value, worker=worker, lease_until=lease_until)
            .returning(*_table.c)
        ).mappings()
        found = {r["message_id"]: r for r in rows}
        bodies = schema.bodies
        texts = dict(
            connection.execute(
                sa.select(bodies.c.message_id, bodies.c.body).where(
                    bodies.c.message_id.in_(list(found))
                )
            ).all()
        )
        people = {r["subscriber_id"] for r in found.values()}
        struck = schema.strikes.c.subscriber_id
        with_strikes = set(connection.scalars(sa.select(struck).where(struck.in_(people))))
        return [
            replace(
                _delivery({**found[i], "body": texts.get(i)}),
                struck=found[i]["subscriber_id"] in with_strikes,
            )
            for i in ids
            if i in found
        ]

    def release(self, worker: str) -> None:
        mine = sa.and_(_table.c.worker == worker, _table.c.state == DeliveryState.CLAIMED.value)
        with self._db.write() as connection:
            connection.execute(
                _table.update()
                .where(_not_busy(mine))
                .values(state=DeliveryState.READY.value, worker=None, lease_until=None)
            )

    def renew(self, worker: str, lease_until: datetime) -> None:
        mine = sa.and_(_table.c.worker == worker, _table.c.state.in_(_IN_HAND))
        with self._db.write() as connection:
            connection.execute(
                _table.update().where(_not_busy(mine)).values(lease_until=lease_until)
            )

    def n_due_deliveries(self, now: datetime) -> int:
        """How many mails wait whose time has come."""
        due = sa.or_(
            _table.c.state == DeliveryState.READY.value,
            sa.and_(_table.c.state == DeliveryState.DEFERRED.value, _table.c.next_at <= now),
        )
        with self._db.read() as connection:
            return connection.scalar(sa.select(sa.func.count()).where(due)) or 0

    def has_due_deliveries(self, now: datetime) -> bool:
        """Whether a mail waits whose time has come, or was left in hand by the dead."""
        waiting = sa.or_(
            _table.c.state == DeliveryState.READY.value,
            sa.and_(_table.c.state == DeliveryState.DEFERRED.value, _table.c.next_at <= now),
            _table.c.state.in_([DeliveryState.CLAIMED.value, DeliveryState.HANDING.value]),
        )
        with self._db.read() as connection:
            return connection.scalar(sa.select(_table.c.state).where(waiting).limit(1)) is not None

    def next_delivery(self) -> datetime | None:
        """When the next waiting mail may go out; a time that has passed for one that is ready."""
        ready = sa.case(
            (_table.c.state == DeliveryState.READY.value, _table.c.planned_at),
            else_=_table.c.next_at,
        )
        query = sa.select(sa.func.min(ready)).where(_table.c.state.in_(WAITING))
        with self._db.read() as connection:
            found: datetime | None = connection.scalar(query)
        return found

    def journal(
        self,
        worker: str,
        now: datetime,
        *,
        handing: Sequence[str] = (),
        settled: Sequence[Settlement] = (),
    ) -> frozenset[str]:
        with self._db.write() as connection:
            held = self._settle(connection, settled, worker, now) if settled else frozenset()
            if handing:
                rows = connection.execute(
                    _table.update()
                    .where(
                        _table.c.message_id.in_(handing),
                        _table.c.worker == worker,
                        _table.c.state == DeliveryState.CLAIMED.value,
                        _ACTIVE,
                    )
                    .values(state=DeliveryState.HANDING.value)
                    .returning(_table.c.message_id)
                )
                held |= frozenset(rows.scalars())
        return held

    def _settle(
        self,
        connection: sa.Connection,
        settled: Sequence[Settlement],
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
        wiped = []
        for s in settled:
            if s.message_id not in held:
                continue
            if s.state is DeliveryState.SENT:
                wiped += [s.key.subscriber_id] if s.struck else []
            elif s.strike:
                self._strike(connection, s.key, "smtp", s.strike, s.reply, now, s.suppress_after)
        if wiped:
            struck = schema.strikes
            connection.execute(struck.delete().where(struck.c.subscriber_id.in_(wiped)))
        return held

    # --- what counts against an address ----------------------------------------------------------

    def strike(
        self,
        key: DeliveryKey,
        origin: str,
        strike: Strike,
        reply: str,
        now: datetime,
        suppress_after: int,
    ) -> bool:
        """A refusal that came later, by mail; returns whether the address is now suppressed."""
        with self._db.write() as connection:
            return self._strike(connection, key, origin, strike, reply, now, suppress_after)

    @staticmethod
    def _strike(
        connection: sa.Connection,
        key: DeliveryKey,
        origin: str,
        strike: Strike,
        reply: str,
        now: datetime,
        suppress_after: int,
    ) -> bool:
        table, people = schema.strikes, schema.subscribers
        row = {"severity": strike.value, "reply": reply[:500], "struck_at": now}
        connection.execute(
            insert(connection, table)
            .values(
                subscriber_id=key.subscriber_id,
                edition_date=key.edition_date,
                origin=origin,
                **row,
            )
            .on_conflict_do_update(
                index_elements=["subscriber_id", "edition_date", "origin"], set_=row
            )
        )
        dates = sa.func.count(table.c.edition_date.distinct())
        n_dates = connection.scalar(
            sa.select(dates).where(table.c.subscriber_id == key.subscriber_id)
        )
        if strike is not Strike.HARD and (n_dates or 0) < suppress_after:
            return False
        return bool(
            connection.execute(
                people.update()
                .where(
                    people.c.id == key.subscriber_id,
                    people.c.state.in_(
                        [SubscriberState.ACTIVE.value, SubscriberState.PAUSED.value]
                    ),
                )
                .values(state=SubscriberState.SUPPRESSED.value)
            ).rowcount
        )

    @staticmethod
    def _wipe_strikes(connection: sa.Connection, subscriber_id: str) -> None:
        table = schema.strikes
        connection.execute(table.delete().where(table.c.subscriber_id == subscriber_id))

    def forgive(self, subscriber_id: str) -> None:
        """Forget what counts against an address."""
        with self._db.write() as connection:
            self._wipe_strikes(connection, subscriber_id)

    def strikes(self, subscriber_id: str) -> tuple[StrikeEntry, ...]:
        """What counts against an address, the latest first."""
        table = schema.strikes
        query = (
            sa.select(table)
            .where(table.c.subscriber_id == subscriber_id)
            .order_by(table.c.struck_at.desc())
        )
        with self._db.read() as connection:
            return tuple(
                StrikeEntry(
                    edition_date=r["edition_date"],
                    origin=r["origin"],
                    severity=Strike(r["severity"]),
                    reply=r["reply"],
                    struck_at=r["struck_at"],
                )
                for r in connection.execute(query).mappings()
            )

    # --- asking and mending ----------------------------------------------------------------------

    def deliveries(
        self, states: Sequence[DeliveryState] = (), subscriber_id: str = "", limit: int = 50
    ) -> tuple[Delivery, ...]:
        """The latest first."""
        query = _WHOLE.order_by(_table.c.planned_at.desc(), _table.c.message_id)
        if states:
            query = query.where(_table.c.state.in_([s.value for s in states]))
        if subscriber_id:
            query = query.where(_table.c.subscriber_id == subscriber_id)
        with self._db.read() as connection:
            return tuple(_delivery(r) for r in connection.execute(query.limit(limit)).mappings())

    def by_message_id(self, message_id: str) -> Delivery | None:
        query = _WHOLE.where(_table.c.message_id == message_id)
        with self._db.read() as connection:
            row = connection.execute(query).mappings().first()
            return _delivery(row) if row else None

    def retry(self, key: DeliveryKey, now: datetime) -> str:
        """Make a mail that failed or is held ready again; an empty answer, or why it cannot be."""
        later = sa.select(sa.func.max(_table.c.edition_date)).where(
            _table.c.subscriber_id == key.subscriber_id, _table.c.kind == key.kind.value
        )
        with self._db.write() as connection:
            row = connection.execute(_WHOLE.where(_is(key))).mappings().first()
            if row is None:
                return "there is no such mail"
            if row["state"] == DeliveryState.SENT.value:
                return "it was sent"
            if row["body"] is None:
                return "it is too old; its text is forgotten"
            latest = connection.scalar(later)
            if latest is not None and latest > key.edition_date:
                return f"the edition of {latest} came after it"
            changed = connection.execute(
                _table.update()
                .where(_is(key), _table.c.state.not_in([*_IN_HAND, DeliveryState.SENT.value]))
                .values(state=DeliveryState.READY.value, next_at=None, planned_at=now, attempts=0)
            ).rowcount
        return "" if changed else "it is being sent"

    def delivery_counts(self) -> dict[str, int]:
        """Mails by state."""
        query = sa.select(_table.c.state, sa.func.count()).group_by(_table.c.state)
        with self._db.read() as connection:
            return {str(row[0]): int(row[1]) for row in connection.execute(query)}

    def sweep(
        self, now: datetime, *, everything: bool = False, hold: bool = False, of: str = ""
    ) -> int:
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

    def settled_since(self, since: datetime) -> tuple[int, datetime | None]:
        """How many mails were settled from then on, and when the first of them was."""
        query = sa.select(sa.func.count(), sa.func.min(_table.c.settled_at)).where(
            _table.c.settled_at >= since
        )
        with self._db.read() as connection:
            n, first = connection.execute(query).one()
        return int(n), first

    def purge(self, before: datetime, bodies_before: datetime | None = None) -> int:
        final = [s.value for s in DeliveryState if s.is_final]
        papers, picks, mentions = schema.papers, schema.edition_picks, schema.mentions
        with self._db.write(PAPERS_TURN) as connection:
            old = sa.select(_table.c.message_id).where(
                _table.c.planned_at < (bodies_before or before), _table.c.state.in_(final)
            )
            bodies = schema.bodies
            connection.execute(bodies.delete().where(bodies.c.message_id.in_(old)))
            connection.execute(mentions.delete().where(mentions.c.first_seen < before))
            connection.execute(
                schema.listing_days.delete().where(schema.listing_days.c.fetched_at < before)
            )
            connection.execute(
                schema.empty_days.delete().where(schema.empty_days.c.decided_at < before)
            )
            made = schema.embeddings.c.made_at
            connection.execute(schema.embeddings.delete().where(made < before))
            connection.execute(schema.paces.delete().where(schema.paces.c.free_at < before))
            connection.execute(schema.runs.delete().where(schema.runs.c.started_at < before))
            needed = [
                sa.exists().where(t.c.paper_id == papers.c.id)
                for t in (schema.ratings, picks, mentions)
            ]
            n_gone = connection.execute(
                papers.delete().where(papers.c.first_seen < before, *(~n for n in needed))
            ).rowcount
            asked = schema.signups
            connection.execute(asked.delete().where(asked.c.asked_at < before))
            # what nobody confirmed in its week is of no use, and holds what a stranger typed
            connection.execute(
                asked.delete().where(
                    asked.c.asked_at < (bodies_before or before),
                    asked.c.state.not_in(("confirmed", "done")),
                )
            )
            if n_gone:
                left = sa.select(papers.c.id)
                connection.execute(
                    schema.names.delete().where(schema.names.c.paper_id.not_in(left))
                )
            return n_gone
