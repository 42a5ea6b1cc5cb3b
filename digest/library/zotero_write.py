"""Writing to Zotero: new items in one collection, and nothing else.

Each item gets a key made of the library and the paper, and the version 0, by which the API creates
it or says that it is there already: whatever was broken off can be sent again. What stands in the
library before is never touched. See zotero.org/support/dev/web_api/v3/write_requests.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from digest.authors import inverted_name
from digest.errors import LibraryError, SourceError
from digest.fetcher import Fetched, Fetcher
from digest.identity import titles_alike
from digest.latex import readable
from digest.library.identify import identify
from digest.library.records import paper_of
from digest.library.zotero_items import record_of_item, text_of
from digest.model import Paper
from digest.ports import SaveReport

#: items in one request, which is the API's own bound
BATCH = 50
_LETTERS = "23456789ABCDEFGHIJKLMNPQRSTUVWXYZ"
_TARGET = re.compile(r"zotero:((?:users|groups)/\d{1,12})(?:/(.{1,200}))?")
#: statuses that a write may have, each with a meaning of its own
_TOLD = frozenset({400, 403, 404, 409, 412, 413, 428})
#: found among a library's items of one title
MAX_ALIKE = 25


class ZoteroCollection:
    """A collection that likes go to, or the top of a library.

    Args:
        target: "zotero:users/123/Name of a collection"; the collection is made if there is none.
        key: of the API, with the right to write.

    Raises:
        LibraryError: `target` is none.
    """

    def __init__(
        self,
        fetcher: Fetcher,
        target: str,
        *,
        key: str,
        base_url: str = "https://api.zotero.org",
        allow_private: bool = False,
    ) -> None:
        match = _TARGET.fullmatch(target)
        if match is None:
            raise LibraryError(
                f"{target} is no place in Zotero; write it like zotero:users/123/To read."
            )
        self.name, self._library, self._collection = target, match[1], match[2] or ""
        self._fetcher, self._base_url, self._allow_private = fetcher, base_url, allow_private
        self._key = key
        self._headers = {"Zotero-API-Version": "3", "Zotero-API-Key": key}

    def save(self, papers: Sequence[Paper]) -> SaveReport:
        """Make items of papers, where the library has none of them yet.

        Raises:
            LibraryError: Zotero did not answer, or the key may not write.
        """
        try:
            self._check_key()
            collection = self._collection_key()
            saved: dict[str, str] = {}
            faults = {p.id: "it has no title" for p in papers if not p.title}
            titled = [p for p in papers if p.title]
            for start in range(0, len(titled), BATCH):
                part = titled[start : start + BATCH]
                there = {p.id: key for p in part if (key := self._item_of(p))}
                saved |= there
                fresh = [p for p in part if p.id not in there]
                if fresh:
                    self._create(fresh, collection, saved, faults)
        except SourceError as error:
            raise LibraryError(f"{self.name} cannot be written to: {error}") from error
        return SaveReport(saved=saved, faults=faults)

    # --- what is there ----------------------------------------------------------------------------

    def _check_key(self) -> None:
        if not self._key:
            raise LibraryError(f"{self.name} wants a key that may write; set ZOTERO_API_KEY.")
        about = self._ask("/keys/current")
        access = _table(about, "access")
        kind, number = self._library.split("/")
        if kind == "users":
            own = str(about.get("userID", number))
            allowed = _table(access, "user").get("write") is True and own == number
        else:
            groups = _table(access, "groups")
            rights = groups.get(number) or groups.get("all")
            allowed = isinstance(rights, dict) and rights.get("write") is True
        if not allowed:
            raise LibraryError(
                f"The key in ZOTERO_API_KEY may not write to {self._library}. Make one that may on "
                "zotero.org/settings/keys."
            )

    def _collection_key(self) -> str:
        """The key of the collection, which is made if there is none of this name."""
        if not self._collection:
            return ""
        start = 0
        while True:
            path = f"/{self._library}/collections?format=json&limit=100&start={start}"
            got = self._get(path)
            found = self._list(got)
            for one in found:
                data = _table(one, "data")
                if text_of(data, "name").casefold() == self._collection.casefold():
                    return text_of(data, "key")
            start += len(found)
            total = got.headers.get("total-results", "")
            if not found or start >= (int(total) if total.isdigit() else 0):
                break
        key = self._key_of(f"collection {self._collection}")
        answer = self._post("collections", [{"key": key, "version": 0, "name": self._collection}])
        for _, fault in _failed(answer):
            if fault.get("code") != 412:  # it was made before, by a run that was broken off
                raise LibraryError(f"{self.name} cannot be made: {fault.get('message', '')}")
        return key

    def _item_of(self, paper: Paper) -> str:
        """The key of an item that is this paper, if the library has one already."""
        query = {"format": "json", "q": paper.plain_title[:200], "qmode": "titleCreatorYear"}
        path = f"/{self._library}/items/top?{urlencode({**query, 'limit': MAX_ALIKE})}"
        ours = {paper.id, f"doi:{paper.doi}"}
        for item in self._list(self._get(path)):
            data = _table(item, "data")
            record = record_of_item(data)
            named = set(identify(record.ids, record.mentions).names)
            known = paper_of(record, "zotero")
            alike = known is not None and titles_alike(known.title, paper.plain_title)
            if named & ours or (alike and not named and known and known.authors == paper.authors):
                return text_of(data, "key")
        return ""

    # --- what is made -----------------------------------------------------------------------------

    def _create(
        self,
        papers: Sequence[Paper],
        collection: str,
        saved: dict[str, str],
        faults: dict[str, str],
    ) -> None:
        items = [item_of(p, self._key_of(p.id), collection) for p in papers]
        answer = self._post("items", items)
        failed = dict(_failed(answer))
        for number, (paper, item) in enumerate(zip(papers, items, strict=True)):
            fault = failed.get(number)
            if fault is None or fault.get("code") == 412:  # there already: we made it
                saved[paper.id] = str(item["key"])
            else:
                faults[paper.id] = str(fault.get("message", "it was refused"))[:200]

    def _key_of(self, about: str) -> str:
        """A key that the API takes, the same for the same paper in the same library."""
        digest = hashlib.sha256(f"{self._library}|{about}".encode()).digest()
        return "".join(_LETTERS[b % len(_LETTERS)] for b in digest[:8])

    # --- requests ---------------------------------------------------------------------------------

    def _get(self, path: str) -> Fetched:
        return self._fetcher.get(
            self._base_url + path,
            accept="application/json",
            headers=self._headers,
            allow_private=self._allow_private,
        )

    def _ask(self, path: str) -> Mapping[str, Any]:
        found = self._json(self._get(path))
        return found if isinstance(found, dict) else {}

    def _list(self, got: Fetched) -> list[Any]:
        found = self._json(got)
        return found if isinstance(found, list) else []

    def _json(self, got: Fetched) -> Any:
        try:
            return json.loads(got.body or b"{}")
        except (ValueError, RecursionError) as error:
            raise LibraryError(f"{self.name} sent something that is not JSON.") from error

    def _post(self, what: str, objects: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
        """Write objects; what became of each.

        The same objects have the same token, so that a request that was answered, but whose answer
        got lost, is not carried out twice.
        """
        token = hashlib.sha256(json.dumps(objects, sort_keys=True).encode()).hexdigest()[:32]
        got = self._fetcher.get(
            f"{self._base_url}/{self._library}/{what}",
            accept="application/json",
            headers={**self._headers, "Zotero-Write-Token": token},
            body=objects,
            allow_private=self._allow_private,
            accept_status=_TOLD,
        )
        if got.status == 412:  # the token was used: all of this was done before
            return {}
        if got.status >= 400:
            said = got.body.decode("utf-8", "replace")[:200]
            raise LibraryError(f"{self.name} cannot be written to ({got.status}): {said}")
        found = self._json(got)
        return found if isinstance(found, dict) else {}


def item_of(paper: Paper, key: str, collection: str) -> dict[str, Any]:
    """A paper as an item of Zotero's: a preprint or an article, with fields of its kind alone."""
    arxiv = paper.arxiv_id
    is_article = bool(paper.journal_ref) or not arxiv
    published = paper.published
    item: dict[str, Any] = {
        "key": key,
        "version": 0,
        "itemType": "journalArticle" if is_article else "preprint",
        "title": paper.plain_title,
        "creators": [_creator(a) for a in paper.authors],
        "abstractNote": readable(paper.abstract),
        "date": published.date().isoformat() if published else "",
        "DOI": paper.doi,
        "url": paper.url,
        "language": paper.language,
        "extra": f"arXiv:{arxiv}" if arxiv else "",
        "tags": [],
        "collections": [collection] if collection else [],
        "relations": {},
    }
    if is_article:
        item["publicationTitle"] = readable(paper.journal_ref)
    else:
        item |= {"repository": "arXiv", "archiveID": f"arXiv:{arxiv}"}
    return item


def _creator(name: str) -> dict[str, str]:
    family, comma, given = inverted_name(name).partition(", ")
    if not comma or inverted_name(name) == name:
        return {"creatorType": "author", "name": name}
    return {"creatorType": "author", "firstName": given, "lastName": family}


def _failed(answer: Mapping[str, Any]) -> Iterator[tuple[int, Mapping[str, Any]]]:
    for number, fault in _table(answer, "failed").items():
        if str(number).isdigit() and isinstance(fault, dict):
            yield int(number), fault


def _table(data: Any, key: str) -> Mapping[str, Any]:
    value = data.get(key) if isinstance(data, dict) else None
    return value if isinstance(value, dict) else {}
