"""Why a paper was picked, in words that stand in it: likes, phrases, the key sentence."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from digest.model import Paper, Profile, Reason, ReasonKind
from digest.ranking.ranker import Explanation, Ranker, without_parts
from digest.ranking.vectors import EMPTY_ALONE
from digest.text import as_written, fold, readable, sentences

#: liked papers named as a reason of one pick, keywords, and phrases
MAX_PAPERS, MAX_KEYWORDS, MAX_PHRASES = 2, 2, 4
#: a second liked paper is named if its part is at least this much of the first's
SECOND_PAPER = 0.6


def phrases(paper: Paper, terms: Sequence[str], n: int = MAX_PHRASES) -> tuple[str, ...]:
    """The first terms that can be said, as the paper writes them."""
    text = readable(f"{paper.title}. {paper.abstract}")
    found: list[str] = []
    said: set[str] = set()
    for term in without_parts([t for t in terms if " " in t or t not in EMPTY_ALONE], 4 * n):
        written = as_written(text, term)
        words = {_stem(w) for w in re.findall(r"\w+", fold(written))}
        if not written or words & said or len(written) < 3:
            continue
        if re.search(r"[\\{}$^_=<>]|\d{3}", written):
            continue
        said |= words
        found.append(written)
        if len(found) == n:
            break
    return tuple(found)


def _stem(word: str) -> str:
    """Enough to see that "discs" and "disc" say one thing."""
    return re.sub(r"(?<=\w{3})(?:ie|y|e)$", "", word.rstrip("s"))


def similarities(
    profile: Profile,
    ranker: Ranker,
    pool: Sequence[Paper],
    index: int,
    told: Explanation,
    unit: float,
) -> list[Reason]:
    """Keywords and liked papers with the greatest part in the score, and the phrases it rests on.

    Args:
        unit: what contributions are divided by, as scores are.
    """
    order = [int(i) for i in np.argsort(-told.by_liked, kind="stable")]
    named: list[Reason] = []
    nearest: list[Paper] = []
    best = 0.0
    n_keywords = 0
    for i in order:
        liked, part = profile.liked[i], float(told.by_liked[i])
        if part <= 0:
            break
        if liked.id.startswith("keyword:"):
            # A keyword that does not stand in the paper is named if nothing had a greater part.
            stands = as_written(readable(pool[index].text), fold(liked.title))
            if n_keywords < MAX_KEYWORDS and (stands or not named):
                n_keywords += 1
                named.append(
                    Reason(
                        kind=ReasonKind.KEYWORD, evidence=(liked.title,), contribution=part / unit
                    )
                )
        elif len(nearest) < MAX_PAPERS and part >= SECOND_PAPER * best:
            best = best or part
            nearest.append(liked)
            named.append(
                Reason(
                    kind=ReasonKind.SIMILAR_PAPER,
                    evidence=(liked.title or liked.abstract[:80],),
                    contribution=part / unit,
                )
            )
    terms = _shared_terms(profile, ranker, pool, index, told, nearest[0] if nearest else None)
    said = phrases(pool[index], terms)
    if said:
        named.append(Reason(kind=ReasonKind.SHARED_TERM, evidence=said))
    return named


def _shared_terms(
    profile: Profile,
    ranker: Ranker,
    pool: Sequence[Paper],
    index: int,
    told: Explanation,
    nearest: Paper | None,
) -> list[str]:
    """Terms that stand in a like and in the paper, by their part in the score; those of the
    nearest like come first."""
    names = ranker.terms(pool)
    order = np.argsort(-told.by_term, kind="stable")
    liked = set(ranker.liked_columns(profile, pool).tolist())
    positive = [int(told.columns[i]) for i in order if told.by_term[i] > 0]
    shared = [c for c in positive if c in liked]
    near = set(ranker.shared_columns(nearest, pool, index).tolist()) if nearest else set()
    first = [c for c in shared if c in near]
    return [str(names[c]) for c in [*first, *(c for c in shared if c not in near)]]


def key_sentence(ranker: Ranker, pool: Sequence[Paper], index: int, told: Explanation) -> str:
    """The sentence of the abstract that has the greatest part in the score for its length.

    Nothing for an abstract of fewer than three sentences: it would mark what is read anyway.
    """
    found = sentences(readable(pool[index].abstract))
    if len(found) < 3:
        return ""
    parts = dict(zip(told.columns.tolist(), told.by_term.tolist(), strict=True))
    best, best_part = "", 0.0
    for sentence in found:
        columns = ranker.terms_in(sentence, pool).tolist()
        part = sum(parts.get(c, 0.0) for c in columns) / max(8, len(sentence.split())) ** 0.5
        if part > best_part:
            best, best_part = sentence, part
    return best
