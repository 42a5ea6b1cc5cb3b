"""The commands of every day: `run`, `worker`, `preview`."""

from __future__ import annotations

import logging
import os
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from digest.cli.output import progress, say, warn
from digest.distribution import missing
from digest.errors import DigestError
from digest.text import counted

if TYPE_CHECKING:
    from digest.config import Settings
from digest.cli.shared import (
    FAILED,
    ConfigOption,
    DateOption,
    OnlyOption,
    app,
    checked_day,
    chosen_config,
    open_app,
    tells_errors,
)


@app.command()
@tells_errors
def run(
    *,
    date: DateOption = None,
    only: OnlyOption = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Fetch and choose, but plan and send nothing.")
    ] = False,
    wait: Annotated[
        int,
        typer.Option(
            metavar="MINUTES",
            min=0,
            help="Stay so long to try again what the mail server put off.",
        ),
    ] = 0,
    config: ConfigOption = None,
) -> None:
    """Fetch, choose and send today's editions.

    This is the line for cron. Whatever is run how often, nobody gets a date's edition twice.
    """
    from digest import jobs
    from digest.cli.show import day_report

    with open_app(config) as application, progress("Fetching and choosing …") as tell:
        day = checked_day(application, date)
        if application.settings.inbox and not dry_run:
            try:  # who left by mail gets no further one; a mailbox in trouble stops nobody's mail
                jobs.read_inbox(application)
            except DigestError as error:
                warn(f"The inbox was not read: {error}")
        report = jobs.run(application, day=day, only=only or (), dry_run=dry_run, progress=tell)
        if report is not None and wait and not dry_run:
            report = jobs.wait_for_mails(
                application, report, timedelta(minutes=wait), progress=tell
            )
    if report is None:
        say("Another run is under way and does the work; nothing was done here.")
        return
    day_report(report, dry_run=dry_run)
    if report.failed:
        raise typer.Exit(FAILED)


Files = Annotated[
    list[Path] | None,
    typer.Argument(
        metavar="[FILE.eml]...",
        help="With --check or --png: these mails instead of composed ones.",
        show_default=False,
    ),
]


@app.command()
@tells_errors
def preview(
    *,
    files: Files = None,
    out: Annotated[Path, typer.Option(metavar="DIR", help="For the files.")] = Path("preview"),
    open_: Annotated[bool, typer.Option("--open", help="Open it in a browser.")] = False,
    serve: Annotated[
        bool, typer.Option("--serve", help="A local page that reloads after every change.")
    ] = False,
    port: Annotated[int, typer.Option(metavar="PORT", help="Of the page.")] = 8014,
    check: Annotated[
        bool, typer.Option("--check", help="Proofread the mails; exit 1 on errors.")
    ] = False,
    png: Annotated[
        Path | None,
        typer.Option(
            "--png", metavar="DIR", help="Pictures of the mails, by Chromium.", show_default=False
        ),
    ] = None,
    height: Annotated[int, typer.Option(metavar="N", help="Most pixels of a picture; 0: all.")] = 0,
    stored: Annotated[
        bool, typer.Option("--stored", help="Choose from what is stored; fetch nothing.")
    ] = False,
    date: DateOption = None,
    only: OnlyOption = None,
    config: ConfigOption = None,
) -> None:
    """Look at editions before they go out; send nothing.

    Writes one .html, .txt and .eml per subscriber; or proofreads, draws or serves them.
    """
    from digest.cli import preview as view

    if serve and (files or check or png):
        raise typer.BadParameter("is a thing of its own", param_hint="--serve")
    if files and not (check or png):
        raise typer.BadParameter("files go with --check or --png", param_hint="FILE.eml")
    if serve:
        _serve_preview(config, port, stored=stored, browse=open_)
        return
    if files:
        composed = view.read_mails(files)
    else:
        with open_app(config) as application:
            day = checked_day(application, date)
            composed = view.compose(application, day, only or (), stored=stored)
    if png is not None:
        view.draw(composed.mails, png, height)
    sound = view.check(composed) if check else True
    first = None if check or png else view.write_files(composed, out)
    view.tell_warnings(composed)
    if open_ and first is not None:
        typer.launch(first.resolve().as_uri())
    if not sound:
        raise typer.Exit(FAILED)


def _serve_preview(config: Path | None, port: int, *, stored: bool, browse: bool) -> None:
    from digest import jobs
    from digest.cli import preview as view
    from digest.config import find_config

    path = find_config(config or chosen_config["config"], os.environ)
    if not stored:
        with open_app(config) as application, progress("Fetching …") as tell:
            for warning in jobs.fetch_all(application, tell):
                warn(warning)
    view.serve(lambda: open_app(config), path, port, browse=browse)


@app.command()
@tells_errors
def worker(
    *,
    metrics_host: Annotated[
        str,
        typer.Option(
            metavar="HOST", help="In place of [monitor] metrics_host.", show_default=False
        ),
    ] = "",
    metrics_port: Annotated[
        int | None,
        typer.Option(
            metavar="PORT",
            min=1,
            max=65535,
            help="In place of [monitor] metrics_port, for further workers on one machine.",
            show_default=False,
        ),
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Stay, and send each edition at its hour.

    On a PostgreSQL store any number of these share the work. SIGTERM finishes the mails in hand and
    ends it.
    """
    from digest import jobs
    from digest.app import App, system_clock
    from digest.worker import Worker

    if logging.getLogger().level > logging.INFO:
        logging.getLogger().setLevel(logging.INFO)
    with open_app(config) as application:
        application.settings = _with_metrics(application.settings, metrics_host, metrics_port)
        application.mail.transport()
        jobs.sync_subscribers(application)
        n_people = sum(application.store.subscribers.counts().values())
        say(f"Working for {counted(n_people, 'subscriber')}. Ctrl-C ends it.")
        if application.store.single_process:
            Worker(application, on_report=_log_report).run()
            return
        settings = application.settings
    try:
        from digest.cluster.worker import ClusterWorker, SharedClock
    except ImportError as error:
        raise DigestError(missing("A worker on PostgreSQL", error.name, "postgres")) from error
    clock = SharedClock(system_clock)
    with App(settings, clock=clock) as application:
        ClusterWorker(application, clock).run()


def _with_metrics(settings: Settings, host: str, port: int | None) -> Settings:
    said = {"metrics_host": host or None, "metrics_port": port}
    update = {name: value for name, value in said.items() if value is not None}
    monitor = settings.monitor.model_copy(update=update)
    return settings.model_copy(update={"monitor": monitor})


def _log_report(report: object) -> None:
    from digest.model import DayReport

    assert isinstance(report, DayReport)
    log = logging.getLogger("digest.worker")
    summary = " ".join(f"{k}={v}" for k, v in report.record().results.items())
    log.info("day.done failed=%s %s", report.failed, summary)
    for warning in report.warnings:
        log.warning("day.warning subscriber=%s %s", warning.subscriber_id[:8], warning.text)
