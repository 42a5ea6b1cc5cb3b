"""The commands: a few lines each over a use case."""

from __future__ import annotations

import functools
import json
import logging
import os
import re
import sys
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ParamSpec, TypeVar

import typer

from digest import __version__
from digest.cli.output import fail, progress, say, warn
from digest.distribution import missing
from digest.errors import ConfigError, DigestError, UnknownSubscriber
from digest.files import write_private
from digest.monitor.logs import handler
from digest.text import counted

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
    add_completion=False,
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

_chosen: dict[str, Path | None] = {"config": None}


def main() -> None:
    """The `digest` command."""
    app()


def _told(command: Callable[P, R]) -> Callable[P, R]:
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
    _chosen["config"] = config
    level = (logging.WARNING, logging.INFO, logging.DEBUG)[min(verbose, 2)]
    logging.basicConfig(level=level if verbose else logging.ERROR, handlers=[handler("text")])
    if verbose < 2:
        for noisy in ("httpx", "httpcore", "apscheduler", "alembic"):
            logging.getLogger(noisy).setLevel(logging.WARNING)


def _log_as_configured(settings: Settings) -> None:
    """In the configured format, with its passwords masked."""
    tables = (settings.smtp, settings.inbox, settings.web)
    secrets = [t.password.get_secret_value() for t in tables if t]
    secrets.append(settings.store.address.get_secret_value())
    secrets += [
        key.get_secret_value()
        for key in (getattr(settings.keys, name) for name in type(settings.keys).model_fields)
    ]
    secrets.append(settings.monitor.ping_url)  # whoever knows it can call everything well
    root = logging.getLogger()
    level = root.level
    logging.basicConfig(handlers=[handler(settings.monitor.log_format, secrets)], force=True)
    root.setLevel(level)


def _app(config: Path | None) -> App:
    from digest.app import App
    from digest.config import find_config, load_settings, readable_secrets

    path = find_config(config or _chosen["config"], os.environ)
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


def _checked_day(application: App, text: str | None) -> date | None:
    """A date that has begun somewhere on earth; a later one would be a typing mistake."""
    day = _day(text)
    if day is not None and day > (application.clock() + timedelta(hours=14)).date():
        raise typer.BadParameter(f"{day} has not begun anywhere yet", param_hint="--date")
    return day


def _only_subscriber(application: App, email: str) -> str:
    if email:
        return email
    people = application.sync_subscribers() or application.store.subscribers()
    if len(people) == 1:
        return people[0].email
    names = ", ".join(s.email for s in people)
    raise typer.BadParameter(f"say whose: one of {names}", param_hint="--subscriber")


# --- starting out --------------------------------------------------------------------------------


@app.command()
@_told
def init(
    email: Annotated[str, typer.Option(help="Who gets the digest.", show_default=False)] = "",
    name: Annotated[str, typer.Option(help="Their name.", show_default=False)] = "",
    title: Annotated[str, typer.Option(help="Title of the digest.")] = "Morning papers",
    category: Annotated[
        list[str] | None,
        typer.Option(help="arXiv category; may be repeated.", show_default="cs.LG, cs.CL"),
    ] = None,
    like: Annotated[
        list[str] | None,
        typer.Option(
            help="A paper you like: id, address, DOI, library file; may be repeated.",
            show_default=False,
        ),
    ] = None,
    keyword: Annotated[
        list[str] | None, typer.Option(help="A keyword; may be repeated.", show_default=False)
    ] = None,
    author: Annotated[
        list[str] | None,
        typer.Option(help="An author to follow; may be repeated.", show_default=False),
    ] = None,
    time: Annotated[str, typer.Option(help="When it goes out, local time.")] = "07:30",
    timezone: Annotated[
        str, typer.Option(help="IANA time zone.", show_default="this machine's")
    ] = "",
    smtp_host: Annotated[
        str,
        typer.Option(help="Mail server.", show_default="by the address; else a Maildir folder"),
    ] = "",
    smtp_port: Annotated[int | None, typer.Option(help="Its port.", show_default=False)] = None,
    security: Annotated[str, typer.Option(help="starttls, tls or none.")] = "starttls",
    username: Annotated[str, typer.Option(help="Login, if wanted.", show_default=False)] = "",
    sender: Annotated[
        str, typer.Option(help="From address.", show_default="the title and your address")
    ] = "",
    output: Annotated[Path, typer.Option("--output", "-o", help="File to write.")] = Path(
        "config.toml"
    ),
    force: Annotated[bool, typer.Option(help="Overwrite the file if it is there.")] = False,
) -> None:
    """Write a commented configuration.

    Asks for what no option says, if run on a terminal without --email.
    """
    from digest.cli.init import Answers, config_text, provider_of
    from digest.config import load_text

    if output.exists() and not force:
        raise ConfigError([f"{output} is there already; --force overwrites it."])
    asking = sys.stdin.isatty() and not email
    if not email:
        if not sys.stdin.isatty():
            raise ConfigError(["--email is missing: who gets the digest?"])
        email = typer.prompt("Your mail address")
    zone = timezone or _local_timezone()
    if asking:
        given = typer.prompt("arXiv categories", default="cs.LG, cs.CL")
        category = category or [c for c in re.split(r"[,\s]+", given) if c]
        say("What should it look for? Anything of these will do; more can be added later.")
        given = typer.prompt(
            "Your interests in plain words, parted by commas (empty for none)", default=""
        )
        keyword = keyword or [k.strip() for k in given.split(",") if k.strip()]
        given = typer.prompt(
            "Some papers you like: ids, addresses, library files (three are a good start; "
            "empty for none)",
            default="",
        )
        like = like or [p for p in re.split(r"[,\s]+", given) if p]
        time = typer.prompt("When should it go out?", default=time)
        zone = typer.prompt("Time zone", default=zone)
    provider = provider_of(email)
    if asking and not smtp_host:
        smtp_host = typer.prompt(
            "Mail server (empty: put mails into a folder)", default=provider[0] if provider else ""
        )
    if provider and not smtp_host and not asking:
        smtp_host = provider[0]
    if provider and smtp_host == provider[0]:
        _, smtp_port, security = provider if smtp_port is None else (None, smtp_port, security)
        username = username or email
    elif asking and smtp_host and not username:
        username = typer.prompt("Login at the mail server (empty for none)", default="")
    text = config_text(
        Answers(
            email=email,
            name=name,
            title=title,
            time=time,
            timezone=zone,
            categories=category or ("cs.LG", "cs.CL"),
            likes=like or (),
            keywords=keyword or (),
            authors=author or (),
            smtp_host=smtp_host,
            smtp_port=smtp_port,
            security=security,
            username=username,
            sender=sender,
        )
    )
    # What is written must pass; the password may still be missing.
    settings = load_text(text, path=output, environ={})
    try:
        write_private(output, text.encode())
    except OSError as error:
        raise ConfigError([f"{output} cannot be written: {error.strerror}."]) from error
    say(f"Wrote {output}.")
    if asking and typer.confirm(
        "Look at what this picks from the last days, and judge some of it?", default=True
    ):
        from digest.app import App
        from digest.cli.taste import judge

        with App(settings) as application:
            judge(application, email, 8)
        say()
    if username:
        say(f"Put the password into {output.parent / '.env'}:  SMTP_PASSWORD=...")
    say("Next: `digest check`, then `digest preview --open`, then `digest run`.")


def _local_timezone() -> str:
    from tzlocal import get_localzone_name

    try:
        return str(get_localzone_name() or "UTC")
    except Exception:  # tzlocal raises whatever a broken /etc/localtime makes it raise
        return "UTC"


@app.command()
@_told
def check(
    send_test: Annotated[
        str,
        typer.Option("--send-test", metavar="ADDRESS", help="Also send a short test mail there."),
    ] = "",
    config: ConfigOption = None,
) -> None:
    """Test configuration, sources and mail server.

    Sends nothing, unless --send-test asks for it.
    """
    from digest.cli.check import run_checks

    with _app(config) as application:
        n_failed = run_checks(application, send_test)
    if n_failed:
        fail(f"{n_failed} of the checks failed.")
        raise typer.Exit(FAILED)
    say("All is well.", style="green")


@app.command()
@_told
def demo(
    out: Annotated[Path, typer.Option(help="Folder for what arrives.")] = Path("demo"),
) -> None:
    """Run the whole job on a bundled sample, offline."""
    from digest.cli.show import picks
    from digest.demo import run_demo

    say("A listing of invented papers is served on this machine, fetched over HTTP, ranked for two")
    say("readers, and mailed over SMTP to a catch-all server.")
    say()
    arrived = run_demo(out, tell=say)
    for email, draft in arrived.drafts.items():
        say()
        picks(email, draft)
    say("What arrived:")
    for path in arrived.files:
        say(f"  {path}")
    say()
    say(f"Open {arrived.files[0]} in a browser, or look at all of it with", style="bold")
    say(f"  digest preview --serve --stored --config {out / 'config.toml'}")


# --- the main job --------------------------------------------------------------------------------


@app.command()
@_told
def run(
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
    from digest.cli.show import day_report

    with _app(config) as application, progress("Fetching and choosing …") as tell:
        day = _checked_day(application, date)
        report = application.run(day=day, only=only or (), dry_run=dry_run, progress=tell)
        if report is not None and wait and not dry_run:
            report = application.wait_for_mails(report, timedelta(minutes=wait), progress=tell)
    if report is None:
        say("Another run is under way and does the work; nothing was done here.")
        return
    day_report(report, dry_run=dry_run)
    if report.failed:
        raise typer.Exit(FAILED)


@app.command()
@_told
def preview(
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[FILE.eml]...",
            help="With --check or --png: these mails instead of composed ones.",
            show_default=False,
        ),
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for the files.")] = Path("preview"),
    open_: Annotated[bool, typer.Option("--open", help="Open it in a browser.")] = False,
    serve: Annotated[
        bool, typer.Option("--serve", help="A local page that reloads after every change.")
    ] = False,
    port: Annotated[int, typer.Option(help="Of the local page.")] = 8014,
    check: Annotated[
        bool, typer.Option("--check", help="Proofread the mails; exit 1 on errors.")
    ] = False,
    png: Annotated[
        Path | None,
        typer.Option(
            "--png", metavar="DIR", help="Pictures of the mails, by Chromium.", show_default=False
        ),
    ] = None,
    height: Annotated[int, typer.Option(help="Most pixels of a picture from the top; 0: all.")] = 0,
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

    if serve:
        if files or check or png:
            raise typer.BadParameter("is a thing of its own", param_hint="--serve")
        _serve_preview(config, port, stored=stored, browse=open_)
        return
    if files:
        if not (check or png):
            raise typer.BadParameter("files go with --check or --png", param_hint="FILE.eml")
        composed = view.read_mails(files)
    else:
        with _app(config) as application:
            day = _checked_day(application, date)
            composed = view.compose(application, day, only or (), stored=stored)
    if png is not None:
        view.draw(composed.mails, png, height)
    sound = view.check(composed.mails) if check else True
    first = None
    if not (check or png):
        first = view.write_files(composed, out)
    view.tell_warnings(composed)
    if open_ and first is not None:
        typer.launch(first.resolve().as_uri())
    if not sound:
        raise typer.Exit(FAILED)


def _serve_preview(config: Path | None, port: int, *, stored: bool, browse: bool) -> None:
    from digest.cli import preview as view
    from digest.config import find_config

    path = find_config(config or _chosen["config"], os.environ)
    if not stored:
        with _app(config) as application, progress("Fetching …") as tell:
            for warning in application.fetch(tell):
                warn(warning)
    view.serve(lambda: _app(config), path, port, browse=browse)


@app.command()
@_told
def worker(config: ConfigOption = None) -> None:
    """Stay, and send each edition at its hour.

    On a PostgreSQL store any number of these share the work. SIGTERM finishes the mails in hand and
    ends it.
    """
    from digest.worker import Worker

    if logging.getLogger().level > logging.INFO:
        logging.getLogger().setLevel(logging.INFO)
    with _app(config) as application:
        application.transport()
        application.sync_subscribers()
        n_people = sum(application.store.subscriber_counts().values())
        say(f"Working for {counted(n_people, 'subscriber')}. Ctrl-C ends it.")
        if application.store.alone:
            Worker(application, on_report=_log_report).run()
            return
        try:
            from digest.cluster.worker import Member
        except ImportError as error:
            raise DigestError(missing("A worker on PostgreSQL", error.name, "postgres")) from error
        Member(application).run()


def _log_report(report: object) -> None:
    from digest.model import DayReport

    assert isinstance(report, DayReport)
    log = logging.getLogger("digest.worker")
    outcomes: dict[str, int] = {}
    for s in report.subscribers:
        outcomes[s.outcome] = outcomes.get(s.outcome, 0) + 1
    summary = " ".join(f"{k}={v}" for k, v in outcomes.items())
    log.info("day.done failed=%s %s", report.failed, summary)
    for warning in report.warnings:
        log.warning("day.warning %s", warning)


# --- what happened --------------------------------------------------------------------------------


@app.command()
@_told
def paper(
    ref: Annotated[str, typer.Argument(metavar="ID", help="arXiv id, DOI, address or stored id.")],
    config: ConfigOption = None,
) -> None:
    """Show what is known of a paper, who got it, and why."""
    from digest.cli import show
    from digest.identity import name_of

    with _app(config) as application:
        application.sync_subscribers()
        store = application.store
        name = name_of(ref) or ref
        key = store.known_as({name}).get(name, name)
        found = store.papers({key}).get(key)
        if found is None:
            raise DigestError(f"{ref} is not stored: no source or service has described it.")
        people = {s.id: s.email for s in store.subscribers()}
        show.paper(found, store, people)


@app.command()
@_told
def status(
    as_json: Annotated[bool, typer.Option("--json", help="Everything, for programs.")] = False,
    runs: Annotated[int, typer.Option(help="Latest runs to show.")] = 5,
    days: Annotated[int, typer.Option(help="Latest dates a subscriber to show.")] = 7,
    subscriber: Annotated[
        str, typer.Option("--subscriber", "-s", metavar="EMAIL", help="Only this subscriber.")
    ] = "",
    limit: Annotated[int, typer.Option(min=0, help="Subscribers to show.")] = 50,
    config: ConfigOption = None,
) -> None:
    """Show what happened lately, and why."""
    from digest.cli import show

    with _app(config) as application:
        application.sync_subscribers()
        now, store = application.clock(), application.store
        people, n_people = store.find_subscribers(limit=limit)
        if subscriber:
            people, n_people = (application.subscriber(subscriber),), 1
        cluster = None
        if not store.alone:
            from digest.cluster.status import status as cluster_status

            cluster = cluster_status(application)
        if as_json:
            data = show.status_data(store, now, runs, days, people, cluster)
            print(json.dumps(data, indent=2, ensure_ascii=False))
        else:
            show.status(store, now, runs, days, people, n_people, cluster)
