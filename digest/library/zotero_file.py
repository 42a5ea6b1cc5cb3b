"""Zotero's own database, zotero.sqlite, read from a copy: a running Zotero is not in the way."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from digest.errors import LibraryError
from digest.library.records import Collector
from digest.library.zotero import Items, choose
from digest.library.zotero_items import is_work, record_of_item
from digest.ports import Likes

MAX_BYTES = 4_000_000_000
#: what a paper is made of
_FIELDS = (
    "title", "abstractNote", "DOI", "url", "date", "publicationTitle", "extra", "archiveID",
    "language", "proceedingsTitle", "conferenceName", "bookTitle", "repository", "university",
    "institution", "caseName",
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
        collector = Collector(self.name, "zotero")
        choice = self.wanted.choice
        chosen = self._chosen(database)
        fields = _fields(database)
        creators = _creators(database)
        tags = _pairs(database, "SELECT i.itemID, t.name FROM itemTags i JOIN tags t USING (tagID)")
        homes = _pairs(
            database,
            "SELECT i.itemID, c.key FROM collectionItems i "
            "JOIN collections c ON c.collectionID = i.collectionID",
        )
        added = _pairs(database, "SELECT itemID, dateAdded FROM items")
        rows = database.execute(
            "SELECT i.itemID, i.key, t.typeName FROM items i "
            "JOIN itemTypes t ON t.itemTypeID = i.itemTypeID "
            "WHERE i.itemID NOT IN (SELECT itemID FROM deletedItems) ORDER BY i.itemID"
        )
        n_beside = 0
        for item, key, kind in rows:
            if chosen is not None and not set(homes.get(item, ())) & chosen:
                continue
            data: dict[str, Any] = {
                **fields.get(item, {}),
                "key": key,
                "itemType": kind,
                "dateAdded": next(iter(added.get(item, ())), ""),
                "creators": creators.get(item, []),
                "tags": tags.get(item, []),
            }
            record = record_of_item(data)
            if not choice.wants_tags(record.tags):
                continue
            if is_work(data, record):
                collector.put(record, where=f"item {key}", what="this item")
            else:
                n_beside += 1
        if n_beside:
            collector.remark(
                f"{n_beside:,} of its items are no papers (files, notes, films, posts)"
            )
        return collector.likes()

    def _chosen(self, database: sqlite3.Connection) -> frozenset[str] | None:
        choice = self.wanted.choice
        if not (choice.collections or choice.exclude):
            return None
        names = {
            key: (name, parent or False)
            for key, name, parent in database.execute(
                "SELECT c.key, c.collectionName, p.key FROM collections c "
                "LEFT JOIN collections p ON p.collectionID = c.parentCollectionID"
            )
        }
        return choose(names, choice, self.name)


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


def _pairs(database: sqlite3.Connection, query: str) -> dict[int, list[str]]:
    """What a query says of each item; nothing where the database has no such tables."""
    found: dict[int, list[str]] = {}
    with suppress(sqlite3.OperationalError):
        for item, value in database.execute(query):
            found.setdefault(item, []).append(str(value))
    return found
