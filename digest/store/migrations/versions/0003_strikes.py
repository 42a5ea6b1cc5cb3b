"""Refusals that count against an address; the pace that services ask for; and longer names
of where a rating came from."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "strikes",
        sa.Column("subscriber_id", sa.String(32), nullable=False),
        sa.Column("edition_date", sa.String(10), nullable=False),
        sa.Column("origin", sa.String(20), nullable=False),
        sa.Column("severity", sa.String(10), nullable=False),
        sa.Column("reply", sa.Text(), nullable=False),
        sa.Column("struck_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("subscriber_id", "edition_date", "origin"),
    )
    op.create_table(
        "paces",
        sa.Column("host", sa.String(200), nullable=False),
        sa.Column("free_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("host"),
    )
    with op.batch_alter_table("ratings") as ratings:
        ratings.alter_column("origin", existing_type=sa.String(20), type_=sa.String(200))


def downgrade() -> None:
    with op.batch_alter_table("ratings") as ratings:
        ratings.alter_column("origin", existing_type=sa.String(200), type_=sa.String(20))
    op.drop_table("paces")
    op.drop_table("strikes")
