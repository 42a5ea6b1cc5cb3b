"""The kinds of sources there are: one module of this package each, and those of other packages.

Another package adds a kind by an entry point of the group "digest.sources" that names a subclass of
`SourceSettings`.
"""

from __future__ import annotations

import logging
import pkgutil
from collections.abc import Sequence
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from typing import get_args

from digest.fetcher import Fetcher
from digest.sources.base import BaseSource, KeyOf, NamedSourceSettings, SourceSettings

log = logging.getLogger(__name__)

GROUP = "digest.sources"


def kind_of(settings: type[SourceSettings]) -> str:
    """What `kind` has to be for this table."""
    return str(get_args(settings.model_fields["kind"].annotation)[0])


@cache
def kinds() -> dict[str, type[SourceSettings]]:
    """Every kind of source by its name; our own come first, and cannot be replaced."""
    package = import_module("digest.sources")
    for module in pkgutil.iter_modules(package.__path__):
        import_module(f"{package.__name__}.{module.name}")
    own = (*SourceSettings.__subclasses__(), *NamedSourceSettings.__subclasses__())
    found = {kind_of(s): s for s in own if "kind" in s.model_fields}
    found = dict(sorted(found.items()))
    for point in entry_points(group=GROUP):
        try:
            settings = point.load()
            found.setdefault(kind_of(settings), settings)
        except Exception as error:  # another package's fault must not keep the mail from going out
            log.error("source.not_loaded entry_point=%s error=%r", point.name, error)
    return found


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
