"""What each import of a reader brought, when, and what of it could not be used; names of Japanese
and Korean titles, whose letters are compared whole from now on."""

from __future__ import annotations

import json
import re

import sqlalchemy as sa
from alembic import op

from digest.identity import title_keys
from digest.model import Paper

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.create_table(
        "imports",
        sa.Column("subscriber_id", sa.String(32), primary_key=True),
        sa.Column("origin", sa.String(200), primary_key=True),
        sa.Column("imported_at", sa.BigInteger, nullable=False),
        sa.Column("counts", sa.Boolean, nullable=False),
        sa.Column("n_entries", sa.Integer, nullable=False),
        sa.Column("n_duplicates", sa.Integer, nullable=False),
        sa.Column("faults", sa.Text, nullable=False),
        sa.Column("remarks", sa.Text, nullable=False),
        sa.Column("by_title", sa.Text, nullable=False),
        sa.Column("corrections", sa.Text, nullable=False),
    )

    connection = op.get_bind()
    rows = connection.execute(sa.text("SELECT id, title, authors FROM papers"))
    renamed = [
        {"name": name, "paper_id": i}
        for i, title, authors in rows
        if re.search("[\u3040-\u30ff\uac00-\ud7a3]", title)
        for name in title_keys(Paper(id=i, title=title, authors=tuple(json.loads(authors))))
    ]
    if renamed:
        connection.execute(
            sa.text(
                "INSERT INTO names (name, paper_id) VALUES (:name, :paper_id) "
                "ON CONFLICT DO NOTHING"
            ),
            renamed,
        )


def downgrade() -> None:
    op.drop_table("imports")
