"""The text of markup."""

from __future__ import annotations

import html
import re
from collections.abc import Callable

from digest import notation
from digest.markup.elements import BLOCKS, MATHML, PREFIX, Element, parse
from digest.markup.mathml import formula, shown_of
from digest.text import clean

_REFERENCE = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z][a-zA-Z0-9]{1,31});")
_TEX_BODY = re.compile(r"\\begin\s*\{document\}(.*?)\\end\s*\{document\}", re.S)
#: markup in markup that was escaped more than once
MAX_PASSES = 3
#: no abstract is longer, whatever stands around it
MAX_CHARS = 500_000


def plain(markup: str | None) -> str:
    """The text of a piece of HTML, JATS or MathML in one line; of a text without any, itself.

    >>> plain("if x<y and y>z, 10<sup>-3</sup> of CH<sub>4</sub>")
    'if x<y and y>z, 10⁻³ of CH₄'
    """
    return clean(_read(markup, " "))


def lines(markup: str | None) -> list[str]:
    """The text of a piece of HTML, one item for each block of it that says something."""
    return [line for part in _read(markup, "\n").split("\n") if (line := clean(part))]


def of_plain_text(text: str | None) -> str:
    """A text whose source says that it is no markup, in one line.

    It is as written, but for what no author would write in it: H<sub>2</sub>O and MathML are
    markup that was labelled wrongly.
    """
    text = text or ""
    if _MISLABELLED.search(text):
        return plain(text)
    return clean(_REFERENCE.sub(lambda m: html.unescape(m[0]), text))


_MISLABELLED = re.compile(
    rf"<{PREFIX}(sub|sup|math|inf)(?:\s[^<>]*)?>[^<>]*<(?:/{PREFIX}\1|{PREFIX}m\w+[^<>]*)>", re.I
)


def _read(markup: str | None, block: str) -> str:
    text = (markup or "")[:MAX_CHARS]
    for _ in range(MAX_PASSES):
        if "<" not in text and "&" not in text:
            break
        tree, has_elements = parse(text)
        read = _shown(tree, block)
        again = _REFERENCE.search(read) if has_elements else _REFERENCE.search(text)
        if read == text or not again:
            return read
        text = read
    return text


def _shown(element: Element, block: str) -> str:
    parts: list[str] = []
    for child in element.children:
        if isinstance(child, str):
            parts.append(child)
        else:
            _put(parts, child, block)
    return "".join(parts)


def _text(element: Element) -> str:
    """What an element shows in a formula."""
    if element.name in MATHML:
        return _shown(element, " ")
    parts: list[str] = []
    _put(parts, element, " ")
    return "".join(parts)


def _put(parts: list[str], element: Element, block: str) -> None:
    name = element.name
    if name == "math":
        _beside(parts, formula(element, _text).strip())
    elif name in MATHML:
        parts.append(shown_of(element, _text))
    elif name in ("tex-math", "tex", "equationsource"):
        _beside(parts, _tex(_shown(element, " ")))
    elif name == "alternatives":
        parts.append(_best_alternative(element, block))
    elif name in ("sup", "superscript"):
        parts.append(_script(element, notation.superscript))
    elif name in ("sub", "subscript", "inf"):
        parts.append(_script(element, notation.subscript))
    elif name in BLOCKS:
        parts += [block, _shown(element, block), block]
    elif name == "wbr":
        pass
    else:
        parts.append(_shown(element, block))


def _script(element: Element, put: Callable[[str], str]) -> str:
    body = _shown(element, " ")
    if len(clean(body)) > MAX_SCRIPT_CHARS:  # it was never closed
        return body
    return put(clean(body))


#: nothing that is raised or lowered is longer
MAX_SCRIPT_CHARS = 60


def _beside(parts: list[str], formula: str) -> None:
    """A formula, apart from the words that it touches."""
    if not formula:
        return
    before = "".join(parts[-1:])
    if re.search(r"[^\W\d_]{2}$", before) and formula[0].isalnum():
        parts.append(" ")
    parts.append(formula)


def _tex(source: str) -> str:
    document = _TEX_BODY.search(source)
    body = (document[1] if document else source).strip()
    body = re.sub(r"\\usepackage\s*(?:\[[^\]]*\])?\s*\{[^{}]*\}|\\documentclass\S*", "", body)
    return body if not body or "$" in body or body.startswith(("\\(", "\\[")) else f"${body}$"


def _best_alternative(element: Element, block: str) -> str:
    """One writing of what is written in several: MathML, else TeX, else whatever there is."""
    found = [c for c in element.children if isinstance(c, Element)]
    for wanted in ("math", "tex-math", "tex"):
        for child in found:
            if child.name == wanted:
                parts: list[str] = []
                _put(parts, child, block)
                if "".join(parts).strip():
                    return "".join(parts)
    return _shown(element, block)
