"""Addresses and templates of the site."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import jinja2
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from digest import __version__
from digest.app import TEMPLATES
from digest.config import Settings
from digest.text import counted


class Pages:
    """Renders pages, and knows where they are."""

    def __init__(self, settings: Settings) -> None:
        url = urlsplit(settings.web.url)
        #: where links of pages begin: "", or "/digest" behind a proxy
        self.prefix = url.path.rstrip("/")
        self.is_secure = url.scheme == "https"
        self.public_url = settings.web.url
        #: letters lead somewhere, and the operator wants it
        self.can_join = bool(settings.web.signups and self.public_url)
        self._environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader(TEMPLATES / "web"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.globals |= {
            "url": self.url,
            "site": settings.title,
            "signups": self.can_join,
            "version": __version__,
            "counted": counted,
        }
        self._environment.filters["day"] = lambda d: f"{d.day} {d:%B %Y}"
        self._environment.filters["weekday"] = lambda d: f"{d:%A}, {d.day} {d:%B %Y}"

    def url(self, path: str, **query: object) -> str:
        """The address of a page as links write it."""
        shown = {k: v for k, v in query.items() if v not in (None, "")}
        return f"{self.prefix}{quote(path, safe='/:')}" + (f"?{urlencode(shown)}" if shown else "")

    def absolute(self, path: str, **query: object) -> str:
        """The same as others must write it: in feeds and site maps."""
        root = self.public_url.removesuffix(self.prefix) if self.prefix else self.public_url
        return root + self.url(path, **query)

    def render(self, template: str, **context: Any) -> str:
        whole = {"private": False, "query": "", "feeds": (), "description": ""} | context
        return self._environment.get_template(template).render(whole)

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
            found = {"Cache-Control": "public, max-age=60"}
        return HTMLResponse(
            self.render(template, private=private, **context),
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
        """A page with a few words."""
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
