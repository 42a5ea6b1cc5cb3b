"""An assistant that speaks MCP: what it can read, and that it rates for one reader only."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import anyio
import pytest

from digest import jobs
from tests.servers import Answer, rss
from tests.worlds import ADA, World, make_world, record

if find_spec("mcp") is None:
    pytest.skip("mcp is not installed", allow_module_level=True)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with make_world(tmp_path) as made:
        papers = [record(n) for n in range(1, 10)]
        made.web.says("/rss/cs.CL+cs.LG", Answer(rss(papers, "Wed, 20 May 2026 00:00:00 -0400")))
        made.write(subscribers=ADA + ADA.replace("ada@", "bob@"))
        with made.app() as app:
            jobs.run(app)
        yield made


def ask(world: World, *calls: tuple[str, dict[str, Any]]) -> list[Any]:
    """What the tools say, as a client that starts the command gets it."""
    from mcp import Client, StdioServerParameters

    command = StdioServerParameters(
        command=sys.executable,
        args=[
            *("-m", "digest", "mcp", "--subscriber", "ada@example.org"),
            *("--config", str(world.config)),
        ],
        env=dict(os.environ),
    )
    found: list[Any] = []

    async def talk() -> None:
        async with Client(command, read_timeout_seconds=60) as client:
            for name, arguments in calls:
                answer = await client.call_tool(name, arguments)
                text = "".join(getattr(c, "text", "") for c in answer.content)
                found.append(text if answer.is_error else json.loads(text))

    anyio.run(talk)
    return found


def test_an_assistant_reads_editions_searches_and_rates_for_its_reader(world: World) -> None:
    heads, edition, hits, none, rated, unknown = ask(
        world,
        ("editions", {}),
        ("edition", {}),
        ("search", {"query": "laser author:Lovelace", "limit": 3}),
        ("search", {"query": "zebra"}),
        ("rate_paper", {"paper": "arxiv:2605.00001", "value": "like"}),
        ("rate_paper", {"paper": "arxiv:9999.00001", "value": "like"}),
    )
    assert [h["date"] for h in heads["editions"]] == ["2026-05-20"]
    assert edition["papers"][0]["reasons"]
    assert "@" not in json.dumps(edition)
    assert hits["papers"]
    assert none["papers"] == []
    assert rated["said"] == "like"
    assert "not stored" in unknown
    with world.app() as app:
        for email, n in (("ada@example.org", 1), ("bob@example.org", 0)):
            who = app.store.subscribers.get(by_email=email)
            assert who
            said = [r for r in app.store.ratings.of(who.id) if r.paper_id == "arxiv:2605.00001"]
            assert len(said) == n


def test_a_tool_that_is_asked_wrongly_says_so_and_the_next_call_works(world: World) -> None:
    wrong, missing, right = ask(
        world,
        ("rate_paper", {"paper": "arxiv:2605.00001", "value": "adore"}),
        ("edition", {"date": "yesterday"}),
        ("editions", {}),
    )
    assert "like" in wrong
    assert "no such edition" in missing
    assert right["editions"]
