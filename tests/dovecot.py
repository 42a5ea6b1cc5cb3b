"""A real IMAP server for a test: Dovecot on a free loopback port, with one user and a Maildir."""

from __future__ import annotations

import grp
import imaplib
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

PASSWORD = "hush"
CONFIG = """
protocols = imap
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/log
listen = 127.0.0.1
ssl = no
disable_plaintext_auth = no
auth_mechanisms = plain login xoauth2 oauthbearer
mail_location = maildir:{folder}/mail
first_valid_uid = 0
first_valid_gid = 0
default_internal_user = {user}
default_login_user = {user}
default_internal_group = {group}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
service anvil {{
  chroot =
}}
service stats {{
  chroot =
}}
passdb {{
  driver = oauth2
  mechanisms = xoauth2 oauthbearer
  args = {folder}/oauth2.conf
}}
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={folder}
}}
"""


def program() -> str:
    """Skip the test, aloud, where there is no Dovecot."""
    found = shutil.which("dovecot") or "/usr/sbin/dovecot"
    if not Path(found).exists():
        pytest.skip("there is no Dovecot (dovecot-imapd) on this machine")
    return found


@dataclass
class Dovecot:
    """A running server."""

    port: int

    def connect(self) -> imaplib.IMAP4:
        imap = imaplib.IMAP4("127.0.0.1", self.port, timeout=10)
        imap.login("digest", PASSWORD)
        return imap

    def deliver(self, *mails: bytes, folder: str = "INBOX") -> None:
        with self.connect() as imap:
            if folder != "INBOX":
                imap.create(f'"{folder}"')
            for mail in mails:
                imap.append(f'"{folder}"', "", "", mail)

    def seen(self) -> int:
        with self.connect() as imap:
            imap.select(readonly=True)
            return len(imap.search(None, "SEEN")[1][0].split())


@contextmanager
def dovecot(*, token_info: str = "http://127.0.0.1:9/?access_token=") -> Iterator[Dovecot]:
    """A server that lets anybody in who knows the password. As root it runs as another user, since
    it gives nobody's mail to root.

    Args:
        token_info: where it asks what an access token is good for.
    """
    server = program()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
    person = pwd.getpwnam("nobody") if os.getuid() == 0 else pwd.getpwuid(os.getuid())
    folder = Path(tempfile.mkdtemp(prefix="dovecot-"))
    for name in ("run", "state", "mail"):
        (folder / name).mkdir()
    config = folder / "dovecot.conf"
    config.write_text(
        CONFIG.format(
            folder=folder,
            port=port,
            password=PASSWORD,
            user=person.pw_name,
            group=grp.getgrgid(person.pw_gid).gr_name,
            uid=person.pw_uid,
            gid=person.pw_gid,
        ),
        "utf-8",
    )
    (folder / "oauth2.conf").write_text(
        f"tokeninfo_url = {token_info}\nusername_attribute = email\ntimeout_msecs = 3000\n",
        "utf-8",
    )
    other: dict[str, object] = {}
    if os.getuid() == 0:
        for path in (folder, *folder.rglob("*")):
            os.chown(path, person.pw_uid, person.pw_gid)
        other = {"user": person.pw_uid, "group": person.pw_gid, "extra_groups": []}
    command = [server, "-F", "-c", str(config)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, **other)  # type: ignore[call-overload]
    try:
        _wait(process, port, folder / "log")
        yield Dovecot(port)
    finally:
        process.terminate()
        process.wait(10)
        if process.stderr:
            process.stderr.close()
        shutil.rmtree(folder, ignore_errors=True)


def _wait(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        if process.poll() is not None:
            said = process.stderr.read().decode() if process.stderr else ""
            pytest.skip(f"Dovecot does not start here: {said[:300]}")
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1) as open_:
            if open_.recv(4) == b"* OK":
                return
        time.sleep(0.05)
    pytest.skip(f"Dovecot does not answer here: {log.read_text()[:1500] if log.exists() else ''}")
