"""Names of papers by the rules of today: titles that agree however they are written, versions of
preprints under one DOI, and the addresses that mails and pages show. Ids of authors."""

from __future__ import annotations

import json

import sqlalchemy as sa
from alembic import op

from digest.identity import address_names, canonical_id, names, title_keys
from digest.model import Paper

revision = "0010"
down_revision = "0009"

BATCH = 2_000


def known(paper: Paper) -> str:
    """The name in a register that a feed's entry has by its address, under which the feed brings
    it from now on."""
    if not paper.id.startswith("feed:"):
        return ""
    name = canonical_id(url=paper.url, doi=paper.doi)
    return "" if name.startswith(("feed:", "text:")) else name


def upgrade() -> None:
    op.add_column("papers", sa.Column("author_ids", sa.Text(), nullable=False, server_default="[]"))
    connection = op.get_bind()
    last = ""
    while True:
        rows = connection.execute(
            sa.text(
                "SELECT id, title, authors, doi, url, pdf_url, aliases FROM papers "
                "WHERE id > :last ORDER BY id LIMIT :n"
            ),
            {"last": last, "n": BATCH},
        ).all()
        if not rows:
            return
        last = rows[-1][0]
        found = [
            {"name": name[:400], "paper_id": paper.id}
            for paper in (
                Paper(
                    id=i,
                    title=title,
                    authors=tuple(json.loads(authors)),
                    doi=doi,
                    url=url,
                    pdf_url=pdf_url,
                    aliases=tuple(json.loads(aliases)),
                )
                for i, title, authors, doi, url, pdf_url, aliases in rows
            )
            for name in (*names(paper), *title_keys(paper), *address_names(paper), known(paper))
            if name
        ]
        connection.execute(
            sa.text(
                "INSERT INTO names (name, paper_id) VALUES (:name, :paper_id) "
                "ON CONFLICT DO NOTHING"
            ),
            found,
        )


def downgrade() -> None:
    op.execute("DELETE FROM names WHERE name LIKE 'url:%'")
    op.drop_column("papers", "author_ids")
