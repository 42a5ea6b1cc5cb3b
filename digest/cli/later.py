"""The command `later`: the reading list."""

from __future__ import annotations

from typing import Annotated

import typer

from digest.cli.output import fail, say
from digest.cli.shared import (
    FAILED,
    ConfigOption,
    SubscriberOption,
    app,
    only_subscriber,
    open_app,
    tells_errors,
)
from digest.text import counted


@app.command()
@tells_errors
def later(
    refs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[ID]...", help="arXiv ids, DOIs or addresses; none: show the list."
        ),
    ] = None,
    remove: Annotated[
        bool, typer.Option("--remove", help="Take them off the list instead.")
    ] = False,
    subscriber: SubscriberOption = "",
    config: ConfigOption = None,
) -> None:
    """Keep papers for later, or show what is kept.

    They come back in the mail of your reading_day until you like or dislike them, three times at
    most.
    """
    from digest import jobs
    from digest.usecases.lookup import resolve

    with open_app(config) as application:
        store, now = application.store, application.clock()
        who = jobs.subscriber(application, only_subscriber(application, subscriber))
        if not refs:
            kept = store.reading_list.of(who.id)
            for entry in kept:
                often = counted(entry.n_shown, "time")
                say(f"{entry.added_on}  {entry.paper.id}  {entry.paper.plain_title}, shown {often}")
            if not kept:
                say("Nothing is kept for later.")
            return
        resolved = resolve(refs, store, () if remove else application.lookups, now)
        missing = dict(resolved.missing)
        for paper in resolved.papers:
            if not remove:
                store.reading_list.add(who.id, paper.id, now)
                say(f"kept for later: {paper.plain_title}")
            elif store.reading_list.remove(who.id, paper.id):
                say(f"taken off the list: {paper.plain_title}")
            else:
                missing[paper.id] = "it does not stand on the list"
    for ref, reason in missing.items():
        fail(f"{ref}: {reason}.")
    if missing:
        raise typer.Exit(FAILED)
