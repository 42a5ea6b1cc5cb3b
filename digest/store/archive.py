"""What was listed when, for the web side; and who asked to join there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from digest.model import Basis, Paper, Pick, Section, Subscriber
from digest.ports import Listed, Signup, StoredEdition
from digest.store import schema
from digest.store.database import Database
from digest.store.papers import to_paper, to_reasons
from digest.store.subscribers import TURN, from_row, row_of

#: tables with rows about one subscriber
_ABOUT_SUBSCRIBERS = (
    schema.ratings,
    schema.edition_picks,
    schema.editions,
    schema.empty_days,
    schema.deliveries,
    schema.strikes,
)
_SIGNUP = [c for c in schema.signups.c if c.name != "next_at"]


class ArchiveTables:
    """The part of the store that implements `ports.Archive` and `ports.SignupStore`."""

    _db: Database
    _new_id: Callable[[], str]

    # --- what was listed -----------------------------------------------------------------------

    def state(self) -> str:
        mentions, runs = schema.mentions, schema.runs
        query = sa.select(
            sa.select(sa.func.max(mentions.c.id)).scalar_subquery(),
            sa.select(sa.func.max(runs.c.id)).scalar_subquery(),
        )
        with self._db.read() as connection:
            return ".".join(str(n or 0) for n in connection.execute(query).one())

    def listed_on(self, day: date) -> tuple[Listed, ...]:
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
        table = schema.mentions
        query = sa.select(sa.func.max(table.c.listed_on)).where(table.c.listed_on < day)
        with self._db.read() as connection:
            found: date | None = connection.scalar(query)
        return found

    def next_day(self, day: date) -> date | None:
        table = schema.mentions
        query = sa.select(sa.func.min(table.c.listed_on)).where(table.c.listed_on > day)
        with self._db.read() as connection:
            found: date | None = connection.scalar(query)
        return found

    def after(self, position: int, limit: int) -> tuple[tuple[int, Paper], ...]:
        # What only somebody likes was listed nowhere, and is nobody else's business.
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
                    reasons=to_reasons(r["reasons"]),
                )
                for r in connection.execute(query).mappings()
            ),
        )

    # --- requests to join ----------------------------------------------------------------------

    def add_signup(self, signup: Signup) -> None:
        with self._db.write() as connection:
            connection.execute(
                schema.signups.insert().values(
                    id=signup.id,
                    email=signup.email,
                    client=signup.client,
                    wanted=dict(signup.wanted),
                    state=signup.state,
                    asked_at=signup.asked_at,
                    next_at=signup.asked_at,
                )
            )

    def signup(self, signup_id: str) -> Signup | None:
        query = sa.select(*_SIGNUP).where(schema.signups.c.id == signup_id)
        with self._db.read() as connection:
            row = connection.execute(query).mappings().first()
        return Signup(**row) if row else None

    def signups_since(self, since: datetime, *, email: str = "", client: str = "") -> int:
        table = schema.signups
        query = sa.select(sa.func.count()).select_from(table).where(table.c.asked_at >= since)
        if email:  # one that got no letter must not keep the next from getting one
            query = query.where(
                sa.func.lower(table.c.email) == email.lower(), table.c.state != "quiet"
            )
        if client:
            query = query.where(table.c.client == client)
        with self._db.read() as connection:
            return connection.scalar(query) or 0

    def signup_bytes(self) -> int:
        table = schema.signups
        held = sa.func.sum(sa.func.length(sa.cast(table.c.wanted, sa.Text)))
        query = sa.select(held).where(table.c.state.in_(("asked", "mailed", "confirmed")))
        with self._db.read() as connection:
            return int(connection.scalar(query) or 0)

    def take_signup(self, now: datetime, again_at: datetime) -> Signup | None:
        table = schema.signups
        due = (
            sa.select(table.c.id)
            .where(table.c.state == "asked", table.c.next_at <= now)
            .order_by(table.c.next_at)
            .limit(1)
            .with_for_update(skip_locked=True)
        )
        with self._db.write() as connection:
            row = (
                connection.execute(
                    table.update()
                    .where(table.c.id.in_(due.scalar_subquery()))
                    .values(next_at=again_at, attempts=table.c.attempts + 1)
                    .returning(*_SIGNUP)
                )
                .mappings()
                .first()
            )
        return Signup(**row) if row else None

    def mark_signup(self, signup_id: str, state: str, next_at: datetime | None) -> None:
        table = schema.signups
        values: dict[str, Any] = {"state": state, "next_at": next_at}
        if state == "done":
            values["wanted"] = {}  # its likes have a place of their own now
        with self._db.write() as connection:
            connection.execute(table.update().where(table.c.id == signup_id).values(**values))

    def signups_in(self, state: str) -> tuple[Signup, ...]:
        query = sa.select(*_SIGNUP).where(schema.signups.c.state == state)
        with self._db.read() as connection:
            return tuple(Signup(**r) for r in connection.execute(query).mappings())

    # --- who joined ----------------------------------------------------------------------------

    def add_subscriber(self, subscriber: Subscriber, now: datetime) -> Subscriber:
        table = schema.subscribers
        with self._db.write(TURN) as connection:
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

    def save_subscriber(self, subscriber: Subscriber) -> None:
        table = schema.subscribers
        with self._db.write() as connection:
            connection.execute(
                table.update().where(table.c.id == subscriber.id).values(**row_of(subscriber))
            )

    def forget_subscriber(self, subscriber_id: str) -> None:
        table = schema.subscribers
        with self._db.write() as connection:
            email = connection.scalar(sa.select(table.c.email).where(table.c.id == subscriber_id))
            mails, bodies = schema.deliveries, schema.bodies
            theirs = sa.select(mails.c.message_id).where(mails.c.subscriber_id == subscriber_id)
            connection.execute(bodies.delete().where(bodies.c.message_id.in_(theirs)))
            for about in _ABOUT_SUBSCRIBERS:
                connection.execute(about.delete().where(about.c.subscriber_id == subscriber_id))
            connection.execute(table.delete().where(table.c.id == subscriber_id))
            if email:
                _forget_in_runs(connection, email)
                signups = schema.signups
                connection.execute(
                    signups.delete().where(sa.func.lower(signups.c.email) == email.lower())
                )

    def everything_about(self, subscriber_id: str) -> Mapping[str, Any]:
        found: dict[str, Any] = {}
        table = schema.subscribers
        with self._db.read() as connection:
            row = (
                connection.execute(sa.select(table).where(table.c.id == subscriber_id))
                .mappings()
                .first()
            )
            if row is None:
                return {}
            person = from_row(row)
            found["subscriber"] = {
                "email": person.email,
                "state": person.state.value,
                "since": row["created_at"].isoformat(),
                "preferences": row["preferences"],
            }
            for about in _ABOUT_SUBSCRIBERS:
                rows = connection.execute(
                    sa.select(about).where(about.c.subscriber_id == subscriber_id)
                ).mappings()
                found[about.name] = [_plain(r) for r in rows]
            bodies = schema.bodies
            for mail in found["deliveries"]:
                body = connection.scalar(
                    sa.select(bodies.c.body).where(bodies.c.message_id == mail["message_id"])
                )
                mail["body"] = None if body is None else bytes(body).decode("utf-8", "replace")
            ids = {r["paper_id"] for r in found["ratings"]}
            papers = schema.papers
            titles = sa.select(papers.c.id, papers.c.title).where(papers.c.id.in_(ids))
            found["titles"] = {
                r["paper_id"]: r["record"]["title"]
                for r in found["ratings"]
                if r["record"] and r["record"].get("title")
            }
            found["titles"] |= {i: title for i, title in connection.execute(titles)}  # noqa: C416
        return found


def _forget_in_runs(connection: sa.Connection, email: str) -> None:
    """Reports of runs name everybody they served."""
    table = schema.runs
    rows = connection.execute(sa.select(table.c.id, table.c.report)).all()
    for run_id, report in rows:
        served = [s for s in report["subscribers"] if s["email"].lower() != email.lower()]
        warnings = [w.replace(email, "somebody") for w in report["warnings"]]
        if served != report["subscribers"] or warnings != report["warnings"]:
            changed = report | {"subscribers": served, "warnings": warnings}
            connection.execute(table.update().where(table.c.id == run_id).values(report=changed))


def _plain(row: sa.RowMapping) -> dict[str, Any]:
    """A row as JSON values; a mail's bytes as text."""
    plain: dict[str, Any] = {}
    for name, value in row.items():
        if isinstance(value, datetime | date):
            value = value.isoformat()
        elif isinstance(value, bytes):
            value = value.decode("utf-8", "replace")
        plain[name] = value
    return plain
