"""Papers and where they were listed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import asdict, fields, replace
from datetime import date, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from digest.identity import combine, merge
from digest.model import Listing, Paper, Reason, ReasonKind, Signals, Validators
from digest.ports import FetchRequest, Mention, PickEntry
from digest.store import schema
from digest.store.database import Database

#: below SQLite's least limit of bound values in one statement
CHUNK = 500
_COLUMNS = [f.name for f in fields(Paper)]
_EMPTY_SIGNALS = Signals()


def chunks(items: Collection[str]) -> Iterator[list[str]]:
    ordered = list(items)
    for start in range(0, len(ordered), CHUNK):
        yield ordered[start : start + CHUNK]


def to_row(paper: Paper) -> dict[str, Any]:
    row = {name: getattr(paper, name) for name in _COLUMNS}
    known = {k: v for k, v in asdict(paper.signals).items() if v not in (None, "")}
    return row | {
        "authors": list(paper.authors),
        "categories": list(paper.categories),
        "signals": known,
    }


def to_paper(row: Any) -> Paper:
    values = {name: row[name] for name in _COLUMNS}
    values["authors"] = tuple(values["authors"])
    values["categories"] = tuple(values["categories"])
    signals = values["signals"]
    values["signals"] = Signals(**signals) if signals else _EMPTY_SIGNALS
    return Paper(**values)


class PaperTables:
    """The part of the store that implements `ports.PaperStore`."""

    _db: Database

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
        return FetchRequest(
            now=now,
            until=until,
            covered=frozenset(days),
            validators={
                r["url"]: Validators(url=r["url"], etag=r["etag"], last_modified=r["last_modified"])
                for r in rows
            },
        )

    def add_listing(self, listing: Listing) -> int:
        now = listing.fetched_at
        with self._db.write() as connection:
            stored_id, n_new = self._add(connection, listing.papers, now)
            announced = [p for p in listing.papers if p.announced is not None]
            if announced:
                connection.execute(
                    insert(schema.mentions).on_conflict_do_nothing(),
                    [
                        {
                            "paper_id": stored_id[p.id],
                            "source": listing.source,
                            "listed_on": p.announced,
                            "announce_type": p.announce_type,
                            "first_seen": now,
                        }
                        for p in announced
                    ],
                )
            for day in listing.days:
                connection.execute(
                    insert(schema.listing_days)
                    .values(source=listing.source, day=day, fetched_at=now)
                    .on_conflict_do_nothing()
                )
            for v in listing.validators:
                if not (v.etag or v.last_modified):
                    continue
                row = {"etag": v.etag, "last_modified": v.last_modified, "fetched_at": now}
                connection.execute(
                    insert(schema.validators)
                    .values(url=v.url, **row)
                    .on_conflict_do_update(index_elements=["url"], set_=row)
                )
        return n_new

    def add_papers(self, papers: Iterable[Paper], now: datetime) -> None:
        with self._db.write() as connection:
            self._add(connection, papers, now)

    def _add(
        self, connection: sa.Connection, papers: Iterable[Paper], now: datetime
    ) -> tuple[dict[str, str], int]:
        """Insert what is unknown, enrich what is known.

        Returns the id under which each given paper is stored, and how many were new.
        """
        given = tuple(papers)
        merged = merge(given)
        known = self._read(connection, {p.id for p in merged})
        by_doi = self._ids_by_doi(connection, {p.doi for p in merged if p.id not in known})
        merged = tuple(
            replace(p, id=by_doi[p.doi]) if p.id not in known and p.doi in by_doi else p
            for p in merged
        )
        known |= self._read(connection, {p.id for p in merged} - known.keys())
        fresh = [p for p in merged if p.id not in known]
        changed = [
            c for p in merged if p.id in known and (c := self._enriched(known[p.id], p)) is not None
        ]
        if fresh:
            connection.execute(
                insert(schema.papers).on_conflict_do_nothing(),
                [to_row(p) | {"first_seen": now} for p in fresh],
            )
        if changed:
            table = schema.papers
            connection.execute(
                table.update()
                .where(table.c.id == sa.bindparam("key"))
                .values({name: sa.bindparam(name) for name in _COLUMNS if name != "id"}),
                [
                    {"key": p.id} | {k: v for k, v in to_row(p).items() if k != "id"}
                    for p in changed
                ],
            )
        ids = {p.id: p.id for p in merged}
        doi_ids = {p.doi: p.id for p in merged if p.doi}
        return {p.id: ids.get(p.id) or doi_ids[p.doi] for p in given}, len(fresh)

    @staticmethod
    def _enriched(known: Paper, seen: Paper) -> Paper | None:
        """The known record with what was learned, or None if nothing was."""
        # What is listed now is the newer opinion of readers, so its counts come first.
        combined = combine(known, replace(seen, id=known.id))
        combined = replace(combined, id=known.id, announce_type=known.announce_type)
        return None if combined == known else combined

    @staticmethod
    def _ids_by_doi(connection: sa.Connection, dois: Collection[str]) -> dict[str, str]:
        table = schema.papers
        found: dict[str, str] = {}
        for part in chunks([d for d in dois if d]):
            query = sa.select(table.c.doi, table.c.id).where(table.c.doi.in_(part))
            found |= {row.doi: row.id for row in connection.execute(query)}
        return found

    @staticmethod
    def _read(connection: sa.Connection, ids: Collection[str]) -> dict[str, Paper]:
        found: dict[str, Paper] = {}
        for part in chunks(ids):
            query = sa.select(schema.papers).where(schema.papers.c.id.in_(part))
            for row in connection.execute(query).mappings():
                found[row["id"]] = to_paper(row)
        return found

    def papers(self, ids: Collection[str]) -> dict[str, Paper]:
        with self._db.read() as connection:
            return self._read(connection, ids)

    def mentions(self, since: datetime, until: date) -> tuple[Mention, ...]:
        table = schema.mentions
        query = (
            sa.select(table)
            .where(table.c.first_seen >= since, table.c.listed_on <= until)
            .order_by(table.c.id)
        )
        with self._db.read() as connection:
            return tuple(Mention(**row) for row in connection.execute(query).mappings())

    def listed(self, limit: int) -> tuple[Paper, ...]:
        """The latest papers that a listing mentioned, newest first."""
        table, mentions = schema.papers, schema.mentions
        latest = (
            sa.select(mentions.c.paper_id, sa.func.max(mentions.c.id).label("last"))
            .group_by(mentions.c.paper_id)
            .order_by(sa.desc("last"))
            .limit(limit)
            .subquery()
        )
        query = (
            sa.select(table)
            .join(latest, latest.c.paper_id == table.c.id)
            .order_by(latest.c.last.desc())
        )
        with self._db.read() as connection:
            return tuple(to_paper(row) for row in connection.execute(query).mappings())

    def mentions_of(self, paper_id: str) -> tuple[Mention, ...]:
        """Where and when a paper was listed, in the order of arrival."""
        table = schema.mentions
        query = sa.select(table).where(table.c.paper_id == paper_id).order_by(table.c.id)
        with self._db.read() as connection:
            return tuple(Mention(**r) for r in connection.execute(query).mappings())

    def picks_of(self, paper_id: str) -> tuple[PickEntry, ...]:
        """The editions that a paper stood in, the latest first."""
        table = schema.edition_picks
        query = (
            sa.select(table)
            .where(table.c.paper_id == paper_id)
            .order_by(table.c.edition_date.desc(), table.c.subscriber_id)
        )
        with self._db.read() as connection:
            return tuple(
                PickEntry(
                    subscriber_id=r["subscriber_id"],
                    edition_date=r["edition_date"],
                    rank=r["rank"],
                    section=r["section"],
                    score=r["score"],
                    percentile=r["percentile"],
                    reasons=tuple(
                        Reason(
                            kind=ReasonKind(x["kind"]),
                            evidence=tuple(x["evidence"]),
                            contribution=x["contribution"],
                        )
                        for x in r["reasons"]
                    ),
                )
                for r in connection.execute(query).mappings()
            )

    def listing_dates(self, since: datetime) -> tuple[date, ...]:
        """Dates of listings that came in since then, the latest first."""
        table = schema.mentions
        query = sa.select(table.c.listed_on).where(table.c.first_seen >= since).distinct()
        with self._db.read() as connection:
            return tuple(sorted(connection.scalars(query), reverse=True))

    def background(self, limit: int) -> tuple[Paper, ...]:
        table = schema.papers
        query = (
            sa.select(table.c.id, table.c.title, table.c.abstract)
            .order_by(table.c.first_seen.desc(), table.c.id)
            .limit(limit)
        )
        with self._db.read() as connection:
            return tuple(Paper(id=i, title=t, abstract=a) for i, t, a in connection.execute(query))
