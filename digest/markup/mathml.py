"""MathML in one line of Unicode."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

from digest import notation
from digest.markup.elements import MATHML, Element
from digest.text import clean

TextOf = Callable[[Element], str]

#: a line below a letter, which is left out
_LINES = frozenset(["_", "¯", "‾", "\u0332"])
_TOKENS = frozenset("mi mn mo mtext ms".split())
#: U+2061 to U+2064 say how to read a formula aloud
_UNSEEN = dict.fromkeys(range(0x2061, 0x2065))


def formula(element: Element, text_of: TextOf) -> str:
    """A formula in one line.

    Args:
        text_of: reads an element that is none of MathML's.
    """
    return _without_double_brackets(_row(element.children, text_of))


def _row(children: Iterable[Element | str], text_of: TextOf) -> str:
    parts: list[str] = []
    before = ""
    items = [c for c in children if not (isinstance(c, str) and not c.strip())]
    for at, child in enumerate(items):
        if isinstance(child, str):
            parts.append(child)
            before = ""
            continue
        shown = shown_of(child, text_of)
        if not shown:
            continue
        if child.name == "mo":
            leads = not parts or before in ("mo", "open")
            shown = _operator(shown, leads, at == len(items) - 1)
        elif before and _needs_blank("".join(parts[-1:]), shown):
            parts.append(" ")
        parts.append(shown)
        before = "open" if shown.strip() in ("(", "[", "{", "|", "⟨") else child.name
    return "".join(parts)


def _needs_blank(left: str, right: str) -> bool:
    """Whether a word, such as the name of a function, would run into its neighbour."""
    long_left = re.search(r"[^\W\d_]{2,}$", left)
    long_right = re.match(r"[^\W\d_]{2,}", right)
    return bool((long_left and right[:1].isalnum()) or (long_right and left[-1:].isalnum()))


def _operator(sign: str, leads: bool, last: bool) -> str:
    if leads or last:
        return sign
    if notation.is_relation(sign) or sign in ("×", "⋅", "∘", "±", "∪", "∩", "⊗", "⊕", "∧", "∨"):
        return f" {sign} "
    return f"{sign} " if sign in (",", ";") else sign


def shown_of(element: Element, text_of: TextOf) -> str:
    """An element of a formula."""
    name = element.name
    if name in _TOKENS:
        return clean(text_of(element).translate(_UNSEEN))
    parts = [shown_of(c, text_of) if isinstance(c, Element) else c for c in _elements(element)]
    if name == "msup" and len(parts) == 2:
        return parts[0] + notation.superscript(parts[1])
    if name == "msub" and len(parts) == 2:
        return parts[0] + notation.subscript(parts[1])
    if name in ("msubsup", "munderover") and len(parts) == 3:
        return parts[0] + notation.subscript(parts[1]) + notation.superscript(parts[2])
    if name == "mover" and len(parts) == 2:
        sign = parts[1].strip()
        if sign in notation.ABOVE:
            return notation.accented(parts[0], notation.ABOVE[sign])
        return parts[0] + notation.superscript(sign)
    if name == "munder" and len(parts) == 2:
        return parts[0] if parts[1].strip() in _LINES else parts[0] + notation.subscript(parts[1])
    if name == "mfrac" and len(parts) == 2:
        if re.fullmatch(
            r"0(?:\.0*)?\s*(?:px|em|pt|ex|%)?", element.attribute("linethickness") or "-"
        ):
            return notation.binomial(parts[0], parts[1])
        return notation.fraction(parts[0], parts[1])
    if name == "msqrt":
        return notation.root(_row(element.children, text_of))
    if name == "mroot" and len(parts) == 2:
        return notation.root(parts[0], parts[1])
    if name == "mmultiscripts":
        return _multiscripts(element, text_of)
    if name == "mfenced":
        return _fenced(element, parts)
    if name == "mtable":
        return "; ".join(p for p in parts if p)
    if name in ("mtr", "mlabeledtr"):
        return ", ".join(p for p in parts if p)
    if name == "semantics":
        return parts[0] if parts else _row(element.children, text_of)
    if name == "mspace":
        return " "
    if name in ("mphantom", "annotation", "annotation-xml", "none", "mprescripts"):
        return ""
    if name in MATHML:
        return _without_double_brackets(_row(element.children, text_of))
    return text_of(element)


def _without_double_brackets(row: str) -> str:
    """Brackets around n choose k are part of its sign."""
    return re.sub(r"\((C\([^()]*\))\)", r"\1", row)


def _elements(element: Element) -> list[Element | str]:
    return [c for c in element.children if not isinstance(c, str) or c.strip()]


def _fenced(element: Element, parts: Sequence[str]) -> str:
    opening, closing = element.attribute("open"), element.attribute("close")
    separator = (element.attribute("separators") or ",").strip()[:1]
    joined = f"{separator} ".join(parts) if separator == "," else separator.join(parts)
    return _without_double_brackets(
        f"{'(' if opening is None else opening}{joined}{')' if closing is None else closing}"
    )


def _multiscripts(element: Element, text_of: TextOf) -> str:
    """A letter with scripts on both sides, as isotopes have them."""
    found = [c for c in element.children if isinstance(c, Element)]
    if not found:
        return ""
    at = next((i for i, c in enumerate(found) if c.name == "mprescripts"), len(found))

    def scripts(items: Sequence[Element]) -> str:
        shown = []
        for i, item in enumerate(items):
            put = notation.superscript if i % 2 else notation.subscript
            shown.append(put(shown_of(item, text_of)))
        # pairs come as lower, upper; isotopes are written mass first
        return "".join(shown[1::2][:1] + shown[0::2][:1]) if len(shown) == 2 else "".join(shown)

    return scripts(found[at + 1 :]) + shown_of(found[0], text_of) + scripts(found[1:at])
