"""The commands to start with: `init`, `check`, `demo`."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
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
from digest.errors import ConfigError, DigestError
from digest.files import write_private
from digest.text import counted

if TYPE_CHECKING:
    from digest.cli.init import Answers
    from digest.config import Settings


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
    move_from: Annotated[
        Path | None,
        typer.Option(
            "--from",
            metavar="FILE",
            help="Take over zotero-arxiv-daily's YAML, or its variables as NAME=value lines.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Write a commented configuration.

    Asks for what no option says, if run on a terminal without --email: each question until its
    answer can be used; then shows what it picks, and may set up the password and the timer.
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
    if move_from is None:
        write_config(answers, output, force=force)
        return
    from digest.cli.move_in import move_in

    found = move_in(move_from, os.environ)
    given = {k: v for k, v in found.answers.items() if v and not (k == "email" and email)}
    write_config(replace(answers, **given), output, force=force, secrets=found.secrets)
    for told in found.left:
        say(f"Not taken over: {told}")


def write_config(
    answers: Answers, output: Path, *, force: bool, secrets: Mapping[str, str] | None = None
) -> None:
    """Ask for what is missing, write the file, and lead on.

    Args:
        secrets: variables that are known already, for `.env`.
    """
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
    keep = dict(secrets or {})
    if asking:
        _look(settings, answers.email)
        keep |= _password(answers, keep)
    if keep:
        _keep_secrets(output.parent / ".env", keep)
    if asking and keep.get("SMTP_PASSWORD"):
        _try_out(output, answers.email)
    if asking:
        _start_daily(output)
    if answers.oauth:
        say("This provider takes no passwords: register this program there, once, and put its")
        say('client_id into [oauth] (docs/mail.md, "Logging in by OAuth"). Then `digest login`.')
    elif answers.username and not keep.get("SMTP_PASSWORD"):
        say(f"Put the password into {output.parent / '.env'}:  SMTP_PASSWORD=...")
    say("Next: `digest check`, then `digest preview --open`, then `digest run`.")


def _look(settings: Settings, email: str) -> None:
    """A page of real picks in the browser, before any password; then a few to judge."""
    from digest.app import App
    from digest.cli.output import progress

    if typer.confirm("Look at what this picks from the last days, in your browser?", default=True):
        import webbrowser

        from digest import jobs

        with App(settings) as application:
            with progress("Fetching the listings of the last days …") as tell:
                drafts, warnings = jobs.drafts(application, only=[email], progress=tell)
            for warning in warnings:
                say(f"  {warning}")
            rendered = drafts[email].rendered
            if rendered is None:
                empty = drafts[email].empty
                say(f"Nothing to show yet. {empty.detail if empty else ''}")
            else:
                page = Path("digest-first-look.html").resolve()
                page.write_text(rendered.html, "utf-8")
                if not webbrowser.open(page.as_uri()):
                    say(f"Open {page} in a browser.")
    if typer.confirm("Say yes or no to some of it, so that it fits you sooner?", default=False):
        with App(settings) as application:
            judge(application, email, 8)
        say()


def _password(answers: Answers, known: Mapping[str, str]) -> dict[str, str]:
    """The mail server's password, for `.env`; skipped by Enter."""
    if answers.oauth or not answers.username or known.get("SMTP_PASSWORD"):
        return {}
    given = typer.prompt(
        f"Password of {answers.username} at {answers.smtp_host} (an app password, if it wants "
        "one; Enter: later)",
        default="",
        hide_input=True,
        show_default=False,
    )
    if not given:
        return {}
    return {"SMTP_PASSWORD": given} | ({"INBOX_PASSWORD": given} if answers.inbox else {})


def _keep_secrets(file: Path, secrets: Mapping[str, str]) -> None:
    """Add variables to `.env`, which its owner alone can read; what stands there stays."""
    before = file.read_text("utf-8") if file.exists() else ""
    names = {line.partition("=")[0].strip() for line in before.splitlines()}
    fresh = {n: v for n, v in secrets.items() if n not in names}
    lines = [f"{n}='{v}'" if re.search(r"[\s#'\"$\\]", v) else f"{n}={v}" for n, v in fresh.items()]
    if not lines:
        return
    text = before + ("\n" if before and not before.endswith("\n") else "") + "\n".join(lines) + "\n"
    write_private(file, text.encode())
    say(f"Wrote {', '.join(fresh)} into {file}.")


def _try_out(config: Path, email: str) -> None:
    if not typer.confirm(f"Send a short test mail to {email}?", default=True):
        return
    from digest.cli.check import send_test_mail

    with open_app(config) as application:
        try:
            say(f"Test mail: {send_test_mail(application, email)}.")
        except DigestError as error:
            fail(f"It did not leave: {error}")


def _start_daily(config: Path) -> None:
    """The timer, if it is wanted."""
    if typer.confirm("Have it sent every day by this machine?", default=True):
        from digest.cli.daily_timer import set_up

        try:
            set_up(config)
        except DigestError as error:
            fail(f"That did not work: {error}")


def _ask(answers: Answers) -> Answers:
    """What no option says, asked on the terminal."""
    from digest.cli import questions as q

    say("Some questions, one after another; Enter takes what stands in brackets. Nothing is sent.")
    email = q.asked("Your mail address", q.email)
    sources = answers.sources or ([] if answers.categories else q.sources())
    say("What should it look for? Anything of these will do; more can be added later.")
    keywords = answers.keywords or q.asked(
        "Your interests in plain words, parted by commas (empty for none)", q.keywords, default=""
    )
    likes = answers.likes or q.asked(
        "Papers you like: ids, addresses, a library file, or users/123 of Zotero (empty for none)",
        q.likes,
        default="",
    )
    return replace(
        answers,
        email=email,
        sources=sources,
        keywords=keywords,
        likes=likes,
        time=q.asked("When should it go out?", q.time_of_day, default=answers.time),
        timezone=q.asked("Time zone", q.timezone, default=answers.timezone),
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
    inbox = answers.inbox
    if asking and provider and provider.imap and host == known and not oauth:
        say("Like, Later and Unsubscribe in the mail are mails to yourself.")
        if typer.confirm(f"Let this program read them at {provider.imap}?", default=True):
            inbox = {"host": provider.imap, "username": username}
    return replace(
        answers,
        smtp_host=host,
        smtp_port=port,
        security=security,
        username=username,
        oauth=oauth,
        inbox=inbox,
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
