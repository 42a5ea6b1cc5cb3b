"""The application: routes, and everything around them; and `serve`, which runs it."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import signal
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from digest.app import App
from digest.colour import Accent
from digest.errors import DigestError, StoreError
from digest.web.admin import Admin
from digest.web.guard import Guard, ProxyWatch, policy
from digest.web.office import Office
from digest.web.papers import Papers
from digest.web.people import Page, People
from digest.web.protocol import HttpProtocol

log = logging.getLogger(__name__)

#: seconds that open requests have when the server is told to stop
GRACE_S = 10
_GET, _BOTH, _POST = ["GET"], ["GET", "POST"], ["POST"]


def application(app: App, *, new_id: Callable[[], str]) -> Starlette:
    """The whole site over an opened app; its threads live as long as it is served."""
    office = Office(app, new_id=new_id)
    papers, people, admin = Papers(office), People(office), Admin(office)
    told = people.told

    def mine_of(page: Page) -> Page:
        return told(people.strong(page))

    style = office.render("site.css", accent=Accent.of(app.settings.mail.accent)).encode()
    style_tag = f'"{hashlib.sha256(style).hexdigest()[:24]}"'

    async def css(request: Request) -> Response:
        headers = {"Cache-Control": "public, max-age=3600", "ETag": style_tag}
        if request.headers.get("if-none-match") == style_tag:
            return Response(status_code=304, headers=headers)
        return Response(style, media_type="text/css", headers=headers)

    async def health(request: Request) -> Response:
        """200 while the store answers. How much is indexed, and what is wrong, is the admin's to
        know; others learn nothing of what stands behind the site."""
        headers = {"Cache-Control": "no-store"}
        is_asked = admin.is_on and "authorization" in request.headers
        try:
            await run_in_threadpool(office.store.state)
        except StoreError as error:
            log.error("health.failing %s", error)
            # the store would count wrong passwords; each costs a second instead
            known = is_asked and await admin.is_admin(request)
            fault = {"fault": str(error)} if known else {}
            return JSONResponse({"status": "failing"} | fault, status_code=503, headers=headers)
        if not is_asked:
            return JSONResponse({"status": "ok"}, headers=headers)
        refusal = await admin.refusal(request)
        found = {"status": "ok", "indexed": len(office.finder)}
        return refusal or JSONResponse(found, headers=headers)

    async def missing(request: Request, error: Exception) -> Response:
        return office.said(request, "There is no such page", status=404)

    async def crashed(request: Request, error: Exception) -> Response:
        # made outside of the guard, so the headers are put on here
        return office.said(
            request,
            "Something went wrong",
            "It is written down, and not your fault.",
            status=500,
            headers=headers,
        )

    async def refused(request: Request, error: Exception) -> Response:
        return office.said(request, "That cannot be done now", str(error), status=503)

    token = "{token:str}"
    mine = f"/preferences/{token}"
    routes = [
        Route("/", papers.front, methods=_GET),
        Route("/papers/{day:str}", papers.day, methods=_GET),
        Route("/papers/{day:str}/feed.{form:str}", papers.day_feed, methods=_GET),
        Route("/feed.{form:str}", papers.latest_feed, methods=_GET),
        Route("/search", papers.search, methods=_GET),
        Route("/search/feed.{form:str}", papers.search_feed, methods=_GET),
        Route("/paper/{paper_id:path}", papers.paper, methods=_GET),
        Route("/rate", told(people.rate), methods=_POST),
        Route("/subscribe", told(people.subscribe), methods=_BOTH),
        Route(f"/confirm/{token}", told(people.confirm), methods=_BOTH),
        Route(mine, mine_of(people.preferences), methods=_BOTH),
        Route(f"{mine}/ratings", mine_of(people.take_back), methods=_POST),
        Route(f"{mine}/likes", mine_of(people.add_likes), methods=_POST),
        Route(f"{mine}/state", mine_of(people.pause), methods=_POST),
        Route(f"{mine}/browser", mine_of(people.recognise), methods=_POST),
        Route(f"{mine}/export.json", mine_of(people.export), methods=_GET),
        Route(f"{mine}/delete", mine_of(people.forget), methods=_BOTH),
        Route(f"{mine}/links", mine_of(people.call_in), methods=_POST),
        Route(f"/link/{token}", told(people.mail_link), methods=_POST),
        Route(f"/feedback/{token}", told(people.feedback), methods=_BOTH),
        Route(f"/unsubscribe/{token}", told(people.unsubscribe), methods=_BOTH),
        Route(f"/editions/{token}", told(people.edition), methods=_GET),
        Route(f"/feed/{token}/{{form:str}}", told(people.own_feed), methods=_GET),
        Route("/site.css", css, methods=_GET),
        Route("/robots.txt", papers.robots, methods=_GET),
        Route("/sitemap.xml", papers.sitemap, methods=_GET),
        Route("/healthz", health, methods=_GET),
    ]
    if admin.is_on:
        routes += [
            Route("/admin", admin.guarded(admin.overview), methods=_GET),
            Route("/admin/subscribers", admin.guarded(admin.subscribers), methods=_GET),
            Route(
                "/admin/subscribers/{subscriber_id:str}",
                admin.guarded(admin.subscriber),
                methods=_GET,
            ),
        ]

    @asynccontextmanager
    async def living(_: Starlette) -> AsyncIterator[dict[str, Office]]:
        office.finder.start()
        office.postman.start()
        try:
            yield {"office": office}
        finally:
            await run_in_threadpool(office.finder.stop)
            await run_in_threadpool(office.postman.stop)

    headers = {
        "Content-Security-Policy": policy(thumbnails=app.settings.web.thumbnails),
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    }
    if office.is_secure:
        headers["Strict-Transport-Security"] = "max-age=31536000"
    trusted = app.settings.web.trusted_proxies
    proxies = [Middleware(ProxyHeadersMiddleware, trusted_hosts=list(trusted))] if trusted else []
    made = Starlette(
        routes=routes,
        middleware=[
            Middleware(ProxyWatch, trusted=trusted, seen=office.proxy_seen),
            *proxies,
            Middleware(
                Guard,
                prefix=office.prefix,
                requests_per_minute=app.settings.web.requests_per_minute,
                headers=headers,
                is_exempt=office.may_leave,
            ),
        ],
        exception_handlers={404: missing, 500: crashed, DigestError: refused},
        lifespan=living,
    )
    made.router.redirect_slashes = False  # its redirects take the host from the request
    made.state.office = office
    return made


def listening(host: str, port: int) -> socket.socket:
    """A socket that listens.

    Raises:
        DigestError: the address cannot be listened at.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # with its protocol, or asyncio does not see that it may switch off Nagle's delay
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(2048)  # whoever reads that we listen may come at once
    except OSError as error:
        listener.close()
        raise DigestError(
            f"{host}, port {port} cannot be listened at ({error.strerror}); --host and --port name "
            "others."
        ) from error
    return listener


def address_of(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


def serve(
    app: App,
    listener: socket.socket,
    *,
    new_id: Callable[[], str],
    on_ready: Callable[[str], None],
) -> None:
    """Answer until SIGTERM or Ctrl-C, which let open requests finish."""
    app.sync_subscribers()
    made = application(app, new_id=new_id)

    async def main() -> None:
        config = uvicorn.Config(
            made,
            http=HttpProtocol,
            log_level="error",
            access_log=False,  # addresses of pages hold tokens
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=GRACE_S,
            limit_concurrency=1_000,
            timeout_keep_alive=30,
        )
        on_ready(address_of(listener))
        await uvicorn.Server(config).serve(sockets=[listener])

    # uvicorn lets open requests finish and then raises the signal again, which would kill us
    signal.signal(signal.SIGTERM, lambda *_: None)
    with suppress(KeyboardInterrupt):  # Ctrl-C is how it is meant to end
        asyncio.run(main())
