"""Code, project page, venue and length, as authors write them into abstract and comment."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from digest.edition.resources import Resources, resources_of, venue_of
from digest.model import Paper


@pytest.mark.parametrize(
    ("comment", "venue"),
    [
        ("Accepted at ICML 2026", "Accepted at ICML 2026"),
        ("accepted by Frogs 2026", "Accepted by Frogs 2026"),
        ("9 pages, 5 figures, accepted to Pond 2026", "Accepted to Pond 2026"),
        (
            "19 pages, 9 figures; Accepted to Pond; Project Page: https://x.github.io",
            "Accepted to Pond",
        ),
        ("Accepted by Pond2026 Code: https://github.com/a/b", "Accepted by Pond2026"),
        ("Early Accept at Marsh 2026, 13 pages", "Early Accept at Marsh 2026"),
        (
            "This paper has been published in Letters on Frogs",
            "This paper has been published in Letters on Frogs",
        ),
        ("To appear in Proc. Pond (Oral)", "To appear in Proc. Pond (Oral)"),
        ("IEEE Pond 2026 (accepted for publication)", "IEEE Pond 2026 (accepted for publication)"),
        ("(accepted at Pond)", "Accepted at Pond"),
        ("Pond2026 camera ready", "Pond2026 camera ready"),
        ("Submitted to Pond 2026, to appear if accepted", ""),
        ("Under review; not yet accepted", ""),
        ("12 pages, 5 figures", ""),
        ("Code: https://github.com/a/accepted", ""),
        ("", ""),
    ],
)
def test_where_it_was_accepted_is_said_as_the_authors_say_it(comment: str, venue: str) -> None:
    assert venue_of(comment) == venue


def told(abstract: str = "", comment: str = "") -> Resources:
    return resources_of(Paper(id="x", abstract=abstract, comment=comment))


@pytest.mark.parametrize(
    ("text", "code", "project"),
    [
        ("Code is available at https://github.com/frog/pond.", "github.com/frog/pond", ""),
        ("Code: github.com/frog/pond.git)", "github.com/frog/pond", ""),
        (
            "\\href{https://github.com/frog/pond}{https://github.com/frog/pond}",
            "github.com/frog/pond",
            "",
        ),
        (
            "See https://frog.github.io/pond/, and https://gitlab.com/frog/pond;",
            "gitlab.com/frog/pond",
            "frog.github.io/pond/",
        ),
        ("Project page: https://example.org/pond", "", "example.org/pond"),
        ("Our project website is at https://example.org/pond!", "", "example.org/pond"),
        ("We crawl https://example.org/data.", "", ""),
        ("We use https://github.com and https://github.com/frog.", "", ""),
        ("See https://github.com/topics/frogs", "", ""),
        ("Write to frog@github.com/x/y", "", ""),
        ("Code: javascript:alert(1) at http://127.0.0.1/x", "", ""),
    ],
)
def test_links_are_found_once_each_at_hosts_that_say_what_they_are(
    text: str, code: str, project: str
) -> None:
    found = told(text)
    assert found.code_url.removeprefix("https://") == code
    assert found.project_url.removeprefix("https://") == project
    assert told(comment=text) == found


def test_what_the_comment_says_goes_before_the_abstract() -> None:
    found = told(
        "Code: https://github.com/other/work", "12 pages. Code: https://github.com/frog/pond"
    )
    assert found == Resources(code_url="https://github.com/frog/pond", n_pages=12)


def test_recorded_comments_and_abstracts(fixtures: Path) -> None:
    """Read by hand, 110 of 7,042 that tell something: all right but one."""
    recorded: list[dict[str, str]] = []
    for path in sorted((fixtures / "listings").glob("arxiv_20*.jsonl.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            recorded += map(json.loads, lines)
    found = [told(r["abstract"], r.get("comment") or "") for r in recorded]
    n_code, n_venue = sum(bool(f.code_url) for f in found), sum(bool(f.venue) for f in found)
    assert n_code > 0.14 * len(found)
    assert n_venue > 0.13 * len(found)
    whole = [f.venue for f in found if not f.venue.endswith("…")]
    assert not [v for v in whole if "http" in v or v.count("(") != v.count(")")]
