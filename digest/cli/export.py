"""The command `export`: papers for reference managers and notes."""

from __future__ import annotations

import sys
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from digest.cli.output import fail, say, warn
from digest.cli.shared import (
    FAILED,
    ConfigOption,
    SubscriberOption,
    app,
    only_subscriber,
    open_app,
    tells_errors,
)
from digest.distribution import missing
from digest.errors import ConfigError, LibraryError
from digest.model import Section
from digest.text import counted

if TYPE_CHECKING:
    from digest.app import App
    from digest.model import Paper

#: what can be exported as a whole
LIKES, LATER, SENT = "likes", "later", "sent"


@app.command()
@tells_errors
def export(
    *,
    what: Annotated[
        list[str],
        typer.Argument(
            metavar="WHAT",
            help="likes: what you like; later: your reading list; sent: what your editions "
            "held; or papers, by id or address.",
        ),
    ],
    form: Annotated[
        str,
        typer.Option(
            "--format",
            "-f",
            metavar="FORMAT",
            help="bibtex, ris, csl-json, csv or markdown.",
            show_default="by the name of the file, else bibtex",
        ),
    ] = "",
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="FILE", help="Into a file.", show_default=False),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(metavar="DATE", help="sent: from this day on.", show_default=False),
    ] = None,
    until: Annotated[
        str | None,
        typer.Option(metavar="DATE", help="sent: up to this day.", show_default=False),
    ] = None,
    section: Annotated[
        Section | None,
        typer.Option(metavar="NAME", help="sent: only this section.", show_default=False),
    ] = None,
    subscriber: SubscriberOption = "",
    config: ConfigOption = None,
) -> None:
    """Export papers for Zotero, LaTeX, a spreadsheet or your notes.

    Citation keys are made of author, year and title, so they stay the same.
    """
    from digest.bibliography import write

    form = _format(form, out)
    if what[0] != SENT and (since or until or section):
        raise typer.BadParameter("only what was sent has dates and sections", param_hint="WHAT")
    with open_app(config) as application:
        papers = _papers(application, what, subscriber, _day(since), _day(until), section)
    text = write(papers, form)
    if out is None:
        sys.stdout.write(text)
    else:
        out.write_text(text, "utf-8")
        say(f"{counted(len(papers), 'paper')} in {out}.")
    if not papers:
        warn("There is nothing to export.")


def _format(form: str, out: Path | None) -> str:
    from digest.bibliography import FORMATS, SUFFIXES

    form = form or (SUFFIXES.get(out.suffix.lower(), "") if out else "bibtex")
    if form not in FORMATS:
        told = f'"{form}" is no format' if form else f"{out}: its name tells no format"
        raise typer.BadParameter(f"{told}; known: {', '.join(FORMATS)}", param_hint="--format")
    return form


def _day(text: str | None) -> date | None:
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text} is no date, such as 2026-05-20") from error


def _papers(
    application: App,
    what: list[str],
    subscriber: str,
    since: date | None,
    until: date | None,
    section: Section | None,
) -> tuple[Paper, ...]:
    from digest import jobs
    from digest.usecases.export import kept_papers, liked_papers, sent_papers

    store = application.store
    if what[0] in (LIKES, LATER, SENT):
        if len(what) > 1:
            raise typer.BadParameter(f"{what[0]} stands alone", param_hint="WHAT")
        reader = jobs.subscriber(application, only_subscriber(application, subscriber))
        if what[0] == LIKES:
            return liked_papers(store, reader)
        if what[0] == LATER:
            return kept_papers(store, reader)
        return sent_papers(store, reader, since, until, section)
    found = [(ref, store.papers.find(ref)) for ref in what]
    missing = [ref for ref, paper in found if paper is None]
    for ref in missing:
        fail(f"{ref} is not stored; `digest like {ref}` brings it in.")
    if missing:
        raise typer.Exit(FAILED)
    return tuple(paper for _, paper in found if paper is not None)


@app.command()
@tells_errors
def publish(
    *,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where the files go.")],
    url: Annotated[
        str, typer.Option(metavar="ADDRESS", help="Where they will be found, for the feeds.")
    ] = "",
    subscriber: SubscriberOption = "",
    config: ConfigOption = None,
) -> None:
    """Write a subscriber's editions as a folder of pages and feeds, for GitHub Pages and its like.

    The pages name nobody, and links lead to the papers themselves.
    """
    from digest import jobs

    try:
        from digest.web.archive import publish as write_folder
    except ModuleNotFoundError as error:
        raise ConfigError([missing("The archive", error.name, "web")]) from error
    with open_app(config) as application:
        reader = jobs.subscriber(application, only_subscriber(application, subscriber))
        try:
            n = write_folder(application, reader, folder, url)
        except OSError as error:
            raise LibraryError(f"{folder} cannot be written: {error.strerror}.") from error
    say(f"{counted(n, 'edition')} in {folder}; open {folder / 'index.html'}.")
