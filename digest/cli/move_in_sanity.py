"""Moving in from arxiv-sanity: the tags of arxiv-sanity-lite and arxiv-sanity-x (`data/dict.db`),
or the library that arxiv-sanity-preserver let people download (`my_library.json`)."""

from __future__ import annotations

import io
import pickle
import sqlite3
import zlib
from contextlib import closing, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

from digest.cli.move_in import MovedIn
from digest.errors import ConfigError, LibraryError
from digest.identifiers import name_of

#: of one unpacked value
MAX_BYTES = 50_000_000
#: a word that arxiv-sanity itself keeps for all tags together
_NO_TAGS = {"all", "null"}


class _Plain(pickle.Unpickler):
    """Reads plain values, and nothing that could run code."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in (("builtins", "set"), ("__builtin__", "set")):
            return set
        raise pickle.UnpicklingError(f"{module}.{name} is no plain value")


def is_database(file: Path) -> bool:
    """Whether a file is a SQLite database."""
    try:
        with file.open("rb") as opened:
            return opened.read(15) == b"SQLite format 3"
    except OSError:
        return False


def from_tags(file: Path, email: str) -> MovedIn:
    """The papers that somebody tagged, as likes.

    Args:
        email: whose; by default the only one there.

    Raises:
        ConfigError: it is no such database, or nobody knows whose tags are meant.
    """
    try:
        address = f"file:{quote(str(file.absolute()))}?mode=ro"
        with closing(sqlite3.connect(address, uri=True)) as database:
            tags = _table(database, "tags")
            emails = {str(k): str(v) for k, v in _table(database, "email").items() if v}
            keywords = _table(database, "keywords")
            unwanted = _table(database, "neg_tags")
    except sqlite3.Error as error:
        raise ConfigError([f"{file} cannot be read: {error}."]) from error
    people = {user: found for user, found in tags.items() if isinstance(found, dict) and found}
    if not people:
        raise ConfigError([f"{file} is not of arxiv-sanity: nobody tagged anything in it."])
    user = _whose(people, emails, email, file)
    likes: dict[str, None] = {}
    left: list[str] = []
    for tag, papers in sorted(people[user].items()):
        if tag in _NO_TAGS or not isinstance(papers, set | list | tuple):
            continue
        for one in sorted(map(str, papers)):
            if paper := name_of(one):
                likes[paper] = None
            else:
                left.append(f"{one}, tagged {tag}: it is no arXiv id.")
    names = ", ".join(sorted(t for t in people[user] if t not in _NO_TAGS))
    left.append(f"Its tags ({names}): their papers are likes; [[interests]] makes sections.")
    if disliked := unwanted.get(user):
        n = sum(len(p) for p in disliked.values()) if isinstance(disliked, dict) else 0
        if n:
            judged = "paper that was" if n == 1 else "papers that were"
            left.append(f"{n} {judged} judged negative; `digest dislike ID…` takes them.")
    return MovedIn(
        answers={
            "email": emails.get(user, "") or email,
            "likes": list(likes),
            "keywords": _words(keywords.get(user)),
        },
        secrets={},
        left=left,
    )


def from_library(file: Path) -> MovedIn:
    """The library that arxiv-sanity-preserver let people download, as a file of likes.

    Raises:
        ConfigError: it is no list of papers.
    """
    from digest import library

    try:
        found = library.read(file)
    except LibraryError as error:
        raise ConfigError([str(error)]) from error
    if not found.papers and not found.refs:
        raise ConfigError([f"{file} holds no papers."])
    return MovedIn(answers={"likes": [str(file.absolute())]}, secrets={}, left=list(found.faults))


def _table(database: sqlite3.Connection, name: str) -> dict[str, Any]:
    """A table of sqlitedict: keys to pickled values, packed or not; nothing if there is none."""
    known = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?"
    if not database.execute(known, (name,)).fetchone():
        return {}
    found = {}
    for key, value in database.execute(f'SELECT key, value FROM "{name}"'):
        with suppress(pickle.UnpicklingError, EOFError, ValueError, TypeError, IndexError):
            found[str(key)] = _value(bytes(value))
    return found


def _value(packed: bytes) -> Any:
    with suppress(zlib.error):
        packed = zlib.decompressobj().decompress(packed, MAX_BYTES)
    return _Plain(io.BytesIO(packed)).load()


def _whose(people: dict[str, Any], emails: dict[str, str], email: str, file: Path) -> str:
    if email:
        named = [u for u in people if emails.get(u, "").lower() == email.lower()]
        if named:
            return named[0]
    if len(people) == 1:
        return next(iter(people))
    shown = ", ".join(emails.get(u) or u for u in sorted(people)[:10])
    raise ConfigError([f"{file} has tags of {len(people)} people; --email says whose: {shown}."])


def _words(found: Any) -> list[str]:
    """Keywords, however they were kept."""
    if isinstance(found, dict | set | list | tuple):
        return sorted(str(w) for w in found if w)
    return []
