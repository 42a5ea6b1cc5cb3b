"""Writing a first configuration: what `init` asks, and what it leads on to."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from digest.cli.judge import judge
from digest.cli.output import fail, say
from digest.cli.shared import open_app
from digest.errors import ConfigError, DigestError
from digest.files import write_private

if TYPE_CHECKING:
    from digest.cli.init import Answers
    from digest.config import Settings


def take_over(answers: Answers, old: Path, output: Path, *, force: bool) -> None:
    """Write a configuration from another program's; an address that an option says wins."""
    from digest.cli.move_in import move_in
    from digest.cli.move_in_sanity import from_library, from_tags, is_database

    if is_database(old):
        found = from_tags(old, answers.email)
    elif old.suffix.lower() == ".json":
        found = from_library(old)
    else:
        found = move_in(old, os.environ)
    given = {k: v for k, v in found.answers.items() if v and not (k == "email" and answers.email)}
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


def local_timezone() -> str:
    from tzlocal import get_localzone_name

    try:
        return str(get_localzone_name() or "UTC")
    except Exception:  # tzlocal raises whatever a broken /etc/localtime makes it raise
        return "UTC"
