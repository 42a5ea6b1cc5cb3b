"""Regular expressions that readers write, run in linear time.

They come from strangers and are looked for in every paper of every day, so they run on RE2, which
has no backtracking: https://github.com/google/re2/wiki/Syntax. What it lacks (lookarounds, back
references) is refused, and so is what would take much memory or many steps.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

#: expressions of one list, and characters of one
MAX_EXPRESSIONS, MAX_CHARS = 10, 200
#: bytes that one may take, and instructions that those of one list may have together; a step of
#: the slowest of RE2's engines is an instruction and a character, and took a nanosecond here
MAX_BYTES, MAX_INSTRUCTIONS = 1 << 18, 1_500
#: such steps that the expressions of one reader may take for a day's papers
MAX_STEPS = 5_000_000_000


def is_expression(term: str) -> bool:
    """Whether a term is a regular expression, written "/…/"."""
    return len(term) > 2 and term.startswith("/") and term.endswith("/")


@lru_cache(maxsize=2048)
def compiled(term: str) -> Any:
    """What stands between the slashes of a term as RE2's pattern; case does not matter.

    Raises:
        ValueError: it is none, or none that is taken, with a sentence about it.
    """
    import re2

    shown = f'"{term[:60]}"' if len(term) <= 60 else f'"{term[:60]}…"'
    if len(term) > MAX_CHARS + 2:
        raise ValueError(f"{shown} is longer than {MAX_CHARS} characters")
    options = re2.Options()
    options.case_sensitive, options.log_errors, options.max_mem = False, False, MAX_BYTES
    try:
        pattern = re2.compile(term[1:-1], options)
    except re2.error as error:
        raise ValueError(
            f"{shown} is no regular expression that can be used: {_reason(error)}"
        ) from None
    if pattern.programsize > MAX_INSTRUCTIONS:
        raise ValueError(f"{shown} repeats too much; write a smaller number of repetitions")
    return pattern


def _reason(error: Exception) -> str:
    said = error.args[0] if error.args else ""
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
    if "(?" in text or "escape sequence" in text:
        text += " (lookarounds and back references are not possible)"
    return text


def check_expressions(terms: Iterable[str]) -> None:
    """Whether the expressions among some terms are few and small enough.

    Raises:
        ValueError: they are not, or one is none.
    """
    patterns = [compiled(t) for t in terms if is_expression(t)]
    if len(patterns) > MAX_EXPRESSIONS:
        raise ValueError(f"at most {MAX_EXPRESSIONS} may be expressions as /…/")
    if sum(p.programsize for p in patterns) > MAX_INSTRUCTIONS:
        raise ValueError("the expressions as /…/ repeat too much together; use fewer of them")


def usable(terms: Iterable[str]) -> tuple[list[Any], list[str]]:
    """The expressions among some terms that can be used, in order, and why others cannot, as
    sentences: those that were stored by an earlier version need not pass today."""
    patterns: list[Any] = []
    faults: list[str] = []
    size = 0
    for term in terms:
        if not is_expression(term):
            continue
        try:
            pattern = compiled(term)
        except ValueError as error:
            faults.append(f"{error}.")
            continue
        size += pattern.programsize
        if len(patterns) == MAX_EXPRESSIONS or size > MAX_INSTRUCTIONS:
            faults.append(f'"{term[:60]}" is one expression too many.')
            continue
        patterns.append(pattern)
    return patterns, faults
