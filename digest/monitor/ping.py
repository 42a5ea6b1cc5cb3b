"""A dead man's switch: a service is told when a run begins and how it ends, and raises the alarm
when it hears nothing. The addresses are those of healthchecks.io and its kin: URL/start, URL, and
URL/fail."""

from __future__ import annotations

import logging

from digest.errors import SourceError
from digest.fetcher import Fetcher

log = logging.getLogger(__name__)


class Ping:
    """Tells the service; one that does not answer changes nothing about the run."""

    def __init__(self, fetcher: Fetcher, url: str) -> None:
        self._fetcher, self._url = fetcher, url.rstrip("/")

    def start(self) -> None:
        self._tell("/start")

    def done(self, *, failed: bool) -> None:
        self._tell("/fail" if failed else "")

    def _tell(self, path: str) -> None:
        if not self._url:
            return
        try:
            # The operator named the address, so a private one is meant.
            self._fetcher.get(self._url + path, allow_private=True, max_bytes=100_000)
        except SourceError as error:
            log.warning("ping.failed path=%s error=%s", path or "/", error)
