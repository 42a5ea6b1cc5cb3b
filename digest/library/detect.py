"""What kind of library a file is: its content tells, not its name."""

from __future__ import annotations

import re

from digest.errors import LibraryError
from digest.library import csv_table, page
from digest.library.encoding import decode

#: characters that are looked at
MAX_CHARS = 300_000
#: what a file begins with that is no list of papers, and what to do about it
_NO_LIBRARY = (
    (b"%PDF", "is a PDF, not a list of papers"),
    (b"PK\x03\x04", "is an archive or a document of an office program; unpack or export it first"),
    (b"\x1f\x8b", "is compressed; unpack it first"),
    (b"\xd0\xcf\x11\xe0", "is a document of an office program; export it as CSV first"),
    (b"SQLite format 3", "is a database; only Zotero's zotero.sqlite is read, under that name"),
)
_LINKS = re.compile(r"https?://|\b10\.\d{4,9}/|arxiv|\d{4}\.\d{4,5}|pmid", re.IGNORECASE)
_BY_NAME = {
    "bib": "bibtex", "bibtex": "bibtex", "ris": "ris", "enw": "refer", "ciw": "isi", "isi": "isi",
    "nbib": "nbib", "json": "json", "jsonl": "json", "csv": "csv", "tsv": "csv",
    "xml": "endnote-xml",
}  # fmt: skip
_BIBTEX = re.compile(r"^[ \t]*@[ \t]*(?!comment)\w+\s*[{(]", re.MULTILINE | re.IGNORECASE)
_RIS = re.compile(r"^[ \t]*(?:TY|T1|TI)[ \t]{0,2}-[ \t].*$", re.MULTILINE)
_RIS_END = re.compile(r"^[ \t]*(?:ER|TY)[ \t]{0,2}-(?:\s|$)", re.MULTILINE)
_NBIB = re.compile(r"^(?:PMID *- ?\d|OWN *- *ERIC)", re.MULTILINE)
_REFER = re.compile(r"^[ \t]*%(?:0|[A-Z]) \S", re.MULTILINE)
_ISI = re.compile(r"^(?:PT [A-Z](?:\s|$)|FN (?:ISI|Thomson|Clarivate))", re.MULTILINE)
_REFWORKS = re.compile(r"^(?:RT [A-Z]\w+|T1 \S|A1 \S)", re.MULTILINE)
_ISI_END = re.compile(r"^E[RF]\s*$", re.MULTILINE)


def kind_of(body: bytes, place: str) -> str:
    """The kind of a file, one of `library.KINDS` or "opml".

    Raises:
        LibraryError: it is nothing that holds papers; the message says what it is.
    """
    for beginning, what in _NO_LIBRARY:
        if body.startswith(beginning):
            raise LibraryError(f"{place} {what}.", place=place)
    text = decode(body[: 4 * MAX_CHARS]).text.lstrip("\ufeff")[:MAX_CHARS]
    start = text.lstrip()
    if not start:
        return "ids"
    if "\x00" in text:
        raise LibraryError(f"{place} is no text, so no list of papers.", place=place)
    if start[0] in "[{" and re.match(r"[\[{]\s*(?:[\"{\[\]}\d]|$)", start):
        return "json"
    if start[0] == "<" and (found := _markup(start, place)):
        return found
    if _NBIB.search(text):
        return "nbib"
    if _RIS_END.search(text) and _RIS.search(text):
        return "ris"
    if (_ISI.search(text) and _ISI_END.search(text)) or len(_REFWORKS.findall(text)) > 1:
        return "isi"
    if len(_REFER.findall(text)) > 1 and not _BIBTEX.search(text):
        return "refer"
    if _BIBTEX.search(text):
        return "bibtex"
    if csv_table.header_of(text) is not None:
        return "csv"
    if page.looks_like(text):
        return "page"
    # nothing tells, so that its name says what was expected of it
    suffix = place.rpartition(".")[2].lower()
    return "ids" if _LINKS.search(text) else _BY_NAME.get(suffix, "ids")


def _markup(start: str, place: str) -> str:
    """The kind of an XML or HTML text; nothing if it is a text that begins with an address."""
    head = start[:5000]
    if re.search(r"<opml\b", head, re.IGNORECASE):
        return "opml"
    if re.search(r"<(?:xml>\s*<)?records?\b", head, re.IGNORECASE):
        return "endnote-xml"
    if re.search(r"<(?:rdf:RDF|z:Attachment|bib:)", head):
        raise LibraryError(
            f"{place} is RDF, which keeps its papers apart from what they are called. Export the "
            "library as BibTeX, RIS or CSL JSON instead.",
            place=place,
        )
    if re.search(r"<modsCollection\b|<mods\b|<PubmedArticleSet\b|<feed\b|<rss\b", head):
        raise LibraryError(
            f"{place} is XML, but not EndNote's. Export the library as RIS or BibTeX instead.",
            place=place,
        )
    return ""
