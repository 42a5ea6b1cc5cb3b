"""What readers like: resolving the likes of a config, rating papers, finding a reader."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from digest.errors import SourceError, UnknownSubscriber
from digest.identity import arxiv_key, parse_arxiv_id, parse_doi, text_key
from digest.model import Paper, Rating, Subscriber
from digest.ports import Lookup, PaperStore, SubscriberStore
from digest.text import clean

log = logging.getLogger(__name__)

#: an id that arXiv does not know today may exist tomorrow, but need not be asked for every day
ASK_AGAIN_AFTER = timedelta(days=7)
#: origins of imports: "import:" and the name that the import was given
IMPORT = "import:"
#: the only origin that a reader's own command cannot take back
FILE_ORIGIN = "config"


class RatingsStore(PaperStore, SubscriberStore, Protocol):
    """Papers and people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Likes:
    """A reader's likes as configured: references to resolve, and documents that stand for
    themselves."""

    refs: tuple[str, ...] = ()
    papers: tuple[Paper, ...] = ()
    #: what was wrong with library files: finished sentences
    faults: tuple[str, ...] = ()
    #: entries that an earlier one of the same file stands for
    n_duplicates: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """Likes as papers, and what could not be resolved."""

    papers: tuple[Paper, ...]
    #: reference to reason
    missing: Mapping[str, str]


def reference_key(ref: str) -> str:
    """The canonical paper id behind a like, or an empty string if it is none we know.

    >>> reference_key("https://huggingface.co/papers/2405.01234")
    'arxiv:2405.01234'
    """
    if parsed := parse_arxiv_id(ref):
        return arxiv_key(parsed[0])
    if doi := parse_doi(ref):
        return f"doi:{doi}"
    return ""


def inline_paper(title: str, abstract: str) -> Paper:
    return Paper(
        id=text_key(title, abstract), title=clean(title), abstract=clean(abstract), source="config"
    )


def resolve(
    refs: Sequence[str],
    store: RatingsStore,
    lookup: Callable[[], Lookup],
    now: datetime,
) -> Resolved:
    """Turn references into papers: from the store, else once through the arXiv API.

    A service that does not answer is no verdict on the ids: they are asked for again next time.
    """
    keys = {ref: reference_key(ref) for ref in dict.fromkeys(refs)}
    missing = {
        ref: "this is no arXiv id, DOI, known address or library file"
        for ref, k in keys.items()
        if not k
    }
    wanted = {k for k in keys.values() if k}
    found = store.papers(wanted)
    by_doi = {p.doi: p for p in found.values() if p.doi}
    open_keys = {
        k
        for k in wanted
        # a paper without an abstract is asked for once more: it came from a library file
        if (k not in found or (k.startswith("arxiv:") and not found[k].abstract))
        and k.removeprefix("doi:") not in by_doi
    }
    known_bad = store.unresolved(open_keys, now - ASK_AGAIN_AFTER)
    ask = sorted(
        k.removeprefix("arxiv:") for k in open_keys - known_bad.keys() if k.startswith("arxiv:")
    )
    reasons = dict(known_bad)
    if ask:
        try:
            answers = lookup().find(ask, now)
        except SourceError as error:
            reasons |= {arxiv_key(i): f"arXiv could not be asked: {error}" for i in ask}
        else:
            store.add_papers(answers.values(), now)
            found |= {p.id: p for p in answers.values()}
            unknown = {arxiv_key(i): "arXiv knows no such paper" for i in ask if i not in answers}
            store.remember_unresolved(unknown, now)
            reasons |= unknown
    for key in open_keys:
        if key.startswith("doi:"):
            reasons[key] = "no listed paper has this DOI (yet)"
    missing |= {ref: reasons[k] for ref, k in keys.items() if k in reasons and k not in found}
    papers = [found.get(k) or by_doi.get(k.removeprefix("doi:")) for k in keys.values() if k]
    return Resolved(
        papers=tuple(dict.fromkeys(p for p in papers if p is not None)), missing=missing
    )


def sync_likes(
    likes_by_subscriber: Mapping[str, Likes],
    store: RatingsStore,
    lookup: Callable[[], Lookup],
    now: datetime,
) -> tuple[str, ...]:
    """Make the stored config likes equal to the file's; returns what went wrong, as sentences."""
    refs = [r for likes in likes_by_subscriber.values() for r in likes.refs]
    resolved = resolve(refs, store, lookup, now)
    store.add_papers([p for likes in likes_by_subscriber.values() for p in likes.papers], now)
    # A second record of a known DOI is stored under the known id.
    stored_by_key = {p.id: p.id for p in resolved.papers} | {
        f"doi:{p.doi}": p.id for p in resolved.papers if p.doi
    }
    for subscriber_id, likes in likes_by_subscriber.items():
        ids = [stored_by_key[k] for r in likes.refs if (k := reference_key(r)) in stored_by_key]
        ids += [p.id for p in likes.papers]
        store.sync_ratings(subscriber_id, "config", ids, now)
    faults = [f for likes in likes_by_subscriber.values() for f in likes.faults]
    faults += [f"The like {ref} is not used: {reason}." for ref, reason in resolved.missing.items()]
    return tuple(dict.fromkeys(faults))


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportReport:
    """What an import brought, or would bring."""

    #: likes that the reader did not have
    n_new: int
    n_known: int
    n_duplicates: int
    n_without_abstract: int
    #: likes of an earlier import under this name that are no longer in the file
    n_gone: int
    #: ids to look up, which a dry run does not
    n_to_look_up: int
    #: what could not be used, each as a finished sentence
    faults: tuple[str, ...]


def import_likes(
    store: RatingsStore,
    lookup: Callable[[], Lookup],
    subscriber: Subscriber,
    likes: Likes,
    name: str,
    now: datetime,
    *,
    dry_run: bool,
) -> ImportReport:
    """Make the papers of a library likes of a reader, as one that can be taken away again.

    What was imported under that name before gives way. Records without an abstract that name an
    arXiv paper get it from there. A dry run changes nothing and asks nobody.
    """
    origin = IMPORT + name
    rated = store.ratings_by_origin(subscriber.id)
    known = {i for o, ids in rated.items() if o != origin for i in ids}
    before = rated.get(origin, frozenset())
    faults = list(likes.faults)
    if dry_run:
        keys = {ref: reference_key(ref) for ref in likes.refs}
        stored = store.papers({k for k in keys.values() if k} | {p.id for p in likes.papers})
        found = {p.id: stored.get(p.id) or p for p in likes.papers} | {
            k: stored[k] for k in keys.values() if k in stored
        }
        n_open = sum(1 for k in keys.values() if k and k not in stored)
    else:
        store.add_papers(likes.papers, now)
        wanting = [
            p.id.removeprefix("arxiv:")
            for p in likes.papers
            if p.id.startswith("arxiv:") and not p.abstract
        ]
        resolved = resolve([*likes.refs, *wanting], store, lookup, now)
        faults += [f"{ref}: {reason}." for ref, reason in resolved.missing.items()]
        ids = {p.id for p in likes.papers} | {p.id for p in resolved.papers}
        found, n_open = dict(store.papers(ids)), 0
        store.sync_ratings(subscriber.id, origin, sorted(found), now)
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
    return n


def find_subscriber(store: SubscriberStore, email: str) -> Subscriber:
    """The subscriber with that address.

    Raises:
        UnknownSubscriber: naming those there are.
    """
    everybody = store.subscribers()
    for subscriber in everybody:
        if subscriber.email.lower() == email.strip().lower():
            return subscriber
    raise UnknownSubscriber(email, [s.email for s in everybody])


def rate(
    store: RatingsStore,
    lookup: Callable[[], Lookup],
    subscriber: Subscriber,
    refs: Sequence[str],
    value: int,
    *,
    origin: str,
    now: datetime,
) -> Resolved:
    """Like (+1) or dislike (-1) papers; what cannot be found is returned, the rest is rated."""
    resolved = resolve(refs, store, lookup, now)
    store.add_ratings(
        Rating(subscriber_id=subscriber.id, paper_id=p.id, value=value, rated_at=now, origin=origin)
        for p in resolved.papers
    )
    return resolved


def unrate(store: RatingsStore, subscriber: Subscriber, refs: Sequence[str]) -> dict[str, str]:
    """Take back ratings; returns what became of each reference, as the end of a sentence."""
    ratings = {r.paper_id: r for r in store.ratings(subscriber.id)}
    verdicts: dict[str, str] = {}
    for ref in refs:
        key = reference_key(ref) or ref
        n_removed = store.remove_rating(subscriber.id, key, keep=FILE_ORIGIN)
        if n_removed:
            verdicts[ref] = "is taken back"
        elif key in ratings:
            verdicts[ref] = "stands in the configuration file; remove it there"
        else:
            verdicts[ref] = "was not rated"
    return verdicts
