"""The first schema: papers, mentions, subscribers, ratings, editions, deliveries, runs."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "deliveries",
        sa.Column("subscriber_id", sa.String(length=32), nullable=False),
        sa.Column("edition_date", sa.String(10), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("message_id", sa.String(length=200), nullable=False),
        sa.Column("sender", sa.Text(), nullable=False),
        sa.Column("recipient", sa.String(length=320), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("doubts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("worker", sa.String(length=100), nullable=True),
        sa.Column("lease_until", sa.BigInteger(), nullable=True),
        sa.Column("next_at", sa.BigInteger(), nullable=True),
        sa.Column("planned_at", sa.BigInteger(), nullable=False),
        sa.Column("settled_at", sa.BigInteger(), nullable=True),
        sa.Column("reply", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("subscriber_id", "edition_date", "kind"),
        sa.UniqueConstraint("message_id"),
    )
    op.create_index("ix_deliveries_due", "deliveries", ["state", "next_at"], unique=False)
    op.create_table(
        "edition_picks",
        sa.Column("subscriber_id", sa.String(length=32), nullable=False),
        sa.Column("edition_date", sa.String(10), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("paper_id", sa.String(length=200), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("section", sa.String(length=20), nullable=False),
        sa.Column("score", sa.Float(), nullable=False),
        sa.Column("percentile", sa.Float(), nullable=False),
        sa.Column("reasons", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("subscriber_id", "edition_date", "kind", "paper_id"),
    )
    op.create_table(
        "editions",
        sa.Column("subscriber_id", sa.String(length=32), nullable=False),
        sa.Column("edition_date", sa.String(10), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("basis", sa.String(length=20), nullable=False),
        sa.Column("n_new", sa.Integer(), nullable=False),
        sa.Column("n_considered", sa.Integer(), nullable=False),
        sa.Column("cursor", sa.BigInteger(), nullable=False),
        sa.Column("composed_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("subscriber_id", "edition_date", "kind"),
    )
    op.create_table(
        "empty_days",
        sa.Column("subscriber_id", sa.String(length=32), nullable=False),
        sa.Column("edition_date", sa.String(10), nullable=False),
        sa.Column("reason", sa.String(length=40), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("cursor", sa.BigInteger(), nullable=False),
        sa.Column("decided_at", sa.BigInteger(), nullable=False),
        sa.Column("again_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("subscriber_id", "edition_date"),
    )
    op.create_table(
        "listing_days",
        sa.Column("source", sa.String(length=100), nullable=False),
        sa.Column("day", sa.String(10), nullable=False),
        sa.Column("fetched_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("source", "day"),
    )
    op.create_table(
        "mentions",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("paper_id", sa.String(length=200), nullable=False),
        sa.Column("source", sa.String(length=100), nullable=False),
        sa.Column("listed_on", sa.String(10), nullable=False),
        sa.Column("announce_type", sa.String(length=20), nullable=False),
        sa.Column("first_seen", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("paper_id", "source", "listed_on", name="uq_mentions"),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_mentions_first_seen"), "mentions", ["first_seen"], unique=False)
    op.create_table(
        "meta",
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_table(
        "papers",
        sa.Column("id", sa.String(length=200), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("abstract", sa.Text(), nullable=False),
        sa.Column("authors", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("pdf_url", sa.Text(), nullable=False),
        sa.Column("doi", sa.String(length=300), nullable=False),
        sa.Column("version", sa.Integer(), nullable=True),
        sa.Column("categories", sa.Text(), nullable=False),
        sa.Column("primary_category", sa.String(length=80), nullable=False),
        sa.Column("published", sa.BigInteger(), nullable=True),
        sa.Column("updated", sa.BigInteger(), nullable=True),
        sa.Column("announced", sa.String(10), nullable=True),
        sa.Column("announce_type", sa.String(length=20), nullable=False),
        sa.Column("comment", sa.Text(), nullable=False),
        sa.Column("journal_ref", sa.Text(), nullable=False),
        sa.Column("source", sa.String(length=100), nullable=False),
        sa.Column("signals", sa.Text(), nullable=False),
        sa.Column("first_seen", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_papers_doi"), "papers", ["doi"], unique=False)
    op.create_index(op.f("ix_papers_first_seen"), "papers", ["first_seen"], unique=False)
    op.create_table(
        "ratings",
        sa.Column("subscriber_id", sa.String(length=32), nullable=False),
        sa.Column("paper_id", sa.String(length=200), nullable=False),
        sa.Column("origin", sa.String(length=20), nullable=False),
        sa.Column("value", sa.Integer(), nullable=False),
        sa.Column("rated_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("subscriber_id", "paper_id", "origin"),
    )
    op.create_table(
        "runs",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("report", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "subscribers",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("email", sa.String(length=320), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("origin", sa.String(length=20), nullable=False),
        sa.Column("preferences", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("email"),
    )
    op.create_table(
        "unresolved",
        sa.Column("ref", sa.String(length=500), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("checked_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("ref"),
    )
    op.create_table(
        "validators",
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("etag", sa.Text(), nullable=False),
        sa.Column("last_modified", sa.Text(), nullable=False),
        sa.Column("fetched_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("url"),
    )


def downgrade() -> None:
    op.drop_table("validators")
    op.drop_table("unresolved")
    op.drop_table("subscribers")
    op.drop_table("runs")
    op.drop_table("ratings")
    op.drop_index(op.f("ix_papers_first_seen"), table_name="papers")
    op.drop_index(op.f("ix_papers_doi"), table_name="papers")
    op.drop_table("papers")
    op.drop_table("meta")
    op.drop_index(op.f("ix_mentions_first_seen"), table_name="mentions")
    op.drop_table("mentions")
    op.drop_table("listing_days")
    op.drop_table("empty_days")
    op.drop_table("editions")
    op.drop_table("edition_picks")
    op.drop_index("ix_deliveries_due", table_name="deliveries")
    op.drop_table("deliveries")
