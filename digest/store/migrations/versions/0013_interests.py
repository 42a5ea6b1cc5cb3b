"""In which named interest a paper stood: a like of it belongs there. And whose choice it was where
two rankers are compared."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    op.add_column(
        "edition_picks", sa.Column("interest", sa.Text(), nullable=False, server_default="")
    )
    op.add_column(
        "edition_picks", sa.Column("team", sa.String(10), nullable=False, server_default="")
    )
    some = sa.text("interest <> ''")
    op.create_index(
        "ix_edition_picks_interest",
        "edition_picks",
        ["subscriber_id"],
        sqlite_where=some,
        postgresql_where=some,
    )


def downgrade() -> None:
    op.drop_index("ix_edition_picks_interest")
    op.drop_column("edition_picks", "team")
    op.drop_column("edition_picks", "interest")
