"""Where mail arrives: a Maildir, or a folder on an IMAP server."""

from __future__ import annotations

import base64
import imaplib
import mailbox
import re
import ssl
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from digest.channels.email.inbound import MAX_BYTES
from digest.channels.email.oauth import (
    AccessToken,
    chosen_mechanism,
    initial_response,
    last_response,
    login_hint,
)
from digest.errors import InboxError, LoginError

#: a mailbox may be shared with people: of so many unread mails the latest are looked at
MAX_MAILS = 2_000
#: headers that are asked for at once
HEADERS_AT_ONCE = 50


class MaildirBox:
    """Implements `ports.Inbox`: unseen mails of a Maildir; done ones are marked as seen."""

    def __init__(self, path: Path) -> None:
        if not (path / "new").is_dir():
            raise InboxError(f"{path} is no Maildir: it has no folder named new.")
        self._path, self._box = path, mailbox.Maildir(path, create=False)
        #: what was seen is marked in the files' names
        self.position = ""

    def unread(self, needs_body: Callable[[bytes], bool]) -> Iterator[tuple[str, bytes]]:
        names = [p.name for p in (self._path / "new").iterdir()]
        if (self._path / "cur").is_dir():
            names += [
                p.name
                for p in (self._path / "cur").iterdir()
                if "S" not in p.name.partition(":2,")[2]
            ]
        for name in sorted(n for n in names if not n.startswith("."))[-MAX_MAILS:]:
            key = name.partition(":")[0]
            with suppress(KeyError, OSError):  # a mail program was quicker
                with self._box.get_file(key) as file:
                    raw = file.read(MAX_BYTES)
                yield key, raw if needs_body(headers_of(raw)) else headers_of(raw)

    def done(self, key: str) -> None:
        with suppress(KeyError, OSError):
            message = self._box[key]
            message.set_subdir("cur")
            message.add_flag("S")
            self._box[key] = message

    def close(self) -> None:
        self._box.close()


class ImapBox:
    """Implements `ports.Inbox`: unseen mails of one folder; done ones are marked as seen, and
    nothing is deleted.

    Raises:
        InboxError: the server cannot be reached, or refuses login or folder.
    """

    def __init__(
        self,
        *,
        host: str,
        port: int,
        security: str,
        username: str,
        password: str = "",
        token: AccessToken | None = None,
        folder: str = "INBOX",
        position: str = "",
        timeout_s: float = 60.0,
        tls_context: ssl.SSLContext | None = None,
    ) -> None:
        self._where = f"{host}:{port}"
        context = tls_context or ssl.create_default_context()
        opened: imaplib.IMAP4 | None = None
        try:
            if security == "tls":
                opened = imaplib.IMAP4_SSL(host, port, ssl_context=context, timeout=timeout_s)
            else:
                opened = imaplib.IMAP4(host, port, timeout=timeout_s)
                if security == "starttls":
                    opened.starttls(context)
            if token is not None:
                _log_in_by_token(opened, username, token, host, port)
            else:
                _log_in(opened, username, password)
            status, answer = opened.select(_quoted(modified_utf7(folder)))
            if status != "OK" and "&" in folder and folder.isascii():
                # written as the server writes it, which was the only way once
                status, answer = opened.select(_quoted(folder))
            if status != "OK":
                raise InboxError(f"{self._where} has no folder {folder}: {_said(answer)}.")
        except (OSError, imaplib.IMAP4.error, ValueError, InboxError, LoginError) as error:
            if opened is not None:
                with suppress(OSError):
                    opened.shutdown()
            if isinstance(error, InboxError):
                raise
            hint = "Check [inbox]."
            if isinstance(error, imaplib.IMAP4.error):
                hint = login_hint(host, _plainly(error), by_token=token is not None)
                hint = hint.replace("SMTP_PASSWORD", "INBOX_PASSWORD")
            raise InboxError(f"{self._where} cannot be read: {_plainly(error)}. {hint}") from error
        self._imap = opened
        _, validity = opened.response("UIDVALIDITY")
        first = validity[0] if validity else None
        self._validity = first.decode() if isinstance(first, bytes) else ""
        known, _, last = position.partition(":")
        # numbers of another validity mean other mails (RFC 3501, 2.3.1.1)
        self._known = int(last) if known == self._validity and last.isdigit() else 0
        self._last = self._known

    @property
    def position(self) -> str:
        return f"{self._validity}:{self._last}" if self._validity else ""

    def unread(self, needs_body: Callable[[bytes], bool]) -> Iterator[tuple[str, bytes]]:
        criteria = ("UNSEEN", "UID", f"{self._known + 1}:*") if self._validity else ("UNSEEN",)
        status, found = self._call("search", None, *criteria)
        if status != "OK":
            raise InboxError(f"{self._where} cannot search: {_said(found)}.")
        listed = found[0] if found and isinstance(found[0], bytes) else b""
        # "n:*" names the last mail even if its number is less
        uids = sorted(n for n in map(int, listed.split()) if n > self._known)[-MAX_MAILS:]
        for start in range(0, len(uids), HEADERS_AT_ONCE):
            some = uids[start : start + HEADERS_AT_ONCE]
            headers = self._fetched(some, "BODY.PEEK[HEADER]")
            for uid in some:
                head = headers.get(uid)
                if head is not None and needs_body(head):
                    head = self._fetched([uid], f"BODY.PEEK[]<0.{MAX_BYTES}>").get(uid)
                if head is not None:
                    yield str(uid), head
                self._last = max(self._last, uid) if self._validity else 0

    def _fetched(self, uids: Sequence[int], what: str) -> dict[int, bytes]:
        """Some part of mails, by their number."""
        status, parts = self._call("fetch", ",".join(map(str, uids)), f"(UID {what})")
        found: dict[int, bytes] = {}
        for part in parts if status == "OK" else []:
            if isinstance(part, tuple) and (number := _UID.search(part[0])):
                found[int(number[1])] = part[1]
        return found

    def done(self, key: str) -> None:
        self._call("store", key.encode(), "+FLAGS", "(\\Seen)")

    def close(self) -> None:
        with suppress(OSError, imaplib.IMAP4.error):
            self._imap.close()
            self._imap.logout()

    def _call(self, command: str, *arguments: object) -> tuple[str, list[object]]:
        try:
            return self._imap.uid(command, *arguments)  # type: ignore[arg-type]
        except (OSError, imaplib.IMAP4.error) as error:
            raise InboxError(f"{self._where} broke off: {_plainly(error)}.") from error


_UID = re.compile(rb"UID (\d+)")


def headers_of(raw: bytes) -> bytes:
    """A mail up to its body."""
    end = re.search(rb"\r?\n\r?\n", raw)
    return raw[: end.end()] if end else raw


def _log_in(imap: imaplib.IMAP4, username: str, password: str) -> None:
    """LOGIN, which everybody understands; AUTHENTICATE PLAIN (RFC 4616) for letters that it cannot
    carry.

    Raises:
        InboxError: the server offers no way to carry them.
    """
    username, password = (unicodedata.normalize("NFC", t) for t in (username, password))
    both = username + password
    if both.isascii() and both.isprintable():
        imap.login(username, password)
    elif "AUTH=PLAIN" in imap.capabilities:
        imap.authenticate("PLAIN", lambda _: f"\0{username}\0{password}".encode())
    else:
        raise InboxError(
            "The IMAP server offers no login for a name or password with letters outside ASCII "
            "(AUTH=PLAIN). Choose a password of plain letters, digits and signs."
        )


def _log_in_by_token(
    imap: imaplib.IMAP4, username: str, token: AccessToken, host: str, port: int
) -> None:
    """AUTHENTICATE OAUTHBEARER (RFC 7628) or XOAUTH2.

    Raises:
        InboxError: the server offers neither.
        LoginError: there is no token.
    """
    offered = " ".join(c.removeprefix("AUTH=") for c in imap.capabilities if c.startswith("AUTH="))
    mechanism = chosen_mechanism(offered)
    if not mechanism:
        raise InboxError("The IMAP server offers no login by OAuth (XOAUTH2 or OAUTHBEARER).")
    first = initial_response(mechanism, username, token.get(), host, port).encode()
    answers = iter([first])
    try:
        imap.authenticate(mechanism, lambda _: next(answers, last_response(mechanism).encode()))
    except imaplib.IMAP4.error:
        token.forget()
        raise


def modified_utf7(name: str) -> str:
    """A folder's name as IMAP writes it (RFC 3501, 5.1.3).

    >>> modified_utf7("Entwürfe & mehr")
    'Entw&APw-rfe &- mehr'
    """
    parts = re.split(r"([^\x20-\x7e]+)", unicodedata.normalize("NFC", name))
    for n, part in enumerate(parts):
        if n % 2:
            code = base64.b64encode(part.encode("utf-16-be")).decode("ascii")
            parts[n] = f"&{code.rstrip('=').replace('/', ',')}-"
        else:
            parts[n] = part.replace("&", "&-")
    return "".join(parts)


def _quoted(name: str) -> str:
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _said(answer: object) -> str:
    parts = answer if isinstance(answer, list) else [answer]
    return " ".join(p.decode("utf-8", "replace") if isinstance(p, bytes) else str(p) for p in parts)


def _plainly(error: BaseException) -> str:
    text = str(error)
    match = re.fullmatch(r"b'(.*)'", text)
    return (match[1] if match else text).rstrip(".") or type(error).__name__
