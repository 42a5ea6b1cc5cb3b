"""Mails for many readers: pages and cards are set once and only filled in for each (see `forms`).

The first mails of every language are also rendered anew and compared; if a byte differs, as it may
with templates of one's own whose CSS looks at neighbours, all are rendered anew from then on.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import jinja2

from digest.edition.forms import RESERVED, Form, Maker, NotShared, guarded
from digest.edition.speech import Speech
from digest.model import Edition, Paper, Pick

if TYPE_CHECKING:
    from digest.edition.render import Card, Rendered, Renderer

log = logging.getLogger(__name__)

#: mails of a language that are also rendered anew
N_COMPARED = 3
#: cards and pages kept; a card takes some 10 kB
MAX_CARDS, MAX_PAGES = 20_000, 500
#: what of a page only one reader gets
_PERSONAL = (
    "subject",
    "preheader",
    "name",
    "email",
    "summary",
    "edition_url",
    "preferences_url",
    "unsubscribe_url",
)
#: what a card may use of the page
_SHARED = ("language", "accent", "title", "web_url")
#: filters whose result depends on the length of what they get
_LATER = ("wrap", "shorten", "isolated")
_BEGIN, _END = "\ue002", "\ue003"


class _OddText(Exception):
    """A text would be taken for a blank."""


@dataclass(frozen=True, slots=True)
class _SetCard:
    paper: Paper
    title: str
    url: str
    html: Form
    text: Form


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """A card as a page knows it: its number and title, and where it goes."""

    rank: Any
    title: Any
    url: Any
    fragment: Any


class Press:
    """The quick way of a renderer; gives way to the full one whenever it has to."""

    def __init__(self, renderer: Renderer) -> None:
        self._renderer = renderer
        self._lock = threading.RLock()
        self._maker = Maker()
        self._environments: dict[str, tuple[jinja2.Environment, jinja2.Environment]] = {}
        self._cards: dict[object, _SetCard] = {}
        self._pages: dict[object, tuple[Form, Form]] = {}
        #: HTML before and after a card, by language, before its CSS is inlined
        self._frames: dict[str, tuple[str, str]] = {}
        self._n_compared: dict[str, int] = {}
        self._given_up: set[str] = set()

    def render(self, edition: Edition, speech: Speech) -> Rendered | None:
        """The mail, or None if it has to be rendered anew."""
        if speech.language in self._given_up:
            return None
        try:
            with self._lock:
                quick = self._filled_in(edition, speech)
        except _OddText:
            return None  # one odd paper costs its own readers the short cut
        except Exception as error:
            # A mistake in a template shows, with its line, when the mail is rendered anew.
            self._give_up(speech, error)
            return None
        n = self._n_compared.get(speech.language, 0)
        if quick is None or n >= N_COMPARED:
            return quick
        self._n_compared[speech.language] = n + 1
        anew = self._renderer.render_anew(edition)
        if quick != anew:
            self._give_up(speech, "it is not the same mail")
        return anew

    def _give_up(self, speech: Speech, why: object) -> None:
        self._given_up.add(speech.language)
        log.info("render.anew language=%s why=%r", speech.language, why)

    def _filled_in(self, edition: Edition, speech: Speech) -> Rendered | None:
        from digest.edition.render import Rendered

        cards = [self._card(p, edition, speech) for p in edition.picks]
        page_html, page_text, context = self._page(edition, cards, speech)
        values = {name: str(context[name]) for name in _PERSONAL}
        texts = dict(values)
        for n, (pick, set_card) in enumerate(zip(edition.picks, cards, strict=True)):
            personal = self._renderer.personal(pick, edition, speech)
            rank = str(pick.rank)
            for of_page, form in ((values, set_card.html), (texts, set_card.text)):
                of_page[f"rank{n}"] = rank
                of_page[f"title{n}"] = set_card.title
                of_page[f"url{n}"] = set_card.url
                of_page[f"card{n}"] = form.fill(personal)
        html = page_html.fill(values)
        most = self._renderer.max_html_bytes
        # counted only if it may be too long: a character has four bytes at most
        if len(html) > most // 4 and len(html.encode()) > most:
            return None
        return Rendered(html=html, text=page_text.fill(texts).strip() + "\n")

    # --- cards ---------------------------------------------------------------------------------

    def _card(self, pick: Pick, edition: Edition, speech: Speech) -> _SetCard:
        has_match = self._renderer.is_scored(pick, edition)
        n_why = len(pick.reasons)
        shape = tuple(piece.marked for piece in self._renderer.abstract(pick))
        key = (pick.paper.id, speech.language, shape, n_why, has_match)
        known = self._cards.get(key)
        if known is not None and (known.paper is pick.paper or known.paper == pick.paper):
            return known
        if len(self._cards) >= MAX_CARDS:
            self._cards.clear()
        self._cards[key] = made = self._set_card(pick, edition, speech)
        return made

    def _set_card(self, pick: Pick, edition: Edition, speech: Speech) -> _SetCard:
        real = self._renderer.card(pick, edition, speech)
        texts = (real.title, real.url, *real.authors, *real.facts, *(k.url for k in real.links))
        if any(RESERVED.search(text) for text in texts):
            raise _OddText
        html, text = (
            self._fragment(name, real, edition, speech) for name in ("card.html.j2", "card.txt.j2")
        )
        return _SetCard(pick.paper, real.title, real.url, html, text)

    def _fragment(self, name: str, real: Card, edition: Edition, speech: Speech) -> Form:
        self._maker = maker = Maker()
        blanked = replace(
            real,
            rank=maker.blank("rank"),  # type: ignore[arg-type]
            why=tuple(maker.blank(f"why{n}") for n in range(len(real.why))),  # type: ignore[misc]
            match=maker.blank("match") if real.match else "",  # type: ignore[arg-type]
            abstract=tuple(
                replace(piece, text=maker.blank(f"abstract{n}"))  # type: ignore[arg-type]
                for n, piece in enumerate(real.abstract)
            ),
            actions=tuple(
                replace(link, url=maker.blank(f"action{n}"))  # type: ignore[arg-type]
                for n, link in enumerate(real.actions)
            ),
        )
        page = self._renderer.context(edition, (), None, speech)
        context = {n: page[n] for n in _SHARED} | {"card": blanked}
        found = self._environments_of(speech)[0].get_template(name).render(context)
        if not name.endswith(".html.j2"):
            return maker.form(found, html=False)
        before, after = self._frame(edition, speech)
        framed = self._renderer.inline(f"{before}{_BEGIN}{found}{_END}{after}")
        inside = framed.partition(_BEGIN)[2].partition(_END)[0]
        return maker.form(inside, html=True)

    def _frame(self, edition: Edition, speech: Speech) -> tuple[str, str]:
        """What stands around a card, so that rules of the CSS about what encloses it hold."""
        if speech.language not in self._frames:
            around = Maker()
            outer, self._maker = self._maker, around
            one = replace(edition, picks=edition.picks[:1])
            blank = around.blank("card0")
            place = _Place(rank=1, title="", url="", fragment=blank)
            context = self._renderer.context(one, (place,), None, speech)
            personal = dict.fromkeys(_PERSONAL, "")
            environment = self._environments_of(speech)[1]
            html = environment.get_template("digest.html.j2").render({**context, **personal})
            before, found, after = html.partition(str(blank))
            self._maker = outer
            if not found:
                raise NotShared
            self._frames[speech.language] = (before, after)
        return self._frames[speech.language]

    # --- pages ---------------------------------------------------------------------------------

    def _page(
        self, edition: Edition, cards: Sequence[_SetCard], speech: Speech
    ) -> tuple[Form, Form, Mapping[str, object]]:
        places = tuple(
            _Place(rank=p.rank, title=c.title, url=c.url, fragment=None)
            for p, c in zip(edition.picks, cards, strict=True)
        )
        context = self._renderer.context(edition, places, None, speech)
        parts: Any = context["parts"]
        key = (
            speech.language,
            edition.edition_date,
            edition.sources,
            context["notice"],
            context["contents"],
            tuple((p.key, p.heading, len(p.cards)) for p in parts),
            tuple(bool(c.url) for c in cards),
            tuple(bool(context[name]) for name in _PERSONAL),
        )
        forms = self._pages.get(key)
        if forms is None:
            if len(self._pages) >= MAX_PAGES:
                self._pages.clear()
            forms = self._pages[key] = (
                self._set_page("digest.html.j2", context, edition, places, speech),
                self._set_page("digest.txt.j2", context, edition, places, speech),
            )
        return *forms, context

    def _set_page(
        self,
        name: str,
        context: Mapping[str, object],
        edition: Edition,
        places: Sequence[_Place],
        speech: Speech,
    ) -> Form:
        self._maker = maker = Maker()
        fragments = [maker.blank(f"card{n}") for n in range(len(places))]
        blanked = tuple(
            _Place(
                rank=maker.blank(f"rank{n}"),
                title=maker.blank(f"title{n}"),
                url=maker.blank(f"url{n}") if place.url else "",
                fragment=fragments[n],
            )
            for n, place in enumerate(places)
        )
        by_rank = {place.rank: blank for place, blank in zip(places, blanked, strict=True)}
        parts: Any = context["parts"]
        whole = {
            **context,
            **{n: maker.blank(n) if context[n] else "" for n in _PERSONAL},
            "parts": tuple(
                replace(part, cards=tuple(by_rank[c.rank] for c in part.cards)) for part in parts
            ),
        }
        found = self._environments_of(speech)[1].get_template(name).render(whole)
        if not name.endswith(".html.j2"):
            return maker.form(found, html=False)
        return maker.form(self._renderer.inline(found), html=True, raw=fragments)

    def _environments_of(self, speech: Speech) -> tuple[jinja2.Environment, jinja2.Environment]:
        """For cards; and for pages, in which a card is a blank."""
        if speech.language not in self._environments:
            plain = self._renderer.environment(speech)
            cards = guarded(plain, lambda: self._maker, _LATER)
            blank = "{{ card.fragment }}"
            places = jinja2.DictLoader({"card.html.j2": blank, "card.txt.j2": blank})
            assert plain.loader is not None
            around = plain.overlay(loader=jinja2.ChoiceLoader([places, plain.loader]))
            self._environments[speech.language] = (
                cards,
                guarded(around, lambda: self._maker, _LATER),
            )
        return self._environments[speech.language]
