"""Cleaning of outside text: control characters, markup, LaTeX, sentences. Pure functions.

Everything that comes from a feed, a library file or a reader passes `clean` on the way in; what
a person reads passes `readable` on the way out. Neither produces HTML.
"""

from __future__ import annotations

import re
import unicodedata
from array import array
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from html.parser import HTMLParser

# Overrides and isolates could swap the reading order of what follows them, marks and BOMs are
# invisible, so a muted word could hide behind one. The joiners U+200C and U+200D stay: Persian
# and emoji need them.
_INVISIBLE = dict.fromkeys(
    [
        0x00AD,
        0x061C,
        0x200B,
        0x200E,
        0x200F,
        *range(0x202A, 0x202F),
        0x2060,
        *range(0x2066, 0x206A),
        0xFEFF,
    ]
)
_UNSAFE = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff]")


def clean(text: str | None) -> str:
    """One line of NFC text without control, bidi-override or invisible characters."""
    if not text:
        return ""
    if not (text.isascii() and text.isprintable()):  # most texts are, and most were cleaned before
        text = unicodedata.normalize("NFC", _UNSAFE.sub(" ", text).translate(_INVISIBLE))
    return " ".join(text.split())


_BLOCKS = frozenset(
    "address article aside blockquote br dd div dl dt figcaption figure footer h1 h2 h3 h4 h5 h6 "
    "header hr li main nav ol p pre section table td th tr ul jats:p jats:title".split()
)
_SILENT = frozenset(
    ["script", "style", "head", "template", "iframe", "object", "noscript", "svg", "math"]
)


class _TextOnly(HTMLParser):
    """Keeps the text between tags; what scripts and styles hold is not text."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self.silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _SILENT:
            self.silent += 1
        elif tag in _BLOCKS:
            self.parts.append(" ")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        # <svg/> and the like open nothing that would have to be closed
        if tag in _BLOCKS:
            self.parts.append(" ")

    def handle_endtag(self, tag: str) -> None:
        if tag in _SILENT:
            self.silent = max(0, self.silent - 1)
        elif tag in _BLOCKS:
            self.parts.append(" ")

    def handle_data(self, data: str) -> None:
        if not self.silent:
            self.parts.append(data)


_LOOKS_LIKE_MARKUP = re.compile(r"</?[a-zA-Z!][^<>]*>|&(#\d+|#x[0-9a-fA-F]+|[a-zA-Z]\w+);")


def plain(markup: str | None) -> str:
    """The text of a piece of HTML, cleaned; text that holds no markup is only cleaned."""
    if not markup:
        return ""
    if not _LOOKS_LIKE_MARKUP.search(markup):
        return clean(markup)
    parser = _TextOnly()
    try:
        parser.feed(markup)
        parser.close()
    except AssertionError:  # html.parser gives up like this on some broken declarations
        return clean(re.sub(r"<[^>]*>", " ", markup))
    return clean("".join(parser.parts))


# --- LaTeX ---------------------------------------------------------------------------------

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


# --- sentences and lengths -------------------------------------------------------------------

_ABBREVIATIONS = frozenset(
    "e.g i.e etc vs cf al fig figs eq eqs sec approx resp no dr prof st ca incl w.r.t a.k.a".split()
)
_SENTENCE_END = re.compile(r"[.!?。！？][\"'”’)\]]*(?:\s+(?=[^\sa-z])|(?<=[。！？])|$)")


def sentences(text: str) -> tuple[str, ...]:
    """The sentences of a one-line text; abbreviations and initials do not end one."""
    found: list[str] = []
    start = 0
    for match in _SENTENCE_END.finditer(text):
        last_word = text[start : match.start()].rsplit(" ", 1)[-1].lower().lstrip("([\"'“")
        if match.end() < len(text) and (
            last_word in _ABBREVIATIONS or re.fullmatch(r"[a-z]", last_word)
        ):
            continue
        piece = text[start : match.end()].strip()
        if piece:
            found.append(piece)
        start = match.end()
    rest = text[start:].strip()
    if rest:
        found.append(rest)
    return tuple(found)


def shorten(text: str, max_chars: int) -> str:
    """At most `max_chars` characters: whole sentences if they fill half of it, else whole words."""
    if len(text) <= max_chars:
        return text
    kept = ""
    for sentence in sentences(text):
        joined = f"{kept} {sentence}".strip()
        if len(joined) > max_chars:
            break
        kept = joined
    if len(kept) >= max_chars // 2:
        return kept
    cut = text[: max(1, max_chars - 1)]
    if not text[len(cut)].isspace() and " " in cut[max_chars // 2 :]:
        cut = cut.rsplit(" ", 1)[0]
    return cut.rstrip(" ,;:-–—") + "…"


def counted(n: int, noun: str) -> str:
    """ "1 paper", "1,204 papers"."""
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


class _Marks(dict[int, int | None]):
    """For `str.translate`: drops combining characters, which it learns as they come."""

    def __missing__(self, code: int) -> int | None:
        found = self[code] = None if unicodedata.combining(chr(code)) else code
        return found


_WITHOUT_MARKS = _Marks()


def fold(text: str) -> str:
    """Lower case without accents, for comparing names and words."""
    if text.isascii():
        return text.casefold()
    return unicodedata.normalize("NFKD", text).translate(_WITHOUT_MARKS).casefold()


#: between the words of a term: blanks and hyphens, or a few small words
_BETWEEN = re.compile(r"[\s\-–/]+")
_BLANKS = re.compile(r"[\s\-–]+")
_SMALL_WORD = re.compile(r"(?:of|the|a|an|in|for|and|to|with|on|by|from)\s+")


def as_written(text: str, term: str) -> str:
    """How a text writes a folded term: with its capitals, accents, hyphens and small words.

    The words of a term may stand a few short words apart, within one sentence.

    >>> as_written("Graphs of Neural-Network type", "neural network")
    'Neural-Network'
    """
    words = term.split()
    folded, origin = _folded(text)
    if not words or any(w not in folded for w in words):
        return ""
    start = folded.find(words[0])
    while start >= 0:
        if not start or not _is_word(folded[start - 1]):
            end = _rest_of_term(folded, start + len(words[0]), words[1:])
            if end is not None:
                if origin is None:
                    return text[start:end]
                return text[origin[start] : origin[end - 1] + 1]
        start = folded.find(words[0], start + 1)
    return ""


@lru_cache(maxsize=2048)
def _folded(text: str) -> tuple[str, Sequence[int] | None]:
    """A folded text, and where each of its characters came from (None: from the same place)."""
    if text.isascii():
        return text.casefold(), None
    folded: list[str] = []
    origin: list[int] = []
    for position, char in enumerate(text):
        for part in fold(char):
            folded.append(part)
            origin.append(position)
    return "".join(folded), array("I", origin)


def _is_word(char: str) -> bool:
    return char.isalnum() or char == "_"


def _rest_of_term(folded: str, at: int, words: Sequence[str]) -> int | None:
    """Where the last of these words ends if they follow there; None if they do not."""
    if not words:
        return None if at < len(folded) and _is_word(folded[at]) else at
    places = []
    if (between := _BETWEEN.match(folded, at)) is not None:
        places.append(between.end())
    if (blanks := _BLANKS.match(folded, at)) is not None:
        small = _SMALL_WORD.match(folded, blanks.end())
        if small is not None:
            second = _SMALL_WORD.match(folded, small.end())
            places += [second.end()] if second is not None else []
            places.append(small.end())
    for place in places:
        if folded.startswith(words[0], place):
            end = _rest_of_term(folded, place + len(words[0]), words[1:])
            if end is not None:
                return end
    return None


def compile_terms(terms: Iterable[str]) -> re.Pattern[str] | None:
    """A pattern that finds any of the terms as whole words in folded text, or None for no terms.

    Words of a phrase may stand any white space or hyphen apart, and a plural "s" may follow.
    """
    alternatives = [
        r"[\s\-]+".join(re.escape(w) for w in re.split(r"[\s\-]+", fold(t).strip()) if w)
        for t in terms
        if t.strip()
    ]
    if not alternatives:
        return None
    return re.compile(r"(?<!\w)(?:" + "|".join(alternatives) + r")s?(?!\w)")


#: what browsers and mail programs open everywhere
MAX_URL_CHARS = 2000


def safe_url(url: str | None) -> str:
    """The address if a mail may link to it (http or https, printable), else an empty string."""
    url = (url or "").strip()
    if len(url) > MAX_URL_CHARS:
        return ""
    if not re.fullmatch(r"https?://[^\s<>\"'\\^`{|}\x00-\x20\x7f]+", url, re.IGNORECASE):
        return ""
    return url
