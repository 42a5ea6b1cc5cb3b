"""From an `Edition` to HTML and plain text, by templates.

The templates get finished words: what is shortened, counted or phrased is so in `cards` and `page`,
and a template only places it. Autoescaping is always on for HTML; the text template gets one-line
strings.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import jinja2

from digest.edition.cards import ABSTRACT_CHARS, Card, card, image_name
from digest.edition.layout import is_told, layout, leads_of
from digest.edition.letterhead import Letterhead
from digest.edition.page import LeftOut, context
from digest.edition.plaintext import isolated, wrap
from digest.edition.speech import ENGLISH, Speech
from digest.edition.styles import StyledLoader, css_of, inliner, with_plain_quotes
from digest.errors import RenderError
from digest.model import Edition, Rendered
from digest.text import shorten

#: Gmail clips a message at 102 KB of HTML; a little is left for what servers add
MAX_HTML_BYTES = 100_000


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
        self._plain: dict[str, jinja2.Environment] = {}
        self._styled: dict[str, jinja2.Environment] = {}
        #: templates that styles could not be written into
        self._unstyled: set[str] = set()
        self._inliner = inliner()

    def speech(self, language: str) -> Speech:
        return self._speeches.get(language, ENGLISH)

    def render(self, edition: Edition) -> Rendered:
        """The two bodies of an edition's mail; the HTML is short enough not to be clipped.

        Raises:
            RenderError: a template is wrong.
        """
        speech = self.speech(edition.subscriber.preferences.language)
        full = self._cards(edition, speech, ABSTRACT_CHARS[0])
        whole = context(edition, full, None, self.letterhead, speech)
        text = self._fill("digest.txt.j2", whole, self._environment(speech))
        html = self._fitting(edition, full, whole, speech)
        images = {n: p.thumbnail for p in edition.picks if p.thumbnail and (n := image_name(p))}
        shown = {name: jpeg for name, jpeg in images.items() if f"cid:{name}" in html}
        return Rendered(html=html, text=text.strip() + "\n", images=shown)

    def letter(self, language: str, words: Mapping[str, object]) -> Rendered:
        """The two bodies of a short letter: a heading, paragraphs, and one button.

        Args:
            words: heading, paragraphs, button {label, url}, and small print.

        Raises:
            RenderError: a template is wrong.
        """
        speech = self.speech(language)
        whole = {
            "language": speech.language,
            "accent": self.letterhead.accent,
            "title": self.letterhead.title,
            **words,
        }
        plain = self._environment(speech)
        html = self._inliner.inline(self._fill("letter.html.j2", whole, plain))
        text = self._fill("letter.txt.j2", whole, plain)
        return Rendered(html=html, text=text.strip() + "\n")

    def _cards(
        self, edition: Edition, speech: Speech, abstract_chars: tuple[int, int]
    ) -> tuple[Card, ...]:
        leads = leads_of(edition.picks)
        return tuple(
            card(
                pick,
                edition,
                self.letterhead,
                speech=speech,
                lead=pick.paper.id in leads,
                told=is_told(division, group),
                abstract_chars=abstract_chars,
            )
            for division in layout(edition.picks)
            for group in division.groups
            for pick in group.picks
        )

    def _fitting(
        self, edition: Edition, cards: Sequence[Card], whole: Mapping[str, object], speech: Speech
    ) -> str:
        """All of it if it fits; else with shorter abstracts; then fewer cards, with titles of the
        rest; then fewer titles."""

        def html(n_cards: int, n_titles: int) -> str:
            left_out = self._left_out(cards[n_cards:], n_titles, speech)
            whole = context(edition, cards[:n_cards], left_out, self.letterhead, speech)
            return self._page("digest.html.j2", whole, speech)

        def fits(found: str) -> bool:
            return len(found.encode()) <= self.max_html_bytes

        found = self._page("digest.html.j2", whole, speech)
        if fits(found):
            return found
        n = len(cards)
        for chars in ABSTRACT_CHARS[1:]:
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

    def _page(self, name: str, whole: Mapping[str, object], speech: Speech) -> str:
        """A page with its styles in the elements."""
        if speech.language not in self._styled:
            plain = self._environment(speech)
            # the page without papers has all of its stylesheet
            css = css_of(self._fill(name, {**whole, "parts": (), "left_out": None}, plain))
            loader = StyledLoader(self._loader, css, self._unstyled.add)
            self._styled[speech.language] = plain.overlay(loader=loader)
        found = self._fill(name, whole, self._styled[speech.language])
        if self._unstyled:
            return self._inliner.inline(self._fill(name, whole, self._environment(speech)))
        return with_plain_quotes(found)

    def _environment(self, speech: Speech) -> jinja2.Environment:
        known = self._plain.get(speech.language)
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
        self._plain[speech.language] = made
        return made

    def _fill(self, name: str, whole: Mapping[str, object], environment: jinja2.Environment) -> str:
        try:
            return environment.get_template(name).render(whole)
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
