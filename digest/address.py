"""Mail addresses as people write them and as mail servers take them."""

from __future__ import annotations

import unicodedata

import idna


def on_the_wire(email: str) -> str:
    """An address with its domain in ASCII (IDNA 2008); letters before the @ stay as they are.

    >>> on_the_wire("ada@bücher.example")
    'ada@xn--bcher-kva.example'

    Raises:
        ValueError: the domain cannot be one.
    """
    local, _, domain = unicodedata.normalize("NFC", email).rpartition("@")
    if domain.isascii():
        return f"{local}@{domain}"
    try:
        return f"{local}@{idna.encode(domain, uts46=True).decode('ascii')}"
    except idna.IDNAError as error:
        raise ValueError(f'the domain "{domain}" cannot be written in ASCII: {error}') from error


def needs_smtputf8(*addresses: str) -> bool:
    """Whether a server must offer SMTPUTF8 (RFC 6531): something before an @ is not ASCII."""
    return not all(a.isascii() for a in addresses)
