"""A mail server that goes wrong as a test says: real sockets, one scripted fault a stage.

Stages, in their order: connect, ehlo, mail, rcpt, data, body (while it comes in), dot (the answer
to the final dot). At each the script may answer something else, close, or close without a word
after the message was taken, which is the one window that SMTP leaves open.
"""

from __future__ import annotations

import re
import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

#: what a server offers if a test says nothing else
EXTENSIONS: tuple[str, ...] = ("8BITMIME",)
STAGES = ("connect", "ehlo", "mail", "rcpt", "data", "body", "dot")


@dataclass(frozen=True)
class Fault:
    """What the server does instead of accepting."""

    #: a reply line, or nothing: it closes the connection
    reply: str = ""
    #: at "dot": the message is kept all the same
    keeps: bool = False
    #: after the reply the connection is closed
    closes: bool = False


#: stage, number of the session and of the message in all (from 1), recipient
Script = Callable[[str, int, int, str], Fault | None]


@dataclass
class Kept:
    """A message that the server took."""

    recipient: str
    message_id: str
    sender: str
    body: bytes
    session: int


@dataclass
class FaultyServer:
    script: Script = lambda stage, session, message, recipient: None
    kept: list[Kept] = field(default_factory=list)
    n_sessions: int = 0
    n_messages: int = 0
    n_open: int = 0
    #: connections at the same time
    most_at_once: int = 0
    port: int = 0
    extensions: tuple[str, ...] = field(default_factory=lambda: EXTENSIONS)
    #: says 354 even if it refused every recipient, as RFC 2920 lets it
    eager: bool = False
    #: between keeping a message and saying so: the window that a crash may fall into
    delay_s: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def to(self, recipient: str) -> list[Kept]:
        return [k for k in self.kept if k.recipient == recipient]


class _Closed(Exception):
    pass


class _Session(socketserver.StreamRequestHandler):
    server: _Server  # type: ignore[assignment]

    def handle(self) -> None:
        box = self.server.box
        with box.lock:
            box.n_sessions += 1
            self.number = box.n_sessions
            box.n_open += 1
            box.most_at_once = max(box.most_at_once, box.n_open)
        self.message, self.sender, self.recipient = 0, "", ""
        self.has_sender = self.has_recipient = False
        try:
            self.answer("connect", "220 faulty ESMTP")
            while line := self.rfile.readline():
                self.command(line.decode("utf-8", "replace").strip())
        except (_Closed, OSError):
            pass
        finally:
            with box.lock:
                box.n_open -= 1

    def command(self, line: str) -> None:
        verb = line.upper()
        box = self.server.box
        if verb.startswith(("EHLO", "HELO")):
            lines = ["faulty", *box.extensions]
            marked = [f"250{'-' if i < len(lines) - 1 else ' '}{x}" for i, x in enumerate(lines)]
            self.answer("ehlo", "\r\n".join(marked))
        elif verb.startswith("MAIL"):
            with box.lock:
                box.n_messages += 1
                self.message = box.n_messages
            self.sender = re.search(r"<([^>]*)>", line)[1]  # type: ignore[index]
            self.has_sender = self.answer("mail", "250 2.1.0 ok")
            self.has_recipient = False
        elif verb.startswith("RCPT"):
            self.recipient = re.search(r"<([^>]*)>", line)[1]  # type: ignore[index]
            if not self.has_sender:
                self.say("503 5.5.1 MAIL first")
            else:
                self.has_recipient = self.answer("rcpt", "250 2.1.5 ok")
        elif verb.startswith("DATA"):
            if not self.has_recipient and not box.eager:
                self.say("554 5.5.1 no valid recipients")
            elif self.answer("data", "354 go on"):
                self.data()
        elif verb.startswith("QUIT"):
            self.say("221 2.0.0 bye")
            raise _Closed
        else:
            self.say("250 2.0.0 ok")

    def data(self) -> None:
        lines: list[bytes] = []
        fault = self.fault("body")
        while (line := self.rfile.readline()) not in (b".\r\n", b""):
            lines.append(line)
            if fault is not None and len(lines) > 3:
                raise _Closed
        if line == b"":
            raise _Closed  # torn before its end: nothing is kept
        body = b"".join(x[1:] if x.startswith(b"..") else x for x in lines)
        fault = self.fault("dot")
        if fault is None or fault.keeps:
            found = re.search(rb"^Message-ID: (\S+)", body, re.M)
            kept = Kept(
                self.recipient,
                found[1].decode() if found else "",
                self.sender,
                body,
                self.number,
            )
            with self.server.box.lock:
                self.server.box.kept.append(kept)
            time.sleep(self.server.box.delay_s)
        self.carry_out(fault, "250 2.0.0 kept")

    def fault(self, stage: str) -> Fault | None:
        return self.server.box.script(stage, self.number, self.message, self.recipient)

    def answer(self, stage: str, usual: str) -> bool:
        """Returns whether it was the usual answer."""
        fault = self.fault(stage)
        self.carry_out(fault, usual)
        return fault is None

    def carry_out(self, fault: Fault | None, usual: str) -> None:
        if fault is not None and not fault.reply:
            raise _Closed
        self.say(fault.reply if fault else usual)
        if fault is not None and fault.closes:
            raise _Closed

    def say(self, text: str) -> None:
        self.wfile.write(text.encode() + b"\r\n")


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    box: FaultyServer


@contextmanager
def faulty_server(script: Script | None = None) -> Iterator[FaultyServer]:
    box = FaultyServer()
    if script is not None:
        box.script = script
    server = _Server(("127.0.0.1", 0), _Session)
    server.box = box
    box.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield box
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def once(stage: str, fault: Fault, recipient: str = "") -> Script:
    """The fault, the first time that the stage is reached (for this recipient, if one is named)."""
    left = [fault]

    def script(at: str, session: int, message: int, to: str) -> Fault | None:
        return left.pop() if left and at == stage and (not recipient or to == recipient) else None

    return script


def always(stage: str, fault: Fault, recipient: str = "") -> Script:
    def script(at: str, session: int, message: int, to: str) -> Fault | None:
        return fault if at == stage and (not recipient or to == recipient) else None

    return script
