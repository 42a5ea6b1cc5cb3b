"""The documentation as a site: every page is in its menu, the reference is the program's own."""

from __future__ import annotations

import runpy
import tomllib
from collections.abc import Iterator
from typing import Any

from digest.cli.documents import DOCUMENTS
from tests.conftest import ROOT

SITE = runpy.run_path(str(ROOT / ".ci/docs-site"))


def pages(menu: Any) -> Iterator[str]:
    """The pages of a menu and of those below it."""
    if isinstance(menu, str):
        yield menu
        return
    for below in menu.values() if isinstance(menu, dict) else menu:
        yield from pages(below)


def test_every_page_is_in_the_menu_once() -> None:
    nav = tomllib.loads((ROOT / "docs/zensical.toml").read_text("utf-8"))["project"]["nav"]
    listed = sorted(pages(nav))
    there = [str(p.relative_to(ROOT / "docs")) for p in (ROOT / "docs").rglob("*.md")]
    beside = ["index.md", "CHANGELOG.md", "SECURITY.md"]
    made = [f"reference/{name}.md" for name in ("commands", "configuration", "json")]
    assert listed == sorted([*there, *beside, *made])


def test_the_reference_has_every_command_and_option_and_document() -> None:
    commands = SITE["commands"]()
    for name in ("init", "run", "subscribers list", "schema", "mcp"):
        assert f"## `digest {name}`\n" in commands
    assert "- `--send-test ADDRESS`: Also send a short test mail there." in commands
    documents = SITE["documents"]()
    assert all(f"## `digest {name} --json`\n" in documents for name in DOCUMENTS)
    assert "[[subscribers]]" in SITE["configuration"]()
