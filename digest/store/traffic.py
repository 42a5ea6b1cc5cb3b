"""How many mails went where on a day, and how many of them came back."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import sqlalchemy as sa

from digest.model import DomainTraffic
from digest.store import schema
from digest.store.database import Database, insert

_days, _domains = schema.route_days, schema.domain_days


def count(connection: sa.Connection, day: date, column: str, numbers: Mapping[str, int]) -> None:
    """Add to a column of `domain_days`.

    Args:
        numbers: by domain.
    """
    # in one order, or two workers would wait for each other
    for domain in sorted(numbers):
        row = {"day": day, "domain": domain[:255], column: numbers[domain]}
        connection.execute(
            insert(connection, _domains)
            .values(row)
            .on_conflict_do_update(
                index_elements=["day", "domain"],
                set_={column: _domains.c[column] + numbers[domain]},
            )
        )


class Traffic:
    """What servers were given and domains sent back, by day."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def take(self, route: str, day: date, wanted: int, limit: int) -> int:
        """Reserve some of a route's mails of a day; returns how many of those wanted."""
        with self._db.write(f"route:{route}") as connection:
            row = {"route": route, "day": day}
            connection.execute(
                insert(connection, _days).values(**row, n=0).on_conflict_do_nothing()
            )
            mine = sa.and_(_days.c.route == route, _days.c.day == day)
            given = connection.scalar(sa.select(_days.c.n).where(mine)) or 0
            granted = max(0, min(wanted, limit - given))
            if granted:
                connection.execute(_days.update().where(mine).values(n=_days.c.n + granted))
        return granted

    def give_back(self, route: str, day: date, n: int) -> None:
        """What was reserved and not used."""
        mine = sa.and_(_days.c.route == route, _days.c.day == day)
        with self._db.write(f"route:{route}") as connection:
            connection.execute(_days.update().where(mine).values(n=_days.c.n - n))

    def given(self, route: str, day: date) -> int:
        """Mails of a day that are used or reserved."""
        query = sa.select(_days.c.n).where(_days.c.route == route, _days.c.day == day)
        with self._db.read() as connection:
            return connection.scalar(query) or 0

    def n_days(self, route: str, before: date) -> int:
        """Days on which a route was used, before this one."""
        query = sa.select(sa.func.count()).where(
            _days.c.route == route, _days.c.day < before, _days.c.n > 0
        )
        with self._db.read() as connection:
            return connection.scalar(query) or 0

    def add_sent(self, day: date, numbers: Mapping[str, int]) -> None:
        """Mails that went out, by domain.

        After a run, not with each mail: workers would wait for each other at the large domains.
        What a killed run had sent is not counted.
        """
        with self._db.write() as connection:
            count(connection, day, "n_sent", numbers)

    def n_bounced(self, day: date, domain: str) -> int:
        """What a domain refused for good on a day (UTC)."""
        query = sa.select(_domains.c.n_bounced).where(
            _domains.c.day == day, _domains.c.domain == domain
        )
        with self._db.read() as connection:
            return connection.scalar(query) or 0

    def by_domain(self, since: date) -> tuple[DomainTraffic, ...]:
        """What went to each domain from a day on (UTC), the largest first."""
        sums = {c: sa.func.sum(_domains.c[c]) for c in ("n_sent", "n_bounced", "n_complaints")}
        query = (
            sa.select(_domains.c.domain, *(s.label(name) for name, s in sums.items()))
            .where(_domains.c.day >= since)
            .group_by(_domains.c.domain)
            .order_by(sums["n_sent"].desc(), _domains.c.domain)
        )
        with self._db.read() as connection:
            return tuple(
                DomainTraffic(
                    domain=row.domain,
                    n_sent=int(row.n_sent),
                    n_bounced=int(row.n_bounced),
                    n_complaints=int(row.n_complaints),
                )
                for row in connection.execute(query)
            )
