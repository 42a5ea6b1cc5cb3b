"""The `digest` command: its common options."""

from __future__ import annotations

import logging
from typing import Annotated

import typer

from digest import __version__
from digest.cli.output import say
from digest.cli.shared import (
    ConfigOption,
    app,
    chosen_config,
)
from digest.monitor.logs import handler
from digest.runtime import prepare


def main() -> None:
    """Run the command line."""
    prepare()
    app()


def _version(show: bool) -> None:
    if show:
        say(f"digest {__version__}")
        raise typer.Exit


@app.callback()
def _common(
    config: ConfigOption = None,
    verbose: Annotated[
        int, typer.Option("--verbose", "-v", count=True, help="Log what happens; -vv logs more.")
    ] = 0,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    chosen_config["config"] = config
    level = (logging.WARNING, logging.INFO, logging.DEBUG)[min(verbose, 2)]
    logging.basicConfig(level=level if verbose else logging.ERROR, handlers=[handler("text")])
    if verbose < 2:
        for noisy in ("httpx", "httpcore", "apscheduler", "alembic"):
            logging.getLogger(noisy).setLevel(logging.WARNING)
