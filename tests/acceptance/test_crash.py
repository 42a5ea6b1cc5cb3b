"""The short form of `make crash`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.crash import crash


@pytest.mark.parametrize("hold", [False, True], ids=["resend", "hold"])
def test_a_sender_that_is_killed_again_and_again_loses_nothing(tmp_path: Path, hold: bool) -> None:
    found = crash(tmp_path, n_mails=40, n_kills=10, seed=3, hold=hold)
    assert found.n_kills >= 8, "it was done before it could be killed"
    assert found.n_mails == 40
    assert found.faults(hold=hold) == [], found
