"""LaTeX in titles and abstracts, as Unicode a person can read. Pure functions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from digest.text import clean

# As in Markdown dialects: an opening dollar touches what follows, a closing one touches what
# precedes. "$5 and $10" is money: what begins with a digit must not end before one.
_BODY = r"((?:[^$\\]|\\.){1,400}?)(?<=[^\s\\])"
_MATH = re.compile(rf"\$\$?(?=[^\s$\d]){_BODY}\$\$?|\$\$?(?=\d){_BODY}\$\$?(?!\d)")
_SUPER = str.maketrans(
    dict(zip("0123456789+-=()niT*", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ⁿⁱᵀ*", strict=True)) | {"−": "⁻", "′": "′"}
)
_SUB = str.maketrans(
    dict(zip("0123456789+-=()aeijkmnoprstuvx", "₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎ₐₑᵢⱼₖₘₙₒₚᵣₛₜᵤᵥₓ", strict=True))
    | {"−": "₋"}
)
_SCRIPT = re.compile(r"([_^])\s*(?:\{([^{}]*)\}|(\\[a-zA-Z]+|[^\s{}\\]))")
_FUNCTION = re.compile(
    r"\s*\\(log|ln|exp|max|min|sin|cos|tanh?|arg|sup|inf|lim|det|dim|ker|Pr)(?![a-zA-Z])\s*(?=[\w\\{])"
)
_QUOTES = re.compile(r"``(.+?)''")


@lru_cache(maxsize=1)
def _decoder() -> object:
    from pylatexenc.latex2text import LatexNodes2Text

    return LatexNodes2Text(math_mode="text", keep_comments=True)


@lru_cache(maxsize=8192)  # the same letters and symbols come again and again
def _decode(latex: str) -> str:
    """LaTeX macros to Unicode; the text itself where it is not LaTeX after all."""
    # A bare % would begin a comment and swallow the rest; in an abstract it is a per cent sign.
    escaped = re.sub(r"(?<!\\)([%&#])", r"\\\1", latex)
    escaped = re.sub(r"\\(?:cite[a-z]*|label|ref)\s*\{[^{}]*\}", "", escaped)
    escaped = re.sub(r"\\href\s*\{[^{}]*\}\s*\{([^{}]*)\}", r"\1", escaped)
    escaped = re.sub(r"\\url\s*\{([^{}]*)\}", lambda m: m[1].replace("_", r"\_"), escaped)
    try:
        decoded = _decoder().latex_to_text(escaped)  # type: ignore[attr-defined]
    except Exception:
        # pylatexenc raises IndexError, ValueError and others on LaTeX it cannot parse; the
        # reader is better served by the source text than by a missing paper.
        return latex
    return str(decoded)


def _script(match: re.Match[str]) -> str:
    # The empty group keeps a script letter from being read as part of the macro before it.
    return "{}" + _script_body(match)


def _script_body(match: re.Match[str]) -> str:
    mark, group, single = match[1], match[2], match[3]
    body = _decode(group if group is not None else single).strip()
    table = _SUPER if mark == "^" else _SUB
    if body and all(ord(c) in table for c in body):
        return body.translate(table)
    if body in ("∘", "°") and mark == "^":
        return "°"
    return f"{mark}{body}" if len(body) == 1 else f"{mark}({body})"


def _math(match: re.Match[str]) -> str:
    inner = match[1] or match[2]
    # \frac{a}{b} first, so that its braces do not look like groups of something else
    inner = re.sub(r"\\[dt]?frac\s*\{([^{}]*)\}\s*\{([^{}]*)\}", r"\1/\2", inner)
    inner = re.sub(r"\\(?:left|right|[bB]igg?[lr]?)(?![a-zA-Z])", "", inner)
    inner = re.sub(
        r"\\(?:mathrm|text|textrm|mathit|operatorname|mathsf)\*?(?![a-zA-Z])\s*", "", inner
    )
    inner = _FUNCTION.sub(r" \1 ", inner)
    inner = _SCRIPT.sub(_script, inner)
    return _decode(inner) if "\\" in inner or "{" in inner else inner


_NO_BRACES = str.maketrans({"{": None, "}": None, "~": " "})
#: letters of a macro; none is longer
LONGEST_MACRO = 60
#: a macro at the end, whose argument may follow after a blank
_OPEN_MACRO = re.compile(r"\\(?:[a-zA-Z]+\*?|.)$")


@lru_cache(maxsize=8192)  # one abstract is read for its phrases, its key sentence and its card
def readable(text: str) -> str:
    """LaTeX in a title or an abstract as Unicode a person can read.

    >>> readable(r"Erd\\H{o}s on $O(n^2 \\log n)$ at 5%")
    'Erdős on O(n² log n) at 5%'
    """
    if not any(c in text for c in "\\$`{~"):
        return text
    pieces: list[str] = []
    end = 0
    for match in _MATH.finditer(text):
        pieces += [_outside_math(text[end : match.start()]), _math(match)]
        end = match.end()
    pieces.append(_outside_math(text[end:]))
    return clean("".join(pieces))


def _outside_math(text: str) -> str:
    text = re.sub(r"(?<=\w)~(?=\w)", " ", _QUOTES.sub(r"“\1”", text))
    if "\\" in text:
        return "".join(_piece(p) for p in _whole_groups(text))
    return re.sub(r"\{([^{}]*)\}", r"\1", text)


def _whole_groups(text: str) -> Iterator[str]:
    """A text cut at blanks, nowhere inside braces or between a macro and what it is for: decoding
    takes a hundred times as long as looking, and most of an abstract is plain."""
    position = 0
    while (macro := text.find("\\", position)) >= 0:
        plain_part = text[position:macro]
        opened = _first_unclosed(plain_part)
        start = plain_part.rfind(" ", 0, opened if opened >= 0 else None) + 1
        if start:
            yield plain_part[:start]
        start += position
        position = _end_of_group(text, start)
        yield text[start:position]
    yield text[position:]


def _first_unclosed(text: str) -> int:
    """Where the outermost brace stands that the text does not close; -1 if there is none."""
    open_at: list[int] = []
    if "{" in text:
        for at, char in enumerate(text):
            if char == "{":
                open_at.append(at)
            elif char == "}" and open_at:
                open_at.pop()
    return open_at[0] if open_at else -1


def _end_of_group(text: str, start: int) -> int:
    depth = 0
    for at in range(start, len(text)):
        char = text[at]
        if char == "{":
            depth += 1
        elif char == "}":
            depth = max(0, depth - 1)
        elif (
            char == " "
            and depth == 0
            and text[at + 1 : at + 2] != "{"
            and not _OPEN_MACRO.search(text[max(start, at - LONGEST_MACRO) : at])
        ):
            return at
    return len(text)


def _piece(text: str) -> str:
    if "\\" not in text:  # but of a text that is LaTeX; a formula may part a brace from its other
        return text.translate(_NO_BRACES).replace("---", "—").replace("--", "–").replace("''", "”")
    lead = text[: len(text) - len(text.lstrip())]
    trail = text[len(text.rstrip()) :]
    # a dollar that opened no formula is money: keep it from being read as one
    return lead + _decode(re.sub(r"(?<!\\)\$", r"\\$", text.strip())) + trail
