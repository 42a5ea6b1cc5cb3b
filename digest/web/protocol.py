"""HTTP connections that must get to the point: a head that is not whole in time is dropped.

uvicorn bounds how long a connection may be idle, and we how long a body may take; between the two
a client could send half a head and keep its place for ever.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

from uvicorn.protocols.http.auto import AutoHTTPProtocol

#: seconds for the head of a request, and connections of one client that may be without one
HEAD_S, MOST_WITHOUT_HEAD = 10.0, 100


class HttpProtocol(AutoHTTPProtocol):  # type: ignore[misc, valid-type]
    """uvicorn's protocol with a deadline for heads; see `uvicorn.Config.http`."""

    head_s = HEAD_S
    _without_head: Counter[str] = Counter()

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._deadline: asyncio.TimerHandle | None = None
        self._host = ""

    def connection_made(self, transport: asyncio.Transport) -> None:
        super().connection_made(transport)
        peer = transport.get_extra_info("peername")
        self._host = str(peer[0]) if isinstance(peer, tuple) else ""
        self._wait_for_head()
        if self._without_head[self._host] > MOST_WITHOUT_HEAD:
            transport.abort()

    def data_received(self, data: bytes) -> None:
        before = self.cycle
        super().data_received(data)
        if self.cycle is not before:
            self._head_is_here()
        elif before is None or before.response_complete:
            self._wait_for_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_is_here()
        super().connection_lost(exc)

    def _wait_for_head(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(self.head_s, self.transport.abort)
            self._without_head[self._host] += 1

    def _head_is_here(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
            self._without_head[self._host] -= 1
            if self._without_head[self._host] <= 0:
                del self._without_head[self._host]
