"""The command line: arguments in, use case, a few lines out, and the exit code.

Exit codes are chosen here and nowhere else: 0 done (nothing to do is done), 1 something failed and
is told, 2 wrong usage or configuration.
"""

# Each registers its commands, in the order in which help lists them.
# isort: off
from digest.cli import start as start
from digest.cli import daily_timer as daily_timer
from digest.cli import daily as daily
from digest.cli import inspect as inspect
from digest.cli import taste as taste
from digest.cli import later as later
from digest.cli import export as export
from digest.cli import libraries as libraries
from digest.cli import mcp as mcp
from digest.cli import mails as mails
from digest.cli import subscribers as subscribers
from digest.cli import operations as operations
from digest.cli.main import main
# isort: on

__all__ = ["main"]
