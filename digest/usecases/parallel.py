"""Work on blocks of readers in several processes, for as many cores as there are."""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_context, parent_process
from typing import Any, Generic, TypeVar

from digest.model import Subscriber
from digest.runtime import prepare

log = logging.getLogger(__name__)

T = TypeVar("T")
Block = Sequence[Subscriber]

#: blocks from which a further process is worth its start, which takes some seconds
LEAST_BLOCKS = 8
#: blocks that a helper has before it, so that it never waits
AHEAD = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Helpers(Generic[T]):
    """Processes beside this one.

    Args:
        n: how many at most.
        recipe: makes there what works on a block; it can be pickled, and so can what comes of it.
    """

    n: int
    recipe: Callable[[], Callable[[Block], T]]


def n_cores() -> int:
    """Processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def in_parallel(
    here: Callable[[Block], T], readers: Sequence[Subscriber], size: int, helpers: Helpers[T] | None
) -> Iterator[tuple[int, T]]:
    """What comes of each block of readers, with where it starts, in the order in which it is done.

    A block that fails elsewhere is worked on here again, so that its fault is told here.

    Args:
        here: works on a block in this process.
        readers: each block is read out of them when its turn comes.
    """
    starts = range(0, len(readers), size)
    n = min(helpers.n, len(starts) // LEAST_BLOCKS) if helpers else 0
    if helpers is None or n < 1:
        for start in starts:
            yield start, here(readers[start : start + size])
        return
    waiting = deque(starts)
    running: dict[Future[T | None], int] = {}
    # started anew, not forked: threads and connections of this process are no good there
    with ProcessPoolExecutor(
        n, get_context("spawn"), initializer=_begin, initargs=(helpers.recipe,)
    ) as pool:
        try:
            while waiting or running:
                while waiting and len(running) < n * AHEAD:
                    start = waiting.pop()
                    running[_submitted(pool, readers[start : start + size])] = start
                if waiting:
                    start = waiting.popleft()
                    yield start, here(readers[start : start + size])
                done, _ = wait(running, timeout=0 if waiting else None, return_when=FIRST_COMPLETED)
                for future in done:
                    start = running.pop(future)
                    found = _result(future)
                    yield start, here(readers[start : start + size]) if found is None else found
        finally:
            pool.shutdown(cancel_futures=True)


def _submitted(pool: ProcessPoolExecutor, block: Block) -> Future[Any]:
    try:
        return pool.submit(_work, block)
    except BrokenProcessPool:
        failed: Future[Any] = Future()
        failed.set_result(None)
        return failed


def _result(future: Future[T | None]) -> T | None:
    try:
        return future.result()
    except BrokenProcessPool:
        log.warning("parallel.helper_died")
        return None


# --- in a helper ---------------------------------------------------------------------------------

_worker: Callable[[Block], Any] | None = None


def _begin(recipe: Callable[[], Callable[[Block], Any]]) -> None:
    global _worker
    prepare()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who started us decides
    end_with_parent()
    _worker = recipe()


def end_with_parent() -> None:
    """From now on this process ends when the one that started it does, however that ends."""

    def wait() -> None:
        parent = parent_process()
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=wait, daemon=True, name="parent").start()


def _work(block: Block) -> Any:
    """None if it failed."""
    assert _worker is not None
    try:
        return _worker(block)
    except Exception as error:
        log.warning("parallel.block_failed error=%r", error)
        return None
