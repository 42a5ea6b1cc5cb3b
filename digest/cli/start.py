"""The commands to start with: `init`, `check`, `demo`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from typer.models import OptionInfo

from digest.cli.output import fail, say
from digest.cli.shared import (
    FAILED,
    ConfigOption,
    app,
    open_app,
    tells_errors,
)
from digest.errors import ConfigError
from digest.text import counted


def _option(metavar: str, help_: str, default: str = "", *names: str) -> OptionInfo:
    """An option whose default is told in words, or not at all."""
    made: OptionInfo = typer.Option(
        *names, metavar=metavar, help=help_, show_default=default or False
    )
    return made


def _many(metavar: str, help_: str, default: str = "") -> OptionInfo:
    return _option(metavar, f"{help_}; may be repeated.", default)


Texts = list[str] | None
CONFIG_FILE = Path("config.toml")


@app.command()
@tells_errors
def init(
    *,
    email: Annotated[str, _option("EMAIL", "Who gets the digest.")] = "",
    name: Annotated[str, _option("NAME", "Their name.")] = "",
    title: Annotated[str, typer.Option(metavar="TITLE", help="Of the digest.")] = "Morning papers",
    category: Annotated[Texts, _many("CATEGORY", "arXiv category", "cs.LG, cs.CL")] = None,
    like: Annotated[Texts, _many("ID", "A paper you like, or a file of them")] = None,
    keyword: Annotated[Texts, _many("WORDS", "A keyword")] = None,
    author: Annotated[Texts, _many("NAME", "An author to follow")] = None,
    time: Annotated[str, typer.Option(metavar="HH:MM", help="When it goes out.")] = "07:30",
    timezone: Annotated[str, _option("ZONE", "IANA time zone.", "this machine's")] = "",
    smtp_host: Annotated[str, _option("HOST", "Mail server.", "by address, or a Maildir")] = "",
    smtp_port: Annotated[int | None, _option("PORT", "Its port.")] = None,
    security: Annotated[str, typer.Option(metavar="WAY", help="starttls, tls, none.")] = "starttls",
    username: Annotated[str, _option("NAME", "Login, if wanted.")] = "",
    sender: Annotated[str, _option("EMAIL", "From address.", "title and your address")] = "",
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="To write.")
    ] = CONFIG_FILE,
    force: Annotated[bool, typer.Option(help="Overwrite the file if it is there.")] = False,
    move_from: Annotated[
        Path | None,
        _option("FILE", "Take over from zotero-arxiv-daily or arxiv-sanity.", "", "--from"),
    ] = None,
) -> None:
    """Write a commented configuration.

    Asks for what no option says, if run on a terminal without --email: each question until its
    answer can be used; then shows what it picks, and may set up the password and the timer.
    """
    from digest.cli.init import Answers
    from digest.cli.wizard import local_timezone, take_over, write_config

    answers = Answers(
        email=email,
        name=name,
        title=title,
        time=time,
        timezone=timezone or local_timezone(),
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
    if move_from is None:
        write_config(answers, output, force=force)
    else:
        take_over(answers, move_from, output, force=force)


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
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
    config: ConfigOption = None,
) -> None:
    """Test configuration, sources and mail server.

    Sends nothing, unless --send-test asks for it.
    """
    from digest.cli.check import checks, tell

    with open_app(config) as application:
        n_faults = tell(checks(application, send_test, dns=dns), as_json=as_json)
    _conclude(n_faults, as_json=as_json)


def _conclude(n_faults: int, *, as_json: bool) -> None:
    if n_faults:
        if not as_json:
            fail(f"{counted(n_faults, 'fault')} found.")
        raise typer.Exit(FAILED)
    if not as_json:
        say("All is well.", style="green")


@app.command()
@tells_errors
def doctor(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
    config: ConfigOption = None,
) -> None:
    """Look for everything that can be wrong, each with what helps.

    What `check` tests, and: extras, DNS, disk, clock, time zones, ports, subscribers, the last
    runs. Sends nothing.
    """
    from digest.cli.check import tell
    from digest.cli.doctor import examine

    with open_app(config) as application:
        n_faults = tell(examine(application), as_json=as_json)
    _conclude(n_faults, as_json=as_json)


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
    out: Annotated[Path, typer.Option(metavar="DIR", help="For what arrives.")] = Path("demo"),
    send: Annotated[
        bool,
        typer.Option(
            "--send", help="Send five papers of the sample to your subscribers, by your server."
        ),
    ] = False,
    config: ConfigOption = None,
) -> None:
    """Run the whole job on a bundled sample, offline.

    With --send it is a trial of your own configuration: one mail with invented papers.
    """
    from digest.cli.show import picks
    from digest.demo import run_demo, send_sample

    if send:
        with open_app(config) as application:
            settings = application.settings
        for told in send_sample(settings):
            say(told)
        return

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
