"""Papers and where they were listed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta

import sqlalchemy as sa

from digest.identifiers import address_name, name_of
from digest.identity import (
    address_names,
    combine,
    is_preprint,
    journal_doi,
    merge,
    names,
    same_work,
    title_keys,
)
from digest.model import Listing, ListingEntry, Paper, Validators
from digest.ports import FetchRequest
from digest.store import schema, search
from digest.store.database import Database, chunks, insert
from digest.store.paper_rows import COLUMNS, owners_of, read_papers, to_row

#: papers are compared with those stored, and mentions are numbered: the number is the clock of what
#: is new, so none may become visible before a lower one
TURN = "papers"
#: tables that speak of papers, and what besides the paper makes a row of theirs unique
_ABOUT_PAPERS = (
    (schema.mentions, ("source", "listed_on")),
    (schema.ratings, ("subscriber_id", "origin")),
    (schema.reading_list, ("subscriber_id",)),
    (schema.edition_picks, ("subscriber_id", "edition_date", "kind")),
    (schema.names, ("name",)),
)


def _repoint(
    connection: sa.Connection, table: sa.Table, others: Sequence[str], keep: str, gone: str
) -> None:
    """Rows about one paper are about another from now on, unless it has such a row already.

    Args:
        others: columns that make a row unique besides the paper.
    """
    twin = table.alias()
    same = [twin.c[c] == table.c[c] for c in others]
    connection.execute(
        table.delete().where(
            table.c.paper_id == gone, sa.exists().where(twin.c.paper_id == keep, *same)
        )
    )
    connection.execute(table.update().where(table.c.paper_id == gone).values(paper_id=keep))


def _listed_by(
    connection: sa.Connection, source: str, ids: Collection[str], today: date
) -> set[str]:
    """Papers that a source, or any if none is named, listed before today."""
    table = schema.mentions
    found: set[str] = set()
    for part in chunks(ids):
        query = sa.select(table.c.paper_id).where(
            table.c.paper_id.in_(part), table.c.listed_on < today
        )
        query = query.where(table.c.source == source) if source else query
        found |= set(connection.scalars(query))
    return found


def _adopt_ratings(connection: sa.Connection, papers: Sequence[Paper]) -> None:
    """A paper that only readers' own files named is stored now, perhaps under another id."""
    homes = {n: p.id for p in papers for n in names(p) if n != p.id}
    table = schema.ratings
    for part in chunks(homes):
        rated = sa.select(table.c.paper_id).where(table.c.paper_id.in_(part)).distinct()
        for name in connection.scalars(rated).all():
            _repoint(connection, table, ("subscriber_id", "origin"), homes[name], name)


def _name(connection: sa.Connection, papers: Sequence[Paper]) -> None:
    rows = [
        {"name": name[:400], "paper_id": p.id}
        for p in papers
        for name in (*names(p), *title_keys(p), *address_names(p))
    ]
    if rows:
        connection.execute(insert(connection, schema.names).on_conflict_do_nothing(), rows)


def _update(connection: sa.Connection, papers: Collection[Paper]) -> None:
    if not papers:
        return
    table = schema.papers
    connection.execute(
        table.update()
        .where(table.c.id == sa.bindparam("key"))
        .values({name: sa.bindparam(name) for name in COLUMNS if name != "id"}),
        [{"key": p.id} | {k: v for k, v in to_row(p).items() if k != "id"} for p in papers],
    )
    search.put(connection, papers)


class Papers:
    """Papers and where they were listed."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def fetch_request(self, source: str, now: datetime, until: date | None) -> FetchRequest:
        since = now.date() - timedelta(days=60)
        if until is not None:
            since = min(since, until - timedelta(days=60))
        with self._db.read() as connection:
            days = connection.scalars(
                sa.select(schema.listing_days.c.day).where(
                    schema.listing_days.c.source == source, schema.listing_days.c.day >= since
                )
            ).all()
            rows = connection.execute(sa.select(schema.validators)).mappings().all()
            table = schema.mentions
            latest = connection.scalars(
                sa.select(table.c.paper_id).where(
                    table.c.source == source, table.c.listed_on == max(days, default=now.date())
                )
            ).all()
        return FetchRequest(
            now=now,
            until=until,
            covered=frozenset(days),
            latest=frozenset(latest) if days else frozenset(),
            validators={
                r["url"]: Validators(url=r["url"], etag=r["etag"], last_modified=r["last_modified"])
                for r in rows
            },
        )

    def add_listing(self, listing: Listing) -> int:
        """Store papers, mentions, covered days and validators in one transaction; idempotent.

        Returns the number of papers not known before.
        """
        now = listing.fetched_at
        with self._db.write(TURN) as connection:
            stored_id, n_new, preprints = self._add(connection, listing.papers, now)
            announced = [p for p in listing.papers if p.announced is not None]

            def is_journal_version(paper: Paper) -> bool:
                return stored_id[paper.id] in preprints and bool(journal_doi(paper))

            if listing.rolling:
                ids = {stored_id[p.id] for p in announced}
                known = _listed_by(connection, listing.source, ids, now.date())
                # without a date nothing but our memory tells that it is old
                undated = (p for p in announced if not p.published and not is_journal_version(p))
                ids = {stored_id[p.id] for p in undated}
                known |= _listed_by(connection, "", ids, now.date())
                announced = [p for p in announced if stored_id[p.id] not in known]
            if announced:
                connection.execute(
                    insert(connection, schema.mentions).on_conflict_do_nothing(),
                    [
                        {
                            "paper_id": stored_id[p.id],
                            "source": listing.source,
                            "listed_on": p.announced,
                            "announce_type": "published"
                            if is_journal_version(p)
                            else p.announce_type,
                            "first_seen": now,
                        }
                        for p in announced
                    ],
                )
            for day in listing.days:
                connection.execute(
                    insert(connection, schema.listing_days)
                    .values(source=listing.source, day=day, fetched_at=now)
                    .on_conflict_do_nothing()
                )
            for v in (v for v in listing.validators if v.etag or v.last_modified):
                row = {"etag": v.etag, "last_modified": v.last_modified, "fetched_at": now}
                connection.execute(
                    insert(connection, schema.validators)
                    .values(url=v.url, **row)
                    .on_conflict_do_update(index_elements=["url"], set_=row)
                )
        return n_new

    def add(self, papers: Iterable[Paper], now: datetime) -> dict[str, str]:
        """Store papers that no listing mentioned, as a service describes them; returns each one's
        id in the store. Records of readers' own files go with their ratings."""
        with self._db.write(TURN) as connection:
            return self._add(connection, papers, now)[0]

    def _add(
        self, connection: sa.Connection, papers: Iterable[Paper], now: datetime
    ) -> tuple[dict[str, str], int, set[str]]:
        """Insert what is unknown, enrich what is known.

        Returns the id under which each given paper is stored, how many were new, and which were
        known as preprints only.
        """
        given = tuple(papers)
        merged = merge(given)
        homes = self._homes(connection, merged)
        known = read_papers(connection, set(homes.values()))
        changed: dict[str, Paper] = {}
        for paper in merged:
            home = homes[paper.id]
            if home in known:
                before = changed.get(home, known[home])
                # What is listed now is the newer opinion of readers, so its counts come first.
                after = replace(combine(before, paper, home), announce_type=before.announce_type)
                if after != before:
                    changed[home] = after
        fresh = [p for p in merged if homes[p.id] not in known]
        if fresh:
            connection.execute(
                insert(connection, schema.papers).on_conflict_do_nothing(),
                [to_row(p) | {"first_seen": now} for p in fresh],
            )
        _update(connection, changed.values())
        _name(connection, [*fresh, *changed.values()])
        search.put(connection, fresh)
        _adopt_ratings(connection, [*fresh, *changed.values()])
        stored = {n: homes[p.id] for p in merged for n in names(p)}
        preprints = {p.id for p in known.values() if is_preprint(p)}
        return {p.id: stored[p.id] for p in given}, len(fresh), preprints

    def _homes(self, connection: sa.Connection, papers: Sequence[Paper]) -> dict[str, str]:
        """For each paper the id that it is, or will be, stored under.

        Stored papers that one of these shows to be the same are joined on the way.
        """
        joined: dict[str, str] = {}
        homes: dict[str, str] = {}
        for paper, owners in zip(papers, self._about(connection, papers), strict=True):
            found = list(dict.fromkeys(joined.get(i, i) for i in owners))
            found.sort(key=lambda i: not i.startswith("arxiv:"))
            home = next(iter(found), paper.id)
            for gone in found[1:]:
                self._join(connection, home, gone)
                joined = {k: home if h == gone else h for k, h in joined.items()} | {gone: home}
                homes = {k: home if h == gone else h for k, h in homes.items()}
            homes[paper.id] = home
        return homes

    def _about(self, connection: sa.Connection, papers: Sequence[Paper]) -> list[list[str]]:
        """For each record the stored papers that share a name with it, arXiv's first; else those
        that are the same work by title and authors."""
        called = [names(p) for p in papers]
        titles = [title_keys(p) for p in papers]
        owners = owners_of(connection, {n for ns in called for n in ns})
        like = owners_of(connection, {t for ts in titles for t in ts})
        rivals = read_papers(connection, {i for t in like.values() for i in t})
        found: list[list[str]] = []
        for paper, own, keys in zip(papers, called, titles, strict=True):
            alike = dict.fromkeys(i for key in keys for i in like.get(key, ()))
            ids = [i for n in own for i in owners.get(n, ())] or [
                i for i in alike if i in rivals and same_work(rivals[i], paper)
            ]
            found.append(sorted(dict.fromkeys(ids), key=lambda i: not i.startswith("arxiv:")))
        return found

    def homes(self, papers: Sequence[Paper]) -> dict[str, str]:
        """For each record, by its id, the stored paper that it is about; its own id if none is.

        Nothing is stored: what a reader's file says joins and changes nobody's papers.
        """
        with self._db.read() as connection:
            found = self._about(connection, papers)
        return {p.id: next(iter(ids), p.id) for p, ids in zip(papers, found, strict=True)}

    def _join(self, connection: sa.Connection, keep: str, gone: str) -> None:
        """Two stored papers are one: what was said of the one is said of the other."""
        both = read_papers(connection, {keep, gone})
        for table, others in _ABOUT_PAPERS:
            _repoint(connection, table, others, keep, gone)
        connection.execute(schema.papers.delete().where(schema.papers.c.id == gone))
        search.remove(connection, {gone})
        if len(both) == 2:
            _update(connection, [combine(both[keep], both[gone], keep)])

    def resolve(self, wanted: Collection[str]) -> dict[str, str]:
        """The stored paper of each name (an id, "doi:…", "pmid:…") that there is one for."""
        with self._db.read() as connection:
            return {n: ids[0] for n, ids in owners_of(connection, wanted).items()}

    def get(self, ids: Collection[str]) -> dict[str, Paper]:
        with self._db.read() as connection:
            return read_papers(connection, ids)

    def entries(self, since: datetime, until: date) -> tuple[ListingEntry, ...]:
        table = schema.mentions
        query = (
            sa.select(table)
            .where(table.c.first_seen >= since, table.c.listed_on <= until)
            .order_by(table.c.id)
        )
        with self._db.read() as connection:
            return tuple(ListingEntry(**row) for row in connection.execute(query).mappings())

    def without_abstract(self, since: datetime, limit: int) -> tuple[Paper, ...]:
        """Papers listed since then of which no source brought an abstract, the latest first."""
        papers, table = schema.papers, schema.mentions
        query = (
            sa.select(papers.c.id)
            .join(table, table.c.paper_id == papers.c.id)
            .where(table.c.first_seen >= since, papers.c.abstract == "")
            .group_by(papers.c.id)
            .order_by(sa.func.max(table.c.id).desc())
            .limit(limit)
        )
        with self._db.read() as connection:
            ids = list(connection.scalars(query))
            found = read_papers(connection, ids)
        return tuple(found[i] for i in ids if i in found)

    def entries_of(self, paper_id: str) -> tuple[ListingEntry, ...]:
        """Where and when a paper was listed, in the order of arrival."""
        table = schema.mentions
        query = sa.select(table).where(table.c.paper_id == paper_id).order_by(table.c.id)
        with self._db.read() as connection:
            return tuple(ListingEntry(**r) for r in connection.execute(query).mappings())

    def lately_rated(self, limit: int) -> tuple[tuple[Paper, ...], tuple[Paper, ...]]:
        """What anybody liked and disliked last, the latest first; so many of each at most."""
        table = schema.ratings
        found = []
        with self._db.read() as connection:
            for sign in (table.c.value > 0, table.c.value < 0):
                query = (
                    sa.select(table.c.paper_id, sa.func.max(table.c.rated_at).label("last"))
                    .where(sign)
                    .group_by(table.c.paper_id)
                    .order_by(sa.desc("last"), table.c.paper_id)
                    .limit(limit)
                )
                ids = list(connection.scalars(query))
                papers = read_papers(connection, ids)
                found.append(tuple(papers[i] for i in ids if i in papers))
        return found[0], found[1]

    def background(self, limit: int, until: datetime | None = None) -> tuple[Paper, ...]:
        """The most recently seen papers, for word statistics.

        Args:
            until: later ones are left out.
        """
        table = schema.papers
        query = sa.select(table.c.id, table.c.title, table.c.abstract)
        if until is not None:
            query = query.where(table.c.first_seen <= until)
        query = query.order_by(table.c.first_seen.desc(), table.c.id).limit(limit)
        with self._db.read() as connection:
            return tuple(Paper(id=i, title=t, abstract=a) for i, t, a in connection.execute(query))

    def find(self, ref: str) -> Paper | None:
        """The stored paper of any of its identifiers or addresses."""
        wanted = [n for n in (address_name(ref), name_of(ref), ref) if n]
        owned = self.resolve(wanted)
        paper_id = next((owned[n] for n in wanted if n in owned), ref)
        return self.get({paper_id}).get(paper_id)
