"""What a person reads in a terminal: tables and colour there, plain lines elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

    from digest.ports import Progress


@lru_cache(maxsize=2)
def console(stderr: bool = False) -> Console:
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    # Away from a terminal nothing is wrapped: a log line or a pipe wants one line a row.
    width = None if stream.isatty() else 240
    return Console(stderr=stderr, width=width, highlight=False, soft_wrap=not stream.isatty())


def say(text: str = "", style: str = "") -> None:
    console().print(text, style=style or None, markup=False)


def warn(text: str) -> None:
    console(stderr=True).print(text, style="yellow", markup=False)


def fail(text: str) -> None:
    console(stderr=True).print(text, style="red", markup=False)


def table(
    headings: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[int] = ()
) -> None:
    """A table on a terminal, aligned columns elsewhere."""
    if not rows:
        return
    if not console().is_terminal:
        everything = [list(headings), *[list(r) for r in rows]]
        widths = [max(len(r[c]) for r in everything) for c in range(len(headings))]
        for line in everything:
            cells = [
                cell.rjust(w) if c in right else cell.ljust(w)
                for c, (cell, w) in enumerate(zip(line, widths, strict=True))
            ]
            print("  ".join(cells).rstrip())
        return
    from rich import box
    from rich.table import Table
    from rich.text import Text

    shown = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for c, heading in enumerate(headings):
        shown.add_column(heading, justify="right" if c in right else "left", overflow="fold")
    for row in rows:
        shown.add_row(*[Text(cell) for cell in row])
    console().print(shown)


def bar(share: float, width: int = 24) -> str:
    """A share of 1 as a bar of text."""
    filled = round(max(0.0, min(1.0, share)) * width)
    return "█" * filled + "·" * (width - filled)


@contextmanager
def progress(what: str) -> Iterator[Progress]:
    """Lines as they come; on a terminal above a bar that says what is going on."""
    if not console().is_terminal:
        yield lambda line: print(line, flush=True)
        return
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console(), transient=True) as shown:
        shown.add_task(what, total=None)
        yield lambda line: shown.console.print(line, style="dim", markup=False)
