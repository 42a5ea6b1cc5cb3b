"""Mistakes in a configuration are told with their line."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from digest.config import load_text
from digest.config.lines import line_of
from digest.errors import ConfigError
from tests.conftest import ROOT

TEXT = (
    """# a comment = [
title = "x"
[[sources]]
kind = "arxiv"
categories = [
  "cs.CL",   # kind = "no"
  "cs.LG",
]

[[sources]]
kind = "feed"
note = '''
kind = "not this"
[smtp]
'''
[[subscribers]]
email = "a"
schedule = { time = "x", timezone = "y" }
[[subscribers]]
"email" = "b"
schedule.time = "z"
[[subscribers.interests]]
name = "c"
[[subscribers.interests]]
name = "d"
[subscribers.more]
key = """
    + '"""\n# [x]\n"""'
    + """
[smtp] # the way out
host = "h[" # ]
port = 1
"""
)


@pytest.mark.parametrize(
    ("loc", "line"),
    [
        (("title",), 2),
        (("sources", 0, "kind"), 4),
        (("sources", 0, "categories", 1), 5),
        (("sources", 1), 10),
        (("sources", 1, "kind"), 11),
        (("sources", 1, "unknown"), 10),
        (("subscribers", 0, "schedule", "timezone"), 18),
        (("subscribers", 1, "email"), 20),
        (("subscribers", 1, "schedule", "time"), 21),
        (("subscribers", 1, "interests", 1, "name"), 25),
        (("subscribers", 1, "more", "key"), 27),
        (("smtp",), 30),
        (("smtp", "port"), 32),
        (("nothing",), None),
        ((), None),
    ],
)
def test_a_key_is_found_where_it_stands(loc: tuple[Any, ...], line: int | None) -> None:
    tomllib.loads(TEXT)
    assert line_of(TEXT, loc) == line
    assert line_of(TEXT.replace("\n", "\r\n"), loc) == line


def test_every_key_of_the_example_is_found_in_a_line_that_names_it() -> None:
    text = (ROOT / "config.example.toml").read_text("utf-8")
    rows = text.splitlines()

    def walk(value: Any, loc: tuple[Any, ...]) -> None:
        if isinstance(value, dict):
            for name, inner in value.items():
                line = line_of(text, (*loc, name))
                assert line is not None
                assert name in rows[line - 1] or any(p in rows[line - 1] for p in map(str, loc))
                walk(inner, (*loc, name))
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            for n, inner in enumerate(value):
                walk(inner, (*loc, n))

    walk(tomllib.loads(text), ())


def test_each_mistake_names_its_line() -> None:
    text = """title = "x"
[[sources]]
kind = "arxiv"
categories = ["cs.CL"]

[[subscribers]]
email = "ada@example.org"

[[subscribers]]
email = "eve"
lenght = 3
schedule = { weekdays = ["monkey"] }
"""
    with pytest.raises(ConfigError) as raised:
        load_text(text, path=Path("config.toml"), environ={})
    told = "\n".join(raised.value.problems)
    assert "(line 10)" in told
    assert "(line 11)" in told
    assert "(line 12)" in told
