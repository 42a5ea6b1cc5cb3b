"""The commands of whoever runs it: what went out, what came back, and keeping a copy."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from digest.cli.commands import (
    ConfigOption,
    _app,
    _checked_day,
    _chosen,
    _told,
    app,
)
from digest.cli.output import say, table, warn
from digest.distribution import missing
from digest.errors import DigestError
from digest.text import counted

if TYPE_CHECKING:
    from digest.app import App
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


def _row(delivery: Delivery, emails: dict[str, str]) -> dict[str, Any]:
    return {
        "email": emails.get(delivery.key.subscriber_id, delivery.message.recipient),
        "date": delivery.key.edition_date.isoformat(),
        "kind": delivery.key.kind.value,
        "state": delivery.state.value,
        "attempts": delivery.attempts,
        "doubts": delivery.doubts,
        "planned_at": _iso(delivery.planned_at),
        "settled_at": _iso(delivery.settled_at),
        "next_at": _iso(delivery.next_at),
        "reply": delivery.reply,
        "message_id": delivery.message.message_id,
    }


def _emails(application: App, found: Sequence[Delivery]) -> dict[str, str]:
    people = application.store.subscribers_by_id({d.key.subscriber_id for d in found})
    return {i: s.email for i, s in people.items()}


def _iso(moment: Any) -> str | None:
    return moment.isoformat(timespec="seconds") if moment else None


@app.command()
@_told
def deliveries(
    state: Annotated[
        list[str] | None,
        typer.Option(help=f"Only these: {', '.join(STATES)}; may be repeated.", show_default=False),
    ] = None,
    subscriber: Annotated[
        str, typer.Option("--subscriber", "-s", metavar="EMAIL", help="Only of this subscriber.")
    ] = "",
    limit: Annotated[int, typer.Option(min=1, help="Latest mails to show.")] = 30,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
    config: ConfigOption = None,
) -> None:
    """List mails with their state and the server's answer."""
    wanted = _states(state or ())
    with _app(config) as application:
        application.sync_subscribers()
        chosen = application.subscriber(subscriber).id if subscriber else ""
        found = application.store.deliveries(wanted, chosen, limit)
        emails = _emails(application, found)
        counts = application.store.delivery_counts()
    rows = [_row(d, emails) for d in found]
    if as_json:
        print(json.dumps({"counts": counts, "deliveries": rows}, indent=2, ensure_ascii=False))
        return
    said = ", ".join(f"{n} {s}" for s, n in counts.items()) or "none yet"
    say(f"Mails: {said}", style="bold")
    table(
        ("subscriber", "date", "state", "tries", "doubts", "next", "answer"),
        [
            (
                r["email"],
                r["date"] + (" (note)" if r["kind"] == "note" else ""),
                r["state"],
                str(r["attempts"] or ""),
                str(r["doubts"] or ""),
                (r["next_at"] or "")[:16].replace("T", " "),
                r["reply"],
            )
            for r in rows
        ],
        right=(3, 4),
    )


@app.command()
@_told
def retry(
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
    with _app(config) as application:
        application.transport()  # a missing password is told before anything is made ready
        store = application.store
        whose = application.subscriber(email).id if email else ""
        day = _checked_day(application, date)
        found = store.deliveries(_states(["failed", "unknown", "suppressed"]), whose, 10_000)
        emails = _emails(application, found)
        n_ready = 0
        for delivery in found:
            if day is not None and delivery.key.edition_date != day:
                continue
            fault = store.retry(delivery.key, application.clock())
            n_ready += not fault
            if fault and (email or day):
                who = emails.get(delivery.key.subscriber_id, delivery.message.recipient)
                warn(f"{who}, {delivery.key.edition_date}: {fault}.")
    say(f"{counted(n_ready, 'mail')} ready; `digest run` or the worker sends them.")


def _set_state(application: App, email: str, wanted: str) -> Subscriber:
    from digest.model import SubscriberState

    reader = application.subscriber(email)
    application.store.set_state(reader.id, SubscriberState(wanted))
    return reader


@app.command()
@_told
def suppress(email: Email, config: ConfigOption = None) -> None:
    """Send nothing more to an address."""
    with _app(config) as application:
        reader = _set_state(application, email, "suppressed")
    say(f"{reader.email} gets no more mail; `digest unsuppress` takes it back.")


@app.command()
@_told
def unsuppress(email: Email, config: ConfigOption = None) -> None:
    """Send to an address again that was suppressed or unsubscribed."""
    with _app(config) as application:
        reader = _set_state(application, email, "active")
        application.store.forgive(reader.id)
    say(f"{reader.email} gets mail again; what counted against it is forgotten.")


@app.command("revoke-links")
@_told
def revoke_links(email: Email, config: ConfigOption = None) -> None:
    """Make all links void that one subscriber was sent.

    But for those to unsubscribe: leaving is always possible. The next mail has new ones.
    """
    with _app(config) as application:
        reader = application.subscriber(email)
        application.store.revoke_links(reader.id)
    say(f"Links of earlier mails to {reader.email} are void; the next mail has new ones.")


@app.command()
@_told
def bounces(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Read and tell, but change nothing.")
    ] = False,
    config: ConfigOption = None,
) -> None:
    """Read the inbox: bounces, complaints, likes and unsubscriptions by mail."""
    with _app(config) as application:
        report = application.read_inbox(dry_run=dry_run)
    for line in report.told:
        say(line)
    say(
        f"{counted(report.n_read, 'mail')} read: {counted(report.n_applied, 'mail')} of ours, "
        f"{report.n_refused} refused, {report.n_others} left to people."
    )


@app.command()
@_told
def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to; must not be there yet.")],
    after: Annotated[
        Path | None,
        typer.Option(
            metavar="BACKUP",
            help="Only if the database is the one that this backup was made of.",
            show_default=False,
        ),
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Copy the database while it is in use."""
    from digest.store.sqlite import keys_in

    with _app(config) as application:
        where = application.settings.store.where
        if isinstance(where, Path) and not where.exists():
            raise DigestError(f"There is no database {where}, so there is nothing to copy.")
        if after is not None and not keys_in(after) & {k.hex() for k in application.store.keys}:
            raise DigestError(
                f"{where} is not the database that {after} was made of, or all its keys were "
                "revoked since. Nothing was copied."
            )
        application.store.backup(file)
    say(f"Wrote {file}. `digest restore {shlex.quote(str(file))}` puts it back.")


@app.command()
@_told
def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A backup.")],
    force: Annotated[bool, typer.Option(help="Replace the database that is there.")] = False,
    config: ConfigOption = None,
) -> None:
    """Put a backup back.

    The database that is there is kept beside it.
    """
    from digest.store import restore as put_back

    with _app(config) as application:
        path = application.settings.store.where
    if not isinstance(path, Path):
        raise DigestError("The store is a PostgreSQL database: pg_restore puts a backup back.")
    kept = put_back(file, path, force=force)
    with _app(config) as application:
        latest = application.store.deliveries(limit=1)
    say(f"{path} is {file} again.")
    if latest:
        say(
            f"It knows of mails up to {_iso(latest[0].planned_at)}. What went out after that, it "
            "does not know: a run today may send today's edition again."
        )
    if kept is not None:
        say(f"What was there is {kept}.")


@app.command()
@_told
def transfer(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A SQLite database of digest's.")],
    config: ConfigOption = None,
) -> None:
    """Carry a SQLite database over into the configured, empty PostgreSQL store."""
    from digest.store import open_store
    from digest.store import transfer as carry_over

    if not file.is_file():
        raise DigestError(f"There is no file {file}.")
    with _app(config) as application:
        if isinstance(application.settings.store.where, Path):
            raise DigestError("[store] url is empty: there is no PostgreSQL store to carry it to.")
        with open_store(file) as source:
            n_rows = carry_over(source, application.store)
        name = application.store.name
    say(f"{counted(n_rows, 'row')} carried over to {name}; {file} is as it was.")


@app.command("rotate-key")
@_told
def rotate_key(
    revoke: Annotated[
        bool, typer.Option("--revoke", help="Forget the old key: links of old mails end.")
    ] = False,
    config: ConfigOption = None,
) -> None:
    """Draw a new key for links; mails that are out keep working."""
    with _app(config) as application:
        application.store.rotate_keys(revoke=revoke)
    say(
        "A new key signs from now on. "
        + ("Links of older mails are void." if revoke else "What the last one signed stays good.")
    )


@app.command()
@_told
def serve(
    host: Annotated[
        str, typer.Option(help="Where to listen.", show_default="[web] host, else 127.0.0.1")
    ] = "",
    port: Annotated[
        int | None, typer.Option(help="Which port.", show_default="[web] port, $PORT, else 8000")
    ] = None,
    workers: Annotated[
        int,
        typer.Option(min=1, max=64, help="Processes; each keeps an index of its own."),
    ] = 1,
    fd: Annotated[int, typer.Option(hidden=True)] = -1,
    config: ConfigOption = None,
) -> None:
    """Run the web side: daily papers, search, subscribing, feedback."""
    import os
    import secrets
    import socket
    import sys

    from digest.config import find_config

    with _app(config) as application:
        try:
            from digest.web import site
        except ImportError as error:
            raise DigestError(missing("The web side", error.name, "web")) from error
        web = application.settings.web
        given = os.environ.get("PORT", "")
        chosen = port if port is not None else int(given) if given.isdigit() else web.port
        listener = socket.socket(fileno=fd) if fd >= 0 else site.listening(host or web.host, chosen)
        if fd < 0 and not web.url:
            warn(
                "[web] url is empty: pages can be read, but nobody can subscribe, and the mail's "
                "links are mails."
            )
        if workers > 1:
            from digest.web.workers import supervise

            path = find_config(config or _chosen["config"], os.environ)
            command = [sys.executable, "-m", "digest", "serve", "--config", str(path)]
            say(f"Listening at {site.address_of(listener)}")
            raise typer.Exit(supervise(listener, command, workers))
        site.serve(
            application,
            listener,
            new_id=lambda: secrets.token_hex(16),
            on_ready=lambda address: say(f"Listening at {address}") if fd < 0 else None,
        )
