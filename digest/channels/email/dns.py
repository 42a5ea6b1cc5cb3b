"""What the domain name system says of a sender and of a recipient's mail server."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import dns.exception
import dns.resolver
import dns.reversename

#: seconds for one question, with all its repetitions
TIMEOUT_S = 5.0
#: RFC 7208, 4.6.4: more questions than that are an error
MOST_SPF_LOOKUPS = 10
#: domains whose mailboxes one operator runs; asked for nothing
_OPERATORS = {
    "google": ("gmail.com", "googlemail.com"),
    "microsoft": ("outlook.com", "hotmail.com", "live.com", "msn.com"),
    "yahoo": ("yahoo.com", "ymail.com", "rocketmail.com", "aol.com", "myyahoo.com"),
    "apple": ("icloud.com", "me.com", "mac.com"),
    "gmx": ("gmx.de", "gmx.net", "gmx.at", "gmx.ch", "gmx.com", "web.de", "mail.com"),
    "tencent": ("qq.com", "foxmail.com"),
    "netease": ("163.com", "126.com", "yeah.net"),
}
_BY_DOMAIN = {domain: name for name, domains in _OPERATORS.items() for domain in domains}
#: how the mail servers of an operator are called, whoever's domain they serve
_SERVERS = (
    ("google", re.compile(r"\.(google|googlemail)\.com$")),
    ("microsoft", re.compile(r"\.(outlook|hotmail|office365)\.(com|us|de)$|\.mx\.microsoft$")),
    ("yahoo", re.compile(r"\.yahoodns\.net$")),
    ("apple", re.compile(r"\.icloud\.com$")),
    ("gmx", re.compile(r"\.(gmx\.net|web\.de)$")),
    ("tencent", re.compile(r"\.qq\.com$")),
    ("netease", re.compile(r"\.(163|126|netease)\.com$")),
    ("proofpoint", re.compile(r"\.(pphosted|ppe-hosted)\.com$")),
    ("mimecast", re.compile(r"\.mimecast(-offshore)?\.com$")),
)


@lru_cache(maxsize=100_000)
def operator_of(domain: str) -> str:
    """Who runs the mailboxes of a domain, by its name or by its mail server's; the domain itself
    where that cannot be known."""
    if domain in _BY_DOMAIN:
        return _BY_DOMAIN[domain]
    if re.match(r"(?:hotmail|live|outlook)\.[a-z.]{2,6}$", domain):
        return "microsoft"
    if re.match(r"yahoo\.[a-z.]{2,6}$", domain):
        return "yahoo"
    servers = sorted(_mail_servers(domain))
    if not servers:
        return domain
    host = servers[0][1]
    found = next((name for name, names in _SERVERS if names.search(host)), None)
    return found or ".".join(host.split(".")[-2:])


def _mail_servers(domain: str) -> list[tuple[int, str]]:
    """Preference and name of each; none if there are none, or nobody answers."""
    try:
        answer = dns.resolver.resolve(domain, "MX", lifetime=TIMEOUT_S)
    except (dns.exception.DNSException, ValueError, OSError):
        return []
    return [(r.preference, r.exchange.to_text(omit_final_dot=True).lower()) for r in answer]


@dataclass(frozen=True, slots=True)
class Finding:
    """What one question about a sender came to."""

    subject: str
    #: a receiver will mind
    faulty: bool
    text: str


def check_sender(
    domain: str,
    *,
    envelope: str,
    hosts: Sequence[str] = (),
    dkim: tuple[str, str, Callable[[str], bool]] | None = None,
) -> Iterator[Finding]:
    """Look up what receivers look up about a sender.

    Args:
        domain: of the From address.
        envelope: domain of the return address.
        hosts: mail servers that mails leave by.
        dkim: domain and selector that sign, if we do, and whether a record's key fits.
    """
    yield _check_mx(envelope)
    yield _check_spf(envelope, domain)
    if dkim is not None:
        yield _check_dkim(domain, *dkim)
    else:
        yield Finding(
            "DKIM",
            False,
            "mails are not signed here ([mail.dkim]), so your mail server has to; whether it does "
            "stands in the head of a mail that arrived: dkim=pass",
        )
    yield _check_dmarc(domain)
    yield from map(_check_ptr, hosts)


def _texts(name: str) -> list[str]:
    """The TXT records of a name.

    Raises:
        DNSException: nobody answers.
    """
    try:
        answer = dns.resolver.resolve(name, "TXT", lifetime=TIMEOUT_S)
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return []
    return [b"".join(r.strings).decode("utf-8", "replace") for r in answer]


def _unanswered(subject: str, name: str, error: Exception) -> Finding:
    return Finding(subject, True, f"{name} cannot be asked for ({error})")


def _check_mx(domain: str) -> Finding:
    try:
        answer = dns.resolver.resolve(domain, "MX", lifetime=TIMEOUT_S)
        names = [r.exchange.to_text(omit_final_dot=True) for r in answer]
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        names = []
    except dns.exception.DNSException as error:
        return _unanswered("MX", domain, error)
    if not [n for n in names if n.strip(".")]:  # "." is RFC 7505's "no mail here"
        return Finding(
            "MX",
            True,
            f"{domain} takes no mail, so replies and bounces are lost, and many refuse a sender "
            "who cannot be answered",
        )
    return Finding("MX", False, f"{domain} takes mail at {', '.join(sorted(names)[:3])}")


def _spf(domain: str) -> list[str]:
    return [t for t in _texts(domain) if re.match(r"v=spf1(?:\s|$)", t, re.I)]


def _spf_lookups(record: str, seen: frozenset[str]) -> int:
    """Questions that a receiver has to ask for a record."""
    n = 0
    for term in record.split()[1:]:
        name, _, value = term.lower().lstrip("+-~?").partition(":")
        if name.startswith("redirect="):
            name, value = "redirect", name.removeprefix("redirect=")
        if name not in ("include", "redirect") and not re.match(r"(a|mx|ptr|exists)(/|$)", name):
            continue
        n += 1
        if name in ("include", "redirect") and value not in seen and n <= MOST_SPF_LOOKUPS:
            for found in _spf(value)[:1]:
                n += _spf_lookups(found, seen | {value})
    return n


def _check_spf(envelope: str, domain: str) -> Finding:
    try:
        found = _spf(envelope)
        if not found:
            return Finding(
                "SPF",
                True,
                f"{envelope} has no record; publish one that names your mail server, such as "
                '"v=spf1 include:PROVIDER -all"',
            )
        if len(found) > 1:
            return Finding(
                "SPF", True, f"{envelope} has {len(found)} records, which is an error; keep one"
            )
        n = _spf_lookups(found[0], frozenset({envelope}))
    except dns.exception.DNSException as error:
        return _unanswered("SPF", envelope, error)
    if n > MOST_SPF_LOOKUPS:
        return Finding(
            "SPF",
            True,
            f"{envelope} needs {n} lookups and receivers make {MOST_SPF_LOOKUPS}; name fewer "
            "others",
        )
    if re.search(r"\s\+?all\s*$", found[0]):
        return Finding("SPF", True, f"{envelope} lets everybody send (+all); end it with -all")
    aligned = (
        "" if _aligned(envelope, domain) else f", but mails are from {domain}: DKIM must align"
    )
    return Finding("SPF", False, f"{envelope} has {found[0]}{aligned}")


def _aligned(one: str, other: str) -> bool:
    """Whether two domains are of one organisation, as far as their names tell."""
    one, other = one.lower(), other.lower()
    return one == other or one.endswith(f".{other}") or other.endswith(f".{one}")


def _check_dkim(domain: str, signing: str, selector: str, fits: Callable[[str], bool]) -> Finding:
    name = f"{selector}._domainkey.{signing}"
    try:
        found = [t for t in _texts(name) if "p=" in t]
    except dns.exception.DNSException as error:
        return _unanswered("DKIM", name, error)
    if not found:
        return Finding(
            "DKIM", True, f"{name} has no key; publish the one of your key file (docs/mail.md)"
        )
    if not fits(found[0]):
        return Finding(
            "DKIM", True, f"{name} has another key than the one that signs, so no signature holds"
        )
    if not _aligned(signing, domain):
        return Finding(
            "DKIM",
            True,
            f"mails are signed for {signing} and are from {domain}: to DMARC that is no signature",
        )
    return Finding("DKIM", False, f"{name} has the key that signs")


def _check_dmarc(domain: str) -> Finding:
    labels = domain.split(".")
    try:
        for n in range(max(1, len(labels) - 1)):  # up the tree, as RFC 9989 has it
            at = ".".join(labels[n:])
            found = [t for t in _texts(f"_dmarc.{at}") if re.match(r"v=DMARC1\s*(;|$)", t, re.I)]
            if len(found) > 1:
                return Finding("DMARC", True, f"_dmarc.{at} has {len(found)} records; keep one")
            if found:
                policy = re.search(r";\s*p=\s*(\w+)", found[0], re.I)
                if policy is None:
                    return Finding("DMARC", True, f"_dmarc.{at} has no p=; begin with p=none")
                return Finding("DMARC", False, f"_dmarc.{at} asks for p={policy[1].lower()}")
    except dns.exception.DNSException as error:
        return _unanswered("DMARC", domain, error)
    return Finding(
        "DMARC",
        True,
        f'{domain} has no policy; publish at least "v=DMARC1; p=none" at _dmarc.{domain}: Gmail, '
        "Yahoo and Microsoft want one of whoever sends thousands",
    )


def _check_ptr(host: str) -> Finding:
    try:
        addresses = [r.address for kind in ("A", "AAAA") for r in _answers(host, kind)]
        if not addresses:
            return Finding("PTR", True, f"{host} has no address")
        for address in addresses:
            names = [
                r.target.to_text(omit_final_dot=True)
                for r in _answers(dns.reversename.from_address(address).to_text(), "PTR")
            ]
            back = [r.address for n in names for k in ("A", "AAAA") for r in _answers(n, k)]
            if address not in back:
                return Finding(
                    "PTR",
                    True,
                    f"{address} ({host}) has no name that leads back to it. If this server sends "
                    "to the world itself, ask whoever gave you the address to set one",
                )
    except dns.exception.DNSException as error:
        return _unanswered("PTR", host, error)
    return Finding("PTR", False, f"{host} has a name both ways")


def _answers(name: str, kind: str) -> list[Any]:
    try:
        return list(dns.resolver.resolve(name, kind, lifetime=TIMEOUT_S))
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return []
