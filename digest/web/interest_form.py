"""Named interests in the form of preferences: a part for each, and an empty one for the next.

An interest whose part is emptied is gone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from starlette.datastructures import FormData

from digest.fields import WEEKDAYS
from digest.preferences import MOST_INTERESTS, Interest
from digest.text import clean

MAX_NAME_CHARS = 80
#: fields of one part: name, keywords, places, all, weekdays, and some libraries
FIELDS_EACH = 4 + len(WEEKDAYS) + 20


def shown(interests: Sequence[Interest]) -> list[dict[str, Any]]:
    """Interests as the form shows them."""
    return [
        {
            "name": i.name,
            "keywords": "\n".join(i.keywords),
            "libraries": list(i.libraries),
            "places": str(i.places),
            "weekdays": [WEEKDAYS[day] for day in i.weekdays],
            "all": i.all,
        }
        for i in interests
    ]


def empty() -> dict[str, Any]:
    """The part in which the next interest is written."""
    return {
        "name": "",
        "keywords": "",
        "libraries": [],
        "places": str(Interest.model_fields["places"].default),
        "weekdays": list(WEEKDAYS),
        "all": False,
    }


def typed(form: FormData) -> list[dict[str, Any]]:
    """As they were typed, to be shown again."""

    def text(name: str) -> str:
        value = form.get(name, "")
        return value[:20_000] if isinstance(value, str) else ""

    def several(name: str) -> list[str]:
        return [v for v in form.getlist(name) if isinstance(v, str)]

    found: list[dict[str, Any]] = []
    for n in range(MOST_INTERESTS + 1):
        part = f"interest_{n}_"
        if part + "name" in form:
            found.append(
                {
                    "name": text(part + "name"),
                    "keywords": text(part + "keywords"),
                    "libraries": several(part + "libraries"),
                    "places": text(part + "places"),
                    "weekdays": several(part + "weekdays"),
                    "all": form.get(part + "all") == "yes",
                }
            )
    return [v for v in found if v["name"].strip() or v["keywords"].strip() or v["libraries"]]


def read(
    values: Sequence[Mapping[str, Any]], lines: Callable[[str], list[str]]
) -> list[dict[str, Any]]:
    """What was typed, as the preference wants it; what cannot be read is left for the check.

    Args:
        lines: takes a text apart into its keywords.
    """
    found = []
    for value in values:
        keywords = lines(value["keywords"])
        places = value["places"].strip() or empty()["places"]
        named = clean(value["name"]) or (keywords or value["libraries"])[0]
        found.append(
            {
                **value,
                "name": named[:MAX_NAME_CHARS],
                "keywords": keywords,
                "places": int(places) if places.isascii() and places.isdigit() else places,
            }
        )
    return found
