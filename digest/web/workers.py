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


def supervise(listener: socket.socket, command: Sequence[str], n: int) -> int:
    """Run `command` n times over the same listening socket until SIGTERM or Ctrl-C; one that dies
    is started again. Returns an exit code.

    Args:
        command: to which "--fd" and the number of the socket are added.
    """
    stopping = threading.Event()

    def stop(number: int, frame: FrameType | None) -> None:
        stopping.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    fd = listener.fileno()
    listener.set_inheritable(True)

    def start() -> tuple[subprocess.Popen[bytes], float]:
        child = subprocess.Popen([*command, "--fd", str(fd)], pass_fds=[fd])
        return child, time.monotonic()

    workers = [start() for _ in range(n)]
    while not stopping.wait(0.2):
        for at, (child, since) in enumerate(workers):
            code = child.poll()
            if code is None:
                continue
            log.error("serve.worker_died pid=%d code=%d", child.pid, code)
            if time.monotonic() - since < SHORTEST_LIFE_S and stopping.wait(SHORTEST_LIFE_S):
                break
            workers[at] = start()
    for child, _ in workers:
        child.terminate()
    until = time.monotonic() + PATIENCE_S
    for child, _ in workers:
        try:
            child.wait(max(0.1, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            child.kill()
    return 0
