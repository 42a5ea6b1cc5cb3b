"""Several processes behind one port: one interpreter uses one core."""

from __future__ import annotations

import logging
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Sequence
from types import FrameType

log = logging.getLogger(__name__)

#: a worker that ends sooner than this is started again after as long
SHORTEST_LIFE_S = 5.0
#: how long workers have to finish when we are told to stop
PATIENCE_S = 20.0


def supervise(listeners: Sequence[socket.socket], command: Sequence[str]) -> int:
    """Run `command` once for each listening socket until SIGTERM or Ctrl-C; one that dies is
    started again, and who came to it meanwhile waits. Returns an exit code.

    Args:
        command: to which "--fd" and the number of the socket are added.
    """
    stopping = threading.Event()

    def stop(number: int, frame: FrameType | None) -> None:
        stopping.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)

    def start(listener: socket.socket) -> tuple[subprocess.Popen[bytes], float]:
        fd = listener.fileno()
        child = subprocess.Popen([*command, "--fd", str(fd)], pass_fds=[fd])
        return child, time.monotonic()

    workers = [start(listener) for listener in listeners]
    while not stopping.wait(0.2):
        for at, (child, since) in enumerate(workers):
            code = child.poll()
            if code is None:
                continue
            log.error("serve.worker_died pid=%d code=%d", child.pid, code)
            if time.monotonic() - since < SHORTEST_LIFE_S and stopping.wait(SHORTEST_LIFE_S):
                break
            workers[at] = start(listeners[at])
    for listener in listeners:  # who comes now is refused, and does not wait for nobody
        listener.close()
    for child, _ in workers:
        child.terminate()
    until = time.monotonic() + PATIENCE_S
    for child, _ in workers:
        try:
            child.wait(max(0.1, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            child.kill()
    return 0
