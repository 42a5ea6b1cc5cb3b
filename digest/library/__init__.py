"""Readers' libraries: files of reference managers, lists of ids or links, saved pages, Zotero."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from digest.errors import LibraryError
from digest.files import read_library
from digest.library.choice import EVERYTHING, Choice
from digest.library.limits import MAX_ENTRIES
from digest.ports import Likes

__all__ = ["KINDS", "SUFFIXES", "FileLibrary", "kind_of", "read", "read_bytes"]

#: what `digest import` calls them; each is read by the module of this name
KINDS = {
    "bibtex": "bibtex",
    "ris": "ris",
    "refer": "refer",
    "endnote-xml": "endnote_xml",
    "isi": "isi",
    "nbib": "nbib",
    "json": "json_items",
    "csl-json": "json_items",
    "csv": "csv_table",
    "ids": "ids",
    "page": "page",
}
#: names of files that are libraries; which kind of one, the file itself tells
SUFFIXES = (
    *(".bib", ".bibtex", ".ris", ".enw", ".ciw", ".isi", ".nbib", ".json", ".jsonl", ".xml"),
    *(".csv", ".tsv", ".txt", ".md", ".html", ".htm"),
)


def kind_of(body: bytes, place: str) -> str:
    """The kind of a file by its content; see `detect.kind_of`.

    Raises:
        LibraryError: it is nothing that holds papers.
    """
    from digest.library import detect

    return detect.kind_of(body, place)


def read(path: Path, kind: str = "", choice: Choice | None = None) -> Likes:
    """The papers of a file.

    Args:
        kind: one of KINDS; by default the file tells.
        choice: which of them, by tag or group.

    Raises:
        LibraryError: the file is missing, unreadable, or nothing of its kind.
    """
    if kind:
        parser(kind)  # a wrong kind is told before a missing file
    return read_bytes(read_library(path), path.name, kind, choice)


def read_bytes(
    body: bytes,
    place: str,
    kind: str = "",
    choice: Choice | None = None,
    max_entries: int = MAX_ENTRIES,
) -> Likes:
    """The papers of the bytes of a file; see `read`."""
    kind = kind or kind_of(body, place)
    if kind == "opml":
        raise LibraryError(
            f"{place} is a list of feeds, not of papers; `digest import opml {place}` shows them.",
            place=place,
        )
    options = {"wanted": choice.wants} if choice else {}
    return parser(kind)(body, place=place, max_entries=max_entries, **options)


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
    choice: Choice = EVERYTHING

    @property
    def name(self) -> str:
        """Of the import; two choices of one file are two."""
        return f"{self.path.name}{self.choice.shown}"

    def read(self, memory: str) -> tuple[Likes | None, str]:
        return read(self.path, self.kind, self.choice or None), ""
