"""What all channels share: how they stand in the configuration, and how they are made."""

from __future__ import annotations

from digest.fields import Table
from digest.ports import Channel


class ChannelSettings(Table):
    """The [channel] table of one kind; the kind is a field `kind` of one literal.

    Mail is not among them: it has tables of its own, [smtp] and [maildir].
    """

    def build(self, title: str) -> Channel:
        """The channel that the table stands for.

        Args:
            title: of the digest.

        Raises:
            ConfigError: something is missing that a file alone cannot tell.
        """
        raise NotImplementedError
