"""What a mail says of each paper: finished words, for templates to place."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from digest.edition.letterhead import Letterhead
from digest.edition.links import Action, Ticket, action_url
from digest.edition.plaintext import shown
from digest.edition.reasons import why
from digest.edition.resources import VENUE_CHARS, resources_of
from digest.edition.speech import ENGLISH, Speech
from digest.model import Closeness, Edition, Paper, Pick
from digest.text import safe_url, shorten

#: in a full card and in a brief one
MAX_AUTHORS, MAX_AUTHORS_IN_BRIEF = 4, 3
#: the longest that a title, a name or a category is shown; feeds know no limits
TITLE_CHARS, NAME_CHARS, FACT_CHARS = 300, 80, 60
#: how much of an abstract is shown in full cards and in brief ones; the later ones only if the mail
#: would be clipped
ABSTRACT_CHARS = ((520, 220), (360, 160), (240, 110))
#: reasons that a brief card tells
MAX_REASONS = 2
#: affiliations of authors that are shown
MAX_PLACES = 2
#: the longest that a sentence by somebody's model is shown
SHORT_CHARS = 300
#: pixels of a thumbnail; Daily Papers' are 1200 x 648
THUMBNAIL = (280, 151)
_NO_BRACKETS = str.maketrans({"<": "‹", ">": "›"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    label: str
    url: str
    #: says what the link leads to when read alone; begins with the label
    about: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    text: str
    marked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Thumbnail:
    url: str
    alt: str
    #: pixels
    width: int
    height: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One pick as a reader sees it."""

    #: shown in full: with its abstract, not one sentence
    lead: bool
    rank: int
    title: str
    url: str
    authors: tuple[str, ...]
    #: "and 3 others", or nothing
    others: str
    facts: tuple[str, ...]
    why: tuple[str, ...]
    #: how close it is, as a sentence of two words; or nothing
    match: str
    #: the opening of the abstract in pieces, the marked one of which is its key sentence; in brief
    #: that sentence alone, unless there is `in_short`
    abstract: tuple[Piece, ...]
    #: one sentence by a language model, with whose; or nothing
    in_short: str
    #: the title in the reader's language, with whose words that is; or nothing
    in_other_words: str
    thumbnail: Thumbnail | None
    #: beside `url`: PDF, code, project, discussion
    links: tuple[Link, ...]
    #: from the reader: like, later, dislike, fewer like this
    actions: tuple[Link, ...]


def author_line(
    authors: Sequence[str], n_shown: int = MAX_AUTHORS, speech: Speech = ENGLISH
) -> tuple[tuple[str, ...], str]:
    """All names; or the first few, and "and 5 others"."""
    names = tuple(shown(a, NAME_CHARS) for a in authors)
    if len(names) <= n_shown + 1:
        return names, ""
    rest = len(names) - n_shown
    return names[:n_shown], speech.ngettext("and {n} other", "and {n} others", rest)


def facts_of(paper: Paper, speech: Speech, year: int) -> tuple[str, ...]:
    """One line: where it stands, when it came out, what others make of it.

    Args:
        year: dates of another one say theirs.
    """
    ngettext, signals = speech.ngettext, paper.signals
    gettext, found = speech.gettext, resources_of(paper)
    facts = [", ".join(shown(c, FACT_CHARS) for c in paper.categories[:4])]
    if paper.journal_ref and not paper.arxiv_id:
        facts.append(shown(paper.journal_ref, FACT_CHARS))
    elif not paper.categories and not paper.arxiv_id and paper.source:
        facts = [shown(paper.source, FACT_CHARS)]
    day = paper.announced or (paper.published.date() if paper.published else None)
    if day:
        facts.append(speech.day_of(day, year))
    if paper.announce_type == "cross":
        facts.append(gettext("cross-list"))
    if paper.is_replacement:
        facts.append(gettext("new version"))
    if found.venue and not paper.journal_ref:
        facts.append(shown(found.venue, VENUE_CHARS))
    if found.n_pages:
        facts.append(ngettext("{n} page", "{n} pages", found.n_pages))
    places = (signals.organization,) if signals.organization else paper.affiliations[:MAX_PLACES]
    facts += [shown(place, FACT_CHARS) for place in places]
    if signals.upvotes:
        facts.append(ngettext("{n} upvote", "{n} upvotes", signals.upvotes))
    if signals.comments:
        facts.append(ngettext("{n} comment", "{n} comments", signals.comments))
    if signals.citations:
        facts.append(ngettext("{n} citation", "{n} citations", signals.citations))
    if signals.github_stars:
        facts.append(ngettext("{n} GitHub star", "{n} GitHub stars", signals.github_stars))
    if signals.models:
        facts.append(ngettext("{n} model", "{n} models", signals.models))
    if signals.datasets:
        facts.append(ngettext("{n} dataset", "{n} datasets", signals.datasets))
    if signals.demos:
        facts.append(ngettext("{n} demo", "{n} demos", signals.demos))
    return tuple(f for f in facts if f)


def links_of(paper: Paper, speech: Speech) -> tuple[Link, ...]:
    gettext, found = speech.gettext, resources_of(paper)
    wanted = (
        (gettext("Open"), paper.url),
        (gettext("PDF"), paper.pdf_url),
        (gettext("Code"), paper.signals.github_url or found.code_url),
        (gettext("Project page"), paper.signals.project_url or found.project_url),
        (gettext("Discussion"), paper.signals.discussion_url),
    )
    name = _in_attribute(paper)
    return tuple(
        Link(label=label, url=safe, about=f"{label}: {name}")
        for label, url in wanted
        if (safe := safe_url(url))
    )


def actions_of(
    paper: Paper, edition: Edition, head: Letterhead, speech: Speech
) -> tuple[Link, ...]:
    gettext, seal = speech.gettext, head.seal
    wanted = (
        (Action.LIKE, gettext("Like")),
        (Action.LATER, gettext("Later")),
        (Action.DISLIKE, gettext("Dislike")),
        (Action.FEWER, gettext("Fewer like this")),
    )
    name = _in_attribute(paper)
    links = []
    for action, label in wanted:
        who = edition.subscriber
        ticket = Ticket(action, who.id, paper.id, who.link_generation)
        url = action_url(
            ticket,
            seal.sign(ticket, edition.edition_date),
            web_url=head.web_url,
            reply_to=head.reply_to,
            verb=label,
            title=shown(paper.title),
        )
        links.append(Link(label=label, about=f"{label}: {name}", url=url))
    return tuple(links)


def _in_attribute(paper: Paper) -> str:
    # mail programs are less sure of themselves in attributes than browsers are
    return shown(paper.title, 60).translate(_NO_BRACKETS).replace('"', "”")


@lru_cache(maxsize=8192)
def abstract_pieces(abstract: str, key: str, max_chars: int) -> tuple[Piece, ...]:
    """The opening of an abstract with its key sentence, wherever that stands, marked.

    >>> [p.text for p in abstract_pieces("One. Two. Three.", "Two.", 100)]
    ['One. ', 'Two.', ' Three.']
    """
    at = abstract.find(key) if key else -1
    if at < 0:
        return (Piece(text=shorten(abstract, max_chars)),) if abstract else ()
    key = shorten(key, max_chars)
    before, after = abstract[:at], abstract[at + len(key) :]
    room = max(0, max_chars - len(key))
    if len(before) > room:  # the key sentence stands far in: the opening, a gap, the sentence
        opening = shorten(before, max(80, room))
        before = f"{opening} … " if not opening.endswith("…") else f"{opening} "
        return (Piece(text=before), Piece(text=key, marked=True))
    rest = after
    if len(after) > room - len(before):
        gap = " " if after.startswith(" ") else ""
        rest = gap + shorten(after.strip(), room - len(before))
    pieces = (Piece(text=before), Piece(text=key, marked=True), Piece(text=rest.rstrip()))
    return tuple(p for p in pieces if p.text.strip(" …"))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shared:
    """What a card says to every reader alike."""

    title: str
    url: str
    #: names, and how many more, in a brief card and in a full one
    authors: tuple[tuple[tuple[str, ...], str], ...]
    facts: tuple[str, ...]
    abstract: str
    in_short: str
    links: tuple[Link, ...]


@lru_cache(maxsize=8192)  # most of a day's papers are shown to many readers
def _shared(paper: Paper, speech: Speech, year: int) -> _Shared:
    return _Shared(
        title=shown(paper.title, TITLE_CHARS),
        url=safe_url(paper.url),
        authors=tuple(
            author_line(paper.authors, n, speech) for n in (MAX_AUTHORS_IN_BRIEF, MAX_AUTHORS)
        ),
        facts=facts_of(paper, speech, year),
        abstract=shown(paper.abstract),
        in_short=in_short(paper, speech),
        links=links_of(paper, speech),
    )


def card(
    pick: Pick,
    edition: Edition,
    head: Letterhead,
    *,
    speech: Speech = ENGLISH,
    lead: bool = True,
    told: bool = False,
    abstract_chars: tuple[int, int] = ABSTRACT_CHARS[0],
) -> Card:
    """A pick as its reader sees it.

    Args:
        lead: in full, else in brief.
        told: its main reason is told by a heading; in full it is told again.
        abstract_chars: how much of the abstract is shown in full, and in brief.
    """
    shared = _shared(pick.paper, speech, edition.edition_date.year)
    names, others = shared.authors[lead]
    key, chars = shown(pick.key_sentence), abstract_chars[0 if lead else 1]
    said = short_of(pick, speech)
    if lead:
        abstract = abstract_pieces(shared.abstract, key, chars)
    else:
        sentence = "" if said else shorten(key or shared.abstract, chars)
        abstract = (Piece(text=sentence),) if sentence else ()
    reasons = pick.reasons[1:] if told and not lead else pick.reasons
    return Card(
        lead=lead,
        rank=pick.rank,
        title=shared.title,
        url=shared.url,
        authors=names,
        others=others,
        facts=shared.facts,
        why=why(reasons if lead else reasons[:MAX_REASONS], speech),
        match=_match(pick.closeness, speech),
        abstract=abstract,
        in_short=said,
        in_other_words=_translated(pick, speech),
        thumbnail=_thumbnail(pick, speech) if lead and pick.thumbnail else None,
        links=tuple(link for link in shared.links if link.url != shared.url),
        actions=actions_of(pick.paper, edition, head, speech),
    )


def _match(closeness: Closeness | None, speech: Speech) -> str:
    gettext = speech.gettext
    said = {
        Closeness.STRONG: gettext("Strong match."),
        Closeness.CLOSE: gettext("Good match."),
        Closeness.STRETCH: gettext("A stretch."),
    }
    return said[closeness] if closeness else ""


def short_of(pick: Pick, speech: Speech) -> str:
    """A paper in one sentence, with whose it is: our own model's, else the source's."""
    if pick.summary is None:
        return in_short(pick.paper, speech)
    told = speech.gettext("In short (by the model {model}): {text}")
    return told.format(
        model=shown(pick.summary.model, NAME_CHARS), text=shown(pick.summary.sentence, SHORT_CHARS)
    )


def _translated(pick: Pick, speech: Speech) -> str:
    if pick.summary is None or not pick.summary.title:
        return ""
    told = speech.gettext("{title} (translated by the model {model})")
    return told.format(
        model=shown(pick.summary.model, NAME_CHARS), title=shown(pick.summary.title, TITLE_CHARS)
    )


def in_short(paper: Paper, speech: Speech) -> str:
    """A source's own sentence about a paper, with whose it is; or nothing."""
    said = shown(paper.signals.summary, SHORT_CHARS)
    if not said:
        return ""
    who = paper.signals.summary_by or "Hugging Face"
    told = speech.gettext("In short (by a model of {who}): {text}")
    return told.format(who=who, text=said)


def image_name(pick: Pick) -> str:
    """What a mail calls the picture of a paper (RFC 2392)."""
    return f"{hashlib.sha256(pick.paper.id.encode()).hexdigest()[:16]}@thumbnails"


def _thumbnail(pick: Pick, speech: Speech) -> Thumbnail:
    alt = speech.gettext("First page of “{title}”").format(title=_in_attribute(pick.paper))
    url = f"cid:{image_name(pick)}"
    return Thumbnail(url=url, alt=alt, width=THUMBNAIL[0], height=THUMBNAIL[1])
