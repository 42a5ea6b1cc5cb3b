"""Zotero's web API: the items of a user's or a group's library, all or of some collections."""

from __future__ import annotations

import fnmatch
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from digest.errors import LibraryError, SourceError
from digest.fetcher import Fetched, Fetcher
from digest.library.records import Collector, Library, paper_of, ref_of
from digest.model import Paper
from digest.text import clean, plain, readable

PAGE, MAX_PAGES = 100, 1000
_PREFIX = "zotero:"
#: what hangs on items, and is none
_NO_WORKS = frozenset({"attachment", "note", "annotation"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which items of which library."""

    #: "users/123" or "groups/456"
    library: str
    #: patterns for names of collections, "Reading/*" among them; empty: all items
    collections: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()

    @classmethod
    def of(
        cls, name: str, collections: Sequence[str] = (), exclude: Sequence[str] = ()
    ) -> Wanted | None:
        """From "zotero:users/123"; None if it is something else.

        Raises:
            LibraryError: it begins like that and goes on otherwise.
        """
        if not name.lower().startswith(_PREFIX):
            return None
        library = name[len(_PREFIX) :].strip("/")
        if not re.fullmatch(r"(users|groups)/\d{1,12}", library):
            raise LibraryError(
                f"{name} names no Zotero library; write it like zotero:users/123 (the number "
                "stands on zotero.org/settings/keys) or zotero:groups/456."
            )
        return cls(library=library, collections=tuple(collections), exclude=tuple(exclude))


class Zotero:
    """Reads one library.

    Args:
        key: of the API; nothing for a public library. It travels in a header, never in an address.
    """

    def __init__(
        self,
        fetcher: Fetcher,
        *,
        key: str = "",
        base_url: str = "https://api.zotero.org",
        allow_private: bool = False,
    ) -> None:
        self._fetcher, self._base_url, self._allow_private = fetcher, base_url, allow_private
        self._headers = {"Zotero-API-Version": "3"} | ({"Zotero-API-Key": key} if key else {})

    def read(self, wanted: Wanted, since: int = 0) -> tuple[Library | None, int]:
        """The library and its version; None if it has not changed since that version.

        Raises:
            LibraryError: Zotero did not answer, or refuses.
        """
        place = f"zotero:{wanted.library}"
        try:
            return self._read(wanted, since, place)
        except SourceError as error:
            status = getattr(error, "status", None)
            hint = " Set ZOTERO_API_KEY, or check it." if status in (401, 403) else ""
            raise LibraryError(f"{place} cannot be read: {error}{hint}", place=place) from error

    def _read(self, wanted: Wanted, since: int, place: str) -> tuple[Library | None, int]:
        collector, version, start = Collector(place), 0, 0
        chosen: frozenset[str] | None = None
        for _ in range(MAX_PAGES):
            path = f"/{wanted.library}/items/top?format=json&limit={PAGE}&start={start}"
            got = self._get(path, since if start == 0 else 0)
            if got.unchanged:
                return None, since
            items = _items(got, place)
            version = max(version, _header(got, "last-modified-version"))
            if start == 0:
                chosen = self._chosen(wanted, place)
            for item in items:
                self._put(item, collector, chosen)
            start += len(items)
            if not items or start >= _header(got, "total-results"):
                break
        return collector.library(), version

    def _put(
        self, item: Mapping[str, Any], collector: Collector, chosen: frozenset[str] | None
    ) -> None:
        data = item.get("data")
        if not isinstance(data, dict):
            collector.fault("an item", "it has no data")
            return
        collections = data.get("collections")
        in_some = set(collections) if isinstance(collections, list) else set()
        if data.get("itemType") in _NO_WORKS or (chosen is not None and not chosen & in_some):
            return
        where = f"item {_text(data, 'key') or '?'}"
        collector.put(_paper(data), where=where, ref=ref_of(_text(data, "DOI"), _text(data, "url")))

    def _chosen(self, wanted: Wanted, place: str) -> frozenset[str] | None:
        """The keys of the collections that are wanted; None for all items."""
        if not (wanted.collections or wanted.exclude):
            return None
        names: dict[str, tuple[str, Any]] = {}
        start = 0
        for _ in range(MAX_PAGES):
            path = f"/{wanted.library}/collections?format=json&limit={PAGE}&start={start}"
            got = self._get(path)
            found = _items(got, place)
            for one in found:
                data = one.get("data")
                if isinstance(data, dict):
                    names[_text(data, "key")] = (_text(data, "name"), data.get("parentCollection"))
            start += len(found)
            if not found or start >= _header(got, "total-results"):
                break
        paths = {key: _path(key, names) for key in names}
        chosen = {k for k, p in paths.items() if _matches(p, wanted.collections or ("*",))}
        chosen -= {k for k, p in paths.items() if _matches(p, wanted.exclude)}
        if not chosen:
            known = ", ".join(sorted(paths.values())[:20]) or "none"
            raise LibraryError(f"{place} has no such collection; it has: {known}.", place=place)
        return frozenset(chosen)

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


def _path(key: str, names: Mapping[str, tuple[str, Any]]) -> str:
    """ "Reading/2026", whatever the parents of a collection are."""
    parts: list[str] = []
    while key in names and len(parts) < 20:
        name, parent = names[key]
        parts.insert(0, name)
        key = parent if isinstance(parent, str) else ""
    return "/".join(parts)


def _matches(path: str, patterns: Sequence[str]) -> bool:
    """A pattern means a collection and what is below it."""
    lower = path.lower()
    return any(
        fnmatch.fnmatchcase(lower, p) or fnmatch.fnmatchcase(lower, f"{p}/*")
        for p in (q.lower().strip("/") for q in patterns)
    )


def _text(data: Mapping[str, Any], key: str) -> str:
    value = data.get(key)
    return clean(value) if isinstance(value, str) else ""


def _paper(data: Mapping[str, Any]) -> Paper | None:
    creators = data.get("creators")
    names = []
    for one in creators if isinstance(creators, list) else ():
        if isinstance(one, dict) and one.get("creatorType", "author") == "author":
            name = _text(one, "name") or clean(
                f"{_text(one, 'firstName')} {_text(one, 'lastName')}"
            )
            names += [name] if name else []
    extra = _text(data, "extra")
    arxiv = re.search(r"arxiv:\s*(\S+)", f"{_text(data, 'archiveID')} {extra}", re.IGNORECASE)
    return paper_of(
        title=readable(plain(_text(data, "title"))),
        abstract=plain(_text(data, "abstractNote")),
        authors=names,
        doi=_text(data, "DOI"),
        url=_text(data, "url"),
        eprint=arxiv[1] if arxiv else "",
        year=_text(data, "date"),
        journal=_text(data, "publicationTitle"),
        source="zotero",
    )
