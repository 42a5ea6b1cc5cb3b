"""The commands about taste: rating papers, importing libraries, and what is made of them."""

from __future__ import annotations

import json
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
    _only_subscriber,
    _told,
    app,
)
from digest.cli.output import fail, progress, say, warn
from digest.model import Rating
from digest.text import counted, shorten

if TYPE_CHECKING:
    from digest.app import App, Like
    from digest.pipeline import Draft
    from digest.subscriptions import ImportReport

Refs = Annotated[list[str], typer.Argument(metavar="ID...", help="arXiv ids, DOIs or addresses.")]


def _rate(config: Path | None, email: str, refs: Sequence[str], value: int) -> None:
    from digest.subscriptions import rate

    verb = "liked" if value > 0 else "disliked"
    with _app(config) as application:
        subscriber = application.subscriber(_only_subscriber(application, email))
        resolved = rate(
            application.store,
            application.lookups,
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


#: what `import` reads besides files, each with what is written after it
PLACES = {
    "zotero": "users/ID, groups/ID or a zotero.sqlite",
    "author": "an ORCID iD or an OpenAlex id",
    "recommendations": "ids of papers that you like",
    "opml": "a list of feeds, for [[sources]]",
}


@app.command()
@_told
def taste(
    papers: Annotated[int, typer.Option(min=1, max=50, help="Most papers to judge.")] = 10,
    subscriber: SubscriberOption = "",
    config: ConfigOption = None,
) -> None:
    """Judge some papers of the last days, so that the first mail fits.

    Shows what likes and interests pick so far and asks of each: yes, no, or nothing.
    """
    with _app(config) as application:
        judge(application, _only_subscriber(application, subscriber), papers)


#: how far back papers are looked for where the latest days had none
MAX_DAYS_BACK = 4


def judge(application: App, email: str, n_papers: int) -> None:
    """Show the latest picks one by one, take answers, and show what they change."""
    from datetime import timedelta

    from digest.edition.render import why

    who = application.subscriber(email)
    today = application.clock().date()
    draft: Draft | None = None
    with progress("Fetching the listings of the last days …"):
        for back in range(MAX_DAYS_BACK + 1):
            day = today - timedelta(days=back) if back else None
            drafts, warnings = application.drafts(day=day, only=[who.email])
            draft = drafts[who.email]
            if draft.letter is not None and draft.letter.picks:
                break
    for warning in warnings:
        warn(warning)
    letter = draft.letter if draft else None
    if letter is None or not letter.picks:
        outcome = draft.outcome if draft else None
        say(f"There is nothing to judge yet. {getattr(outcome, 'detail', '')}".strip())
        return
    judged: dict[str, list[str]] = {"yes": [], "no": []}
    say("Would you like to get this? y: yes, n: no, Enter: no answer, q: enough", style="bold")
    for n, pick in enumerate(letter.picks[:n_papers], 1):
        paper = pick.paper
        say()
        say(f"{n}. {paper.title}", style="bold")
        authors = ", ".join(paper.authors[:3]) + (" and others" if len(paper.authors) > 3 else "")
        if authors:
            say(f"   {authors}")
        say(f"   {pick.key_sentence or shorten(paper.abstract, 240)}")
        for line in why(pick.reasons):
            say(f"   {line}", style="dim")
        try:
            given = typer.prompt("   y/n", default="", show_default=False)
        except typer.Abort:  # Ctrl-C or the end of the input; what was answered counts
            break
        answer = given.strip().lower()[:1]
        if answer == "q":
            break
        if answer in ("y", "n"):
            judged["yes" if answer == "y" else "no"].append(paper.id)
    if not any(judged.values()):
        say("No answer, so nothing changes.")
        return
    now = application.clock()
    for value, ids in ((+1, judged["yes"]), (-1, judged["no"])):
        application.store.add_ratings(
            Rating(subscriber_id=who.id, paper_id=i, value=value, rated_at=now, origin="cli")
            for i in ids
        )
    say()
    liked, disliked = (counted(len(judged[k]), "paper") for k in ("yes", "no"))
    say(f"Noted: {liked} liked, {disliked} disliked. `digest unlike ID` takes one back.")
    drafts, _ = application.drafts(day=day, only=[who.email], stored=True)
    after = drafts[who.email].letter
    if after is not None and after.picks:
        say("Of the same days these would come now:", style="bold")
        for pick in after.picks[:5]:
            say(f"  {pick.paper.title}")


@app.command("import")
@_told
def import_(
    what: Annotated[
        list[str],
        typer.Argument(
            metavar="WHAT",
            help="A file (.bib, .ris, .json, .nbib, .txt, .md, zotero.sqlite); or a kind and what "
            "it wants: bibtex, ris, csl-json, nbib, ids or page and a FILE; zotero users/ID or "
            "groups/ID; author ORCID; recommendations ID...; opml FILE.",
        ),
    ],
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
    references: Annotated[
        bool, typer.Option("--references", help="author: what their works cite, too.")
    ] = False,
    name: Annotated[
        str, typer.Option(help="To take it away again.", show_default="what was imported")
    ] = "",
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
    like = _like_of(what, collection or (), exclude or (), references)
    if like is None:
        _show_feeds(Path(what[1] if what[0] == "opml" else what[0]))
        return
    with _app(config) as application:
        who = application.subscriber(_only_subscriber(application, subscriber))
        shelf = application.shelf(like)
        name = name or shelf.name
        with progress("Reading and looking up …") as tell:
            report = application.import_from(who, shelf, name, dry_run=dry_run, progress=tell)
    if report is None:
        say(f"{name} for {who.email}: nothing has changed since the last import.")
        return
    _tell_import(report, name, who.email, dry_run)


def _like_of(
    what: Sequence[str], collections: Sequence[str], exclude: Sequence[str], references: bool
) -> Like | None:
    """What the words of the command mean; None for a list of feeds."""
    from digest.config import AuthorLikes, FileLikes, RecommendedLikes, ZoteroLikes
    from digest.library import KINDS, SUFFIXES

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
        elif Path(one).suffix.lower() in (".opml", ".xml"):
            kind = "opml"
        elif Path(one).suffix.lower() not in SUFFIXES:
            raise typer.BadParameter(
                f"{one}: its name tells no kind ({', '.join(SUFFIXES)}); say one before it, such "
                f"as `digest import ids {one}`",
                param_hint="WHAT",
            )
    if len(rest) > 1 and kind != "recommendations":
        raise typer.BadParameter(f"{kind} takes one, not {len(rest)}", param_hint="WHAT")
    if kind == "opml":
        return None
    if (collections or exclude) and kind != "zotero":
        raise typer.BadParameter("only Zotero has collections", param_hint="--collection")
    if kind == "zotero":
        return ZoteroLikes.model_construct(
            zotero=one, collections=tuple(collections), exclude=tuple(exclude)
        )
    if kind == "author":
        return AuthorLikes.model_construct(author=one, references=references)
    if kind == "recommendations":
        return RecommendedLikes.model_construct(recommendations=tuple(rest))
    return FileLikes.model_construct(file=Path(one), kind=kind)


def _show_feeds(path: Path) -> None:
    """Feeds are sources, which stand in the configuration: shown as it wants them."""
    from digest.library.opml import feeds

    found = feeds(path)
    print('# all of them, kept in step with the file:\n[[sources]]\nkind = "opml"')
    print(f"path = {json.dumps(str(path))}\n\n# or those that you choose:")
    for feed in found:
        title, url = (json.dumps(t, ensure_ascii=False) for t in (feed.title, feed.url))
        print(f'[[sources]]\nkind = "feed"\nname = {title}\nurl = {url}\n')
    warn(f"{counted(len(found), 'feed')} in {path.name}; put what you want into config.toml.")


def _tell_import(report: ImportReport, name: str, email: str, dry_run: bool) -> None:
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
    say(f"{name} for {email}: {', '.join(parts)}.")
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
