"""A place in a LaTeX source, and what can be read from there."""

from __future__ import annotations

import re

from digest.latex import macros

_NAME = re.compile(r"[a-zA-Z]+")


_OPTIONAL = re.compile(r"\[((?:[^\[\]{}]|\{[^{}]*\}){0,200})\]")


_BRACE = re.compile(r"\\.|[{}]", re.DOTALL)


def _ends_of_groups(text: str) -> dict[int, int]:
    """Where each brace that opens is closed; those that are not are absent."""
    ends: dict[int, int] = {}
    opened: list[int] = []
    for found in _BRACE.finditer(text):
        if found[0] == "{":
            opened.append(found.start())
        elif found[0] == "}" and opened:
            ends[opened.pop()] = found.start()
    return ends


class Scanner:
    """A place in a text."""

    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0
        self._ends: dict[int, int] | None = None

    @property
    def more(self) -> bool:
        return self.at < len(self.text)

    def peek(self, n: int = 1) -> str:
        return self.text[self.at : self.at + n]

    def skip_blanks(self) -> bool:
        start = self.at
        while self.at < len(self.text) and self.text[self.at].isspace():
            self.at += 1
        return self.at > start

    def name(self) -> str:
        """The name of the macro whose backslash was just read: letters, or one other character."""
        match = _NAME.match(self.text, self.at)
        found = match[0] if match else self.peek()
        self.at += len(found)
        return found

    def group(self) -> str | None:
        """What a group holds, which begins here; None if none does or it does not end."""
        if self.peek() != "{":
            return None
        if self._ends is None:
            self._ends = _ends_of_groups(self.text)
        end = self._ends.get(self.at)
        if end is None:
            return None
        found = self.text[self.at + 1 : end]
        self.at = end + 1
        return found

    def following_group(self) -> str | None:
        """A group that begins here or after blanks."""
        start = self.at
        self.skip_blanks()
        found = self.group()
        if found is None:
            self.at = start
        return found

    def optional(self) -> str | None:
        """An argument in square brackets."""
        match = _OPTIONAL.match(self.text, self.at)
        if match is None:
            return None
        self.at = match.end()
        return match[1]

    def argument(self) -> str | None:
        """The source of an argument: a group, a macro with its own, or one character."""
        start = self.at
        self.skip_blanks()
        found = self.group()
        if found is not None:
            return found
        if not self.more or self.peek() in "{}$&":
            self.at = start
            return None
        first = self.at
        if self.peek() == "\\":
            self.at += 1
            name = self.name()
            if name in macros.TAKES_ARGUMENT:
                self.following_group()
        else:
            self.at += 1
        return self.text[first : self.at]
