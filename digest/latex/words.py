"""Whether a readable text still holds the words of its source."""

from __future__ import annotations

import re

from digest.latex.reading import unescaped
from digest.text import fold

_ACCENT_MACRO = re.compile(r"\\(?:[\"'`^~=.]|[uvHcdbkrt](?![a-zA-Z]))\s*")
_ANY_MACRO = re.compile(r"\\(?:[a-zA-Z]+\*?|.)", re.S)
_PRINTERS_ARGUMENTS = re.compile(
    r"\\(?:begin|end|cite[a-z]*|[a-zA-Z]?ref|eqref|autoref|label|textcolor|color|includegraphics|"
    r"hspace|vspace|phantom|hypersetup|hyperlink|hypertarget)\*?\s*(?:\[[^\]]*\])?\s*\{[^{}]*\}"
    r"|\\(?:sqrt|href|\\)\s*(?:\[[^\]]*\])"
    r"|\\rule\s*(?:\[[^\]]*\])?\{[^{}]*\}\s*\{[^{}]*\}"
    r"|\\href\s*\{(?:[^{}]|\{[^{}]*\})*\}(?=\s*\{)"
)


def lost_words(source: str, shown: str) -> tuple[str, ...]:
    """Words of a text, outside of the names of macros, that its readable form does not hold.

    >>> lost_words(r"the \\texttt{Name} of it", "the  of it")
    ('Name',)
    """
    left = _PRINTERS_ARGUMENTS.sub(" ", unescaped(source))
    left = _ANY_MACRO.sub(" ", _ACCENT_MACRO.sub("", left))
    held = _squeezed(shown)
    words = dict.fromkeys(w for part in left.split() for w in re.findall(r"[^\W_]+", _flat(part)))
    return tuple(w for w in words if _squeezed(w) not in held)


def _flat(part: str) -> str:
    return part.replace("{", "").replace("}", "")


def _squeezed(text: str) -> str:
    return re.sub(r"[\W_]+", "", fold(text))
