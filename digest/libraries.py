"""From what a reader names as likes to where it is read: files, reference managers, own works."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from digest.app import App
from digest.config import (
    AuthorLikes,
    FileLikes,
    InlinePaper,
    RecommendedLikes,
    SubscriberSettings,
    ZoteroLikes,
    is_library,
)
from digest.errors import LibraryError
from digest.library import FileLibrary
from digest.library.choice import Choice
from digest.library.zotero import Items, ZoteroLibrary
from digest.library.zotero_file import ZoteroFile
from digest.library.zotero_write import ZoteroCollection
from digest.model import IN_CONFIG, Paper, RunWarning, Subscriber
from digest.ports import Library, Likes
from digest.sources.openalex import AuthorWorks
from digest.sources.semantic_scholar import Recommendations
from digest.usecases.imports import ConfiguredLikes, HandedIn, inline_paper
from digest.usecases.save_likes import save_likes

#: a like in the configuration
Like = str | InlinePaper | ZoteroLikes | AuthorLikes | RecommendedLikes | FileLikes


def library_of(app: App, like: Like) -> Library:
    """What a like that names a place elsewhere is read from.

    Raises:
        LibraryError: it names none.
    """
    if isinstance(like, str):
        kind, _, rest = like.partition(":")
        if kind.lower() == "zotero":
            like = ZoteroLikes.model_construct(zotero=rest.strip("/"))
        elif kind.lower() in ("orcid", "author"):
            like = AuthorLikes.model_construct(author=rest)
        elif like.endswith(".sqlite"):
            like = ZoteroLikes.model_construct(zotero=like)
        else:
            return FileLibrary(Path(like))
    if isinstance(like, FileLikes):
        return FileLibrary(like.file, like.kind, _choice(like))
    if isinstance(like, AuthorLikes):
        return AuthorWorks(app.openalex(), like.author, references=like.references, clock=app.clock)
    if isinstance(like, RecommendedLikes):
        return Recommendations(app.semantic_scholar(), like.recommendations, clock=app.clock)
    assert isinstance(like, ZoteroLikes)
    if like.zotero.endswith(".sqlite"):
        return ZoteroFile(Path(like.zotero), Items(library="user", choice=_choice(like)))
    return ZoteroLibrary(
        app.fetcher,
        Items.of(like.zotero, _choice(like)),
        key=app.settings.keys.get("zotero"),
        base_url=app.settings.lookup.zotero_url,
        allow_private=app.settings.lookup.allow_private,
    )


def save_all_likes(app: App, people: Sequence[Subscriber]) -> tuple[RunWarning, ...]:
    """Save the likes of those who want it, as configured; returns what went wrong."""
    places = {s.email.lower(): s.save_likes_to for s in app.settings.subscribers if s.save_likes_to}
    warnings: list[RunWarning] = []
    for reader in people if places else ():
        if place := places.get(reader.email.lower()):
            sink = ZoteroCollection(
                app.fetcher,
                place,
                key=app.settings.keys.get("zotero"),
                base_url=app.settings.lookup.zotero_url,
                allow_private=app.settings.lookup.allow_private,
            )
            warnings += save_likes(app.store, reader, sink)
    return tuple(warnings)


def _choice(like: ZoteroLikes | FileLikes) -> Choice:
    return Choice(collections=like.collections, exclude=like.exclude, tags=like.tags)


def configured_likes(
    app: App, settings: SubscriberSettings
) -> tuple[ConfiguredLikes, tuple[str, ...]]:
    """What a subscriber likes as configured, and what of it names no place, as sentences."""
    own, elsewhere = _split(settings.likes)
    libraries, faults = _libraries(app, elsewhere)
    for interest in settings.interests:
        named, elsewhere = _split(interest.likes)
        found, wrong = _libraries(app, elsewhere)
        label = IN_CONFIG.partition(":")[2] + interest.name
        if named.refs or named.papers:
            libraries.append(HandedIn(named, label))
        libraries += [_OfInterest(f"{label}: {one.name}", one) for one in found]
        faults += wrong
    return ConfiguredLikes(likes=own, libraries=tuple(libraries)), tuple(faults)


@dataclass(frozen=True, slots=True)
class _OfInterest:
    """A library whose likes belong to a named interest."""

    name: str
    library: Library

    def read(self, memory: str) -> tuple[Likes | None, str]:
        return self.library.read(memory)


def _libraries(app: App, likes: Sequence[Like]) -> tuple[list[Library], list[str]]:
    """Where these likes are read, and what of them names no place, as sentences."""
    found: list[Library] = []
    faults: list[str] = []
    for like in likes:
        try:
            found.append(library_of(app, like))
        except LibraryError as error:
            faults.append(str(error))
    return found, faults


def _split(likes: Sequence[Like]) -> tuple[Likes, list[Like]]:
    """What stands in the file itself, and what names a place elsewhere."""
    refs: list[str] = []
    papers: list[Paper] = []
    elsewhere: list[Like] = []
    for like in likes:
        if isinstance(like, InlinePaper):
            papers.append(inline_paper(like.title, like.abstract))
        elif isinstance(like, str) and not is_library(like) and not _is_place(like):
            refs.append(like)
        else:
            elsewhere.append(like)
    return Likes(refs=tuple(refs), papers=tuple(papers)), elsewhere


def _is_place(like: str) -> bool:
    return like.lower().startswith(("zotero:", "orcid:", "author:"))
