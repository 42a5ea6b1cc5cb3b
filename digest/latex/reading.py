"""LaTeX in prose: read once from left to right, with the formulas in it."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from digest import notation
from digest.latex import macros
from digest.latex.arguments import lowered_digits, said, unknown, verbatim
from digest.latex.formula import MAX_DEPTH, formula, lone_macro
from digest.latex.scanner import Scanner
from digest.text import clean

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
            shown = put(formula(inner, depth + 1, _prose)) if inner is not None else char
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
    shown = formula(inner, depth + 1, _prose).strip()
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
    if not name:
        return None
    if name in "([":
        return _bracketed_formula(scan, name, depth)
    if name in ")]" or name in macros.ESCAPED or name in "{}":
        return name
    if name in ("\\", ",", ";", ":", " ", "\n") or name in macros.BLANKS:
        return " "
    if name in ("!", "-", "/", "@", "|"):
        return "" if name != "|" else "‖"
    if name in macros.ACCENTS and not (name.isalpha() and _stands_alone(scan)):
        return _accent(scan, name, depth)
    if name in macros.SILENT:
        scan.skip_blanks()
        return ""
    said_of = _argument_of(scan, name, depth)
    if said_of is not None or not name.isalpha():
        return said_of
    sign = macros.sign_of(name)
    if sign:
        _after_sign(scan, start, sign)
        return sign
    if name in _OF_FORMULAS:
        return lone_macro(scan, name, depth, _prose)
    shown = unknown(scan, name, lambda source: _prose(source or "", depth + 1))
    if scan.peek(2) == "{}":
        scan.at += 2
    return shown


def _bracketed_formula(scan: Scanner, opening: str, depth: int) -> str:
    r"""What stands in \( … \) or \[ … \]."""
    end = scan.text.find("\\)" if opening == "(" else "\\]", scan.at)
    if end < 0:
        return "" if opening == "[" else opening
    shown = formula(scan.text[scan.at : end], depth + 1, _prose).strip()
    scan.at = end + 2
    return shown if opening == "(" else f" {shown} "


def _argument_of(scan: Scanner, name: str, depth: int) -> str | None:
    """What a macro says whose argument is text; None if it is none of those."""

    def read(source: str | None) -> str:
        return _prose(source or "", depth + 1)

    if name in ("verb", "url"):
        return verbatim(scan, name)
    if name in macros.TEXT_SCRIPTS:
        inner = formula(scan.following_group() or "", depth + 1, _prose)
        return macros.TEXT_SCRIPTS[name](inner)
    if name == "ensuremath":
        return formula(scan.following_group() or "", depth + 1, _prose)
    if name == "ce":
        return read(lowered_digits(scan.following_group() or ""))
    if name in macros.UNSAID:
        return said(scan, name, read)
    if name == "footnote":
        return f" ({read(scan.following_group())})"
    if name in macros.TEXT_ARGUMENT:
        argument = scan.following_group()
        if argument is None and scan.peek() == "{":
            scan.at += 1  # it does not end, and its text goes on
        return read(argument)
    return None


def _after_sign(scan: Scanner, start: int, sign: str) -> None:
    """A blank after a sign in prose only ends its name, unless one stands before it."""
    if scan.peek(2) == "{}":
        scan.at += 2
    elif sign.endswith("."):  # an abbreviation
        return
    elif notation.is_operator(sign) or sign in macros.SIGNS.values():
        spaced = start < 2 or scan.text[start - 2].isspace()
        if not spaced or sign in ("/", "|"):
            scan.skip_blanks()
    else:
        scan.skip_blanks()


#: macros of formulas that are read as such in prose, too
_OF_FORMULAS = frozenset(
    {
        *macros.FRACTIONS, *macros.BINOMIALS, *macros.ALPHABETS, *macros.LETTERS, *macros.STRETCHED,
        *macros.MATH_ACCENTS, *macros.FUNCTIONS, "sqrt", "stackrel", "overset", "underset", "pmod",
        "not",
    }
)  # fmt: skip


def _stands_alone(scan: Scanner) -> bool:
    """Whether \\c, \\v and the like have nothing to stand on."""
    following = scan.peek()
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
