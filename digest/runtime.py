"""Settings of the Python process, made once at its start."""

from __future__ import annotations

import atexit
import gc
import os

#: new objects until the youngest are looked through for cycles, of which we make few (Python's own
#: 700 costs half a millisecond a reader, and a short run a twentieth of its time, most of it among
#: the modules that it has just loaded); times that happens until the older ones are, too; and times
#: that happens until all are
YOUNG_OBJECTS, YOUNG_TIMES, OLDER_TIMES = 20_000, 50, 10


def prepare() -> None:
    """Call it before NumPy is loaded, which reads the first of these then."""
    # On matrices of our size further threads of NumPy's linear algebra only spin: a fifth of a
    # run's CPU time, and a longer fit.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    gc.set_threshold(YOUNG_OBJECTS, YOUNG_TIMES, OLDER_TIMES)
    # At its end Python looks through all that is left several times, half a second of a short run,
    # only for memory that the system takes back at once.
    atexit.register(gc.freeze)
