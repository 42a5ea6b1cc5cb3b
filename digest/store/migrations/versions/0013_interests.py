"""In which named interest a paper stood: a like of it belongs there."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    op.add_column(
        "edition_picks", sa.Column("interest", sa.Text(), nullable=False, server_default="")
    )


def downgrade() -> None:
    op.drop_column("edition_picks", "interest")
