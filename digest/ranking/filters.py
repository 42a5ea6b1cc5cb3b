"""What a reader never wants to see, or only; and how many papers each wish took."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from digest.expressions import MAX_STEPS, is_expression, usable
from digest.identity import author_called
from digest.model import FilterKind, Paper
from digest.preferences import Preferences
from digest.ranking.literal import phrase
from digest.terms import compile_terms, searched

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidates:
    """The day's papers for one reader, and what the filters did to them."""

    papers: tuple[Paper, ...]
    #: new to this reader before any filter
    n_new: int
    #: how many each kind of filter took; a paper counts for the first that took it
    dropped: Mapping[FilterKind, int]


class Budget:
    """The steps that one reader's expressions may take for a day's papers.

    Counted, not timed, so that the same papers pass on a slow machine. Expressions that use it up
    are not looked for any more: they cost their reader a filter, and nobody their mail.
    """

    def __init__(self, steps: int) -> None:
        self._left = steps

    def allows(self, pattern: Any, text: str) -> bool:
        if self._left < 0:
            return False
        self._left -= pattern.programsize * len(text)
        if self._left < 0:
            log.warning("filter.too_slow pattern=%s", pattern.pattern[:80])
        return self._left >= 0


class Terms:
    """Words and phrases, plain or as regular expressions, looked for in title and abstract."""

    def __init__(self, terms: Sequence[str]) -> None:
        self._plain = compile_terms(t for t in terms if not is_expression(t))
        self._expressions, faults = usable(terms)
        for fault in faults:
            log.warning("filter.not_used %s", fault)

    def stand_in(self, paper: Paper, budget: Budget) -> bool:
        """Whether any of them stands in the paper."""
        if self._plain is not None and self._plain.search(searched(paper.text)):
            return True
        text = paper.text
        return any(budget.allows(p, text) and p.search(text) for p in self._expressions)


@lru_cache(maxsize=512)
def terms_of(terms: tuple[str, ...]) -> Terms:
    return Terms(terms)


def unused_terms(preferences: Preferences) -> tuple[str, ...]:
    """Why some of a reader's expressions are not used, as sentences."""
    return tuple(usable(preferences.muted)[1] + usable(preferences.required)[1])


def in_categories(paper: Paper, wanted: Collection[str]) -> bool:
    """Whether a paper belongs to any of them; "cs" means all of cs.*.

    A paper whose categories nobody recorded belongs: not knowing is no reason to hide it.
    """
    if not wanted or not paper.categories:
        return True
    archives = {c.split(".")[0] for c in paper.categories}
    return bool(set(wanted) & (set(paper.categories) | archives))


def filter_candidates(
    papers: Sequence[Paper], preferences: Preferences, seen: Collection[str] = ()
) -> Candidates:
    """Drop what the reader has already, then what their filters take, one after the other."""
    fresh = tuple(p for p in papers if p.id not in seen)
    if len(fresh) == len(papers):
        fresh = tuple(papers)  # itself, where it is one: what is known of it holds for this reader
    checks = _checks(preferences)
    if not checks:
        return Candidates(papers=fresh, n_new=len(fresh), dropped={})
    dropped: Counter[FilterKind] = Counter()
    kept: list[Paper] = []
    for paper in fresh:
        taken = next((kind for kind, takes in checks if takes(paper)), None)
        if taken is None:
            kept.append(paper)
        else:
            dropped[taken] += 1
    return Candidates(papers=tuple(kept), n_new=len(fresh), dropped=dict(dropped))


def _checks(s: Preferences) -> list[tuple[FilterKind, Callable[[Paper], bool]]]:
    """What takes a paper away, in the order in which it is told."""
    checks: list[tuple[FilterKind, Callable[[Paper], bool]]] = []
    budget = Budget(MAX_STEPS)
    if s.muted:
        muted = terms_of(s.muted)
        checks.append((FilterKind.MUTED_TERMS, lambda p: muted.stand_in(p, budget)))
    if s.muted_authors:
        checks.append((FilterKind.MUTED_AUTHORS, lambda p: _is_by(p, s.muted_authors)))
    if s.muted_affiliations:
        checks.append(
            (FilterKind.MUTED_AFFILIATIONS, lambda p: bool(affiliated(p, s.muted_affiliations)))
        )
    if s.languages:
        checks.append((FilterKind.LANGUAGES, lambda p: p.language not in ("", *s.languages)))
    if s.required:
        wanted = terms_of(s.required)
        checks.append((FilterKind.REQUIRED_TERMS, lambda p: not wanted.stand_in(p, budget)))
    if s.announce_types:
        types = frozenset(s.announce_types)
        checks.append(
            (
                FilterKind.ANNOUNCE_TYPES,
                lambda p: p.announce_type not in types and p.announce_type != "published",
            )
        )
    if s.min_upvotes:
        checks.append((FilterKind.UPVOTES, lambda p: _has_fewer(p, s.min_upvotes)))
    if s.categories:
        checks.append((FilterKind.CATEGORIES, lambda p: not in_categories(p, s.categories)))
    return checks


def affiliated(paper: Paper, places: Sequence[str]) -> str:
    """The first of these places that an author works at, as the reader writes it; or nothing."""
    if not paper.affiliations:
        return ""
    found = searched("\n".join(paper.affiliations))
    return next((p for p in places if (m := phrase(p)) is not None and m.search(found)), "")


def _is_by(paper: Paper, authors: Sequence[str]) -> bool:
    return any(author_called(paper, wanted) for wanted in authors)


def _has_fewer(paper: Paper, least: int) -> bool:
    """Of a paper that nobody counts votes for, nothing is known, and nothing is held against it."""
    votes = paper.signals.upvotes
    return votes is not None and votes < least
