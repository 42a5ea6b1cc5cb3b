"""A reader's profile: what they like and dislike, and how much each counts."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from digest.model import Basis, Paper, Profile, ReaderState, is_keyword
from digest.preferences import Preferences

#: fewer upvotes are noise, not a trend
MIN_UPVOTES = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class RankingOptions:
    """The operator's [ranking]: the same for all readers, read anew at every run."""

    #: age at which a like counts half as much as a new one, in days; 0: never
    half_life_days: int = 90
    #: how much unlikeness counts beside closeness, in [0, 1]
    variety: float = 0.3
    #: papers of an edition from outside the reader's usual, marked as such
    n_explore: int = 0
    #: weight of a language model's cosine beside the words; docs/ranking.md has the trials
    semantic_weight: float = 0.15
    #: another set of these, whose choices are interleaved with those of this one
    rival: RankingOptions | None = None


#: as they are where nothing is configured
DEFAULTS = RankingOptions()


def keyword_papers(keywords: Sequence[str]) -> tuple[Paper, ...]:
    """Keywords as tiny documents, so that they count like liked papers."""
    return tuple(Paper(id=f"keyword:{k.strip()}", title=k.strip()) for k in keywords if k.strip())


def build_profile(
    preferences: Preferences,
    state: ReaderState,
    now: datetime,
    options: RankingOptions = DEFAULTS,
    subscriber_id: str = "",
) -> Profile:
    """A reader's likes and dislikes with their weights, and keywords, which weigh as much as a new
    like."""
    half_life = timedelta(days=options.half_life_days)
    fading = tuple(0.5 ** ((now - at) / half_life) if half_life else 1.0 for at in state.liked_at)
    words = keyword_papers(preferences.keywords)
    weights = (*(fading or (1.0,) * len(state.liked)), *(1.0,) * len(words))
    return Profile(
        subscriber_id=subscriber_id,
        liked=(*state.liked, *words),
        disliked=state.disliked,
        weights=weights if any(w != 1.0 for w in weights) else (),
        dislike_weights=state.dislike_weights
        if any(w != 1.0 for w in state.dislike_weights)
        else (),
    )


def without(profile: Profile, ids: Collection[str]) -> Profile:
    """The profile of a reader who does not know some of what they rated yet."""
    weights = profile.weights or (1.0,) * len(profile.liked)
    kept = [(p, w) for p, w in zip(profile.liked, weights, strict=True) if p.id not in ids]
    pushes = profile.dislike_weights or (1.0,) * len(profile.disliked)
    pushed = [(p, w) for p, w in zip(profile.disliked, pushes, strict=True) if p.id not in ids]
    return replace(
        profile,
        liked=tuple(p for p, _ in kept),
        weights=tuple(w for _, w in kept),
        disliked=tuple(p for p, _ in pushed),
        dislike_weights=tuple(w for _, w in pushed),
    )


def basis_of(profile: Profile, papers: Sequence[Paper]) -> Basis:
    """What an edition can rest on: likes, else keywords, else upvotes, else order of arrival."""
    if any(not is_keyword(p) for p in profile.liked):
        return Basis.LIKES
    if profile.liked:
        return Basis.KEYWORDS
    if any((p.signals.upvotes or 0) >= MIN_UPVOTES for p in papers):
        return Basis.TRENDING
    return Basis.NEWEST
