"""What readers keep for later, and how often their mails reminded them of it."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime

import sqlalchemy as sa

from digest.model import Kept, Section
from digest.store import schema
from digest.store.database import Database, insert
from digest.store.paper_rows import read_papers

_table = schema.reading_list


def kept(
    connection: sa.Connection,
    subscriber_ids: Collection[str],
    edition_date: date | None = None,
    as_of: datetime | None = None,
) -> dict[str, tuple[Kept, ...]]:
    """By reader what they kept and have not rated since, the earliest first.

    Args:
        edition_date: editions of this date and later ones have shown nothing yet.
        as_of: what was kept or rated later is left out.
    """
    rated, picks = schema.ratings, schema.edition_picks
    done = sa.exists().where(
        rated.c.subscriber_id == _table.c.subscriber_id,
        rated.c.paper_id == _table.c.paper_id,
        rated.c.rated_at >= _table.c.added_at,
        *([rated.c.rated_at <= as_of] if as_of else []),
    )
    shown = sa.and_(
        picks.c.subscriber_id == _table.c.subscriber_id,
        picks.c.paper_id == _table.c.paper_id,
        picks.c.section == Section.LATER.value,
        *([picks.c.edition_date < edition_date] if edition_date else []),
    )
    query = (
        sa.select(
            _table,
            sa.func.count(picks.c.edition_date).label("n_shown"),
            sa.func.max(picks.c.edition_date).label("shown_on"),
        )
        .outerjoin(picks, shown)
        .where(_table.c.subscriber_id.in_(subscriber_ids), ~done)
        .group_by(*_table.c)
        .order_by(_table.c.added_at, _table.c.paper_id)
    )
    if as_of is not None:
        query = query.where(_table.c.added_at <= as_of)
    rows = connection.execute(query).all()
    papers = read_papers(connection, {r.paper_id for r in rows})
    found: dict[str, tuple[Kept, ...]] = {}
    for row in rows:
        if row.paper_id in papers:
            entry = Kept(
                paper=papers[row.paper_id],
                added_at=row.added_at,
                n_shown=row.n_shown,
                shown_on=row.shown_on,
            )
            found[row.subscriber_id] = (*found.get(row.subscriber_id, ()), entry)
    return found


class ReadingList:
    """What readers keep for later; a rating takes it off."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def of(self, subscriber_id: str) -> tuple[Kept, ...]:
        """The earliest first."""
        with self._db.read() as connection:
            return kept(connection, [subscriber_id]).get(subscriber_id, ())

    def liked_since(
        self, subscriber_ids: Collection[str], since: datetime
    ) -> dict[str, frozenset[str]]:
        """What each of some readers liked themselves, by mail, page or command, and still does."""
        rated = schema.ratings
        query = sa.select(rated.c.subscriber_id, rated.c.paper_id).where(
            rated.c.subscriber_id.in_(subscriber_ids),
            rated.c.rated_at >= since,
            rated.c.value > 0,
            rated.c.origin.in_(["mail", "web", "cli"]),
        )
        found: dict[str, set[str]] = {}
        with self._db.read() as connection:
            for who, paper_id in connection.execute(query):
                found.setdefault(who, set()).add(paper_id)
        return {who: frozenset(ids) for who, ids in found.items()}

    def add(self, subscriber_id: str, paper_id: str, now: datetime) -> None:
        """Keep a paper; one that stands there already stays as it is, unless it was rated since:
        then it is kept anew."""
        with self._db.write() as connection:
            if any(
                k.paper.id == paper_id
                for k in kept(connection, [subscriber_id]).get(subscriber_id, ())
            ):
                return
            connection.execute(
                insert(connection, _table)
                .values(subscriber_id=subscriber_id, paper_id=paper_id, added_at=now)
                .on_conflict_do_update(
                    index_elements=["subscriber_id", "paper_id"], set_={"added_at": now}
                )
            )

    def remove(self, subscriber_id: str, paper_id: str) -> bool:
        """Whether it stood there."""
        query = _table.delete().where(
            _table.c.subscriber_id == subscriber_id, _table.c.paper_id == paper_id
        )
        with self._db.write() as connection:
            return bool(connection.execute(query).rowcount)
