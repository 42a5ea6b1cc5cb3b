"""BibTeX files as liked papers. One broken entry costs only itself, and is named."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from digest.errors import LibraryError
from digest.identity import canonical_id, parse_arxiv_id, parse_doi
from digest.model import Paper
from digest.text import clean, plain, readable, safe_url

MAX_BYTES = 50_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Library:
    """What a file held."""

    papers: tuple[Paper, ...]
    #: entries that could not be used, each as a finished sentence
    faults: tuple[str, ...]


def read(path: Path) -> Library:
    """Read a .bib file.

    Raises:
        LibraryError: the file is missing, unreadable or no BibTeX at all.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise LibraryError(f"{path} is larger than {MAX_BYTES // 10**6} MB.", place=str(path))
        body = path.read_bytes()
    except OSError as error:
        raise LibraryError(f"{path} cannot be read: {error.strerror}.", place=str(path)) from error
    return parse(body, place=path.name)


def decode(body: bytes) -> str:
    """UTF-8 with or without BOM, UTF-16 with one, else what Windows wrote."""
    if body.startswith((b"\xff\xfe", b"\xfe\xff")):
        return body.decode("utf-16", "replace")
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError:
        return body.decode("cp1252", "replace")


def parse(body: bytes, *, place: str) -> Library:
    """Papers of a BibTeX file, in its order, one a key.

    Raises:
        LibraryError: there is text, but not one entry in it.
    """
    import bibtexparser
    from bibtexparser import model as bib

    text = decode(body)
    # bibtexparser warns of every odd entry by itself; we report them in our words.
    logging.getLogger("bibtexparser").setLevel(logging.CRITICAL)
    library: Any = bibtexparser.parse_string(text)  # type: ignore[attr-defined]
    papers: dict[str, Paper] = {}
    faults: list[str] = []
    for block in library.blocks:
        entry, fault = _usable(block, bib)
        line = (block.start_line or 0) + 1
        if fault:
            faults.append(f"{place}, line {line}: {fault}.")
        if entry is None:
            continue
        paper = _paper(entry)
        if paper is None:
            faults.append(f"{place}, line {line}: {entry.key} has no title and no abstract.")
        else:
            papers.setdefault(paper.id, paper)
    if not papers and not faults and text.strip():
        raise LibraryError(f"{place} holds no BibTeX entry.", place=place)
    return Library(papers=tuple(papers.values()), faults=tuple(faults))


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


def _paper(entry: Any) -> Paper | None:
    fields = {f.key.lower(): _value(f.value) for f in entry.fields}
    title, abstract = fields.get("title", ""), plain(fields.get("abstract", ""))
    if not title and not abstract:
        return None
    doi = parse_doi(fields.get("doi", ""))
    url = safe_url(fields.get("url", ""))
    eprint = fields.get("eprint", "")
    is_arxiv = "arxiv" in (
        fields.get("archiveprefix", "") + fields.get("eprinttype", "")
    ).lower() or bool(parse_arxiv_id(eprint))
    arxiv = parse_arxiv_id(eprint) if is_arxiv and eprint else parse_arxiv_id(url)
    guid = f"https://arxiv.org/abs/{arxiv[0]}" if arxiv else ""
    key = canonical_id(
        url=guid or (url if "doi.org" in url else ""), doi=doi, title=title or abstract
    )
    year = re.search(r"\d{4}", fields.get("date", "") or fields.get("year", ""))
    return Paper(
        id=key,
        title=title,
        abstract=abstract,
        authors=_authors(fields.get("author", "")),
        url=guid or url or (f"https://doi.org/{doi}" if doi else ""),
        doi=doi,
        published=datetime(int(year[0]), 1, 1, tzinfo=UTC) if year and year[0] > "1000" else None,
        journal_ref=fields.get("journal", "") or fields.get("journaltitle", ""),
        source="bibtex",
    )


def _value(raw: Any) -> str:
    text = str(raw)
    if len(text) > 1 and (text[0], text[-1]) in (("{", "}"), ('"', '"')):
        text = text[1:-1]
    text = readable(clean(text))
    return clean(re.sub(r"[{}]", "", text))


def _authors(names: str) -> tuple[str, ...]:
    found: list[str] = []
    for name in re.split(r"\s+and\s+", names):
        if not name.strip() or name.strip().lower() == "others":
            continue
        if name.count(",") == 1:
            family, given = name.split(",")
            name = f"{given} {family}"
        found.append(clean(name))
    return tuple(found)
