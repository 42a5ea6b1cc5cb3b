"""All that is stored about one person: to be taken along, or deleted."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from digest.store import schema
from digest.store.database import Database
from digest.store.subscribers import from_row

#: tables with rows about one subscriber
_ABOUT_SUBSCRIBERS = (
    schema.ratings,
    schema.reading_list,
    schema.imports,
    schema.edition_picks,
    schema.editions,
    schema.empty_days,
    schema.deliveries,
    schema.strikes,
)


class Personal:
    """All that is stored about one person: to be taken along, or deleted."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def forget(self, subscriber_id: str) -> None:
        """Delete everything that is stored about somebody."""
        table = schema.subscribers
        with self._db.write() as connection:
            email = connection.scalar(sa.select(table.c.email).where(table.c.id == subscriber_id))
            mails, bodies = schema.deliveries, schema.bodies
            theirs = sa.select(mails.c.message_id).where(mails.c.subscriber_id == subscriber_id)
            connection.execute(bodies.delete().where(bodies.c.message_id.in_(theirs)))
            for about in _ABOUT_SUBSCRIBERS:
                connection.execute(about.delete().where(about.c.subscriber_id == subscriber_id))
            facts = schema.meta  # what of their likes was saved elsewhere
            connection.execute(
                facts.delete().where(facts.c.key.startswith(f"fact:saved:{subscriber_id}:"))
            )
            connection.execute(table.delete().where(table.c.id == subscriber_id))
            if email:
                signups = schema.signups
                connection.execute(
                    signups.delete().where(sa.func.lower(signups.c.email) == email.lower())
                )

    def export(self, subscriber_id: str) -> Mapping[str, Any]:
        """The same, as JSON values."""
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
            ids = {r["paper_id"] for r in found["ratings"] + found["reading_list"]}
            papers = schema.papers
            titles = sa.select(papers.c.id, papers.c.title).where(papers.c.id.in_(ids))
            found["titles"] = {
                r["paper_id"]: r["record"]["title"]
                for r in found["ratings"]
                if r["record"] and r["record"].get("title")
            }
            found["titles"] |= {i: title for i, title in connection.execute(titles)}  # noqa: C416
        return found


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
