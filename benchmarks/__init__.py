"""Speed and memory, measured as ratios against a limit of the same run."""
