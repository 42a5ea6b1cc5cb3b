"""What readers like: bringing in what they keep elsewhere, rating papers, finding a reader."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Protocol

from digest.errors import LibraryError, SourceError, UnknownSubscriber
from digest.identity import combine, merge, name_of, names, text_key
from digest.model import Paper, Rating, Subscriber
from digest.ports import Likes, Lookup, Memory, PaperStore, Shelf, SubscriberStore
from digest.text import clean

log = logging.getLogger(__name__)

#: what a service does not know today it may know later, but need not be asked for every day
ASK_AGAIN_AFTER = timedelta(days=7)
#: an abstract that a service does not have comes seldom later
ASK_FOR_ABSTRACT_AFTER = timedelta(days=60)
#: origins of imports: "import:" and the name that the import was given
IMPORT = "import:"
#: likes of the configuration file, which a reader's own command cannot take back; those of a shelf
#: named there have its name after a colon
FILE_ORIGIN = "config"

Progress = Callable[[str], None]


def _silent(_: str) -> None:
    pass


class RatingsStore(PaperStore, SubscriberStore, Memory, Protocol):
    """Papers and people, and what was learned of services."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a reader likes as configured."""

    #: ids, addresses and documents that stand in the file itself
    likes: Likes = field(default_factory=Likes)
    shelves: tuple[Shelf, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """Likes as papers, and what could not be resolved."""

    papers: tuple[Paper, ...]
    #: reference to reason
    missing: Mapping[str, str]


def inline_paper(title: str, abstract: str) -> Paper:
    return Paper(
        id=text_key(title, abstract), title=clean(title), abstract=clean(abstract), source="config"
    )


@dataclass(frozen=True, slots=True)
class HandedIn:
    """Likes that were handed in, by a form, as a shelf."""

    likes: Likes
    name: str

    def read(self, memory: str) -> tuple[Likes | None, str]:
        return self.likes, ""


# --- looking up ----------------------------------------------------------------------------------


@dataclass(slots=True)
class _Search:
    """What is still wanted, and what the services said so far."""

    #: a name as it was wanted to all names of the paper that may help
    open: dict[str, tuple[str, ...]]
    denied: dict[str, list[str]] = field(default_factory=dict)
    silent: dict[str, str] = field(default_factory=dict)


def look_up(
    wanted: Collection[str],
    store: RatingsStore,
    lookups: Sequence[Lookup],
    now: datetime,
    progress: Progress = _silent,
) -> Mapping[str, str]:
    """Bring in papers that are not stored, and abstracts that are missing, one service after the
    other; returns why some papers are still not there, by name.

    Each answer is stored as it comes, so that what is broken off goes on where it was. What a
    service does not know is remembered, and asked for again after a while; a service that does not
    answer is no verdict.
    """
    owned = store.known_as(wanted)
    stored = store.papers(set(owned.values()))
    search = _Search(
        open={
            name: names(stored[owned[name]]) if name in owned else (name,)
            for name in sorted(wanted)
            if name not in owned or not stored[owned[name]].abstract
        }
    )
    for lookup in lookups:
        if search.open:
            _ask(lookup, search, owned, store, now, progress)
    there = store.known_as(search.open)
    reasons: dict[str, str] = {}
    for name in search.open:
        if name in there:
            continue
        denied = search.denied.get(name, [])
        reasons[name] = search.silent.get(name) or (
            f"{_listed(denied)} {'knows' if len(denied) == 1 else 'know'} no such paper"
            if denied
            else "no listed paper is called so, and no service is asked for such ids"
        )
    return reasons


def _listed(parts: Sequence[str]) -> str:
    return " and ".join(p for p in (", ".join(parts[:-1]), parts[-1]) if p)


def _ask(
    lookup: Lookup,
    search: _Search,
    owned: Mapping[str, str],
    store: RatingsStore,
    now: datetime,
    progress: Progress,
) -> None:
    """One service about everything open that it may know."""
    asked_as = {
        wanted: next(n for n in called if lookup.knows(n))
        for wanted, called in search.open.items()
        if any(lookup.knows(n) for n in called)
    }
    keys = {wanted: f"{lookup.name}:{name}" for wanted, name in asked_as.items()}
    lately = store.unresolved(keys.values(), now - ASK_AGAIN_AFTER)
    long_ago = store.unresolved(keys.values(), now - ASK_FOR_ABSTRACT_AFTER)
    waiting: dict[str, str] = {}
    for wanted, name in asked_as.items():
        if keys[wanted] in (long_ago if wanted in owned else lately):
            search.denied.setdefault(wanted, []).append(lookup.name)
        else:
            waiting[wanted] = name
    todo = list(dict.fromkeys(waiting.values()))
    for start in range(0, len(todo), lookup.batch):
        part = todo[start : start + lookup.batch]
        progress(f"{lookup.name}: {start + len(part)} of {len(todo)}")
        try:
            answers = lookup.find(part, now)
        except SourceError as error:
            log.warning("lookup.failed service=%s fault=%s", lookup.name, error)
            told = f"{lookup.name} could not be asked: {error}"
            search.silent |= {w: told for w, n in waiting.items() if n in todo[start:]}
            return
        store.add_papers([_called(p, n) for n, p in answers.items()], now)
        whole = {n for n, p in answers.items() if p.abstract}
        store.remember_unresolved(
            {f"{lookup.name}:{n}": "unknown" for n in part if n not in whole}, now
        )
        for wanted, name in waiting.items():
            if name in whole:
                search.open.pop(wanted, None)
            elif name in part and name not in answers:
                search.denied.setdefault(wanted, []).append(lookup.name)


def _called(paper: Paper, name: str) -> Paper:
    """The paper, with the name that it was asked for by."""
    if name in names(paper):
        return paper
    return replace(paper, aliases=(*paper.aliases, name))


def _wanting(papers: Iterable[Paper]) -> set[str]:
    """Names of papers without an abstract that some register knows."""
    return {
        next(n for n in names(p) if not n.startswith(("text:", "feed:")))
        for p in papers
        if not p.abstract and any(not n.startswith(("text:", "feed:")) for n in names(p))
    }


def resolve(
    refs: Sequence[str],
    store: RatingsStore,
    lookups: Sequence[Lookup],
    now: datetime,
    progress: Progress = _silent,
) -> Resolved:
    """Turn references into papers: from the store, else by asking services."""
    called = {ref: name_of(ref) for ref in dict.fromkeys(refs)}
    reasons = look_up({n for n in called.values() if n}, store, lookups, now, progress)
    owned = store.known_as({n for n in called.values() if n})
    papers = store.papers(set(owned.values()))
    missing = {
        ref: reasons.get(name, "it is not stored") if name else NO_REFERENCE
        for ref, name in called.items()
        if name not in owned
    }
    found = dict.fromkeys(papers[owned[n]] for n in called.values() if n in owned)
    return Resolved(papers=tuple(found), missing=missing)


NO_REFERENCE = "this is no arXiv id, DOI, PMID, known address or library file"


# --- likes that are kept elsewhere ---------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Brought:
    """What one origin brought for one reader, before it is resolved."""

    subscriber_id: str
    origin: str
    likes: Likes
    memory: str = ""


def sync_likes(
    wanted_by_subscriber: Mapping[str, Wanted],
    store: RatingsStore,
    lookups: Sequence[Lookup],
    now: datetime,
    progress: Progress = _silent,
) -> tuple[str, ...]:
    """Make the stored likes equal to what the configuration says, and to what stands on the shelves
    it names; returns what went wrong, as sentences.

    A shelf that cannot be read keeps what it brought before.
    """
    faults: list[str] = []
    brought: list[_Brought] = []
    for subscriber_id, wanted in wanted_by_subscriber.items():
        brought.append(
            _Brought(subscriber_id=subscriber_id, origin=FILE_ORIGIN, likes=wanted.likes)
        )
        before = store.ratings_by_origin(subscriber_id)
        origins = {FILE_ORIGIN}
        for shelf in wanted.shelves:
            origin = f"{FILE_ORIGIN}:{shelf.name}"
            while origin in origins:  # files of one name in two folders
                origin += "'"
            origins.add(origin)
            known = origin in before
            memory = store.remembered(_fact(subscriber_id, origin)) if known else ""
            try:
                likes, memory = shelf.read(memory)
            except LibraryError as error:
                now_used = "The likes it brought before are used" if known else "It brings no likes"
                faults.append(f"{error} {now_used}.")
                continue
            if likes is not None:
                brought.append(
                    _Brought(subscriber_id=subscriber_id, origin=origin, likes=likes, memory=memory)
                )
        for origin in before:
            if origin.startswith(f"{FILE_ORIGIN}:") and origin not in origins:
                store.sync_ratings(subscriber_id, origin, (), now)
    for one, missing, _ in _settled(brought, store, lookups, now, progress):
        faults += one.likes.faults
        faults += [f"The like {ref} is not used: {reason}." for ref, reason in missing.items()]
    return tuple(dict.fromkeys(faults))


def _fact(subscriber_id: str, origin: str) -> str:
    return hashlib.sha256(f"{subscriber_id}|{origin}".encode()).hexdigest()[:40]


def _settled(
    brought: Sequence[_Brought],
    store: RatingsStore,
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
        store.sync_ratings(one.subscriber_id, one.origin, sorted(named.ids), now, named.records)
        if one.memory:
            store.remember(_fact(one.subscriber_id, one.origin), one.memory)
        papers = store.rated_papers(one.subscriber_id, one.origin)
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


def _named(one: _Brought, store: RatingsStore) -> _Named:
    """Stored papers for what is stored, own records for the rest; nothing is written."""
    own = {p.id: p for p in merge(one.likes.papers)}
    before = store.rated_papers(one.subscriber_id, one.origin) if one.likes.kept else {}
    earlier = {n: p for p in before.values() for n in names(p)}
    kept = store.known_as(one.likes.kept)
    for name in one.likes.kept:
        if name in earlier:
            own.setdefault(earlier[name].id, earlier[name])
    refs = store.known_as({name for ref in one.likes.refs if (name := name_of(ref))})
    homes = store.homes(tuple(own.values()))
    records: dict[str, Paper] = {}
    for paper in own.values():
        home = homes[paper.id]
        known = records.get(home)
        records[home] = paper if known is None else combine(known, paper)
    # an abstract that everybody has need not be kept once more for each reader
    whole = {i for i, paper in store.papers(records.keys()).items() if paper.abstract}
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
    store: RatingsStore,
    lookups: Sequence[Lookup],
    subscriber: Subscriber,
    shelf: Shelf,
    name: str,
    now: datetime,
    *,
    dry_run: bool,
    progress: Progress = _silent,
) -> ImportReport | None:
    """Make what stands on a shelf likes of a reader, as one that can be taken away again.

    What was imported under that name before gives way. A dry run changes nothing, and looks nothing
    up.

    Returns None if nothing has changed since the last import.

    Raises:
        LibraryError: the shelf cannot be read.
    """
    origin = IMPORT + name
    rated = store.ratings_by_origin(subscriber.id)
    known = {i for o, ids in rated.items() if o != origin for i in ids}
    before = rated.get(origin, frozenset())
    memory = store.remembered(_fact(subscriber.id, origin)) if before else ""
    likes, memory = shelf.read(memory)
    if likes is None:
        return None
    faults = list(likes.faults)
    one = _Brought(subscriber_id=subscriber.id, origin=origin, likes=likes, memory=memory)
    if dry_run:
        named = _named(one, store)
        called = {n for ref in likes.refs if (n := name_of(ref))}
        found = dict(named.records) | store.papers(named.ids)
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


def imports(store: RatingsStore, subscriber: Subscriber) -> dict[str, int]:
    """Names of a reader's imports, and how many likes each brought."""
    rated = store.ratings_by_origin(subscriber.id)
    return {
        origin.removeprefix(IMPORT): len(ids)
        for origin, ids in rated.items()
        if origin.startswith(IMPORT)
    }


def forget_import(store: RatingsStore, subscriber: Subscriber, name: str, now: datetime) -> int:
    """Take away what an import brought; returns how many likes that were."""
    n = imports(store, subscriber).get(name, 0)
    store.sync_ratings(subscriber.id, IMPORT + name, (), now)
    store.forget(_fact(subscriber.id, IMPORT + name))
    return n


def find_subscriber(store: SubscriberStore, email: str) -> Subscriber:
    """The subscriber with that address.

    Raises:
        UnknownSubscriber: naming those there are.
    """
    found = store.subscriber(by_email=email)
    if found is None:
        raise UnknownSubscriber(email, [s.email for s in store.find_subscribers()[0]])
    return found


def rate(
    store: RatingsStore,
    lookups: Sequence[Lookup],
    subscriber: Subscriber,
    refs: Sequence[str],
    value: int,
    *,
    origin: str,
    now: datetime,
) -> Resolved:
    """Like (+1) or dislike (-1) papers; what cannot be found is returned, the rest is rated."""
    resolved = resolve(refs, store, lookups, now)
    own = _own_names(store, subscriber) if resolved.missing else {}
    known = {ref: own[name] for ref in resolved.missing if (name := name_of(ref) or ref) in own}
    papers = store.rated_papers(subscriber.id) if known else {}
    store.add_ratings(
        Rating(subscriber_id=subscriber.id, paper_id=i, value=value, rated_at=now, origin=origin)
        for i in (*(p.id for p in resolved.papers), *known.values())
    )
    return Resolved(
        papers=(*resolved.papers, *(papers[i] for i in known.values())),
        missing={ref: why for ref, why in resolved.missing.items() if ref not in known},
    )


def _own_names(store: RatingsStore, subscriber: Subscriber) -> dict[str, str]:
    """The ids of a reader's ratings by all names of the papers, their own records' among them."""
    papers = store.rated_papers(subscriber.id)
    return {n: i for i, p in papers.items() for n in (i, *names(p))}


def unrate(store: RatingsStore, subscriber: Subscriber, refs: Sequence[str]) -> dict[str, str]:
    """Take back ratings; returns what became of each reference, as the end of a sentence."""
    ratings = {r.paper_id: r for r in store.ratings(subscriber.id)}
    own = _own_names(store, subscriber)
    verdicts: dict[str, str] = {}
    for ref in refs:
        name = name_of(ref) or ref
        key = own.get(name) or store.known_as({name}).get(name, name)
        n_removed = store.remove_rating(subscriber.id, key, keep=FILE_ORIGIN)
        if n_removed:
            verdicts[ref] = "is taken back"
        elif key in ratings:
            verdicts[ref] = "stands in the configuration file; remove it there"
        else:
            verdicts[ref] = "was not rated"
    return verdicts
