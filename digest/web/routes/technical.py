"""What machines ask for: the stylesheet, where the pages are, and whether the site is well."""

from __future__ import annotations

import hashlib
import logging
from datetime import timedelta

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from digest.colour import Accent
from digest.errors import StoreError
from digest.web.context import WebContext
from digest.web.routes.admin import AdminRoutes
from digest.web.routes.common import GET

log = logging.getLogger(__name__)


class TechnicalRoutes:
    """The stylesheet, the map and the health of the site."""

    def __init__(self, web: WebContext, admin: AdminRoutes) -> None:
        self._web, self._admin = web, admin
        accent = Accent.of(web.settings.mail.accent)
        self._style = web.pages.render("site.css", accent=accent).encode()
        self._style_tag = f'"{hashlib.sha256(self._style).hexdigest()[:24]}"'

    def routes(self) -> list[Route]:
        return [
            Route("/site.css", self.css, methods=GET),
            Route("/healthz", self.health, methods=GET),
            Route("/robots.txt", self.robots, methods=GET),
            Route("/sitemap.xml", self.sitemap, methods=GET),
        ]

    async def css(self, request: Request) -> Response:
        headers = {"Cache-Control": "public, max-age=3600", "ETag": self._style_tag}
        if request.headers.get("if-none-match") == self._style_tag:
            return Response(status_code=304, headers=headers)
        return Response(self._style, media_type="text/css", headers=headers)

    async def health(self, request: Request) -> Response:
        """200 while the store answers. How much is indexed, and what is wrong, is the admin's to
        know; others learn nothing of what stands behind the site."""
        headers = {"Cache-Control": "no-store"}
        is_asked = self._admin.is_on and "authorization" in request.headers
        try:
            await run_in_threadpool(self._web.store.archive.state)
        except StoreError as error:
            log.error("health.failing %s", error)
            # the store would count wrong passwords; each costs a second instead
            known = is_asked and await self._admin.is_admin(request)
            fault = {"fault": str(error)} if known else {}
            return JSONResponse({"status": "failing"} | fault, status_code=503, headers=headers)
        if not is_asked:
            return JSONResponse({"status": "ok"}, headers=headers)
        refusal = await self._admin.refusal(request)
        found = {"status": "ok", "indexed": len(self._web.index)}
        return refusal or JSONResponse(found, headers=headers)

    async def robots(self, request: Request) -> Response:
        web = self._web
        private = "editions feedback preferences unsubscribe confirm link feed admin".split()
        lines = ["User-agent: *", *(f"Disallow: {web.pages.prefix}/{p}/" for p in private)]
        lines.append(f"Disallow: {web.pages.prefix}/search")
        if web.pages.public_url:
            lines.append(f"Sitemap: {web.pages.absolute('/sitemap.xml')}")
        return PlainTextResponse("\n".join(lines) + "\n")

    def sitemap(self, request: Request) -> Response:
        web = self._web
        days = web.store.archive.days(web.now().date() + timedelta(days=1), 1_000)
        places = [web.pages.absolute("/"), *(web.pages.absolute(f"/papers/{d}") for d, _ in days)]
        body = "".join(f"<url><loc>{p}</loc></url>" for p in places)
        return Response(
            '<?xml version="1.0" encoding="utf-8"?>'
            f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{body}</urlset>',
            media_type="application/xml",
        )
