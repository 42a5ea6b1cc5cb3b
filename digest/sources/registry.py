"""The kinds of sources there are: one module of this package each, and those of other packages.

Another package adds a kind by an entry point of the group "digest.sources" that names a subclass of
`SourceSettings`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from digest.fetcher import Fetcher
from digest.registry import settings_by_kind
from digest.sources.base import BaseSource, KeyOf, SourceSettings

GROUP = "digest.sources"


@cache
def kinds() -> dict[str, type[SourceSettings]]:
    """Every kind of source by its name."""
    return settings_by_kind("digest.sources", SourceSettings, GROUP)


def build_sources(
    tables: Sequence[SourceSettings], fetcher: Fetcher, key_of: KeyOf
) -> tuple[BaseSource, ...]:
    """The sources of a configuration; two of one name get numbers, since each has its own memory of
    listing days.

    Raises:
        ConfigError: a table names a file that cannot be read.
    """
    built = [source for table in tables for source in table.build(fetcher, key_of)]
    names: dict[str, int] = {}
    for source in built:
        names[source.name] = names.get(source.name, 0) + 1
        if names[source.name] > 1:
            source.name = f"{source.name} {names[source.name]}"
    return tuple(built)
