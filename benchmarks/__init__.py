"""Speed and memory, measured as ratios against a limit of the same run."""

import os

# as `digest` sets it (cli.main), before NumPy is loaded: what is measured is what people run
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
