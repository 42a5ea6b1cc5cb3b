"""Zotero's web API: the items of a user's or a group's library, all or of some collections."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlencode

from digest.errors import LibraryError, SourceError
from digest.fetcher import Fetched, Fetcher
from digest.identity import names
from digest.library.choice import EVERYTHING, Choice
from digest.library.identify import identify
from digest.library.records import Collector, Record, paper_of
from digest.library.zotero_items import is_work, record_of_item, text_of
from digest.ports import Likes

PAGE, MAX_PAGES = 100, 1000
_PREFIX = "zotero:"
#: an item that is no work
BESIDE = "no work"


@dataclass(frozen=True, slots=True, kw_only=True)
class Items:
    """Which items of which library."""

    #: "users/123" or "groups/456"; for a file, which of its libraries: "user" or "456"
    library: str
    choice: Choice = EVERYTHING

    @property
    def name(self) -> str:
        """Of the import; two choices of one library are two."""
        return f"{_PREFIX}{self.library}{self.choice.shown}"

    @classmethod
    def of(cls, name: str, choice: Choice = EVERYTHING) -> Items:
        """From "users/123", with "zotero:" before it or not.

        Raises:
            LibraryError: it names no library.
        """
        library = name.removeprefix(_PREFIX).strip("/")
        if not re.fullmatch(r"(users|groups)/\d{1,12}", library):
            raise LibraryError(
                f"{name or 'nothing'} names no Zotero library; write it like zotero:users/123 (the "
                "number stands on zotero.org/settings/keys) or zotero:groups/456."
            )
        return cls(library=library, choice=choice)


@dataclass(frozen=True, slots=True)
class _Known:
    """What was read before: the library's version, the collections that were chosen, and what each
    item is called, as the key of a paper or as a reference."""

    version: int = 0
    chosen: tuple[str, ...] | None = None
    papers: Mapping[str, str] = field(default_factory=dict)
    refs: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, memory: str, wanted: Items) -> _Known:
        """What was remembered, if it was of the same items."""
        try:
            known = json.loads(memory or "{}")
            if known["wanted"] != wanted.name:
                return cls()
            return cls(
                version=int(known["version"]),
                chosen=None if known["chosen"] is None else tuple(known["chosen"]),
                papers=dict(known["papers"]),
                refs=dict(known["refs"]),
            )
        except (ValueError, KeyError, TypeError):
            return cls()


_HINTS = {
    401: " Set ZOTERO_API_KEY, or check it.",
    403: " Set ZOTERO_API_KEY, or check it.",
    404: " The number of a library is no user name; it stands on zotero.org/settings/keys.",
}


class ZoteroLibrary:
    """One library. After the first time only what changed since travels.

    Args:
        key: of the API; nothing for a public library. It travels in a header, never in an address.
    """

    def __init__(
        self,
        fetcher: Fetcher,
        wanted: Items,
        *,
        key: str = "",
        base_url: str = "https://api.zotero.org",
        allow_private: bool = False,
    ) -> None:
        self._fetcher, self._base_url, self._allow_private = fetcher, base_url, allow_private
        self._wanted = wanted
        self._headers = {"Zotero-API-Version": "3"} | ({"Zotero-API-Key": key} if key else {})

    @property
    def name(self) -> str:
        return self._wanted.name

    def read(self, memory: str) -> tuple[Likes | None, str]:
        """The items, and the version of the library; None if nothing has changed since then.

        Raises:
            LibraryError: Zotero did not answer, or refuses.
        """
        try:
            return self._read(_Known.of(memory, self._wanted), memory)
        except SourceError as error:
            status = getattr(error, "status", None)
            hint = _HINTS.get(status or 0, "")
            raise LibraryError(
                f"{self.name} cannot be read: {error}{hint}", place=self.name
            ) from error

    def _read(self, known: _Known, memory: str) -> tuple[Likes | None, str]:
        first = self._page(known.version, 0)
        if first.unchanged:
            return None, memory
        chosen = self._chosen()
        if known.version and known.chosen != chosen:  # other collections: all items count anew
            known = _Known()
            first = self._page(0, 0)
        # Whatever changes while we read bears a later version, and is read again the next time.
        version = _header(first, "last-modified-version")
        papers, refs = dict(known.papers), dict(known.refs)
        if known.version:
            for key in self._deleted(known.version):
                papers.pop(key, None)
                refs.pop(key, None)
        collector = Collector(self.name, "zotero")
        n_beside = 0
        for item in self._items_from(first, known.version):
            key = text_of(item, "key")
            papers.pop(key, None)
            refs.pop(key, None)
            found = self._wanted_item(item, chosen, collector)
            n_beside += found == BESIDE
            if isinstance(found, Record):
                collector.put(found, where=f"item {key or '?'}", what="this item")
                if (paper := paper_of(found, "zotero")) is not None:
                    papers[key] = paper.id
                elif name := identify(found.ids, found.mentions).name:
                    refs[key] = name.removeprefix("arxiv:").removeprefix("doi:")
        if n_beside:
            collector.remark(
                f"{n_beside:,} of its items are no papers (files, notes, films, posts)"
            )
        fresh = collector.likes()
        called = {n for p in fresh.papers for n in names(p)}
        kept = dict.fromkeys(set(papers.values()) - called)
        likes = replace(fresh, refs=tuple(dict.fromkeys(refs.values())), kept=tuple(sorted(kept)))
        remembered = {
            "wanted": self._wanted.name,
            "version": version,
            "chosen": chosen,
            "papers": papers,
            "refs": refs,
        }
        return likes, json.dumps(remembered, separators=(",", ":"))

    def _page(self, since: int, start: int) -> Fetched:
        query = {"format": "json", "limit": str(PAGE), "start": str(start)}
        if since:  # what was put into the trash has changed, too
            query |= {"since": str(since), "includeTrashed": "1"}
        path = f"/{self._wanted.library}/items/top?{urlencode(query)}"
        return self._get(path, since if start == 0 else 0)

    def _items_from(self, first: Fetched, since: int) -> Iterator[Mapping[str, Any]]:
        got, start = first, 0
        for _ in range(MAX_PAGES):
            items = _items(got, self.name)
            yield from items
            start += len(items)
            if not items or start >= _header(got, "total-results"):
                return
            got = self._page(since, start)

    def _deleted(self, since: int) -> list[str]:
        got = self._get(f"/{self._wanted.library}/deleted?since={since}")
        try:
            found = json.loads(got.body)["items"]
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise LibraryError(
                f"{self.name} sent no list of what was deleted.", place=self.name
            ) from error
        return [k for k in found if isinstance(k, str)] if isinstance(found, list) else []

    def _wanted_item(
        self, item: Mapping[str, Any], chosen: tuple[str, ...] | None, collector: Collector
    ) -> Record | str:
        """An item, if it is wanted and a work; else why it is none, or nothing."""
        data = item.get("data")
        if not isinstance(data, dict):
            collector.fault("an item", "it has no data")
            return ""
        collections = data.get("collections")
        in_some = set(collections) if isinstance(collections, list) else set()
        elsewhere = chosen is not None and not in_some & set(chosen)
        record = record_of_item(data)
        if elsewhere or data.get("deleted") or not self._wanted.choice.wants_tags(record.tags):
            return ""
        return record if is_work(data, record) else BESIDE

    def _chosen(self) -> tuple[str, ...] | None:
        """The keys of the collections that are wanted; None for all items."""
        choice = self._wanted.choice
        if not (choice.collections or choice.exclude):
            return None
        known: dict[str, tuple[str, Any]] = {}
        start = 0
        for _ in range(MAX_PAGES):
            path = f"/{self._wanted.library}/collections?format=json&limit={PAGE}&start={start}"
            got = self._get(path)
            found = _items(got, self.name)
            for one in found:
                data = one.get("data")
                if isinstance(data, dict):
                    known[text_of(data, "key")] = (
                        text_of(data, "name"),
                        data.get("parentCollection"),
                    )
            start += len(found)
            if not found or start >= _header(got, "total-results"):
                break
        return tuple(sorted(choose(known, choice, self.name)))

    def _get(self, path: str, since: int = 0) -> Fetched:
        headers = self._headers | ({"If-Modified-Since-Version": str(since)} if since else {})
        return self._fetcher.get(
            self._base_url + path,
            accept="application/json",
            headers=headers,
            allow_private=self._allow_private,
        )


def _items(got: Fetched, place: str) -> list[Mapping[str, Any]]:
    try:
        found = json.loads(got.body)
    except (ValueError, RecursionError) as error:
        raise LibraryError(f"{place} sent something that is not JSON: {error}.") from error
    if not isinstance(found, list):
        raise LibraryError(f"{place} sent no list.", place=place)
    return [i for i in found if isinstance(i, dict)]


def _header(got: Fetched, name: str) -> int:
    value = got.headers.get(name, "")
    return int(value) if value.isdigit() else 0


def choose(known: Mapping[str, tuple[str, Any]], choice: Choice, place: str) -> frozenset[str]:
    """The keys of the collections that are wanted.

    Args:
        known: name and parent's key by key.

    Raises:
        LibraryError: there is none.
    """
    paths = {key: _path(key, known) for key in known}
    chosen = {k for k, p in paths.items() if choice.wants_groups((p,))}
    if not chosen:
        there = ", ".join(sorted(paths.values())[:20]) or "none"
        raise LibraryError(f"{place} has no such collection; it has: {there}.", place=place)
    return frozenset(chosen)


def _path(key: str, names: Mapping[str, tuple[str, Any]]) -> str:
    """ "Reading/2026", whatever the parents of a collection are."""
    parts: list[str] = []
    while key in names and len(parts) < 20:
        name, parent = names[key]
        parts.insert(0, name)
        key = parent if isinstance(parent, str) else ""
    return "/".join(parts)
