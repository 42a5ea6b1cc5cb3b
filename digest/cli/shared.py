"""What the commands share: options, the way from a configuration to an `App`, and exit codes."""

from __future__ import annotations

import functools
import logging
import os
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ParamSpec, TypeVar

import typer

from digest.cli.output import fail, warn
from digest.errors import ConfigError, DigestError, UnknownSubscriber
from digest.monitor.logs import handler

if TYPE_CHECKING:
    from digest.app import App
    from digest.config import Settings

P = ParamSpec("P")
R = TypeVar("R")

FAILED, USAGE = 1, 2

app = typer.Typer(
    name="digest",
    help="A personalised daily digest of research papers by mail.\n\n"
    "Begin with `digest init`, then `digest check`, `digest preview` and `digest run`; "
    "`digest demo` shows all of it without internet or configuration.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        metavar="FILE",
        help="Configuration; else $DIGEST_CONFIG, else config.toml.",
        show_default=False,
    ),
]
SubscriberOption = Annotated[
    str,
    typer.Option(
        "--subscriber", "-s", metavar="EMAIL", help="Whose; the only one if there is one."
    ),
]
DateOption = Annotated[
    str | None,
    typer.Option(
        "--date", metavar="YYYY-MM-DD", help="Edition date; default: today.", show_default=False
    ),
]
OnlyOption = Annotated[
    list[str] | None,
    typer.Option(
        "--only", metavar="EMAIL", help="Only this subscriber; may be repeated.", show_default=False
    ),
]

chosen_config: dict[str, Path | None] = {"config": None}


def tells_errors(command: Callable[P, R]) -> Callable[P, R]:
    """Errors of ours become a sentence and an exit code; anything else keeps its traceback."""

    @functools.wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except ConfigError as error:
            for problem in error.problems:
                fail(problem)
            raise typer.Exit(USAGE) from error
        except UnknownSubscriber as error:
            fail(str(error))
            raise typer.Exit(USAGE) from error
        except DigestError as error:
            fail(str(error))
            raise typer.Exit(FAILED) from error
        except KeyboardInterrupt:
            fail("Stopped.")
            raise typer.Exit(130) from None

    return wrapped


def _log_as_configured(settings: Settings) -> None:
    """In the configured format, with its passwords masked."""
    from digest.config import secrets_of

    root = logging.getLogger()
    level = root.level
    logging.basicConfig(
        handlers=[handler(settings.monitor.log_format, secrets_of(settings))], force=True
    )
    root.setLevel(level)


def open_app(config: Path | None) -> App:
    from digest.app import App
    from digest.config import find_config, load_settings, readable_secrets

    path = find_config(config or chosen_config["config"], os.environ)
    settings = load_settings(path, os.environ)
    _log_as_configured(settings)
    for hint in readable_secrets(path):
        warn(hint)
    return App(settings)


def _day(text: str | None) -> date | None:
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(
            f'"{text}" is no date; write it like 2026-05-20', param_hint="--date"
        ) from None


def checked_day(application: App, text: str | None) -> date | None:
    """A date that has begun somewhere on earth; a later one would be a typing mistake."""
    day = _day(text)
    if day is not None and day > (application.clock() + timedelta(hours=14)).date():
        raise typer.BadParameter(f"{day} has not begun anywhere yet", param_hint="--date")
    return day


def only_subscriber(application: App, email: str) -> str:
    from digest import jobs

    if email:
        return email
    people = jobs.sync_subscribers(application) or application.store.subscribers.all()
    if len(people) == 1:
        return people[0].email
    names = ", ".join(s.email for s in people)
    raise typer.BadParameter(f"say whose: one of {names}", param_hint="--subscriber")
