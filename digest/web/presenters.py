"""Papers and questions as pages show them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from digest.edition import reasons
from digest.edition.cards import Link, Piece, facts_of, links_of, short_of
from digest.edition.page import section_heading
from digest.edition.plaintext import shown
from digest.edition.speech import ENGLISH, Speech
from digest.model import Paper, Pick, StoredEdition, by_section
from digest.text import fold, safe_url, shorten

MAX_AUTHORS = 12
#: of an abstract that is not shown as a whole
OPENING_CHARS = 240
#: terms that are marked in a result
MAX_TERMS = 12
_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperView:
    """One paper in a list."""

    id: str
    title: tuple[Piece, ...]
    authors: str
    n_authors: str
    abstract: tuple[Piece, ...]
    facts: tuple[str, ...]
    links: tuple[Link, ...]
    is_new: bool = False
    sources: tuple[str, ...] = ()
    thumbnail: str = ""
    why: tuple[str, ...] = ()
    #: one sentence by a model, with whose it is
    in_short: str = ""

    @property
    def name(self) -> str:
        """The bare title."""
        return "".join(p.text for p in self.title)

    @property
    def opening(self) -> str:
        """The beginning of the abstract."""
        return shorten(self._whole, OPENING_CHARS)

    @property
    def more(self) -> bool:
        """Whether the abstract goes on after its opening."""
        return len(self._whole) > OPENING_CHARS

    @property
    def _whole(self) -> str:
        return "".join(p.text for p in self.abstract)


def view(
    paper: Paper,
    *,
    terms: Sequence[str] = (),
    is_new: bool = False,
    sources: Sequence[str] = (),
    thumbnails: bool = False,
    why: Sequence[str] = (),
    short: str = "",
    year: int = 0,
    speech: Speech = ENGLISH,
) -> PaperView:
    """A paper with the terms of a question marked in it.

    Args:
        year: of the page, if it is one of some day: dates of that year do not say it.
    """
    names = [shown(a, 80) for a in paper.authors[:MAX_AUTHORS]]
    more = len(paper.authors) - len(names)
    others = speech.ngettext("and {n} other", "and {n} others", more) if more > 0 else ""
    abstract = shown(paper.abstract)
    words = _words(tuple(terms[:MAX_TERMS]))
    return PaperView(
        id=paper.id,
        title=marked(shown(paper.title, 300) or speech.gettext("Untitled"), words),
        authors=f"{', '.join(names)} {others}".strip(),
        n_authors=speech.ngettext("{n} author", "{n} authors", len(paper.authors))
        if paper.authors
        else "",
        abstract=marked(abstract, words) if abstract else (),
        facts=facts_of(paper, speech, year),
        links=links_of(paper, speech),
        is_new=is_new,
        sources=tuple(sources),
        thumbnail=safe_url(paper.signals.thumbnail_url) if thumbnails else "",
        why=tuple(why),
        in_short=short,
    )


@lru_cache(maxsize=1_000)
def _words(terms: tuple[str, ...]) -> frozenset[str]:
    return frozenset(w for t in terms for w in t.split())


def marked(text: str, words: frozenset[str]) -> tuple[Piece, ...]:
    """A text in pieces, those that are among the words (which are folded), or their plurals,
    marked."""
    if not words or not text:
        return (Piece(text=text),)
    origin: list[int] | None = None
    # whether every position is kept
    if text.isascii() or all(len(fold(c)) == 1 for c in set(text) if c > "\x7f"):
        folded = fold(text)
    else:
        parts = [(f, n) for n, char in enumerate(text) for f in fold(char)]
        folded, origin = "".join(f for f, _ in parts), [n for _, n in parts]
    pieces: list[Piece] = []
    done = 0
    for start, end in sorted(_places(folded, words)):
        if origin is not None:
            start, end = origin[start], origin[end - 1] + 1
        if start < done:
            continue
        if start > done:
            pieces.append(Piece(text=text[done:start]))
        pieces.append(Piece(text=text[start:end], marked=True))
        done = end
    if done < len(text):
        pieces.append(Piece(text=text[done:]))
    return tuple(pieces)


def _places(text: str, words: Iterable[str]) -> Iterator[tuple[int, int]]:
    """Where words and their plurals begin and end; few stand in a text, so each is looked for."""
    for word in words:
        start = text.find(word)
        while start >= 0:
            begins = not start or not _WORD.match(text[start - 1])
            whole = _WORD.match(text, start) if begins else None
            if whole and whole[0].removeprefix(word) in ("", "s", "es"):
                yield whole.span()
            start = text.find(word, start + 1)


def _pick_view(pick: Pick, speech: Speech, year: int) -> PaperView:
    return view(
        pick.paper,
        why=reasons.why(pick.reasons, speech),
        short=short_of(pick, speech),
        year=year,
        speech=speech,
    )


def counts_of(edition: StoredEdition, speech: Speech) -> str:
    """ "12 of 415 new papers"."""
    return speech.ngettext(
        "{picks} of {n} new paper", "{picks} of {n} new papers", edition.n_new
    ).format(picks=speech.number(len(edition.picks)))


def edition_parts(
    edition: StoredEdition, speech: Speech
) -> list[tuple[str, list[tuple[int, PaperView]]]]:
    """An edition as a page shows it: each section's heading, and its papers with their ranks."""
    return [
        (
            section_heading(section, speech, name=name),
            [(p.rank, _pick_view(p, speech, edition.edition_date.year)) for p in picks],
        )
        for section, name, picks in by_section(edition.picks)
    ]
