"""Mathematics and chemistry in one line of Unicode: scripts, fractions, roots, accents.

LaTeX, MathML and HTML say the same things in three ways; what a reader sees of them is decided
here. Pure functions of strings that are readable already.
"""

from __future__ import annotations

import re
import unicodedata

_SUPER = str.maketrans(
    dict(zip("0123456789+-=()niT*", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ⁿⁱᵀ*", strict=True))
    | {"−": "⁻", "–": "⁻", "∗": "*", "⋆": "*", "'": "′"}
)
#: these stand raised by themselves, or between what is raised
_RAISED = frozenset("′″‴°†‡*®™℠/,")
_SUB = str.maketrans(
    dict(zip("0123456789+-=()aeijkmnoprstuvx", "₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎ₐₑᵢⱼₖₘₙₒₚᵣₛₜᵤᵥₓ", strict=True))
    | {"−": "₋", "–": "₋"}
)
#: a letter after digits, as in ⁹⁹ᵐTc
_AFTER_DIGITS = str.maketrans("abcdefghijklmoprstuvwxyz", "ᵃᵇᶜᵈᵉᶠᵍʰⁱʲᵏˡᵐᵒᵖʳˢᵗᵘᵛʷˣʸᶻ")
_ORDINAL = re.compile(r"st|nd|rd|th", re.IGNORECASE)
_ROOTS = {"": "√", "2": "√", "3": "∛", "4": "∜"}
#: what needs brackets before it can stand above or below a stroke or under a root
_COMPOUND = re.compile(r"[-+−–±∓=<>≤≥≈∼→/×·⋅,;:|\s]")
_PAIRS = {"(": ")", "[": "]", "{": "}", "⟨": "⟩", "⌊": "⌋", "⌈": "⌉"}


def superscript(body: str) -> str:
    """What stands raised after something.

    >>> superscript("-3"), superscript("2+"), superscript("99m"), superscript("ab")
    ('⁻³', '²⁺', '⁹⁹ᵐ', '^ab')
    """
    body = body.strip()
    if body in ("∘", "◦", "o", "°"):
        return "°" if body != "o" else "^o"
    if _ORDINAL.fullmatch(body):
        return body
    raised = body.translate(_SUPER)
    told = "/" not in body or re.fullmatch(r"[-+−–/]+", body)  # ⁻/⁻, but ^(3/2)
    if told and all(ord(c) in _SUPER or c in _RAISED for c in body):
        return raised
    if (match := re.fullmatch(r"(\d+)([a-z])", body)) and match[2] != "q":
        return match[1].translate(_SUPER) + match[2].translate(_AFTER_DIGITS)
    return _marked("^", body)


def subscript(body: str) -> str:
    """What stands lowered after something.

    >>> subscript("2"), subscript("max"), subscript("ν"), subscript("<5")
    ('₂', '_max', '_ν', '_(<5)')
    """
    body = body.strip()
    word = len(body) > 2 and body.isalpha()  # words stay legible
    if body and not word and body != "," and all(ord(c) in _SUB or c == "," for c in body):
        return body.translate(_SUB)
    return _marked("_", body)


def _marked(mark: str, body: str) -> str:
    if not body:
        return ""
    one = _is_word(body) or len(unicodedata.normalize("NFC", body)) == 1 or _is_bracketed(body)
    return f"{mark}{body}" if one else f"{mark}({body})"


def _is_word(body: str) -> bool:
    return all(unicodedata.category(c) in ("Lu", "Ll", "Lo") for c in body)


def fraction(numerator: str, denominator: str) -> str:
    """One term over another, on one line.

    >>> fraction("1", "2"), fraction("a+b", "c+d"), fraction("f(x+1)", "2")
    ('1/2', '(a+b)/(c+d)', 'f(x+1)/2')
    """
    return f"{bracketed(numerator)}/{bracketed(denominator)}"


def binomial(above: str, below: str) -> str:
    """How many ways there are to choose so many of so many.

    >>> binomial("n", "2")
    'C(n,2)'
    """
    return f"C({above.strip()},{below.strip()})"


def root(body: str, degree: str = "") -> str:
    """A root of a term; of the second degree if none is given.

    >>> root("2"), root("a+b"), root("x", "3"), root("x", "n")
    ('√2', '√(a+b)', '∛x', 'ⁿ√x')
    """
    body, degree = body.strip(), degree.strip()
    sign = _ROOTS.get(degree) or f"{superscript(degree)}√"
    one = len(body) == 1 or re.fullmatch(r"\d+(?:\.\d+)?", body) or _is_bracketed(body)
    return f"{sign}{body}" if one else f"{sign}({body})"


def bracketed(body: str) -> str:
    """A term, in brackets unless it holds together without them."""
    body = body.strip()
    if not body or _is_bracketed(body):
        return body
    sign = 1 if body[0] in "-−–" else 0
    return f"({body})" if _COMPOUND.search(_outside_brackets(body[sign:])) else body


def _is_bracketed(body: str) -> bool:
    return body[:1] in _PAIRS and body[-1:] == _PAIRS[body[0]] and not _outside_brackets(body)


def _outside_brackets(body: str) -> str:
    kept, depth = [], 0
    for char in body:
        if char in _PAIRS:
            depth += 1
        elif char in _PAIRS.values():
            depth = max(0, depth - 1)
        elif not depth:
            kept.append(char)
    return "".join(kept)


#: combining characters by the sign that stands above a letter
ABOVE = {
    "¯": "\u0304", "‾": "\u0304", "―": "\u0304", "_": "\u0304", "^": "\u0302", "ˆ": "\u0302",
    "~": "\u0303", "˜": "\u0303", "∼": "\u0303", "→": "\u20d7", "⃗": "\u20d7", "˙": "\u0307",
    ".": "\u0307", "¨": "\u0308", "..": "\u0308", "ˇ": "\u030c", "˘": "\u0306", "´": "\u0301",
    "`": "\u0300", "˚": "\u030a", "-": "\u0304", "−": "\u0304", "–": "\u0304",
}  # fmt: skip
OVERLINE = "\u0305"
#: letters with one line over them all; over more it would be hard to read
MAX_OVERLINED = 3


def accented(body: str, combining: str) -> str:
    """A letter with a combining character; of a few letters each with a line, else the first.

    >>> accented("x", "\\u0304") == "x̄", accented("n", "\\u0303")
    (True, 'ñ')
    """
    body = body.strip()
    if not body:
        return ""
    letters = _clusters(body)
    if len(letters) > 1 and combining == "\u0304":
        few = len(letters) <= MAX_OVERLINED
        return "".join(c + OVERLINE if few and c.strip() else c for c in letters)
    return unicodedata.normalize("NFC", letters[0] + combining) + "".join(letters[1:])


def _clusters(text: str) -> list[str]:
    found: list[str] = []
    for char in text:
        if found and unicodedata.combining(char):
            found[-1] += char
        else:
            found.append(char)
    return found


def is_operator(sign: str) -> bool:
    """Whether a sign stands between what it joins: relations, arrows, binary operators."""
    if len(sign) != 1:
        return False
    return sign not in _NO_OPERATORS and (
        unicodedata.category(sign) == "Sm" or 0x2190 <= ord(sign) <= 0x21FF or sign in "-·*"
    )


_NO_OPERATORS = frozenset("∂∇∑∏∐∫∬∭∮∞∅∀∃∄¬√∛∜|‖~^∆∎")
_RELATIONS = re.compile(r"[=≠<>≤≥≪≫≈≃≅∼≡∝∈∉⊂⊆⊃⊇←-⇿⟵-⟿⊢⊨≲≳≺≻]")


def is_relation(sign: str) -> bool:
    """Whether a sign states something of what stands to its left and right."""
    return _RELATIONS.fullmatch(sign) is not None
