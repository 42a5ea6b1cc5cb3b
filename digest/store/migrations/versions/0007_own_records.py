"""What a reader's file says of a paper stands with the reader's rating, and nowhere else; the links
of one reader can be made void.

Before, an import wrote the record that everybody was shown. Which words of a stored record came
from an import is known by its source alone, so:

- a record that an import began goes to the ratings of the readers who like the paper. If a source
  listed the paper since, only its id and the address that follows from it stay for everybody else,
  until a source or a service describes it anew; if none did, the record is deleted;
- an abstract of a listed paper that somebody imported may be the import's, unless it is arXiv's:
  the readers who like the paper keep it, everybody else is not shown it any more.
"""

from __future__ import annotations

import json
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

#: what the readers of library files and forms called their records
_IMPORTS = ("bibtex", "csl", "ris", "nbib", "page", "zotero", "config")


def upgrade() -> None:
    op.add_column("ratings", sa.Column("record", sa.Text()))
    op.add_column(
        "subscribers",
        sa.Column("link_generation", sa.Integer(), nullable=False, server_default="0"),
    )
    connection = op.get_bind()
    _give_back(connection)
    _take_lent_abstracts(connection)


def downgrade() -> None:
    op.drop_column("subscribers", "link_generation")
    op.drop_column("ratings", "record")


def _give_back(connection: sa.Connection) -> None:
    begun = sa.text("SELECT * FROM papers WHERE source IN :sources").bindparams(
        sa.bindparam("sources", _IMPORTS, expanding=True)
    )
    for row in connection.execute(begun).mappings().all():
        paper = {"id": row["id"]}
        _keep(connection, row)
        shown = connection.scalar(
            sa.text(
                "SELECT 1 WHERE EXISTS (SELECT 1 FROM mentions WHERE paper_id = :id) "
                "OR EXISTS (SELECT 1 FROM edition_picks WHERE paper_id = :id)"
            ),
            paper,
        )
        if not shown:
            connection.execute(sa.text("DELETE FROM names WHERE paper_id = :id"), paper)
            connection.execute(sa.text("DELETE FROM papers WHERE id = :id"), paper)
            continue
        kind, _, rest = str(row["id"]).partition(":")
        urls = {"arxiv": "https://arxiv.org/abs/", "doi": "https://doi.org/"}
        connection.execute(
            sa.text("DELETE FROM names WHERE paper_id = :id AND name <> paper_id"), paper
        )
        connection.execute(
            sa.text(
                "UPDATE papers SET title = '', abstract = '', authors = '[]', journal_ref = '', "
                "language = '', aliases = '[]', source = '', doi = :doi, url = :url WHERE id = :id"
            ),
            paper
            | {
                "doi": rest if kind == "doi" else "",
                "url": urls[kind] + rest if kind in urls else "",
            },
        )


def _take_lent_abstracts(connection: sa.Connection) -> None:
    lent = sa.text(
        "SELECT * FROM papers WHERE abstract <> '' AND source NOT IN ('', 'arxiv') "
        "AND id NOT LIKE 'arxiv:%' "
        "AND EXISTS (SELECT 1 FROM mentions WHERE paper_id = papers.id) "
        "AND EXISTS (SELECT 1 FROM ratings WHERE paper_id = papers.id "
        "AND (origin LIKE 'import:%' OR origin LIKE 'config:%'))"
    )
    for row in connection.execute(lent).mappings().all():
        _keep(connection, row)
        connection.execute(
            sa.text("UPDATE papers SET abstract = '' WHERE id = :id"), {"id": row["id"]}
        )


def _keep(connection: sa.Connection, row: Any) -> None:
    """The record of a paper, with the ratings of all who rated it."""
    record = {name: row[name] for name in ("id", "title", "abstract", "url", "doi", "journal_ref")}
    record |= {name: json.loads(row[name]) for name in ("authors", "aliases")}
    connection.execute(
        sa.text("UPDATE ratings SET record = :record WHERE paper_id = :id"),
        {
            "id": row["id"],
            "record": json.dumps(
                {k: v for k, v in record.items() if v}, ensure_ascii=False, sort_keys=True
            ),
        },
    )
