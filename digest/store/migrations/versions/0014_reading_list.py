"""What readers keep for later."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    op.create_table(
        "reading_list",
        sa.Column(
            "subscriber_id", sa.String(32).with_variant(sa.Text(), "postgresql"), primary_key=True
        ),
        sa.Column(
            "paper_id",
            sa.String(200).with_variant(sa.Text(), "postgresql"),
            primary_key=True,
            index=True,
        ),
        sa.Column("added_at", sa.BigInteger(), nullable=False),
    )


def downgrade() -> None:
    op.drop_table("reading_list")
