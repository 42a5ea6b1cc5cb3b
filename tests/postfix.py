"""A real mail server for a test: Postfix on a free loopback port, which takes mail for anybody, and
hears from the next server only later that it was not wanted. Needs root, as Postfix does."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

MAIN = """
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
command_directory = /usr/sbin
daemon_directory = {daemons}
mail_owner = postfix
setgid_group = postdrop
maillog_file = {folder}/log
maillog_file_prefixes = {folder}
myhostname = mx.example.org
mydestination =
alias_maps =
alias_database =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
smtpd_relay_restrictions = permit_mynetworks, reject
recipient_delimiter = +
virtual_mailbox_domains = {domain}
virtual_mailbox_base = {folder}/mail
virtual_mailbox_maps = static:inbox/
virtual_minimum_uid = 1
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}
transport_maps = inline:{{ {transports} }}
relay_domains = {relayed}
"""
MASTER = """
{port} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""


@dataclass
class Postfix:
    """A running server."""

    port: int
    folder: Path

    @property
    def inbox(self) -> Path:
        """A Maildir with all that came to its own domain."""
        return self.folder / "mail" / "inbox"

    def log(self) -> str:
        file = self.folder / "log"
        return file.read_text("utf-8", "replace") if file.exists() else ""


@contextmanager
def postfix(domain: str, next_servers: Mapping[str, int]) -> Iterator[Postfix]:
    """A server for the mail of one domain, that passes that of others on.

    Args:
        next_servers: port on this machine, by domain.
    """
    daemons = next((d for d in ("/usr/lib/postfix/sbin", "/usr/libexec/postfix")
                    if Path(d, "master").exists()), "")  # fmt: skip
    program = shutil.which("postfix", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if not daemons or program is None:
        pytest.skip("there is no Postfix on this machine")
    if os.getuid() != 0:
        pytest.skip("Postfix starts as root alone")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
    folder = Path(tempfile.mkdtemp(prefix="postfix-"))
    folder.chmod(0o755)
    owner, person = pwd.getpwnam("postfix"), pwd.getpwnam("nobody")
    for name, who in (("queue", 0), ("data", owner.pw_uid), ("mail", person.pw_uid)):
        (folder / name).mkdir()
        os.chown(folder / name, who, -1)
    transports = ", ".join(
        f"{{ {name} = smtp:[127.0.0.1]:{other} }}" for name, other in next_servers.items()
    )
    main = MAIN.format(
        folder=folder,
        daemons=daemons,
        domain=domain,
        transports=transports,
        relayed=", ".join(next_servers),
        uid=person.pw_uid,
        gid=person.pw_gid,
    )
    (folder / "main.cf").write_text(main, "utf-8")
    (folder / "master.cf").write_text(MASTER.format(port=f"127.0.0.1:{port}"), "utf-8")

    def control(verb: str) -> str:
        done = subprocess.run(
            [program, "-c", str(folder), verb], capture_output=True, text=True, check=False
        )
        return done.stderr if done.returncode else ""

    try:
        fault, server = control("start"), Postfix(port, folder)
        deadline = time.monotonic() + 15
        while not fault and time.monotonic() < deadline:
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1) as opened:
                if opened.recv(4) == b"220 ":
                    break
            time.sleep(0.05)
        else:
            pytest.skip(f"Postfix does not start here: {fault} {server.log()[-500:]}")
        yield server
    finally:
        control("stop")
        shutil.rmtree(folder, ignore_errors=True)
