"""Every name of a paper, to find it by; affiliations and language."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    with op.batch_alter_table("papers") as papers:
        papers.add_column(sa.Column("affiliations", sa.Text(), nullable=False, server_default="[]"))
        papers.add_column(sa.Column("language", sa.String(20), nullable=False, server_default=""))
        papers.add_column(sa.Column("aliases", sa.Text(), nullable=False, server_default="[]"))
        papers.drop_index("ix_papers_doi")
    op.create_table(
        "names",
        sa.Column("name", sa.String(400), nullable=False),
        sa.Column("paper_id", sa.String(200), nullable=False),
        sa.PrimaryKeyConstraint("name", "paper_id"),
    )
    op.create_index("ix_names_paper_id", "names", ["paper_id"])
    # Titles are not compared with what was stored before: its records keep their ids and DOIs.
    op.execute("INSERT INTO names (name, paper_id) SELECT id, id FROM papers")
    op.execute(
        "INSERT INTO names (name, paper_id) SELECT 'doi:' || doi, id FROM papers "
        "WHERE doi <> '' AND 'doi:' || doi <> id"
    )


def downgrade() -> None:
    op.drop_index("ix_names_paper_id", "names")
    op.drop_table("names")
    with op.batch_alter_table("papers") as papers:
        papers.drop_column("aliases")
        papers.drop_column("language")
        papers.drop_column("affiliations")
        papers.create_index("ix_papers_doi", ["doi"])
