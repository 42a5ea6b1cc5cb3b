"""Addresses that get nothing, whether they subscribed or not."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from digest.model import SubscriberState, Suppression
from digest.store import schema
from digest.store.database import Database, insert

_table, _people, _strikes = schema.suppressions, schema.subscribers, schema.strikes
_GETS_MAIL = (SubscriberState.ACTIVE.value, SubscriberState.PAUSED.value)


def suppressed_among(connection: sa.Connection, emails: Sequence[str]) -> frozenset[str]:
    """Those of the addresses, in lower case, that an operator suppressed."""
    wanted = [e.lower() for e in emails]
    found: set[str] = set()
    for start in range(0, len(wanted), 500):
        some = wanted[start : start + 500]
        found |= set(connection.scalars(sa.select(_table.c.email).where(_table.c.email.in_(some))))
    return frozenset(found)


class Suppressions:
    """The list of addresses that get nothing."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def add(self, entries: Sequence[Suppression]) -> int:
        """Put addresses on the list, and stop the mail of those who subscribed; returns how many
        of them did."""
        n_stopped = 0
        with self._db.write() as connection:
            for entry in entries:
                email = entry.email.lower()
                row = {"reason": entry.reason, "detail": entry.detail[:500], "since": entry.since}
                connection.execute(
                    insert(connection, _table)
                    .values(email=email, **row)
                    .on_conflict_do_update(index_elements=["email"], set_=row)
                )
                n_stopped += connection.execute(
                    _people.update()
                    .where(sa.func.lower(_people.c.email) == email, _people.c.state.in_(_GETS_MAIL))
                    .values(state=SubscriberState.SUPPRESSED.value)
                ).rowcount
        return n_stopped

    def remove(self, email: str) -> bool:
        """Take an address off the list; whether it was on it."""
        with self._db.write() as connection:
            gone = connection.execute(_table.delete().where(_table.c.email == email.lower()))
        return bool(gone.rowcount)

    def has(self, email: str) -> bool:
        with self._db.read() as connection:
            return bool(suppressed_among(connection, [email]))

    def all(self) -> tuple[Suppression, ...]:
        """Who gets nothing and why: the list, and subscribers whose mail came back."""
        listed = sa.select(_table).order_by(_table.c.email)
        latest = (
            sa.select(
                _people.c.email,
                _strikes.c.origin,
                _strikes.c.reply,
                _strikes.c.struck_at,
            )
            .outerjoin(_strikes, _strikes.c.subscriber_id == _people.c.id)
            .where(_people.c.state == SubscriberState.SUPPRESSED.value)
            .order_by(_people.c.email, _strikes.c.struck_at)
        )
        found: dict[str, Suppression] = {}
        with self._db.read() as connection:
            for row in connection.execute(latest):
                reason = {"smtp": "bounce", None: "unknown"}.get(row.origin, row.origin)
                found[row.email.lower()] = Suppression(
                    email=row.email,
                    reason=str(reason),
                    detail=row.reply or "",
                    since=row.struck_at,
                )
            for row in connection.execute(listed):
                found[row.email] = Suppression(
                    email=row.email, reason=row.reason, detail=row.detail, since=row.since
                )
        return tuple(found[email] for email in sorted(found))
