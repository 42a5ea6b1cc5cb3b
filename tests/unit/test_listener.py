"""Where the web side listens: several processes share what comes at once."""

from __future__ import annotations

import socket
import sys
from contextlib import ExitStack

import pytest

from digest.errors import DigestError
from digest.web.site import listening, listening_together


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux deals connections out")
def test_connections_that_come_at_once_are_shared_and_none_is_turned_away() -> None:
    with ExitStack() as stack:
        listeners = [
            stack.enter_context(listener) for listener in listening_together("127.0.0.1", 0, 2)
        ]
        (address,) = {listener.getsockname() for listener in listeners}
        for _ in range(200):  # nobody accepts meanwhile
            client = socket.create_connection(address, timeout=5)
            stack.enter_context(client)
        taken = [_n_accepted(listener, stack) for listener in listeners]
    assert sum(taken) == 200
    assert min(taken) > 50, taken  # it is by chance: fewer in one of 10^12 runs


def _n_accepted(listener: socket.socket, stack: ExitStack) -> int:
    listener.setblocking(False)
    n = 0
    while True:
        try:
            stack.enter_context(listener.accept()[0])
        except BlockingIOError:
            return n
        n += 1


@pytest.mark.parametrize("n", [1, 2])
def test_a_second_site_at_the_port_is_told(n: int) -> None:
    with ExitStack() as stack:
        first = [
            stack.enter_context(listener) for listener in listening_together("127.0.0.1", 0, n)
        ]
        host, port = first[0].getsockname()
        with pytest.raises(DigestError, match="cannot be listened at"):
            listening(host, port)
        with pytest.raises(DigestError, match="cannot be listened at"):
            listening_together(host, port, 2)
