"""What a macro prints besides signs and layout: its arguments, its name, or as it stands."""

from __future__ import annotations

import re
from collections.abc import Callable

from digest import notation
from digest.latex import macros
from digest.latex.scanner import Scanner

#: reads the source of an argument
Read = Callable[[str | None], str]


def lowered_digits(formula: str) -> str:
    """The formula of a substance as mhchem writes it.

    >>> lowered_digits("CO2 -> CO")
    'CO₂ → CO'
    """
    return re.sub(
        r"(?<=[A-Za-z)\]])(\d+)", lambda m: notation.subscript(m[1]), formula.replace("->", "→")
    )


def verbatim(scan: Scanner, name: str) -> str:
    """What \\verb or \\url holds, as it stands there."""
    if scan.peek() == "*":
        scan.at += 1
    mark = scan.peek()
    if mark == "{" or not mark.strip() or (name == "url"):
        return without_escapes(scan.following_group() or "")
    end = scan.text.find(mark, scan.at + 1)
    if end < 0 or mark.isalnum():
        return ""
    found = scan.text[scan.at + 1 : end]
    scan.at = end + 1
    return found


def without_escapes(source: str) -> str:
    return re.sub(r"\\([%&#_$~{}])", r"\1", source)


def said(scan: Scanner, name: str, read: Read) -> str:
    """What a macro says whose first arguments are for the printer."""
    if name in ("begin", "end"):
        scan.following_group()
        return " "
    if name == "href":
        return link(scan, read)
    if scan.peek() == "*":
        scan.at += 1
    lifted = scan.optional() is not None
    scan.optional()
    for _ in range(macros.UNSAID[name]):
        scan.following_group()
    if name == "rule":
        return "—" if lifted else ""  # a line above the ground is a dash
    last = name in ("textcolor", "colorbox", "fcolorbox", "raisebox", "resizebox", "scalebox",
                    "parbox", "foreignlanguage", "hyperref", "hypertarget", "hyperlink",
                    "texorpdfstring")  # fmt: skip
    argument = scan.following_group() if last else None
    return read(argument) if argument is not None else ""


def link(scan: Scanner, read: Read) -> str:
    start = scan.at
    scan.optional()
    target = scan.following_group()
    label = scan.following_group() if target is not None else None
    if target is None:
        scan.at = start
        return "\\href"
    return read(label) if label is not None else without_escapes(target)


def unknown(scan: Scanner, name: str, read: Read) -> str:
    """A macro that nobody knows: its arguments, else its name.

    An option in square brackets is for the printer; an argument that does not end goes on as text.
    """
    if scan.peek() == "*":
        scan.at += 1
    start = scan.at
    if scan.optional() is not None and scan.peek() != "{":
        scan.at = start
    arguments: list[str] = []
    while scan.peek() == "{":
        argument = scan.group()
        if argument is None:
            scan.at += 1
            return " ".join(arguments)
        arguments.append(read(argument).strip())
    if not arguments:
        return name
    return " ".join(a for a in arguments if a)
