"""Registries of things that other packages may add to: by the module they stand in, or by an entry
point."""

from __future__ import annotations

import logging
import pkgutil
from collections.abc import Iterator
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any, TypeVar, get_args

log = logging.getLogger(__name__)

S = TypeVar("S")


def kind_of(settings: type[Any]) -> str:
    """What `kind` has to be in a table of the configuration: the literal of its field, if any."""
    info = settings.model_fields.get("kind")
    return str(get_args(info.annotation)[0]) if info is not None else ""


def settings_by_kind(package: str, base: type[S], group: str) -> dict[str, type[S]]:
    """The tables of every kind: one module of `package` each, then those of other packages.

    Our own come first, and cannot be replaced.

    Args:
        base: what the settings of each kind inherit from.
        group: of entry points that name such settings.
    """
    for module in pkgutil.iter_modules(import_module(package).__path__):
        import_module(f"{package}.{module.name}")
    own = [s for s in _heirs(base) if s.__module__.startswith(package)]
    found = {kind_of(s): s for s in sorted(own, key=kind_of) if kind_of(s)}
    for point in entry_points(group=group):
        try:
            settings = point.load()
            found.setdefault(kind_of(settings), settings)
        except Exception as error:  # another package's fault must not keep the mail from going out
            log.error("plugin.not_loaded entry_point=%s error=%r", point.name, error)
    return found


def _heirs(base: type[S]) -> Iterator[type[S]]:
    for heir in base.__subclasses__():
        yield heir
        yield from _heirs(heir)
