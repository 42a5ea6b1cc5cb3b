"""What a mail says around its cards: masthead, sections, footer. The context of its templates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from digest.edition.cards import FACT_CHARS, NAME_CHARS, Card
from digest.edition.layout import layout
from digest.edition.letterhead import Letterhead
from digest.edition.links import Action, Ticket, action_url
from digest.edition.plaintext import shown
from digest.edition.reasons import basis_notice, common
from digest.edition.speech import Speech
from digest.languages import N_
from digest.model import Basis, Edition, EditionKind, Section, SourceCount, by_section
from digest.text import clean, safe_url, shorten

#: sections of papers that are not of this day's listing
_NOT_NEW = frozenset((Section.PUBLISHED, Section.LATER, Section.GROUP))
#: what is said of a source's fault, which is told in English
_SOURCE_FAULT = N_("It could not be read in full today.")


@dataclass(frozen=True, slots=True, kw_only=True)
class CardGroup:
    """Cards of a section below each other."""

    #: the reason that all of them have in common; or nothing
    heading: str
    cards: tuple[Card, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A section with its heading."""

    key: str
    heading: str
    groups: tuple[CardGroup, ...]

    @property
    def cards(self) -> tuple[Card, ...]:
        return tuple(c for g in self.groups for c in g.cards)


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """What an overlong day keeps out of the HTML."""

    #: says how many, why, and where they are
    text: str
    #: as many titles as there is room for
    cards: tuple[Card, ...]


def section_heading(
    section: Section, speech: Speech, *, name: str = "", with_places: bool = False
) -> str:
    """What a section is called, in a mail and on its page.

    Args:
        name: of an interest, or of a group.
        with_places: its reader follows places, too.
    """
    gettext, name = speech.gettext, shown(name, NAME_CHARS)
    if section is Section.GROUP:
        return gettext("Liked in {group}").format(group=name)
    if name:
        return name
    if section is Section.FOLLOWED:
        if with_places:
            return gettext("From authors and places you follow")
        return gettext("From authors you follow")
    return {
        Section.INTEREST: gettext("Your interests"),
        Section.FOR_YOU: gettext("For you"),
        Section.TRENDING: gettext("Trending"),
        Section.PUBLISHED: gettext("Preprints you know, now in a journal"),
        Section.LATER: gettext("Kept for later"),
    }[section]


def parts_of(edition: Edition, cards: Sequence[Card], speech: Speech) -> tuple[Part, ...]:
    with_places = bool(edition.subscriber.preferences.affiliations)
    by_rank = {c.rank: c for c in cards}
    parts = []
    for division in layout(edition.picks):
        groups = tuple(
            CardGroup(
                heading=common(g.common, len(g.picks), speech) if g.common else "",
                cards=members,
            )
            for g in division.groups
            if (members := tuple(by_rank[p.rank] for p in g.picks if p.rank in by_rank))
        )
        heading = section_heading(
            division.section, speech, name=division.name, with_places=with_places
        )
        if groups:
            parts.append(Part(key=division.section.value, heading=heading, groups=groups))
    return tuple(parts)


def summary_of(edition: Edition, speech: Speech) -> str:
    """ "12 of 415 new papers"."""
    if edition.kind is not EditionKind.EDITION:
        return speech.gettext("No papers today")
    n_fresh = sum(p.section not in _NOT_NEW for p in edition.picks)
    counts = speech.ngettext(
        "{picks} of {n} new paper", "{picks} of {n} new papers", edition.n_new
    ).format(picks=speech.number(n_fresh))
    sections = by_section(edition.picks)
    if len({section for section, _, _ in sections}) > 1:
        parts = [_counted(section, name, len(picks), speech) for section, name, picks in sections]
        counts = speech.gettext("{counts}: {parts}").format(
            counts=counts, parts=speech.listed(parts)
        )
    thin = _on_a_thin_day(edition, n_fresh, speech)
    return speech.gettext("{first}. {second}").format(first=counts, second=thin) if thin else counts


def _counted(section: Section, name: str, n: int, speech: Speech) -> str:
    """How many papers a section holds, within a sentence."""
    ngettext = speech.ngettext
    if section is Section.GROUP:
        text = ngettext("{n} liked in {group}", "{n} liked in {group}", n)
        return text.replace("{group}", shown(name, NAME_CHARS))
    if section is Section.INTEREST:
        text = ngettext("{n} on {interest}", "{n} on {interest}", n)
        return text.replace("{interest}", shown(name, NAME_CHARS))
    return {
        Section.FOLLOWED: lambda: ngettext(
            "{n} by people you follow", "{n} by people you follow", n
        ),
        Section.FOR_YOU: lambda: ngettext("{n} for you", "{n} for you", n),
        Section.TRENDING: lambda: ngettext("{n} trending", "{n} trending", n),
        Section.LATER: lambda: ngettext("{n} kept for later", "{n} kept for later", n),
        Section.PUBLISHED: lambda: ngettext("{n} now in a journal", "{n} now in journals", n),
    }[section]()


def _on_a_thin_day(edition: Edition, n_picks: int, speech: Speech) -> str:
    """Why there are fewer papers than there is room for, if it is for want of close ones."""
    chosen = edition.subscriber.preferences
    by_closeness = edition.basis in (Basis.LIKES, Basis.KEYWORDS)
    is_thin = n_picks < min(chosen.length, edition.n_considered)
    # where interests have places of their own, more may be close than there was room for
    if not by_closeness or not is_thin or chosen.fill or chosen.interests:
        return ""
    if edition.n_considered < edition.n_new:
        return speech.gettext(
            "The others are not close to what you like, or your filters took them."
        )
    return speech.gettext("The others are not close to what you like.")


def context(
    edition: Edition,
    cards: Sequence[Card],
    left_out: LeftOut | None,
    head: Letterhead,
    speech: Speech,
) -> Mapping[str, object]:
    """What the templates of a mail get; docs/templates.md lists it."""
    subscriber, day = edition.subscriber, edition.edition_date
    titles = [shown(p.paper.title, 120) for p in edition.picks[:3]] or [edition.note]
    is_edition = edition.kind is EditionKind.EDITION
    return {
        "language": speech.language,
        "accent": head.accent,
        "title": head.title,
        "web_url": safe_url(head.web_url),
        "subject": edition.subject,
        "date": speech.long_date(day),
        "name": clean(subscriber.preferences.name),
        "email": subscriber.email,
        "summary": summary_of(edition, speech),
        "preheader": shorten(" · ".join(titles), 200),
        "notice": basis_notice(edition.basis, speech, edits_file=subscriber.origin == "config")
        if is_edition
        else "",
        "note": edition.note,
        "parts": parts_of(edition, cards, speech),
        "left_out": left_out,
        "sources": [_source(s, speech) for s in edition.sources[:20]],
        "faults": [_source(s, speech) for s in edition.sources if s.fault][:10],
        **_ways_on(edition, head, speech),
    }


def _ways_on(edition: Edition, head: Letterhead, speech: Speech) -> dict[str, str]:
    """The links of the footer."""
    subscriber, day = edition.subscriber, edition.edition_date

    def url(action: Action, about: str = "", verb: str = "") -> str:
        ticket = Ticket(action, subscriber.id, about, subscriber.link_generation)
        return action_url(
            ticket,
            head.seal.sign(ticket, day),
            web_url=head.web_url,
            reply_to=head.reply_to,
            verb=verb,
        )

    return {
        "edition_url": url(Action.EDITION, day.isoformat()) if head.web_url else "",
        "preferences_url": url(Action.PREFERENCES) if head.web_url else "",
        "unsubscribe_url": url(Action.UNSUBSCRIBE, verb=speech.gettext("Unsubscribe")),
    }


def _source(source: SourceCount, speech: Speech) -> Mapping[str, str]:
    return {
        "name": shown(source.name, FACT_CHARS),
        "n_papers": speech.number(source.n_papers),
        "fault": speech.told(shown(source.fault, 300), _SOURCE_FAULT) if source.fault else "",
    }
