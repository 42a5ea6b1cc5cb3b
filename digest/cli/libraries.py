"""The commands about libraries: `import`, `imports` and `unimport`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from digest.cli.output import progress, say, warn
from digest.errors import LibraryError
from digest.text import counted

if TYPE_CHECKING:
    from digest.libraries import Like
    from digest.library.choice import Choice
    from digest.usecases.imports import ImportReport
    from digest.usecases.library_list import LibraryEntry
from digest.cli.shared import (
    ConfigOption,
    SubscriberOption,
    app,
    only_subscriber,
    open_app,
    tells_errors,
)

#: what `import` reads besides files, each with what is written after it
PLACES = {
    "zotero": "users/ID, groups/ID or a zotero.sqlite",
    "author": "an ORCID iD or an OpenAlex id",
    "recommendations": "ids of papers that you like",
    "opml": "a list of feeds, for [[sources]]",
}


What = Annotated[
    list[str],
    typer.Argument(
        metavar="WHAT",
        help="A file of any reference manager, which tells itself what it is (BibTeX, RIS, "
        "EndNote, Web of Science, PubMed, JSON, CSV, a list of ids or links, zotero.sqlite); or a "
        "kind and what it wants: zotero users/ID or groups/ID; author ORCID; recommendations "
        "ID...; opml FILE; bibtex, ris, … FILE.",
    ),
]


Collection = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME",
        help="Only this collection (Zotero) or group (JabRef), a name or a pattern; may be "
        "repeated.",
        show_default=False,
    ),
]
Exclude = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME", help="Not this collection or group; may be repeated.", show_default=False
    ),
]
Tag = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME", help="Only what has this tag; may be repeated.", show_default=False
    ),
]
KnownOnly = Annotated[
    bool | None,
    typer.Option(
        "--known-only/--as-likes",
        help="Only know these papers, so that they are no news; or count them as likes.",
        show_default="as likes",
    ),
]


@app.command("import")
@tells_errors
def import_(
    *,
    what: What,
    collection: Collection = None,
    exclude: Exclude = None,
    tag: Tag = None,
    references: Annotated[
        bool, typer.Option("--references", help="author: what their works cite, too.")
    ] = False,
    name: Annotated[
        str,
        typer.Option(
            metavar="NAME", help="To take it away again.", show_default="what was imported"
        ),
    ] = "",
    known_only: KnownOnly = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Tell what it would bring, and change nothing.")
    ] = False,
    subscriber: SubscriberOption = "",
    config: ConfigOption = None,
) -> None:
    """Import papers you like, from wherever you keep them.

    The same name again replaces what it brought before. Missing abstracts are looked up; what is
    broken off goes on where it was.
    """
    from digest import jobs
    from digest.libraries import library_of
    from digest.library.choice import Choice
    from digest.usecases.imports import import_likes

    choice = Choice(
        collections=tuple(collection or ()), exclude=tuple(exclude or ()), tags=tuple(tag or ())
    )
    like = _like_of(what, choice, references)
    if like is None:
        _show_feeds(Path(what[1] if what[0] == "opml" else what[0]))
        return
    with open_app(config) as application:
        who = jobs.subscriber(application, only_subscriber(application, subscriber))
        library = library_of(application, like)
        name = name or library.name
        with progress("Reading and looking up …") as tell:
            report = import_likes(
                application.store,
                application.lookups,
                who,
                library,
                name,
                application.clock(),
                dry_run=dry_run,
                counts=None if known_only is None else not known_only,
                progress=tell,
            )
    if report is None:
        say(f"{name} for {who.email}: nothing has changed since the last import.")
        return
    _tell_import(report, name, who.email, dry_run)


def _like_of(what: Sequence[str], choice: Choice, references: bool) -> Like | None:
    """What the words of the command mean; None for a list of feeds."""
    from digest.config import AuthorLikes, FileLikes, RecommendedLikes, ZoteroLikes
    from digest.library import KINDS

    kind, rest = (what[0].lower(), list(what[1:])) if len(what) > 1 else ("", list(what))
    known = {**dict.fromkeys(KINDS, "a file"), **PLACES}
    if kind and kind not in known:
        raise typer.BadParameter(
            f'"{what[0]}" is no kind; known: {", ".join(known)}', param_hint="KIND"
        )
    one = rest[0]
    if not kind:
        before, colon, after = one.partition(":")
        if one in known:
            raise typer.BadParameter(f"{one} wants {known[one]} after it", param_hint="WHAT")
        if colon and before.lower() in ("zotero", "orcid", "author"):
            kind, one = ("zotero" if before.lower() == "zotero" else "author"), after
        elif one.endswith(".sqlite"):
            kind = "zotero"
        elif _is_feed_list(Path(one)):
            kind = "opml"
    if len(rest) > 1 and kind != "recommendations":
        raise typer.BadParameter(f"{kind} takes one, not {len(rest)}", param_hint="WHAT")
    if kind == "opml":
        return None
    chosen: dict[str, Any] = {f.name: getattr(choice, f.name) for f in fields(choice)}
    if choice and kind in ("author", "recommendations"):
        raise typer.BadParameter(f"{kind} has no tags or collections", param_hint="--tag")
    if kind == "zotero":
        return ZoteroLikes.model_construct(zotero=one, **chosen)
    if kind == "author":
        return AuthorLikes.model_construct(author=one, references=references)
    if kind == "recommendations":
        return RecommendedLikes.model_construct(recommendations=tuple(rest))
    return FileLikes.model_construct(file=Path(one), kind=kind, **chosen)


def _is_feed_list(path: Path) -> bool:
    """Whether a file is OPML, whatever it is called; one that cannot be read is told of later."""
    from digest.library import kind_of

    if path.suffix.lower() == ".opml":
        return True
    try:
        with path.open("rb") as file:
            return kind_of(file.read(100_000), path.name) == "opml"
    except (OSError, LibraryError):
        return False


def _show_feeds(path: Path) -> None:
    """Feeds are sources, which stand in the configuration: shown as it wants them."""
    from digest.sources.opml import feeds

    found = feeds(path)
    print('# all of them, kept in step with the file:\n[[sources]]\nkind = "opml"')
    print(f"path = {json.dumps(str(path))}\n\n# or those that you choose:")
    for feed in found:
        title, url = (json.dumps(t, ensure_ascii=False) for t in (feed.title, feed.url))
        print(f'[[sources]]\nkind = "feed"\nname = {title}\nurl = {url}\n')
    warn(f"{counted(len(found), 'feed')} in {path.name}; put what you want into config.toml.")


#: sentences about an import that are shown at once; `digest imports NAME` shows all
MAX_TOLD = 20


def _tell_import(report: ImportReport, name: str, email: str, dry_run: bool) -> None:
    for fault in report.faults[:MAX_TOLD]:
        warn(fault)
    if len(report.faults) > MAX_TOLD:
        more = "" if dry_run else f'; `digest imports "{name}"` shows all'
        warn(f"... and {len(report.faults) - MAX_TOLD} more{more}.")
    for remark in report.remarks[:MAX_TOLD]:
        say(remark)
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
    say(f"{name} for {email}: {', '.join(parts)}.")
    if report.n_entries:
        say(f"It holds {counted(report.n_entries, 'entry', 'entries')}.")
    if report.by_title:
        say(
            f"{counted(len(report.by_title), 'paper')} without an id were matched by title; "
            f'`digest imports "{name}"` shows which, and takes back a wrong one.'
        )
    if report.n_titles_open:
        say(
            f"{counted(report.n_titles_open, 'more paper')} can be looked for by title: import "
            "again to go on."
        )
    if not dry_run:
        say(f'`digest unimport "{name}"` takes it away again.')


@app.command("imports")
@tells_errors
def imports_(
    *,
    name: Annotated[
        str, typer.Argument(metavar="[NAME]", help="Which; without it, all are listed.")
    ] = "",
    fix: Annotated[
        list[str] | None,
        typer.Option(
            metavar="N=ID",
            help="Say which paper the entry of this number is, as in 3=2405.01234; 3= takes back "
            "a match by title. May be repeated.",
            show_default=False,
        ),
    ] = None,
    known_only: KnownOnly = None,
    subscriber: SubscriberOption = "",
    config: ConfigOption = None,
) -> None:
    """List your libraries; or show what of one was not found, and mend it.

    A correction holds against the next import of the same name.
    """
    from digest import jobs
    from digest.usecases import library_list as cases

    with open_app(config) as application:
        who = jobs.subscriber(application, only_subscriber(application, subscriber))
        store = application.store
        known = {entry.name: entry for entry in cases.libraries_of(store, who)}
        if not name:
            for entry in known.values():
                say(_library_line(entry))
            if not known:
                say(f"{who.email} has no libraries; `digest import FILE` brings one.")
            return
        if name not in known:
            names = ", ".join(known) or "none"
            raise typer.BadParameter(f'there is no import "{name}"; known: {names}')
        if known_only is not None:
            cases.count_import(store, who, name, counts=not known_only)
            known = {entry.name: entry for entry in cases.libraries_of(store, who)}
        open_entries = cases.open_entries(store, who, name)
        for number, ref in _corrections(fix or (), len(open_entries)):
            entry_text = open_entries[number - 1]
            fault = cases.correct(
                store,
                application.lookups,
                who,
                name,
                entry=entry_text,
                ref=ref,
                now=application.clock(),
            )
            if fault:
                raise LibraryError(f"Entry {number} stays as it is: {fault}.")
            say(f"{entry_text.key[:80]}: {ref or 'known by its title alone'}.")
        say(_library_line(known[name]))
        for number, one in enumerate(cases.open_entries(store, who, name), 1):
            say(f"{number:>4}  {one.text}")


def _library_line(entry: LibraryEntry) -> str:
    """ "zotero: 523 likes, imported on 3 May 2026, 12 of 540 entries not used"."""
    noun = "like" if entry.counts else "known paper"
    parts = [counted(entry.n_papers, noun)]
    if entry.stored is not None:
        verb = "read" if entry.is_configured else "imported"
        parts.append(f"{verb} on {entry.stored.imported_at:%d %B %Y}".replace(" on 0", " on "))
        if n := len(entry.stored.faults):
            parts.append(f"{n:,} of {entry.stored.n_entries:,} entries not used")
        if n := len(entry.stored.by_title):
            parts.append(f"{n:,} matched by title")
    return f"{entry.name}: {', '.join(parts)}"


def _corrections(fixes: Sequence[str], n_open: int) -> list[tuple[int, str]]:
    found = []
    for text in fixes:
        number, equals, ref = text.partition("=")
        if not equals or not number.strip().isdigit() or not 1 <= int(number) <= n_open:
            raise typer.BadParameter(
                f'"{text}" is no number of an entry and an id, such as 3=2405.01234; there '
                f"{'is' if n_open == 1 else 'are'} {n_open or 'none'}",
                param_hint="--fix",
            )
        found.append((int(number), ref.strip()))
    return found


@app.command()
@tells_errors
def unimport(
    *,
    name: Annotated[
        str, typer.Argument(metavar="[NAME]", help="Which; without it, they are listed.")
    ] = "",
    subscriber: SubscriberOption = "",
    config: ConfigOption = None,
) -> None:
    """Take away what an import brought; without a name, list imports."""
    from digest import jobs
    from digest.usecases.imports import forget_import, imports

    with open_app(config) as application:
        who = jobs.subscriber(application, only_subscriber(application, subscriber))
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
