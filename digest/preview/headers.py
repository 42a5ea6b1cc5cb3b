"""The headers of a message, decoded and raw."""

from __future__ import annotations

import re
from dataclasses import dataclass
from email.header import decode_header, make_header


@dataclass(frozen=True, slots=True)
class Header:
    name: str
    #: as a mail program shows it
    value: str
    #: as it stands in the message, folded
    raw: str


def headers_of(body: bytes) -> tuple[Header, ...]:
    """In their order."""
    head = body.split(b"\r\n\r\n", 1)[0].decode("utf-8", "replace")
    found = []
    for line in re.split(r"\r\n(?![ \t])", head):
        name, _, raw = line.partition(":")
        unfolded = re.sub(r"\r\n(?=[ \t])", "", raw).strip()
        try:
            value = str(make_header(decode_header(unfolded)))
        except (LookupError, ValueError):
            value = unfolded  # an unknown charset is shown as it stands
        found.append(Header(name, value, raw.strip()))
    return tuple(found)
