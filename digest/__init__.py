"""A personalised daily digest of research papers by mail.

What `__all__` names is stable: it changes only with a note in the changelog. It is imported when it
is first asked for, so that `digest --help` stays quick.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from digest.app import App
    from digest.config import load_settings
    from digest.errors import DigestError
    from digest.jobs import run
    from digest.model import Listing, Paper, Subscriber
    from digest.ports import FetchRequest
    from digest.preferences import Preferences
    from digest.ranking import fit
    from digest.sources.base import BaseSource, NamedSourceSettings

__version__ = "0.2.0"

__all__ = [
    "App",
    "BaseSource",
    "DigestError",
    "FetchRequest",
    "Listing",
    "NamedSourceSettings",
    "Paper",
    "Preferences",
    "Subscriber",
    "fit",
    "load_settings",
    "run",
]

_HOMES = {
    "App": "digest.app",
    "BaseSource": "digest.sources.base",
    "DigestError": "digest.errors",
    "FetchRequest": "digest.ports",
    "Listing": "digest.model",
    "NamedSourceSettings": "digest.sources.base",
    "Paper": "digest.model",
    "Preferences": "digest.preferences",
    "Subscriber": "digest.model",
    "fit": "digest.ranking",
    "load_settings": "digest.config",
    "run": "digest.jobs",
}


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
