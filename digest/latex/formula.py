"""Formulas, read once from left to right into atoms, and put in one line."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from digest import notation
from digest.latex import macros
from digest.latex.arguments import lowered_digits, said, unknown, verbatim
from digest.latex.layout import Atom, joined, kind_of
from digest.latex.scanner import Scanner

#: groups in groups that are read as groups; what lies deeper is printed
MAX_DEPTH = 40
#: reads text that stands in a formula, at a depth
Prose = Callable[[str, int], str]


@lru_cache(maxsize=16384)  # the same formulas come again and again
def formula(source: str, depth: int, prose: Prose) -> str:
    """A formula in one line."""
    if depth > MAX_DEPTH:
        return source
    return joined(_atoms(source, depth, prose))


def _atoms(source: str, depth: int, prose: Prose) -> list[Atom]:
    for over, put in (("over", notation.fraction), ("choose", notation.binomial)):
        parts = re.split(rf"\\{over}(?![a-zA-Z])", source)
        if len(parts) == 2 and _balanced(parts[0]):
            above, below = (formula(p, depth + 1, prose) for p in parts)
            return [Atom(put(above, below))]
    scan = Scanner(source)
    atoms: list[Atom] = []
    apart = False
    while scan.more:
        if scan.skip_blanks() or scan.peek() == "~":
            if scan.peek() == "~":
                scan.at += 1
                atoms.append(Atom("", kind="blank"))
            apart = True
            continue
        char = scan.peek()
        if char in "^_":
            scan.at += 1
            _add_script(atoms, _Macro(scan, char, depth, prose, apart))
        elif char == "\\":
            scan.at += 1
            found = _macro(_Macro(scan, scan.name(), depth, prose, apart))
            atoms += found
            if not found:
                continue
        elif char == "{":
            inner = scan.group()
            if inner is None:
                scan.at += 1
                atoms.append(Atom("{", apart))
            else:
                atoms.append(Atom(formula(inner, depth + 1, prose), apart, kind=kind_of(inner)))
        else:
            scan.at += 1
            if char == "'":
                char = "′"
            if char == "&":
                atoms.append(Atom("", kind="blank"))
            elif char != "}":
                atoms.append(Atom(char, apart, kind=kind_of(char)))
        apart = False
    return atoms


def _balanced(source: str) -> bool:
    return source.count("{") == source.count("}")


@dataclass(frozen=True, slots=True)
class _Macro:
    """A macro whose name was just read, and what is needed to read on."""

    scan: Scanner
    name: str
    depth: int
    prose: Prose
    #: a blank stands before it
    apart: bool

    def read(self, source: str | None) -> str:
        return formula(source or "", self.depth + 1, self.prose)

    def argument(self) -> str:
        return self.read(self.scan.argument())

    def put(self, shown: str, kind: str = "") -> list[Atom]:
        return [Atom(shown, self.apart, kind=kind or kind_of(shown))]


def _add_script(atoms: list[Atom], mark: _Macro) -> None:
    source = mark.scan.argument()
    if source is None:
        atoms.append(Atom(mark.name, mark.apart))
        return
    body = mark.read(source)
    put = notation.superscript if mark.name == "^" else notation.subscript
    if atoms and atoms[-1].kind != "blank":
        atoms[-1].shown += put(body)
        if atoms[-1].kind == "op":
            atoms[-1].kind = "ord" if not notation.is_relation(atoms[-1].shown[:1]) else "op"
        atoms[-1].named = False
    else:
        atoms.append(Atom(put(body), mark.apart))


def _macro(macro: _Macro) -> list[Atom]:
    """What a macro puts into a formula; the blank after it stays unread where it puts nothing."""
    for read in (_space_or_sign, _layout, _text):
        if (found := read(macro)) is not None:
            return found
    name, scan = macro.name, macro.scan
    if name in macros.FUNCTIONS:
        return macro.put(name.removeprefix("b") if name == "bmod" else name, "function")
    if name in macros.UNSAID:
        return macro.put(said(scan, name, macro.read), "ord")
    sign = macros.sign_of(name) if name.isalpha() else ""
    if sign:
        kind = "close" if name == "colon" else kind_of(sign)
        return [Atom(sign, macro.apart, named=True, kind=kind)]
    if not name.isalpha():
        return macro.put("\\" + name, "ord")
    printed = unknown(scan, name, macro.read)
    return macro.put(printed, "ord" if len(printed) == 1 else "function")


def _space_or_sign(macro: _Macro) -> list[Atom] | None:
    """Blanks, escaped signs, and macros that only change how the rest looks."""
    name, scan = macro.name, macro.scan
    if not name or name.isspace() or name in ("\\", ",", ";", ":", ">") or name in macros.BLANKS:
        if name == "\\":
            scan.optional()
        return [Atom("", kind="blank")]
    if name in ("!", "-", "/", "@"):
        return []
    if name == "|":
        return macro.put("‖", "ord")
    if name in "{}" or name in macros.ESCAPED:
        return macro.put(name, "open" if name == "{" else "close" if name == "}" else "ord")
    if name in macros.SILENT:
        if name in ("left", "right", "middle") and scan.peek() == ".":
            scan.at += 1
        return []
    return None


def _layout(macro: _Macro) -> list[Atom] | None:
    """Fractions, roots, accents, and what stands above or below something."""
    name, scan = macro.name, macro.scan
    if name in macros.FRACTIONS:
        scan.optional()
        above, below = macro.argument(), macro.argument()
        return [Atom(notation.fraction(above, below), macro.apart, kind="fraction")]
    if name in macros.BINOMIALS:
        above, below = macro.argument(), macro.argument()
        return macro.put(notation.binomial(above, below), "ord")
    if name == "sqrt":
        degree = macro.read(scan.optional())
        return macro.put(notation.root(macro.argument(), degree), "ord")
    accent = macros.MATH_ACCENTS.get(name) or (
        macros.ACCENTS.get(name) if not name.isalpha() else None
    )
    if accent:
        return macro.put(notation.accented(macro.argument(), accent), "ord")
    if name in macros.ALPHABETS:
        return macro.put(_in_alphabet(macro.argument(), macros.ALPHABETS[name]), "ord")
    if name in ("stackrel", "overset", "underset"):
        script, base = macro.argument(), macro.argument()
        put = notation.subscript if name == "underset" else notation.superscript
        return macro.put(base + put(script), kind_of(base))
    if name in macros.STRETCHED:
        below, above = macro.read(scan.optional()), macro.argument()
        labels = ", ".join(s for s in (above, below) if s)
        arrow = macros.STRETCHED[name]
        return macro.put(f"–{labels}{arrow}" if labels else arrow, "op")
    if name in ("pmod", "pod"):
        inner = macro.argument()
        return [Atom(f"(mod {inner})" if name == "pmod" else f"({inner})", True)]
    if name == "not":
        negated = macro.argument()
        return macro.put(unicodedata.normalize("NFC", f"{negated[:1]}\u0338") + negated[1:], "op")
    return None


def _text(macro: _Macro) -> list[Atom] | None:
    """Text and names in a formula."""
    name, scan = macro.name, macro.scan
    if name == "ce":
        formula_of = lowered_digits(scan.following_group() or "")
        return macro.put(macro.prose(formula_of, macro.depth + 1), "ord")
    if name in ("verb", "url"):
        return macro.put(verbatim(scan, name))
    if name in macros.LETTERS:
        if scan.peek() == "*":
            scan.at += 1
        return macro.put(macro.argument(), "function" if name == "operatorname" else "ord")
    if name not in macros.TEXT_ARGUMENT:
        return None
    argument = scan.following_group()
    if argument is None:
        return []
    shown = macro.prose(argument, macro.depth + 1).strip()
    # blanks at the edges of a text are meant
    edges = [Atom("", kind="blank")]
    before = edges if argument[:1].isspace() else []
    after = edges if argument[-1:].isspace() else []
    return [*before, Atom(shown, macro.apart, kind="ord"), *after]


def lone_macro(scan: Scanner, name: str, depth: int, prose: Prose) -> str:
    """A macro of formulas that stands in prose, whose name was just read."""
    return joined(_macro(_Macro(scan, name, depth, prose, False)))


def _in_alphabet(shown: str, alphabet: str) -> str:
    if len(shown) != 1 or not (shown.isascii() and shown.isalpha()):
        return shown
    case = "CAPITAL" if shown.isupper() else "SMALL"
    # a letter that stood in Unicode earlier has a name of its own: ℝ, ℒ, ℭ
    for name in (
        f"MATHEMATICAL {alphabet} {case} {shown}",
        f"{alphabet} {case} {shown}",
        f"BLACK-LETTER {case} {shown}",
    ):
        try:
            return unicodedata.lookup(name)
        except KeyError:
            continue
    return shown
