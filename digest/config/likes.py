"""How likes stand in the configuration: ids, papers, libraries and works of authors."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Discriminator,
    Field,
    StrictBool,
    StrictStr,
    Tag,
    ValidationInfo,
    field_validator,
    model_validator,
)

from digest.fields import FilePath, Table, Words, anchored, check_path


class InlinePaper(Table):
    title: StrictStr = ""
    abstract: StrictStr = ""

    @model_validator(mode="after")
    def _check_text(self) -> InlinePaper:
        if not (self.title.strip() or self.abstract.strip()):
            raise ValueError("a paper needs a title or an abstract")
        return self


class ZoteroLikes(Table):
    """A library of the web API ("users/123") or a zotero.sqlite, or some of its collections."""

    zotero: Annotated[StrictStr, Field(min_length=1)]
    collections: Words = ()
    exclude: Words = ()
    tags: Words = ()

    @field_validator("zotero")
    @classmethod
    def _check_library(cls, value: str) -> str:
        if not re.fullmatch(r"(users|groups)/\d{1,12}", value) and not value.endswith(".sqlite"):
            raise ValueError(
                f'"{value}" is no Zotero library; write "users/123", "groups/456" or the path of a '
                "zotero.sqlite"
            )
        return value


class AuthorLikes(Table):
    """An author's own works, by ORCID iD or OpenAlex id, and if asked what they cite."""

    author: Annotated[StrictStr, Field(min_length=1)]
    references: StrictBool = False


class RecommendedLikes(Table):
    """What Semantic Scholar recommends to who likes these papers."""

    recommendations: Annotated[tuple[StrictStr, ...], Field(min_length=1, max_length=100)]


class FileLikes(Table):
    """A file, or those of its entries that have a tag or lie in a group."""

    file: FilePath
    #: by default the file tells
    kind: (
        Literal[
            "", "bibtex", "ris", "refer", "endnote-xml", "isi", "nbib", "json", "csl-json", "csv",
            "ids", "page",
        ]
    ) = ""  # fmt: skip
    collections: Words = ()
    exclude: Words = ()
    tags: Words = ()


#: by the key that tells them apart; pydantic puts these names into the places of mistakes
LIKE_TABLES = {
    "zotero": "(zotero)",
    "author": "(author)",
    "recommendations": "(recommendations)",
    "file": "(file)",
}


def _form_of_like(value: object) -> str | None:
    if isinstance(value, str):
        return "(text)"
    if isinstance(value, Table):
        fields = type(value).model_fields
        return next((t for k, t in LIKE_TABLES.items() if k in fields), "(paper)")
    if isinstance(value, dict):
        return next((tag for key, tag in LIKE_TABLES.items() if key in value), "(paper)")
    return None


Like = Annotated[
    Annotated[StrictStr, Tag("(text)")]
    | Annotated[InlinePaper, Tag("(paper)")]
    | Annotated[ZoteroLikes, Tag("(zotero)")]
    | Annotated[AuthorLikes, Tag("(author)")]
    | Annotated[RecommendedLikes, Tag("(recommendations)")]
    | Annotated[FileLikes, Tag("(file)")],
    Discriminator(_form_of_like),
]


#: a like whose name ends so is a file
LIBRARY_SUFFIXES = (
    *(".bib", ".bibtex", ".ris", ".enw", ".ciw", ".isi", ".nbib", ".json", ".jsonl", ".xml"),
    *(".csv", ".tsv", ".txt", ".md", ".html", ".htm", ".sqlite"),
)


def is_library(like: str) -> bool:
    """Whether a like is a library file, and not an id or an address."""
    named = like.lower().endswith(LIBRARY_SUFFIXES) and "://" not in like
    return named and not re.match(r"(doi:\s*)?10\.\d{4,9}/", like, re.IGNORECASE)


def with_path(like: Like, info: ValidationInfo) -> Like:
    """A like that is a file, relative to the configuration."""
    if isinstance(like, str) and is_library(like):
        return str(anchored(Path(like), info))
    if isinstance(like, ZoteroLikes) and like.zotero.endswith(".sqlite"):
        return like.model_copy(update={"zotero": str(anchored(Path(like.zotero), info))})
    return like


def _as_list(value: object) -> object:
    return [value] if isinstance(value, str | dict) else value


def _with_paths(value: tuple[Like, ...], info: ValidationInfo) -> tuple[Like, ...]:
    for like in value:
        named = like.zotero if isinstance(like, ZoteroLikes) else like
        if isinstance(named, str) and is_library(named):
            check_path(Path(named))
    return tuple(with_path(like, info) for like in value)


#: what a reader likes, or an interest of theirs; one like is a list, too
Likes = Annotated[tuple[Like, ...], BeforeValidator(_as_list), AfterValidator(_with_paths)]
