"""What many subscribers need: when each is looked at next, mails apart from their states, and
indexes for the common questions.

On PostgreSQL short texts lose their lengths, which one odd record of a feed would run into.
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

_ON_POSTGRES = sa.text(
    "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = "
    "current_schema() AND data_type = 'character varying' AND table_name NOT LIKE 'procrastinate%' "
    "AND table_name <> 'alembic_version'"
)


def upgrade() -> None:
    connection = op.get_bind()
    if connection.dialect.name == "postgresql":
        for table, column in connection.execute(_ON_POSTGRES).all():
            op.alter_column(table, column, type_=sa.Text())
    for name in ("due_at", "checked_at"):
        op.add_column(
            "subscribers", sa.Column(name, sa.BigInteger(), nullable=False, server_default="0")
        )
        op.create_index(f"ix_subscribers_{name}", "subscribers", [name])
    op.create_table(
        "bodies",
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("message_id"),
    )
    op.execute(
        "INSERT INTO bodies (message_id, body) SELECT message_id, body FROM deliveries "
        "WHERE body IS NOT NULL"
    )
    with op.batch_alter_table("deliveries") as deliveries:
        deliveries.drop_column("body")
    op.create_table(
        "issues",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.Column("last_mention", sa.BigInteger(), nullable=False),
        sa.Column("ranking", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_subscribers_lower_email", "subscribers", [sa.text("lower(email)")])
    op.create_index("ix_deliveries_waiting", "deliveries", ["state", "planned_at", "message_id"])
    op.create_index("ix_deliveries_settled_at", "deliveries", ["settled_at"])
    op.create_index("ix_edition_picks_paper_id", "edition_picks", ["paper_id"])
    op.create_index("ix_ratings_paper_id", "ratings", ["paper_id"])


def downgrade() -> None:
    op.drop_index("ix_ratings_paper_id", "ratings")
    op.drop_index("ix_edition_picks_paper_id", "edition_picks")
    op.drop_index("ix_deliveries_settled_at", "deliveries")
    op.drop_index("ix_deliveries_waiting", "deliveries")
    op.drop_index("ix_subscribers_lower_email", "subscribers")
    with op.batch_alter_table("deliveries") as deliveries:
        deliveries.add_column(sa.Column("body", sa.LargeBinary()))
    op.execute(
        "UPDATE deliveries SET body = "
        "(SELECT body FROM bodies WHERE bodies.message_id = deliveries.message_id)"
    )
    op.drop_table("bodies")
    op.drop_table("issues")
    for name in ("due_at", "checked_at"):
        op.drop_index(f"ix_subscribers_{name}", "subscribers")
        with op.batch_alter_table("subscribers") as subscribers:
            subscribers.drop_column(name)
