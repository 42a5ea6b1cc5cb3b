"""From scores to picks: filters, sections, the bar, and the reasons shown."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from digest.model import (
    Basis,
    Paper,
    Pick,
    Profile,
    Reason,
    ReasonKind,
    Section,
    Subscriber,
)
from digest.ranking.ranker import Ranker
from digest.text import compile_terms, fold

#: fewer upvotes are noise, not a trend
MIN_UPVOTES = 2
#: a score from which a paper that came for another reason may also be called similar
ALIKE = 0.05
#: keywords named as a reason of one pick
MAX_KEYWORDS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidates:
    """The day's papers for one reader, and what the filters did to them."""

    papers: tuple[Paper, ...]
    #: new to this reader before any filter
    n_new: int
    n_muted: int
    n_other_categories: int


def in_categories(paper: Paper, wanted: Collection[str]) -> bool:
    """Whether a paper belongs to any of them; "cs" means all of cs.*.

    A paper whose categories nobody recorded belongs: not knowing is no reason to hide it.
    """
    if not wanted or not paper.categories:
        return True
    archives = {c.split(".")[0] for c in paper.categories}
    return bool(set(wanted) & (set(paper.categories) | archives))


def filter_candidates(
    papers: Sequence[Paper], subscriber: Subscriber, seen: Collection[str]
) -> Candidates:
    """Drop what the reader has already, then what they muted, then other categories."""
    fresh = [p for p in papers if p.id not in seen]
    muted = compile_terms(subscriber.muted_terms)
    audible = [p for p in fresh if muted is None or not muted.search(fold(p.text))]
    kept = tuple(p for p in audible if in_categories(p, subscriber.categories))
    return Candidates(
        papers=kept,
        n_new=len(fresh),
        n_muted=len(fresh) - len(audible),
        n_other_categories=len(audible) - len(kept),
    )


def followed_author(paper: Paper, followed: Sequence[str]) -> str:
    """The first author of the paper whom the reader follows, as printed; or nothing.

    "G. Hopper" follows Grace Hopper and G. B. M. Hopper: family names must be equal, given names
    may be initials on either side. Followed full names do not match other full names.
    """
    for wanted in followed:
        for author in paper.authors:
            if same_person(wanted, author):
                return author
    return ""


def same_person(first: str, second: str) -> bool:
    a, b = _name_parts(first), _name_parts(second)
    if not a or not b:
        return False
    if a == b:
        return True
    if a[-1] != b[-1] or len(a) < 2 or len(b) < 2:
        return False
    return all(
        x == y or (min(len(x), len(y)) == 1 and x[0] == y[0])
        for x, y in zip(a[:-1], b[:-1], strict=False)
    )


def _name_parts(name: str) -> list[str]:
    if name.count(",") == 1:  # "Hopper, Grace"
        family, given = name.split(",")
        name = f"{given} {family}"
    return [p for p in fold(name).replace(".", " ").replace("-", " ").split() if p]


def keyword_papers(keywords: Sequence[str]) -> tuple[Paper, ...]:
    """Keywords as tiny documents, so that they count like liked papers."""
    return tuple(Paper(id=f"keyword:{k.strip()}", title=k.strip()) for k in keywords if k.strip())


def build_profile(
    subscriber: Subscriber, liked: Sequence[Paper], disliked: Sequence[Paper]
) -> Profile:
    return Profile(
        subscriber_id=subscriber.id,
        liked=(*liked, *keyword_papers(subscriber.keywords)),
        disliked=tuple(disliked),
    )


def basis_of(profile: Profile, papers: Sequence[Paper]) -> Basis:
    """What an edition can rest on: likes, else keywords, else upvotes, else order of arrival."""
    if any(not p.id.startswith("keyword:") for p in profile.liked):
        return Basis.LIKES
    if profile.liked:
        return Basis.KEYWORDS
    if any((p.signals.upvotes or 0) >= MIN_UPVOTES for p in papers):
        return Basis.TRENDING
    return Basis.NEWEST


def percentiles(scores: NDArray[np.float32]) -> NDArray[np.float64]:
    """(n,) share of the others that score lower, in [0, 1]; equal scores share the lower rank."""
    if len(scores) < 2:
        return np.ones(len(scores))
    return np.searchsorted(np.sort(scores), scores, side="left") / (len(scores) - 1)


def select(
    subscriber: Subscriber,
    profile: Profile,
    candidates: Sequence[Paper],
    scores: NDArray[np.float32],
    ranker: Ranker,
    pool: Sequence[Paper],
) -> tuple[Pick, ...]:
    """The day's picks for one reader, sections in reading order, best first within each.

    Args:
        candidates: the papers that passed the filters, a subset of `pool`.
        scores: (len(candidates),) from `ranker`, aligned with `candidates`.
        pool: all of the day's papers, as they were scored; explanations refer to it.
    """
    shares = percentiles(scores)
    basis = basis_of(profile, candidates)
    order = [int(i) for i in np.argsort(-scores, kind="stable")]
    taken: dict[int, Section] = {}
    room = subscriber.edition_size

    def take(indices: Sequence[int], section: Section, at_most: int) -> None:
        free = [i for i in indices if i not in taken]
        for i in free[: max(0, min(at_most, room - len(taken)))]:
            taken[i] = section

    followed = [i for i in order if followed_author(candidates[i], subscriber.followed_authors)]
    take(followed, Section.FOLLOWED, room)
    by_votes = sorted(
        (i for i in order if (candidates[i].signals.upvotes or 0) >= MIN_UPVOTES),
        key=lambda i: -(candidates[i].signals.upvotes or 0),
    )
    if basis in (Basis.LIKES, Basis.KEYWORDS):
        bar = subscriber.min_score or -np.inf  # 0: no bar
        above = [i for i in order if scores[i] > bar]
        # The best stay in "for you" however many votes they have; trending fills its places with
        # what the reader would not have seen otherwise.
        places = room - len(taken)
        reserved = min(subscriber.trending_size, max(0, places - 1))
        best = [i for i in above if i not in taken][: places - reserved]
        others = [i for i in by_votes if i not in taken and i not in best][:reserved]
        take(above, Section.FOR_YOU, places - len(others))
        take(others, Section.TRENDING, len(others))
    elif basis is Basis.TRENDING:
        take(by_votes, Section.TRENDING, room)
    else:
        take(range(len(candidates)), Section.FOR_YOU, room)

    position = {p.id: n for n, p in enumerate(pool)}
    picks: list[Pick] = []
    for section in Section:
        for i in (i for i, s in taken.items() if s is section):
            paper = candidates[i]
            picks.append(
                Pick(
                    paper=paper,
                    score=max(0.0, min(1.0, float(scores[i]))),
                    percentile=float(shares[i]) if not profile.is_empty else 0.0,
                    rank=len(picks) + 1,
                    section=section,
                    reasons=_reasons(
                        subscriber,
                        profile,
                        ranker,
                        pool,
                        position[paper.id],
                        section,
                        basis,
                        alike=section is Section.FOR_YOU or float(scores[i]) >= ALIKE,
                    ),
                )
            )
    return tuple(picks)


def _reasons(
    subscriber: Subscriber,
    profile: Profile,
    ranker: Ranker,
    pool: Sequence[Paper],
    index: int,
    section: Section,
    basis: Basis,
    *,
    alike: bool,
) -> tuple[Reason, ...]:
    paper = pool[index]
    reasons: list[Reason] = []
    if section is Section.FOLLOWED:
        author = followed_author(paper, subscriber.followed_authors)
        reasons.append(Reason(kind=ReasonKind.FOLLOWED_AUTHOR, evidence=(author,)))
    if section is Section.TRENDING:
        votes = str(paper.signals.upvotes or 0)
        reasons.append(Reason(kind=ReasonKind.TRENDING, evidence=(votes,)))
    if basis is Basis.NEWEST:
        reasons.append(Reason(kind=ReasonKind.NEWEST, evidence=()))
    if alike and not profile.is_empty:
        reasons += _similarities(profile, ranker, pool, index)
    return tuple(reasons)


def _similarities(
    profile: Profile, ranker: Ranker, pool: Sequence[Paper], index: int
) -> list[Reason]:
    """The nearest liked paper and the terms shared with it; keywords that contributed."""
    explanation = ranker.explain(profile, pool, index)
    order = [int(i) for i in np.argsort(-explanation.by_liked, kind="stable")]
    reasons: list[Reason] = []
    for i in order:
        liked, part = profile.liked[i], float(explanation.by_liked[i])
        if part <= 0:
            break
        if liked.id.startswith("keyword:"):
            if len(reasons) == MAX_KEYWORDS:
                continue
            reasons.append(
                Reason(kind=ReasonKind.KEYWORD, evidence=(liked.title,), contribution=part)
            )
            continue
        reasons.append(
            Reason(kind=ReasonKind.SIMILAR_PAPER, evidence=(liked.title,), contribution=part)
        )
        terms = ranker.shared_terms(liked, pool[index])
        if terms:
            reasons.append(Reason(kind=ReasonKind.SHARED_TERM, evidence=terms))
        break
    return reasons
