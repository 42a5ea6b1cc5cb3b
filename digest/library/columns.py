"""What tables and JSON call the fields of a paper: one list of names for every program's export."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from digest.text import fold

#: by our word for a field, what others call it, squeezed; the most telling name first
NAMES: Mapping[str, tuple[str, ...]] = {
    "title": (
        "title", "documenttitle", "articletitle", "itemtitle", "papertitle", "displayname",
        "titleprimary", "primarytitle", "name", "titre", "titel", "题名", "标题", "篇名",
        "タイトル", "論文名",
    ),
    "subtitle": ("subtitle",),
    "abstract": (
        "abstract", "abstractnote", "abstracttext", "summary", "description", "resume",
        "zusammenfassung", "摘要", "抄録", "notesabstract",
    ),
    "authors": (
        "authorfullnames", "authors", "author", "creators", "authorsfullname", "authornames",
        "authorstring", "firstauthors", "auteurs", "autoren", "作者", "著者",
        "authorshipsauthordisplayname", "authorsnames", "firstauthor",
    ),
    "date": (
        "publicationdate", "publisheddate", "dateofpublication", "issued", "published", "date",
        "publishedat", "onlinedate", "coverdate", "publicationyear", "year", "pubyear",
        "issueyear", "jahr", "annee", "年", "created", "publishedprint", "publishedonline",
        "firstpublicationdate",
    ),
    "journal": (
        "publicationtitle", "sourcetitle", "journal", "containertitle", "venue", "journalbook",
        "publication", "booktitle", "journaltitle", "publicationname", "source", "conference",
        "journalname", "journalfull", "secondarytitle", "hostvenue", "刊名", "来源",
    ),
    "language": ("language", "languageoforiginaldocument", "langid"),
    "doi": ("doi", "itemdoi", "dois", "digitalobjectidentifier"),
    "arxiv": ("arxivid", "arxiv", "eprint", "arxividentifier"),
    "pmid": ("pmid", "pubmedid", "pubmed"),
    "pmcid": ("pmcid", "pmc"),
    "s2": ("s2id", "paperid", "semanticscholarid"),
    "corpus": ("corpusid",),
    "openalex": ("openalexid", "openalex", "openalexurl"),
    "url": (
        "url", "link", "links", "urls", "articleurl", "documentlink", "doilink", "paperurl",
        "pageurl", "sourceurl", "landingpageurl", "pdflink", "pdfurl", "externalurl", "arxivurl",
    ),
    "mention": (
        "identifier",
        "extra", "note", "notes", "archivelocation", "archiveid", "citation", "number", "volume",
    ),
    "added": (
        "dateadded", "addedat", "created", "createdat", "dateimported", "addeddate", "starredat",
    ),
    "tags": (
        "manualtags", "tags", "keywords", "authorkeywords", "labels", "folders",
    ),
    "groups": ("collections", "groups", "collection"),
}  # fmt: skip
#: names of fields that nothing but papers has
TELLING = frozenset(
    n
    for field in ("abstract", "authors", "doi", "arxiv", "pmid", "pmcid", "s2", "corpus", "journal")
    for n in NAMES[field]
    if n not in ("description", "summary", "source", "publication", "resume")
) | {"issued", "itemtype", "publicationyear", "externalids", "year"}


def squeezed(name: str) -> str:
    """A name of a field without case, blanks and signs.

    >>> squeezed("Publication Year"), squeezed("DOI"), squeezed("abstractNote")
    ('publicationyear', 'doi', 'abstractnote')
    """
    return re.sub(r"[\W_]+", "", fold(name))


def columns_of(header: Sequence[str]) -> dict[str, list[int]]:
    """Where in a row each field of a paper stands, the most telling column first."""
    known = [squeezed(h) for h in header]
    found = {
        field: [known.index(name) for name in names if name in known]
        for field, names in NAMES.items()
    }
    return {field: places for field, places in found.items() if places}
