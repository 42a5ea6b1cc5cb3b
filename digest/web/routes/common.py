"""What the routes share: pages for links that do not work, and limits on what is asked for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import lru_cache
from time import monotonic
from zoneinfo import available_timezones

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from digest.bibliography import MEDIA_TYPES, SUFFIXES, write
from digest.errors import LibraryError, TokenError, TokenExpired
from digest.languages import N_
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
    """A page in its reader's language whose faults are pages: a link that is old, torn, or for
    something else."""

    async def answer(request: Request) -> Response:
        token = request.path_params.get("token", "")
        request.state.language = await run_in_threadpool(web.sessions.language, request, token)
        try:
            return await page(request)
        except TokenError as error:
            return web.pages.message(
                request,
                N_("This link does not work"),
                told(web, request, error),
                N_("The links of a newer mail do."),
                status=410 if isinstance(error, TokenExpired) else 404,
            )

    return answer


def told(web: WebContext, request: Request, error: TokenError) -> str:
    """What is wrong with a link, in the language of the page."""
    speech = web.pages.speech_of(request)
    if isinstance(error, TokenExpired) and error.signed_on:
        text = speech.gettext("This link is of {day} and too old to be used.")
        return text.format(day=speech.full_date(error.signed_on))
    return str(error)  # as the catalogues have it


def asked_too_often(web: WebContext, request: Request) -> Response:
    return web.pages.message(
        request,
        N_("Too many requests"),
        N_("There were too many requests from your network. Please try again in an hour."),
        status=429,
        headers={"Retry-After": "3600"},
    )


def reading(web: WebContext, client: str) -> ReadLibrary:
    """Reads the library of a form, unless this client hands in too many."""

    async def read(body: bytes, place: str) -> Likes:
        if not web.uploads.allows(client, monotonic()):
            raise LibraryError(
                N_("You have uploaded several files just now. Please wait a minute."), place=place
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
