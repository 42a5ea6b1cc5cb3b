"""People, their ratings, and what they were sent."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from pydantic import TypeAdapter
from sqlalchemy.dialects.sqlite import insert

from digest.model import DeliveryState, Rating, Section, Subscriber, SubscriberState
from digest.ports import ReaderState
from digest.store import schema
from digest.store.database import Database
from digest.store.papers import PaperTables, chunks

_SUBSCRIBER = TypeAdapter(Subscriber)


def row_of(subscriber: Subscriber) -> dict[str, Any]:
    return {
        "email": subscriber.email,
        "state": subscriber.state.value,
        "origin": subscriber.origin,
        "preferences": _SUBSCRIBER.dump_python(subscriber, mode="json"),
    }


def from_row(row: Any) -> Subscriber:
    return replace(
        _SUBSCRIBER.validate_python(row["preferences"]),
        id=row["id"],
        email=row["email"],
        state=SubscriberState(row["state"]),
        origin=row["origin"],
    )


def _undelivered_before(day: date) -> Callable[[sa.Table], sa.ColumnElement[bool]]:
    """Whether an edition of an earlier date never arrived, as far as anybody can know, and will
    not: its papers are new to the reader still."""
    mails = schema.deliveries
    gone = [DeliveryState.FAILED.value, DeliveryState.READY.value, DeliveryState.DEFERRED.value]

    def lost(table: sa.Table) -> sa.ColumnElement[bool]:
        return sa.exists().where(
            *(mails.c[c] == table.c[c] for c in ("subscriber_id", "edition_date", "kind")),
            mails.c.edition_date < day,
            mails.c.state.in_(gone),
            mails.c.doubts == 0,
        )

    return lost


class SubscriberTables(PaperTables):
    """The part of the store that implements `ports.SubscriberStore`."""

    _db: Database
    _new_id: Callable[[], str]

    def sync_config_subscribers(
        self, wanted: Sequence[Subscriber], now: datetime
    ) -> tuple[Subscriber, ...]:
        table = schema.subscribers
        synced: list[Subscriber] = []
        with self._db.write() as connection:
            stored = {
                r["email"].lower(): from_row(r)
                for r in connection.execute(sa.select(table)).mappings()
            }
            for subscriber in wanted:
                known = stored.pop(subscriber.email.lower(), None)
                if known is None:
                    fresh = replace(subscriber, id=self._new_id(), origin="config")
                    connection.execute(
                        table.insert().values(id=fresh.id, created_at=now, **row_of(fresh))
                    )
                    synced.append(fresh)
                    continue
                # Whoever left or bounced is not brought back by a line in a file.
                held = known.state in (SubscriberState.UNSUBSCRIBED, SubscriberState.SUPPRESSED)
                state = known.state if held else subscriber.state
                changed = replace(subscriber, id=known.id, state=state, origin="config")
                if changed != known:
                    connection.execute(
                        table.update().where(table.c.id == known.id).values(**row_of(changed))
                    )
                synced.append(changed)
            gone = [s.id for s in stored.values() if s.origin == "config"]
            if gone:
                connection.execute(
                    table.update()
                    .where(table.c.id.in_(gone), table.c.state == SubscriberState.ACTIVE.value)
                    .values(state=SubscriberState.PAUSED.value)
                )
        return tuple(synced)

    def subscribers(self) -> tuple[Subscriber, ...]:
        table = schema.subscribers
        with self._db.read() as connection:
            rows = connection.execute(sa.select(table).order_by(table.c.created_at, table.c.id))
            return tuple(from_row(r) for r in rows.mappings())

    def subscriber(self, *, by_id: str = "", by_email: str = "") -> Subscriber | None:
        table = schema.subscribers
        wanted = (
            table.c.id == by_id
            if by_id
            else sa.func.lower(table.c.email) == by_email.strip().lower()
        )
        with self._db.read() as connection:
            row = connection.execute(sa.select(table).where(wanted)).mappings().first()
        return from_row(row) if row else None

    def set_state(self, subscriber_id: str, state: SubscriberState) -> None:
        table = schema.subscribers
        with self._db.write() as connection:
            connection.execute(
                table.update().where(table.c.id == subscriber_id).values(state=state.value)
            )

    def ratings(self, subscriber_id: str) -> tuple[Rating, ...]:
        with self._db.read() as connection:
            return self._ratings(connection, subscriber_id)

    @staticmethod
    def _ratings(connection: sa.Connection, subscriber_id: str) -> tuple[Rating, ...]:
        table = schema.ratings
        query = (
            sa.select(table)
            .where(table.c.subscriber_id == subscriber_id)
            # what a reader did outweighs a file of the same moment
            .order_by(table.c.rated_at, sa.case((table.c.origin.startswith("config"), 0), else_=1))
        )
        latest = {row["paper_id"]: Rating(**row) for row in connection.execute(query).mappings()}
        return tuple(latest.values())

    def add_ratings(self, ratings: Iterable[Rating]) -> None:
        with self._db.write() as connection:
            for r in ratings:
                row = {"value": r.value, "rated_at": r.rated_at}
                connection.execute(
                    insert(schema.ratings)
                    .values(
                        subscriber_id=r.subscriber_id,
                        paper_id=r.paper_id,
                        origin=r.origin,
                        **row,
                    )
                    .on_conflict_do_update(
                        index_elements=["subscriber_id", "paper_id", "origin"], set_=row
                    )
                )

    def ratings_by_origin(self, subscriber_id: str) -> dict[str, frozenset[str]]:
        table = schema.ratings
        query = sa.select(table.c.origin, table.c.paper_id).where(
            table.c.subscriber_id == subscriber_id
        )
        found: dict[str, set[str]] = {}
        with self._db.read() as connection:
            for origin, paper_id in connection.execute(query):
                found.setdefault(origin, set()).add(paper_id)
        return {origin: frozenset(ids) for origin, ids in found.items()}

    def remove_rating(self, subscriber_id: str, paper_id: str, *, keep: str, only: str = "") -> int:
        table = schema.ratings
        chosen = [
            table.c.subscriber_id == subscriber_id,
            table.c.paper_id == paper_id,
            table.c.origin != keep,
            ~table.c.origin.startswith(f"{keep}:", autoescape=True),
        ]
        if only:
            chosen.append(table.c.origin == only)
        with self._db.write() as connection:
            return connection.execute(table.delete().where(*chosen)).rowcount

    def sync_ratings(
        self, subscriber_id: str, origin: str, paper_ids: Collection[str], now: datetime
    ) -> None:
        table = schema.ratings
        mine = (table.c.subscriber_id == subscriber_id) & (table.c.origin == origin)
        with self._db.write() as connection:
            known = set(connection.scalars(sa.select(table.c.paper_id).where(mine)))
            for part in chunks(known - set(paper_ids)):
                connection.execute(table.delete().where(mine, table.c.paper_id.in_(part)))
            added = [p for p in dict.fromkeys(paper_ids) if p not in known]
            if added:
                connection.execute(
                    table.insert(),
                    [
                        {
                            "subscriber_id": subscriber_id,
                            "paper_id": paper_id,
                            "origin": origin,
                            "value": 1,
                            "rated_at": now,
                        }
                        for paper_id in added
                    ],
                )

    def reader_state(self, subscriber_id: str, edition_date: date) -> ReaderState:
        picks, editions, empty = schema.edition_picks, schema.editions, schema.empty_days
        lost = _undelivered_before(edition_date)
        with self._db.read() as connection:
            ratings = self._ratings(connection, subscriber_id)
            papers = self._read(connection, {r.paper_id for r in ratings})
            sent = connection.execute(
                sa.select(picks.c.paper_id, picks.c.section).where(
                    picks.c.subscriber_id == subscriber_id,
                    picks.c.edition_date != edition_date,
                    ~lost(picks),
                )
            ).all()
            earlier = [
                connection.execute(
                    sa.select(sa.func.max(t.c.cursor), sa.func.max(t.c.edition_date)).where(
                        t.c.subscriber_id == subscriber_id, t.c.edition_date < edition_date, *held
                    )
                ).one()
                for t, held in ((editions, [~lost(editions)]), (empty, []))
            ]
        known = [r for r in ratings if r.paper_id in papers]
        return ReaderState(
            liked=tuple(papers[r.paper_id] for r in known if r.value > 0),
            liked_at=tuple(r.rated_at for r in known if r.value > 0),
            # "fewer like this" counts as often as its value says
            disliked=tuple(papers[r.paper_id] for r in known for _ in range(-r.value)),
            sent=frozenset(i for i, _ in sent),
            told=frozenset(i for i, section in sent if section == Section.PUBLISHED),
            cursor=max((c for c, _ in earlier if c is not None), default=None),
            considered_to=max((d for _, d in earlier if d is not None), default=None),
        )

    def unresolved(self, refs: Collection[str], since: datetime) -> dict[str, str]:
        table = schema.unresolved
        found: dict[str, str] = {}
        with self._db.read() as connection:
            for part in chunks(refs):
                query = sa.select(table.c.ref, table.c.reason).where(
                    table.c.ref.in_(part), table.c.checked_at >= since
                )
                found |= {row.ref: row.reason for row in connection.execute(query)}
        return found

    def remember_unresolved(self, reasons: Mapping[str, str], now: datetime) -> None:
        with self._db.write() as connection:
            for ref, reason in reasons.items():
                row = {"reason": reason, "checked_at": now}
                connection.execute(
                    insert(schema.unresolved)
                    .values(ref=ref, **row)
                    .on_conflict_do_update(index_elements=["ref"], set_=row)
                )
