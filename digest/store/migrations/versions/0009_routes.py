"""Several routes: which one a mail was handed to, and what each was given a day; what went to
domains and came back; addresses that an operator suppressed.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.add_column(
        "deliveries", sa.Column("route", sa.String(100), nullable=False, server_default="")
    )
    op.create_table(
        "route_days",
        sa.Column("route", sa.String(100), primary_key=True),
        sa.Column("day", sa.String(10), primary_key=True),
        sa.Column("n", sa.Integer, nullable=False),
    )
    op.create_table(
        "domain_days",
        sa.Column("day", sa.String(10), primary_key=True),
        sa.Column("domain", sa.String(255), primary_key=True),
        sa.Column("n_sent", sa.Integer, nullable=False, server_default="0"),
        sa.Column("n_bounced", sa.Integer, nullable=False, server_default="0"),
        sa.Column("n_complaints", sa.Integer, nullable=False, server_default="0"),
    )
    op.create_table(
        "suppressions",
        sa.Column("email", sa.String(320), primary_key=True),
        sa.Column("reason", sa.String(20), nullable=False),
        sa.Column("detail", sa.Text, nullable=False, server_default=""),
        sa.Column("since", sa.BigInteger, nullable=False),
    )


def downgrade() -> None:
    for name in ("suppressions", "domain_days", "route_days"):
        op.drop_table(name)
    op.drop_column("deliveries", "route")
