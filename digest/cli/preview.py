"""`digest preview`: mails as files, as findings, as pictures, or in a browser."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from digest.cli.output import console, fail, progress, say, warn
from digest.distribution import missing
from digest.errors import ConfigError, DigestError
from digest.files import write_private
from digest.text import counted

if TYPE_CHECKING:
    from digest.app import App
    from digest.model import PlannedEdition
    from digest.proof import Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class Composed:
    """What a preview works on."""

    #: mails by name: an address, or the stem of a file
    mails: Mapping[str, bytes]
    drafts: Mapping[str, PlannedEdition]
    warnings: Sequence[str] = ()


def needs_extra(error: ImportError) -> DigestError:
    return DigestError(missing("This", error.name, "preview"))


def read_mails(paths: Sequence[Path]) -> Composed:
    """Messages from .eml files."""
    mails = {}
    for path in paths:
        try:
            body = path.read_bytes()
        except OSError as error:
            raise ConfigError([f"{path} cannot be read: {error.strerror}."]) from error
        # as on the wire, whatever an editor or a Maildir made of its line ends
        mails[path.stem] = re.sub(rb"\r?\n", b"\r\n", body)
    return Composed(mails=mails, drafts={})


def compose(app: App, day: date | None, only: Sequence[str], *, stored: bool) -> Composed:
    from digest import jobs

    with progress("Fetching and choosing …") as tell:
        drafts, warnings = jobs.drafts(app, day=day, only=only, stored=stored, progress=tell)
    mails = {who: d.message.body for who, d in drafts.items() if d.message is not None}
    return Composed(mails=mails, drafts=drafts, warnings=warnings)


def write_files(composed: Composed, out: Path) -> Path | None:
    """Each mail as .html, .txt and .eml, with its picks on the terminal; returns the first."""
    from digest.cli.show import picks

    first: Path | None = None
    for email, draft in composed.drafts.items():
        say()
        picks(email, draft)
        if draft.rendered is None or draft.message is None:
            continue
        stem = out / file_name(email)
        files = {
            ".html": draft.rendered.html.encode(),
            ".txt": draft.rendered.text.encode(),
            ".eml": draft.message.body,
        }
        _write(files, stem)
        first = first or stem.with_name(stem.name + ".html")
        say(f"{stem}.html")
    if not composed.drafts:
        say("There are no subscribers; add [[subscribers]] to the configuration.")
    return first


def file_name(email: str) -> str:
    return re.sub(r"[^\w.@+-]", "_", email)


def _write(files: Mapping[str, bytes], stem: Path) -> None:
    try:
        stem.parent.mkdir(parents=True, exist_ok=True)
        for suffix, body in files.items():
            write_private(stem.with_name(stem.name + suffix), body)  # its links act
    except OSError as error:
        raise DigestError(f"{stem.parent} cannot be written: {error.strerror}.") from error


def check(composed: Composed) -> bool:
    """Proofread each mail aloud; returns whether all are free of errors."""
    try:
        from digest.proof import Severity, proofread
        from digest.proof.words import lost_in
    except ImportError as error:
        raise needs_extra(error) from error
    sound = True
    for name, body in composed.mails.items():
        draft = composed.drafts.get(name)
        picks = draft.edition.picks if draft and draft.edition else ()
        findings = [*proofread(body), *lost_in(p.paper for p in picks)]
        tally = ", ".join(
            counted(n, s.value) for s in Severity if (n := sum(f.severity is s for f in findings))
        )
        say(f"{name}: {tally}", style="bold")
        minor = [f for f in findings if f.severity is Severity.NOTE and f.url]
        for finding in findings:
            if finding not in minor:
                _say_finding(finding)
        if minor:
            say(
                f"  and {len(minor)} things that some mail programs drop without harm; "
                "--serve lists them"
            )
        sound = sound and not any(f.severity is Severity.ERROR for f in findings)
    if not composed.mails:
        say("There is no mail to check.")
    return sound


def _say_finding(finding: Finding) -> None:
    style = {"error": "red", "warning": "yellow"}.get(finding.severity, "dim")
    line = f"  {finding.severity} ({finding.check}): {finding.text}"
    if finding.remedy and finding.severity != "note":
        line += f" {finding.remedy}"
    console().print(line, style=style, markup=False)


def draw(mails: Mapping[str, bytes], folder: Path, height: int) -> None:
    """Pictures of each mail in each view."""
    try:
        from digest.preview.pictures import VIEWS, find_chromium, take
        from digest.proof.headers import html_of, parse, with_images
    except ImportError as error:
        raise needs_extra(error) from error
    chromium = find_chromium(os.environ)
    for name, body in mails.items():
        mail = parse(body)
        html = with_images(mail, html_of(mail))
        for view in VIEWS:
            target = folder / f"{file_name(name)}-{view.name}.png"
            take(html, view, target, chromium, height)
            say(str(target))


def serve(open_app: Callable[[], App], config: Path, port: int, *, browse: bool) -> None:
    """The page; returns when it is stopped."""
    from digest.app import TEMPLATES
    from digest.languages import LOCALE

    try:
        from digest.preview.mails import PreviewMails
        from digest.preview.site import Site
        from digest.preview.site import serve as answer
    except ImportError as error:
        raise needs_extra(error) from error

    def ready(url: str) -> None:
        say(f"{url} shows the mails, and reloads after a change. Ctrl-C ends it.", style="bold")
        sys.stdout.flush()
        if browse:
            typer.launch(url)

    shelf = PreviewMails(open_app)
    for fault in shelf.faults:
        fail(fault)
    answer(Site(shelf, config=config, templates=TEMPLATES, more=[LOCALE]), port, ready)


def tell_warnings(composed: Composed) -> None:
    for warning in composed.warnings:
        warn(warning)
