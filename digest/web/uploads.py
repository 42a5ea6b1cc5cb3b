"""Library files that visitors hand in: how many at a time, how often, for how long."""

from __future__ import annotations

import asyncio
import os

from digest.errors import LibraryError
from digest.library.isolated import read_isolated
from digest.ports import Likes
from digest.web.guard import RateLimiter

#: files read at a time, and files that wait for their turn
AT_A_TIME, MOST_WAITING = max(1, (os.cpu_count() or 2) // 2), 20
#: files of one client in a minute
PER_MINUTE = 6


class TooBusy(LibraryError):
    """Others' files come first; later there will be room."""


class Uploads:
    """Reads uploaded files in processes of their own, a few at a time."""

    def __init__(self) -> None:
        self._turn = asyncio.Semaphore(AT_A_TIME)
        self._n_waiting = 0
        self._pace = RateLimiter(PER_MINUTE)

    def allows(self, client: str, now: float) -> bool:
        """Whether a client may hand in another file.

        Args:
            client: an address or a reader; see `guard.client_of`.
            now: seconds of a clock that only goes forward.
        """
        return self._pace.allows(client, now)

    async def read(self, body: bytes, place: str) -> Likes:
        """The papers of a file.

        Raises:
            TooBusy: too many files wait.
            LibraryError: see `read_isolated`.
        """
        if self._n_waiting >= MOST_WAITING:
            raise TooBusy(
                "Many libraries are being read just now. Please try again in a few minutes.",
                place=place,
            )
        self._n_waiting += 1
        try:
            async with self._turn:
                return await read_isolated("", body, place)
        finally:
            self._n_waiting -= 1
