"""Readers' libraries: BibTeX, RIS, CSL-JSON, and lists of ids or links."""

from __future__ import annotations

from pathlib import Path

from digest.errors import LibraryError
from digest.library.records import Library, Parser, body_of

__all__ = ["KINDS", "SUFFIXES", "Library", "kind_of", "read"]

#: what `digest import` calls them
KINDS = ("bibtex", "ris", "csl-json", "ids")
#: by the end of a file's name
SUFFIXES = {
    ".bib": "bibtex",
    ".ris": "ris",
    ".json": "csl-json",
    ".txt": "ids",
    ".md": "ids",
}


def kind_of(path: Path) -> str:
    """The kind of a file by its name.

    Raises:
        LibraryError: its name tells none.
    """
    kind = SUFFIXES.get(path.suffix.lower())
    if kind is None:
        known = ", ".join(SUFFIXES)
        raise LibraryError(f"{path}: its name tells no kind of library ({known}).", place=str(path))
    return kind


def read(path: Path, kind: str = "") -> Library:
    """The papers of a file.

    Args:
        kind: one of KINDS; by default the file's name tells.

    Raises:
        LibraryError: the file is missing, unreadable, or nothing of its kind.
    """
    return _parser(kind or kind_of(path))(body_of(path), place=path.name)


def _parser(kind: str) -> Parser:
    if kind == "bibtex":
        from digest.library.bibtex import parse

        return parse
    if kind == "ris":
        from digest.library.ris import parse as parse_ris

        return parse_ris
    if kind == "csl-json":
        from digest.library.csl import parse as parse_csl

        return parse_csl
    if kind == "ids":
        from digest.library.ids import parse as parse_ids

        return parse_ids
    raise LibraryError(f'"{kind}" is no kind of library; use one of {", ".join(KINDS)}.')
