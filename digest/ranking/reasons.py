"""Why a paper was picked, in words that stand in it: likes, phrases, the key sentence."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from digest.latex import readable
from digest.model import Paper, Profile, Reason, ReasonKind, is_keyword
from digest.ranking.calibration import KEYWORDS_ALONE
from digest.ranking.day import Day
from digest.ranking.ranker import without_parts
from digest.ranking.reading import Explanation, Reading
from digest.ranking.rhetoric import merits
from digest.ranking.vectors import tokens
from digest.scripts import grams, is_unspaced, longest_run
from digest.text import as_written, fold, sentences

#: liked papers named as a reason of one pick, keywords, and phrases
MAX_PAPERS, MAX_KEYWORDS, MAX_PHRASES = 2, 2, 4
#: part of a keyword in a score from which a paper may be called near to it
NEAR = KEYWORDS_ALONE.stretch
#: a second liked paper is named if its part is at least this much of the first's
SECOND_PAPER = 0.6
#: how much the reader's own terms count in the choice of a sentence, beside what it tells
READER = 1.5
#: shared terms looked at for phrases
MOST_TERMS = 48


_CAPITALISED = re.compile(r"\b[A-Z][a-z]+\b")


def phrases(
    paper: Paper, terms: Sequence[str], lower: Collection[str] = (), n: int = MAX_PHRASES
) -> tuple[str, ...]:
    """The first terms that can be said, as the paper writes them.

    Args:
        lower: words that are written small; a capital of theirs is that of a title or of the first
            word of a sentence.
    """
    text = _read(paper.title, paper.abstract)
    unspaced = frozenset(t for t in terms if is_unspaced(t)) if is_unspaced(text) else frozenset()
    found: list[str] = []
    said: set[str] = set()
    for term in without_parts(terms, 4 * n):
        written, words = (
            _said_unspaced(text, term, unspaced) if term in unspaced else _said(text, term)
        )
        if not written or words & said:
            continue
        said |= words
        found.append(_CAPITALISED.sub(lambda m: _small(m[0], lower), written))
        if len(found) == n:
            break
    return tuple(found)


@lru_cache(maxsize=8192)  # many readers get it
def _read(title: str, abstract: str) -> str:
    return readable(f"{title}. {abstract}")


def _small(word: str, lower: Collection[str]) -> str:
    return word.lower() if word.lower() in lower else word


@lru_cache(maxsize=100_000)  # a paper that many readers get is asked for the same few terms
def _said(text: str, term: str) -> tuple[str, frozenset[str]]:
    """A term as a text writes it, if it can be said, and the stems of its words."""
    written = as_written(text, term)
    if len(written) < 3 or re.search(r"[\\{}$^_=<>]|\d{3}", written):
        return "", frozenset()
    return written, frozenset(_stem(w) for w in re.findall(r"\w+", fold(written)))


def _said_unspaced(text: str, term: str, shared: frozenset[str]) -> tuple[str, frozenset[str]]:
    """The same of a script without blanks: a term with what it is part of, and all its pairs."""
    written = longest_run(fold(text), term, shared)
    return written, frozenset(grams(written))


def _stem(word: str) -> str:
    """Enough to see that "discs" and "disc" say one thing."""
    return re.sub(r"(?<=\w{3})(?:ie|y|e)$", "", word.rstrip("s"))


def similarities(reading: Reading, index: int, told: Explanation) -> list[Reason]:
    """Keywords and liked papers with the greatest part in the score, and the phrases it rests on.

    Of a paper that is not close only the keywords that stand in it, since no more is true.
    Contributions are divided by the reader's length, as scores are.
    """
    profile, unit = reading.profile, reading.length
    paper = reading.day.candidates[reading.place(index)]
    held = held_keywords(reading, index)
    named = [
        Reason(
            kind=ReasonKind.KEYWORD,
            evidence=(keyword,),
            contribution=max(0.0, float(told.by_liked[_at(profile, keyword)])) / unit,
        )
        for keyword in held[:MAX_KEYWORDS]
    ]
    if not reading.calibration.closeness(told.score / unit):
        return named
    nearest: list[int] = []
    best = 0.0
    all_held = len(held) == len(reading.keywords)
    for i in told.nearest.tolist():
        liked, part = profile.liked[i], float(told.by_liked[i])
        if part <= 0 or (all_held and part < SECOND_PAPER * best):
            break  # no further like and no further keyword can be named
        if is_keyword(liked):
            if liked.title not in held and not named and part / unit >= NEAR:
                kind = ReasonKind.NEAR_KEYWORD
                named.append(Reason(kind=kind, evidence=(liked.title,), contribution=part / unit))
        elif len(nearest) < MAX_PAPERS and part >= SECOND_PAPER * best:
            best = best or part
            nearest.append(i)
            named.append(
                Reason(
                    kind=ReasonKind.SIMILAR_PAPER,
                    evidence=(liked.title or liked.abstract[:80],),
                    contribution=part / unit,
                )
            )
    terms = _shared_terms(reading, told, nearest[0] if nearest else None)
    if told_already := {word for keyword in held for word in tokens(fold(keyword))}:
        terms = [t for t in terms if not told_already.issuperset(t.split())]
    said = phrases(paper, terms, reading.day.lower_words)
    if said:
        named.append(Reason(kind=ReasonKind.SHARED_TERM, evidence=said))
    return named


def held_keywords(reading: Reading, index: int) -> list[str]:
    """The keywords that stand in a candidate, those of its title first."""
    literal, at = reading.day.literal, reading.place(index)
    held = [k for k in reading.keywords if at in literal.holding(k)[0]]
    return sorted(held, key=lambda k: at not in literal.holding(k)[1])


def _at(profile: Profile, keyword: str) -> int:
    return next(n for n, p in enumerate(profile.liked) if is_keyword(p) and p.title == keyword)


def _shared_terms(reading: Reading, told: Explanation, nearest: int | None) -> list[str]:
    """Terms that stand in a like and in the paper, by their part in the score; those of the
    nearest like come first."""
    shared = told.shared
    if nearest is not None:
        near = reading.stands_in(nearest, shared)
        shared = np.concatenate([shared[near], shared[~near]])
    names = reading.day.vectors.names
    return [names[c] for c in shared[:MOST_TERMS].tolist()]


def key_sentence(reading: Reading, index: int, told: Explanation | None) -> str:
    """The sentence of the abstract that tells what the paper does or found; of those, the one with
    the greatest part in the score for its length, if the reader has to do with it.

    Nothing for an abstract of fewer than three sentences: it would mark what is read anyway.
    """
    found = _sentences(reading.day, reading.place(index))
    if found is None:
        return ""
    worth = found.merits
    if told is not None:
        parts = np.maximum(found.terms @ told.by_term, 0)
        worth = worth + READER * parts / (parts.max() or 1.0)
    return found.texts[int(np.argmax(worth))]


@dataclass(frozen=True, slots=True)
class _Sentences:
    """Those of an abstract."""

    texts: tuple[str, ...]
    #: (n, n_terms) for each of the candidate's terms nothing, or what a sentence with it counts
    #: by its length
    terms: NDArray[np.float32]
    #: (n,) how much each tells what the paper does or found
    merits: NDArray[np.float64]


def _sentences(day: Day, at: int) -> _Sentences | None:
    """A candidate's sentences; None if they are fewer than three."""
    key = ("sentences", at)
    if key not in day.notes:
        texts = sentences(readable(day.candidates[at].abstract))
        columns, _ = day.terms_of(at)
        found = None
        if len(texts) >= 3:
            terms = np.array(
                [
                    np.isin(columns, day.vectors.terms_of(text)) / max(8, len(text.split())) ** 0.5
                    for text in texts
                ],
                dtype=np.float32,
            )
            found = _Sentences(texts, terms, np.array(merits(texts)))
        day.notes[key] = found
    noted: _Sentences | None = day.notes[key]
    return noted
