"""What became of dates and mails, to be looked at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime

import sqlalchemy as sa

from digest.model import (
    Decision,
    Delivery,
    DeliveryKey,
    DeliveryState,
    EditionKind,
    EditionStatus,
    HistoryEntry,
)
from digest.store import schema
from digest.store.database import Database, chunks
from digest.store.rows import WHOLE, has_key, to_delivery

_table = schema.deliveries


class History:
    """What became of dates and mails, to be looked at."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def delivery(self, key: DeliveryKey) -> Delivery | None:
        with self._db.read() as connection:
            row = connection.execute(WHOLE.where(has_key(key))).mappings().first()
            return to_delivery(row) if row else None

    def by_message_id(self, message_id: str) -> Delivery | None:
        query = WHOLE.where(_table.c.message_id == message_id)
        with self._db.read() as connection:
            row = connection.execute(query).mappings().first()
            return to_delivery(row) if row else None

    def deliveries(
        self, states: Sequence[DeliveryState] = (), subscriber_id: str = "", limit: int = 50
    ) -> tuple[Delivery, ...]:
        """The latest first."""
        query = WHOLE.order_by(_table.c.planned_at.desc(), _table.c.message_id)
        if states:
            query = query.where(_table.c.state.in_([s.value for s in states]))
        if subscriber_id:
            query = query.where(_table.c.subscriber_id == subscriber_id)
        with self._db.read() as connection:
            return tuple(to_delivery(r) for r in connection.execute(query.limit(limit)).mappings())

    def edition_statuses(self, days: Mapping[str, date]) -> dict[str, EditionStatus]:
        """How it stands with each reader's edition of their date."""
        empty = schema.empty_days
        found: dict[str, EditionStatus] = {}
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
                planned = {(r["subscriber_id"], r["edition_date"]): to_delivery(r) for r in mails}
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
                    found[who] = EditionStatus(
                        latest=latest.get(who),
                        delivery=planned.get(key),
                        empty=key in nothing,
                        again_at=nothing.get(key),
                    )
        return found

    def of(self, subscriber_id: str, limit: int) -> tuple[HistoryEntry, ...]:
        """What came of the latest dates, newest first."""
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

    def counts(self) -> dict[str, int]:
        """Mails by state."""
        query = sa.select(_table.c.state, sa.func.count()).group_by(_table.c.state)
        with self._db.read() as connection:
            return {str(row[0]): int(row[1]) for row in connection.execute(query)}

    def settled_since(self, since: datetime) -> tuple[int, datetime | None]:
        """How many mails were settled from then on, and when the first of them was."""
        query = sa.select(sa.func.count(), sa.func.min(_table.c.settled_at)).where(
            _table.c.settled_at >= since
        )
        with self._db.read() as connection:
            n, first = connection.execute(query).one()
        return int(n), first

    def decisions(self, subscriber_id: str) -> tuple[Decision, ...]:
        """When each edition of a reader, or its absence, was decided; the earliest date first."""
        editions, empty = schema.editions, schema.empty_days
        with self._db.read() as connection:
            found = [
                Decision(edition_date=day, decided_at=at, cursor=cursor)
                for table, at in ((editions, editions.c.composed_at), (empty, empty.c.decided_at))
                for day, at, cursor in connection.execute(
                    sa.select(table.c.edition_date, at, table.c.cursor).where(
                        table.c.subscriber_id == subscriber_id
                    )
                )
            ]
        return tuple(sorted(found, key=lambda d: d.edition_date))
