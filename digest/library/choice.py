"""Which entries of a library are wanted, by the folders they lie in and by their tags."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from digest.library.records import Record


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Names or patterns, in which "*" stands for anything; nothing chosen means all."""

    #: folders: Zotero's collections, JabRef's groups; what lies below one belongs to it
    collections: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    #: any of these tags
    tags: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.collections or self.exclude or self.tags)

    @property
    def shown(self) -> str:
        """How it stands behind the name of a library."""
        parts = (
            *self.collections,
            *(f"!{c}" for c in self.exclude),
            *(f"#{t}" for t in self.tags),
        )
        return f" ({', '.join(parts)})" if parts else ""

    def wants_groups(self, groups: Iterable[str]) -> bool:
        """Whether what lies in these folders is wanted."""
        groups = tuple(groups)
        chosen = not self.collections or any(matches(g, self.collections) for g in groups)
        return chosen and not any(matches(g, self.exclude) for g in groups)

    def wants_tags(self, tags: Iterable[str]) -> bool:
        return not self.tags or any(matches(t, self.tags) for t in tags)

    def wants(self, record: Record) -> bool:
        """Whether an entry of a file is wanted."""
        return self.wants_groups(record.groups) and self.wants_tags(record.tags)


#: all of a library
EVERYTHING = Choice()


def matches(name: str, patterns: Sequence[str]) -> bool:
    """Whether a name, or a folder above it, is one of these patterns, case aside.

    Only "*" and "?" have a meaning: brackets are part of a name.

    >>> matches("Reading/2024 [new]", ["reading/2024 [new]"]), matches("Reading/Old", ["read*"])
    (True, True)
    """
    lower = name.casefold().strip("/")
    return any(
        re.fullmatch(f"{_pattern(p)}(?:/.*)?", lower, re.DOTALL) is not None
        for p in (q.casefold().strip("/") for q in patterns)
    )


@lru_cache(maxsize=512)
def _pattern(text: str) -> str:
    return re.escape(text).replace(r"\*", ".*").replace(r"\?", ".")
