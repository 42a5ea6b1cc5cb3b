"""Cleaning of outside text: control characters, addresses, sentences. Pure functions.

Everything that comes from a feed, a library file or a reader passes `clean` on the way in; markup
is read by `markup.plain`, and what a person reads passes `latex.readable` on the way out.
"""

from __future__ import annotations

import re
import unicodedata
from array import array
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any
from urllib.parse import quote

from digest.scripts import is_unspaced_letter

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


def unfolded(index: Mapping[str, Any], max_chars: int) -> str:
    """A text from an inverted index, as OpenAlex has its abstracts: places by word.

    >>> unfolded({"are": [1], "Roses": [0], "red": [2]}, 100)
    'Roses are red'
    """
    placed: dict[int, str] = {}
    for word, places in index.items():
        for place in places if isinstance(places, list) else ():
            if isinstance(place, int) and 0 <= place < max_chars:
                placed[place] = word
    return " ".join(placed[i] for i in sorted(placed))


def wording(name: str) -> str:
    """A state or an outcome as people read it.

    >>> wording("not_a_sending_day")
    'not a sending day'
    """
    return name.replace("_", " ")


def counted(n: int, noun: str, plural: str = "") -> str:
    """ "1 paper", "1,204 papers", "2 addresses"."""
    plural = plural or f"{noun}{'es' if noun.endswith('s') else 's'}"
    return f"{n:,} {noun if n == 1 else plural}"


#: marks that make another letter of a kana
_VOICED = (0x3099, 0x309A)


class _Marks(dict[int, int | None]):
    """For `str.translate`: drops combining characters, which it learns as they come."""

    def __missing__(self, code: int) -> int | None:
        is_mark = unicodedata.combining(chr(code)) and code not in _VOICED
        found = self[code] = None if is_mark else code
        return found


_WITHOUT_MARKS = _Marks()


#: letters that Unicode does not take apart into a letter and a mark
_LETTERS = str.maketrans(
    {
        "ł": "l", "Ł": "L", "ø": "o", "Ø": "O", "đ": "d", "Đ": "D", "ð": "d", "Ð": "D", "ı": "i",
        "æ": "ae", "Æ": "AE", "œ": "oe", "Œ": "OE", "þ": "th", "Þ": "Th", "ħ": "h", "Ħ": "H",
        "ŧ": "t", "Ŧ": "T", "ŋ": "n", "Ŋ": "N", "ɓ": "b", "ɗ": "d", "ƙ": "k", "ə": "e", "Ə": "E",
    }
)  # fmt: skip


def fold(text: str) -> str:
    """Lower case without accents, for comparing names and words.

    >>> fold("Łukasz Sørensen, Yıldız")
    'lukasz sorensen, yildiz'
    """
    if text.isascii():
        return text.casefold()
    plain = unicodedata.normalize("NFKD", text).translate(_WITHOUT_MARKS)
    # syllables of Hangul, and kana with their marks, are letters of their own
    return unicodedata.normalize("NFC", plain.translate(_LETTERS).casefold())


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
        if not start or not _joins(folded[start - 1], folded[start]):
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


def _joins(neighbour: str, letter: str) -> bool:
    """Whether a character goes on with the word that a letter begins or ends."""
    return (neighbour.isalnum() or neighbour == "_") and not is_unspaced_letter(letter)


def _rest_of_term(folded: str, at: int, words: Sequence[str]) -> int | None:
    """Where the last of these words ends if they follow there; None if they do not."""
    if not words:
        return None if at < len(folded) and _joins(folded[at], folded[at - 1]) else at
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


#: what browsers and mail programs open everywhere
MAX_URL_CHARS = 2000


_ADDRESS = re.compile(
    r"(https?://[^\s/?#<>\"'\\^`{|}\x00-\x20\x7f]+)((?:[/?#].*)?)", re.IGNORECASE | re.DOTALL
)
_UNWRITTEN = re.compile(r"[\s<>\"'\\^`{|}\x00-\x20\x7f]")


def safe_url(url: str | None) -> str:
    """The address if a mail may link to it (http or https), else an empty string.

    Characters that no address holds are escaped, as browsers do.

    >>> safe_url("https://example.org/a paper's|copy")
    'https://example.org/a%20paper%27s%7Ccopy'
    """
    match = _ADDRESS.fullmatch((url or "").strip())
    if match is None:
        return ""
    escaped = match[1] + _UNWRITTEN.sub(lambda m: quote(m[0], safe=""), match[2])
    return escaped if len(escaped) <= MAX_URL_CHARS else ""
