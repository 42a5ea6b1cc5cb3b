"""Forgetting what nobody needs any more."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from digest.model import DeliveryState
from digest.store import schema, search
from digest.store.database import Database
from digest.store.papers import TURN as PAPERS_TURN

_table = schema.deliveries


def purge(db: Database, before: datetime, bodies_before: datetime | None = None) -> int:
    """Forget papers that no rating, edition or listing names, and bodies of settled mails."""
    final = [s.value for s in DeliveryState if s.is_final]
    papers, picks, mentions = schema.papers, schema.edition_picks, schema.mentions
    with db.write(PAPERS_TURN) as connection:
        old = sa.select(_table.c.message_id).where(
            _table.c.planned_at < (bodies_before or before), _table.c.state.in_(final)
        )
        bodies = schema.bodies
        connection.execute(bodies.delete().where(bodies.c.message_id.in_(old)))
        connection.execute(mentions.delete().where(mentions.c.first_seen < before))
        connection.execute(
            schema.listing_days.delete().where(schema.listing_days.c.fetched_at < before)
        )
        connection.execute(
            schema.empty_days.delete().where(schema.empty_days.c.decided_at < before)
        )
        made = schema.embeddings.c.made_at
        connection.execute(schema.embeddings.delete().where(made < before))
        for kept in (schema.summaries, schema.thumbnails):
            connection.execute(kept.delete().where(kept.c.made_at < before))
        days = schema.domain_days
        connection.execute(days.delete().where(days.c.day < (bodies_before or before).date()))
        connection.execute(schema.paces.delete().where(schema.paces.c.free_at < before))
        connection.execute(schema.runs.delete().where(schema.runs.c.started_at < before))
        needed = [
            sa.exists().where(t.c.paper_id == papers.c.id)
            for t in (schema.ratings, schema.reading_list, picks, mentions)
        ]
        n_gone = connection.execute(
            papers.delete().where(papers.c.first_seen < before, *(~n for n in needed))
        ).rowcount
        asked = schema.signups
        connection.execute(asked.delete().where(asked.c.asked_at < before))
        # what nobody confirmed in its week is of no use, and holds what a stranger typed
        connection.execute(
            asked.delete().where(
                asked.c.asked_at < (bodies_before or before),
                asked.c.state.not_in(("confirmed", "done")),
            )
        )
        if n_gone:
            left = sa.select(papers.c.id)
            connection.execute(schema.names.delete().where(schema.names.c.paper_id.not_in(left)))
            search.remove_forgotten(connection)
        return n_gone
