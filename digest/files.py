"""Files of readers: libraries that are read, and private ones that are written."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from digest.errors import LibraryError

#: larger than any library
MAX_BYTES = 50_000_000
#: read and written by their owner alone
PRIVATE = 0o600


def write_private(path: Path, body: bytes) -> None:
    """Write a file that only its owner can open; also one that was there with wider rights.

    Raises:
        OSError: it cannot be written.
    """
    with open(path, "wb", opener=_private) as file:
        make_private(path)
        file.write(body)


def make_private(path: Path) -> None:
    """Take everybody else's rights to a file, where the system has such rights.

    A group that may write was let in on purpose, and stays. Folders and devices, which a mistaken
    path may name, and links, which may lead to anything, are left alone.

    Raises:
        OSError: it is not there, or another's.
    """
    found = path.lstat().st_mode
    mode = stat.S_IMODE(found)
    narrow = mode & 0o770 if mode & 0o020 else mode & 0o700
    if os.name == "posix" and stat.S_ISREG(found) and narrow != mode:
        os.chmod(path, narrow)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, PRIVATE)


def read_library(path: Path) -> bytes:
    """The bytes of a library file.

    Raises:
        LibraryError: it is missing, unreadable or too large.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise LibraryError(f"{path} is larger than {MAX_BYTES // 10**6} MB.", place=str(path))
        return path.read_bytes()
    except OSError as error:
        raise LibraryError(f"{path} cannot be read: {error.strerror}.", place=str(path)) from error
