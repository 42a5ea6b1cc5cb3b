"""Mail addresses as people write them and as mail servers take them, and networks of proxies."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from ipaddress import ip_address, ip_network

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


def is_trusted(peer: str, trusted: Sequence[str]) -> bool:
    """Whether a peer is one of the proxies of [web] trusted_proxies: addresses, networks, "*"."""
    if "*" in trusted:
        return True
    try:
        address = ip_address(peer.partition("%")[0])
    except ValueError:
        return False
    return any(address in ip_network(t, strict=False) for t in trusted)
