"""The commands about taste: rating papers, one by one or from the latest days."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from digest.cli.judge import judge
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

Refs = Annotated[list[str], typer.Argument(metavar="ID...", help="arXiv ids, DOIs or addresses.")]


def _rate(config: Path | None, email: str, refs: Sequence[str], action: str) -> None:
    from digest import jobs
    from digest.edition.links import Action
    from digest.usecases.feedback import rate_references

    verb = f"{action}d"
    with open_app(config) as application:
        subscriber = jobs.subscriber(application, only_subscriber(application, email))
        resolved = rate_references(
            application.store,
            application.lookups,
            subscriber,
            refs,
            Action(action),
            origin="cli",
            now=application.clock(),
        )
    for paper in resolved.papers:
        say(f"{verb}: {paper.plain_title}")
    for ref, reason in resolved.missing.items():
        fail(f"{ref} was not {verb}: {reason}.")
    if resolved.missing:
        raise typer.Exit(FAILED)


@app.command()
@tells_errors
def like(refs: Refs, subscriber: SubscriberOption = "", config: ConfigOption = None) -> None:
    """Like papers: similar ones come more often."""
    _rate(config, subscriber, refs, "like")


@app.command()
@tells_errors
def dislike(refs: Refs, subscriber: SubscriberOption = "", config: ConfigOption = None) -> None:
    """Dislike papers: similar ones come less often."""
    _rate(config, subscriber, refs, "dislike")


@app.command()
@tells_errors
def unlike(refs: Refs, subscriber: SubscriberOption = "", config: ConfigOption = None) -> None:
    """Take back likes and dislikes."""
    from digest import jobs
    from digest.usecases.feedback import Unrated, unrate

    with open_app(config) as application:
        who = jobs.subscriber(application, only_subscriber(application, subscriber))
        results = unrate(application.store, who, refs, application.clock())
    done = (Unrated.TAKEN_BACK, Unrated.HELD_BACK)
    for ref, result in results.items():
        (say if result in done else fail)(f"{ref} {result.value}.")
    if any(result not in done for result in results.values()):
        raise typer.Exit(FAILED)


@app.command()
@tells_errors
def taste(
    papers: Annotated[
        int, typer.Option(metavar="N", min=1, max=50, help="Most papers to judge.")
    ] = 10,
    subscriber: SubscriberOption = "",
    config: ConfigOption = None,
) -> None:
    """Judge some papers of the last days, so that the first mail fits.

    Shows what likes and interests pick so far and asks of each: yes, no, or nothing.
    """
    with open_app(config) as application:
        judge(application, only_subscriber(application, subscriber), papers)
