"""How fast one process asks a host."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Pacer:
    """Keeps requests to one host apart; threads that want the same host queue up."""

    def __init__(self, monotonic: Callable[[], float], sleep: Callable[[float], None]) -> None:
        self._monotonic, self._sleep = monotonic, sleep
        self._guard = threading.Lock()
        self._locks: dict[str, threading.Lock] = {}
        self._free_at: dict[str, float] = {}

    def hold(self, host: str, seconds: float) -> None:
        """The host wants a pause before the next request."""
        now = self._monotonic()
        self._free_at[host] = max(self._free_at.get(host, now), now + seconds)

    def wait(self, host: str, interval_s: float) -> None:
        with self._guard:
            lock = self._locks.setdefault(host, threading.Lock())
        with lock:
            now = self._monotonic()
            pause = self._free_at.get(host, now) - now
            if pause > 0:
                self._sleep(pause)
            self._free_at[host] = self._monotonic() + interval_s
