"""Ids and links in a text, a Markdown file or a saved page: whatever of it is an arXiv id, a DOI, a
PMID, or an address of such a paper. Prose around them is left alone."""

from __future__ import annotations

import re

from digest.errors import LibraryError
from digest.identifiers import name_of, parse_arxiv_id
from digest.library.encoding import decode
from digest.library.limits import MAX_ENTRIES
from digest.library.records import Collector, Record, Wanted, everything, refuse_more_than, title_of
from digest.ports import Likes

#: a word that may be an id or an address, without the brackets and quotes of Markdown around it
_WORD = re.compile(r"[^\s<>\"'`|\[\]{}]+")
_DIGIT = re.compile(r"\d")
_TRIMMED = "().,;:!?*_"
#: of ids that need no address around them
_BEGINNINGS = (
    *("10.", "doi:10.", "doi.org/10.", "pmid:", "pmc", "corpusid:", "openalex:"),
    *("pmcid:", "dx.doi.org/10."),
)
_HTML = re.compile(r"\s*(?:<!doctype (?:html|netscape)|<html|<head|<body|<!--)", re.IGNORECASE)
_LINK = re.compile(r"""\b(?:href|data-url|content)\s*=\s*["']?([^"'\s>]+)""", re.IGNORECASE)
_BULLET = re.compile(r"^\s*(?:[-*+•]|\d{1,4}[.)])\s+")
_TITLE = re.compile(r"[^\W_][^\n]{10,299}(?<![.:,;])")
MIN_TITLE_WORDS = 3


def parse(
    body: bytes, *, place: str, max_entries: int = MAX_ENTRIES, wanted: Wanted = everything
) -> Likes:
    """References of a list, in its order, each once.

    A line that holds nothing but one word, or an address, is meant as a reference: if it is none
    that we know, it is named. Among lines of references, one that looks like a title is a paper
    that is known by it.

    Raises:
        LibraryError: there is text, but no reference in it, or there are too many.
    """
    decoded = decode(body)
    collector = Collector(place, "list", wanted)
    if _HTML.match(decoded.text):
        for address in _LINK.findall(decoded.text):
            if name := name_of(address):
                collector.ref(name)
            refuse_more_than(max_entries, collector.n_entries, place)
    else:
        _read_lines(decoded.text, collector, max_entries, place)
    likes = collector.likes_of(decoded, "arXiv id, DOI, PMID or known address")
    if not (likes.refs or likes.papers or likes.faults) and decoded.text.strip():
        raise LibraryError(f"{place} holds no arXiv id, DOI, PMID or known address.", place=place)
    return likes


def _read_lines(text: str, collector: Collector, max_entries: int, place: str) -> None:
    lines = [
        (number, line, _WORD.findall(line.split(" #", 1)[0] if not line.startswith("#") else ""))
        for number, line in enumerate(text.split("\n"), 1)
    ]
    named = [[name for word in words for name in _references(word)] for _, _, words in lines]
    n_lines = sum(1 for _, line, _ in lines if line.strip() and not line.startswith("#"))
    is_list = 2 * sum(1 for names in named if names) >= n_lines
    for (number, line, words), names in zip(lines, named, strict=True):
        for name in dict.fromkeys(names):
            collector.ref(name)
        refuse_more_than(max_entries, collector.n_entries, place)
        if names:
            continue
        meant = [w for w in words if "://" in w] or (words if len(words) == 1 else [])
        if meant and re.search(r"\w", meant[0]):
            shown = meant[0].strip(_TRIMMED)[:80]
            collector.fault(f"line {number}", f"{shown} is no arXiv id, DOI, PMID or known address")
        elif is_list and (title := _title_in(line, len(words))):
            collector.put(Record(title=title_of(title)), where=f"line {number}")


def _title_in(line: str, n_words: int) -> str:
    """The title of a paper that a line seems to be."""
    if n_words < MIN_TITLE_WORDS or line.startswith("#"):
        return ""
    match = _TITLE.fullmatch(_BULLET.sub("", line).strip(" *_\"'“”"))
    return match[0] if match else ""


def _references(word: str) -> list[str]:
    if not _DIGIT.search(word):  # most words of a text
        return []
    # Markdown joins a text and its address: [title](https://…) was split at the bracket
    # the first way keeps a bracket that belongs to a DOI
    for piece in (word.lstrip("(*_").rstrip(".,;:!?*_"), word.strip(_TRIMMED)):
        lower = piece.lower()
        known = lower.startswith(_BEGINNINGS) or "://" in piece or parse_arxiv_id(piece)
        if known and (name := name_of(piece)):
            return [name]
    return []
