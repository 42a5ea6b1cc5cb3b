"""The commands of whoever runs it: copies of the database, keys, the web side."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import Annotated

import typer

from digest.cli.output import say, warn
from digest.cli.shared import (
    ConfigOption,
    app,
    chosen_config,
    open_app,
    tells_errors,
)
from digest.distribution import missing
from digest.errors import DigestError
from digest.text import counted


@app.command()
@tells_errors
def backup(
    *,
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

    with open_app(config) as application:
        where = application.settings.store.where
        if isinstance(where, Path) and not where.exists():
            raise DigestError(f"There is no database {where}, so there is nothing to copy.")
        if after is not None and not keys_in(after) & {k.hex() for k in application.store.keys}:
            raise DigestError(
                f"{where} is not the database that {after} was made of, or all its keys were "
                "revoked since. Nothing was copied."
            )
        application.store.database.copy_to(file)
    say(f"Wrote {file}. `digest restore {shlex.quote(str(file))}` puts it back.")


@app.command()
@tells_errors
def restore(
    *,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A backup.")],
    force: Annotated[bool, typer.Option(help="Replace the database that is there.")] = False,
    config: ConfigOption = None,
) -> None:
    """Put a backup back.

    The database that is there is kept beside it.
    """
    from digest.store import restore as put_back

    with open_app(config) as application:
        path = application.settings.store.where
    if not isinstance(path, Path):
        raise DigestError("The store is a PostgreSQL database: pg_restore puts a backup back.")
    kept = put_back(file, path, force=force)
    with open_app(config) as application:
        latest = application.store.history.deliveries(limit=1)
    say(f"{path} is {file} again.")
    if latest:
        say(
            f"It knows of mails up to {latest[0].planned_at:%Y-%m-%d %H:%M} UTC. What went out "
            "after that, it does not know: a run today may send today's edition again."
        )
    if kept is not None:
        say(f"What was there is {kept}.")


@app.command()
@tells_errors
def transfer(
    *,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A SQLite database of digest's.")],
    config: ConfigOption = None,
) -> None:
    """Carry a SQLite database over into the configured, empty PostgreSQL store."""
    from digest.store import open_store
    from digest.store import transfer as carry_over

    if not file.is_file():
        raise DigestError(f"There is no file {file}.")
    with open_app(config) as application:
        if isinstance(application.settings.store.where, Path):
            raise DigestError("[store] url is empty: there is no PostgreSQL store to carry it to.")
        with open_store(file) as source:
            n_rows = carry_over(source, application.store)
        name = application.store.name
    say(f"{counted(n_rows, 'row')} carried over to {name}; {file} is as it was.")


@app.command("rotate-key")
@tells_errors
def rotate_key(
    *,
    revoke: Annotated[
        bool, typer.Option("--revoke", help="Forget the old key: links of old mails end.")
    ] = False,
    config: ConfigOption = None,
) -> None:
    """Draw a new key for links; mails that are out keep working."""
    with open_app(config) as application:
        application.store.rotate_keys(revoke=revoke)
    say(
        "A new key signs from now on. "
        + ("Links of older mails are void." if revoke else "What the last one signed stays good.")
    )


@app.command()
@tells_errors
def serve(
    *,
    host: Annotated[
        str,
        typer.Option(
            metavar="HOST", help="Where to listen.", show_default="[web] host, else 127.0.0.1"
        ),
    ] = "",
    port: Annotated[
        int | None,
        typer.Option(
            metavar="PORT", help="Which port.", show_default="[web] port, $PORT, else 8000"
        ),
    ] = None,
    workers: Annotated[
        int,
        typer.Option(metavar="N", min=1, max=64, help="Processes, for as many cores."),
    ] = 1,
    fd: Annotated[int, typer.Option(hidden=True)] = -1,
    config: ConfigOption = None,
) -> None:
    """Run the web side: daily papers, search, subscribing, feedback."""
    import secrets
    import socket
    import sys

    from digest.config import find_config

    with open_app(config) as application:
        try:
            from digest.web import site
        except ImportError as error:
            raise DigestError(missing("The web side", error.name, "web")) from error
        web = application.settings.web
        given = os.environ.get("PORT", "")
        chosen = port if port is not None else int(given) if given.isdigit() else web.port
        if fd < 0 and not web.url:
            warn(
                "[web] url is empty: pages can be read, but nobody can subscribe, and the mail's "
                "links are mails."
            )
        if workers > 1:
            from digest.web.workers import supervise

            listeners = site.listening_together(host or web.host, chosen, workers)
            path = find_config(config or chosen_config["config"], os.environ)
            command = [sys.executable, "-m", "digest", "serve", "--config", str(path)]
            say(f"Listening at {site.address_of(listeners[0])}")
            raise typer.Exit(supervise(listeners, command))
        listener = socket.socket(fileno=fd) if fd >= 0 else site.listening(host or web.host, chosen)
        site.serve(
            application,
            listener,
            new_id=lambda: secrets.token_hex(16),
            on_ready=lambda address: say(f"Listening at {address}") if fd < 0 else None,
        )
