"""From an `Edition` to HTML and plain text, by templates.

The templates get finished words: what is shortened, counted or phrased is so here, and a template
only places it. Autoescaping is always on for HTML; the text template gets one-line strings.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import css_inline
import jinja2

from digest.edition.links import unsubscribe_url
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
)
from digest.text import clean, counted, readable, safe_url, shorten

MAX_AUTHORS = 4
ABSTRACT_CHARS = 520
#: a lower score prints as 0.00 and says nothing
SHOWN_SCORE = 0.005
_NO_BRACKETS = str.maketrans({"<": "‹", ">": "›"})
_HEADINGS = {
    Section.FOLLOWED: "From authors you follow",
    Section.FOR_YOU: "For you",
    Section.TRENDING: "Trending",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Letterhead:
    """What all editions of one installation have in common."""

    title: str
    #: bare address that replies go to
    reply_to: str
    #: public page the masthead links to, or nothing
    web_url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    label: str
    url: str
    #: says what the link leads to when read alone
    about: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    text: str
    marked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One pick as a reader sees it."""

    rank: int
    title: str
    url: str
    authors: str
    facts: tuple[str, ...]
    why: tuple[str, ...]
    match: str
    #: width of the score bar, 0 to 100; None: no bar
    bar: int | None
    #: the opening of the abstract in pieces; the marked one is its key sentence
    abstract: tuple[Piece, ...]
    links: tuple[Link, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A section with its heading."""

    key: str
    heading: str
    cards: tuple[Card, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    html: str
    text: str


def shown(text: str) -> str:
    """Outside text as a person reads it; cleaned once more, whatever door it came in by."""
    return clean(readable(text))


def long_date(day: date) -> str:
    return f"{day:%A}, {day.day} {day:%B} {day.year}"


def author_line(authors: Sequence[str], n_shown: int = MAX_AUTHORS) -> str:
    """All names, or the first few with a count of the others."""
    if len(authors) <= n_shown + 1:
        return ", ".join(authors)
    return f"{', '.join(authors[:n_shown])} and {len(authors) - n_shown} others"


def facts_of(paper: Paper) -> tuple[str, ...]:
    signals = paper.signals
    facts = [", ".join(shown(c) for c in paper.categories[:4])] if paper.categories else []
    if paper.announce_type == "cross":
        facts.append("cross-list")
    if paper.is_replacement:
        facts.append("new version")
    if signals.organization:
        facts.append(shown(signals.organization))
    if signals.upvotes:
        facts.append(counted(signals.upvotes, "upvote"))
    if signals.comments:
        facts.append(counted(signals.comments, "comment"))
    if signals.github_stars:
        facts.append(counted(signals.github_stars, "GitHub star"))
    if not paper.categories and not paper.arxiv_id and paper.source:
        facts.insert(0, paper.source)
    return tuple(facts)


def links_of(paper: Paper) -> tuple[Link, ...]:
    # it stands in an attribute, where mail programs are less sure of themselves than browsers
    name = shorten(shown(paper.title), 80).translate(_NO_BRACKETS)
    wanted = (
        ("Abstract", paper.url, f"Abstract of {name}"),
        ("PDF", paper.pdf_url, f"PDF of {name}"),
        ("Code", paper.signals.github_url, f"Code of {name}"),
        ("Project", paper.signals.project_url, f"Project page of {name}"),
        ("Discussion", paper.signals.discussion_url, f"Discussion of {name}"),
    )
    return tuple(
        Link(label=label, url=safe, about=about)
        for label, url, about in wanted
        if (safe := safe_url(url))
    )


def why(reasons: Sequence[Reason]) -> tuple[str, ...]:
    """The reasons as sentences."""
    said: list[str] = []
    for reason in reasons:
        first = shown(reason.evidence[0]) if reason.evidence else ""
        if reason.kind is ReasonKind.FOLLOWED_AUTHOR:
            said.append(f"You follow {first}.")
        elif reason.kind is ReasonKind.TRENDING:
            said.append(f"Readers of Daily Papers gave it {counted(int(first), 'upvote')}.")
        elif reason.kind is ReasonKind.KEYWORD:
            said.append(f"Fits your keyword “{first}”.")
        elif reason.kind is ReasonKind.SIMILAR_PAPER:
            again = any(s.startswith("Close to") for s in said)
            said.append(
                f"Also to “{shorten(first, 110)}”."
                if again
                else f"Close to “{shorten(first, 110)}”, which you liked."
            )
        elif reason.kind is ReasonKind.SHARED_TERM:
            said.append(f"In common: {', '.join(shown(t) for t in reason.evidence)}.")
        elif reason.kind is ReasonKind.RESERVED:
            said.append(f"In a place you keep for {first}.")
        elif reason.kind is ReasonKind.EXPLORATION:
            said.append("From outside your usual: one pick by chance.")
        elif reason.kind is ReasonKind.FILLER:
            said.append("Not close to what you like; it fills a place that was left.")
        elif reason.kind is ReasonKind.NEWEST:
            said.append("Among the newest of today’s listing.")
    return tuple(said)


def abstract_pieces(abstract: str, key: str) -> tuple[Piece, ...]:
    """The opening of an abstract with its key sentence, wherever that stands, marked.

    >>> [p.text for p in abstract_pieces("One. Two. Three.", "Two.")]
    ['One. ', 'Two.', ' Three.']
    """
    at = abstract.find(key) if key else -1
    if at < 0:
        return (Piece(text=shorten(abstract, ABSTRACT_CHARS)),) if abstract else ()
    key = shorten(key, ABSTRACT_CHARS)
    before, after = abstract[:at], abstract[at + len(key) :]
    room = max(0, ABSTRACT_CHARS - len(key))
    if len(before) > room:  # the key sentence stands far in: the opening, a gap, the sentence
        opening = shorten(before, max(80, room))
        before = f"{opening} … " if not opening.endswith("…") else f"{opening} "
        return (Piece(text=before), Piece(text=key, marked=True))
    rest = shorten(after, room - len(before)) if len(after) > room - len(before) else after
    pieces = (Piece(text=before), Piece(text=key, marked=True), Piece(text=rest.rstrip()))
    return tuple(p for p in pieces if p.text.strip(" …"))


def card(pick: Pick, n_considered: int) -> Card:
    paper = pick.paper
    similar = any(r.kind in (ReasonKind.SIMILAR_PAPER, ReasonKind.KEYWORD) for r in pick.reasons)
    scored = similar and pick.score >= SHOWN_SCORE
    n_below = round(pick.percentile * max(0, n_considered - 1))
    match = ""
    if scored and n_considered > 1 and n_below:
        others = n_considered - 1
        ahead = f"all {others:,}" if n_below == others else f"{n_below:,} of {others:,}"
        match = f"Score {pick.score:.2f}, ahead of {ahead} others"
    return Card(
        rank=pick.rank,
        title=shown(paper.title),
        url=safe_url(paper.url),
        authors=author_line([shown(a) for a in paper.authors]),
        facts=facts_of(paper),
        why=why(pick.reasons),
        match=match,
        bar=max(2, round(100 * pick.score)) if scored else None,
        abstract=abstract_pieces(shown(paper.abstract), shown(pick.key_sentence)),
        links=links_of(paper),
    )


def basis_notice(basis: Basis) -> str:
    """How an edition was chosen if not by likes, and how to change that."""
    remedy = "Add papers you like (likes = […] in the configuration, or `digest like ID`)"
    if basis is Basis.KEYWORDS:
        return f"Chosen by your keywords alone. {remedy} and the choice becomes yours."
    if basis is Basis.TRENDING:
        return (
            "Chosen by what is trending, since you have no likes and no keywords yet. "
            f"{remedy} and the choice becomes yours."
        )
    if basis is Basis.NEWEST:
        return (
            "The newest papers in order of listing, since you have no likes and no keywords yet. "
            f"{remedy} and the choice becomes yours."
        )
    return ""


def wrap(text: str, indent: str = "", hanging: str = "", width: int = 76) -> str:
    """A paragraph for plain text; addresses and long words are never broken.

    Args:
        hanging: further indent of all lines but the first.
    """
    return textwrap.fill(
        text,
        width,
        initial_indent=indent,
        subsequent_indent=indent + hanging,
        break_long_words=False,
        break_on_hyphens=False,
    )


class Renderer:
    """Renders editions with the templates of one loader.

    Raises:
        RenderError: at the first use of a template that is missing or wrong, with its line.
    """

    def __init__(self, loader: jinja2.BaseLoader, letterhead: Letterhead) -> None:
        self._letterhead = letterhead
        self._environment = jinja2.Environment(
            loader=loader,
            autoescape=jinja2.select_autoescape(["html", "html.j2"], default_for_string=True),
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=False,
        )
        self._environment.filters["wrap"] = wrap
        self._inliner = css_inline.CSSInliner(
            keep_style_tags=True, keep_at_rules=True, load_remote_stylesheets=False
        )

    def render(self, edition: Edition) -> Rendered:
        """The two bodies of an edition's mail."""
        context = self._context(edition)
        return Rendered(
            html=self._inliner.inline(self._fill("digest.html.j2", context)),
            text=self._fill("digest.txt.j2", context).strip() + "\n",
        )

    def _context(self, edition: Edition) -> Mapping[str, object]:
        parts = tuple(
            Part(
                key=section.value,
                heading=_HEADINGS[section],
                cards=tuple(card(p, edition.n_considered) for p in edition.section(section)),
            )
            for section in Section
            if edition.section(section)
        )
        n_picks = len(edition.picks)
        summary = (
            f"{n_picks} of {counted(edition.n_new, 'new paper')}"
            if edition.kind is EditionKind.EDITION
            else "No papers today"
        )
        first = edition.picks[0].paper.title if edition.picks else edition.note
        return {
            "title": self._letterhead.title,
            "web_url": safe_url(self._letterhead.web_url),
            "subject": edition.subject,
            "date": long_date(edition.edition_date),
            "name": clean(edition.subscriber.name),
            "email": edition.subscriber.email,
            "summary": summary,
            "preheader": shorten(shown(first), 120),
            "notice": basis_notice(edition.basis) if edition.kind is EditionKind.EDITION else "",
            "note": edition.note,
            "parts": parts,
            "sources": edition.sources,
            "faults": tuple(s for s in edition.sources if s.fault),
            "unsubscribe_url": unsubscribe_url(self._letterhead),
        }

    def _fill(self, name: str, context: Mapping[str, object]) -> str:
        try:
            return self._environment.get_template(name).render(context)
        except jinja2.TemplateSyntaxError as error:
            place = error.filename or error.name or name
            raise RenderError(
                f"{place}, line {error.lineno}: {error.message}", template=place, line=error.lineno
            ) from error
        except jinja2.TemplateNotFound as error:
            raise RenderError(f"There is no template {error.name}.", template=name) from error
        except jinja2.TemplateError as error:
            line = _template_line(error)
            place = f"{name}, line {line}" if line else name
            raise RenderError(f"{place}: {error.message}", template=name, line=line) from error


def _template_line(error: BaseException) -> int | None:
    """The line of the template in which an error arose: Jinja rewrites tracebacks to say so."""
    trace, line = error.__traceback__, None
    while trace is not None:
        if trace.tb_frame.f_code.co_name in ("top-level template code",) or (
            trace.tb_frame.f_code.co_filename.endswith(".j2")
        ):
            line = trace.tb_lineno
        trace = trace.tb_next
    return line
