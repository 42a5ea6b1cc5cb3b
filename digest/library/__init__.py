"""Readers' libraries: files of reference managers, lists of ids or links, saved pages, Zotero."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from digest.errors import LibraryError
from digest.files import read_library
from digest.library.records import decode
from digest.ports import Likes

__all__ = ["KINDS", "SUFFIXES", "FileLibrary", "kind_of", "read"]

#: what `digest import` calls them; each is read by the module of this name
KINDS = {
    "bibtex": "bibtex",
    "ris": "ris",
    "csl-json": "csl",
    "nbib": "nbib",
    "ids": "ids",
    "page": "page",
}
#: by the end of a file's name
SUFFIXES = {
    ".bib": "bibtex",
    ".ris": "ris",
    ".json": "csl-json",
    ".nbib": "nbib",
    ".txt": "ids",
    ".md": "ids",
}


def kind_of(path: Path, body: bytes = b"") -> str:
    """The kind of a file by its name, and of a text by what stands in it.

    Raises:
        LibraryError: its name tells none.
    """
    kind = SUFFIXES.get(path.suffix.lower())
    if kind is None:
        known = ", ".join(SUFFIXES)
        raise LibraryError(f"{path}: its name tells no kind of library ({known}).", place=str(path))
    if kind == "ids" and body:
        from digest.library import page

        return "page" if page.looks_like(decode(body)) else "ids"
    return kind


def read(path: Path, kind: str = "") -> Likes:
    """The papers of a file.

    Args:
        kind: one of KINDS; by default the file tells.

    Raises:
        LibraryError: the file is missing, unreadable, or nothing of its kind.
    """
    parser(kind or kind_of(path))  # a wrong kind is told before a missing file
    body = read_library(path)
    return parser(kind or kind_of(path, body))(body, place=path.name)


def parser(kind: str) -> Callable[..., Likes]:
    """What reads the bytes of a kind.

    Raises:
        LibraryError: there is no such kind.
    """
    if kind not in KINDS:
        raise LibraryError(f'"{kind}" is no kind of library; use one of {", ".join(KINDS)}.')
    found: Callable[..., Likes] = import_module(f"digest.library.{KINDS[kind]}").parse
    return found


@dataclass(frozen=True, slots=True)
class FileLibrary:
    """A file, read anew each time."""

    path: Path
    kind: str = ""

    @property
    def name(self) -> str:
        return self.path.name

    def read(self, memory: str) -> tuple[Likes | None, str]:
        return read(self.path, self.kind), ""
