"""Speed and memory, measured as ratios against a limit of the same run."""

from digest.runtime import prepare

prepare()  # as `digest` does: what is measured is what people run
