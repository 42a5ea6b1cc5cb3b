"""What readers like and dislike, and what their editions are chosen by."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, MutableMapping, Sequence
from dataclasses import replace
from datetime import date, datetime

import sqlalchemy as sa
from pydantic import TypeAdapter

from digest.identity import combine
from digest.model import (
    Paper,
    Rating,
    ReaderState,
    Section,
)
from digest.store import reader_states, reading_list, schema
from digest.store.database import Database, chunks, insert
from digest.store.paper_rows import read_papers

_PAPER = TypeAdapter(Paper)
#: how origins of a reader's libraries begin
LIBRARIES = ("config:", "import:")


def for_reader(shared: Paper | None, own: Paper | None) -> Paper | None:
    """What a reader's profile knows of a paper: what sources and services say, its gaps filled from
    the reader's own file. It is shown to nobody else."""
    if shared is None or own is None:
        return own if shared is None else shared
    if shared.abstract:
        return shared  # one object for all who like it
    return combine(shared, replace(own, version=None, source=""), shared.id)


def _ratings_of(
    connection: sa.Connection,
    subscriber_ids: Collection[str],
    origin: str = "",
    as_of: datetime | None = None,
) -> tuple[dict[str, dict[str, Rating]], dict[str, dict[str, Paper]]]:
    """By reader and paper the rating that counts, in the order of rating; and what the reader's own
    files say of the paper.

    What readers say outweighs what stands in their libraries, whenever it came; of what they say,
    and write into the configuration, the latest counts.
    """
    table = schema.ratings
    query = (
        sa.select(table)
        .where(table.c.subscriber_id.in_(subscriber_ids))
        .order_by(
            sa.case((sa.or_(*(table.c.origin.startswith(o) for o in LIBRARIES)), 0), else_=1),
            table.c.rated_at,
            # what a reader did outweighs a file of the same moment
            sa.case((table.c.origin.startswith("config"), 0), else_=1),
            table.c.paper_id,
        )
    )
    if origin:
        query = query.where(table.c.origin == origin)
    if as_of is not None:
        query = query.where(table.c.rated_at <= as_of)
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
    in_order = {
        who: dict(sorted(rated.items(), key=lambda item: (item[1].rated_at, item[0])))
        for who, rated in found.items()
    }
    return in_order, records


class Ratings:
    """What readers like and dislike, and what their editions are chosen by."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def of(self, subscriber_id: str) -> tuple[Rating, ...]:
        """One a paper: the latest of any origin."""
        with self._db.read() as connection:
            found, _ = _ratings_of(connection, [subscriber_id])
        return tuple(found.get(subscriber_id, {}).values())

    def papers_of(self, subscriber_id: str, origin: str = "") -> dict[str, Paper]:
        """The papers that a reader rated, by the id they are rated under, as `for_reader` has them.

        Args:
            origin: only what this origin brought.
        """
        with self._db.read() as connection:
            ratings, records = _ratings_of(connection, [subscriber_id], origin)
            ids = ratings.get(subscriber_id, {}).keys()
            shared, own = read_papers(connection, ids), records.get(subscriber_id, {})
        found = {i: for_reader(shared.get(i), own.get(i)) for i in ids}
        return {i: paper for i, paper in found.items() if paper is not None}

    def add(self, ratings: Iterable[Rating]) -> None:
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

    def by_origin(self, subscriber_id: str) -> dict[str, frozenset[str]]:
        """Papers rated, by where the rating came from."""
        table = schema.ratings
        query = sa.select(table.c.origin, table.c.paper_id).where(
            table.c.subscriber_id == subscriber_id
        )
        found: dict[str, set[str]] = {}
        with self._db.read() as connection:
            for origin, paper_id in connection.execute(query):
                found.setdefault(origin, set()).add(paper_id)
        return {origin: frozenset(ids) for origin, ids in found.items()}

    def remove(self, subscriber_id: str, paper_id: str, *, keep: str, only: str = "") -> int:
        """Forget a reader's ratings of a paper.

        Args:
            keep: of this origin and its parts ("keep:…") they stay.
            only: of this origin alone they go.
        """
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

    def sync(
        self,
        subscriber_id: str,
        origin: str,
        paper_ids: Collection[str],
        now: datetime,
        records: Mapping[str, Paper] | None = None,
        *,
        added: Mapping[str, datetime] | None = None,
        counts: bool = True,
    ) -> None:
        """Make the likes of one origin equal to `paper_ids`; known ones keep their date.

        Args:
            records: what the reader's own file says of some of them; see `rated_papers`.
            added: when the reader took some of them in, where that is known.
            counts: whether they are likes; else they are only known to the reader.
        """
        value, dates = int(counts), {i: min(at, now) for i, at in (added or {}).items()}
        table = schema.ratings
        own = {
            i: _PAPER.dump_python(p, mode="json", exclude_defaults=True)
            for i, p in (records or {}).items()
        }
        mine = (table.c.subscriber_id == subscriber_id) & (table.c.origin == origin)
        with self._db.write() as connection:
            query = sa.select(table).where(mine)
            rows = {row.paper_id: row for row in connection.execute(query)}
            known = {i: row.record for i, row in rows.items()}
            if any(row.value != value for row in rows.values()):
                connection.execute(table.update().where(mine).values(value=value))
            for i in dates.keys() & rows.keys():
                if rows[i].rated_at != dates[i]:
                    moved = table.update().where(mine, table.c.paper_id == i)
                    connection.execute(moved.values(rated_at=dates[i]))
            for part in chunks(known.keys() - set(paper_ids)):
                connection.execute(table.delete().where(mine, table.c.paper_id.in_(part)))
            for i in own.keys() & known.keys():
                if own[i] != known[i]:
                    changed = table.update().where(mine, table.c.paper_id == i)
                    connection.execute(changed.values(record=own[i]))
            missing = [p for p in dict.fromkeys(paper_ids) if p not in known]
            if missing:
                connection.execute(
                    insert(connection, table).on_conflict_do_nothing(),
                    [
                        {
                            "subscriber_id": subscriber_id,
                            "paper_id": paper_id,
                            "origin": origin,
                            "value": value,
                            "rated_at": dates.get(paper_id, now),
                            "record": own.get(paper_id),
                        }
                        for paper_id in missing
                    ],
                )

    def reader_state(
        self, subscriber_id: str, edition_date: date, *, as_of: datetime | None = None
    ) -> ReaderState:
        """What an edition of a date is chosen by; see `reader_states`."""
        return self.reader_states([subscriber_id], edition_date, as_of=as_of)[subscriber_id]

    def reader_states(
        self,
        subscriber_ids: Sequence[str],
        edition_date: date,
        *,
        known: MutableMapping[str, Paper] | None = None,
        listed_since: datetime | None = None,
        as_of: datetime | None = None,
    ) -> dict[str, ReaderState]:
        """What editions of a date are chosen by, for many readers.

        Args:
            known: papers that were read before; those read now are added.
            listed_since: of what they were sent, only what was listed since then is of interest.
            as_of: an earlier moment: what was rated or sent after it is left out.
        """
        papers = {} if known is None else known
        states: dict[str, ReaderState] = {}
        with self._db.read() as connection:
            for part in chunks(subscriber_ids):
                ratings, records = _ratings_of(connection, part, as_of=as_of)
                missing = {
                    r.paper_id for found in ratings.values() for r in found.values()
                } - papers.keys()
                papers.update(read_papers(connection, missing))
                named = reader_states.named(connection, records)
                labelled = reader_states.labelled(connection, part)
                sent = reader_states.sent_to(connection, part, edition_date, listed_since, as_of)
                kept_by = reading_list.kept(connection, part, edition_date, as_of)
                considered = reader_states.considered(connection, part, edition_date)
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
                        disliked=tuple(paper for r, paper in rated if r.value < 0),
                        disliked_at=tuple(r.rated_at for r, _ in rated if r.value < 0),
                        dislike_weights=tuple(float(-r.value) for r, _ in rated if r.value < 0),
                        labelled=labelled.get(who, {}),
                        named=named.get(who, frozenset())
                        | {r.paper_id for r, _ in rated if not r.value},
                        sent=frozenset(i for i, _ in picks),
                        told=frozenset(i for i, section in picks if section == Section.PUBLISHED),
                        kept=kept_by.get(who, ()),
                        cursor=cursor,
                        considered_to=to,
                    )
        return states

    def unresolved(self, refs: Collection[str], since: datetime) -> dict[str, str]:
        """References that could not be resolved at or after `since`, with the reason."""
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
