"""Work beside the pages: a thread that is woken by a need or by the clock."""

from __future__ import annotations

import logging
import threading

from digest.errors import DigestError

log = logging.getLogger(__name__)


class BackgroundTask:
    """Work in the background, woken by a need or by the clock."""

    def __init__(self, every_s: float) -> None:
        self._every_s = every_s
        self._wake, self._stopping = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name=type(self).__name__)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(timeout=10)

    def wake(self) -> None:
        self._wake.set()

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._wake.clear()
            try:
                self.work()
            except DigestError as error:
                log.error("%s failed: %s", type(self).__name__.lower(), error)
            except Exception:  # a fault of the hour must not end the thread
                log.exception("%s crashed", type(self).__name__.lower())
            self._wake.wait(self._every_s)

    def work(self) -> None:
        raise NotImplementedError
