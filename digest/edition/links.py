"""The addresses that a mail leads to, other than papers."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from digest.edition.render import Letterhead


def mailto(address: str, subject: str) -> str:
    """A mailto: link (RFC 6068) with a prepared subject."""
    return f"mailto:{quote(address, safe='@+.-_')}?subject={quote(subject)}"


def unsubscribe_url(letterhead: Letterhead) -> str:
    """Where a reader leaves: a mail to whoever runs the digest, until there is a web side."""
    return mailto(letterhead.reply_to, "unsubscribe")
