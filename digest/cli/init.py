"""`digest init`: a config file that says what was asked, and explains the rest."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from email.utils import parseaddr


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What `init` needs to know."""

    email: str
    name: str = ""
    title: str = "Morning papers"
    time: str = "07:30"
    timezone: str = "UTC"
    categories: Sequence[str] = ()
    likes: Sequence[str] = ()
    keywords: Sequence[str] = ()
    authors: Sequence[str] = ()
    #: nothing: a Maildir instead
    smtp_host: str = ""
    smtp_port: int | None = None
    security: str = "starttls"
    username: str = ""
    sender: str = ""


DEFAULT_CATEGORIES = ("cs.LG", "cs.CL")
#: host, port and security by the domain of an address; all of them take the address as login
PROVIDERS = {
    "gmail.com": ("smtp.gmail.com", 587, "starttls"),
    "googlemail.com": ("smtp.gmail.com", 587, "starttls"),
    "fastmail.com": ("smtp.fastmail.com", 465, "tls"),
    "gmx.de": ("mail.gmx.net", 587, "starttls"),
    "gmx.net": ("mail.gmx.net", 587, "starttls"),
    "icloud.com": ("smtp.mail.me.com", 587, "starttls"),
    "mailbox.org": ("smtp.mailbox.org", 587, "starttls"),
    "posteo.de": ("posteo.de", 465, "tls"),
    "web.de": ("smtp.web.de", 587, "starttls"),
    "yahoo.com": ("smtp.mail.yahoo.com", 465, "tls"),
}


def provider_of(email: str) -> tuple[str, int, str] | None:
    return PROVIDERS.get(email.rpartition("@")[2].lower())


def _text(value: str) -> str:
    """A TOML basic string; JSON's escapes are a subset of TOML's."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _list(values: Sequence[str]) -> str:
    return "[" + ", ".join(_text(v) for v in values) + "]"


def config_text(a: Answers) -> str:
    """The file. What was not asked stands there as a comment with its default."""
    name = [f"name = {_text(a.name)}"] if a.name else []
    likes = ",\n".join(f"  {_text(like)}" for like in a.likes)
    lines = [
        "# Written by `digest init`. All keys are explained in config.example.toml.",
        "# `digest check` tests this file, the sources and the mail server.",
        "",
        f"title = {_text(a.title)}",
        "# length = 12                      # most papers in one mail",
        '# on_empty = "nothing"             # or "note": a short mail on days without papers',
        "",
        "[schedule]",
        f"time = {_text(a.time)}",
        f"timezone = {_text(a.timezone)}",
        'weekdays = ["mon", "tue", "wed", "thu", "fri"]',
        "",
        "[[sources]]",
        'kind = "arxiv"',
        f"categories = {_list(a.categories or DEFAULT_CATEGORIES)}",
        "",
        "[[sources]]",
        'kind = "huggingface"               # Daily Papers: upvotes, code, discussions',
        "",
        "[[subscribers]]",
        f"email = {_text(a.email)}",
        *name,
        "# arXiv ids, arXiv/DOI/Hugging Face addresses, DOIs, library files, { title, abstract }",
        f"likes = [\n{likes},\n]" if likes else "likes = []",
        f"keywords = {_list(a.keywords)}",
        f"authors = {_list(a.authors)}                       # followed: their papers always come",
        "# muted = []                       # words that keep a paper out",
        "",
        *_way_out(a),
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
    return [
        "[smtp]",
        f"host = {_text(a.smtp_host)}",
        *port,
        f"security = {_text(a.security)}",
        *(login if a.username else []),
        f"sender = {_text(sender)}",
    ]
