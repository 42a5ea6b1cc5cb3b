"""Importing: what readers like, from wherever they keep it."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING

from digest.errors import LibraryError
from digest.identifiers import name_of
from digest.identity import combine, merge, names, text_key
from digest.model import Paper, RunWarning, Subscriber
from digest.ports import Library, Likes, Lookup, Progress, silent
from digest.text import clean
from digest.usecases.feedback import FILE_ORIGIN
from digest.usecases.lookup import NO_REFERENCE, look_up

if TYPE_CHECKING:
    from digest.store import Store

log = logging.getLogger(__name__)

#: origins of imports: "import:" and the name that the import was given
IMPORT = "import:"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfiguredLikes:
    """What a reader likes as configured."""

    #: ids, addresses and documents that stand in the file itself
    likes: Likes = field(default_factory=Likes)
    libraries: tuple[Library, ...] = ()


def inline_paper(title: str, abstract: str) -> Paper:
    return Paper(
        id=text_key(title, abstract), title=clean(title), abstract=clean(abstract), source="config"
    )


@dataclass(frozen=True, slots=True)
class HandedIn:
    """Likes that were handed in, by a form, as a library."""

    likes: Likes
    name: str

    def read(self, memory: str) -> tuple[Likes | None, str]:
        return self.likes, ""


# --- likes that are kept elsewhere ---------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Brought:
    """What one origin brought for one reader, before it is resolved."""

    subscriber_id: str
    origin: str
    likes: Likes
    memory: str = ""


def sync_likes(
    wanted_by_subscriber: Mapping[str, ConfiguredLikes],
    store: Store,
    lookups: Sequence[Lookup],
    now: datetime,
    progress: Progress = silent,
) -> tuple[RunWarning, ...]:
    """Make the stored likes equal to what the configuration says, and to what stands on the shelves
    it names; returns what went wrong.

    A library that cannot be read keeps what it brought before.
    """
    faults: list[RunWarning] = []
    brought: list[_Brought] = []
    for subscriber_id, wanted in wanted_by_subscriber.items():
        brought.append(
            _Brought(subscriber_id=subscriber_id, origin=FILE_ORIGIN, likes=wanted.likes)
        )
        before = store.ratings.by_origin(subscriber_id)
        origins = {FILE_ORIGIN}
        for library in wanted.libraries:
            origin = f"{FILE_ORIGIN}:{library.name}"
            while origin in origins:  # files of one name in two folders
                origin += "'"
            origins.add(origin)
            known = origin in before
            memory = store.facts.get(_fact(subscriber_id, origin)) if known else ""
            try:
                likes, memory = library.read(memory)
            except LibraryError as error:
                now_used = "The likes it brought before are used" if known else "It brings no likes"
                faults.append(RunWarning(f"{error} {now_used}.", subscriber_id))
                continue
            if likes is not None:
                brought.append(
                    _Brought(subscriber_id=subscriber_id, origin=origin, likes=likes, memory=memory)
                )
        for origin in before:
            if origin.startswith(f"{FILE_ORIGIN}:") and origin not in origins:
                store.ratings.sync(subscriber_id, origin, (), now)
    for one, missing, _ in _settled(brought, store, lookups, now, progress):
        told = [f"The like {ref} is not used: {reason}." for ref, reason in missing.items()]
        faults += [RunWarning(text, one.subscriber_id) for text in (*one.likes.faults, *told)]
    return tuple(dict.fromkeys(faults))


def _wanting(papers: Iterable[Paper]) -> set[str]:
    """Names of papers without an abstract that some register knows."""
    return {
        next(n for n in names(p) if not n.startswith(("text:", "feed:")))
        for p in papers
        if not p.abstract and any(not n.startswith(("text:", "feed:")) for n in names(p))
    }


def _fact(subscriber_id: str, origin: str) -> str:
    return hashlib.sha256(f"{subscriber_id}|{origin}".encode()).hexdigest()[:40]


def _settled(
    brought: Sequence[_Brought],
    store: Store,
    lookups: Sequence[Lookup],
    now: datetime,
    progress: Progress,
) -> list[tuple[_Brought, Mapping[str, str], tuple[Paper, ...]]]:
    """Store what was brought and make it likes: for each, what could not be found, and the papers.

    All are looked up together, since services answer for a hundred papers as fast as for one. What
    services say is stored for everybody; a reader's own record stays with the reader's rating.
    """
    refs = dict.fromkeys(r for one in brought for r in one.likes.refs)
    wanted = {name for ref in refs if (name := name_of(ref))}
    wanted |= _wanting(p for one in brought for p in one.likes.papers)
    reasons = look_up(wanted, store, lookups, now, progress)
    done: list[tuple[_Brought, Mapping[str, str], tuple[Paper, ...]]] = []
    for one in brought:
        named = _named(one, store)
        missing = {
            ref: reasons.get(name, "it is not stored") if name else NO_REFERENCE
            for ref in one.likes.refs
            if (name := name_of(ref)) not in named.refs
        }
        store.ratings.sync(one.subscriber_id, one.origin, sorted(named.ids), now, named.records)
        if one.memory:
            store.facts.set(_fact(one.subscriber_id, one.origin), one.memory)
        papers = store.ratings.papers_of(one.subscriber_id, one.origin)
        done.append((one, missing, tuple(papers.values())))
    return done


@dataclass(frozen=True, slots=True, kw_only=True)
class _Named:
    """What an origin brought, by the ids under which it is rated."""

    #: stored papers by the names of references
    refs: Mapping[str, str]
    #: the reader's own records
    records: Mapping[str, Paper]

    @property
    def ids(self) -> set[str]:
        return {*self.refs.values(), *self.records}


def _named(one: _Brought, store: Store) -> _Named:
    """Stored papers for what is stored, own records for the rest; nothing is written."""
    own = {p.id: p for p in merge(one.likes.papers)}
    before = store.ratings.papers_of(one.subscriber_id, one.origin) if one.likes.kept else {}
    earlier = {n: p for p in before.values() for n in names(p)}
    kept = store.papers.resolve(one.likes.kept)
    for name in one.likes.kept:
        if name in earlier:
            own.setdefault(earlier[name].id, earlier[name])
    refs = store.papers.resolve({name for ref in one.likes.refs if (name := name_of(ref))})
    homes = store.papers.homes(tuple(own.values()))
    records: dict[str, Paper] = {}
    for paper in own.values():
        home = homes[paper.id]
        known = records.get(home)
        records[home] = paper if known is None else combine(known, paper)
    # an abstract that everybody has need not be kept once more for each reader
    whole = {i for i, paper in store.papers.get(records.keys()).items() if paper.abstract}
    records = {i: replace(r, abstract="") if i in whole else r for i, r in records.items()}
    return _Named(refs={**refs, **kept}, records=records)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportReport:
    """What an import brought, or would bring."""

    #: likes that the reader did not have
    n_new: int
    n_known: int
    n_duplicates: int
    n_without_abstract: int
    #: likes of an earlier import under this name that are no longer there
    n_gone: int
    #: ids to look up, which a dry run does not
    n_to_look_up: int
    #: what could not be used, each as a finished sentence
    faults: tuple[str, ...]


def import_likes(
    store: Store,
    lookups: Sequence[Lookup],
    subscriber: Subscriber,
    library: Library,
    name: str,
    now: datetime,
    *,
    dry_run: bool,
    progress: Progress = silent,
) -> ImportReport | None:
    """Make what stands on a library likes of a reader, as one that can be taken away again.

    What was imported under that name before gives way. A dry run changes nothing, and looks nothing
    up.

    Returns None if nothing has changed since the last import.

    Raises:
        LibraryError: the library cannot be read.
    """
    origin = IMPORT + name
    rated = store.ratings.by_origin(subscriber.id)
    known = {i for o, ids in rated.items() if o != origin for i in ids}
    before = rated.get(origin, frozenset())
    memory = store.facts.get(_fact(subscriber.id, origin)) if before else ""
    likes, memory = library.read(memory)
    if likes is None:
        return None
    faults = list(likes.faults)
    one = _Brought(subscriber_id=subscriber.id, origin=origin, likes=likes, memory=memory)
    if dry_run:
        named = _named(one, store)
        called = {n for ref in likes.refs if (n := name_of(ref))}
        found = dict(named.records) | store.papers.get(named.ids)
        n_open = len(called - named.refs.keys())
    else:
        [(_, missing, papers)] = _settled([one], store, lookups, now, progress)
        faults += [f"{ref}: {reason}." for ref, reason in missing.items()]
        found, n_open = {p.id: p for p in papers}, 0
    return ImportReport(
        n_new=len(found.keys() - known - before),
        n_known=len(found.keys() & (known | before)),
        n_duplicates=likes.n_duplicates,
        n_without_abstract=sum(1 for p in found.values() if not p.abstract),
        n_gone=len(before - found.keys()),
        n_to_look_up=n_open,
        faults=tuple(dict.fromkeys(faults)),
    )


def imports(store: Store, subscriber: Subscriber) -> dict[str, int]:
    """Names of a reader's imports, and how many likes each brought."""
    rated = store.ratings.by_origin(subscriber.id)
    return {
        origin.removeprefix(IMPORT): len(ids)
        for origin, ids in rated.items()
        if origin.startswith(IMPORT)
    }


def forget_import(store: Store, subscriber: Subscriber, name: str, now: datetime) -> int:
    """Take away what an import brought; returns how many likes that were."""
    n = imports(store, subscriber).get(name, 0)
    store.ratings.sync(subscriber.id, IMPORT + name, (), now)
    store.facts.delete(_fact(subscriber.id, IMPORT + name))
    return n
