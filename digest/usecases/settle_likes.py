"""Settling likes: what libraries bring becomes ratings of stored papers or of a reader's own
records.

What services say is stored for everybody; what a library says stays with its reader.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING

from digest.identifiers import name_of
from digest.identity import are_two, combine, has_known_id, merge, names, text_key
from digest.model import Paper, StoredImport
from digest.ports import Likes, Lookup, Progress
from digest.usecases.lookup import NO_REFERENCE, find_by_title, look_up, not_asked_by_title

if TYPE_CHECKING:
    from digest.store import Store

#: papers looked for by title in one go, each with a request of its own
MAX_TITLES = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Brought:
    """What one origin brought for one reader, before it is resolved."""

    subscriber_id: str
    origin: str
    likes: Likes
    memory: str = ""
    #: of the import before; None if there was none
    before: StoredImport | None = None
    counts: bool = True

    @property
    def corrections(self) -> Mapping[str, str]:
        """See `StoredImport.corrections`."""
        return self.before.corrections if self.before else {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """What became of it."""

    brought: Brought
    stored: StoredImport
    #: by the ids under which they are rated
    papers: Mapping[str, Paper]
    #: entries that could be looked for by title the next time
    n_titles_open: int = 0


def memory_key(subscriber_id: str, origin: str) -> str:
    """Where the store keeps what a library wants remembered."""
    return hashlib.sha256(f"{subscriber_id}|{origin}".encode()).hexdigest()[:40]


def settle(
    brought: Sequence[Brought],
    store: Store,
    lookups: Sequence[Lookup],
    now: datetime,
    progress: Progress,
    *,
    max_titles: int = MAX_TITLES,
) -> list[Settled]:
    """Store what was brought and make it likes.

    All are looked up together, since services answer for a hundred papers as fast as for one.
    """
    brought = [corrected(one) for one in brought]
    refs = dict.fromkeys(r for one in brought for r in one.likes.refs)
    wanted = {name for ref in refs if (name := name_of(ref))}
    wanted |= _wanting(p for one in brought for p in one.likes.papers)
    reasons = look_up(wanted, store, lookups, now, progress)
    nameless = {p.id: p for one in brought for p in _nameless(one)}
    untried = not_asked_by_title(tuple(nameless.values()), store, lookups, now)
    asked = untried[:max_titles]
    found = find_by_title(asked, store, lookups, now, progress)
    store.papers.add(tuple(found.values()), now)
    homes = store.papers.resolve({f.id for f in found.values()})
    by_title = {key: homes[f.id] for key, f in found.items() if f.id in homes}
    n_open = len(untried) - len(asked)
    return [_settled(one, by_title, reasons, n_open, store, now) for one in brought]


def _settled(
    one: Brought,
    by_title: Mapping[str, str],
    reasons: Mapping[str, str],
    n_titles_open: int,
    store: Store,
    now: datetime,
) -> Settled:
    earlier = one.before.by_title if one.before else {}
    mine = {p.id for p in one.likes.papers}
    matched = {k: v for k, v in {**earlier, **by_title}.items() if k in mine}
    named = name_all(one, store, matched)
    missing = {
        ref: reasons.get(name, "it is not stored") if name else NO_REFERENCE
        for ref in one.likes.refs
        if (name := name_of(ref)) not in named.refs
    }
    store.ratings.sync(
        one.subscriber_id,
        one.origin,
        sorted(named.ids),
        now,
        named.records,
        added=named.added(one.likes.added),
        counts=one.counts,
    )
    if one.memory:
        store.facts.set(memory_key(one.subscriber_id, one.origin), one.memory)
    papers = store.ratings.papers_of(one.subscriber_id, one.origin)
    n_brought = len(one.likes.papers) + len(one.likes.refs) - len(missing)
    stored = StoredImport(
        subscriber_id=one.subscriber_id,
        origin=one.origin,
        imported_at=now,
        counts=one.counts,
        n_entries=one.likes.n_entries,
        n_duplicates=one.likes.n_duplicates + max(0, n_brought - len(named.fresh)),
        faults=(
            *(("", fault) for fault in one.likes.faults),
            *((ref, f"{ref}: {reason}.") for ref, reason in missing.items()),
        ),
        remarks=(*one.likes.remarks, *named.remarks),
        by_title=matched,
        corrections=one.corrections,
    )
    store.imports.save(stored)
    return Settled(brought=one, stored=stored, papers=papers, n_titles_open=n_titles_open)


def corrected(one: Brought) -> Brought:
    """What was brought, with what the reader said of some entries: a fault becomes the reference
    that it should have been, a record gets the right id."""
    if not one.corrections:
        return one
    likes = one.likes
    refs = [one.corrections.get(r) or r for r in likes.refs]
    refs += [one.corrections[f] for f in likes.faults if one.corrections.get(f)]
    papers = []
    for paper in likes.papers:
        right = name_of(one.corrections.get(paper.title, ""))
        papers.append(replace(paper, id=right, doi="", aliases=(paper.id,)) if right else paper)
    faults = tuple(f for f in likes.faults if not one.corrections.get(f))
    changed = replace(likes, refs=tuple(refs), papers=tuple(papers), faults=faults)
    return replace(one, likes=changed)


def _wanting(papers: Iterable[Paper]) -> set[str]:
    """Names of papers without an abstract that some register knows."""
    return {
        next(n for n in names(p) if not n.startswith(("text:", "feed:")))
        for p in papers
        if not p.abstract and any(not n.startswith(("text:", "feed:")) for n in names(p))
    }


def _nameless(one: Brought) -> list[Paper]:
    """Records without id and abstract, but those that were found before and those of which the
    reader said that they were taken for another."""
    earlier = one.before.by_title if one.before else {}
    return [
        p
        for p in one.likes.papers
        if p.title
        and not p.abstract
        and not has_known_id(p)
        and p.id.startswith("text:")
        and p.id not in earlier
        and p.title not in one.corrections
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """What an origin brought, by the ids under which it is rated."""

    #: stored papers by the names of references
    refs: Mapping[str, str]
    #: the reader's own records
    records: Mapping[str, Paper]
    #: ids that were brought earlier and stay
    kept: Mapping[str, str]
    #: what the records are called in the library, and where they are rated
    homes: Mapping[str, str] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()

    @property
    def fresh(self) -> set[str]:
        """Ids of what was read now."""
        return {*self.refs.values(), *self.homes.values()}

    @property
    def ids(self) -> set[str]:
        return {*self.refs.values(), *self.kept.values(), *self.records}

    def added(self, dates: Mapping[str, datetime]) -> dict[str, datetime]:
        """When papers were taken in, by the ids under which they are rated."""
        found: dict[str, datetime] = {}
        for key, at in dates.items():
            home = self.homes.get(key, key)
            found[home] = min(at, found.get(home, at))
        return found


def name_all(one: Brought, store: Store, by_title: Mapping[str, str]) -> Named:
    """Stored papers for what is stored, own records for the rest; nothing is written.

    Args:
        by_title: stored papers for some of the records.
    """
    own = {p.id: p for p in merge(one.likes.papers)}
    fresh = set(own)
    before = store.ratings.papers_of(one.subscriber_id, one.origin) if one.likes.kept else {}
    earlier = {n: p for p in before.values() for n in names(p)}
    kept = store.papers.resolve(one.likes.kept)
    for name in one.likes.kept:
        if name in earlier:
            own.setdefault(earlier[name].id, earlier[name])
    refs = store.papers.resolve({name for ref in one.likes.refs if (name := name_of(ref))})
    homes = dict(store.papers.homes(tuple(own.values())))
    stored = store.papers.get(set(homes.values()))
    remarks: list[str] = []
    for key, paper in own.items():
        home = stored.get(homes[key])
        if key in by_title:
            homes[key] = by_title[key]
        elif paper.title in one.corrections or home is None or not paper.arxiv_id:
            continue  # of DOIs it is rather the title that is unusual
        elif are_two(home, paper):
            remarks.append(
                f"{home.id.partition(':')[2]} names another paper than “{paper.title[:80]}”, so "
                "that is known by its title."
            )
            homes[key] = text_key(paper.title, paper.abstract)
            own[key] = replace(paper, id=homes[key], doi="", aliases=(), url="")
    records: dict[str, Paper] = {}
    for key, paper in own.items():
        known = records.get(homes[key])
        records[homes[key]] = paper if known is None else combine(known, paper)
    # an abstract that everybody has need not be kept once more for each reader
    whole = {i for i, paper in store.papers.get(records.keys()).items() if paper.abstract}
    records = {i: replace(r, abstract="") if i in whole else r for i, r in records.items()}
    return Named(
        refs=refs,
        records=records,
        kept=kept,
        homes={k: h for k, h in homes.items() if k in fresh},
        remarks=tuple(remarks),
    )
