"""Weeks and months of listings."""

from __future__ import annotations

from datetime import date

import sqlalchemy as sa

from digest.model import Paper
from digest.store import schema
from digest.store.database import Database
from digest.store.paper_rows import to_paper


class Periods:
    """What was listed in some time."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def days_between(self, first: date, last: date) -> tuple[tuple[date, int], ...]:
        """The days of a time that have papers, in order, and how many each has."""
        table = schema.mentions
        query = (
            sa.select(table.c.listed_on, sa.func.count(table.c.paper_id.distinct()))
            .where(table.c.listed_on.between(first, last))
            .group_by(table.c.listed_on)
            .order_by(table.c.listed_on)
        )
        with self._db.read() as connection:
            return tuple((day, n) for day, n in connection.execute(query))

    def most_voted(self, first: date, last: date, limit: int) -> tuple[Paper, ...]:
        """Papers listed in some time that readers voted for, most votes first."""
        table, papers = schema.mentions, schema.papers
        listed = sa.exists().where(
            table.c.paper_id == papers.c.id, table.c.listed_on.between(first, last)
        )
        # few papers have votes; the others need not be read to see that
        voted = sa.and_(
            sa.cast(papers.c.signals, sa.Text).like('%"upvotes": %'),
            ~sa.cast(papers.c.signals, sa.Text).like('%"upvotes": null%'),
        )
        with self._db.read() as connection:
            rows = connection.execute(sa.select(papers).where(listed, voted)).mappings()
            found = [to_paper(row) for row in rows]
        found.sort(key=lambda p: (-(p.signals.upvotes or 0), p.id))
        return tuple(p for p in found[:limit] if p.signals.upvotes)
