"""A reader's libraries: what each brought, and what the reader says of that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from digest.identifiers import name_of
from digest.identity import text_key
from digest.model import IMPORT, StoredImport, Subscriber
from digest.ports import Lookup, TitleLookup
from digest.usecases.feedback import FILE_ORIGIN
from digest.usecases.lookup import find_by_title, look_up, not_asked_by_title

if TYPE_CHECKING:
    from digest.store import Store

#: papers looked for by title in a run that nobody waits for, each with a request of its own
MAX_TITLES_A_RUN = 50
#: records that are looked through for those
MAX_NAMELESS = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class LibraryEntry:
    """A library of a reader, as it is listed."""

    #: as it was named
    name: str
    #: whether it is read anew at each run, as the configuration says
    is_configured: bool
    n_papers: int
    #: None for one that was imported before this was noted
    stored: StoredImport | None

    @property
    def counts(self) -> bool:
        return self.stored is None or self.stored.counts


def libraries_of(store: Store, subscriber: Subscriber) -> tuple[LibraryEntry, ...]:
    """All of a reader's libraries, configured and imported, the latest first."""
    rated = store.ratings.by_origin(subscriber.id)
    stored = {s.origin: s for s in store.imports.of(subscriber.id)}
    origins = [*stored, *(o for o in rated if o not in stored)]
    return tuple(
        LibraryEntry(
            name=origin.removeprefix(IMPORT).removeprefix(f"{FILE_ORIGIN}:"),
            is_configured=origin.startswith(FILE_ORIGIN),
            n_papers=len(rated.get(origin, ())),
            stored=stored.get(origin),
        )
        for origin in origins
        if origin.startswith((IMPORT, f"{FILE_ORIGIN}:"))
    )


def match_titles(
    store: Store, lookups: Sequence[Lookup], now: datetime, most: int = MAX_TITLES_A_RUN
) -> int:
    """Go on looking by title for what imports brought without id and abstract; returns how many
    papers were found."""
    if not any(isinstance(s, TitleLookup) for s in lookups):
        return 0
    waiting = [
        (stored, paper)
        for stored, paper in store.imports.nameless(MAX_NAMELESS)
        if paper.title not in stored.corrections
    ]
    nameless = tuple({p.id: p for _, p in waiting}.values())
    fresh = not_asked_by_title(nameless, store, lookups, now)[:most]
    found = find_by_title(fresh, store, lookups, now)
    store.papers.add(tuple(found.values()), now)
    homes = store.papers.resolve({f.id for f in found.values()})
    for stored, paper in waiting:
        home = homes.get(found[paper.id].id, "") if paper.id in found else ""
        current = store.imports.get(stored.subscriber_id, stored.origin)
        if home and current:
            store.imports.move(current, paper.id, home, paper, now)
            matched = {**current.by_title, paper.id: home}
            store.imports.save(replace(current, by_title=matched))
    return len(found)


def count_import(store: Store, subscriber: Subscriber, name: str, *, counts: bool) -> bool:
    """Say whether an import's papers are likes, or only known to the reader; False if there is no
    such import."""
    stored = store.imports.get(subscriber.id, IMPORT + name)
    if stored is None:
        return False
    store.imports.set_counts(replace(stored, counts=counts))
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Open:
    """An entry of an import that the reader may correct."""

    #: under which a correction is kept: the reference, the sentence of a fault, or the title
    key: str
    #: what there is to say of it
    text: str
    #: the paper that was found by title
    paper_id: str = ""


def open_entries(store: Store, subscriber: Subscriber, name: str) -> tuple[Open, ...]:
    """What of an import could not be used, and what was found by its title alone."""
    origin = IMPORT + name
    stored = store.imports.get(subscriber.id, origin)
    if stored is None:
        return ()
    papers = store.ratings.papers_of(subscriber.id, origin)
    own = store.imports.records(subscriber.id, origin)
    faults = [Open(key=ref or text, text=text) for ref, text in stored.faults]
    matched = [
        Open(
            key=own[i].title,
            text=f"“{own[i].title}” was found by its title: {papers[i].plain_title} ({i})",
            paper_id=i,
        )
        for i in stored.by_title.values()
        if i in own and i in papers
    ]
    return (*faults, *matched)


def correct(
    store: Store,
    lookups: Sequence[Lookup],
    subscriber: Subscriber,
    name: str,
    *,
    entry: Open,
    ref: str,
    now: datetime,
) -> str:
    """Say which paper an entry of an import is, or with an empty reference that it is not the one
    that was found; returns why that cannot be, or nothing.

    It holds against the next import of the same name.
    """
    origin = IMPORT + name
    stored = store.imports.get(subscriber.id, origin)
    if stored is None:
        return "there is no such import"
    called = name_of(ref) if ref else ""
    if ref and not called:
        return f"{ref} is no arXiv id, DOI, PMID or known address"
    if not ref and not entry.paper_id:
        return "there is nothing to take back"
    home = ""
    if called:
        reasons = look_up({called}, store, lookups, now)
        home = store.papers.resolve({called}).get(called, "")
        if not home:
            return reasons.get(called, "no service knows it")
    record = store.imports.records(subscriber.id, origin).get(entry.paper_id)
    if record is not None and not home:
        home = text_key(record.title, record.abstract)
        record = replace(record, id=home, doi="", aliases=(), url="")
    store.imports.move(stored, entry.paper_id, home, record, now)
    store.imports.save(
        replace(
            stored,
            faults=tuple(f for f in stored.faults if (f[0] or f[1]) != entry.key),
            by_title={k: v for k, v in stored.by_title.items() if v != entry.paper_id},
            corrections={**stored.corrections, entry.key: ref},
        )
    )
    return ""
