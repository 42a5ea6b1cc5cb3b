"""The command line: arguments in, use case, a few lines out, and the exit code.

Exit codes are chosen here and nowhere else: 0 done (nothing to do is done), 1 something failed and
is told, 2 wrong usage or configuration.
"""

from digest.cli import operations as operations  # registers its commands
from digest.cli import taste as taste
from digest.cli.commands import main

__all__ = ["main"]
