"""Values with sensible defaults, so that a test states only what it is about."""

from __future__ import annotations

from datetime import date
from typing import Any

from digest.model import Closeness, Paper, Pick, Section, Signals, Subscriber
from digest.preferences import Preferences


def paper(number: int = 1, **changes: Any) -> Paper:
    values: dict[str, Any] = {
        "id": f"arxiv:2605.{number:05d}",
        "title": f"A study of subject {number}",
        "abstract": f"We examine subject {number} and report what we found about it.",
        "authors": ("Ada Lovelace", "Grace Hopper"),
        "url": f"https://arxiv.org/abs/2605.{number:05d}",
        "pdf_url": f"https://arxiv.org/pdf/2605.{number:05d}",
        "categories": ("cs.CL",),
        "announced": date(2026, 5, 20),
        "source": "arxiv",
    }
    if "upvotes" in changes:
        changes["signals"] = Signals(upvotes=changes.pop("upvotes"))
    return Paper(**(values | changes))


def subscriber(**changes: Any) -> Subscriber:
    """A subscriber; what is a preference goes to the preferences."""
    values: dict[str, Any] = {"id": "s1", "email": "ada@example.org"} | changes
    chosen = {n: values.pop(n) for n in Preferences.model_fields.keys() & values.keys()}
    return Subscriber(**values, preferences=preferences(**chosen))


def preferences(**chosen: Any) -> Preferences:
    return Preferences(timezone="Europe/Berlin").model_copy(update=chosen)


def pick(number: int = 1, **changes: Any) -> Pick:
    values: dict[str, Any] = {
        "paper": paper(number),
        "score": 0.5,
        "percentile": 0.9,
        "closeness": Closeness.CLOSE,
        "rank": number,
        "section": Section.FOR_YOU,
    }
    return Pick(**(values | changes))


#: two fields whose words do not overlap
OPTICS = "laser beam lens mirror polarisation interferometer photon cavity"
BOTANY = "leaf root pollen flower seedling petal photosynthesis chlorophyll"


def world(n: int = 40) -> list[Paper]:
    """Half optics, half botany, each with words of its own."""
    papers = []
    for i in range(n):
        words = (OPTICS if i % 2 else BOTANY).split()
        turned = words[i % 8 :] + words[: i % 8]
        papers.append(
            paper(
                i,
                title=f"{turned[0]} {turned[1]} {turned[2]}",
                abstract=f"{' '.join(turned[:6])} measurement number{i}.",
            )
        )
    return papers
