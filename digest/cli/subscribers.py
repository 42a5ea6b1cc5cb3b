"""The commands `subscribers …` and `resend`: an admin's list of readers, and what to do for one."""

from __future__ import annotations

import json
from secrets import token_hex
from typing import TYPE_CHECKING, Annotated, Any

import typer

from digest.cli.output import say, table, warn
from digest.cli.shared import ConfigOption, app, checked_day, open_app, tells_errors
from digest.errors import DigestError
from digest.text import counted, wording

if TYPE_CHECKING:
    from digest.app import App
    from digest.cli.documents import SubscriberRow
    from digest.model import Subscriber
    from digest.usecases.members import Member

group = typer.Typer(
    help="The readers: list, add, invite, pause, rename, forget, export.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.add_typer(group, name="subscribers")

Email = Annotated[str, typer.Argument(metavar="EMAIL", help="Whose.")]
Emails = Annotated[list[str], typer.Argument(metavar="EMAIL...", help="Whose.")]


def _reader(application: App, email: str) -> Subscriber:
    from digest import jobs

    return jobs.subscriber(application, email)


@group.command("list")
@tells_errors
def list_(
    *,
    find: Annotated[
        str, typer.Argument(metavar="[TEXT]", help="Only addresses that hold it.")
    ] = "",
    trouble: Annotated[
        bool, typer.Option("--trouble", help="Only whose latest mail did not arrive.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
    config: ConfigOption = None,
) -> None:
    """List readers with what came of their latest date."""
    from digest import jobs
    from digest.usecases.members import members

    with open_app(config) as application:
        jobs.sync_subscribers(application)
        store = application.store
        people, n = store.subscribers.search(find, limit=1_000_000)
        found = [m for m in members(store, people) if m.is_in_trouble or not trouble]
    rows = [_row(m) for m in found]
    if as_json:
        from digest.cli.documents import SubscribersDocument, written

        print(written(SubscribersDocument(tuple(rows))))
        return
    n_trouble = sum(m.is_in_trouble for m in found)
    told = f", {n_trouble} in trouble" if n_trouble else ", none in trouble"
    say(f"{counted(n, 'subscriber')}{told}.", style="bold")
    if rows:
        headings = ("email", "state", "from", "time", "date", "outcome", "detail")
        cells = [(r.email, r.state, r.origin, r.time, r.date, r.outcome, r.detail) for r in rows]
        table(headings, [[str(cell or "") for cell in row] for row in cells])


def _row(member: Member) -> SubscriberRow:
    from digest.cli.documents import SubscriberRow

    who, latest = member.subscriber, member.latest
    return SubscriberRow(
        email=who.email,
        state=who.state.value,
        origin=who.origin,
        time=f"{who.preferences.time:%H:%M} {who.preferences.timezone}",
        date=latest.edition_date if latest else None,
        outcome=wording(latest.outcome) if latest else None,
        detail=latest.detail if latest else "",
        trouble=member.is_in_trouble,
    )


@group.command()
@tells_errors
def add(emails: Emails, config: ConfigOption = None) -> None:
    """Subscribe people who agreed to it; they change what they get by the link in each mail.

    Who did not agree is invited instead.
    """
    from digest.usecases.members import add_member

    with open_app(config) as application:
        chosen = application.settings.common_preferences
        for email in emails:
            reader, is_new = add_member(application.store, email, chosen, application.clock())
            at = f"{reader.preferences.time:%H:%M} {reader.preferences.timezone}"
            say(f"{reader.email}: {'added' if is_new else 'subscribed'}; mail goes out at {at}.")


@group.command()
@tells_errors
def invite(emails: Emails, config: ConfigOption = None) -> None:
    """Send people a mail that asks them to confirm; needs the web side ([web] url)."""
    from digest.usecases.members import invite as ask
    from digest.usecases.signup import send_letters
    from digest.web.signup_mailer import SignupMailer

    with open_app(config) as application:
        if not application.settings.web.url:
            raise DigestError(
                "An invitation leads to a page; set [web] url and run `digest serve`."
            )
        chosen = application.settings.common_preferences
        for email in emails:
            ask(
                application.store,
                email,
                chosen,
                signup_id=token_hex(16),
                now=application.clock(),
            )
        n_sent = send_letters(
            application.store,
            application.mail.transport,
            letters=SignupMailer(application),
            clock=application.clock,
        )
    say(f"{counted(n_sent, 'invitation')} sent; each holds for a week.")
    if n_sent < len(emails):
        warn("Those that did not leave are tried again while `digest serve` runs.")


@group.command()
@tells_errors
def pause(email: Email, config: ConfigOption = None) -> None:
    """No mail for somebody until `resume`."""
    _set_state(email, "paused", config)


@group.command()
@tells_errors
def resume(email: Email, config: ConfigOption = None) -> None:
    """Mail again for somebody who was paused or unsubscribed by accident."""
    _set_state(email, "active", config)


def _set_state(email: str, wanted: str, config: Any) -> None:
    from digest.model import SubscriberState

    with open_app(config) as application:
        reader = _reader(application, email)
        if reader.state is SubscriberState.SUPPRESSED:
            raise DigestError(f"Mail to {email} is suppressed; `digest unsuppress` ends that.")
        if reader.origin == "config" and wanted == "paused":
            raise DigestError(f"{email} stands in the configuration file; set paused = true there.")
        application.store.subscribers.set_state(reader.id, SubscriberState(wanted))
    say(f"{email}: {wanted}.")


@group.command()
@tells_errors
def rename(
    email: Annotated[str, typer.Argument(metavar="OLD", help="The address until now.")],
    new: Annotated[str, typer.Argument(metavar="NEW", help="The new one.")],
    config: ConfigOption = None,
) -> None:
    """Move somebody to another address, with their likes and history."""
    from digest.usecases.members import rename as move

    with open_app(config) as application:
        reader = _reader(application, email)
        changed = move(application.store, reader, new)
    say(f"{email} is {changed.email} now; likes, history and links go along.")
    if reader.origin == "config":
        warn("Write the new address into the configuration file, too, before the next run.")


@group.command()
@tells_errors
def forget(
    email: Email,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    config: ConfigOption = None,
) -> None:
    """Delete everything that is stored about somebody, likes and mails included."""
    from digest.usecases.members import erase

    with open_app(config) as application:
        reader = _reader(application, email)
        configured = [s.email for s in application.settings.subscribers]
        if not yes and not typer.confirm(f"Delete everything about {reader.email}?"):
            raise typer.Exit(1)
        erase(application.store, reader, configured)
    say(f"Everything about {email} is deleted.")


@group.command()
@tells_errors
def export(email: Email, config: ConfigOption = None) -> None:
    """Everything that is stored about somebody, as JSON (GDPR, articles 15 and 20)."""
    with open_app(config) as application:
        found = application.store.personal.export(_reader(application, email).id)
    print(json.dumps(found, indent=2, ensure_ascii=False))


@app.command()
@tells_errors
def resend(
    email: Email,
    date: Annotated[
        str | None,
        typer.Option(
            "--date",
            metavar="YYYY-MM-DD",
            help="Of this date; else the latest.",
            show_default=False,
        ),
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Send somebody a mail once more that they say they never got: the same bytes."""
    from digest.usecases.members import send_again

    with open_app(config) as application:
        application.mail.transport()  # a missing password is told before anything is made ready
        reader = _reader(application, email)
        day = checked_day(application, date)
        sent = send_again(application.store, reader, day, application.clock())
    say(f"The mail of {sent} to {email} is ready; `digest run` or the worker sends it.")
