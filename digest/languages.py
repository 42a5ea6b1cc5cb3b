"""The languages of mail and pages: English, and those that a catalogue lies in `locale/` for."""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache
from pathlib import Path

#: gettext catalogues; a language is added by dropping its folder here
LOCALE = Path(__file__).resolve().parent / "locale"
#: as each calls itself; of one that is missing here its code is shown
NAMES = {
    "en": "English",
    "de": "Deutsch",
    "es": "Español",
    "fr": "Français",
    "ja": "日本語",
    "zh": "简体中文",
}


def N_(message: str) -> str:
    """Marks a text for the catalogues; it is translated where it is shown."""
    return message


@lru_cache(maxsize=1)
def known_languages() -> tuple[str, ...]:
    """Codes, English first."""
    found = sorted(po.parent.parent.name for po in LOCALE.glob("*/LC_MESSAGES/digest.po"))
    return ("en", *found)


def check_language(code: str) -> str:
    if code not in known_languages():
        raise ValueError(
            f'"{code}" is no language of the mail; use ' + ", ".join(known_languages())
        )
    return code


def names() -> dict[str, str]:
    """What each language calls itself, by its code."""
    return {code: NAMES.get(code, code) for code in known_languages()}


def negotiated(accepted: str, among: Collection[str]) -> str:
    """The language of an Accept-Language header that there is; English if there is none of them.

    >>> negotiated("fr-CH, fr;q=0.9, en;q=0.8, *;q=0.5", ["en", "de", "fr"])
    'fr'
    """
    wanted: list[tuple[float, int, str]] = []
    for n, part in enumerate(accepted[:1000].split(",")):
        code, _, weight = part.strip().partition(";")
        try:
            q = float(weight.strip().removeprefix("q=")) if weight else 1.0
        except ValueError:
            q = 0.0
        wanted.append((-q, n, code.strip().lower().partition("-")[0]))
    for q, _, code in sorted(wanted):
        if q < 0 and code in among:
            return code
    return "en"
