"""What all mails of one installation have in common."""

from __future__ import annotations

from dataclasses import dataclass, field

from digest.colour import Accent
from digest.edition.links import Seal


@dataclass(frozen=True, slots=True, kw_only=True)
class Letterhead:
    """What all editions of one installation have in common."""

    title: str
    #: "Name <address>" of the From header
    sender: str
    #: bare address that replies go to
    reply_to: str
    #: behind links and message ids: the newest last; older ones only to know what they signed
    keys: tuple[bytes, ...] = field(repr=False)
    #: mailbox for bounces; each reader's mail gets a return address of its own below it (VERP)
    bounces_to: str = ""
    #: public page that answers the mail's actions; nothing: they are mails to `reply_to`
    web_url: str = ""
    accent: Accent = field(default_factory=Accent.of)

    @property
    def seal(self) -> Seal:
        return Seal(self.keys)
