"""The kinds of channels beside mail: one module of this package each, and those of other packages.

Another package adds a kind by an entry point of the group "digest.channels" that names a subclass
of `ChannelSettings`.
"""

from __future__ import annotations

from functools import cache

from digest.channels.base import ChannelSettings
from digest.registry import settings_by_kind

GROUP = "digest.channels"


@cache
def kinds() -> dict[str, type[ChannelSettings]]:
    """Every kind of channel by its name."""
    return settings_by_kind("digest.channels", ChannelSettings, GROUP)
