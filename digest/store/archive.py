"""What was listed when, and which editions were made of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from digest.model import (
    Basis,
    Listed,
    Paper,
    Pick,
    PickEntry,
    Reason,
    ReasonKind,
    Section,
    StoredEdition,
    Team,
)
from digest.store import schema
from digest.store.database import Database
from digest.store.paper_rows import to_paper


def to_reasons(found: list[dict[str, Any]]) -> tuple[Reason, ...]:
    return tuple(
        Reason(
            kind=ReasonKind(r["kind"]),
            evidence=tuple(r["evidence"]),
            contribution=r["contribution"],
        )
        for r in found
    )


class Archive:
    """What was listed when, and the editions that were made of it, to be looked at."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def state(self) -> tuple[int, int]:
        """The positions of the latest mention and of the latest run, 0 if there is none: others
        whenever a page may have changed."""
        mentions, runs = schema.mentions, schema.runs
        query = sa.select(
            sa.select(sa.func.max(mentions.c.id)).scalar_subquery(),
            sa.select(sa.func.max(runs.c.id)).scalar_subquery(),
        )
        with self._db.read() as connection:
            mention, run = connection.execute(query).one()
        return mention or 0, run or 0

    def listed_on(self, day: date) -> tuple[Listed, ...]:
        """The papers of one listing day, in the order of arrival."""
        table, papers = schema.mentions, schema.papers
        query = (
            sa.select(
                papers,
                table.c.source.label("listed_by"),
                table.c.announce_type.label("listed_as"),
            )
            .join(papers, papers.c.id == table.c.paper_id)
            .where(table.c.listed_on == day)
            .order_by(table.c.id)
        )
        found: dict[str, Listed] = {}
        with self._db.read() as connection:
            for row in connection.execute(query).mappings():
                known = found.get(row["id"])
                if known is None:
                    found[row["id"]] = Listed(
                        paper=to_paper(row),
                        sources=(row["listed_by"],),
                        announce_type=row["listed_as"],
                    )
                    continue
                kinds = {known.announce_type, row["listed_as"]}
                found[row["id"]] = replace(
                    known,
                    sources=tuple(dict.fromkeys((*known.sources, row["listed_by"]))),
                    announce_type="new" if "new" in kinds else known.announce_type,
                )
        return tuple(found.values())

    def days(self, until: date, limit: int) -> tuple[tuple[date, int], ...]:
        """The latest days with papers, newest first, and how many each had."""
        table = schema.mentions
        query = (
            sa.select(table.c.listed_on, sa.func.count(table.c.paper_id.distinct()))
            .where(table.c.listed_on <= until)
            .group_by(table.c.listed_on)
            .order_by(table.c.listed_on.desc())
            .limit(limit)
        )
        with self._db.read() as connection:
            return tuple((day, n) for day, n in connection.execute(query))

    def previous_day(self, day: date) -> date | None:
        """The last day with papers before this one."""
        table = schema.mentions
        query = sa.select(sa.func.max(table.c.listed_on)).where(table.c.listed_on < day)
        with self._db.read() as connection:
            found: date | None = connection.scalar(query)
        return found

    def next_day(self, day: date) -> date | None:
        """The first day with papers after this one."""
        table = schema.mentions
        query = sa.select(sa.func.min(table.c.listed_on)).where(table.c.listed_on > day)
        with self._db.read() as connection:
            found: date | None = connection.scalar(query)
        return found

    def after(self, position: int, limit: int) -> tuple[tuple[int, Paper], ...]:
        # What only somebody likes was listed nowhere, and is nobody else's business.
        """Papers that were listed, in the order in which they first were, each with its position,
        behind one."""
        table, papers = schema.mentions, schema.papers
        earlier = table.alias()
        first = ~sa.exists().where(
            earlier.c.paper_id == table.c.paper_id, earlier.c.id < table.c.id
        )
        query = (
            sa.select(papers, table.c.id.label("at"))
            .join(papers, papers.c.id == table.c.paper_id)
            .where(table.c.id > position, first)
            .order_by(table.c.id)
            .limit(limit)
        )
        with self._db.read() as connection:
            rows = connection.execute(query).mappings()
            return tuple((r["at"], to_paper(r)) for r in rows)

    def latest(self, limit: int) -> tuple[Paper, ...]:
        """The latest papers that a listing mentioned, newest first."""
        table, mentions = schema.papers, schema.mentions
        latest = (
            sa.select(mentions.c.paper_id, sa.func.max(mentions.c.id).label("last"))
            .group_by(mentions.c.paper_id)
            .order_by(sa.desc("last"))
            .limit(limit)
            .subquery()
        )
        query = (
            sa.select(table)
            .join(latest, latest.c.paper_id == table.c.id)
            .order_by(latest.c.last.desc())
        )
        with self._db.read() as connection:
            return tuple(to_paper(row) for row in connection.execute(query).mappings())

    def listing_dates(self, since: datetime) -> tuple[date, ...]:
        """Dates of listings that came in since then, the latest first."""
        table = schema.mentions
        query = sa.select(table.c.listed_on).where(table.c.first_seen >= since).distinct()
        with self._db.read() as connection:
            return tuple(sorted(connection.scalars(query), reverse=True))

    def editions_of(self, subscriber_id: str, limit: int) -> tuple[StoredEdition, ...]:
        """The latest editions of one reader, the newest first."""
        table = schema.editions
        query = (
            sa.select(table)
            .where(table.c.subscriber_id == subscriber_id, table.c.kind == "edition")
            .order_by(table.c.edition_date.desc())
            .limit(limit)
        )
        with self._db.read() as connection:
            rows = connection.execute(query).mappings().all()
            return tuple(self._stored_edition(connection, r) for r in rows)

    def edition_of(self, subscriber_id: str, day: date) -> StoredEdition | None:
        """One reader's edition of a date."""
        table = schema.editions
        query = sa.select(table).where(
            table.c.subscriber_id == subscriber_id,
            table.c.edition_date == day,
            table.c.kind == "edition",
        )
        with self._db.read() as connection:
            row = connection.execute(query).mappings().first()
            return self._stored_edition(connection, row) if row else None

    @staticmethod
    def _stored_edition(connection: sa.Connection, row: sa.RowMapping) -> StoredEdition:
        picks, papers = schema.edition_picks, schema.papers
        query = (
            sa.select(
                papers,
                picks.c.rank,
                picks.c.section,
                picks.c.interest,
                picks.c.team,
                picks.c.score,
                picks.c.percentile,
                picks.c.reasons,
            )
            .join(papers, papers.c.id == picks.c.paper_id)
            .where(
                picks.c.subscriber_id == row["subscriber_id"],
                picks.c.edition_date == row["edition_date"],
                picks.c.kind == row["kind"],
            )
            .order_by(picks.c.rank)
        )
        return StoredEdition(
            edition_date=row["edition_date"],
            subject=row["subject"],
            basis=Basis(row["basis"]),
            n_new=row["n_new"],
            composed_at=row["composed_at"],
            picks=tuple(
                Pick(
                    paper=to_paper(r),
                    score=r["score"],
                    percentile=r["percentile"],
                    rank=r["rank"],
                    section=Section(r["section"]),
                    interest=r["interest"],
                    team=Team(r["team"]),
                    reasons=to_reasons(r["reasons"]),
                )
                for r in connection.execute(query).mappings()
            ),
        )

    def team_picks(self, subscriber_id: str) -> tuple[tuple[date, Team, bool], ...]:
        """What either of two rankers chose for a reader: the date, whose choice, whether liked."""
        picks, rated = schema.edition_picks, schema.ratings
        liked = sa.exists().where(
            rated.c.subscriber_id == picks.c.subscriber_id,
            rated.c.paper_id == picks.c.paper_id,
            rated.c.value > 0,
        )
        query = (
            sa.select(picks.c.edition_date, picks.c.team, liked.label("liked"))
            .where(picks.c.subscriber_id == subscriber_id, picks.c.team != "")
            .order_by(picks.c.edition_date, picks.c.rank)
        )
        with self._db.read() as connection:
            return tuple((d, Team(t), bool(liked)) for d, t, liked in connection.execute(query))

    def picks_of(self, paper_id: str) -> tuple[PickEntry, ...]:
        """The editions that a paper stood in, the latest first."""
        table = schema.edition_picks
        query = (
            sa.select(table)
            .where(table.c.paper_id == paper_id)
            .order_by(table.c.edition_date.desc(), table.c.subscriber_id)
        )
        with self._db.read() as connection:
            return tuple(
                PickEntry(
                    subscriber_id=r["subscriber_id"],
                    edition_date=r["edition_date"],
                    rank=r["rank"],
                    section=r["section"],
                    score=r["score"],
                    percentile=r["percentile"],
                    reasons=to_reasons(r["reasons"]),
                )
                for r in connection.execute(query).mappings()
            )
