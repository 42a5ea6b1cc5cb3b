"""Reasons as sentences: one function a kind, so that a new kind is one entry here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date

from digest.edition.plaintext import shown
from digest.edition.speech import ENGLISH, Speech
from digest.model import Basis, Reason, ReasonKind

#: the longest that a title or a name is shown in a reason, and a term
EVIDENCE_CHARS, TERM_CHARS = 110, 80
#: gets the language, the evidence, and how many reasons of this kind came before
Sentence = Callable[[Speech, tuple[str, ...], int], str]


def _journal(speech: Speech, evidence: tuple[str, ...], n_before: int) -> str:
    if not evidence[0]:
        return speech.gettext("You know the preprint; now it is out in a journal.")
    text = speech.gettext("You know the preprint; now it is out in {journal}.")
    return text.format(journal=evidence[0])


def _trending(speech: Speech, evidence: tuple[str, ...], n_before: int) -> str:
    return speech.ngettext(
        "Readers of Daily Papers gave it {n} upvote.",
        "Readers of Daily Papers gave it {n} upvotes.",
        int(evidence[0]),
    )


def _similar(speech: Speech, evidence: tuple[str, ...], n_before: int) -> str:
    text = (
        speech.gettext("Also to “{title}”.")
        if n_before
        else speech.gettext("Close to “{title}”, which you liked.")
    )
    return text.format(title=evidence[0])


def _terms(speech: Speech, evidence: tuple[str, ...], n_before: int) -> str:
    terms = ", ".join(shown(t, TERM_CHARS) for t in evidence)
    return speech.gettext("In common: {terms}.").format(terms=terms)


def _kept(speech: Speech, evidence: tuple[str, ...], n_before: int) -> str:
    text = speech.gettext("You kept it for later on {date}.")
    return text.format(date=speech.day_and_month(date.fromisoformat(evidence[0])))


def _group(speech: Speech, evidence: tuple[str, ...], n_before: int) -> str:
    text = speech.ngettext("{n} of {group} liked it.", "{n} of {group} liked it.", int(evidence[0]))
    return text.replace("{group}", evidence[1])


SENTENCES: dict[ReasonKind, Sentence] = {
    ReasonKind.FOLLOWED_AUTHOR: lambda speech, evidence, n: speech.gettext(
        "You follow {name}."
    ).format(name=evidence[0]),
    ReasonKind.FOLLOWED_AFFILIATION: lambda speech, evidence, n: speech.gettext(
        "By somebody at {place}, which you follow."
    ).format(place=evidence[0]),
    ReasonKind.JOURNAL_VERSION: _journal,
    ReasonKind.TRENDING: _trending,
    ReasonKind.KEYWORD: lambda speech, evidence, n: speech.gettext(
        "Holds your keyword “{keyword}”."
    ).format(keyword=evidence[0]),
    ReasonKind.NEAR_KEYWORD: lambda speech, evidence, n: speech.gettext(
        "Near in meaning to your keyword “{keyword}”."
    ).format(keyword=evidence[0]),
    ReasonKind.SIMILAR_PAPER: _similar,
    ReasonKind.SHARED_TERM: _terms,
    ReasonKind.RESERVED: lambda speech, evidence, n: speech.gettext(
        "In a place you keep for {category}."
    ).format(category=evidence[0]),
    ReasonKind.EXPLORATION: lambda speech, evidence, n: speech.gettext(
        "From outside your usual: one pick by chance."
    ),
    ReasonKind.FILLER: lambda speech, evidence, n: speech.gettext(
        "Not close to what you like; it fills a place that was left."
    ),
    ReasonKind.KEPT: _kept,
    ReasonKind.GROUP: _group,
    ReasonKind.NEWEST: lambda speech, evidence, n: speech.gettext(
        "Among the newest of today’s listing."
    ),
}


def common(reason: Reason, n: int, speech: Speech = ENGLISH) -> str:
    """What speaks for n papers alike, as their heading."""
    ngettext = speech.ngettext
    evidence = shown(reason.evidence[0], EVIDENCE_CHARS)
    said = {
        ReasonKind.SIMILAR_PAPER: lambda: ngettext(
            "Because you liked “{title}”: {n} paper", "Because you liked “{title}”: {n} papers", n
        ),
        ReasonKind.KEYWORD: lambda: ngettext(
            "With your keyword “{title}”: {n} paper", "With your keyword “{title}”: {n} papers", n
        ),
        ReasonKind.NEAR_KEYWORD: lambda: ngettext(
            "Near in meaning to “{title}”: {n} paper",
            "Near in meaning to “{title}”: {n} papers",
            n,
        ),
        ReasonKind.FOLLOWED_AUTHOR: lambda: ngettext(
            "By {title}, whom you follow: {n} paper", "By {title}, whom you follow: {n} papers", n
        ),
        ReasonKind.FOLLOWED_AFFILIATION: lambda: ngettext(
            "From {title}, which you follow: {n} paper",
            "From {title}, which you follow: {n} papers",
            n,
        ),
    }[reason.kind]()
    return said.replace("{title}", evidence)


def why(reasons: Sequence[Reason], speech: Speech = ENGLISH) -> tuple[str, ...]:
    """The reasons as sentences."""
    said: list[str] = []
    n_of_kind: dict[ReasonKind, int] = {}
    for reason in reasons:
        evidence = tuple(shown(e, EVIDENCE_CHARS) for e in reason.evidence) or ("",)
        n_before = n_of_kind.get(reason.kind, 0)
        said.append(SENTENCES[reason.kind](speech, evidence, n_before))
        n_of_kind[reason.kind] = n_before + 1
    return tuple(said)


def basis_notice(basis: Basis, speech: Speech = ENGLISH, *, edits_file: bool = False) -> str:
    """How an edition was chosen if not by likes, and how to change that.

    Args:
        edits_file: whether its reader stands in the configuration.
    """
    gettext = speech.gettext
    how = {
        Basis.KEYWORDS: gettext("Chosen by your keywords alone."),
        Basis.TRENDING: gettext(
            "Chosen by what is trending, since you have no likes and no keywords yet."
        ),
        Basis.NEWEST: gettext(
            "The newest papers in order of listing, since you have no likes and no keywords yet."
        ),
    }.get(basis)
    if how is None:
        return ""
    remedy = (
        gettext(
            "Press Like below what interests you, or add papers you like (likes = […] in the "
            "configuration), and the choice becomes yours."
        )
        if edits_file
        else gettext("Press Like below what interests you, and the choice becomes yours.")
    )
    return f"{how} {remedy}"
