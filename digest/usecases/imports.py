"""Importing: what readers like, from wherever they keep it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING

from digest.errors import LibraryError
from digest.identifiers import name_of
from digest.identity import text_key
from digest.model import IMPORT, Paper, RunWarning, StoredImport, Subscriber
from digest.ports import Library, Likes, Lookup, Progress, silent
from digest.text import clean
from digest.usecases.feedback import FILE_ORIGIN
from digest.usecases.library_list import MAX_TITLES_A_RUN, count_import
from digest.usecases.settle_likes import (
    MAX_TITLES,
    Brought,
    corrected,
    memory_key,
    name_all,
    settle,
)

if TYPE_CHECKING:
    from digest.store import Store


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


def sync_likes(
    wanted_by_subscriber: Mapping[str, ConfiguredLikes],
    store: Store,
    lookups: Sequence[Lookup],
    now: datetime,
    progress: Progress = silent,
) -> tuple[RunWarning, ...]:
    """Make the stored likes equal to what the configuration says, and to what stands in the
    libraries it names; returns what went wrong.

    A library that cannot be read keeps what it brought before.
    """
    faults: list[RunWarning] = []
    brought: list[Brought] = []
    for subscriber_id, wanted in wanted_by_subscriber.items():
        brought.append(_brought(store, subscriber_id, FILE_ORIGIN, wanted.likes))
        before = store.ratings.by_origin(subscriber_id)
        origins = {FILE_ORIGIN}
        for library in wanted.libraries:
            origin = f"{FILE_ORIGIN}:{library.name}"
            while origin in origins:  # files of one name in two folders
                origin += "'"
            origins.add(origin)
            known = origin in before
            memory = store.facts.get(memory_key(subscriber_id, origin)) if known else ""
            try:
                likes, memory = library.read(memory)
            except LibraryError as error:
                now_used = "The likes it brought before are used" if known else "It brings no likes"
                faults.append(RunWarning(f"{error} {now_used}.", subscriber_id))
                continue
            if likes is not None:
                brought.append(_brought(store, subscriber_id, origin, likes, memory))
        for origin in before:
            if origin.startswith(f"{FILE_ORIGIN}:") and origin not in origins:
                store.ratings.sync(subscriber_id, origin, (), now)
                store.imports.delete(subscriber_id, origin)
    done = settle(brought, store, lookups, now, progress, max_titles=MAX_TITLES_A_RUN)
    for one in done:
        told = (_as_warning(ref, text) for ref, text in one.stored.faults)
        faults += [RunWarning(text, one.stored.subscriber_id) for text in told]
    return tuple(dict.fromkeys(faults))


def _as_warning(ref: str, text: str) -> str:
    return f"The like {ref} is not used: {text.removeprefix(f'{ref}: ')}" if ref else text


def _brought(
    store: Store, subscriber_id: str, origin: str, likes: Likes, memory: str = ""
) -> Brought:
    before = store.imports.get(subscriber_id, origin)
    return Brought(
        subscriber_id=subscriber_id,
        origin=origin,
        likes=likes,
        memory=memory,
        before=before,
        counts=before.counts if before else True,
    )


# --- imports ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportReport:
    """What an import brought, or would bring. New, known, duplicate and faulty ones are together
    what the library holds."""

    n_entries: int
    #: likes that the reader did not have
    n_new: int
    n_known: int
    n_duplicates: int
    n_without_abstract: int
    #: likes of an earlier import under this name that are no longer there
    n_gone: int
    #: ids to look up, which a dry run does not
    n_to_look_up: int
    #: what was found by its title: the title of each, and its id
    by_title: tuple[tuple[str, str], ...]
    #: entries that can be looked for by title the next time
    n_titles_open: int
    #: what could not be used, each as a finished sentence
    faults: tuple[str, ...]
    #: what is worth knowing of what is used
    remarks: tuple[str, ...]


def import_likes(
    store: Store,
    lookups: Sequence[Lookup],
    subscriber: Subscriber,
    library: Library,
    name: str,
    now: datetime,
    *,
    dry_run: bool,
    counts: bool | None = None,
    max_titles: int = MAX_TITLES,
    progress: Progress = silent,
) -> ImportReport | None:
    """Make what stands in a library likes of a reader, as one that can be taken away again.

    What was imported under that name before gives way. A dry run changes nothing, and looks nothing
    up.

    Args:
        counts: whether they are likes, or only known and no news; by default as before.
        max_titles: papers looked for by title now; `match_titles` goes on with the others.

    Returns None if nothing has changed since the last import.

    Raises:
        LibraryError: the library cannot be read.
    """
    origin = IMPORT + name
    rated = store.ratings.by_origin(subscriber.id)
    known = {i for o, ids in rated.items() if o != origin for i in ids}
    before = rated.get(origin, frozenset())
    memory = store.facts.get(memory_key(subscriber.id, origin)) if before else ""
    likes, memory = library.read(memory)
    if likes is None:
        if counts is not None:
            count_import(store, subscriber, name, counts=counts)
        return None
    one = _brought(store, subscriber.id, origin, likes, memory)
    one = one if counts is None else replace(one, counts=counts)
    if dry_run:
        return _foreseen(one, store, known, before, now)
    [done] = settle([one], store, lookups, now, progress, max_titles=max_titles)
    return _report(done.stored, done.papers, known, before, n_titles_open=done.n_titles_open)


def _foreseen(
    one: Brought, store: Store, known: set[str], before: frozenset[str], now: datetime
) -> ImportReport:
    """What an import would bring."""
    one = corrected(one)
    named = name_all(one, store, one.before.by_title if one.before else {})
    called = {n for ref in one.likes.refs if (n := name_of(ref))}
    n_open = len(called - named.refs.keys())
    n_brought = len(one.likes.papers) + len(one.likes.refs) - n_open
    stored = StoredImport(
        subscriber_id=one.subscriber_id,
        origin=one.origin,
        imported_at=now,
        n_entries=one.likes.n_entries,
        n_duplicates=one.likes.n_duplicates + max(0, n_brought - len(named.fresh)),
        faults=tuple(("", f) for f in one.likes.faults),
        remarks=(*one.likes.remarks, *named.remarks),
    )
    found = dict(named.records) | store.papers.get(named.ids)
    return _report(stored, found, known, before, n_to_look_up=n_open)


def _report(
    stored: StoredImport,
    found: Mapping[str, Paper],
    known: set[str],
    before: frozenset[str],
    *,
    n_to_look_up: int = 0,
    n_titles_open: int = 0,
) -> ImportReport:
    return ImportReport(
        n_entries=stored.n_entries,
        n_new=len(found.keys() - known - before),
        n_known=len(found.keys() & (known | before)),
        n_duplicates=stored.n_duplicates,
        n_without_abstract=sum(1 for p in found.values() if not p.abstract),
        n_gone=len(before - found.keys()),
        n_to_look_up=n_to_look_up,
        by_title=tuple((found[i].plain_title, i) for i in stored.by_title.values() if i in found),
        n_titles_open=n_titles_open,
        faults=tuple(dict.fromkeys(text for _, text in stored.faults)),
        remarks=stored.remarks,
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
    store.facts.delete(memory_key(subscriber.id, IMPORT + name))
    store.imports.delete(subscriber.id, IMPORT + name)
    return n
