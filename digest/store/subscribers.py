"""People, their ratings, and what they were sent."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, MutableMapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import sqlalchemy as sa
from pydantic import TypeAdapter

from digest.identity import combine, names, same_work, title_key
from digest.model import DeliveryState, Paper, Rating, Section, Subscriber, SubscriberState
from digest.ports import ReaderState
from digest.store import schema
from digest.store.database import Database, insert
from digest.store.papers import PaperTables, chunks

#: addresses are compared with those stored
TURN = "subscribers"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SUBSCRIBER = TypeAdapter(Subscriber)
_PAPER = TypeAdapter(Paper)
#: by reader and paper
Records = Mapping[str, Mapping[str, Paper]]


def row_of(subscriber: Subscriber) -> dict[str, Any]:
    return {
        "email": subscriber.email,
        "state": subscriber.state.value,
        "origin": subscriber.origin,
        "preferences": _SUBSCRIBER.dump_python(
            subscriber, mode="json", exclude={"link_generation"}
        ),
        "due_at": EPOCH,  # what was found about the reader need not hold any more
    }


def for_reader(shared: Paper | None, own: Paper | None) -> Paper | None:
    """What a reader's profile knows of a paper: what sources and services say, its gaps filled from
    the reader's own file. It is shown to nobody else."""
    if shared is None or own is None:
        return own if shared is None else shared
    if shared.abstract:
        return shared  # one object for all who like it
    return combine(shared, replace(own, version=None, source=""), shared.id)


def put_off(connection: sa.Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Rows of who, due_at and checked_at; in order, lest two that do this wait for each other."""
    table = schema.subscribers
    connection.execute(
        table.update()
        .where(table.c.id == sa.bindparam("who"))
        .values(due_at=sa.bindparam("due_at"), checked_at=sa.bindparam("checked_at")),
        sorted(rows, key=lambda row: str(row["who"])),
    )


def from_row(row: Any) -> Subscriber:
    return replace(
        _SUBSCRIBER.validate_python(row["preferences"]),
        id=row["id"],
        email=row["email"],
        state=SubscriberState(row["state"]),
        origin=row["origin"],
        link_generation=row["link_generation"],
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
        with self._db.write(TURN) as connection:
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
                table.update()
                .where(table.c.id == subscriber_id)
                .values(state=state.value, due_at=EPOCH)
            )

    def revoke_links(self, subscriber_id: str) -> None:
        table = schema.subscribers
        with self._db.write() as connection:
            connection.execute(
                table.update()
                .where(table.c.id == subscriber_id)
                .values(link_generation=table.c.link_generation + 1)
            )

    def ratings(self, subscriber_id: str) -> tuple[Rating, ...]:
        with self._db.read() as connection:
            found, _ = self._ratings_of(connection, [subscriber_id])
        return tuple(found.get(subscriber_id, {}).values())

    def rated_papers(self, subscriber_id: str, origin: str = "") -> dict[str, Paper]:
        """The papers that a reader rated, by the id they are rated under, as `for_reader` has them.

        Args:
            origin: only what this origin brought.
        """
        with self._db.read() as connection:
            ratings, records = self._ratings_of(connection, [subscriber_id], origin)
            ids = ratings.get(subscriber_id, {}).keys()
            shared, own = self._read(connection, ids), records.get(subscriber_id, {})
        found = {i: for_reader(shared.get(i), own.get(i)) for i in ids}
        return {i: paper for i, paper in found.items() if paper is not None}

    def add_ratings(self, ratings: Iterable[Rating]) -> None:
        with self._db.write() as connection:
            for r in ratings:
                row = {"value": r.value, "rated_at": r.rated_at}
                connection.execute(
                    insert(connection, schema.ratings)
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
        self,
        subscriber_id: str,
        origin: str,
        paper_ids: Collection[str],
        now: datetime,
        records: Mapping[str, Paper] | None = None,
    ) -> None:
        table = schema.ratings
        own = {
            i: _PAPER.dump_python(p, mode="json", exclude_defaults=True)
            for i, p in (records or {}).items()
        }
        mine = (table.c.subscriber_id == subscriber_id) & (table.c.origin == origin)
        with self._db.write() as connection:
            query = sa.select(table.c.paper_id, table.c.record).where(mine)
            known = {row.paper_id: row.record for row in connection.execute(query)}
            for part in chunks(known.keys() - set(paper_ids)):
                connection.execute(table.delete().where(mine, table.c.paper_id.in_(part)))
            for i in own.keys() & known.keys():
                if own[i] != known[i]:
                    changed = table.update().where(mine, table.c.paper_id == i)
                    connection.execute(changed.values(record=own[i]))
            added = [p for p in dict.fromkeys(paper_ids) if p not in known]
            if added:
                connection.execute(
                    insert(connection, table).on_conflict_do_nothing(),
                    [
                        {
                            "subscriber_id": subscriber_id,
                            "paper_id": paper_id,
                            "origin": origin,
                            "value": 1,
                            "rated_at": now,
                            "record": own.get(paper_id),
                        }
                        for paper_id in added
                    ],
                )

    def due(self, now: datetime, limit: int) -> tuple[Subscriber, ...]:
        table = schema.subscribers
        active = table.c.state == SubscriberState.ACTIVE.value
        query = (
            sa.select(table)
            .where(active, table.c.due_at <= now)
            .order_by(table.c.due_at, table.c.id)
            .limit(limit)
        )
        # Found out by a clock that was ahead: it does not hold.
        ahead = sa.select(table).where(active, table.c.checked_at > now).limit(limit)
        with self._db.read() as connection:
            rows = connection.execute(query).mappings().all()
            if len(rows) < limit:
                rows = [*rows, *connection.execute(ahead).mappings()]
            return tuple({r["id"]: from_row(r) for r in rows}.values())[:limit]

    def put_off(
        self,
        until: Mapping[str, datetime],
        now: datetime,
        also: Callable[[object], None] = lambda connection: None,
    ) -> None:
        if until:
            rows = [{"who": i, "due_at": at, "checked_at": now} for i, at in until.items()]
            with self._db.write() as connection:
                put_off(connection, rows)
                also(connection.connection.driver_connection)

    def subscribers_by_id(self, ids: Collection[str]) -> dict[str, Subscriber]:
        table = schema.subscribers
        found: dict[str, Subscriber] = {}
        with self._db.read() as connection:
            for part in chunks(ids):
                rows = connection.execute(sa.select(table).where(table.c.id.in_(part)))
                found |= {r["id"]: from_row(r) for r in rows.mappings()}
        return found

    def find_subscribers(
        self, text: str = "", *, offset: int = 0, limit: int = 100
    ) -> tuple[tuple[Subscriber, ...], int]:
        table = schema.subscribers
        found = sa.func.lower(table.c.email).contains(text.lower(), autoescape=True)
        order = (table.c.created_at, table.c.id)
        page = sa.select(table).where(found).order_by(*order).offset(offset).limit(limit)
        with self._db.read() as connection:
            rows = connection.execute(page).mappings().all()
            n = connection.scalar(sa.select(sa.func.count()).select_from(table).where(found))
        return tuple(from_row(r) for r in rows), n or 0

    def subscriber_counts(self) -> dict[str, int]:
        """Subscribers by state."""
        table = schema.subscribers
        query = sa.select(table.c.state, sa.func.count()).group_by(table.c.state)
        with self._db.read() as connection:
            return {str(state): int(n) for state, n in connection.execute(query)}

    def reader_state(self, subscriber_id: str, edition_date: date) -> ReaderState:
        return self.reader_states([subscriber_id], edition_date)[subscriber_id]

    def reader_states(
        self,
        subscriber_ids: Sequence[str],
        edition_date: date,
        *,
        known: MutableMapping[str, Paper] | None = None,
        listed_since: datetime | None = None,
    ) -> dict[str, ReaderState]:
        papers = {} if known is None else known
        states: dict[str, ReaderState] = {}
        with self._db.read() as connection:
            for part in chunks(subscriber_ids):
                ratings, records = self._ratings_of(connection, part)
                missing = {
                    r.paper_id for found in ratings.values() for r in found.values()
                } - papers.keys()
                papers.update(self._read(connection, missing))
                named = self._named(connection, records)
                sent = self._sent_to(connection, part, edition_date, listed_since)
                considered = self._considered(connection, part, edition_date)
                for who in part:
                    own = records.get(who, {})
                    rated = [
                        (r, paper)
                        for r in ratings.get(who, {}).values()
                        if (paper := for_reader(papers.get(r.paper_id), own.get(r.paper_id)))
                    ]
                    picks = sent.get(who, ())
                    cursor, to = considered.get(who, (None, None))
                    states[who] = ReaderState(
                        liked=tuple(paper for r, paper in rated if r.value > 0),
                        liked_at=tuple(r.rated_at for r, _ in rated if r.value > 0),
                        # "fewer like this" counts as often as its value says
                        disliked=tuple(paper for r, paper in rated for _ in range(-r.value)),
                        named=named.get(who, frozenset()),
                        sent=frozenset(i for i, _ in picks),
                        told=frozenset(i for i, section in picks if section == Section.PUBLISHED),
                        cursor=cursor,
                        considered_to=to,
                    )
        return states

    def _named(self, connection: sa.Connection, records: Records) -> dict[str, frozenset[str]]:
        """By reader the stored papers that their own records are about, whatever else those are
        called: a paper that stands in a library is not news, under none of its names."""
        called = {
            who: {p.id: {n for n in (*names(p), title_key(p)) if n} for p in own.values()}
            for who, own in records.items()
        }
        owners = self._owners(
            connection, {n for of in called.values() for ns in of.values() for n in ns}
        )
        like = {i for n, ids in owners.items() if n.startswith("title:") for i in ids}
        rivals = self._read(connection, like)
        found: dict[str, frozenset[str]] = {}
        for who, own in records.items():
            ids: set[str] = set()
            for paper in own.values():
                for name in called[who][paper.id]:
                    for i in owners.get(name, ()):
                        if not name.startswith("title:") or same_work(rivals[i], paper):
                            ids.add(i)
            found[who] = frozenset(ids)
        return found

    @staticmethod
    def _ratings_of(
        connection: sa.Connection, subscriber_ids: Collection[str], origin: str = ""
    ) -> tuple[dict[str, dict[str, Rating]], dict[str, dict[str, Paper]]]:
        """By reader and paper the latest rating of any origin, in the order of rating; and what
        the reader's own files say of the paper."""
        table = schema.ratings
        query = (
            sa.select(table)
            .where(table.c.subscriber_id.in_(subscriber_ids))
            # what a reader did outweighs a file of the same moment
            .order_by(
                table.c.rated_at,
                sa.case((table.c.origin.startswith("config"), 0), else_=1),
                table.c.paper_id,
            )
        )
        if origin:
            query = query.where(table.c.origin == origin)
        found: dict[str, dict[str, Rating]] = {}
        records: dict[str, dict[str, Paper]] = {}
        for who, paper_id, said_by, value, rated_at, record in connection.execute(query):
            found.setdefault(who, {})[paper_id] = Rating(
                subscriber_id=who, paper_id=paper_id, value=value, rated_at=rated_at, origin=said_by
            )
            if record is not None:
                paper = _PAPER.validate_python(record)
                before = records.setdefault(who, {}).get(paper_id)
                records[who][paper_id] = paper if before is None else combine(before, paper)
        return found, records

    @staticmethod
    def _sent_to(
        connection: sa.Connection,
        subscriber_ids: Collection[str],
        edition_date: date,
        listed_since: datetime | None,
    ) -> dict[str, list[tuple[str, str]]]:
        """Papers and sections in editions of other dates."""
        picks, mentions = schema.edition_picks, schema.mentions
        query = sa.select(picks.c.subscriber_id, picks.c.paper_id, picks.c.section).where(
            picks.c.subscriber_id.in_(subscriber_ids),
            picks.c.edition_date != edition_date,
            ~_undelivered_before(edition_date)(picks),
        )
        if listed_since is not None:
            listed = sa.exists().where(
                mentions.c.paper_id == picks.c.paper_id, mentions.c.first_seen >= listed_since
            )
            query = query.where(listed)
        found: dict[str, list[tuple[str, str]]] = {}
        for who, paper_id, section in connection.execute(query):
            found.setdefault(who, []).append((paper_id, section))
        return found

    @staticmethod
    def _considered(
        connection: sa.Connection, subscriber_ids: Collection[str], edition_date: date
    ) -> dict[str, tuple[int | None, date | None]]:
        """Up to which mention and date each reader's earlier editions looked."""
        editions, empty = schema.editions, schema.empty_days
        found: dict[str, tuple[int | None, date | None]] = {}
        for table, held in (
            (editions, [~_undelivered_before(edition_date)(editions)]),
            (empty, []),
        ):
            query = (
                sa.select(
                    table.c.subscriber_id,
                    sa.func.max(table.c.cursor),
                    sa.func.max(table.c.edition_date),
                )
                .where(
                    table.c.subscriber_id.in_(subscriber_ids),
                    table.c.edition_date < edition_date,
                    *held,
                )
                .group_by(table.c.subscriber_id)
            )
            for who, cursor, day in connection.execute(query):
                before = found.get(who, (None, None))
                found[who] = (
                    max((c for c in (cursor, before[0]) if c is not None), default=None),
                    max((d for d in (day, before[1]) if d is not None), default=None),
                )
        return found

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
                    insert(connection, schema.unresolved)
                    .values(ref=ref, **row)
                    .on_conflict_do_update(index_elements=["ref"], set_=row)
                )
