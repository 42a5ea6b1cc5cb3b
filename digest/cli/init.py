"""`digest init`: a config file that says what was asked, and explains the rest."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from email.utils import parseaddr
from typing import Any

from digest.address import domain_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What `init` needs to know."""

    email: str
    name: str = ""
    title: str = "Morning papers"
    time: str = "07:30"
    timezone: str = "UTC"
    categories: Sequence[str] = ()
    #: tables of [[sources]]; nothing: arXiv's categories, and Daily Papers
    sources: Sequence[Mapping[str, Any]] = ()
    #: references, or tables such as { zotero = "users/123" }
    likes: Sequence[str | Mapping[str, Any]] = ()
    keywords: Sequence[str] = ()
    authors: Sequence[str] = ()
    #: nothing: a Maildir instead
    smtp_host: str = ""
    smtp_port: int | None = None
    security: str = "starttls"
    username: str = ""
    sender: str = ""
    #: the provider's name, if it takes no passwords
    oauth: str = ""
    length: int = 12
    on_empty: str = "nothing"
    #: of mail and pages
    language: str = "en"
    #: keys of [summary]; nothing: there is none
    summary: Mapping[str, Any] = field(default_factory=dict)
    #: keys of [inbox]; nothing: there is none
    inbox: Mapping[str, Any] = field(default_factory=dict)


DEFAULT_CATEGORIES = ("cs.LG", "cs.CL")


@dataclass(frozen=True, slots=True)
class Provider:
    """A mail server, as its owner tells people to set it up; all of them take the address as
    login."""

    host: str
    port: int
    security: str
    #: "microsoft", if it takes no passwords at all
    oauth: str = ""
    #: what a person has to know first
    note: str = ""
    #: where mail can be read, by the same login
    imap: str = ""


def _starttls(host: str, **more: str) -> Provider:
    return Provider(host, 587, "starttls", **more)


def _tls(host: str, **more: str) -> Provider:
    return Provider(host, 465, "tls", **more)


_APP_PASSWORD = "It wants an app password, which you make in your account's settings there."
_GMAIL = _starttls(
    "smtp.gmail.com",
    imap="imap.gmail.com",
    note="Gmail wants an app password: https://myaccount.google.com/apppasswords",
)
_MICROSOFT = _starttls("smtp-mail.outlook.com", oauth="microsoft")
_ICLOUD = _starttls("smtp.mail.me.com", imap="imap.mail.me.com", note=_APP_PASSWORD)
_GMX = _starttls(
    "mail.gmx.net",
    imap="imap.gmx.net",
    note="Allow POP3 and IMAP in your account's settings there, which SMTP needs.",
)
_GMX_COM = _starttls("mail.gmx.com", note=_GMX.note)
_YAHOO = _tls("smtp.mail.yahoo.com", imap="imap.mail.yahoo.com", note=_APP_PASSWORD)
_AUTHORISED = "It wants an authorisation code instead of your password (switch SMTP on there)."
#: by the domain of an address
PROVIDERS = {
    "163.com": _tls("smtp.163.com", imap="imap.163.com", note=_AUTHORISED),
    "126.com": _tls("smtp.126.com", imap="imap.126.com", note=_AUTHORISED),
    "aol.com": _tls("smtp.aol.com", note=_APP_PASSWORD),
    "fastmail.com": _tls("smtp.fastmail.com", imap="imap.fastmail.com", note=_APP_PASSWORD),
    "foxmail.com": _tls("smtp.qq.com", imap="imap.qq.com", note=_AUTHORISED),
    "gmail.com": _GMAIL,
    "gmx.at": _GMX,
    "gmx.ch": _GMX,
    "gmx.com": _GMX_COM,
    "gmx.de": _GMX,
    "gmx.net": _GMX,
    "googlemail.com": _GMAIL,
    "hotmail.com": _MICROSOFT,
    "icloud.com": _ICLOUD,
    "live.com": _MICROSOFT,
    "mac.com": _ICLOUD,
    "mailbox.org": _starttls("smtp.mailbox.org", imap="imap.mailbox.org"),
    "me.com": _ICLOUD,
    "msn.com": _MICROSOFT,
    "outlook.com": _MICROSOFT,
    "posteo.de": _tls("posteo.de", imap="posteo.de"),
    "qq.com": _tls("smtp.qq.com", imap="imap.qq.com", note=_AUTHORISED),
    "web.de": _starttls("smtp.web.de", imap="imap.web.de", note=_GMX.note),
    "yahoo.com": _YAHOO,
    "yandex.com": _tls("smtp.yandex.com", note=_APP_PASSWORD),
    "yandex.ru": _tls("smtp.yandex.ru", note=_APP_PASSWORD),
    "zoho.com": _tls("smtp.zoho.com"),
}
#: providers with a domain in each country
_COUNTRIES = re.compile(r"(hotmail|live|outlook|yahoo)(?:\.[a-z]{2,3}){1,2}")


def provider_of(email: str) -> Provider | None:
    """Who runs an address, if that is known."""
    domain = domain_of(email)
    if domain not in PROVIDERS and (match := _COUNTRIES.fullmatch(domain)):
        return _YAHOO if match[1] == "yahoo" else _MICROSOFT
    return PROVIDERS.get(domain)


def _text(value: str) -> str:
    """A TOML basic string; JSON's escapes are a subset of TOML's."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _value(value: Any) -> str:
    """A value as TOML."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{k} = {_value(v)}" for k, v in value.items()) + " }"
    if isinstance(value, Sequence):
        return "[" + ", ".join(map(_value, value)) + "]"
    return str(value)


def _table(head: str, values: Mapping[str, Any]) -> list[str]:
    return ["", head, *(f"{k} = {_value(v)}" for k, v in values.items())] if values else []


def _unless(default: object, line: str, value: object) -> str:
    """A key, as a comment while it has its default."""
    return line if value != default else f"# {line}"


def config_text(a: Answers) -> str:
    """The file. What was not asked stands there as a comment with its default."""
    name = [f"name = {_text(a.name)}"] if a.name else []
    likes = ",\n".join(f"  {_value(like)}" for like in a.likes)
    sources = a.sources or (
        {"kind": "arxiv", "categories": list(a.categories or DEFAULT_CATEGORIES)},
        {"kind": "huggingface"},
    )
    empty = f'on_empty = {_text(a.on_empty)}             # or "note": a short mail says why'
    language = f"language = {_text(a.language)}                  # of mail and pages"
    lines = [
        "# Written by `digest init`. All keys are explained in config.example.toml.",
        "# `digest check` tests this file, the sources and the mail server.",
        "",
        f"title = {_text(a.title)}",
        _unless(
            12, f"length = {a.length}                      # most papers in one mail", a.length
        ),
        _unless("nothing", empty, a.on_empty),
        "",
        "[schedule]",
        f"time = {_text(a.time)}",
        f"timezone = {_text(a.timezone)}",
        'weekdays = ["mon", "tue", "wed", "thu", "fri"]',
        "",
        "[mail]",
        _unless("en", language, a.language),
        *(line for source in sources for line in _table("[[sources]]", source)),
        "",
        "[[subscribers]]",
        f"email = {_text(a.email)}",
        *name,
        "# arXiv ids, arXiv/DOI/Hugging Face addresses, DOIs, library files, { title, abstract }",
        f"likes = [\n{likes},\n]" if likes else "likes = []",
        f"keywords = {_value(list(a.keywords))}",
        f"authors = {_value(list(a.authors))}             # followed: their papers always come",
        "# muted = []                       # words that keep a paper out",
        "",
        *_way_out(a),
        *_table("[inbox]                            # reads Like, Later and Unsubscribe", a.inbox),
        *_table("[summary]                          # one sentence a paper by a model", a.summary),
        "",
        "[store]",
        'path = "digest.db"',
        "",
    ]
    return "\n".join(lines)


def _way_out(a: Answers) -> list[str]:
    if not a.smtp_host:
        return [
            "# No mail server was named: editions are put into a folder that mail programs open.",
            "[maildir]",
            'path = "Maildir"',
        ]
    sender = a.sender or f"{a.title} <{a.email}>"
    if not parseaddr(sender)[1]:
        sender = a.email
    port = [f"port = {a.smtp_port}"] if a.smtp_port else []
    login = [f"username = {_text(a.username)}      # password: SMTP_PASSWORD in .env"]
    registration = []
    if a.oauth:
        login = [f"username = {_text(a.username)}", "oauth = true"]
        registration = [
            "",
            "[oauth]                            # docs/mail.md, then `digest login`",
            f"provider = {_text(a.oauth)}",
            'client_id = ""',
        ]
    return [
        "[smtp]",
        f"host = {_text(a.smtp_host)}",
        *port,
        f"security = {_text(a.security)}",
        *(login if a.username else []),
        f"sender = {_text(sender)}",
        *registration,
    ]
