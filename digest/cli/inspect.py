"""The commands that answer questions: `status`, `paper`, `profile`, `evaluate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from digest.cli.output import progress, say, warn
from digest.cli.shared import (
    ConfigOption,
    OnlyOption,
    app,
    only_subscriber,
    open_app,
    tells_errors,
)
from digest.errors import DigestError

#: subscribers that `status` counts, if nobody says how many
MOST_LOOKED_AT = 10_000


@app.command()
@tells_errors
def paper(
    *,
    ref: Annotated[str, typer.Argument(metavar="ID", help="arXiv id, DOI, address or stored id.")],
    config: ConfigOption = None,
) -> None:
    """Show what is known of a paper, who got it, and why."""
    from digest import jobs
    from digest.cli import show

    with open_app(config) as application:
        jobs.sync_subscribers(application)
        store = application.store
        found = store.papers.find(ref)
        if found is None:
            raise DigestError(f"{ref} is not stored: no source or service has described it.")
        people = {s.id: s.email for s in store.subscribers.all()}
        show.paper(found, store, people)


@app.command()
@tells_errors
def status(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Everything, for programs.")] = False,
    runs: Annotated[int, typer.Option(metavar="N", help="Latest runs to show.")] = 5,
    days: Annotated[int, typer.Option(metavar="N", help="Latest dates a subscriber to show.")] = 7,
    subscriber: Annotated[
        str, typer.Option("--subscriber", "-s", metavar="EMAIL", help="Only this subscriber.")
    ] = "",
    limit: Annotated[
        int | None,
        typer.Option(
            metavar="N", min=0, help="Subscribers to look at.", show_default="all; 50 with --json"
        ),
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Show what happened lately, and why."""
    from digest import jobs
    from digest.cli import show_status

    with open_app(config) as application:
        jobs.sync_subscribers(application)
        now, store = application.clock(), application.store
        most = limit if limit is not None else (50 if as_json else MOST_LOOKED_AT)
        people, n_people = store.subscribers.search(limit=most)
        if subscriber:
            people, n_people = (jobs.subscriber(application, subscriber),), 1
        cluster = None
        if not store.single_process:
            from digest.cluster.status import status as cluster_status

            cluster = cluster_status(application)
        if as_json:
            from digest.cli.documents import written

            document = show_status.status_document(
                store,
                now,
                n_runs=runs,
                n_days=days,
                people=people,
                cluster=cluster,
                policy=application.mail.retry_policy,
            )
            print(written(document))
        else:
            show_status.status(
                store,
                now,
                n_runs=runs,
                n_days=days,
                people=people,
                n_people=n_people,
                cluster=cluster,
                policy=application.mail.retry_policy,
            )


@app.command()
@tells_errors
def profile(
    *,
    subscriber: Annotated[
        str, typer.Argument(metavar="[EMAIL]", help="Whose; the only one if there is one.")
    ] = "",
    subscriber_option: Annotated[
        str, typer.Option("--subscriber", "-s", metavar="EMAIL", hidden=True)
    ] = "",
    config: ConfigOption = None,
) -> None:
    """Show a reader's profile: terms and ratings."""
    from digest import jobs
    from digest.cli import show

    with open_app(config) as application:
        who = jobs.subscriber(
            application, only_subscriber(application, subscriber or subscriber_option)
        )
        with progress("Reading the profile …"):
            warnings = jobs.sync_configured_likes(application, [who])
            told = jobs.profile(application, who)
        origins = show.likes_of(application.store, who.id)
        show.profile(who, told.profile, told.terms, origins, told.belonging)
        show.coverage(told.coverage)
    for warning in warnings:
        warn(warning.text)


@app.command()
@tells_errors
def evaluate(
    *,
    only: OnlyOption = None,
    plot: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Also draw it (needs matplotlib).", show_default=False),
    ] = None,
    live: Annotated[
        bool, typer.Option("--live", help="Compare two rankers by what was liked in the mails.")
    ] = False,
    config: ConfigOption = None,
) -> None:
    """Tell how good the ranking is on your own likes.

    Hides the newest fifth of the likes, and ranks them among stored listings and later dislikes.
    With --live: of editions in which [ranking.rival] took turns, whose papers were liked.
    """
    from digest import jobs
    from digest.cli import show

    if live:
        with open_app(config) as application:
            show.duels(
                jobs.duels(application, only or ()),
                is_on=application.settings.ranking.rival is not None,
            )
        return
    with open_app(config) as application, progress("Hiding likes and ranking …") as tell:
        evaluations = jobs.evaluate(application, only or (), tell)
    show.evaluations(evaluations)
    if plot is not None:
        show.plot_evaluations(evaluations, plot)
        say(f"Drew {plot}.")


@app.command("schema")
@tells_errors
def schema_(
    command: Annotated[
        list[str] | None,
        typer.Argument(metavar="COMMAND", help="As in `digest schema subscribers list`."),
    ] = None,
) -> None:
    """Print the JSON Schema of what a command prints with --json; without one, list them."""
    from digest.cli.documents import DOCUMENTS, schema

    if not command:
        print("\n".join(DOCUMENTS))
        return
    name = " ".join(command)
    if name not in DOCUMENTS:
        raise typer.BadParameter(f'"{name}" has no --json; these have: {", ".join(DOCUMENTS)}')
    print(schema(DOCUMENTS[name]))
