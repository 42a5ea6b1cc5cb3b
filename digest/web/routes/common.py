"""What the routes share: pages for links that do not work, and limits on what is asked for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import lru_cache
from time import monotonic
from zoneinfo import available_timezones

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from digest.bibliography import MEDIA_TYPES, SUFFIXES, write
from digest.errors import LibraryError, TokenError, TokenExpired
from digest.model import Paper
from digest.ports import Likes
from digest.web.context import WebContext
from digest.web.forms import ReadLibrary

#: a HEAD reads as a GET does; scanners of mail send both
READS = ("GET", "HEAD")
GET, BOTH, POST = ["GET"], ["GET", "POST"], ["POST"]
#: of ratings that are made here
ORIGIN = "web"

Page = Callable[[Request], Awaitable[Response]]


def handles_token_errors(web: WebContext, page: Page) -> Page:
    """A page whose faults are pages: a link that is old, torn, or for something else."""

    async def answer(request: Request) -> Response:
        try:
            return await page(request)
        except TokenError as error:
            return web.pages.message(
                request,
                "This link does not work",
                str(error),
                "The links of a newer mail do.",
                status=410 if isinstance(error, TokenExpired) else 404,
            )

    return answer


def asked_too_often(web: WebContext, request: Request) -> Response:
    return web.pages.message(
        request,
        "Too many requests",
        "There were too many requests from your network. Please try again in an hour.",
        status=429,
        headers={"Retry-After": "3600"},
    )


def reading(web: WebContext, client: str) -> ReadLibrary:
    """Reads the library of a form, unless this client hands in too many."""

    async def read(body: bytes, place: str) -> Likes:
        if not web.uploads.allows(client, monotonic()):
            raise LibraryError(
                "You have uploaded several files just now. Please wait a minute.", place=place
            )
        return await web.uploads.read(body, place)

    return read


def bibliography(request: Request, papers: Sequence[Paper], form: str) -> Response:
    """Papers as a file for a reference manager.

    Args:
        form: one of `bibliography.FORMATS`.
    """
    ending = next(e for e, f in SUFFIXES.items() if f == form)
    return PlainTextResponse(
        write(papers, form),
        media_type=MEDIA_TYPES[form],
        headers={
            "Content-Disposition": f'attachment; filename="papers{ending}"',
            "X-Robots-Tag": "noindex",
            "Cache-Control": "no-store",
        },
    )


@lru_cache(maxsize=1)
def zones() -> tuple[str, ...]:
    """Names of time zones that people live in."""
    named = (z for z in available_timezones() if "/" in z and not z.startswith("Etc/"))
    return (*sorted(named), "UTC")
