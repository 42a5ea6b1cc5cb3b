"""Terms as people ask for them, and texts as they are written: one rule for keywords, filters and
search.

A term stands in a text however its hyphens and apostrophes are drawn, in one word or in two
("pre-training", "pretraining", "data set", "GPT-4"), in the singular or the plural, in any case,
with or without accents, and with Greek letters as such or by name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from itertools import chain, takewhile

from digest.scripts import grams, is_unspaced_letter
from digest.text import fold

#: between a text and its compounds, and between these; no term reaches over it
_BREAK = "\x01"
_GREEK = dict(
    zip(
        "αβγδεζηθικλμνξοπρσςτυφχψω",
        "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi rho "
        "sigma sigma tau upsilon phi chi psi omega".split(),
        strict=True,
    )
)
_LETTERS = str.maketrans(dict.fromkeys("‐‑‒–—−", "-") | dict.fromkeys("‘’ʼ′`", "'") | _GREEK)
_COMPOUND = re.compile(r"\w+(?:-\w+)+")
_PARTS = re.compile(r"[\s\-]+")
_WORD = re.compile(r"[^\W_]+")
#: endings to which a plural adds "es"
_HISSING = ("s", "x", "z", "ch", "sh")
#: a shorter word that ends in "s" need not be a plural: news, lens, gas
LEAST_PLURAL = 6
#: of a word in an index, in characters; PostgreSQL refuses one of more than 2,046 bytes
LONGEST_WORD = 100


def plain(text: str) -> str:
    """A text folded, with one kind of hyphen and apostrophe, and Greek letters by name.

    >>> plain("α‑Synuclein’s"), plain("naïve–Bayes")
    ("alpha-synuclein's", 'naive-bayes')
    """
    return fold(text) if text.isascii() else fold(text).translate(_LETTERS)


@lru_cache(maxsize=8192)  # a day's texts are looked through for many readers
def searched(text: str) -> str:
    """A text as terms are looked for in it; behind it stand its compounds, each as one word."""
    found = plain(text)
    compounds = [c.replace("-", "") for c in _COMPOUND.findall(found)]
    return _BREAK.join([found, *compounds])


def singular(word: str) -> str:
    """A folded word without its plural ending, the same for both forms; it need not be a word.

    >>> [singular(w) for w in ("reefs", "theories", "classes", "analyses", "analysis", "boxes")]
    ['reef', 'theory', 'class', 'analyse', 'analyse', 'box']
    >>> [singular(w) for w in ("class", "virus", "gas", "cases", "this")]
    ['class', 'virus', 'gas', 'case', 'this']
    """
    if len(word) < 4 or not word.isascii():
        return word
    if word.endswith("sis"):
        return word[:-3] + "se"
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("sses", "xes", "zes", "ches", "shes")):
        return word[:-2]
    if word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return word[:-1]
    return word


def _forms(word: str, *, in_phrase: bool) -> tuple[str, ...]:
    """The ways in which the last word of a term may be written."""
    forms = {word}
    base = singular(word) if in_phrase or len(word) >= LEAST_PLURAL else word
    if word.endswith("sis"):
        forms.add(word[:-2] + "es")
    elif word.endswith(("yses", "eses", "oses")):
        forms |= {word[:-2] + "is", base}
    else:
        forms |= {base, base + "s"}
        if base.endswith(_HISSING):
            forms.add(base + "es")
        if len(base) > 2 and base.endswith("y"):
            forms.add(base[:-1] + "ies")
    return tuple(sorted(forms, key=lambda f: (-len(f), f)))


def _words(term: str) -> list[str]:
    return [w for w in _PARTS.split(plain(term).strip()) if w]


def probe(term: str) -> str:
    """Letters that stand in every text in which the term stands, as many as there are."""
    words = _words(term)
    if not words:
        return ""
    forms = _forms(words[-1], in_phrase=len(words) > 1)
    same = takewhile(lambda letters: len(set(letters)) == 1, zip(*forms, strict=False))
    return max((*words[:-1], "".join(letters[0] for letters in same)), key=len)


def compile_terms(terms: Iterable[str]) -> re.Pattern[str] | None:
    """A pattern that finds any of the terms as whole words in a `searched` text, or None for no
    terms."""
    alternatives = [_pattern(words) for t in terms if (words := _words(t))]
    return re.compile("|".join(alternatives)) if alternatives else None


def _pattern(words: list[str]) -> str:
    """Of whole words; there are none to heed where a script has no blanks."""
    first, last = words[0][0], words[-1][-1]
    forms = _forms(words[-1], in_phrase=len(words) > 1)
    ending = "(?:" + "|".join(map(re.escape, forms)) + ")"
    before = "" if is_unspaced_letter(first) else r"(?<!\w)"
    after = "" if is_unspaced_letter(last) else r"(?!\w)"
    return before + r"[\s\-]*".join([*map(re.escape, words[:-1]), ending]) + after


def search_words(text: str) -> tuple[str, ...]:
    """The words of a text as they are indexed and looked for.

    >>> search_words("Coral-Reefs & the 3D Müller class")
    ('coral', 'reef', 'the', '3d', 'muller', 'class')
    """
    return tuple(chain.from_iterable(map(_indexed, _WORD.findall(plain(text)))))


@lru_cache(maxsize=50_000)  # abstracts share most of their words
def _indexed(word: str) -> tuple[str, ...]:
    """A folded word as it is indexed; one without blanks in it by its pairs of letters."""
    return tuple(singular(term[:LONGEST_WORD]) for term in grams(word))


def compounds(text: str) -> tuple[str, ...]:
    """The hyphenated words of a text, each as one word, as they are indexed.

    >>> compounds("Pre-trained models and pre-trainings")
    ('pretrained', 'pretraining')
    """
    return tuple(
        singular(c.replace("-", "")[:LONGEST_WORD]) for c in _COMPOUND.findall(plain(text))
    )
