"""The commands about taste: rating papers, importing libraries, and what is made of them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from digest.cli.commands import (
    FAILED,
    ConfigOption,
    OnlyOption,
    SubscriberOption,
    _app,
    _chosen,
    _only_subscriber,
    _told,
    app,
)
from digest.cli.output import fail, progress, say, warn
from digest.text import counted

if TYPE_CHECKING:
    from digest.subscriptions import ImportReport

Refs = Annotated[list[str], typer.Argument(metavar="ID...", help="arXiv ids, DOIs or addresses.")]


def _rate(config: Path | None, email: str, refs: Sequence[str], value: int) -> None:
    from digest.subscriptions import rate

    verb = "liked" if value > 0 else "disliked"
    with _app(config) as application:
        subscriber = application.subscriber(_only_subscriber(application, email))
        resolved = rate(
            application.store,
            application.lookup,
            subscriber,
            refs,
            value,
            origin="cli",
            now=application.clock(),
        )
    for paper in resolved.papers:
        say(f"{verb}: {paper.title}")
    for ref, reason in resolved.missing.items():
        fail(f"{ref} was not {verb}: {reason}.")
    if resolved.missing:
        raise typer.Exit(FAILED)


@app.command()
@_told
def like(refs: Refs, subscriber: SubscriberOption = "", config: ConfigOption = None) -> None:
    """Like papers: similar ones come more often."""
    _rate(config, subscriber, refs, +1)


@app.command()
@_told
def dislike(refs: Refs, subscriber: SubscriberOption = "", config: ConfigOption = None) -> None:
    """Dislike papers: similar ones come less often."""
    _rate(config, subscriber, refs, -1)


@app.command()
@_told
def unlike(refs: Refs, subscriber: SubscriberOption = "", config: ConfigOption = None) -> None:
    """Take back likes and dislikes."""
    from digest.subscriptions import unrate

    with _app(config) as application:
        who = application.subscriber(_only_subscriber(application, subscriber))
        verdicts = unrate(application.store, who, refs)
    for ref, verdict in verdicts.items():
        (say if verdict == "is taken back" else fail)(f"{ref} {verdict}.")
    if any(v != "is taken back" for v in verdicts.values()):
        raise typer.Exit(FAILED)


@app.command()
@_told
def profile(
    subscriber: Annotated[
        str, typer.Argument(metavar="[EMAIL]", help="Whose; the only one if there is one.")
    ] = "",
    subscriber_option: Annotated[
        str, typer.Option("--subscriber", "-s", metavar="EMAIL", hidden=True)
    ] = "",
    config: ConfigOption = None,
) -> None:
    """Show a reader's profile: terms and ratings."""
    from digest.cli import show

    with _app(config) as application:
        who = application.subscriber(_only_subscriber(application, subscriber or subscriber_option))
        with progress("Reading the profile …"):
            warnings = application.sync_likes([who])
            found, terms = application.profile(who)
        origins = show.likes_of(application.store, who.id)
        show.profile(who, found, terms, origins)
    for warning in warnings:
        warn(warning)


@app.command("import")
@_told
def import_(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="A .bib, .ris, .json (CSL), .txt or .md file; or zotero:users/ID or "
            "zotero:groups/ID.",
        ),
    ],
    kind: Annotated[
        str,
        typer.Option(help="bibtex, ris, csl-json or ids.", show_default="by the file's name"),
    ] = "",
    collection: Annotated[
        list[str] | None,
        typer.Option(
            help="Zotero: only collections of this name or pattern; may be repeated.",
            show_default=False,
        ),
    ] = None,
    exclude: Annotated[
        list[str] | None,
        typer.Option(help="Zotero: not these collections; may be repeated.", show_default=False),
    ] = None,
    name: Annotated[
        str, typer.Option(help="To take it away again.", show_default="the file's name")
    ] = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Tell what it would bring, and change nothing.")
    ] = False,
    subscriber: SubscriberOption = "",
    config: ConfigOption = None,
) -> None:
    """Import a library: its papers become likes.

    The same name again replaces what it brought before.
    """
    from digest.config import environment, find_config
    from digest.library.zotero import Wanted

    wanted = Wanted.of(str(file), collection or (), exclude or ())
    name = name or (str(file) if wanted else file.name)
    environ = environment(find_config(config or _chosen["config"], os.environ), os.environ)
    with _app(config) as application:
        who = application.subscriber(_only_subscriber(application, subscriber))
        with progress("Reading and looking up …"):
            report: ImportReport | None
            if wanted is None:
                report = application.import_library(who, file, kind, name, dry_run=dry_run)
            else:
                report = application.import_zotero(
                    who,
                    wanted,
                    name,
                    environ.get("ZOTERO_API_KEY", ""),
                    dry_run=dry_run,
                    base_url=environ.get("DIGEST_ZOTERO_URL", ""),
                )
    if report is None:
        say(f"{name} for {who.email}: nothing has changed since the last import.")
        return
    for fault in report.faults[:50]:
        warn(fault)
    if len(report.faults) > 50:
        warn(f"... and {len(report.faults) - 50} more.")
    would = "would be " if dry_run else ""
    parts = [
        f"{report.n_new} {would}new",
        f"{report.n_known} known",
        f"{report.n_without_abstract} without abstract",
        f"{len(report.faults)} unreadable or not found",
    ]
    if report.n_duplicates:
        parts.append(f"{report.n_duplicates} twice in it")
    if report.n_gone:
        parts.append(f"{report.n_gone} no longer in it")
    if report.n_to_look_up:
        parts.append(f"{report.n_to_look_up} to be looked up")
    say(f"{name} for {who.email}: {', '.join(parts)}.")
    if not dry_run:
        say(f'`digest unimport "{name}"` takes it away again.')


@app.command()
@_told
def unimport(
    name: Annotated[
        str, typer.Argument(metavar="[NAME]", help="Which; without it, they are listed.")
    ] = "",
    subscriber: SubscriberOption = "",
    config: ConfigOption = None,
) -> None:
    """Take away what an import brought; without a name, list imports."""
    from digest.subscriptions import forget_import, imports

    with _app(config) as application:
        who = application.subscriber(_only_subscriber(application, subscriber))
        known = imports(application.store, who)
        if not name:
            for one, n in known.items():
                say(f"{one}: {counted(n, 'like')}")
            if not known:
                say(f"{who.email} has no imports.")
            return
        if name not in known:
            names = ", ".join(known) or "none"
            raise typer.BadParameter(f'there is no import "{name}"; known: {names}')
        n = forget_import(application.store, who, name, application.clock())
    say(f"{counted(n, 'like')} of {name} are no likes any more.")


@app.command()
@_told
def evaluate(
    only: OnlyOption = None,
    plot: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Also draw it (needs matplotlib).", show_default=False),
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Tell how good the ranking is on your own likes.

    Hides a fifth of the likes at a time and ranks them among stored listings.
    """
    from digest.cli import show

    with _app(config) as application, progress("Hiding likes and ranking …") as tell:
        evaluations = application.evaluate(only or (), tell)
    show.evaluations(evaluations)
    if plot is not None:
        show.plot_evaluations(evaluations, plot)
        say(f"Drew {plot}.")
