"""The help of every command, as somebody reads it."""

from __future__ import annotations

import re
import runpy

from tests.conftest import ROOT


def test_options_name_their_values_as_people_do() -> None:
    """`--category <list[str]>` is a type, not a word."""
    shown = runpy.run_path(str(ROOT / ".ci/docs-site"))["commands"]()
    assert re.findall(r"^- `-[^`]*<[^`]*`", shown, re.M) == []
    assert "- `--category CATEGORY`" in shown
