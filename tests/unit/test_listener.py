"""Where the web side listens: several processes share what comes at once."""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from contextlib import ExitStack

from digest.web.site import ACCEPTED_AT_A_TIME, listening


def test_connections_that_come_at_once_are_shared_and_none_is_turned_away() -> None:
    taken: Counter[int] = Counter()

    class Counted(asyncio.Protocol):
        def __init__(self, process: int) -> None:
            self._process = process

        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            taken[self._process] += 1
            transport.close()

    async def main(stack: ExitStack) -> None:
        listener = stack.enter_context(listening("127.0.0.1", 0))
        loop = asyncio.get_running_loop()
        servers = [
            await loop.create_server(
                lambda n=n: Counted(n),  # type: ignore[misc]
                sock=listener.dup(),
                backlog=ACCEPTED_AT_A_TIME,
            )
            for n in range(2)
        ]
        for _ in range(40):  # nobody accepts meanwhile
            client = socket.create_connection(listener.getsockname(), timeout=5)
            stack.enter_context(client)
        while taken.total() < 40:
            await asyncio.sleep(0)
        await asyncio.sleep(0.01)  # until all are closed
        for server in servers:
            server.close()
            await server.wait_closed()

    with ExitStack() as stack:
        asyncio.run(asyncio.wait_for(main(stack), 30))
    assert taken == {0: 20, 1: 20}
