"""BibTeX and BibLaTeX as people's files hold it: entries, their fields, and what was mended.

The grammar is small and seldom kept: keys are missing, braces do not balance, strings are joined
with "#". A fault costs no more than it must: a value that never closes ends where the next field
begins, an entry that never closes where the next one does. BibTeX's own rules are in "BibTeXing"
(Patashnik 1988), BibLaTeX's in its manual.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import accumulate

#: characters of one value that are read; longer ones are torn
MAX_VALUE_CHARS = 300_000
#: times that one entry is mended
MAX_MENDED = 20

_AT = re.compile(r"@[ \t]*([A-Za-z][\w-]*)\s*([{(])|@[ \t]*(comment)\b", re.IGNORECASE)
#: an entry at the beginning of a line: in a value, a sign that a brace is missing before it
_ENTRY_LINE = re.compile(r"^[ \t]*@[ \t]*[A-Za-z]+[ \t]*[{(][^=\n]{0,200}(?:,|\n|$)", re.MULTILINE)
_FIELD = re.compile(r"\s*([^\s=,{}()\"#%@][^\s=,{}\"#]*)\s*=\s*")
_KEYED = re.compile(r"\s*+([^,={}\n]{0,1000})(?:,|(?=\})|\n)")
_BRACES = re.compile(r"\\.|[{}]", re.DOTALL)
_QUOTED = re.compile(r"\\.|[{}\"]", re.DOTALL)
_BARE = re.compile(r"[^\s,{}#\"()]+")
_JOIN = re.compile(r"\s*#\s*")
_AFTER_VALUE = re.compile(r"\s*(?:,|[})]|#|$)")
#: where a value that never closes may end: before the next field, or at the end of the entry
_TORN_END = re.compile(
    r"[}\"]?[,\n]\s{0,99}+,?\s{0,99}+[A-Za-z][\w+-]{0,99}+\s{0,9}+=\s{0,9}+[{\"\w]|\}\s{0,99}+\}?\s{0,99}+$"
)
_RESUMED = re.compile(
    r"[^@]{0,2000}?(?:^|\n|,)\s{0,99}+[A-Za-z][\w-]{0,99}+\s{0,9}+=\s{0,9}+[{\"\d]"
)
#: in a value, a sign that it should have ended there
_NEXT_INSIDE = re.compile(r"[}\"]\s{0,99}+,\s{0,99}+[A-Za-z][\w-]{0,99}+\s{0,9}+=\s{0,9}+[{\"\d]")
#: words for months without quotes
MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split()


@dataclass(slots=True)
class Entry:
    """An entry as it is written: values keep their braces and LaTeX."""

    kind: str
    key: str
    line: int
    #: by name in lower case, the first of each
    fields: dict[str, str] = field(default_factory=dict)
    #: what was mended to read it
    mended: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Bibliography:
    """What a file holds."""

    entries: list[Entry] = field(default_factory=list)
    #: what stands in @comment
    comments: list[str] = field(default_factory=list)


#: pieces of a value: a text, or the name of a string
_Pieces = list[tuple[bool, str]]


def read(text: str) -> Bibliography:
    """The entries of a text, with their strings in place, and what they inherit."""
    return _Reader(text).read()


class _Reader:
    """Goes once through a text.

    Args:
        text: with line ends of Unix.
    """

    def __init__(self, text: str) -> None:
        self._text, self._at = text, 0
        self._lines = [0, *accumulate(len(line) + 1 for line in text.split("\n"))]
        #: where a value or an entry ends at the latest
        self._borders = [m.start() for m in _ENTRY_LINE.finditer(text)]
        self._strings: dict[str, _Pieces] = {}
        self._found = Bibliography()

    def read(self) -> Bibliography:
        raw: list[tuple[Entry, dict[str, _Pieces]]] = []
        while (match := _AT.search(self._text, self._at)) is not None:
            self._at = match.end()
            if match[3] and self._text[match.end() : match.end() + 1] not in ("{", "("):
                self._at = self._line_end(match.end())
                continue
            if self._is_commented(match.start()) or self._is_in_word(match.start()):
                continue
            kind = (match[1] or match[3]).lower()
            closing = "}" if (match[2] or "{") == "{" else ")"
            if kind == "comment":
                self._comment(closing)
            elif kind == "preamble":
                self._skip(closing)
            elif kind == "string":
                self._string(closing)
            else:
                raw.append(self._entry(kind, closing, match.start()))
        for entry, values in raw:
            for name, pieces in values.items():
                entry.fields.setdefault(name, self._joined(pieces))
            self._found.entries.append(entry)
        _inherit(self._found.entries)
        return self._found

    # --- what stands around entries ---------------------------------------------------------------

    def _line(self, at: int) -> int:
        return bisect_right(self._lines, at)

    def _line_end(self, at: int) -> int:
        end = self._text.find("\n", at)
        return len(self._text) if end < 0 else end

    def _is_commented(self, at: int) -> bool:
        start = self._lines[self._line(at) - 1]
        before = self._text[start:at].lstrip()
        return before.startswith("%")

    def _is_in_word(self, at: int) -> bool:
        """An address of mail between entries."""
        return at > 0 and self._text[at - 1].isalnum()

    def _border(self, at: int) -> int:
        """Where the next entry begins that stands at the beginning of a line."""
        index = bisect_right(self._borders, at)
        return self._borders[index] if index < len(self._borders) else len(self._text)

    def _comment(self, closing: str) -> None:
        start = self._at
        end = self._closed(start, min(len(self._text), start + 20 * MAX_VALUE_CHARS))
        if end is None or closing == ")":
            end = self._line_end(start)
        self._found.comments.append(self._text[start:end])
        self._at = min(end + 1, len(self._text))

    def _skip(self, closing: str) -> None:
        end = self._closed(self._at, self._border(self._at)) if closing == "}" else None
        self._at = self._line_end(self._at) if end is None else end + 1

    def _string(self, closing: str) -> None:
        match = _FIELD.match(self._text, self._at)
        if match is None:
            self._skip(closing)
            return
        self._at = match.end()
        entry = Entry("string", "", 0)
        self._strings.setdefault(match[1].lower(), self._value(entry, match[1], closing))
        rest = re.compile(r"\s*,?\s*[})]").match(self._text, self._at)
        self._at = rest.end() if rest else self._at

    # --- entries ----------------------------------------------------------------------------------

    def _entry(self, kind: str, closing: str, start: int) -> tuple[Entry, dict[str, _Pieces]]:
        entry = Entry(kind, "", self._line(start))
        border = self._border(start)
        if not (first := _FIELD.match(self._text, self._at)) or not _is_name(first[1]):
            keyed = _KEYED.match(self._text, self._at)
            if keyed:
                entry.key = keyed[1].strip()
                self._at = keyed.end()
        values: dict[str, _Pieces] = {}
        value_at = border
        while True:
            self._blanks()
            if self._at >= min(border, len(self._text)):
                if self._took_too_much(entry, values, value_at, border):
                    continue
                if self._at >= border or closing not in self._text[start : self._at]:
                    entry.mended.append("its end is missing")
                return entry, values
            char = self._text[self._at]
            if char == closing or char in "})":
                self._at += 1
                if not self._goes_on(border):
                    return entry, values
                entry.mended.append("a brace too many")
                self._append_rest(values, border)
                continue
            match = _FIELD.match(self._text, self._at)
            if match is None or match.start(1) >= border:
                if char == "@" and self._at == border:
                    entry.mended.append("its end is missing")
                    return entry, values
                self._at = self._next_field(border)
                continue
            self._at = value_at = match.end()
            pieces = self._value(entry, match[1], closing)
            values.setdefault(match[1].lower(), pieces)

    def _blanks(self) -> None:
        """To what follows blanks, commas, and comments that end a line."""
        while (match := _GAP.match(self._text, self._at)) and match.end() > self._at:
            self._at = match.end()

    def _goes_on(self, border: int) -> bool:
        """Whether fields follow after an entry was closed, before the next one begins."""
        match = _RESUMED.match(self._text, self._at, border)
        return match is not None and "@" not in match[0]

    def _took_too_much(
        self, entry: Entry, values: dict[str, _Pieces], value_at: int, border: int
    ) -> bool:
        """Whether the last value of an entry without an end holds further fields, since a brace too
        many made the end of the entry its own; then it ends before them, and they are read."""
        if len(entry.mended) > MAX_MENDED:
            return False
        torn = _NEXT_INSIDE.search(self._text, value_at + 1, border)
        if torn is None or not values:
            return False
        name = next(reversed(values))
        values[name] = [(False, self._text[value_at + 1 : torn.start()])]
        entry.mended.append(f"a brace or quote too many in {name}")
        self._at = torn.start() + 1
        return True

    def _append_rest(self, values: dict[str, _Pieces], border: int) -> None:
        """What stands between a brace too many and the next field belongs to the value before."""
        following = _FIELD_BEGINS.search(self._text, self._at, border)
        end = following.start() if following else border
        rest = self._text[self._at : end].strip(" \t\n,}")
        if values and rest:
            values[next(reversed(values))].append((False, f" {rest}"))
        self._at = end

    def _next_field(self, border: int) -> int:
        """After something that is no field: where the next may begin."""
        following = re.compile(r",|\n|[})]").search(self._text, self._at + 1, border)
        return following.start() if following else border

    # --- values -----------------------------------------------------------------------------------

    def _value(self, entry: Entry, name: str, closing: str) -> _Pieces:
        pieces: _Pieces = []
        while True:
            char = self._text[self._at : self._at + 1]
            if char in ("{", '"') and char:
                pieces.append((False, self._delimited(entry, name, char)))
            elif (bare := _BARE.match(self._text, self._at)) is not None:
                self._at = bare.end()
                pieces.append((not bare[0].isdigit(), bare[0]))
                if closing == "}" and not _AFTER_VALUE.match(self._text, self._at):
                    pieces.append((False, self._unquoted()))  # title = Without any braces,
            join = _JOIN.match(self._text, self._at)
            if join is None:
                return pieces
            self._at = join.end()

    def _unquoted(self) -> str:
        """The rest of a line whose value has no braces."""
        end = self._line_end(self._at)
        rest = self._text[self._at : end]
        match = re.search(r",?\s*$|\s*\},?\s*$", rest)
        self._at += match.start() if match else len(rest)
        return rest[: match.start() if match else None]

    def _delimited(self, entry: Entry, name: str, opening: str) -> str:
        start = self._at + 1
        border = min(self._border(start), start + MAX_VALUE_CHARS)
        end = self._closed(start, border) if opening == "{" else self._unquote(start, border)
        if end is None:
            entry.mended.append(f"a brace or quote too many in {name.lower()}")
            torn = _TORN_END.search(self._text, start, border)
            end = torn.start() if torn else border
            value = self._text[start:end]
            self._at = end + (self._text[end : end + 1] in ("}", '"'))
            return value.rstrip().rstrip('}"')
        self._at = end + 1
        return self._text[start:end]

    def _closed(self, start: int, border: int) -> int | None:
        """Where a brace that was opened before `start` closes."""
        depth = 1
        for match in _BRACES.finditer(self._text, start, border):
            if match[0] == "{":
                depth += 1
            elif match[0] == "}":
                depth -= 1
                if not depth:
                    return match.start()
        return None

    def _unquote(self, start: int, border: int) -> int | None:
        """Where a quotation ends: quotes in braces do not end it, nor those that no comma or brace
        follows."""
        depth = 0
        for match in _QUOTED.finditer(self._text, start, border):
            if match[0] == "{":
                depth += 1
            elif match[0] == "}":
                depth -= 1
            elif match[0] == '"' and depth <= 0 and _AFTER_VALUE.match(self._text, match.end()):
                return match.start()
        return None

    def _joined(self, pieces: _Pieces, depth: int = 0) -> str:
        """A value with its strings in place."""
        parts = []
        for is_name, text in pieces:
            known = self._strings.get(text.lower()) if is_name and depth < 8 else None
            if known is not None:
                text = self._joined(known, depth + 1)
            elif is_name and len(pieces) > 1:  # nobody says what it stands for
                text = f" {text} "
            parts.append(text)
        return "".join(parts)


_FIELD_BEGINS = re.compile(r"(?:(?<=[\n,])|^)\s{0,99}+[A-Za-z][\w-]{0,99}+\s{0,9}+=\s{0,9}+[{\"\d]")
_GAP = re.compile(r"[\s,;]+|%[^\n]*(?=\n)")


@lru_cache(maxsize=1024)
def _is_name(name: str) -> bool:
    return re.fullmatch(r"[A-Za-z][\w:+.*/-]*", name) is not None


# --- what entries inherit ------------------------------------------------------------------------

#: parts of a larger work, whose title is that of the place they came out in
_PARTS = frozenset(
    "inbook incollection inproceedings conference suppbook bookinbook suppcollection inreference "
    "article suppperiodical".split()
)
#: what says of a larger work which it is, and nothing of its parts
_OF_ITS_OWN = frozenset(
    "title subtitle shorttitle abstract doi eprint eprinttype archiveprefix url pmid isbn ids "
    "crossref xdata xref entryset keywords file note annote annotation groups timestamp".split()
)
#: entries that hold fields for others, or put others together
NO_WORKS = frozenset({"xdata", "set"})


def _inherit(entries: list[Entry]) -> None:
    """Fill fields from the entries named by crossref and xdata."""
    by_key: dict[str, Entry] = {}
    for entry in entries:
        by_key.setdefault(entry.key.lower(), entry)
    for entry in entries:
        if "xdata" in entry.fields or "crossref" in entry.fields:
            for parent, is_data in _parents(entry, by_key):
                _fill(entry, parent.fields, is_data)


def _parents(entry: Entry, by_key: Mapping[str, Entry]) -> Iterator[tuple[Entry, bool]]:
    """The entries that one inherits from, the nearest first, each once."""
    seen, waiting = {id(entry)}, [entry]
    while waiting and len(seen) < 20:
        one = waiting.pop(0)
        named = [(k, True) for k in one.fields.get("xdata", "").split(",")]
        named.append((one.fields.get("crossref", ""), False))
        for key, is_data in named:
            parent = by_key.get(key.strip().lower()) if key.strip() else None
            if parent is not None and id(parent) not in seen:
                seen.add(id(parent))
                waiting.append(parent)
                yield parent, is_data


def _fill(entry: Entry, given: Mapping[str, str], is_data: bool) -> None:
    for name, value in given.items():
        if is_data or name not in _OF_ITS_OWN:
            entry.fields.setdefault(name, value)
        elif name == "title":
            own = "booktitle" if entry.kind in _PARTS else "title"
            entry.fields.setdefault(own, value)
