"""From an `Edition` to HTML and plain text, by templates.

The templates get finished words: what is shortened, counted or phrased is so here, and a template
only places it. Autoescaping is always on for HTML; the text template gets one-line strings.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import groupby
from typing import Any

import css_inline
import jinja2

from digest.colour import Accent
from digest.edition.links import Action, Seal, Ticket, action_url
from digest.edition.press import Press
from digest.edition.speech import ENGLISH, Speech
from digest.errors import RenderError
from digest.model import (
    Basis,
    Edition,
    EditionKind,
    Paper,
    Pick,
    Reason,
    ReasonKind,
    Section,
    SourceCount,
)
from digest.text import clean, readable, safe_url, shorten

MAX_AUTHORS = 4
#: the longest that a title, a name or a category is shown; feeds know no limits
TITLE_CHARS, NAME_CHARS, FACT_CHARS = 300, 80, 60
#: Gmail clips a message at 102 KB of HTML; a little is left for what servers add
MAX_HTML_BYTES = 100_000
#: how much of an abstract is shown; the later ones only if the mail would be clipped
ABSTRACT_CHARS = (520, 360, 240, 140)
#: with fewer papers a table of contents only repeats what one sees
LEAST_FOR_CONTENTS = 4
#: pixels of a thumbnail; Daily Papers' are 1200 x 648
THUMBNAIL = (280, 151)
#: a lower score prints as 0.00 and says nothing
SHOWN_SCORE = 0.005
_RIGHT_TO_LEFT = frozenset({"R", "AL", "AN"})
_NO_BRACKETS = str.maketrans({"<": "‹", ">": "›"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Letterhead:
    """What all editions of one installation have in common."""

    title: str
    #: "Name <address>" of the From header
    sender: str
    #: bare address that replies go to
    reply_to: str
    #: behind links and message ids: the newest last; older ones only to know what they signed
    keys: tuple[bytes, ...] = field(repr=False)
    #: mailbox for bounces; each reader's mail gets a return address of its own below it (VERP)
    bounces_to: str = ""
    #: public page that answers the mail's actions; nothing: they are mails to `reply_to`
    web_url: str = ""
    accent: Accent = field(default_factory=Accent.of)
    thumbnails: bool = False

    @property
    def seal(self) -> Seal:
        return Seal(self.keys)


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

    rank: int
    title: str
    url: str
    authors: tuple[str, ...]
    #: "and 3 others", or nothing
    others: str
    facts: tuple[str, ...]
    why: tuple[str, ...]
    match: str
    #: the opening of the abstract in pieces; the marked one is its key sentence
    abstract: tuple[Piece, ...]
    thumbnail: Thumbnail | None
    #: to the paper: open, PDF, code, project, discussion
    links: tuple[Link, ...]
    #: from the reader: like, dislike, fewer like this
    actions: tuple[Link, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A section with its heading."""

    key: str
    heading: str
    cards: tuple[Card, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """What an overlong day keeps out of the HTML."""

    #: says how many, why, and where they are
    text: str
    #: as many titles as there is room for
    cards: tuple[Card, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    html: str
    text: str


@lru_cache(maxsize=8192)  # pages show the same papers again and again
def shown(text: str, max_chars: int = 10_000) -> str:
    """Outside text as a person reads it; cleaned once more, whatever door it came in by."""
    return shorten(clean(readable(text)), max_chars)


@lru_cache(maxsize=8192)
def isolated(name: str) -> str:
    """A name for plain text: one that is written right to left must not turn what surrounds it."""
    if not name.isascii() and any(unicodedata.bidirectional(c) in _RIGHT_TO_LEFT for c in name):
        return f"\u2068{name}\u2069"
    return name


def author_line(
    authors: Sequence[str], n_shown: int = MAX_AUTHORS, speech: Speech = ENGLISH
) -> tuple[tuple[str, ...], str]:
    """All names; or the first few, and "and 5 others"."""
    names = tuple(shown(a, NAME_CHARS) for a in authors)
    if len(names) <= n_shown + 1:
        return names, ""
    rest = len(names) - n_shown
    return names[:n_shown], speech.ngettext("and {n} other", "and {n} others", rest)


def facts_of(paper: Paper, speech: Speech) -> tuple[str, ...]:
    """One line: where it stands, when it came out, what others make of it."""
    ngettext, signals = speech.ngettext, paper.signals
    facts = [", ".join(shown(c, FACT_CHARS) for c in paper.categories[:4])]
    if paper.journal_ref and not paper.arxiv_id:
        facts.append(shown(paper.journal_ref, FACT_CHARS))
    elif not paper.categories and not paper.arxiv_id and paper.source:
        facts = [shown(paper.source, FACT_CHARS)]
    day = paper.announced or (paper.published.date() if paper.published else None)
    if day:
        facts.append(speech.day_and_month(day))
    if paper.announce_type == "cross":
        facts.append(speech.gettext("cross-list"))
    if paper.is_replacement:
        facts.append(speech.gettext("new version"))
    if signals.organization:
        facts.append(shown(signals.organization, FACT_CHARS))
    if signals.upvotes:
        facts.append(ngettext("{n} upvote", "{n} upvotes", signals.upvotes))
    if signals.comments:
        facts.append(ngettext("{n} comment", "{n} comments", signals.comments))
    if signals.github_stars:
        facts.append(ngettext("{n} GitHub star", "{n} GitHub stars", signals.github_stars))
    return tuple(f for f in facts if f)


def links_of(paper: Paper, speech: Speech) -> tuple[Link, ...]:
    gettext = speech.gettext
    wanted = (
        (gettext("Open"), paper.url),
        (gettext("PDF"), paper.pdf_url),
        (gettext("Code"), paper.signals.github_url),
        (gettext("Project page"), paper.signals.project_url),
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


def why(reasons: Sequence[Reason], speech: Speech = ENGLISH) -> tuple[str, ...]:
    """The reasons as sentences."""
    gettext = speech.gettext
    said: list[str] = []
    n_similar = 0
    for reason in reasons:
        first = shown(reason.evidence[0], 110) if reason.evidence else ""
        if reason.kind is ReasonKind.FOLLOWED_AUTHOR:
            said.append(gettext("You follow {name}.").format(name=first))
        elif reason.kind is ReasonKind.FOLLOWED_AFFILIATION:
            said.append(gettext("By somebody at {place}, which you follow.").format(place=first))
        elif reason.kind is ReasonKind.JOURNAL_VERSION:
            said.append(
                gettext("You know the preprint; now it is out in {journal}.").format(journal=first)
                if first
                else gettext("You know the preprint; now it is out in a journal.")
            )
        elif reason.kind is ReasonKind.TRENDING:
            said.append(
                speech.ngettext(
                    "Readers of Daily Papers gave it {n} upvote.",
                    "Readers of Daily Papers gave it {n} upvotes.",
                    int(first),
                )
            )
        elif reason.kind is ReasonKind.KEYWORD:
            said.append(gettext("Fits your keyword “{keyword}”.").format(keyword=first))
        elif reason.kind is ReasonKind.SIMILAR_PAPER:
            n_similar += 1
            text = (
                gettext("Close to “{title}”, which you liked.")
                if n_similar == 1
                else gettext("Also to “{title}”.")
            )
            said.append(text.format(title=first))
        elif reason.kind is ReasonKind.SHARED_TERM:
            terms = ", ".join(shown(t, NAME_CHARS) for t in reason.evidence)
            said.append(gettext("In common: {terms}.").format(terms=terms))
        elif reason.kind is ReasonKind.RESERVED:
            said.append(gettext("In a place you keep for {category}.").format(category=first))
        elif reason.kind is ReasonKind.EXPLORATION:
            said.append(gettext("From outside your usual: one pick by chance."))
        elif reason.kind is ReasonKind.FILLER:
            said.append(gettext("Not close to what you like; it fills a place that was left."))
        elif reason.kind is ReasonKind.NEWEST:
            said.append(gettext("Among the newest of today’s listing."))
    return tuple(said)


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


def card(
    pick: Pick,
    edition: Edition,
    head: Letterhead,
    *,
    speech: Speech = ENGLISH,
    abstract_chars: int = ABSTRACT_CHARS[0],
) -> Card:
    paper = pick.paper
    names, others = author_line(paper.authors, speech=speech)
    return Card(
        rank=pick.rank,
        title=shown(paper.title, TITLE_CHARS),
        url=safe_url(paper.url),
        authors=names,
        others=others,
        facts=facts_of(paper, speech),
        why=why(pick.reasons, speech),
        match=_match(pick, edition.n_considered, speech),
        abstract=abstract_pieces(shown(paper.abstract), shown(pick.key_sentence), abstract_chars),
        thumbnail=_thumbnail(paper, speech) if head.thumbnails else None,
        links=links_of(paper, speech),
        actions=actions_of(paper, edition, head, speech),
    )


def _match(pick: Pick, n_considered: int, speech: Speech) -> str:
    similar = any(r.kind in (ReasonKind.SIMILAR_PAPER, ReasonKind.KEYWORD) for r in pick.reasons)
    if not similar or pick.score < SHOWN_SCORE:
        return ""
    others = n_considered - 1
    n_below = round(pick.percentile * max(0, others))
    if others < 1 or not n_below:
        return ""
    if n_below == others:
        text = speech.ngettext(
            "Score {score}, ahead of the other one",
            "Score {score}, ahead of all {n} others",
            others,
        )
    else:
        text = speech.gettext("Score {score}, ahead of {below} of {others} others")
    return text.format(
        score=speech.number(pick.score, 2),
        below=speech.number(n_below),
        others=speech.number(others),
    )


def _thumbnail(paper: Paper, speech: Speech) -> Thumbnail | None:
    url = safe_url(paper.signals.thumbnail_url)
    if not url:
        return None
    alt = speech.gettext("First page of “{title}”").format(title=_in_attribute(paper))
    return Thumbnail(url=url, alt=alt, width=THUMBNAIL[0], height=THUMBNAIL[1])


def basis_notice(basis: Basis, speech: Speech = ENGLISH) -> str:
    """How an edition was chosen if not by likes, and how to change that."""
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
    remedy = gettext(
        "Add papers you like (likes = […] in the configuration, or `digest like ID`) and the "
        "choice becomes yours."
    )
    return f"{how} {remedy}"


@lru_cache(maxsize=8192)  # a paper's abstract is wrapped for many readers
def wrap(text: str, indent: str = "", hanging: str = "", width: int = 72) -> str:
    """A paragraph for plain text; addresses and long words are never broken.

    East Asian text, which has no blanks, breaks after any character and counts two columns each.

    Args:
        hanging: further indent of all lines but the first.
    """
    further = indent + hanging
    is_narrow = text.isascii() or not any(map(_is_wide, set(text)))
    lines: list[str] = []
    line, columns, used = indent, len(indent), False
    for word in text.split():
        for n, piece in enumerate((word,) if is_narrow else _breakable(word)):
            blank = " " if used and n == 0 else ""
            size = len(piece) if is_narrow else _columns(piece)
            if used and columns + len(blank) + size > width:
                lines.append(line)
                line, columns, blank = further, len(further), ""
            line += blank + piece
            columns += len(blank) + size
            used = True
    return "\n".join([*lines, line])


@lru_cache(maxsize=8192)
def _is_wide(char: str) -> bool:
    return unicodedata.east_asian_width(char) in "WF"


def _breakable(word: str) -> list[str]:
    """A word in the pieces that a line may end after."""
    pieces: list[str] = []
    for wide, run in groupby(word, _is_wide):
        chars = list(run)
        pieces += chars if wide else ["".join(chars)]
    return pieces


def _columns(text: str) -> int:
    """Columns that a fixed-width font gives a text."""
    return len(text) + sum(map(_is_wide, text))


class Renderer:
    """Renders editions with the templates of one loader.

    Args:
        speeches: the languages there are, by name; what is missing is said in English.

    Raises:
        RenderError: at the first use of a template that is missing or wrong, with its line.
    """

    def __init__(
        self,
        loader: jinja2.BaseLoader,
        letterhead: Letterhead,
        speeches: Mapping[str, Speech] | None = None,
        max_html_bytes: int = MAX_HTML_BYTES,
    ) -> None:
        self.letterhead = letterhead
        self._loader, self._speeches = loader, speeches or {}
        self.max_html_bytes = max_html_bytes
        self._environments: dict[str, jinja2.Environment] = {}
        self._press = Press(self)
        self._inliner = css_inline.CSSInliner(
            keep_style_tags=True, keep_at_rules=True, load_remote_stylesheets=False
        )

    def speech(self, language: str) -> Speech:
        return self._speeches.get(language, ENGLISH)

    def render(self, edition: Edition) -> Rendered:
        """The two bodies of an edition's mail; the HTML is short enough not to be clipped.

        Raises:
            RenderError: a template is wrong.
        """
        if edition.kind is EditionKind.EDITION:
            quick = self._press.render(edition, self.speech(edition.subscriber.language))
            if quick is not None:
                return quick
        return self.render_anew(edition)

    def render_anew(self, edition: Edition) -> Rendered:
        """The same without anything that was set before."""
        speech = self.speech(edition.subscriber.language)
        full = self._cards(edition, speech, ABSTRACT_CHARS[0])
        text = self._fill("digest.txt.j2", self.context(edition, full, None, speech), speech)
        return Rendered(html=self._fitting(edition, full, speech), text=text.strip() + "\n")

    # --- what the press needs ------------------------------------------------------------------

    def card(self, pick: Pick, edition: Edition, speech: Speech) -> Card:
        return card(pick, edition, self.letterhead, speech=speech)

    @staticmethod
    def is_scored(pick: Pick, edition: Edition) -> bool:
        """Whether a card tells how well it matches."""
        return bool(_match(pick, edition.n_considered, ENGLISH))

    def personal(self, pick: Pick, edition: Edition, speech: Speech) -> dict[str, str]:
        """What of a card is one reader's own."""
        values = {f"why{n}": text for n, text in enumerate(why(pick.reasons, speech))}
        values["rank"] = str(pick.rank)
        values["match"] = _match(pick, edition.n_considered, speech)
        values |= {f"abstract{n}": p.text for n, p in enumerate(self.abstract(pick))}
        links = actions_of(pick.paper, edition, self.letterhead, speech)
        return values | {f"action{n}": link.url for n, link in enumerate(links)}

    @staticmethod
    def abstract(pick: Pick) -> tuple[Piece, ...]:
        """The opening of its abstract as the first cards show it."""
        abstract, key = shown(pick.paper.abstract), shown(pick.key_sentence)
        return abstract_pieces(abstract, key, ABSTRACT_CHARS[0])

    def inline(self, html: str) -> str:
        """With its CSS in the elements."""
        return self._inliner.inline(html)

    def letter(self, language: str, context: Mapping[str, object]) -> Rendered:
        """The two bodies of a short letter: a heading, paragraphs, and one button.

        Args:
            context: heading, paragraphs, button {label, url}, and small print.

        Raises:
            RenderError: a template is wrong.
        """
        speech = self.speech(language)
        whole = {
            "language": speech.language,
            "accent": self.letterhead.accent,
            "title": self.letterhead.title,
            **context,
        }
        html = self.inline(self._fill("letter.html.j2", whole, speech))
        return Rendered(html=html, text=self._fill("letter.txt.j2", whole, speech).strip() + "\n")

    def _cards(self, edition: Edition, speech: Speech, abstract_chars: int) -> tuple[Card, ...]:
        return tuple(
            card(p, edition, self.letterhead, speech=speech, abstract_chars=abstract_chars)
            for p in edition.picks
        )

    def _fitting(self, edition: Edition, cards: Sequence[Card], speech: Speech) -> str:
        """Shorter abstracts first; then fewer cards, with titles of the rest; then fewer titles."""

        def html(n_cards: int, n_titles: int) -> str:
            left_out = self._left_out(cards[n_cards:], n_titles, speech)
            context = self.context(edition, cards[:n_cards], left_out, speech)
            return self.inline(self._fill("digest.html.j2", context, speech))

        def fits(found: str) -> bool:
            return len(found.encode()) <= self.max_html_bytes

        n = len(cards)
        for chars in ABSTRACT_CHARS:
            if chars != ABSTRACT_CHARS[0]:
                cards = self._cards(edition, speech, chars)
            found = html(n, 0)
            if fits(found):
                return found
        n_cards = _most(n - 1, lambda k: fits(html(k, n - k)))
        if n_cards is not None:
            return html(n_cards, n - n_cards)
        n_titles = _most(n, lambda k: fits(html(0, k)))
        if n_titles is None:
            raise RenderError(
                f"The mail's HTML without any paper is over {self.max_html_bytes:,} bytes, so mail "
                "programs would cut it. Make the templates shorter.",
                template="digest.html.j2",
            )
        return html(0, n_titles)

    def _left_out(self, cards: Sequence[Card], n_titles: int, speech: Speech) -> LeftOut | None:
        if not cards:
            return None
        text = speech.ngettext(
            "{n} more paper was chosen than fits into a mail that no program cuts.",
            "{n} more papers were chosen than fit into a mail that no program cuts.",
            len(cards),
        )
        where = speech.gettext("The plain-text part of this mail has everything.")
        return LeftOut(text=f"{text} {where}", cards=tuple(cards[:n_titles]))

    def context(
        self,
        edition: Edition,
        cards: Sequence[Any],
        left_out: LeftOut | None,
        speech: Speech,
    ) -> Mapping[str, object]:
        head, subscriber = self.letterhead, edition.subscriber
        section_of = {p.rank: p.section for p in edition.picks}
        headings = {
            Section.FOLLOWED: speech.gettext("From authors and places you follow")
            if subscriber.followed_affiliations
            else speech.gettext("From authors you follow"),
            Section.FOR_YOU: speech.gettext("For you"),
            Section.TRENDING: speech.gettext("Trending"),
            Section.PUBLISHED: speech.gettext("Preprints you know, now in a journal"),
        }
        parts = tuple(
            Part(key=section.value, heading=headings[section], cards=members)
            for section in Section
            if (members := tuple(c for c in cards if section_of[c.rank] is section))
        )
        is_edition = edition.kind is EditionKind.EDITION
        if is_edition:
            n_fresh = sum(p.section is not Section.PUBLISHED for p in edition.picks)
            summary = speech.ngettext(
                "{picks} of {n} new paper", "{picks} of {n} new papers", edition.n_new
            ).format(picks=speech.number(n_fresh))
        else:
            summary = speech.gettext("No papers today")
        titles = [shown(p.paper.title, 120) for p in edition.picks[:3]] or [edition.note]

        day = edition.edition_date

        def leads(action: Action, about: str, verb: str) -> str:
            ticket = Ticket(action, subscriber.id, about, subscriber.link_generation)
            return action_url(
                ticket,
                head.seal.sign(ticket, day),
                web_url=head.web_url,
                reply_to=head.reply_to,
                verb=verb,
            )

        return {
            "language": speech.language,
            "accent": head.accent,
            "title": head.title,
            "web_url": safe_url(head.web_url),
            "subject": edition.subject,
            "date": speech.long_date(day),
            "name": clean(subscriber.name),
            "email": subscriber.email,
            "summary": summary,
            "preheader": shorten(" · ".join(titles), 200),
            "notice": basis_notice(edition.basis, speech) if is_edition else "",
            "note": edition.note,
            "contents": len(cards) >= LEAST_FOR_CONTENTS,
            "parts": parts,
            "left_out": left_out,
            "sources": [_source(s, speech) for s in edition.sources[:20]],
            "faults": [_source(s, speech) for s in edition.sources if s.fault][:10],
            "edition_url": leads(Action.EDITION, day.isoformat(), "") if head.web_url else "",
            "preferences_url": leads(Action.PREFERENCES, "", "") if head.web_url else "",
            "unsubscribe_url": leads(Action.UNSUBSCRIBE, "", speech.gettext("Unsubscribe")),
        }

    def environment(self, speech: Speech) -> jinja2.Environment:
        known = self._environments.get(speech.language)
        if known is not None:
            return known
        made = jinja2.Environment(
            loader=self._loader,
            autoescape=jinja2.select_autoescape(["html", "html.j2"], default_for_string=True),
            undefined=jinja2.StrictUndefined,
            extensions=["jinja2.ext.i18n"],
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=False,
        )
        made.install_gettext_callables(  # type: ignore[attr-defined]
            speech.gettext, speech.plain_ngettext, newstyle=True
        )
        made.filters["wrap"] = wrap
        made.filters["isolated"] = isolated
        made.filters["shorten"] = shorten
        self._environments[speech.language] = made
        return made

    def _fill(self, name: str, context: Mapping[str, object], speech: Speech) -> str:
        try:
            return self.environment(speech).get_template(name).render(context)
        except jinja2.TemplateSyntaxError as error:
            place = error.filename or error.name or name
            raise RenderError(
                f"{place}, line {error.lineno}: {error.message}", template=place, line=error.lineno
            ) from error
        except jinja2.TemplateNotFound as error:
            raise RenderError(f"There is no template {error.name}.", template=name) from error
        except Exception as error:
            # Besides Jinja's own errors a template raises what the Python in it raises:
            # ZeroDivisionError, TypeError, … All are mistakes in the template.
            place, line = _template_place(error, name)
            said = getattr(error, "message", None) or f"{type(error).__name__}: {error}"
            where = f"{place}, line {line}" if line else place
            raise RenderError(f"{where}: {said}", template=place, line=line) from error


def _most(highest: int, holds: Callable[[int], bool]) -> int | None:
    """The greatest number from `highest` down to 0 for which a falling condition holds."""
    low, high = -1, highest + 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low if low >= 0 else None


def _source(source: SourceCount, speech: Speech) -> Mapping[str, str]:
    return {
        "name": shown(source.name, FACT_CHARS),
        "n_papers": speech.number(source.n_papers),
        "fault": shown(source.fault, 300),
    }


def _template_place(error: BaseException, name: str) -> tuple[str, int | None]:
    """File and line of the template in which an error arose: Jinja rewrites tracebacks to say."""
    trace, place, line = error.__traceback__, name, None
    while trace is not None:
        code = trace.tb_frame.f_code
        if "__jinja_exception__" in trace.tb_frame.f_globals:
            line = trace.tb_lineno
            place = name if code.co_filename == "<template>" else code.co_filename
        trace = trace.tb_next
    return place, line
