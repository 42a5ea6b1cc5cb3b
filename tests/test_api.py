"""The names that other programs may rely on. A change here is a change for the changelog."""

from __future__ import annotations

import inspect

import pytest

import digest

STABLE = {
    "App": ["settings", "clock"],
    "BaseSource": [],
    "DigestError": None,
    "FetchRequest": ["now", "covered", "until", "validators", "liked", "disliked"],
    "Listing": ["source", "papers", "fetched_at"],
    "NamedSourceSettings": ["name", "allow_private"],
    "Paper": ["id", "title", "abstract", "authors", "url"],
    "Preferences": ["length", "keywords", "authors", "muted", "time", "timezone"],
    "Subscriber": ["id", "email", "state", "origin", "preferences"],
    "fit": ["background"],
    "load_settings": ["path", "environ"],
    "run": ["app", "day", "only", "readers", "dry_run", "should_stop", "progress"],
}


def test_the_public_names_are_these() -> None:
    assert sorted(digest.__all__) == sorted(STABLE)


@pytest.mark.parametrize("name", STABLE)
def test_a_public_name_takes_what_it_took(name: str) -> None:
    found = getattr(digest, name)
    assert found.__doc__, name
    if (wanted := STABLE[name]) is not None:
        taken = inspect.signature(found).parameters
        assert set(wanted) <= set(taken), f"{name}{tuple(taken)}"


def test_what_is_not_there_is_told_as_ever() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'nonsense'"):
        digest.nonsense  # noqa: B018
