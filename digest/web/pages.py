"""Addresses and templates of the site, in the languages that there are catalogues for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import jinja2
from markupsafe import Markup, escape
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from digest import __version__
from digest.app import TEMPLATES
from digest.config import Settings
from digest.edition.cards import Piece
from digest.edition.speech import ENGLISH, Speech
from digest.languages import N_, negotiated
from digest.text import counted

#: what is said of a fault for which there are no words in a reader's language
_FAULT = N_("Please check what you typed here.")
#: stand for the marks while a text is escaped as a whole; texts that are shown hold none
#: (`text.clean`)
_FROM, _TO = "\x02", "\x03"


def _as_html(pieces: Iterable[Piece]) -> Markup:
    """A text in pieces, with those that are marked."""
    text = "".join(f"{_FROM}{p.text}{_TO}" if p.marked else p.text for p in pieces)
    escaped = str(escape(text))  # as a bare text, in which Markup would escape what it puts in
    return Markup(escaped.replace(_FROM, "<mark>").replace(_TO, "</mark>"))


class Pages:
    """Renders pages, and knows where they are.

    Args:
        speeches: the languages there are; by default English alone.
    """

    def __init__(self, settings: Settings, speeches: Mapping[str, Speech] | None = None) -> None:
        url = urlsplit(settings.web.url)
        #: where links of pages begin: "", or "/digest" behind a proxy
        self.prefix = url.path.rstrip("/")
        self.is_secure = url.scheme == "https"
        self.public_url = settings.web.url
        #: letters lead somewhere, and the operator wants it
        self.can_join = bool(settings.web.signups and self.public_url)
        self._title = settings.title
        self._speeches = speeches or {"en": ENGLISH}
        self._environments: dict[str, jinja2.Environment] = {}

    # --- languages -----------------------------------------------------------------------------

    def language_of(self, request: Request) -> str:
        """That of the reader whose page it is, else what the browser asks for."""
        known = getattr(request.state, "language", "")
        return known or negotiated(request.headers.get("accept-language", ""), self._speeches)

    def speech_of(self, request: Request) -> Speech:
        return self.speech(self.language_of(request))

    def speech(self, language: str) -> Speech:
        return self._speeches.get(language, ENGLISH)

    def _environment(self, speech: Speech) -> jinja2.Environment:
        known = self._environments.get(speech.language)
        if known is not None:
            return known
        made = jinja2.Environment(
            loader=jinja2.FileSystemLoader(TEMPLATES / "web"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            extensions=["jinja2.ext.i18n"],
            trim_blocks=True,
            lstrip_blocks=True,
        )
        made.install_gettext_callables(  # type: ignore[attr-defined]
            speech.gettext, speech.plain_ngettext, newstyle=True
        )
        made.globals |= {
            "url": self.url,
            "site": self._title,
            "signups": self.can_join,
            "version": __version__,
            "language": speech.language,
            "counted": counted,  # on the admin's pages, which are English
            "weekday_name": speech.weekday,
        }
        made.filters |= {
            "day": speech.full_date,
            "weekday": speech.long_date,
            "month": speech.month,
            "number": speech.number,
            "listed_in_words": speech.listed,
            # of texts that a route or a preference brings; a % in them means nothing
            "translated": speech.gettext,
            "pieces": _as_html,
            "fault": lambda said: speech.told(said, _FAULT),
        }
        self._environments[speech.language] = made
        return made

    # --- addresses -----------------------------------------------------------------------------

    def url(self, path: str, **query: object) -> str:
        """The address of a page as links write it."""
        shown = {k: v for k, v in query.items() if v not in (None, "")}
        return f"{self.prefix}{quote(path, safe='/:')}" + (f"?{urlencode(shown)}" if shown else "")

    def absolute(self, path: str, **query: object) -> str:
        """The same as others must write it: in feeds and site maps."""
        root = self.public_url.removesuffix(self.prefix) if self.prefix else self.public_url
        return root + self.url(path, **query)

    # --- pages ---------------------------------------------------------------------------------

    def render(self, template: str, *, language: str = "en", **context: Any) -> str:
        whole = {"private": False, "query": "", "feeds": (), "description": "", "here_in": ""}
        environment = self._environment(self.speech(language))
        return environment.get_template(template).render(whole | context)

    def page(
        self,
        request: Request,
        template: str,
        *,
        status: int = 200,
        private: bool = True,
        headers: Mapping[str, str] | None = None,
        **context: Any,
    ) -> Response:
        """A page; a private one is kept by nobody and listed nowhere."""
        found = {"Cache-Control": "no-store", "X-Robots-Tag": "noindex, nofollow"}
        if not private:
            found = {"Cache-Control": "public, max-age=60", "Vary": "Accept-Language"}
        language = self.language_of(request)
        return HTMLResponse(
            self.render(template, language=language, private=private, **context),
            status_code=status,
            headers=found | dict(headers or {}),
        )

    def message(
        self,
        request: Request,
        heading: str,
        *paragraphs: str,
        status: int = 200,
        link: tuple[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        """A page with a few words, which are translated as far as the catalogue has them."""
        return self.page(
            request,
            "message.html.j2",
            status=status,
            heading=heading,
            paragraphs=paragraphs,
            link=link,
            headers=headers,
        )


def day_of(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
