"""The commands about mails: what went out, what came back, and to whom nothing goes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from digest.cli.output import say, table, warn
from digest.cli.shared import (
    FAILED,
    ConfigOption,
    app,
    checked_day,
    open_app,
    tells_errors,
)
from digest.errors import DigestError
from digest.text import counted

if TYPE_CHECKING:
    from digest.app import App
    from digest.cli.documents import DeliveryRow
    from digest.model import Delivery, Subscriber

STATES = ("ready", "claimed", "handing", "sent", "deferred", "failed", "suppressed", "unknown")

Email = Annotated[str, typer.Argument(metavar="EMAIL", help="Whose.")]


def _states(names: Sequence[str]) -> list[Any]:
    from digest.model import DeliveryState

    for name in names:
        if name not in STATES:
            raise typer.BadParameter(
                f'"{name}" is no state; use one of {", ".join(STATES)}', param_hint="--state"
            )
    return [DeliveryState(n) for n in names]


def _row(delivery: Delivery, emails: dict[str, str]) -> DeliveryRow:
    from digest.cli.documents import DeliveryRow

    return DeliveryRow(
        email=emails.get(delivery.key.subscriber_id, delivery.message.recipient),
        date=delivery.key.edition_date,
        kind=delivery.key.kind.value,
        state=delivery.state.value,
        attempts=delivery.attempts,
        doubts=delivery.doubts,
        planned_at=delivery.planned_at,
        settled_at=delivery.settled_at,
        next_at=delivery.next_at,
        reply=delivery.reply,
        message_id=delivery.message.message_id,
    )


def _emails(application: App, found: Sequence[Delivery]) -> dict[str, str]:
    people = application.store.subscribers.by_id({d.key.subscriber_id for d in found})
    return {i: s.email for i, s in people.items()}


@app.command()
@tells_errors
def deliveries(
    *,
    state: Annotated[
        list[str] | None,
        typer.Option(
            metavar="STATE",
            help=f"Only these: {', '.join(STATES)}; may be repeated.",
            show_default=False,
        ),
    ] = None,
    subscriber: Annotated[
        str, typer.Option("--subscriber", "-s", metavar="EMAIL", help="Only of this subscriber.")
    ] = "",
    limit: Annotated[int, typer.Option(metavar="N", min=1, help="Latest mails to show.")] = 30,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
    config: ConfigOption = None,
) -> None:
    """List mails with their state and the server's answer."""
    from digest import jobs

    wanted = _states(state or ())
    with open_app(config) as application:
        jobs.sync_subscribers(application)
        chosen = jobs.subscriber(application, subscriber).id if subscriber else ""
        found = application.store.history.deliveries(wanted, chosen, limit)
        emails = _emails(application, found)
        counts = application.store.history.counts()
    rows = [_row(d, emails) for d in found]
    if as_json:
        from digest.cli.documents import DeliveriesDocument, written

        print(written(DeliveriesDocument(counts=counts, deliveries=tuple(rows))))
        return
    said = ", ".join(f"{n} {s}" for s, n in counts.items()) or "none yet"
    say(f"Mails: {said}", style="bold")
    table(
        ("subscriber", "date", "state", "tries", "doubts", "next", "answer"),
        [
            (
                r.email,
                r.date.isoformat() + (" (note)" if r.kind == "note" else ""),
                r.state,
                str(r.attempts or ""),
                str(r.doubts or ""),
                f"{r.next_at:%Y-%m-%d %H:%M}" if r.next_at else "",
                r.reply,
            )
            for r in rows
        ],
        right=(3, 4),
    )


@app.command()
@tells_errors
def retry(
    *,
    email: Annotated[
        str,
        typer.Argument(
            metavar="[EMAIL]", help="Whose mails; else everybody's.", show_default=False
        ),
    ] = "",
    date: Annotated[
        str | None,
        typer.Option("--date", metavar="YYYY-MM-DD", help="Only this date.", show_default=False),
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Make failed and held mails ready to be sent again."""
    from digest import jobs

    with open_app(config) as application:
        application.mail.transport()  # a missing password is told before anything is made ready
        store = application.store
        whose = jobs.subscriber(application, email).id if email else ""
        day = checked_day(application, date)
        found = store.history.deliveries(
            _states(["failed", "unknown", "suppressed"]), whose, 10_000
        )
        emails = _emails(application, found)
        n_ready = 0
        for delivery in found:
            if day is not None and delivery.key.edition_date != day:
                continue
            fault = store.deliveries.retry(delivery.key, application.clock())
            n_ready += not fault
            if fault and (email or day):
                who = emails.get(delivery.key.subscriber_id, delivery.message.recipient)
                warn(f"{who}, {delivery.key.edition_date}: {fault}.")
    say(f"{counted(n_ready, 'mail')} ready; `digest run` or the worker sends them.")


def _set_state(application: App, email: str, wanted: str) -> Subscriber:
    from digest import jobs
    from digest.model import SubscriberState

    reader = jobs.subscriber(application, email)
    application.store.subscribers.set_state(reader.id, SubscriberState(wanted))
    return reader


@app.command()
@tells_errors
def suppress(
    *,
    email: Annotated[
        str, typer.Argument(metavar="[EMAIL]", help="Whose address.", show_default=False)
    ] = "",
    file: Annotated[
        Path | None,
        typer.Option(
            metavar="CSV", help="A list instead: addresses, reason, date.", show_default=False
        ),
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Send nothing more to an address, or to a list of them.

    A list may name people who never subscribed: if they do, they get nothing.
    """
    from digest import jobs
    from digest.model import Suppression
    from digest.usecases.suppressions import read_csv

    if bool(email) == bool(file):
        raise typer.BadParameter("name an address, or a --file", param_hint="EMAIL")
    with open_app(config) as application:
        jobs.sync_subscribers(application)
        if file is None:
            reader = _set_state(application, email, "suppressed")
            now = application.clock()
            mine = Suppression(email=reader.email, reason="operator", since=now)
            application.store.suppressions.add([mine])
            say(f"{reader.email} gets no more mail; `digest unsuppress` takes it back.")
            return
        try:
            text = file.read_text("utf-8", "replace")
        except OSError as error:
            raise DigestError(f"{file} cannot be read: {error.strerror}.") from error
        entries, faults = read_csv(text, application.clock())
        n_stopped = application.store.suppressions.add(entries)
    for fault in faults[:20]:
        warn(fault)
    if len(faults) > 20:
        warn(f"and {len(faults) - 20:,} more lines like these")
    who = counted(n_stopped, "subscriber")
    say(f"{counted(len(entries), 'address')} on the list; {who} among them got mail until now.")
    if faults and not entries:
        raise typer.Exit(FAILED)


@app.command()
@tells_errors
def suppressions(
    *,
    as_csv: Annotated[
        bool, typer.Option("--csv", help="As CSV: email, reason, date, detail.")
    ] = False,
    config: ConfigOption = None,
) -> None:
    """List the addresses that get nothing, and why."""
    from digest import jobs
    from digest.usecases.suppressions import write_csv

    with open_app(config) as application:
        jobs.sync_subscribers(application)
        found = application.store.suppressions.all()
    if as_csv:
        print(write_csv(found), end="")
        return
    if not found:
        say("Nobody is suppressed.")
        return
    table(
        ("address", "reason", "since", "detail"),
        [(s.email, s.reason, f"{s.since:%Y-%m-%d}" if s.since else "", s.detail) for s in found],
    )


@app.command()
@tells_errors
def resume(config: ConfigOption = None) -> None:
    """Send again, after bounces or complaints paused it."""
    from digest.usecases.rates import paused_because, resume

    with open_app(config) as application:
        store, now = application.store, application.clock()
        if not paused_because(store, now, application.mail.retry_policy):
            say("Nothing is paused.")
            return
        resume(store, now)
    say("Sending goes on; bounces and complaints are counted anew from tomorrow.")


@app.command()
@tells_errors
def unsuppress(email: Email, config: ConfigOption = None) -> None:
    """Send to an address again that was suppressed or unsubscribed."""
    with open_app(config) as application:
        listed = application.store.suppressions.remove(email)
        if listed and application.store.subscribers.get(by_email=email) is None:
            say(f"{email} is off the list.")
            return
        reader = _set_state(application, email, "active")
        application.store.strikes.forgive(reader.id)
    say(f"{reader.email} gets mail again; what counted against it is forgotten.")


@app.command("revoke-links")
@tells_errors
def revoke_links(email: Email, config: ConfigOption = None) -> None:
    """Make all links void that one subscriber was sent.

    But for those to unsubscribe: leaving is always possible. The next mail has new ones.
    """
    from digest import jobs

    with open_app(config) as application:
        reader = jobs.subscriber(application, email)
        application.store.subscribers.revoke_links(reader.id)
    say(f"Links of earlier mails to {reader.email} are void; the next mail has new ones.")


@app.command()
@tells_errors
def bounces(
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Read and tell, but change nothing.")
    ] = False,
    config: ConfigOption = None,
) -> None:
    """Read the inbox: bounces, complaints, likes and unsubscriptions by mail."""
    from digest import jobs

    with open_app(config) as application:
        report = jobs.read_inbox(application, dry_run=dry_run)
    for line in report.told:
        say(line)
    say(
        f"{counted(report.n_read, 'mail')} read: {counted(report.n_applied, 'mail')} of ours, "
        f"{report.n_refused} refused, {report.n_others} left to people."
    )
