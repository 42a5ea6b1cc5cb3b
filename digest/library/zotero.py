"""Zotero's web API: the items of a user's or a group's library, all or of some collections."""

from __future__ import annotations

import fnmatch
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from digest.errors import LibraryError, SourceError
from digest.fetcher import Fetched, Fetcher
from digest.latex import readable
from digest.library.records import Collector, paper_of, ref_of
from digest.markup import plain
from digest.model import Paper
from digest.ports import Likes
from digest.text import clean

PAGE, MAX_PAGES = 100, 1000
_PREFIX = "zotero:"
#: what hangs on items, and is none
NO_WORKS = frozenset({"attachment", "note", "annotation"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Items:
    """Which items of which library."""

    #: "users/123" or "groups/456"; for a file, which of its libraries: "user" or "456"
    library: str
    #: patterns for names of collections, "Reading/*" among them; empty: all items
    collections: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Of the import; two choices of one library are two."""
        parts = [*self.collections, *(f"!{c}" for c in self.exclude)]
        return f"{_PREFIX}{self.library}" + (f" ({', '.join(parts)})" if parts else "")

    @classmethod
    def of(cls, name: str, collections: Sequence[str] = (), exclude: Sequence[str] = ()) -> Items:
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
        return cls(library=library, collections=tuple(collections), exclude=tuple(exclude))


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
            hint = " Set ZOTERO_API_KEY, or check it." if status in (401, 403) else ""
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
        collector = Collector(self.name)
        for item in self._items_from(first, known.version):
            key = _text(item, "key")
            papers.pop(key, None)
            refs.pop(key, None)
            found, ref = self._put(item, collector, chosen)
            if found is not None:
                papers[key] = found.id
            elif ref:
                refs[key] = ref
        fresh = collector.likes()
        kept = dict.fromkeys(set(papers.values()) - {p.id for p in fresh.papers})
        likes = Likes(
            papers=fresh.papers,
            refs=tuple(dict.fromkeys(refs.values())),
            kept=tuple(sorted(kept)),
            faults=fresh.faults,
            n_duplicates=fresh.n_duplicates,
        )
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

    def _put(
        self,
        item: Mapping[str, Any],
        collector: Collector,
        chosen: tuple[str, ...] | None,
    ) -> tuple[Paper | None, str]:
        """Collect an item, if it is wanted; its record, or what it refers to."""
        data = item.get("data")
        if not isinstance(data, dict):
            collector.fault("an item", "it has no data")
            return None, ""
        collections = data.get("collections")
        in_some = set(collections) if isinstance(collections, list) else set()
        elsewhere = chosen is not None and not in_some & set(chosen)
        if data.get("itemType") in NO_WORKS or elsewhere or data.get("deleted"):
            return None, ""
        paper, ref = paper_of_item(data), ref_of(_text(data, "DOI"), _text(data, "url"))
        collector.put(paper, where=f"item {_text(data, 'key') or '?'}", ref=ref)
        return paper, ref

    def _chosen(self) -> tuple[str, ...] | None:
        """The keys of the collections that are wanted; None for all items."""
        if not (self._wanted.collections or self._wanted.exclude):
            return None
        names: dict[str, tuple[str, Any]] = {}
        start = 0
        for _ in range(MAX_PAGES):
            path = f"/{self._wanted.library}/collections?format=json&limit={PAGE}&start={start}"
            got = self._get(path)
            found = _items(got, self.name)
            for one in found:
                data = one.get("data")
                if isinstance(data, dict):
                    names[_text(data, "key")] = (_text(data, "name"), data.get("parentCollection"))
            start += len(found)
            if not found or start >= _header(got, "total-results"):
                break
        return tuple(sorted(choose(names, self._wanted, self.name)))

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


def choose(names: Mapping[str, tuple[str, Any]], wanted: Items, place: str) -> frozenset[str]:
    """The keys of the collections that are wanted.

    Args:
        names: name and parent's key by key.

    Raises:
        LibraryError: there is none.
    """
    paths = {key: _path(key, names) for key in names}
    chosen = {k for k, p in paths.items() if _matches(p, wanted.collections or ("*",))}
    chosen -= {k for k, p in paths.items() if _matches(p, wanted.exclude)}
    if not chosen:
        known = ", ".join(sorted(paths.values())[:20]) or "none"
        raise LibraryError(f"{place} has no such collection; it has: {known}.", place=place)
    return frozenset(chosen)


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


def _pmid(extra: str) -> str:
    match = re.search(r"PMID:\s*(\d+)", extra)
    return match[1] if match else ""


def _text(data: Mapping[str, Any], key: str) -> str:
    value = data.get(key)
    return clean(value) if isinstance(value, str) else ""


def paper_of_item(data: Mapping[str, Any]) -> Paper | None:
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
        pmid=_pmid(extra),
        language=_text(data, "language")[:2].lower(),
        source="zotero",
    )
