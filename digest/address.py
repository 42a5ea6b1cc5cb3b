"""Addresses: of mail as people and servers write them, of databases, and networks of proxies."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from ipaddress import ip_address, ip_network

import idna


def domain_of(email: str) -> str:
    """Where an address is, in lower case; nothing of nothing."""
    return email.rpartition("@")[2].lower()


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


_LETTERS = r"(?:[^:@/?#\[\]%\s]|%[0-9A-Fa-f]{2})"
_DATABASE_URL = re.compile(
    rf"postgres(?:ql)?://(?:{_LETTERS}*(?P<password>:{_LETTERS}*)?@)?[^@/?#\s]*/[^@/?#\s]+"
    r"(?:\?(?P<query>[^#\s]*))?"
)


def check_database_url(url: str) -> bool:
    """Whether the address of a PostgreSQL database holds a password.

    Raises:
        ValueError: it is no such address. The sentence shows nothing of it: where a password holds
            letters that part an address, nobody knows what is the password.
    """
    match = _DATABASE_URL.fullmatch(url)
    if match is None:
        raise ValueError(
            "this is no address of a PostgreSQL database; they look like "
            '"postgresql://user:password@host:5432/name". In a password, @ / : ? # % and blanks '
            "are written %40 %2F %3A %3F %23 %25 %20, or leave it out and set PGPASSWORD"
        )
    return bool(match["password"]) or "password=" in (match["query"] or "")


def is_trusted(peer: str, trusted: Sequence[str]) -> bool:
    """Whether a peer is one of the proxies of [web] trusted_proxies: addresses, networks, "*"."""
    if "*" in trusted:
        return True
    try:
        address = ip_address(peer.partition("%")[0])
    except ValueError:
        return False
    return any(address in ip_network(t, strict=False) for t in trusted)
