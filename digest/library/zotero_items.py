"""Items as Zotero has them, in its API, its database, and what Better BibTeX exports of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from digest.library.identify import identify
from digest.library.records import Record, abstract_of, moment_of, title_of
from digest.text import clean

#: what hangs on items, and what is no work of science
NO_WORKS = frozenset(
    "attachment note annotation film videoRecording audioRecording podcast radioBroadcast "
    "tvBroadcast artwork email instantMessage map computerProgram".split()
)
#: what a work calls the place it came out in
_JOURNALS = (
    "publicationTitle", "proceedingsTitle", "conferenceName", "bookTitle", "repository",
    "encyclopediaTitle", "websiteTitle", "blogTitle", "university", "institution", "reportNumber",
)  # fmt: skip


def text_of(data: Mapping[str, Any], key: str) -> str:
    value = data.get(key)
    return clean(str(value)) if isinstance(value, str | int) else ""


def record_of_item(data: Mapping[str, Any], groups: tuple[str, ...] = ()) -> Record:
    """An item.

    Args:
        groups: the collections it lies in, "Reading/2026".
    """
    creators = data.get("creators")
    names = []
    for one in creators if isinstance(creators, list) else ():
        if isinstance(one, dict) and one.get("creatorType", "author") in ("author", "presenter"):
            given, family = text_of(one, "firstName"), text_of(one, "lastName")
            name = text_of(one, "name") or clean(f"{given} {family}")
            names += [title_of(name)] if name else []
    journal = next((j for k in _JOURNALS if (j := text_of(data, k))), "")
    tags = data.get("tags")
    return Record(
        title=title_of(text_of(data, "title") or text_of(data, "caseName")),
        abstract=abstract_of(text_of(data, "abstractNote")),
        authors=tuple(dict.fromkeys(names)),
        date=text_of(data, "date"),
        journal=title_of(journal),
        language=text_of(data, "language"),
        url=text_of(data, "url"),
        ids=(text_of(data, "DOI"), text_of(data, "url")),
        mentions=(
            text_of(data, "archiveID"),
            # an extra of one field a line
            *re.split(r"\n", str(data.get("extra") or "")),
            journal,
            text_of(data, "publicationTitle"),
            text_of(data, "repository"),
        ),
        added=moment_of(text_of(data, "dateAdded")),
        tags=tuple(
            t
            for v in (tags if isinstance(tags, list) else ())
            if (t := text_of(v, "tag") if isinstance(v, dict) else clean(str(v)))
        ),
        groups=groups,
    )


#: what is a work of science only if it has the id of one; web pages are mostly papers whose
#: publisher Zotero did not know
_PAGES = frozenset("blogPost forumPost newspaperArticle magazineArticle".split())


def is_work(data: Mapping[str, Any], record: Record) -> bool:
    """Whether an item is a paper rather than what hangs on one, a film or a blog post."""
    kind = data.get("itemType")
    if kind in NO_WORKS:
        return False
    return kind not in _PAGES or bool(identify(record.ids, record.mentions).name)
