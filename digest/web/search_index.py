"""The archive's index, kept up to date beside the pages."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from digest.model import Paper
from digest.query import Field, Phrase, Query
from digest.ranking.search import Answer, Index
from digest.store import Store
from digest.terms import search_words
from digest.web.background import BackgroundTask

log = logging.getLogger(__name__)

#: papers read at a time for the index, and seconds between looks for more
CHUNK, INDEX_AGAIN_S = 2_000, 30.0


#: hits of a question, and papers that meet its conditions and are put in order
MOST_HITS, MOST_WITHIN = 200, 5_000
#: where the words of a question are looked for as they are written, in the order of the hits, if it
#: has so many words at most: a title may be long, a name is not
_TIERS = ((Field.TITLE, 30), (Field.AUTHORS, 6), (Field.ABSTRACT, 6))


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found, best first."""

    #: words that it was found by, weightiest first
    terms: tuple[str, ...]
    papers: tuple[Paper, ...]


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

    def near(self, paper: Paper, n: int, skip: int = 0) -> Found:
        """The papers nearest to one, after those that are skipped."""
        answer = self._nearest(paper, skip + n, leave_out=paper.id)
        return self._read_found([h.paper_id for h in answer.hits], answer.terms, skip, n)

    def find(self, query: Query, n: int, skip: int = 0) -> Found:
        """Papers for a question: those in which it stands as it is written, first where it is in
        the title; then the nearest ones. Conditions hold for all of them."""
        words = search_words(query.text)
        search = self._store.search
        within = search.find(query, MOST_WITHIN) if query.is_strict else None
        nearest = self._nearest(Paper(id="", title=query.text), MOST_HITS, within=within)
        place = {h.paper_id: at for at, h in enumerate(nearest.hits)}
        ordered: dict[str, None] = {}
        for field, most_words in _TIERS:
            if 0 < len(words) <= most_words:
                held = search.find(query, MOST_HITS, [Phrase(words, (field,))])
                held.sort(key=lambda i: place.get(i, MOST_HITS))
                ordered |= dict.fromkeys(held)
        ordered |= dict.fromkeys(place)
        ordered |= dict.fromkeys(within or ())
        terms = nearest.terms or (words if ordered else ())
        return self._read_found(list(ordered)[:MOST_HITS], terms, skip, n)

    def _nearest(
        self, paper: Paper, n: int, leave_out: str = "", within: Collection[str] | None = None
    ) -> Answer:
        index = self._index
        if index is None:
            return Answer((), ())
        return index.search(paper, n, leave_out=leave_out, within=within)

    def _read_found(self, ids: Sequence[str], terms: Sequence[str], skip: int, n: int) -> Found:
        wanted = ids[skip : skip + n]
        papers = self._store.papers.get(wanted)
        return Found(tuple(terms), tuple(papers[i] for i in wanted if i in papers))
