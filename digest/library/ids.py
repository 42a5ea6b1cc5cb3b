"""Ids and links in a text or Markdown file: whatever of it is an arXiv id, a DOI, a PMID, or an
address of such a paper. Prose around them is left alone."""

from __future__ import annotations

import re

from digest.errors import LibraryError
from digest.identifiers import name_of, parse_arxiv_id
from digest.library.records import MAX_ENTRIES, decode, refuse_more_than
from digest.ports import Likes

#: a word that may be an id or an address, without the brackets and quotes of Markdown around it
_WORD = re.compile(r"[^\s<>\"'`|\[\]{}]+")
_DIGIT = re.compile(r"\d")
_TRIMMED = "().,;:!?*_"
#: of ids that need no address around them
_BEGINNINGS = ("10.", "doi:10.", "doi.org/10.", "pmid:", "corpusid:", "openalex:")


def parse(body: bytes, *, place: str, max_entries: int = MAX_ENTRIES) -> Likes:
    """References of a list, in its order, each once.

    A line that holds nothing but one word, or an address, is meant as a reference: if it is none
    that we know, it is named.

    Raises:
        LibraryError: there is text, but no reference in it, or there are too many.
    """
    refs: dict[str, str] = {}
    faults: list[str] = []
    text = decode(body)
    for number, line in enumerate(text.splitlines(), 1):
        words = _WORD.findall(line.split(" #", 1)[0] if not line.startswith("#") else "")
        found = [key for word in words for key in _references(word)]
        for key in found:
            refs.setdefault(key, key)
        refuse_more_than(max_entries, len(refs) + len(faults), place)
        meant = [w for w in words if "://" in w] or (words if len(words) == 1 else [])
        if not found and meant and re.search(r"\w", meant[0]):
            shown = meant[0][:80]
            faults.append(
                f"{place}, line {number}: {shown} is no arXiv id, DOI, PMID or known address."
            )
    if not refs and not faults and text.strip():
        raise LibraryError(f"{place} holds no arXiv id, DOI, PMID or known address.", place=place)
    return Likes(refs=tuple(refs), faults=tuple(faults))


def _references(word: str) -> list[str]:
    if not _DIGIT.search(word):  # most words of a text
        return []
    # Markdown joins a text and its address: [title](https://…) was split at the bracket
    # the first way keeps a bracket that belongs to a DOI
    for piece in (word.lstrip("(*_").rstrip(".,;:!?*_"), word.strip(_TRIMMED)):
        lower = piece.lower()
        known = lower.startswith(_BEGINNINGS) or "://" in piece or parse_arxiv_id(piece)
        if known and (name := name_of(piece)):
            return [name.removeprefix("arxiv:").removeprefix("doi:")]
    return []
