"""What a reader's edition is chosen by, besides their ratings: what they were sent and know."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import date, datetime

import sqlalchemy as sa

from digest.identity import names, same_work, title_keys
from digest.model import IMPORT, IN_CONFIG, STOOD_IN, DeliveryState, Paper
from digest.store import schema
from digest.store.paper_rows import owners_of, read_papers

#: by reader and paper
Records = Mapping[str, Mapping[str, Paper]]


def _undelivered_before(day: date) -> Callable[[sa.Table], sa.ColumnElement[bool]]:
    """Whether an edition of an earlier date never arrived, as far as anybody can know, and will
    not: its papers are new to the reader still."""
    mails = schema.deliveries
    gone = [DeliveryState.FAILED.value, DeliveryState.READY.value, DeliveryState.DEFERRED.value]

    def lost(table: sa.Table) -> sa.ColumnElement[bool]:
        return sa.exists().where(
            *(mails.c[c] == table.c[c] for c in ("subscriber_id", "edition_date", "kind")),
            mails.c.edition_date < day,
            mails.c.state.in_(gone),
            mails.c.doubts == 0,
        )

    return lost


def named(connection: sa.Connection, records: Records) -> dict[str, frozenset[str]]:
    """By reader the stored papers that their own records are about, whatever else those are
    called: a paper that stands in a library is not news, under none of its names."""
    called = {
        who: {p.id: {*names(p), *title_keys(p)} for p in own.values()}
        for who, own in records.items()
    }
    owners = owners_of(connection, {n for of in called.values() for ns in of.values() for n in ns})
    like = {i for n, ids in owners.items() if n.startswith("title:") for i in ids}
    rivals = read_papers(connection, like)
    found: dict[str, frozenset[str]] = {}
    for who, own in records.items():
        ids: set[str] = set()
        for paper in own.values():
            for name in called[who][paper.id]:
                for i in owners.get(name, ()):
                    if not name.startswith("title:") or same_work(rivals[i], paper):
                        ids.add(i)
        found[who] = frozenset(ids)
    return found


def labelled(
    connection: sa.Connection, subscriber_ids: Collection[str]
) -> dict[str, dict[str, frozenset[str]]]:
    """By reader and label the rated papers that may belong to a named interest."""
    rated, picks = schema.ratings, schema.edition_picks
    of_library = sa.select(rated.c.subscriber_id, rated.c.origin, rated.c.paper_id).where(
        sa.or_(*(rated.c.origin.startswith(label) for label in (IMPORT, IN_CONFIG)))
    )
    of_section = sa.select(
        picks.c.subscriber_id, sa.literal(STOOD_IN) + picks.c.interest, picks.c.paper_id
    ).where(picks.c.interest != sa.literal_column("''"))  # as the index of these says it
    found: dict[str, dict[str, set[str]]] = {}
    for query in (of_library, of_section):
        mine = query.where(query.selected_columns.subscriber_id.in_(subscriber_ids))
        for who, label, paper_id in connection.execute(mine):
            found.setdefault(who, {}).setdefault(label, set()).add(paper_id)
    return {who: {label: frozenset(ids) for label, ids in of.items()} for who, of in found.items()}


def sent_to(
    connection: sa.Connection,
    subscriber_ids: Collection[str],
    edition_date: date,
    listed_since: datetime | None,
    as_of: datetime | None,
) -> dict[str, list[tuple[str, str]]]:
    """Papers and sections in editions of other dates."""
    picks, mentions = schema.edition_picks, schema.mentions
    query = sa.select(picks.c.subscriber_id, picks.c.paper_id, picks.c.section).where(
        picks.c.subscriber_id.in_(subscriber_ids),
        picks.c.edition_date != edition_date,
        ~_undelivered_before(edition_date)(picks),
    )
    if as_of is not None:
        query = query.where(picks.c.edition_date < edition_date)
    if listed_since is not None:
        listed = sa.exists().where(
            mentions.c.paper_id == picks.c.paper_id, mentions.c.first_seen >= listed_since
        )
        query = query.where(listed)
    found: dict[str, list[tuple[str, str]]] = {}
    for who, paper_id, section in connection.execute(query):
        found.setdefault(who, []).append((paper_id, section))
    return found


def considered(
    connection: sa.Connection, subscriber_ids: Collection[str], edition_date: date
) -> dict[str, tuple[int | None, date | None]]:
    """Up to which mention and date each reader's earlier editions looked."""
    editions, empty = schema.editions, schema.empty_days
    found: dict[str, tuple[int | None, date | None]] = {}
    for table, held in (
        (editions, [~_undelivered_before(edition_date)(editions)]),
        (empty, []),
    ):
        query = (
            sa.select(
                table.c.subscriber_id,
                sa.func.max(table.c.cursor),
                sa.func.max(table.c.edition_date),
            )
            .where(
                table.c.subscriber_id.in_(subscriber_ids),
                table.c.edition_date < edition_date,
                *held,
            )
            .group_by(table.c.subscriber_id)
        )
        for who, cursor, day in connection.execute(query):
            before = found.get(who, (None, None))
            found[who] = (
                max((c for c in (cursor, before[0]) if c is not None), default=None),
                max((d for d in (day, before[1]) if d is not None), default=None),
            )
    return found
