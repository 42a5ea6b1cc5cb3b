"""Judging papers in a terminal: shown one by one, answered with a key."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

import typer

from digest.cli.output import progress, say, warn
from digest.text import counted, shorten

if TYPE_CHECKING:
    from digest.app import App
    from digest.model import Pick, PlannedEdition


#: how far back papers are looked for where the latest days had none
MAX_DAYS_BACK = 4


def judge(application: App, email: str, n_papers: int) -> None:
    """Show the latest picks one by one, take answers, and show what they change."""

    from digest import jobs
    from digest.edition.links import Action
    from digest.usecases.feedback import rate

    who = jobs.subscriber(application, email)
    today = application.clock().date()
    draft: PlannedEdition | None = None
    with progress("Fetching the listings of the last days …"):
        for back in range(MAX_DAYS_BACK + 1):
            day = today - timedelta(days=back) if back else None
            drafts, warnings = jobs.drafts(application, day=day, only=[who.email])
            draft = drafts[who.email]
            if draft.edition is not None and draft.edition.picks:
                break
    for warning in warnings:
        warn(warning)
    edition = draft.edition if draft else None
    if edition is None or not edition.picks:
        why_none = draft.empty.detail if draft and draft.empty else ""
        say(f"There is nothing to judge yet. {why_none}".strip())
        return
    judged = _answers(edition.picks[:n_papers])
    if not any(judged.values()):
        say("No answer, so nothing changes.")
        return
    now = application.clock()
    for action, ids in ((Action.LIKE, judged["yes"]), (Action.DISLIKE, judged["no"])):
        rate(application.store, who, ids, action, origin="cli", now=now)
    say()
    liked, disliked = (counted(len(judged[k]), "paper") for k in ("yes", "no"))
    say(f"Noted: {liked} liked, {disliked} disliked. `digest unlike ID` takes one back.")
    drafts, _ = jobs.drafts(application, day=day, only=[who.email], stored=True)
    after = drafts[who.email].edition
    if after is not None and after.picks:
        say("Of the same days these would come now:", style="bold")
        for pick in after.picks[:5]:
            say(f"  {pick.paper.plain_title}")


def _answers(picks: Sequence[Pick]) -> dict[str, list[str]]:
    """Ids of papers by "yes" and "no", as a person at the terminal answers."""
    from digest.edition.reasons import why

    judged: dict[str, list[str]] = {"yes": [], "no": []}
    say("Would you like to get this? y: yes, n: no, Enter: no answer, q: enough", style="bold")
    for n, pick in enumerate(picks, 1):
        paper = pick.paper
        say()
        say(f"{n}. {paper.plain_title}", style="bold")
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
    return judged
