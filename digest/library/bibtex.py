"""BibTeX files as liked papers. One broken entry costs only itself, and is named."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from typing import Any

from digest.errors import LibraryError
from digest.identifiers import parse_arxiv_id
from digest.latex import readable
from digest.library.records import (
    MAX_ABSTRACT_CHARS,
    MAX_ENTRIES,
    MAX_ENTRY_CHARS,
    MAX_TITLE_CHARS,
    Collector,
    decode,
    paper_of,
    ref_of,
    refuse_more_than,
    turned,
)
from digest.markup import plain
from digest.model import Paper
from digest.ports import Likes
from digest.text import clean

#: what begins an entry, a string, a comment
_BLOCK = re.compile(r"^[ \t]*@\w+\s*[{(]", re.M)
#: fields that are read, and how much of each; the others of an entry are not looked at
_READ = {
    "title": MAX_TITLE_CHARS,
    "abstract": MAX_ABSTRACT_CHARS,
    "author": MAX_ENTRY_CHARS,
    **dict.fromkeys(
        "doi url eprint archiveprefix eprinttype date year journal journaltitle".split(),
        MAX_TITLE_CHARS,
    ),
}


def parse(body: bytes, *, place: str, max_entries: int = MAX_ENTRIES) -> Likes:
    """Papers of a BibTeX file, in its order, one a key.

    Raises:
        LibraryError: there is text, but not one entry in it, or there are too many.
    """
    import bibtexparser
    from bibtexparser import model as bib

    text = decode(body)
    refuse_more_than(max_entries, len(_BLOCK.findall(text)), place)
    # bibtexparser warns of every odd entry by itself; we report them in our words.
    logging.getLogger("bibtexparser").setLevel(logging.CRITICAL)
    library: Any = bibtexparser.parse_string(text)  # type: ignore[attr-defined]
    collector = Collector(place)
    n_entries = 0
    for block in library.blocks:
        entry, fault = _usable(block, bib)
        where = f"line {(block.start_line or 0) + 1}"
        if fault:
            collector.fault(where, fault)
        n_entries += entry is not None or bool(fault)
        if entry is not None:
            fields = {
                key: _value(f.value, _READ[key])
                for f in entry.fields
                if (key := f.key.lower()) in _READ
            }
            ref = ref_of(fields.get("eprint", ""), fields.get("doi", ""), fields.get("url", ""))
            collector.put(_paper(fields), where=where, ref=ref, what=entry.key)
    if not n_entries and text.strip():
        raise LibraryError(f"{place} holds no BibTeX entry.", place=place)
    return collector.likes()


def _usable(block: Any, bib: Any) -> tuple[Any, str]:
    """The entry of a block, and a fault; a duplicate of a key or field still has its content."""
    if isinstance(block, bib.DuplicateBlockKeyBlock):
        inner = block.ignore_error_block
        return (inner if isinstance(inner, bib.Entry) else None), ""
    if isinstance(block, bib.DuplicateFieldKeyBlock):
        inner = block.ignore_error_block
        return (inner if isinstance(inner, bib.Entry) else None), ""
    if isinstance(block, bib.ParsingFailedBlock):
        inner = getattr(block, "ignore_error_block", None)
        if isinstance(inner, bib.Entry):
            return inner, ""
        return None, f"this entry cannot be read ({clean(str(block.error))[:100]})"
    return (block if isinstance(block, bib.Entry) else None), ""


def _paper(fields: Mapping[str, str]) -> Paper | None:
    title, abstract = fields.get("title", ""), plain(fields.get("abstract", ""))
    if not title and not abstract:
        return None
    eprint = fields.get("eprint", "")
    is_arxiv = "arxiv" in (
        fields.get("archiveprefix", "") + fields.get("eprinttype", "")
    ).lower() or bool(parse_arxiv_id(eprint))
    return paper_of(
        title=title,
        abstract=abstract,
        authors=_authors(fields.get("author", "")),
        doi=fields.get("doi", ""),
        url=fields.get("url", ""),
        eprint=eprint if is_arxiv else "",
        year=fields.get("date", "") or fields.get("year", ""),
        journal=fields.get("journal", "") or fields.get("journaltitle", ""),
        source="bibtex",
    )


def _value(raw: Any, most: int) -> str:
    text = str(raw)[:most]
    if len(text) > 1 and (text[0], text[-1]) in (("{", "}"), ('"', '"')):
        text = text[1:-1]
    text = readable(clean(text))
    return clean(re.sub(r"[{}]", "", text))


def _authors(names: str) -> tuple[str, ...]:
    found: list[str] = []
    for name in re.split(r"\s+and\s+", names):
        if not name.strip() or name.strip().lower() == "others":
            continue
        found.append(turned(name))
    return tuple(found)
