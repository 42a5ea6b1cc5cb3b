"""Real libraries against a real day."""

from __future__ import annotations

import gzip
import json
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from digest import library
from digest.model import Paper, Profile
from digest.ranking import fit, select
from digest.ranking.selection import chance
from tests.factories import subscriber


def with_abstracts(path: Path) -> list[Paper]:
    return [p for p in library.read(path).papers if len(p.abstract) > 200]


@pytest.mark.parametrize(
    ("n_biology", "n_law"), [(40, 40), (45, 15), (15, 45)], ids=["half", "more biology", "more law"]
)
def test_halves_of_two_libraries_both_get_their_papers_in_proportion(
    fixtures: Path, n_biology: int, n_law: int
) -> None:
    rng = np.random.default_rng(1)
    biology = with_abstracts(fixtures / "bibtex" / "library_biology.bib")
    law = with_abstracts(fixtures / "bibtex" / "library_law.bib")
    rng.shuffle(biology)  # type: ignore[arg-type]
    rng.shuffle(law)  # type: ignore[arg-type]
    path = fixtures / "listings" / "arxiv_2026-05-18_2026-06-05.jsonl.gz"
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        records = [json.loads(line) for line in lines]
    papers = [Paper(id=r["id"], title=r["title"], abstract=r["abstract"]) for r in records]
    day = [*papers[:400], *biology[60:100], *law[60:100]]
    liked = [*biology[:n_biology], *law[:n_law]]
    reader = subscriber(length=16, trending=0)
    ranker = fit(papers[1000:3000])
    picks = select(
        reader.preferences,
        day,
        ranker.read(Profile(subscriber_id="", liked=tuple(liked)), day),
        day=date(2026, 5, 20),
        rng=chance(reader, date(2026, 5, 20)),
    )
    ids = {p.id for p in biology}, {p.id for p in law}
    got = [sum(p.paper.id in known for p in picks) for known in ids]
    assert sum(got) >= 15, "papers of neither library were picked"
    expected = 16 * n_biology / (n_biology + n_law)
    assert abs(got[0] - expected) <= 3, got
