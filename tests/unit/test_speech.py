from __future__ import annotations

import gettext
import re
import string
from datetime import date
from io import BytesIO
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_file
from babel.messages.pofile import read_po

import digest
from digest.app import TEMPLATES, speeches
from digest.languages import LOCALE, known_languages, negotiated

DAY = date(2026, 5, 20)
CATALOGUES = sorted(LOCALE.glob("*/LC_MESSAGES/*.po"))


def messages() -> set[str]:
    """Everything that the sources of mail and pages want translated, by its singular."""
    found: set[str] = set()
    keywords = {"gettext": None, "ngettext": (1, 2), "_": None, "N_": None}
    for method, paths in (
        ("python", sorted(Path(digest.__file__).parent.rglob("*.py"))),
        ("jinja2", sorted(TEMPLATES.rglob("*.j2"))),
    ):
        options = {"trimmed": "true", "newstyle_gettext": "true", "silent": "false"}
        for path in paths:
            for row in extract_from_file(
                method, path, keywords=keywords, options=options if method == "jinja2" else None
            ):
                message = row[1]
                found.add(message if isinstance(message, str) else message[0])
    return found


def catalogue(path: Path) -> Catalog:
    return read_po(BytesIO(path.read_bytes()), abort_invalid=True)


def fields(text: str) -> set[str]:
    named = {name for _, name, _, _ in string.Formatter().parse(text) if name}
    return named | set(re.findall(r"%\((\w+)\)s", text))


@pytest.mark.parametrize("path", CATALOGUES, ids=lambda p: p.parent.parent.name)
def test_a_language_says_everything_and_nothing_else(path: Path) -> None:
    known = {m.id if isinstance(m.id, str) else m.id[0]: m for m in catalogue(path) if m.id}
    assert set(known) == messages()
    for text, message in known.items():
        said = message.string if isinstance(message.string, tuple | list) else (message.string,)
        assert all(said), f"{text} is not translated"
        assert not message.fuzzy, f"{text} is only guessed"
        sources = [message.id] if isinstance(message.id, str) else list(message.id)
        wanted = set().union(*(fields(s) for s in sources))
        for one in said:
            assert fields(one) <= wanted, f"{one} names what the source does not"
            assert fields(sources[-1]) - {"n"} <= fields(one) | {"n"}, f"{one} lacks a value"


@pytest.mark.parametrize("path", CATALOGUES, ids=lambda p: p.parent.parent.name)
def test_two_and_812_are_said_in_the_plural(path: Path) -> None:
    """French and Spanish have a form for round millions before that of all other numbers."""
    found = catalogue(path)
    form = gettext.c2py(found.plural_expr)
    for message in found:
        if isinstance(message.string, tuple) and len(set(message.string)) > 1:
            one, two, many = (message.string[form(n)] for n in (1, 2, 812))
            assert two == many != one, message.id


def test_the_configuration_knows_the_languages_there_are() -> None:
    assert set(known_languages()) == {"en", "de", "es", "fr", "ja", "zh"}
    assert set(known_languages()) == set(speeches())
    assert [speeches()[code].language for code in known_languages()] == list(known_languages())
    assert speeches().get("xx") is None


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("", "en"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        ("pt-BR, es;q=0.5, en;q=0.4", "es"),
        ("fr;q=0, de", "de"),
        ("*", "en"),
        ("de;q=x, ja;q=0.1", "ja"),
        ("x" * 5000, "en"),
        ("en-US,de;q=0.9", "en"),
    ],
)
def test_a_browser_gets_the_language_that_it_wants_most(accepted: str, language: str) -> None:
    assert negotiated(accepted, known_languages()) == language


def test_dates_numbers_and_lists_follow_the_language() -> None:
    english, german = speeches()["en"], speeches()["de"]
    assert english.long_date(DAY) == "Wednesday, 20 May 2026"
    assert german.long_date(DAY) == "Mittwoch, 20. Mai 2026"
    assert (english.day_and_month(DAY), german.day_and_month(DAY)) == ("20 May", "20. Mai")
    assert (english.number(1234.5, 1), german.number(1234.5, 1)) == ("1,234.5", "1.234,5")
    assert (english.listed("abc"), german.listed("abc")) == ("a, b and c", "a, b und c")
    assert english.ngettext("{n} upvote", "{n} upvotes", 1) == "1 upvote"
    assert german.ngettext("{n} upvote", "{n} upvotes", 2000) == "2.000 Stimmen"
