"""Templates filled in once, with blanks for what differs from reader to reader.

A page or a paper's card is rendered with blanks in the places of what only one reader gets (their
address, the reasons, signed links), its CSS is inlined, and the result is cut at the blanks. For
each mail only the blanks are filled in and the pieces joined: the same bytes as rendering it anew.

A template may do with a blank what leaves it whole: print it, join it, translate around it, wrap or
shorten it. Whatever looks into it (a comparison, a filter that counts its letters) raises
`NotShared`, and such a template is rendered anew for every mail.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import jinja2
import jinja2.filters
from markupsafe import Markup

#: around a blank's number: characters for private use, which no text that is set may hold, with
#: letters of both cases, so that a blank that was put into capitals is not one any more
_OPEN, _CLOSE = "\ue000aZ", "\ue001"
_TOKEN = re.compile(f"{_OPEN}(\\d+){_CLOSE}")
#: comments and tags as HTML5 is serialised: attributes stand in double quotes, and may hold a ">"
_MARKUP = re.compile(r'<!--.*?-->|<[a-zA-Z/!][^"<>]*(?:"[^"]*"[^"<>]*)*>', re.DOTALL)
_STRAY = re.compile("[\ue000\ue001]")
#: what no text that is set may hold: blanks, and the ends of a card
RESERVED = re.compile("[\ue000-\ue003]")
#: filters that hand a text on as it is
_HARMLESS = frozenset({"e", "escape", "safe", "forceescape", "join", "string", "map", "list"})

Values = Mapping[str, str]
Part = str | Callable[[Values], str]


class NotShared(Exception):
    """A template looks into what differs from reader to reader."""


class Blank:
    """Stands for a value that is filled in later, and can only be printed."""

    __slots__ = ("_token",)

    def __init__(self, token: str) -> None:
        self._token = token

    def __str__(self) -> str:
        return self._token

    def __html__(self) -> str:
        return self._token

    def __bool__(self) -> bool:
        return True

    def _opaque(self, *_: object) -> Any:
        raise NotShared

    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = _opaque
    __len__ = __iter__ = __getitem__ = __contains__ = __add__ = __radd__ = __mod__ = _opaque
    __int__ = __float__ = __hash__ = __format__ = __call__ = _opaque


@dataclass(slots=True)
class Maker:
    """Draws blanks for one form, and cuts what was rendered with them."""

    _slots: list[Part] = field(default_factory=list)

    def blank(self, name: str) -> Blank:
        """One that is filled in with the value of this name."""
        return Blank(self._token(lambda values: values[name]))

    def later(self, text: str, change: Callable[[str], str]) -> str:
        """A text with blanks in it, to be changed when they are filled in."""
        parts = self._cut(text)
        return self._token(lambda values: change(_joined(parts, values)))

    def form(self, text: str, *, html: bool, raw: Sequence[Blank] = ()) -> Form:
        """What was rendered, cut at its blanks.

        Args:
            html: values are escaped, as HTML5 is serialised, except in `raw` blanks.

        Raises:
            NotShared: a blank was altered.
        """
        if not html:
            return Form(self._cut(text))
        whole = {str(b) for b in raw}
        parts: list[Part] = []
        end = 0
        for markup in _MARKUP.finditer(text):
            for place, in_markup in ((text[end : markup.start()], False), (markup[0], True)):
                if in_markup and place.startswith("<!--") and _OPEN in place:
                    raise NotShared  # nothing is escaped there
                parts += self._escaping(place, whole, in_attribute=in_markup)
            end = markup.end()
        parts += self._escaping(text[end:], whole, in_attribute=False)
        return Form(_sound(parts))

    def _escaping(self, text: str, whole: Collection[str], *, in_attribute: bool) -> Iterator[Part]:
        end = 0
        for match in _TOKEN.finditer(text):
            yield text[end : match.start()]
            value = self._slots[int(match[1])]
            assert callable(value)
            yield value if match[0] in whole else _escaped(value, in_attribute=in_attribute)
            end = match.end()
        yield text[end:]

    def _token(self, value: Callable[[Values], str]) -> str:
        self._slots.append(value)
        return f"{_OPEN}{len(self._slots) - 1}{_CLOSE}"

    def _cut(self, text: str) -> list[Part]:
        parts: list[Part] = []
        for n, piece in enumerate(_TOKEN.split(text)):
            parts.append(self._slots[int(piece)] if n % 2 else piece)
        return _sound(parts)


def _sound(parts: list[Part]) -> list[Part]:
    if any(isinstance(p, str) and _STRAY.search(p) for p in parts):
        raise NotShared
    joined: list[Part] = []
    for part in parts:
        if isinstance(part, str) and joined and isinstance(joined[-1], str):
            joined[-1] += part
        elif part:
            joined.append(part)
    return joined


def _escaped(value: Callable[[Values], str], *, in_attribute: bool) -> Callable[[Values], str]:
    def text(values: Values) -> str:
        found = value(values).replace("&", "&amp;").replace("\xa0", "&nbsp;")
        return found.replace("<", "&lt;").replace(">", "&gt;")

    def attribute(values: Values) -> str:
        found = value(values).replace("&", "&amp;").replace("\xa0", "&nbsp;")
        return found.replace('"', "&quot;")

    return attribute if in_attribute else text


def _joined(parts: Sequence[Part], values: Values) -> str:
    return "".join([p if isinstance(p, str) else p(values) for p in parts])


@dataclass(frozen=True, slots=True)
class Form:
    """A rendered text with blanks."""

    parts: Sequence[Part]

    def fill(self, values: Values) -> str:
        return _joined(self.parts, values)


def guarded(
    environment: jinja2.Environment, maker: Callable[[], Maker], later: Sequence[str]
) -> jinja2.Environment:
    """An environment in which filters do not look into blanks.

    Args:
        maker: of the form that is being made.
        later: filters that are put off until the blanks are filled in.
    """
    made = environment.overlay()
    made.filters = {
        name: found if name in _HARMLESS else _guarded(found, name in later, maker)
        for name, found in environment.filters.items()
    }
    return made


def _guarded(
    found: Callable[..., Any], may_wait: bool, maker: Callable[[], Maker]
) -> Callable[..., Any]:
    passes = getattr(found, "jinja_pass_arg", None)

    def called(*args: Any, **options: Any) -> Any:
        given = args[1:] if passes else args
        if not any(_has_blank(a) for a in given):
            return found(*args, **options)
        text = given[0]
        if not may_wait or isinstance(text, Markup) or any(map(_has_blank, given[1:])):
            raise NotShared
        return maker().later(str(text), lambda filled: found(filled, *given[1:], **options))

    if passes:
        called.jinja_pass_arg = passes  # type: ignore[attr-defined]
    return called


def _has_blank(value: object) -> bool:
    return isinstance(value, Blank) or (isinstance(value, str) and _OPEN in value)
