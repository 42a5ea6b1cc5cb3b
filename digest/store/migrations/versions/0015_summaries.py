"""Summaries that a language model wrote."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    op.create_table(
        "summaries",
        sa.Column("key", sa.String(64), primary_key=True),
        sa.Column("language", sa.String(20), primary_key=True),
        sa.Column("model", sa.String(200).with_variant(sa.Text(), "postgresql"), primary_key=True),
        sa.Column("sentence", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("made_at", sa.BigInteger(), nullable=False, index=True),
    )


def downgrade() -> None:
    op.drop_table("summaries")
