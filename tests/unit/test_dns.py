"""What receivers look up about a sender, answered by a name server of the test."""

from __future__ import annotations

from collections.abc import Iterator

import dns.name
import dns.rdata
import dns.resolver
import dns.rrset
import pytest

from digest.channels.email import dns as looking_up
from digest.channels.email.dns import check_sender, operator_of

Zone = dict[tuple[str, str], list[str]]
GOOD: Zone = {
    ("example.org", "MX"): ["10 mx.example.org."],
    ("example.org", "TXT"): ['"unrelated"', '"v=spf1 include:_spf.example.net -all"'],
    ("_spf.example.net", "TXT"): ['"v=spf1 ip4:192.0.2.0/24 ~all"'],
    ("s1._domainkey.example.org", "TXT"): ['"v=DKIM1; p=" "good"'],
    ("_dmarc.example.org", "TXT"): ['"v=DMARC1; p=none"'],
    ("smtp.example.org", "A"): ["192.0.2.7"],
    ("7.2.0.192.in-addr.arpa", "PTR"): ["smtp.example.org."],
}


@pytest.fixture
def zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[Zone]:
    """What the name server knows; a test may change it."""
    known = dict(GOOD)

    def resolve(name: object, kind: str, lifetime: float) -> list[dns.rdata.Rdata]:
        asked = dns.name.from_text(str(name))
        values = known.get((str(asked)[:-1].lower(), kind))
        if values == ["?"]:
            raise dns.resolver.LifetimeTimeout(timeout=5, errors=[])
        if not values:
            raise dns.resolver.NXDOMAIN
        return list(dns.rrset.from_text_list(asked, 60, "IN", kind, values))

    monkeypatch.setattr(looking_up.dns.resolver, "resolve", resolve)
    operator_of.cache_clear()
    yield known
    operator_of.cache_clear()


def found(signing: str = "example.org") -> dict[str, tuple[bool, str]]:
    findings = check_sender(
        "example.org",
        envelope="example.org",
        hosts=["smtp.example.org"],
        dkim=(signing, "s1", lambda record: "p=good" in record),
    )
    return {f.subject: (f.faulty, f.text) for f in findings}


def test_a_sender_in_order(zone: Zone) -> None:
    assert {s: faulty for s, (faulty, _) in found().items()} == dict.fromkeys(
        ("MX", "SPF", "DKIM", "DMARC", "PTR"), False
    )


@pytest.mark.parametrize(
    ("subject", "name", "kind", "values", "told"),
    [
        ("MX", "example.org", "MX", [], "takes no mail"),
        ("MX", "example.org", "MX", ["0 ."], "takes no mail"),
        ("MX", "example.org", "MX", ["?"], "cannot be asked for"),
        ("SPF", "example.org", "TXT", [], "has no record"),
        ("SPF", "example.org", "TXT", ['"v=spf1 -all"', '"v=spf1 ~all"'], "has 2 records"),
        ("SPF", "example.org", "TXT", ['"v=spf1 +all"'], "lets everybody send"),
        ("SPF", "example.org", "TXT", ['"v=spf1 ' + "a " * 11 + '-all"'], "needs 11 lookups"),
        ("SPF", "_spf.example.net", "TXT", ['"v=spf1 ' + "mx " * 10 + '-all"'], "11 lookups"),
        ("DKIM", "s1._domainkey.example.org", "TXT", [], "has no key"),
        ("DKIM", "s1._domainkey.example.org", "TXT", ['"p=other"'], "another key"),
        ("DMARC", "_dmarc.example.org", "TXT", [], "has no policy"),
        ("DMARC", "_dmarc.example.org", "TXT", ['"v=DMARC1; rua=mailto:x@y"'], "has no p="),
        ("PTR", "7.2.0.192.in-addr.arpa", "PTR", [], "no name that leads back"),
        ("PTR", "7.2.0.192.in-addr.arpa", "PTR", ["a.example.net."], "no name that leads back"),
        ("PTR", "smtp.example.org", "A", [], "has no address"),
    ],
)
def test_what_is_wrong_is_told(
    zone: Zone, subject: str, name: str, kind: str, values: list[str], told: str
) -> None:
    zone[name, kind] = values
    faulty, text = found()[subject]
    assert faulty
    assert told in text


def test_a_signature_of_another_organisation_is_none_to_dmarc(zone: Zone) -> None:
    zone["s1._domainkey.relay.example", "TXT"] = ['"p=good"']
    assert "to DMARC that is no signature" in found("relay.example")["DKIM"][1]
    zone["s1._domainkey.mail.example.org", "TXT"] = ['"p=good"']
    assert not found("mail.example.org")["DKIM"][0]


def test_the_policy_of_a_domain_above_holds(zone: Zone) -> None:
    (dmarc,) = (
        f
        for f in check_sender("papers.lab.example.org", envelope="papers.lab.example.org")
        if f.subject == "DMARC"
    )
    assert not dmarc.faulty


@pytest.mark.parametrize(
    ("domain", "mx", "wanted"),
    [
        ("gmail.com", "", "google"),
        ("hotmail.co.uk", "", "microsoft"),
        ("yahoo.fr", "", "yahoo"),
        ("lab.example", "1 aspmx.l.google.com.", "google"),
        ("uni.example", "0 uni-example.mail.protection.outlook.com.", "microsoft"),
        ("firm.example", "5 mx1.pphosted.com.", "proofpoint"),
        ("own.example", "5 mail.own.example.", "own.example"),
        ("nobody.example", "", "nobody.example"),
    ],
)
def test_who_runs_a_mailbox(zone: Zone, domain: str, mx: str, wanted: str) -> None:
    zone[domain, "MX"] = [mx] if mx else []
    assert operator_of(domain) == wanted
