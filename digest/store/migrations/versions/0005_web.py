"""Who asked to join and has not confirmed; listings by their day."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.create_table(
        "signups",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("email", sa.String(320), nullable=False),
        sa.Column("client", sa.String(64), nullable=False),
        sa.Column("wanted", sa.Text(), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("asked_at", sa.BigInteger(), nullable=False),
        sa.Column("next_at", sa.BigInteger(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False, server_default="0"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_signups_email", "signups", ["email"])
    op.create_index("ix_signups_asked_at", "signups", ["asked_at"])
    op.create_index("ix_mentions_listed_on", "mentions", ["listed_on"])


def downgrade() -> None:
    op.drop_index("ix_mentions_listed_on", "mentions")
    op.drop_table("signups")
