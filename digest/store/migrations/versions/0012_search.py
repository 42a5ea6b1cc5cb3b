"""An index of the words in papers: phrases, authors, categories and rare names are found by it."""

from __future__ import annotations

import json

import sqlalchemy as sa
from alembic import op

from digest.model import Paper
from digest.store.search import MAKE, put

revision = "0012"
down_revision = "0011"

BATCH = 2_000


def upgrade() -> None:
    connection = op.get_bind()
    for statement in MAKE[connection.dialect.name]:
        op.execute(statement)
    # in the order of arrival, since the latest are shown first
    ids = list(connection.scalars(sa.text("SELECT id FROM papers ORDER BY first_seen, id")))
    one = sa.text("SELECT id, title, abstract, authors, categories FROM papers WHERE id IN :ids")
    read = one.bindparams(sa.bindparam("ids", expanding=True))
    for start in range(0, len(ids), BATCH):
        wanted = ids[start : start + BATCH]
        found = {
            i: Paper(
                id=i,
                title=title,
                abstract=abstract,
                authors=tuple(json.loads(authors)),
                categories=tuple(json.loads(categories)),
            )
            for i, title, abstract, authors, categories in connection.execute(read, {"ids": wanted})
        }
        put(connection, [found[i] for i in wanted])


def downgrade() -> None:
    op.execute("DROP TABLE search_index")
    op.execute("DROP TABLE search_rows")
