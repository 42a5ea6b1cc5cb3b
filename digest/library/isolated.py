"""Reading a stranger's library file in a process of its own, which may take so much and no more.

A parser that meets a file made to keep it busy holds the whole interpreter: no other page is
answered meanwhile. The process gets none of our environment, and is given up when its time is over.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Mapping
from contextlib import suppress

from pydantic import TypeAdapter

from digest.errors import LibraryError
from digest.library import read_bytes
from digest.ports import Likes

#: seconds of processor time, seconds in all on a busy machine, and bytes of memory
CPU_S, WALL_S, MEMORY = 10, 60.0, 1_000_000_000
#: entries of one file
MAX_ENTRIES = 20_000
#: of the environment; there are passwords among the rest
_PASSED_ON = (
    *("PATH", "PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH"),
    *("LANG", "LC_ALL", "SYSTEMROOT", "TEMP", "TMP", "TMPDIR"),
)
_LIKES = TypeAdapter(Likes)


async def read_isolated(kind: str, body: bytes, place: str) -> Likes:
    """The papers of a file.

    Args:
        kind: one of `library.KINDS`, or nothing: the file tells.
        place: how messages call the file.

    Raises:
        LibraryError: it is nothing of its kind, or takes too long or too much to read.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", __name__, kind, place),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env=_environment(os.environ),
    )
    try:
        answer, _ = await asyncio.wait_for(process.communicate(body), WALL_S)
    except TimeoutError:
        answer = b""
    finally:  # also if whoever asked has gone
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    try:
        told = json.loads(answer)
    except ValueError as error:  # it was stopped before it could say anything
        raise LibraryError(
            f"{place} takes too long to read. Take the papers you care for most into a smaller "
            "file.",
            place=place,
        ) from error
    if "fault" in told:
        raise LibraryError(told["fault"], place=place)
    return _LIKES.validate_python(told["likes"])


def _environment(environ: Mapping[str, str]) -> dict[str, str]:
    return {name: environ[name] for name in _PASSED_ON if name in environ}


def _bound() -> None:
    """Limits of this process; where there are none (Windows), the caller's clock is left."""
    try:
        import resource
    except ImportError:
        return
    for limit, most in ((resource.RLIMIT_CPU, CPU_S), (resource.RLIMIT_AS, MEMORY)):
        with suppress(OSError, ValueError):
            resource.setrlimit(limit, (most, most))
    os.nice(10)  # pages that people wait for come first


def main(kind: str, place: str) -> None:
    """Read a file from standard input, and write what it holds, or its fault, as JSON."""
    _bound()
    try:
        likes = read_bytes(sys.stdin.buffer.read(), place, kind, max_entries=MAX_ENTRIES)
        answer: dict[str, object] = {"likes": _LIKES.dump_python(likes, mode="json")}
    except LibraryError as error:
        answer = {"fault": str(error)}
    except (MemoryError, RecursionError):
        answer = {"fault": f"{place} is too large or too deep to read."}
    sys.stdout.write(json.dumps(answer))


if __name__ == "__main__":
    main(*sys.argv[1:3])
