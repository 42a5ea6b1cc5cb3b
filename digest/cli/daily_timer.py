"""The command `timer`: have this machine start `digest run` every day."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from digest.cli import timer as timers
from digest.cli.output import say
from digest.cli.shared import ConfigOption, app, chosen_config, open_app, tells_errors


@app.command()
@tells_errors
def timer(
    *,
    remove: Annotated[bool, typer.Option("--remove", help="Take it away again.")] = False,
    show: Annotated[bool, typer.Option("--show", help="Only say what would be done.")] = False,
    config: ConfigOption = None,
) -> None:
    """Have this machine start `digest run` every day.

    By a timer of systemd, launchd on a Mac, or Windows' task scheduler; elsewhere the line for cron
    is shown.
    """
    from digest.config import find_config

    path = find_config(config or chosen_config["config"], os.environ)
    set_up(path, remove=remove, show=show)


def set_up(config: Path, *, remove: bool = False, show: bool = False) -> None:
    """Install the timer of this system, or take it away."""
    with open_app(config) as application:
        chosen = application.settings.common_preferences
        zone, now = ZoneInfo(chosen.timezone), application.clock()
    # systems keep local time, which may be another than the reader's
    at = now.astimezone(zone).replace(hour=chosen.time.hour, minute=chosen.time.minute)
    found = timers.timer_for(
        sys.platform,
        home=Path.home(),
        folder=config.resolve().parent,
        config=config.resolve(),
        at=at.astimezone().time().replace(second=0, microsecond=0),
        weekdays=chosen.weekdays,
        has_systemd=timers.has_systemd(),
    )
    if found.by_hand:
        say(found.by_hand)
        return
    for path, text in found.files if show else ():
        say(str(path), style="bold")
        say(text)
    if show:
        for command in found.start:
            say("$ " + " ".join(command))
        return
    if remove:
        timers.remove(found)
        say(f"Took away {found.kind}.")
        return
    timers.install(found)
    say(f"Set up {found.kind}; it starts `digest run` at {at:%H:%M}. --remove takes it away.")
