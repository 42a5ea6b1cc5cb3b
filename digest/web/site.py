"""The application: routes, and everything around them; and `serve`, which runs it."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any, Protocol

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from digest import jobs
from digest.app import App
from digest.errors import DigestError
from digest.languages import N_
from digest.web.context import WebContext
from digest.web.guard import LimitsMiddleware, ProxyWatch, policy
from digest.web.protocol import HttpProtocol
from digest.web.routes import api
from digest.web.routes.account import AccountRoutes
from digest.web.routes.admin import AdminRoutes
from digest.web.routes.api import ApiRoutes
from digest.web.routes.editions import EditionRoutes
from digest.web.routes.feedback import FeedbackRoutes
from digest.web.routes.libraries import LibraryRoutes
from digest.web.routes.members import Members
from digest.web.routes.papers import PaperRoutes
from digest.web.routes.periods import PeriodRoutes
from digest.web.routes.preferences import PreferencesRoutes
from digest.web.routes.reading_list import ReadingListRoutes
from digest.web.routes.reports import PATH as REPORTS
from digest.web.routes.reports import ReportRoutes
from digest.web.routes.signup import SignupRoutes
from digest.web.routes.taste import TasteRoutes
from digest.web.routes.technical import TechnicalRoutes

log = logging.getLogger(__name__)

#: seconds that open requests have when the server is told to stop
GRACE_S = 10
#: connections that may wait to be accepted: whoever reads that we listen may come at once
WAITING = 2_048


class HasRoutes(Protocol):
    """Pages of one subject."""

    def routes(self) -> list[Route]: ...


def application(app: App, *, new_id: Callable[[], str]) -> Starlette:
    """The whole site over an opened app; its threads live as long as it is served."""
    web = WebContext(app, new_id=new_id)
    admin = AdminRoutes(web)
    members = Members(web)
    papers, feedback = PaperRoutes(web), FeedbackRoutes(web)
    rooms: list[HasRoutes] = [
        papers,
        PeriodRoutes(web),
        SignupRoutes(web),
        members,
        PreferencesRoutes(web, members),
        LibraryRoutes(web, members),
        ReadingListRoutes(web, members),
        TasteRoutes(web, members),
        AccountRoutes(web, members),
        feedback,
        EditionRoutes(web),
        ApiRoutes(web, papers, feedback),
        ReportRoutes(web),
        TechnicalRoutes(web, admin),
        *([admin] if admin.is_on else []),
    ]
    headers = _headers(app, is_secure=web.pages.is_secure)
    trusted = app.settings.web.trusted_proxies
    proxies = [Middleware(ProxyHeadersMiddleware, trusted_hosts=list(trusted))] if trusted else []
    made = Starlette(
        routes=[route for room in rooms for route in room.routes()],
        middleware=[
            Middleware(ProxyWatch, trusted=trusted, seen=web.proxy_seen),
            *proxies,
            Middleware(
                LimitsMiddleware,
                prefix=web.pages.prefix,
                requests_per_minute=app.settings.web.requests_per_minute,
                headers=headers,
                is_exempt=lambda path: web.sessions.may_leave(path) or path.startswith(REPORTS),
            ),
        ],
        exception_handlers=_faults(web, headers),
        lifespan=_lifespan(web),
    )
    made.router.redirect_slashes = False  # its redirects take the host from the request
    made.state.web = web
    return made


def _headers(app: App, *, is_secure: bool) -> dict[str, str]:
    """What every answer carries."""
    headers = {
        "Content-Security-Policy": policy(thumbnails=app.settings.web.thumbnails),
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    }
    if is_secure:
        headers["Strict-Transport-Security"] = "max-age=31536000"
    return headers


def _faults(web: WebContext, headers: Mapping[str, str]) -> dict[Any, Any]:
    async def missing(request: Request, error: Exception) -> Response:
        if api.is_asked(request):
            detail = f"What there is: {web.pages.absolute(api.BASE)}/openapi.json"
            return api.problem(api.Problem(title="No such thing", status=404, detail=detail))
        return web.pages.message(request, N_("There is no such page"), status=404)

    async def crashed(request: Request, error: Exception) -> Response:
        # made outside of the middleware, so the headers are put on here
        if api.is_asked(request):
            detail = "It is written down, and not your fault."
            told = api.problem(api.Problem(title="Something went wrong", status=500, detail=detail))
            told.headers.update(headers)
            return told
        return web.pages.message(
            request,
            N_("Something went wrong"),
            N_("It is written down, and not your fault."),
            status=500,
            headers=headers,
        )

    async def refused(request: Request, error: Exception) -> Response:
        return web.pages.message(request, N_("That cannot be done now"), str(error), status=503)

    return {404: missing, 500: crashed, DigestError: refused}


def _lifespan(web: WebContext) -> Any:
    @asynccontextmanager
    async def living(_: Starlette) -> AsyncIterator[dict[str, WebContext]]:
        web.index.start()
        web.mailer.start()
        try:
            yield {"web": web}
        finally:
            await run_in_threadpool(web.index.stop)
            await run_in_threadpool(web.mailer.stop)

    return living


def listening(host: str, port: int, *, is_shared: bool = False) -> socket.socket:
    """A socket that listens.

    Args:
        is_shared: others may listen at the same port, and Linux deals connections out among them.

    Raises:
        DigestError: the address cannot be listened at.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # with its protocol, or asyncio does not see that it may switch off Nagle's delay
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if is_shared:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        listener.bind((host, port))
        listener.listen(WAITING)
    except OSError as error:
        listener.close()
        raise DigestError(
            f"{host}, port {port} cannot be listened at ({error.strerror}); --host and --port name "
            "others."
        ) from error
    return listener


def listening_together(host: str, port: int, n: int) -> list[socket.socket]:
    """Sockets for `n` processes that listen at one port, a socket each.

    Of several processes at one socket the first to wake takes all connections that come at once,
    and on a busy machine that is the same process every time. Only Linux deals out; elsewhere all
    get one socket nevertheless.

    Raises:
        DigestError: the address cannot be listened at.
    """
    # alone at first: a second digest at this port must be told, and not get half of the readers
    alone = listening(host, port)
    if sys.platform != "linux":
        return [alone] * n
    port = alone.getsockname()[1]
    alone.close()
    return [listening(host, port, is_shared=True) for _ in range(n)]


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
    jobs.sync_subscribers(app)
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
            backlog=WAITING,
            timeout_keep_alive=30,
        )
        on_ready(address_of(listener))
        await uvicorn.Server(config).serve(sockets=[listener])

    # uvicorn lets open requests finish and then raises the signal again, which would kill us
    signal.signal(signal.SIGTERM, lambda *_: None)
    with suppress(KeyboardInterrupt):  # Ctrl-C is how it is meant to end
        asyncio.run(main())
