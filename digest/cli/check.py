"""`digest check`: is everything reachable that tomorrow's digest needs?"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, make_msgid, parseaddr
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from digest.address import domain_of
from digest.cli.documents import CheckDocument, Finding, Verdict, written
from digest.cli.output import fail, say, warn
from digest.errors import ConfigError, DigestError, LibraryError
from digest.fields import check_address
from digest.identity import has_known_id
from digest.model import Message, Outcome, Paper
from digest.ports import FetchRequest
from digest.text import counted

log = logging.getLogger(__name__)

if TYPE_CHECKING:
    from digest.app import App
    from digest.ports import Source


@dataclass(frozen=True, slots=True)
class Told:
    """What a check found to be well, and what about it may not be."""

    text: str
    warnings: Sequence[str] = ()


#: what is looked at, and how
Check = tuple[str, Callable[[], str | Told]]


def checks(app: App, send_test: str, *, dns: bool = False) -> Iterator[Finding]:
    """Check part after part.

    Raises:
        ConfigError: the address of the test mail is none.
    """
    if send_test:
        try:
            check_address(send_test)
        except ValueError as error:
            raise ConfigError([f"--send-test: {error}"]) from error
    parts: list[Check] = [("configuration", lambda: _configuration(app))]
    parts.append(("store", lambda: _store(app)))
    parts += [(s.name, partial(_source, s, app)) for s in app.sources]
    parts += [("likes", lambda: _likes(app)), ("sending", lambda: _route(app))]
    if app.settings.inbox:
        parts.append(("inbox", lambda: _inbox(app)))
    if app.settings.web.url:
        parts.append(("web side", lambda: _web(app)))
    if app.settings.mail.dkim:
        parts.append(("DKIM", lambda: _dkim(app)))
    if send_test:
        parts.append(("test mail", lambda: send_test_mail(app, send_test)))
    yield from found_by(parts)
    if dns:
        yield from _dns(app)


def found_by(parts: Sequence[Check]) -> Iterator[Finding]:
    """What each check finds; a fault of one keeps no other from being looked at."""
    for name, check in parts:
        try:
            told = check()
        except DigestError as error:
            yield Finding(part=name, verdict=Verdict.FAULT, text=str(error))
            continue
        except Exception as error:
            log.exception("check.crashed name=%s", name)
            text = f"internal error: {error!r}"
            yield Finding(part=name, verdict=Verdict.FAULT, text=text)
            continue
        if isinstance(told, str):
            told = Told(told)
        for warning in told.warnings:
            yield Finding(part=name, verdict=Verdict.WARNING, text=warning)
        yield Finding(part=name, verdict=Verdict.OK, text=told.text)


def tell(findings: Iterator[Finding], *, as_json: bool) -> int:
    """Print what is found, as it comes or as one document; returns how much of it is wrong."""
    if as_json:
        found = tuple(findings)
        n_faults = sum(f.verdict is Verdict.FAULT for f in found)
        print(written(CheckDocument(n_faults=n_faults, findings=found)))
        return n_faults
    n_faults = 0
    for finding in findings:
        said = f"{finding.part}: {finding.text}"
        match finding.verdict:
            case Verdict.OK:
                say(said)
            case Verdict.WARNING:
                warn(said)
            case Verdict.FAULT:
                fail(said)
                n_faults += 1
    return n_faults


def _dns(app: App) -> Iterator[Finding]:
    """What receivers look up about the sender."""
    from digest.channels.email.dns import check_sender

    settings = app.settings
    if settings.channel is not None:
        raise ConfigError(["--dns: with [channel] no mail is sent."])
    domain = domain_of(parseaddr(settings.sender)[1])
    envelope = domain_of(app.mail.letterhead.bounces_to) or domain
    signer, dkim = app.mail.signer(), settings.mail.dkim
    for found in check_sender(
        domain,
        envelope=envelope,
        hosts=[smtp.host for smtp in settings.smtp],
        dkim=(dkim.domain, dkim.selector, signer.fits) if dkim and signer else None,
    ):
        verdict = Verdict.FAULT if found.faulty else Verdict.OK
        yield Finding(part=found.subject, verdict=verdict, text=found.text)


def _configuration(app: App) -> Told:
    settings = app.settings
    n_sources = counted(len(settings.sources), "source")
    text = f"sound; {counted(len(settings.subscribers), 'subscriber')}, {n_sources}"
    if settings.inbox or settings.web.url or settings.channel:
        return Told(text)
    return Told(
        text,
        [
            f"The mail's links, Unsubscribe among them, are mails to "
            f"{app.mail.letterhead.reply_to}. Without [inbox] or [web] url nothing reads them, "
            "so somebody has to."
        ],
    )


def _store(app: App) -> str:
    path = app.settings.store.where
    if isinstance(path, Path) and not path.exists():
        folder = path.parent
        if folder.exists() and not os.access(folder, os.W_OK):
            raise DigestError(f"{folder} is not writable, so {path.name} cannot be made there.")
        return f"{path} will be made at the first run"
    return f"{app.store.name} is sound; {counted(app.store.counts()['papers'], 'paper')}"


def _source(source: Source, app: App) -> str:
    listing = source.fetch(FetchRequest(now=app.clock()))
    if not listing.complete:
        raise DigestError(listing.fault)
    days = sorted({p.announced for p in listing.papers if p.announced})
    dates = f", listed {days[0]} to {days[-1]}" if len(days) > 1 else ""
    dates = f", listed {days[0]}" if len(days) == 1 else dates
    remark = f". {listing.remark[0].upper()}{listing.remark[1:]}" if listing.remark else ""
    return f"{counted(len(listing.papers), 'paper')}{dates}{_shares(listing.papers)}{remark}"


def _shares(papers: Sequence[Paper]) -> str:
    """How many of a source's papers have what a card and the ranking live on."""
    if not papers:
        return ""
    facts = {
        "title": sum(bool(p.title) for p in papers),
        "authors": sum(bool(p.authors) for p in papers),
        "abstract": sum(bool(p.abstract) for p in papers),
        "date": sum(p.published is not None for p in papers),
        "link": sum(bool(p.url) for p in papers),
        "arXiv id, DOI or PMID": sum(has_known_id(p) for p in papers),
    }
    shares = {name: round(100 * n / len(papers)) for name, n in facts.items()}
    less = [f"{name} {share}%" for name, share in shares.items() if share < 100]
    return f"; of them with {', '.join(less)}" if less else "; all with everything"


def _likes(app: App) -> Told:
    """Reads what the likes name; ids are resolved at the first run, so that a check stays light."""
    from digest.identifiers import name_of
    from digest.libraries import configured_likes

    n_refs = n_papers = 0
    faults: list[str] = []
    warnings: list[str] = []
    for subscriber in app.settings.subscribers:
        wanted, wrong = configured_likes(app, subscriber)
        faults += wrong
        found = [wanted.likes]
        for library in wanted.libraries:
            try:
                likes, _ = library.read("")
            except LibraryError as error:
                faults.append(str(error))
                continue
            found += [likes] if likes is not None else []
        n_refs += sum(len(likes.refs) for likes in found)
        n_papers += sum(len(likes.papers) for likes in found)
        faults += [fault for likes in found for fault in likes.faults]
        faults += [
            f"The like {ref} of {subscriber.email} is no arXiv id, DOI, PMID, known address or "
            "library file."
            for likes in found
            for ref in likes.refs
            if not name_of(ref)
        ]
        if not (any(x.refs or x.papers for x in found) or subscriber.keywords):
            warnings.append(
                f"{subscriber.email} has no likes and no keywords: their digest will be what is "
                "trending."
            )
    if faults:
        raise DigestError("\n".join(faults))
    text = f"{counted(n_refs, 'reference')}, {counted(n_papers, 'paper')} in files and inline"
    return Told(text, warnings)


def _web(app: App) -> Told:
    """Asks nobody: the site may not be up yet."""
    url = app.settings.web.url
    warnings: list[str] = []
    if not url.startswith("https://"):
        warnings.append(
            f"{url} is not https: mail programs offer one-click unsubscription only with it, and "
            "whoever listens on the way can read links that act."
        )
    proxy = app.store.facts.get("web.untrusted_proxy")
    if proxy:
        from digest.address import is_trusted

        if is_trusted(proxy, app.settings.web.trusted_proxies):
            app.store.facts.delete("web.untrusted_proxy")
        else:
            warnings.append(
                f"Requests came through {proxy}, which is not in [web] trusted_proxies: all its "
                "visitors count as one, and ten of them can subscribe in an hour. If it is your "
                "proxy, name it there."
            )
    elif url.startswith("https://") and not app.settings.web.trusted_proxies:
        warnings.append(
            "[web] trusted_proxies is empty. Behind a proxy, name its address there, or all "
            "visitors count as one."
        )
    admin = "admin pages are on" if app.settings.web.password.get_secret_value() else "no admin"
    signups = "signups are open" if app.settings.web.signups else "signups are closed"
    return Told(f"the mail's links lead to {url}; {signups}, {admin}", warnings)


def _route(app: App) -> str:
    app.mail.transport()
    for route in app.mail.channel.routes:
        with route.transport() as transport:
            transport.connect()
    if app.settings.maildir is not None:
        return f"{app.settings.maildir.path} is writable"
    if app.settings.channel is not None:
        return f"{app.mail.channel.routes[0].name} answers; nothing was sent"
    told = []
    for smtp in app.settings.smtp:
        by = " by OAuth" if smtp.by_token else ""
        login = f", login as {smtp.username}{by}" if smtp.username else ""
        told.append(f"{smtp.host}:{smtp.effective_port} answers ({smtp.security}{login})")
    return "; ".join(told) + "; nothing was sent"


def _inbox(app: App) -> str:
    inbox = app.mail.inbox()
    try:
        n_unread = sum(1 for _ in inbox.unread(lambda headers: False))
    finally:
        inbox.close()
    return f"can be read; {counted(n_unread, 'unread mail')}"


def _dkim(app: App) -> str:
    app.mail.signer()
    dkim = app.settings.mail.dkim
    assert dkim is not None
    return f"the key signs; its DNS record belongs to {dkim.selector}._domainkey.{dkim.domain}"


def send_test_mail(app: App, address: str) -> str:
    """Send a short mail; returns what the server said.

    Raises:
        DigestError: it was not taken.
    """
    if app.settings.channel is not None:
        raise DigestError("With [channel] no mail is sent; `digest run` shows whether it works.")
    now = app.clock()
    sender = parseaddr(app.settings.sender)[1]
    mail = EmailMessage(policy=SMTP)
    mail["From"] = app.settings.sender
    mail["To"] = address
    mail["Subject"] = f"{app.settings.title}: a test"
    mail["Date"] = format_datetime(now)
    mail["Message-ID"] = make_msgid(domain=sender.rpartition("@")[2])
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content("This is a test mail of `digest check`. If you read it, sending works.\n")
    message = Message(
        message_id=str(mail["Message-ID"]), sender=sender, recipient=address, body=mail.as_bytes()
    )
    with app.mail.transport() as transport:
        receipt = transport.send(message, before_data=lambda: None)
    if receipt.outcome is not Outcome.ACCEPTED:
        raise DigestError(f"{address} was not accepted: {receipt.reply}.")
    return f"accepted for {address} ({receipt.reply})"
