"""LaTeX read once from left to right: formulas, and the prose around them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from functools import lru_cache

from digest import notation
from digest.latex import macros
from digest.latex.layout import Atom, joined, kind_of
from digest.latex.scanner import Scanner
from digest.text import clean

#: groups in groups that are read as groups; what lies deeper is printed
MAX_DEPTH = 40


@lru_cache(maxsize=16384)  # the same formulas come again and again
def _formula(source: str, depth: int = 0) -> str:
    """A formula in one line."""
    if depth > MAX_DEPTH:
        return source
    return joined(_atoms(source, depth))


def _atoms(source: str, depth: int) -> list[Atom]:
    for over, put in (("over", notation.fraction), ("choose", notation.binomial)):
        parts = re.split(rf"\\{over}(?![a-zA-Z])", source)
        if len(parts) == 2 and _balanced(parts[0]):
            return [Atom(put(_formula(parts[0], depth + 1), _formula(parts[1], depth + 1)))]
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
            _add_script(atoms, char, scan, depth, apart)
        elif char == "\\":
            scan.at += 1
            found = _macro_in_formula(scan, depth, apart)
            atoms += found
            if not found:
                continue
        elif char == "{":
            inner = scan.group()
            if inner is None:
                scan.at += 1
                atoms.append(Atom("{", apart))
            else:
                atoms.append(Atom(_formula(inner, depth + 1), apart, kind=kind_of(inner)))
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


def _add_script(atoms: list[Atom], mark: str, scan: Scanner, depth: int, apart: bool) -> None:
    if scan.peek() == "\\" and scan.peek(6) == "\\limit":
        return
    source = scan.argument()
    if source is None:
        atoms.append(Atom(mark, apart))
        return
    body = _formula(source, depth + 1)
    put = notation.superscript if mark == "^" else notation.subscript
    if atoms and atoms[-1].kind != "blank":
        atoms[-1].shown += put(body)
        if atoms[-1].kind == "op":
            atoms[-1].kind = "ord" if not notation.is_relation(atoms[-1].shown[:1]) else "op"
        atoms[-1].named = False
    else:
        atoms.append(Atom(put(body), apart))


def _macro_in_formula(scan: Scanner, depth: int, apart: bool) -> list[Atom]:
    start = scan.at - 1
    name = scan.name()
    word = name.isalpha()

    def read(source: str | None) -> str:
        return _formula(source or "", depth + 1)

    def one(shown: str, kind: str = "") -> list[Atom]:
        return [Atom(shown, apart, kind=kind or kind_of(shown))]

    if not name or name.isspace() or name in ("\\", ",", ";", ":", ">") or name in macros.BLANKS:
        if name == "\\":
            scan.optional()
        return [Atom("", kind="blank")]
    if name in ("!", "-", "/", "@"):
        return []
    if name == "|":
        return one("‖", "ord")
    if name in "{}" or name in macros.ESCAPED:
        return one(name, "open" if name == "{" else "close" if name == "}" else "ord")
    if name in macros.SILENT:
        if name in ("left", "right", "middle") and scan.peek() == ".":
            scan.at += 1
        return []
    if name in macros.FRACTIONS:
        scan.optional()
        above, below = scan.argument(), scan.argument()
        return [Atom(notation.fraction(read(above), read(below)), apart, kind="fraction")]
    if name in macros.BINOMIALS:
        above, below = scan.argument(), scan.argument()
        return one(notation.binomial(read(above), read(below)), "ord")
    if name == "sqrt":
        degree = scan.optional() or ""
        return one(notation.root(read(scan.argument()), read(degree)), "ord")
    if name in macros.MATH_ACCENTS:
        return one(notation.accented(read(scan.argument()), macros.MATH_ACCENTS[name]), "ord")
    if not word and name in macros.ACCENTS:
        return one(notation.accented(read(scan.argument()), macros.ACCENTS[name]), "ord")
    if name in macros.ALPHABETS:
        return one(_in_alphabet(read(scan.argument()), macros.ALPHABETS[name]), "ord")
    if name in ("stackrel", "overset"):
        above, base = read(scan.argument()), read(scan.argument())
        return one(base + notation.superscript(above), kind_of(base))
    if name == "underset":
        below, base = read(scan.argument()), read(scan.argument())
        return one(base + notation.subscript(below), kind_of(base))
    if name in macros.STRETCHED:
        below_label, label = read(scan.optional()), read(scan.argument())
        labels = ", ".join(s for s in (label, below_label) if s)
        return one(f"–{labels}{macros.STRETCHED[name]}" if labels else macros.STRETCHED[name], "op")
    if name in ("pmod", "pod"):
        inner = read(scan.argument())
        return [Atom(f"(mod {inner})" if name == "pmod" else f"({inner})", True)]
    if name == "not":
        negated = read(scan.argument())
        return one(unicodedata.normalize("NFC", f"{negated[:1]}\u0338") + negated[1:], "op")
    if name == "ce":
        return one(_chemical(scan.following_group() or ""), "ord")
    if name in ("verb", "url"):
        return one(_verbatim(scan, name))
    if name in macros.LETTERS:
        if scan.peek() == "*":
            scan.at += 1
        return one(read(scan.argument()), "function" if name == "operatorname" else "ord")
    if name in macros.TEXT_ARGUMENT:
        argument = scan.following_group()
        if argument is None:
            return []
        shown = _prose(argument, depth + 1)
        # blanks at the edges of a text are meant
        edges = [Atom("", kind="blank")]
        before = edges if argument[:1].isspace() else []
        after = edges if argument[-1:].isspace() else []
        return [*before, Atom(shown.strip(), apart, kind="ord"), *after]
    if name in macros.FUNCTIONS:
        return one(name.removeprefix("b") if name == "bmod" else name, "function")
    if name in macros.UNSAID:
        return one(_said(scan, name, read), "ord")
    sign = macros.sign_of(name) if word else ""
    if sign:
        kind = "close" if name == "colon" else kind_of(sign)
        return [Atom(sign, apart, named=word, kind=kind)]
    if not word:
        return one("\\" + name, "ord")
    printed = _unknown(scan, name, read)
    if printed is None:
        return one(scan.text[start : scan.at], "ord")
    return one(printed, "ord" if len(printed) == 1 else "function")


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


def _chemical(formula: str) -> str:
    """The formula of a substance as mhchem writes it.

    >>> _chemical("CO2"), _chemical("Fe^{2+}")
    ('CO₂', 'Fe²⁺')
    """
    lowered = re.sub(
        r"(?<=[A-Za-z)\]])(\d+)", lambda m: notation.subscript(m[1]), formula.replace("->", "→")
    )
    return _prose(lowered, 1)


def _verbatim(scan: Scanner, name: str) -> str:
    """What \\verb or \\url holds, as it stands there."""
    if scan.peek() == "*":
        scan.at += 1
    mark = scan.peek()
    if mark == "{" or not mark.strip() or (name == "url"):
        return _without_escapes(scan.following_group() or "")
    end = scan.text.find(mark, scan.at + 1)
    if end < 0 or mark.isalnum():
        return ""
    found = scan.text[scan.at + 1 : end]
    scan.at = end + 1
    return found


def _without_escapes(source: str) -> str:
    return re.sub(r"\\([%&#_$~{}])", r"\1", source)


def _said(scan: Scanner, name: str, read: Callable[[str | None], str]) -> str:
    """What a macro says whose first arguments are for the printer."""
    if name in ("begin", "end"):
        scan.following_group()
        return " "
    if name == "href":
        return _link(scan, read)
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


def _link(scan: Scanner, read: Callable[[str | None], str]) -> str:
    start = scan.at
    scan.optional()
    target = scan.following_group()
    label = scan.following_group() if target is not None else None
    if target is None:
        scan.at = start
        return "\\href"
    return read(label) if label is not None else _without_escapes(target)


def _unknown(scan: Scanner, name: str, read: Callable[[str | None], str]) -> str | None:
    """A macro that nobody knows: its arguments, else its name; None if an argument does not end."""
    if scan.peek() == "*":
        scan.at += 1
    start = scan.at
    if scan.optional() is not None and scan.peek() != "{":
        scan.at = start
    arguments: list[str] = []
    while scan.peek() == "{":
        argument = scan.group()
        if argument is None:
            scan.at += 1  # the text goes on in it
            return "" if not arguments else " ".join(arguments)
        arguments.append(read(argument).strip())
    if not arguments:
        return name
    return " ".join(a for a in arguments if a)


_QUOTES = re.compile(r"``(.{1,300}?)(?:''|\")")
_SINGLE_QUOTES = re.compile(r"(?<![\w`])`([^`'\s][^`']{0,80})'(?!\w)")
_LISTED = re.compile(r"\s*[^\s,{}\\]{1,16}(?:\s*,\s*[^\s,{}\\]{1,16})+\s*")
_POWER = re.compile(r"\d\^([-−+]?\d{1,4})(?![\w.])")
_DASHES = re.compile(r"(?<!-)(?:---?(?=\s|$)|---(?!-)|(?<=[^\s-])--(?!-)|--(?=\d))")


@lru_cache(maxsize=8192)  # one abstract is read for its phrases, its key sentence and its card
def readable(text: str) -> str:
    """LaTeX in a title or an abstract as Unicode a person can read.

    >>> readable(r"Erd\\H{o}s on $O(n^2 \\log n)$ at 5%")
    'Erdős on O(n² log n) at 5%'
    """
    if not any(c in text for c in "\\$`{~^") and "--" not in text:
        return text
    if '\\"' in text:
        text = _ESCAPED_QUOTES.sub(r'"\1"', text)
    return clean(_prose(unescaped(text), 0))


#: a quotation whose marks a program escaped, which is no ättention
_ESCAPED_QUOTES = re.compile(r'(?<![\w}])\\"(\w[^"\\{}]{0,200}?)\\"(?=[\s.,;:)\]!?\-]|$)')
#: a formula whose signs were escaped by a reference manager, as if they were text
_ESCAPED_FORMULA = re.compile(r"\\\$(.{1,400}?)\\\$")
_ESCAPES = {
    "textbackslash": "\\", "textasciicircum": "^", "textasciitilde": "~",
    "textbraceleft": "{", "textbraceright": "}", "textless": "<", "textgreater": ">",
    "textbar": "|",
}  # fmt: skip
_ESCAPE = re.compile(
    rf"\{{\\({'|'.join(_ESCAPES)})\}}|\\({'|'.join(_ESCAPES)})(?:\{{\}}|(?![a-zA-Z]))\s?"
)


def unescaped(text: str) -> str:
    """Formulas that Zotero and others export with their signs escaped."""
    if "\\$" not in text:
        return text

    def raw(match: re.Match[str]) -> str:
        inner = match[1]
        if not re.search(r"\\text(?:backslash|asciicircum)|\\[_{}]", inner):
            return match[0]
        inner = _ESCAPE.sub(lambda m: _ESCAPES[m[1] or m[2]], inner)
        inner = re.sub(r"\\([_{}&%#^])", r"\1", inner)
        return f"${inner}$"

    return _ESCAPED_FORMULA.sub(raw, text)


def _prose(text: str, depth: int) -> str:
    """Text outside of formulas, with the formulas in it."""
    if depth > MAX_DEPTH:
        return text
    scan = Scanner(text)
    parts: list[str] = []
    plain_from = 0

    def keep() -> None:
        if scan.at > plain_from:
            parts.append(_typed(text[plain_from : scan.at]))

    while scan.more:
        found = _SPECIAL.search(text, scan.at)
        if found is None:
            scan.at = len(text)
            break
        scan.at = found.start()
        start = scan.at
        char = scan.peek()
        shown: str | None
        if char == "\\":
            keep()
            scan.at += 1
            shown = _macro_in_prose(scan, depth)
        elif char == "$":
            keep()
            shown = _dollars(scan, depth)
        elif char == "{":
            keep()
            inner = scan.group()
            if inner is None:
                shown = None
            elif _LISTED.fullmatch(inner) or (not inner and start and text[start - 1] in "})"):
                shown = "{" + _prose(inner, depth + 1) + "}"
            else:
                shown = _prose(inner, depth + 1)
        elif char == "~":
            keep()
            scan.at += 1
            shown = _tie("".join(parts[-1:])[-1:], scan.peek())
        else:  # ^ or _ before a brace
            keep()
            scan.at += 1
            inner = scan.group()
            put = notation.superscript if char == "^" else notation.subscript
            shown = put(_formula(inner, depth + 1)) if inner is not None else char
        if shown is None:
            scan.at = start + 1
            shown = char
        parts.append(shown)
        plain_from = scan.at
    keep()
    whole = "".join(parts)
    if depth:
        return whole
    # only now, as a formula may stand beside a dash or in quotes
    if "--" in whole:
        whole = _DASHES.sub(lambda m: "—" if len(m[0]) == 3 else "–", whole)
    return _quoted(whole) if "`" in text else whole


_SPECIAL = re.compile(r"[\\${~]|[\^_](?=\{)")


def _quoted(text: str) -> str:
    return _SINGLE_QUOTES.sub(r"‘\1’", _QUOTES.sub(r"“\1”", text))


def _typed(text: str) -> str:
    """Plain text with the powers of a typist."""
    return _POWER.sub(lambda m: m[0][0] + notation.superscript(m[1]), text) if "^" in text else text


def _tie(before: str, after: str) -> str:
    """What a tilde between two characters is: a blank, nothing, or itself as in ~5 and 5~10."""
    if not before or before.isspace() or before in "/(" or (before + after).isdecimal():
        return "~"
    return "" if not after or after.isspace() or after in ",.;:)" else " "


# "$5 and $10" is money: what begins with a digit must not end before one.
_MATH = re.compile(
    r"\$\$((?:[^$\\]|\\.){1,600}?)\$\$"
    r"|\$(?=[^\s$\d])((?:[^$\\]|\\.){1,400}?)(?<![\s\\])\$"
    r"|\$(?=\d)((?:[^$\\]|\\.){1,400}?)(?<![\s\\])\$(?!\d)"
    r"|\$(?=\s)((?:[^$\\]|\\.){1,400}?)\$(?!\d)"
    r"|\$(?=\S)((?:[^$\\]|\\.){1,400}?)(?<=\s)\$(?![\d])",
    re.S,
)
_MATHEMATICAL = re.compile(r"[\\^_=<>≤≥]|^\s*[A-Za-z]\s*$")
_ENDS_IN_NAME = re.compile(r"\\[a-zA-Z]+\s+$")
_PROSE_WORDS = re.compile(r"(?<!\\)\b[a-z]{3,}\s+(?:[a-z]{2,}\s+)*[a-z]{3,}")


def _dollars(scan: Scanner, depth: int) -> str | None:
    """A formula in dollars that begins here; None if the dollar is money."""
    match = _MATH.match(scan.text, scan.at)
    if match is None:
        return None
    inner = next(g for g in match.groups() if g is not None)
    spaced = match[4] or match[5]
    if spaced is not None and not _MATHEMATICAL.search(spaced):
        return None
    if match[3] is not None and _is_money(inner):
        return None
    scan.at = match.end()
    shown = _formula(inner, depth + 1).strip()
    # \( and $ do not part words, so a blank at the edge of a formula is one of the text
    before = " " if inner[:1].isspace() else ""
    after = " " if inner[-1:].isspace() and not _ENDS_IN_NAME.search(inner) else ""
    return f"{before}{shown}{after}"


def _is_money(inner: str) -> bool:
    """Whether "$5 to buy and sell at $" is not a formula."""
    return "\\" not in inner and _PROSE_WORDS.search(inner) is not None


def _macro_in_prose(scan: Scanner, depth: int) -> str | None:
    """What a macro outside of formulas prints; None if it is a backslash like any other."""
    start = scan.at
    name = scan.name()

    def read(source: str | None) -> str:
        return _prose(source or "", depth + 1)

    if not name:
        return None
    if name in "([":
        closing = "\\)" if name == "(" else "\\]"
        end = scan.text.find(closing, scan.at)
        if end < 0:
            return "" if name == "[" else name
        inner = scan.text[scan.at : end]
        scan.at = end + 2
        return (
            _formula(inner, depth + 1).strip() if name == "(" else f" {_formula(inner, depth + 1)} "
        )
    if name in ")]":
        return name
    if name in macros.ESCAPED or name in "{}":
        return name
    if name in ("\\", ",", ";", ":", " ", "\n") or name in macros.BLANKS:
        return " "
    if name in ("!", "-", "/", "@", "|"):
        return "" if name != "|" else "‖"
    if name in macros.ACCENTS and not (name.isalpha() and _is_word_macro(scan, name)):
        return _accent(scan, name, depth)
    if name in macros.SILENT:
        scan.skip_blanks()
        return ""
    if name in ("verb", "url"):
        return _verbatim(scan, name)
    if name in macros.TEXT_SCRIPTS:
        return macros.TEXT_SCRIPTS[name](_formula(scan.following_group() or "", depth + 1))
    if name == "ensuremath":
        return _formula(scan.following_group() or "", depth + 1)
    if name == "ce":
        return _chemical(scan.following_group() or "")
    if name in macros.UNSAID:
        return _said(scan, name, read)
    if name == "footnote":
        return f" ({read(scan.following_group())})"
    if name in macros.TEXT_ARGUMENT:
        argument = scan.following_group()
        if argument is None and scan.peek() == "{":
            scan.at += 1  # it does not end, and its text goes on
        return read(argument)
    if not name.isalpha():
        return None
    sign = macros.sign_of(name)
    if sign:
        if scan.peek(2) == "{}":
            scan.at += 2
        elif sign.endswith("."):  # an abbreviation
            pass
        elif notation.is_operator(sign) or sign in macros.SIGNS.values():
            _after_sign(scan, start, sign)
        else:
            scan.skip_blanks()
        return sign
    if _takes_formula(name):
        scan.at = start
        return joined(_macro_in_formula(scan, depth, apart=False))
    shown = _unknown(scan, name, read)
    if scan.peek(2) == "{}":
        scan.at += 2
    return shown


def _after_sign(scan: Scanner, start: int, sign: str) -> None:
    """A blank after a sign in prose only ends its name, unless one stands before it."""
    spaced = start < 2 or scan.text[start - 2].isspace()
    if not spaced or sign in ("/", "|"):
        scan.skip_blanks()


def _takes_formula(name: str) -> bool:
    return (
        name in macros.FRACTIONS
        or name in macros.BINOMIALS
        or name in macros.ALPHABETS
        or name in macros.LETTERS
        or name in macros.STRETCHED
        or name in macros.MATH_ACCENTS
        or name in macros.FUNCTIONS
        or name in ("sqrt", "stackrel", "overset", "underset", "pmod", "not")
    )


def _is_word_macro(scan: Scanner, name: str) -> bool:
    """Whether \\c, \\v and the like have nothing to stand on."""
    following = scan.text[scan.at : scan.at + 1]
    return not (following == "{" or following == "\\" or following.isspace())


def _accent(scan: Scanner, name: str, depth: int) -> str | None:
    start = scan.at
    argument = scan.argument()
    if argument is None:
        return None if name.isalpha() else ""
    base = _prose(argument, depth + 1)
    base = {"ı": "i", "ȷ": "j"}.get(base, base)
    if not base:
        return macros.ACCENT_ALONE.get(name, "")
    shown = notation.accented(base, macros.ACCENTS[name])
    if not name.isalpha() and len(shown) > len(base) and not base[:1].isalpha():
        # \"Hello\" is a quotation that somebody escaped
        scan.at = start
        return name
    if name == '"' and len(unicodedata.normalize("NFC", shown)) > len(base):
        scan.at = start
        return name
    return shown
