"""The archive's index as files: made once, read by every process that serves, and still there after
a restart. Arrays are mapped, so that all processes share one copy of them in memory."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import secrets
import shutil
import signal
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout

from digest import __version__
from digest.app import App
from digest.model import Paper
from digest.ranking.latent import Latent
from digest.ranking.search import Index, Segment, Statistics
from digest.ranking.vectors import Vectors
from digest.store import Store, open_store
from digest.usecases.parallel import end_with_parent

log = logging.getLogger(__name__)

#: another number for other files
FORMAT = 1
#: papers that are read at a time
CHUNK = 2_000
_CURRENT, _META = "current", "meta.json"
_OF_SEGMENT = ("starts", "rows", "weights", "coordinates", "divisor")
_OF_LATENT = ("columns", "axes", "damping", "scale", "mean")


class IndexFiles:
    """A folder with the index of one database.

    Args:
        mark: names the database; what was made of another is not read.
    """

    def __init__(self, folder: Path, mark: str) -> None:
        self.folder = folder
        self._mark = f"{FORMAT} {__version__} {mark}"

    def position(self) -> int:
        """Up to which mention the files go; -1: there are none that can be used."""
        found = self._meta()
        return int(found["position"]) if found else -1

    def load(self) -> tuple[Index, int] | None:
        """The index and its position; None if there are no files that can be used."""
        found = self._meta()
        if found is None:
            return None
        place = self.folder / str(found["name"])
        try:
            arrays = {  # as plain arrays of the same memory: a part of a memmap takes its time
                name: np.asarray(np.load(place / f"{name}.npy", mmap_mode="r"))
                for name in ("idf", *_OF_LATENT, *_OF_SEGMENT)
            }
            names, ids = (
                (place / f"{name}.txt").read_text("utf-8").split("\n") for name in ("names", "ids")
            )
        except (OSError, ValueError) as error:  # taken away by a newer one, or torn
            log.warning("index.files_unreadable error=%s", error)
            return None
        n, n_terms, n_rows = len(ids), len(names), len(arrays["rows"])
        sizes = [len(arrays[k]) for k in ("coordinates", "divisor", "starts", "idf", "weights")]
        if sizes != [n, n, n_terms + 1, n_terms, n_rows] or arrays["starts"][-1] != n_rows:
            log.warning("index.files_do_not_fit")
            return None
        latent = Latent.known(**{k: arrays[k] for k in _OF_LATENT})
        statistics = Statistics(
            Vectors.known(names, arrays["idf"]),
            latent,
            int(found["n_papers"]),
            float(found["usual"]),
        )
        base = Segment(ids, **{k: arrays[k] for k in _OF_SEGMENT})
        return Index.known(statistics, base), int(found["position"])

    def save(self, index: Index, position: int) -> None:
        """Write the index that `load` finds from now on.

        Raises:
            OSError: it cannot be written; what was there is still found.
        """
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        name = f"index-{secrets.token_hex(4)}"
        place = self.folder / name
        place.mkdir(mode=0o700)
        try:
            known, base = index.statistics, index.base
            arrays: dict[str, Any] = {"idf": known.vectors.idf}
            arrays |= {k: getattr(known.latent, k) for k in _OF_LATENT}
            arrays |= {k: getattr(base, k) for k in _OF_SEGMENT}
            # the way round in which `Latent` uses them, so that it needs no copy of its own
            arrays["axes"] = np.asfortranarray(known.latent.axes)
            for key, value in arrays.items():
                np.save(place / f"{key}.npy", value, allow_pickle=False)
            (place / "names.txt").write_text("\n".join(known.vectors.names), "utf-8")
            (place / "ids.txt").write_text("\n".join(base.ids), "utf-8")
            meta = {
                "mark": self._mark,
                "name": name,
                "position": position,
                "n_papers": known.n_papers,
                "usual": known.usual,
            }
            part = self.folder / f"{_CURRENT}.{name}"
            part.write_text(json.dumps(meta), "utf-8")
            os.replace(part, self.folder / _CURRENT)
        except OSError:
            shutil.rmtree(place, ignore_errors=True)
            raise
        for old in self.folder.glob("index-*"):
            if old.name != name:  # whoever has it mapped keeps it
                shutil.rmtree(old, ignore_errors=True)

    @contextmanager
    def turn(self) -> Iterator[bool]:
        """Whether this process alone may make the files now.

        Raises:
            OSError: the folder cannot be written.
        """
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = FileLock(self.folder / "lock")
        try:
            lock.acquire(blocking=False)
        except Timeout:
            yield False
            return
        try:
            yield True
        finally:
            lock.release()

    def _meta(self) -> dict[str, Any] | None:
        with suppress(OSError, ValueError, KeyError, TypeError):
            found = json.loads((self.folder / _CURRENT).read_text("utf-8"))
            # a folder that others may write could hold anything
            mine = os.name != "posix" or self.folder.stat().st_uid == os.getuid()
            if mine and found["mark"] == self._mark:
                return dict(found)
        return None


def mark_of(store: Store) -> str:
    """Names a database without telling its key."""
    return hashlib.sha256(b"index\n" + store.keys[0]).hexdigest()[:16]


def read_papers(store: Store, position: int) -> Iterator[tuple[int, list[Paper]]]:
    """What was listed behind a position, a part at a time, with the position of its last."""
    while part := store.archive.after(position, CHUNK):
        position = part[-1][0]
        # What is searched for and shown is title and abstract; the rest is read for the hits.
        yield position, [Paper(id=p.id, title=p.title, abstract=p.abstract) for _, p in part]


def index_folder(app: App) -> Path:
    """Where the index of an installation lies: beside a database that is a file."""
    where, chosen = app.settings.store.where, app.settings.web.index
    if chosen is not None:
        return chosen
    if isinstance(where, Path):
        return where.with_name(f"{where.name}.index")
    return Path(tempfile.gettempdir()) / f"digest-index-{mark_of(app.store)}"


class Builder:
    """Makes the files in a process of its own: it takes long and much memory, and pages should not
    wait for it."""

    def __init__(self, where: Path | str, files: IndexFiles) -> None:
        self._where, self._files = where, files

    def __call__(self, stopping: threading.Event) -> bool:
        """Whether the files are there now."""
        child = get_context("spawn").Process(
            target=_build, args=(self._where, self._files), name="index", daemon=True
        )
        child.start()
        while child.is_alive():
            child.join(0.2)
            if stopping.is_set():
                child.terminate()
        if child.exitcode:
            log.warning("index.not_made code=%s", child.exitcode)
        return child.exitcode == 0


def _build(where: Path | str, files: IndexFiles) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who started us decides
    end_with_parent()
    papers: list[Paper] = []
    position = -1
    with open_store(where) as store:
        for last, part in read_papers(store, -1):
            papers += part
            position = last
    files.save(Index(papers), position)
