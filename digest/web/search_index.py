"""The archive's index, kept up to date beside the pages."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from digest.model import Paper
from digest.query import Field, Phrase, Query
from digest.ranking.search import Answer, Index
from digest.store import Store
from digest.terms import search_words
from digest.web.background import BackgroundTask
from digest.web.index_files import IndexFiles, read_papers

log = logging.getLogger(__name__)

#: seconds between looks for more
INDEX_AGAIN_S = 30.0
#: papers that a process adds to an index in its own memory, before files are made of all; and
#: seconds until it tries again where they could not be made
MOST_RECENT, BUILD_AGAIN_S = 5_000, 3_600.0

#: hits of a question, and papers that meet its conditions and are put in order
MOST_HITS, MOST_WITHIN = 200, 5_000
#: where the words of a question are looked for as they are written, in the order of the hits
_TIERS = (Field.TITLE, Field.AUTHORS, Field.ABSTRACT)
#: words of a question that is looked for so; whatever holds more of them as they stand is among the
#: nearest anyway, of which so many are looked at for a title
MOST_WORDS, MOST_TITLES = 6, 30


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found, best first."""

    #: words that it was found by, weightiest first
    terms: tuple[str, ...]
    papers: tuple[Paper, ...]


class SearchIndex(BackgroundTask):
    """Keeps the archive's index; pages search in whatever it holds by now.

    Args:
        files: where a large index lies; None: in the memory of this process.
        build: makes the files, in a process of its own; returns whether it could.
    """

    def __init__(
        self,
        store: Store,
        files: IndexFiles | None = None,
        build: Callable[[threading.Event], bool] | None = None,
    ) -> None:
        super().__init__(INDEX_AGAIN_S)
        self._store, self._files, self._build = store, files, build
        self._index: Index | None = None
        self._position = -1
        #: up to which statistics were learned, here or for files; files that know more are taken
        self._learned = -1
        #: by the monotonic clock: files are not made sooner
        self._not_before = 0.0
        self.ready = threading.Event()

    def __len__(self) -> int:
        return len(self._index) if self._index is not None else 0

    @property
    def state(self) -> str:
        """Another text whenever answers may be others."""
        return f"{self._position}.{self._learned}"

    def work(self) -> None:
        """Read what arrived since the last look; all of it where statistics are learned anew."""
        started = time.monotonic()
        self._map()
        if self._store.archive.state()[0] - self._position >= MOST_RECENT:
            self._make_files()
        fresh, position = self._read(self._position)
        if not fresh and self._index is not None:
            return
        larger = self._index.with_more(fresh) if self._index is not None else None
        if larger is None:
            if self._index is not None:
                fresh, position = self._read(-1)
            larger, self._learned = Index(fresh), position
        if self._stopping.is_set():
            return
        self._index, self._position = larger, position
        self.ready.set()
        log.info("index.ready papers=%d took=%.1fs", len(larger), time.monotonic() - started)

    def _map(self) -> bool:
        """Take the files, if they are newer than what is held; returns whether they were."""
        if self._files is None or self._files.position() <= self._learned:
            return False
        found = self._files.load()
        last, _ = self._store.archive.state()
        if found is None or found[1] > last:  # of a database that a backup replaced since then
            return False
        self._index, self._position = found
        self._learned = self._position
        self.ready.set()
        return True

    def _make_files(self) -> None:
        """Have the files made anew, by this process or by the one that is at it."""
        files, build = self._files, self._build
        if files is None or build is None or time.monotonic() < self._not_before:
            return
        try:
            while not self._stopping.is_set():
                with files.turn() as mine:
                    if self._map():  # somebody else made them meanwhile
                        return
                    if mine:
                        if not (build(self._stopping) and self._map()):
                            self._not_before = time.monotonic() + BUILD_AGAIN_S
                        return
                if self._index is not None:
                    return  # they are there at a later look
                self._stopping.wait(0.5)
        except OSError as error:
            log.warning("index.no_files folder=%s error=%s", files.folder, error)
            self._not_before = time.monotonic() + BUILD_AGAIN_S

    def _read(self, position: int) -> tuple[list[Paper], int]:
        found: list[Paper] = []
        for last, part in read_papers(self._store, position):
            found += part
            position = last
            if self._stopping.is_set():
                break
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
        read: Mapping[str, Paper] = {}
        if len(words) > MOST_WORDS and place:
            likely = list(place)[:MOST_TITLES]
            read = self._store.papers.get(likely)
            ordered |= dict.fromkeys(_entitled(read, likely, words))
        elif words:
            tiers = [[Phrase(words, (field,))] for field in _TIERS]
            for held in search.find_each(query, MOST_HITS, tiers):
                held.sort(key=lambda i: place.get(i, MOST_HITS))
                ordered |= dict.fromkeys(held)
        ordered |= dict.fromkeys(place)
        ordered |= dict.fromkeys(within or ())
        terms = nearest.terms or (words if ordered else ())
        return self._read_found(list(ordered)[:MOST_HITS], terms, skip, n, read)

    def _nearest(
        self, paper: Paper, n: int, leave_out: str = "", within: Collection[str] | None = None
    ) -> Answer:
        index = self._index
        if index is None:
            return Answer((), ())
        return index.search(paper, n, leave_out=leave_out, within=within)

    def _read_found(
        self,
        ids: Sequence[str],
        terms: Sequence[str],
        skip: int,
        n: int,
        read: Mapping[str, Paper] = MappingProxyType({}),
    ) -> Found:
        """
        Args:
            read: papers that were read already.
        """
        wanted = ids[skip : skip + n]
        unread = [i for i in wanted if i not in read]
        papers = {**read, **self._store.papers.get(unread)} if unread else read
        return Found(tuple(terms), tuple(papers[i] for i in wanted if i in papers))


def _entitled(papers: Mapping[str, Paper], ids: Sequence[str], words: Sequence[str]) -> list[str]:
    """Those of some papers in whose title the words stand as they are written."""
    asked = f" {' '.join(words)} "
    titles = {i: f" {' '.join(search_words(p.plain_title))} " for i, p in papers.items()}
    return [i for i in ids if asked in titles.get(i, "")]
