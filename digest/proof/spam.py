"""What SpamAssassin says, where it is installed: its local rules, without any network test."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator

from digest.proof.findings import Finding, error, note, warning

#: SpamAssassin's own threshold, and what a newsletter should stay below
SPAM, SUSPICIOUS = 5.0, 1.0
TIMEOUT_S = 120


def find_spamassassin() -> str | None:
    return shutil.which("spamassassin")


def score(message: bytes, program: str) -> tuple[float, tuple[str, ...]]:
    """The score, and the rules that gave points.

    Raises:
        OSError, subprocess.SubprocessError: the program failed, or said nothing of use.
    """
    done = subprocess.run(
        [program, "--local", "--test-mode"],
        input=message,
        capture_output=True,
        timeout=TIMEOUT_S,
        check=True,
    )
    told = done.stdout.decode("utf-8", "replace")
    found = re.search(r"X-Spam-Status:.*?score=(-?[\d.]+)", told, re.S)
    if found is None:
        raise subprocess.SubprocessError("it gave no score")
    rules = re.findall(r"^[ *]*(-?\d+\.\d+) ([A-Z][A-Z0-9_]+)\s+(.*)$", told, re.M)
    return float(found[1]), tuple(
        f"{points} {rule}: {text.strip()}" for points, rule, text in rules if float(points)
    )


def check_spam(message: bytes) -> Iterator[Finding]:
    program = find_spamassassin()
    if program is None:
        yield note("spam", "SpamAssassin is not installed, so there is no spam score.")
        return
    try:
        points, rules = score(message, program)
    except (OSError, subprocess.SubprocessError) as failure:
        yield warning("spam", f"SpamAssassin could not be asked: {failure}.")
        return
    make = error if points >= SPAM else warning if points >= SUSPICIOUS else note
    yield make("spam", f"SpamAssassin gives {points:.1f} points.", " ".join(rules))
