"""Who gets mail, and what they chose."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, overload

import sqlalchemy as sa

from digest.model import Subscriber, SubscriberState
from digest.preferences import Preferences
from digest.store import schema
from digest.store.database import CHUNK, Database, chunks
from digest.store.suppressions import suppressed_among

#: addresses are compared with those stored
TURN = "subscribers"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def row_of(subscriber: Subscriber) -> dict[str, Any]:
    return {
        "email": subscriber.email,
        "state": subscriber.state.value,
        "origin": subscriber.origin,
        "preferences": subscriber.preferences.model_dump(mode="json"),
        "due_at": EPOCH,  # what was found about the reader need not hold any more
    }


def reschedule(connection: sa.Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Rows of who, due_at and checked_at; in order, lest two that do this wait for each other."""
    table = schema.subscribers
    connection.execute(
        table.update()
        .where(table.c.id == sa.bindparam("who"))
        .values(due_at=sa.bindparam("due_at"), checked_at=sa.bindparam("checked_at")),
        sorted(rows, key=lambda row: str(row["who"])),
    )


def from_row(row: Any) -> Subscriber:
    return Subscriber(
        preferences=Preferences.from_json(row["preferences"]),
        id=row["id"],
        email=row["email"],
        state=SubscriberState(row["state"]),
        origin=row["origin"],
        link_generation=row["link_generation"],
    )


def _stored(connection: sa.Connection, which: sa.ColumnElement[bool]) -> dict[str, Subscriber]:
    """By address in lower case."""
    rows = connection.execute(sa.select(schema.subscribers).where(which)).mappings()
    return {r["email"].lower(): from_row(r) for r in rows}


class SubscriberList(Sequence[Subscriber]):
    """Subscribers in an order, each read when they are wanted: what a large site's readers chose
    would fill the memory. Whoever is erased by then is passed over.

    Args:
        ids: of all of them.
    """

    def __init__(self, subscribers: Subscribers, ids: Sequence[str]) -> None:
        self._subscribers, self.ids = subscribers, ids

    def of(self, ids: Sequence[str]) -> SubscriberList:
        """Other ones, or these in another order."""
        return SubscriberList(self._subscribers, ids)

    def __len__(self) -> int:
        return len(self.ids)

    @overload
    def __getitem__(self, at: int) -> Subscriber: ...
    @overload
    def __getitem__(self, at: slice) -> tuple[Subscriber, ...]: ...
    def __getitem__(self, at: int | slice) -> Subscriber | tuple[Subscriber, ...]:
        wanted = self.ids[at] if isinstance(at, slice) else (self.ids[at],)
        known = self._subscribers.by_id(wanted)
        found = tuple(known[i] for i in wanted if i in known)
        return found if isinstance(at, slice) else found[0]

    def __iter__(self) -> Iterator[Subscriber]:
        for start in range(0, len(self), CHUNK):
            yield from self[start : start + CHUNK]


class Subscribers:
    """Who gets mail, and what they chose."""

    def __init__(self, db: Database, new_id: Callable[[], str]) -> None:
        self._db, self._new_id = db, new_id

    def sync_config(self, wanted: Sequence[Subscriber], now: datetime) -> tuple[Subscriber, ...]:
        """Make the stored config subscribers equal to `wanted`; ids of known addresses stay."""
        table = schema.subscribers
        synced: list[Subscriber] = []
        with self._db.write(TURN) as connection:
            emails = [s.email for s in wanted]
            stored = _stored(connection, table.c.origin == "config")
            for part in chunks(emails):
                named = sa.func.lower(table.c.email).in_([sa.func.lower(e) for e in part])
                stored |= _stored(connection, named)
            barred = suppressed_among(connection, emails)
            for subscriber in wanted:
                if subscriber.email.lower() in barred:
                    subscriber = replace(subscriber, state=SubscriberState.SUPPRESSED)
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
                changed = replace(
                    subscriber,
                    id=known.id,
                    state=state,
                    origin="config",
                    link_generation=known.link_generation,
                )
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

    def all(self) -> SubscriberList:
        """Whoever joined first stands first."""
        table = schema.subscribers
        query = sa.select(table.c.id).order_by(table.c.created_at, table.c.id)
        with self._db.read() as connection:
            return SubscriberList(self, connection.scalars(query).all())

    def get(self, *, by_id: str = "", by_email: str = "") -> Subscriber | None:
        """One of them, by one of the two; addresses are compared without regard to case."""
        table = schema.subscribers
        wanted = (
            table.c.id == by_id
            if by_id
            else sa.func.lower(table.c.email) == by_email.strip().lower()
        )
        with self._db.read() as connection:
            row = connection.execute(sa.select(table).where(wanted)).mappings().first()
        return from_row(row) if row else None

    def by_id(self, ids: Collection[str]) -> dict[str, Subscriber]:
        table = schema.subscribers
        found: dict[str, Subscriber] = {}
        with self._db.read() as connection:
            for part in chunks(ids):
                rows = connection.execute(sa.select(table).where(table.c.id.in_(part)))
                found |= {r["id"]: from_row(r) for r in rows.mappings()}
        return found

    def search(
        self, text: str = "", *, offset: int = 0, limit: int = 100
    ) -> tuple[tuple[Subscriber, ...], int]:
        """Those whose address holds a text, oldest first: one page of them, and how many there
        are."""
        table = schema.subscribers
        found = sa.func.lower(table.c.email).contains(text.lower(), autoescape=True)
        order = (table.c.created_at, table.c.id)
        page = sa.select(table).where(found).order_by(*order).offset(offset).limit(limit)
        with self._db.read() as connection:
            rows = connection.execute(page).mappings().all()
            n = connection.scalar(sa.select(sa.func.count()).select_from(table).where(found))
        return tuple(from_row(r) for r in rows), n or 0

    def counts(self) -> dict[str, int]:
        """Subscribers by state."""
        table = schema.subscribers
        query = sa.select(table.c.state, sa.func.count()).group_by(table.c.state)
        with self._db.read() as connection:
            return {str(state): int(n) for state, n in connection.execute(query)}

    def add(self, subscriber: Subscriber, now: datetime) -> Subscriber:
        """A new subscriber with an id of their own, or the known one of that address, changed."""
        table = schema.subscribers
        with self._db.write(TURN) as connection:
            if suppressed_among(connection, [subscriber.email]):
                subscriber = replace(subscriber, state=SubscriberState.SUPPRESSED)
            known = connection.scalar(
                sa.select(table.c.id).where(
                    sa.func.lower(table.c.email) == subscriber.email.lower()
                )
            )
            if known is not None:
                changed = replace(subscriber, id=known)
                connection.execute(
                    table.update().where(table.c.id == known).values(**row_of(changed))
                )
                return changed
            fresh = replace(subscriber, id=self._new_id())
            connection.execute(table.insert().values(id=fresh.id, created_at=now, **row_of(fresh)))
        return fresh

    def save(self, subscriber: Subscriber) -> None:
        table = schema.subscribers
        with self._db.write() as connection:
            connection.execute(
                table.update().where(table.c.id == subscriber.id).values(**row_of(subscriber))
            )

    def set_state(self, subscriber_id: str, state: SubscriberState) -> None:
        table = schema.subscribers
        with self._db.write() as connection:
            connection.execute(
                table.update()
                .where(table.c.id == subscriber_id)
                .values(state=state.value, due_at=EPOCH)
            )

    def revoke_links(self, subscriber_id: str) -> None:
        """Make all links void that were signed for somebody, but for those to unsubscribe."""
        table = schema.subscribers
        with self._db.write() as connection:
            connection.execute(
                table.update()
                .where(table.c.id == subscriber_id)
                .values(link_generation=table.c.link_generation + 1)
            )

    def due(self, now: datetime, limit: int) -> SubscriberList:
        """Active ones that may be due, those that waited longest first; see `reschedule`."""
        table = schema.subscribers
        active = table.c.state == SubscriberState.ACTIVE.value
        query = (
            sa.select(table.c.id)
            .where(active, table.c.due_at <= now)
            .order_by(table.c.due_at, table.c.id)
            .limit(limit)
        )
        # Found out by a clock that was ahead: it does not hold.
        ahead = sa.select(table.c.id).where(active, table.c.checked_at > now).limit(limit)
        with self._db.read() as connection:
            ids = dict.fromkeys(connection.scalars(query))
            if len(ids) < limit:
                ids |= dict.fromkeys(connection.scalars(ahead))
        return SubscriberList(self, list(ids)[:limit])

    def reschedule(self, until: Mapping[str, datetime], now: datetime) -> None:
        """Look at these readers again then, or sooner if the clock goes back or their settings
        change."""
        if until:
            rows = [{"who": i, "due_at": at, "checked_at": now} for i, at in until.items()]
            with self._db.write() as connection:
                reschedule(connection, rows)
