"""Zotero's own database, zotero.sqlite, read from a copy: a running Zotero is not in the way."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from digest.errors import LibraryError
from digest.library.records import Collector, ref_of
from digest.library.zotero import NO_WORKS, Items, choose, paper_of_item
from digest.ports import Likes

MAX_BYTES = 4_000_000_000
#: what a paper is made of
_FIELDS = (
    "title", "abstractNote", "DOI", "url", "date", "publicationTitle", "extra", "archiveID",
    "language",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ZoteroFile:
    """The items of a local database, all or of some collections, but those in the trash."""

    path: Path
    wanted: Items

    @property
    def name(self) -> str:
        parts = self.wanted.name.partition(" ")
        return f"{self.path.name}{parts[1]}{parts[2]}"

    def read(self, memory: str) -> tuple[Likes | None, str]:
        """The items, or None if the file has not changed.

        Raises:
            LibraryError: there is no such file, or it is no database of Zotero.
        """
        try:
            facts = self.path.stat()
        except OSError as error:
            raise LibraryError(
                f"{self.path} cannot be read: {error.strerror}.", place=str(self.path)
            ) from error
        stamp = f"{self.path} {facts.st_mtime_ns} {facts.st_size} {self.wanted}"
        if stamp == memory:
            return None, memory
        if facts.st_size > MAX_BYTES:
            raise LibraryError(f"{self.path} is larger than {MAX_BYTES // 10**9} GB.")
        try:
            with _copy(self.path) as database:
                return self._items(database), stamp
        except sqlite3.DatabaseError as error:
            raise LibraryError(
                f"{self.path} cannot be read as a database of Zotero ({error}). If Zotero was just "
                "writing, try again.",
                place=str(self.path),
            ) from error
        except OSError as error:
            raise LibraryError(
                f"{self.path} cannot be copied for reading: {error.strerror}.",
                place=str(self.path),
            ) from error

    def _items(self, database: sqlite3.Connection) -> Likes:
        collector = Collector(self.name)
        chosen = self._chosen(database)
        fields = _fields(database)
        creators = _creators(database)
        homes: dict[int, set[str]] = {}
        for item, collection in database.execute(
            "SELECT i.itemID, c.key FROM collectionItems i "
            "JOIN collections c ON c.collectionID = i.collectionID"
        ):
            homes.setdefault(item, set()).add(collection)
        rows = database.execute(
            "SELECT i.itemID, i.key, t.typeName FROM items i "
            "JOIN itemTypes t ON t.itemTypeID = i.itemTypeID "
            "WHERE i.itemID NOT IN (SELECT itemID FROM deletedItems) ORDER BY i.itemID"
        )
        for item, key, kind in rows:
            if kind in NO_WORKS or (chosen is not None and not homes.get(item, set()) & chosen):
                continue
            data: dict[str, Any] = {"key": key, "creators": creators.get(item, [])}
            data |= fields.get(item, {})
            ref = ref_of(str(data.get("DOI", "")), str(data.get("url", "")))
            collector.put(paper_of_item(data), where=f"item {key}", ref=ref)
        return collector.likes()

    def _chosen(self, database: sqlite3.Connection) -> frozenset[str] | None:
        if not (self.wanted.collections or self.wanted.exclude):
            return None
        names = {
            key: (name, parent or False)
            for key, name, parent in database.execute(
                "SELECT c.key, c.collectionName, p.key FROM collections c "
                "LEFT JOIN collections p ON p.collectionID = c.parentCollectionID"
            )
        }
        return choose(names, self.wanted, self.name)


@contextmanager
def _copy(path: Path) -> Iterator[sqlite3.Connection]:
    """A copy with its journals, opened read-only: Zotero locks its own while it runs."""
    with tempfile.TemporaryDirectory(prefix="digest-zotero-") as folder:
        copy = Path(folder) / "zotero.sqlite"
        shutil.copyfile(path, copy)
        for ending in ("-wal", "-journal"):
            beside = path.with_name(path.name + ending)
            if beside.exists():
                shutil.copyfile(beside, copy.with_name(copy.name + ending))
        # A journal beside the copy is played into the copy; the file itself is never touched.
        with closing(sqlite3.connect(copy)) as database:
            database.execute("PRAGMA query_only = ON")
            yield database


def _fields(database: sqlite3.Connection) -> dict[int, dict[str, str]]:
    marks = ",".join("?" * len(_FIELDS))
    found: dict[int, dict[str, str]] = {}
    for item, field, value in database.execute(
        "SELECT d.itemID, f.fieldName, v.value FROM itemData d "
        "JOIN fields f ON f.fieldID = d.fieldID "
        f"JOIN itemDataValues v ON v.valueID = d.valueID WHERE f.fieldName IN ({marks})",
        _FIELDS,
    ):
        found.setdefault(item, {})[field] = str(value)
    return found


def _creators(database: sqlite3.Connection) -> dict[int, list[dict[str, str]]]:
    found: dict[int, list[dict[str, str]]] = {}
    for item, first, last, kind in database.execute(
        "SELECT i.itemID, c.firstName, c.lastName, t.creatorType FROM itemCreators i "
        "JOIN creators c ON c.creatorID = i.creatorID "
        "JOIN creatorTypes t ON t.creatorTypeID = i.creatorTypeID ORDER BY i.itemID, i.orderIndex"
    ):
        found.setdefault(item, []).append(
            {"firstName": first or "", "lastName": last or "", "creatorType": kind}
        )
    return found
