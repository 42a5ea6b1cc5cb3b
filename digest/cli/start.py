"""The commands to start with: `init`, `check`, `demo`."""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from digest.cli.judge import judge
from digest.cli.output import fail, say
from digest.cli.shared import (
    FAILED,
    ConfigOption,
    app,
    open_app,
    tells_errors,
)
from digest.errors import ConfigError
from digest.files import write_private
from digest.text import counted

if TYPE_CHECKING:
    from digest.cli.init import Answers


def _many(help_: str) -> object:
    return typer.Option(help=f"{help_}; may be repeated.", show_default=False)


@app.command()
@tells_errors
def init(
    *,
    email: Annotated[str, typer.Option(help="Who gets the digest.", show_default=False)] = "",
    name: Annotated[str, typer.Option(help="Their name.", show_default=False)] = "",
    title: Annotated[str, typer.Option(help="Title of the digest.")] = "Morning papers",
    category: Annotated[
        list[str] | None,
        typer.Option(help="arXiv category; may be repeated.", show_default="cs.LG, cs.CL"),
    ] = None,
    like: Annotated[
        list[str] | None, _many("A paper you like: id, address, DOI, library file")
    ] = None,
    keyword: Annotated[list[str] | None, _many("A keyword")] = None,
    author: Annotated[list[str] | None, _many("An author to follow")] = None,
    time: Annotated[str, typer.Option(help="When it goes out, local time.")] = "07:30",
    timezone: Annotated[
        str, typer.Option(help="IANA time zone.", show_default="this machine's")
    ] = "",
    smtp_host: Annotated[
        str, typer.Option(help="Mail server.", show_default="by the address; else a Maildir folder")
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
    from digest.cli.init import Answers

    answers = Answers(
        email=email,
        name=name,
        title=title,
        time=time,
        timezone=timezone or _local_timezone(),
        categories=category or (),
        likes=like or (),
        keywords=keyword or (),
        authors=author or (),
        smtp_host=smtp_host,
        smtp_port=smtp_port,
        security=security,
        username=username,
        sender=sender,
    )
    write_config(answers, output, force=force)


def write_config(answers: Answers, output: Path, *, force: bool) -> None:
    """Ask for what is missing, write the file, and lead on."""
    from digest.cli.init import config_text
    from digest.config import load_text

    if output.exists() and not force:
        raise ConfigError([f"{output} is there already; --force overwrites it."])
    asking = sys.stdin.isatty() and not answers.email
    if not asking and not answers.email:
        raise ConfigError(["--email is missing: who gets the digest?"])
    if asking:
        answers = _ask(answers)
    answers = _with_provider(answers, asking=asking)
    text = config_text(answers)
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

        with App(settings) as application:
            judge(application, answers.email, 8)
        say()
    if answers.oauth:
        say("This provider takes no passwords: register this program there, once, and put its")
        say('client_id into [oauth] (docs/mail.md, "Logging in by OAuth"). Then `digest login`.')
    elif answers.username:
        say(f"Put the password into {output.parent / '.env'}:  SMTP_PASSWORD=...")
    say("Next: `digest check`, then `digest preview --open`, then `digest run`.")


def _ask(answers: Answers) -> Answers:
    """What no option says, asked on the terminal."""
    email = typer.prompt("Your mail address")
    given = typer.prompt("arXiv categories", default="cs.LG, cs.CL")
    categories = answers.categories or [c for c in re.split(r"[,\s]+", given) if c]
    say("What should it look for? Anything of these will do; more can be added later.")
    given = typer.prompt(
        "Your interests in plain words, parted by commas (empty for none)", default=""
    )
    keywords = answers.keywords or [k.strip() for k in given.split(",") if k.strip()]
    given = typer.prompt(
        "Some papers you like: ids, addresses, library files (three are a good start; "
        "empty for none)",
        default="",
    )
    likes = answers.likes or [p for p in re.split(r"[,\s]+", given) if p]
    return replace(
        answers,
        email=email,
        categories=categories,
        keywords=keywords,
        likes=likes,
        time=typer.prompt("When should it go out?", default=answers.time),
        timezone=typer.prompt("Time zone", default=answers.timezone),
    )


def _with_provider(answers: Answers, *, asking: bool) -> Answers:
    """With the mail server of the address's provider, where nothing else was said."""
    from digest.cli.init import provider_of

    provider = provider_of(answers.email)
    host, port, security = answers.smtp_host, answers.smtp_port, answers.security
    username = answers.username
    known = provider.host if provider else ""
    if not host:
        question = "Mail server (empty: put mails into a folder)"
        host = typer.prompt(question, default=known) if asking else known
    if provider and host == known:
        if port is None:
            port, security = provider.port, provider.security
        username = username or answers.email
        if provider.note:
            say(f"{provider.host}: {provider.note}")
    elif asking and host and not username:
        username = typer.prompt("Login at the mail server (empty for none)", default="")
    oauth = provider.oauth if provider and host == known else ""
    return replace(
        answers,
        smtp_host=host,
        smtp_port=port,
        security=security,
        username=username,
        oauth=oauth,
    )


def _local_timezone() -> str:
    from tzlocal import get_localzone_name

    try:
        return str(get_localzone_name() or "UTC")
    except Exception:  # tzlocal raises whatever a broken /etc/localtime makes it raise
        return "UTC"


@app.command()
@tells_errors
def check(
    *,
    send_test: Annotated[
        str,
        typer.Option("--send-test", metavar="ADDRESS", help="Also send a short test mail there."),
    ] = "",
    dns: Annotated[
        bool,
        typer.Option("--dns", help="Also look up SPF, DKIM, DMARC, MX and PTR of the sender."),
    ] = False,
    config: ConfigOption = None,
) -> None:
    """Test configuration, sources and mail server.

    Sends nothing, unless --send-test asks for it.
    """
    from digest.cli.check import run_checks

    with open_app(config) as application:
        n_failed = run_checks(application, send_test, dns=dns)
    if n_failed:
        fail(f"{n_failed} of the checks failed.")
        raise typer.Exit(FAILED)
    say("All is well.", style="green")


@app.command()
@tells_errors
def doctor(config: ConfigOption = None) -> None:
    """Look for everything that can be wrong, each with what helps.

    What `check` tests, and: extras, DNS, disk, clock, time zones, ports, subscribers, the last
    runs. Sends nothing.
    """
    from digest.cli.doctor import run_doctor

    with open_app(config) as application:
        n_failed = run_doctor(application)
    if n_failed:
        fail(f"{counted(n_failed, 'fault')} found.")
        raise typer.Exit(FAILED)
    say("All is well.", style="green")


@app.command()
@tells_errors
def login(
    *,
    browser: Annotated[
        bool,
        typer.Option("--browser", help="By a browser on this machine, also where a code would do."),
    ] = False,
    config: ConfigOption = None,
) -> None:
    """Log in at Google or Microsoft, once, so that mail goes by OAuth."""
    import time
    import webbrowser
    from importlib.util import find_spec

    from digest.channels.email import oauth, oauth_login
    from digest.distribution import missing

    if find_spec("oauthlib") is None:
        raise ConfigError([missing("Logging in by OAuth", "oauthlib", "oauth")])
    with open_app(config) as application:
        client, settings = application.mail.oauth_client(), application.settings
        assert settings.oauth is not None
        logins = [*settings.smtp, settings.inbox]
        accounts = dict.fromkeys(x.username for x in logins if x and x.oauth and x.username)
        if not accounts:
            raise ConfigError(["Neither [smtp] nor [inbox] has oauth = true and a username."])
        for account in accounts:
            say(f"Logging in {account}.", style="bold")
            if client.endpoints.device and not browser:
                tokens = oauth_login.log_in_by_code(client, say, time.sleep)
            else:
                tokens = oauth_login.log_in_by_browser(client, account, say, webbrowser.open)
            oauth.save_token(settings.oauth.token_file, account, tokens, application.clock())
            say(f"{account} is logged in; the token is in {settings.oauth.token_file}.")
    say("Next: `digest check`.")


@app.command()
@tells_errors
def demo(
    *,
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
