"""The floor plan of docs/architecture.md, for those who forget `make lint`."""

from __future__ import annotations

import subprocess
import sys

from tests.conftest import ROOT


def test_imports_go_down_and_pure_rooms_stay_pure() -> None:
    checked = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command as c; c()"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "5 kept, 0 broken" in checked.stdout


def test_the_clock_and_chance_are_read_in_the_assembly_alone() -> None:
    checked = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--select", "TID251", "digest"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout
