"""The atoms of a formula in one line, with blanks where they mean something."""

from __future__ import annotations

from dataclasses import dataclass

from digest import notation


@dataclass(slots=True)
class Atom:
    """A piece of a formula, and how it stands to its neighbours."""

    shown: str
    #: a blank stands before it in the source
    apart: bool = False
    #: the blank after it only ended the name of a macro
    named: bool = False
    kind: str = "ord"  # ord, op, function, open, close, blank


def kind_of(shown: str) -> str:
    if shown in ("(", "[", "⟨", "⌊", "⌈"):
        return "open"
    if shown in (")", "]", "⟩", "⌋", "⌉", ",", ";"):
        return "close"
    return "op" if notation.is_operator(shown) else "ord"


def joined(atoms: list[Atom]) -> str:
    """The atoms in one line, with the blanks that the source has where they mean something."""
    shown: list[str] = []
    before: Atom | None = None
    blank = False
    leads = True  # an operator that leads has nothing on its left
    for atom in atoms:
        if atom.kind == "blank":
            blank = True
            continue
        if not atom.shown:
            continue
        if atom.kind == "op":
            leads = before is None or before.kind in ("op", "open")
            if leads and atom.shown in _SIGNED:
                atom.kind = "sign"
        if before is not None and (blank or _stands_apart(before, atom, leads)):
            shown.append(" ")
            atom.apart = True
        shown.append(atom.shown)
        before, blank = atom, False
    return "".join(shown).strip() + (" " if blank and shown else "")


_SIGNED = frozenset("+-−±∓")


def _stands_apart(left: Atom, right: Atom, leads: bool) -> bool:
    """Whether a blank stands between two atoms.

    Args:
        leads: the last operator had nothing on its left.
    """
    a, b = left.kind, right.kind
    if right.shown == ":" and b == "close":
        return False
    if left.shown == ":" and a == "close":
        return True
    if a == "sign" or (b == "close" and right.shown != ",") or a == "open":
        return False
    if a == "op":
        # an operator with a blank on its left gets one on its right, and else none
        return right.apart and not left.named if leads and b != "op" else left.apart
    if b == "op":
        return right.apart
    if b == "function" and a not in ("open", "function"):
        return left.shown[-1:].isalnum() or a == "close" or right.apart
    if a == "function":
        return b in ("ord", "fraction", "function") and (
            right.shown[:1].isalnum() or right.shown[:1] in "‖|" or right.apart
        )
    if "fraction" in (a, b) and a not in ("open", "close") and b not in ("open", "close"):
        return left.shown[-1:].isalnum() and right.shown[:1].isalnum()
    return right.apart and not left.named
