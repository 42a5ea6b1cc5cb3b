"""From picks to a mail: what an edition says, its HTML and text, its RFC 5322 bytes. Pure."""

from digest.edition.compose import compose
from digest.edition.letterhead import Letterhead
from digest.edition.message import build_message
from digest.edition.render import Renderer

__all__ = ["Letterhead", "Renderer", "build_message", "compose"]
