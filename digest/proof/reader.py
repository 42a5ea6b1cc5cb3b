"""All checks in one call."""

from __future__ import annotations

from digest.proof import clients, headers, html, spam
from digest.proof.findings import Finding


def proofread(message: bytes, *, with_spam: bool = True) -> tuple[Finding, ...]:
    """What there is to say about a complete mail, the worst first.

    Args:
        with_spam: also ask SpamAssassin, if it is installed; takes seconds.
    """
    mail = headers.parse(message)
    found = list(headers.check_message(message))
    body = headers.html_of(mail)
    if body:
        found += html.check_html(body, clients.load())
    if with_spam:
        found += spam.check_spam(message)
    return tuple(sorted(found, key=lambda f: f.severity.order))
