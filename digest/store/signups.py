"""Who asked to join, until they confirm."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from digest.model import Signup
from digest.store import schema
from digest.store.database import Database

_SIGNUP = [c for c in schema.signups.c if c.name != "next_at"]


class Signups:
    """Requests to join, until they are confirmed."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def add(self, signup: Signup) -> None:
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

    def get(self, signup_id: str) -> Signup | None:
        query = sa.select(*_SIGNUP).where(schema.signups.c.id == signup_id)
        with self._db.read() as connection:
            row = connection.execute(query).mappings().first()
        return Signup(**row) if row else None

    def n_since(self, since: datetime, *, email: str = "", client: str = "") -> int:
        """How many came from a client; or of an address, those that a letter was written for."""
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

    def n_bytes(self) -> int:
        """How much the requests hold that wait to be confirmed, or for their likes to be read."""
        table = schema.signups
        held = sa.func.sum(sa.func.length(sa.cast(table.c.wanted, sa.Text)))
        query = sa.select(held).where(table.c.state.in_(("asked", "mailed", "confirmed")))
        with self._db.read() as connection:
            return int(connection.scalar(query) or 0)

    def take(self, now: datetime, again_at: datetime) -> Signup | None:
        """One whose mail is due; nobody else gets it before `again_at`."""
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

    def mark(self, signup_id: str, state: str, next_at: datetime | None) -> None:
        table = schema.signups
        values: dict[str, Any] = {"state": state, "next_at": next_at}
        if state == "done":
            values["wanted"] = {}  # its likes have a place of their own now
        with self._db.write() as connection:
            connection.execute(table.update().where(table.c.id == signup_id).values(**values))

    def in_state(self, state: str) -> tuple[Signup, ...]:
        query = sa.select(*_SIGNUP).where(schema.signups.c.state == state)
        with self._db.read() as connection:
            return tuple(Signup(**r) for r in connection.execute(query).mappings())
