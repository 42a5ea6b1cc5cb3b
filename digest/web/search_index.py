"""The archive's index, kept up to date beside the pages."""

from __future__ import annotations

import logging
import threading
import time

from digest.model import Paper
from digest.ranking.search import Answer, Index
from digest.store import Store
from digest.web.background import BackgroundTask

log = logging.getLogger(__name__)

#: papers read at a time for the index, and seconds between looks for more
CHUNK, INDEX_AGAIN_S = 2_000, 30.0


class SearchIndex(BackgroundTask):
    """Keeps the archive's index; pages search in whatever it holds by now."""

    def __init__(self, store: Store) -> None:
        super().__init__(INDEX_AGAIN_S)
        self._store = store
        self._index: Index | None = None
        self._position = -1
        self.ready = threading.Event()

    def __len__(self) -> int:
        return len(self._index) if self._index is not None else 0

    def work(self) -> None:
        """Read what arrived since the last look; all of it where statistics are learned anew."""
        started = time.monotonic()
        fresh, position = self._read(self._position)
        if not fresh and self._index is not None:
            return
        larger = self._index.with_more(fresh) if self._index is not None else None
        if larger is None:
            if self._index is not None:
                fresh, position = self._read(-1)
            larger = Index(fresh)
        if self._stopping.is_set():
            return
        self._index, self._position = larger, position
        self.ready.set()
        log.info("index.ready papers=%d took=%.1fs", len(larger), time.monotonic() - started)

    def _read(self, position: int) -> tuple[list[Paper], int]:
        found: list[Paper] = []
        while not self._stopping.is_set():
            part = self._store.archive.after(position, CHUNK)
            if not part:
                break
            # What is searched for and shown is title and abstract; the rest is read for the hits.
            found += [Paper(id=p.id, title=p.title, abstract=p.abstract) for _, p in part]
            position = part[-1][0]
        return found, position

    def search(
        self, question: Paper, n: int, skip: int = 0, leave_out: str = ""
    ) -> tuple[Answer, list[Paper]]:
        """The nearest papers that are indexed by now, after those that are skipped."""
        index = self._index
        if index is None:
            return Answer((), ()), []
        answer = index.search(question, skip + n, leave_out=leave_out)
        wanted = [h.paper_id for h in answer.hits[skip:]]
        papers = self._store.papers.get(wanted)
        return answer, [papers[i] for i in wanted if i in papers]
