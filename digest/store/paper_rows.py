"""Papers as rows, and reading them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict, fields
from typing import Any

import sqlalchemy as sa

from digest.model import Paper, Signals
from digest.store import schema
from digest.store.database import chunks

COLUMNS = [f.name for f in fields(Paper)]
_LISTS = ("authors", "categories", "affiliations", "aliases", "author_ids")
_EMPTY_SIGNALS = Signals()
_WHOLE = sa.select(*(schema.papers.c[name] for name in COLUMNS))


def to_row(paper: Paper) -> dict[str, Any]:
    row = {name: getattr(paper, name) for name in COLUMNS}
    known = {k: v for k, v in asdict(paper.signals).items() if v not in (None, "")}
    return row | {name: list(row[name]) for name in _LISTS} | {"signals": known}


def to_paper(row: Any) -> Paper:
    values = {name: row[name] for name in COLUMNS}
    values |= {name: tuple(values[name]) for name in _LISTS}
    signals = values["signals"]
    values["signals"] = Signals(**signals) if signals else _EMPTY_SIGNALS
    return Paper(**values)


def read_papers(connection: sa.Connection, ids: Collection[str]) -> dict[str, Paper]:
    found: dict[str, Paper] = {}
    for part in chunks(ids):
        # as plain rows: looking each value up by its name takes as long as reading it
        for row in connection.execute(_WHOLE.where(schema.papers.c.id.in_(part))):
            found[row.id] = to_paper(dict(zip(COLUMNS, row, strict=True)))
    return found


def owners_of(connection: sa.Connection, wanted: Collection[str]) -> dict[str, list[str]]:
    """The papers of each name; of a title key there may be several."""
    table = schema.names
    found: dict[str, list[str]] = {}
    for part in chunks(wanted):
        query = sa.select(table.c.name, table.c.paper_id).where(table.c.name.in_(part))
        for name, paper_id in connection.execute(query.order_by(table.c.paper_id)):
            found.setdefault(name, []).append(paper_id)
    return found
