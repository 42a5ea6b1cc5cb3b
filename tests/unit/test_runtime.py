"""Settings of the process, in a process of its own."""

import subprocess
import sys

_AT_EXIT = """
import atexit, gc
atexit.register(lambda: print(gc.get_freeze_count() > 1_000))  # after what is registered later
from digest.runtime import YOUNG_OBJECTS, prepare
prepare()
print(gc.get_threshold()[0] == YOUNG_OBJECTS, gc.get_freeze_count())
"""


def test_nothing_is_looked_through_at_the_end_of_a_process() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _AT_EXIT], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["True", "0", "True"]
