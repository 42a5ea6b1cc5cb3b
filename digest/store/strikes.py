"""Refusals that count against addresses."""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa

from digest.address import domain_of
from digest.model import DeliveryKey, DeliveryState, Strike, StrikeEntry, SubscriberState
from digest.store import schema
from digest.store.database import Database, insert
from digest.store.rows import has_key
from digest.store.traffic import count

#: a refusal counts for so long
FADE_AFTER = timedelta(days=45)
#: origin of what is said of another address that a mail went on to: told, and held against nobody
FORWARDED = "forward"


def _add(
    connection: sa.Connection,
    key: DeliveryKey,
    origin: str,
    strike: Strike,
    reply: str,
    *,
    now: datetime,
    suppress_after: int,
) -> bool:
    table, people = schema.strikes, schema.subscribers
    known = connection.scalar(
        sa.select(table.c.severity).where(
            table.c.subscriber_id == key.subscriber_id,
            table.c.edition_date == key.edition_date,
            table.c.origin == origin,
        )
    )
    if strike is Strike.HARD and known != strike.value:
        email = connection.scalar(sa.select(people.c.email).where(people.c.id == key.subscriber_id))
        column = "n_complaints" if origin == "complaint" else "n_bounced"
        count(connection, now.date(), column, {domain_of(str(email)): 1})
    row = {"severity": strike.value, "reply": reply[:500], "struck_at": now}
    connection.execute(
        insert(connection, table)
        .values(
            subscriber_id=key.subscriber_id,
            edition_date=key.edition_date,
            origin=origin,
            **row,
        )
        .on_conflict_do_update(index_elements=["subscriber_id", "edition_date", "origin"], set_=row)
    )
    dates = sa.func.count(table.c.edition_date.distinct())
    n_dates = connection.scalar(
        sa.select(dates).where(
            table.c.subscriber_id == key.subscriber_id,
            table.c.struck_at > now - FADE_AFTER,
            table.c.origin != FORWARDED,
        )
    )
    if strike is not Strike.HARD and (n_dates or 0) < suppress_after:
        return False
    return bool(
        connection.execute(
            people.update()
            .where(
                people.c.id == key.subscriber_id,
                people.c.state.in_([SubscriberState.ACTIVE.value, SubscriberState.PAUSED.value]),
            )
            .values(state=SubscriberState.SUPPRESSED.value)
        ).rowcount
    )


class Strikes:
    """Refusals that count against addresses."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def add(
        self,
        key: DeliveryKey,
        origin: str,
        strike: Strike,
        reply: str,
        now: datetime,
        suppress_after: int,
    ) -> bool:
        """Hold a refusal against an address; returns whether it is now suppressed."""
        with self._db.write() as connection:
            if origin == "smtp" and strike is Strike.HARD:
                mails = schema.deliveries
                failed = mails.c.state == DeliveryState.FAILED.value
                connection.execute(
                    mails.update()
                    .where(has_key(key), failed)
                    .values(state=DeliveryState.SUPPRESSED.value)
                )
            return _add(
                connection, key, origin, strike, reply, now=now, suppress_after=suppress_after
            )

    def n_readers_at(self, domain: str) -> int:
        """How many who get mail have an address there."""
        table = schema.subscribers
        there = sa.func.lower(table.c.email).endswith(f"@{domain}", autoescape=True)
        query = sa.select(sa.func.count()).where(there, table.c.state == "active")
        with self._db.read() as connection:
            return connection.scalar(query) or 0

    def of(self, subscriber_id: str) -> tuple[StrikeEntry, ...]:
        """What counts against an address, the latest first."""
        table = schema.strikes
        query = (
            sa.select(table)
            .where(table.c.subscriber_id == subscriber_id)
            .order_by(table.c.struck_at.desc())
        )
        with self._db.read() as connection:
            return tuple(
                StrikeEntry(
                    edition_date=r["edition_date"],
                    origin=r["origin"],
                    severity=Strike(r["severity"]),
                    reply=r["reply"],
                    struck_at=r["struck_at"],
                )
                for r in connection.execute(query).mappings()
            )

    def forgive(self, subscriber_id: str) -> None:
        """Forget what counts against an address."""
        with self._db.write() as connection:
            connection.execute(
                schema.strikes.delete().where(schema.strikes.c.subscriber_id == subscriber_id)
            )
