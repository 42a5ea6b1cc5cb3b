"""Looking up: papers that no source has listed, and abstracts that are missing."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from digest.errors import SourceError
from digest.identifiers import name_of
from digest.identity import names, same_work, title_words
from digest.model import Paper
from digest.ports import Lookup, Progress, TitleLookup, silent

if TYPE_CHECKING:
    from digest.store import Store

log = logging.getLogger(__name__)

#: what a service does not know today it may know later, but need not be asked for every day
ASK_AGAIN_AFTER = timedelta(days=7)
#: words of a title without authors that say enough; years that records of a paper may differ by
MIN_WORDS_ALONE, MAX_YEARS_OFF = 4, 2
#: an abstract that a service does not have comes seldom later
ASK_FOR_ABSTRACT_AFTER = timedelta(days=60)


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """Likes as papers, and what could not be resolved."""

    papers: tuple[Paper, ...]
    #: reference to reason
    missing: Mapping[str, str]


@dataclass(slots=True)
class _Search:
    """What is still wanted, and what the services said so far."""

    #: a name as it was wanted to all names of the paper that may help
    open: dict[str, tuple[str, ...]]
    denied: dict[str, list[str]] = field(default_factory=dict)
    silent: dict[str, str] = field(default_factory=dict)


def look_up(
    wanted: Collection[str],
    store: Store,
    lookups: Sequence[Lookup],
    now: datetime,
    progress: Progress = silent,
) -> Mapping[str, str]:
    """Bring in papers that are not stored, and abstracts that are missing, one service after the
    other; returns why some papers are still not there, by name.

    Each answer is stored as it comes, so that what is broken off goes on where it was. What a
    service does not know is remembered, and asked for again after a while; a service that does not
    answer is no verdict.
    """
    owned = store.papers.resolve(wanted)
    stored = store.papers.get(set(owned.values()))
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
    there = store.papers.resolve(search.open)
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
    store: Store,
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
    lately = store.ratings.unresolved(keys.values(), now - ASK_AGAIN_AFTER)
    long_ago = store.ratings.unresolved(keys.values(), now - ASK_FOR_ABSTRACT_AFTER)
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
        store.papers.add([_called(p, n) for n, p in answers.items()], now)
        whole = {n for n, p in answers.items() if p.abstract}
        store.ratings.remember_unresolved(
            {f"{lookup.name}:{n}": "unknown" for n in part if n not in whole}, now
        )
        for wanted, name in waiting.items():
            if name in whole:
                search.open.pop(wanted, None)
            elif name in part and name not in answers:
                search.denied.setdefault(wanted, []).append(lookup.name)


def not_asked_by_title(
    papers: Sequence[Paper], store: Store, lookups: Sequence[Lookup], now: datetime
) -> list[Paper]:
    """Those of some papers that not every service was asked about by title lately."""
    services = [s.name for s in lookups if isinstance(s, TitleLookup)]
    keys = [f"{name} by title:{p.id}" for name in services for p in papers]
    known = store.ratings.unresolved(keys, now - ASK_FOR_ABSTRACT_AFTER)
    return [p for p in papers if any(f"{name} by title:{p.id}" not in known for name in services)]


def find_by_title(
    papers: Sequence[Paper],
    store: Store,
    lookups: Sequence[Lookup],
    now: datetime,
    progress: Progress = silent,
) -> Mapping[str, Paper]:
    """Papers that are known by their words alone, as services know them: by their ids.

    One service after the other is asked, each about one paper at a time, and for a while not again
    about what it did not find. What is taken agrees in title, authors and year; nothing is stored.
    """
    found: dict[str, Paper] = {}
    for service in lookups:
        if not isinstance(service, TitleLookup):
            continue
        keys = {f"{service.name} by title:{p.id}": p for p in papers if p.id not in found}
        known = store.ratings.unresolved(keys, now - ASK_FOR_ABSTRACT_AFTER)
        missed: dict[str, str] = {}
        for number, (key, paper) in enumerate(keys.items(), 1):
            if key in known:
                continue
            progress(f"{service.name}, by title: {number} of {len(keys)}")
            try:
                answers = service.by_title(paper, now)
            except SourceError as error:
                log.warning("lookup.failed service=%s fault=%s", service.name, error)
                break
            if (same := next((f for f in answers if _is_it(f, paper)), None)) is None:
                missed[key] = "unknown"
            else:
                found[paper.id] = same
        store.ratings.remember_unresolved(missed, now)
    return found


def _is_it(found: Paper, wanted: Paper) -> bool:
    """Whether an answer is the paper that was asked for: title, first author and year agree; where
    a list has only a title, all of its words and their order do."""
    if not wanted.authors:
        words = title_words(wanted.title)
        return len(words) >= MIN_WORDS_ALONE and words == title_words(found.title)
    if wanted.published and found.published:
        if abs(wanted.published.year - found.published.year) > MAX_YEARS_OFF:
            return False
        # of most entries only the year is known
        wanted = replace(wanted, published=found.published)
    return same_work(found, wanted)


def _called(paper: Paper, name: str) -> Paper:
    """The paper, with the name that it was asked for by."""
    if name in names(paper):
        return paper
    return replace(paper, aliases=(*paper.aliases, name))


def resolve(
    refs: Sequence[str],
    store: Store,
    lookups: Sequence[Lookup],
    now: datetime,
    progress: Progress = silent,
) -> Resolved:
    """Turn references into papers: from the store, else by asking services."""
    called = {ref: name_of(ref) for ref in dict.fromkeys(refs)}
    reasons = look_up({n for n in called.values() if n}, store, lookups, now, progress)
    owned = store.papers.resolve({n for n in called.values() if n})
    papers = store.papers.get(set(owned.values()))
    missing = {
        ref: reasons.get(name, "it is not stored") if name else NO_REFERENCE
        for ref, name in called.items()
        if name not in owned
    }
    found = dict.fromkeys(papers[owned[n]] for n in called.values() if n in owned)
    return Resolved(papers=tuple(found), missing=missing)


NO_REFERENCE = "this is no arXiv id, DOI, PMID, known address or library file"


def stored_id(store: Store, text: str) -> str:
    """The id under which a paper is stored that somebody names by an id, an arXiv number or a DOI;
    what nothing is stored under, if there is none."""
    name = text if text.partition(":")[2] else name_of(text)
    return store.papers.resolve({name}).get(name, name)
