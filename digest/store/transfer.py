"""From one database into another: everything, as it is, keys included."""

from __future__ import annotations

import sqlalchemy as sa

from digest.errors import StoreBusy, StoreError
from digest.store import schema, search
from digest.store.paper_rows import read_papers
from digest.store.store import Store

#: rows carried at once
PAGE = 1000


def transfer(source: Store, target: Store) -> int:
    """Copy all rows; returns how many. All of it or nothing.

    Raises:
        StoreError: the target holds something already, or one of them is in use.
    """
    if any(target.counts().values()) or target.subscribers.counts():
        raise StoreError(f"{target.name} holds something already; it must be empty.")
    with source.exclusive() as alone:
        if not alone:
            raise StoreBusy(f"{source.name} is in use; stop the worker first.")
        return _copied(source, target)


def _copied(source: Store, target: Store) -> int:
    n_rows = 0
    with source.database.read() as reading, target.database.write("migrate") as writing:
        for table in schema.metadata.sorted_tables:
            writing.execute(table.delete())
            rows = reading.execution_options(yield_per=PAGE).execute(sa.select(table)).mappings()
            for page in rows.partitions(PAGE):
                writing.execute(table.insert(), [dict(row) for row in page])
                n_rows += len(page)
            if writing.dialect.name == "postgresql" and table.autoincrement_column is not None:
                _count_on(writing, table)
        _index(writing)
    return n_rows


def _index(connection: sa.Connection) -> None:
    """What the words of papers are found by is made anew: each kind of server has its own."""
    table = schema.papers
    order = sa.select(table.c.id).order_by(table.c.first_seen, table.c.id)
    ids = list(connection.scalars(order))
    for start in range(0, len(ids), PAGE):
        part = ids[start : start + PAGE]
        found = read_papers(connection, part)
        search.put(connection, [found[i] for i in part])


def _count_on(connection: sa.Connection, table: sa.Table) -> None:
    """The next row gets a number above all that were carried over."""
    column = table.autoincrement_column
    assert column is not None
    highest = connection.scalar(sa.select(sa.func.max(column)))
    if highest is not None:
        sequence = sa.func.pg_get_serial_sequence(table.name, column.name)
        connection.execute(sa.select(sa.func.setval(sequence, highest)))
