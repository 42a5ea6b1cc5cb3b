"""Finished public pages, kept as long as nothing has changed."""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Callable

from anyio import CapacityLimiter, to_thread
from starlette.requests import Request
from starlette.responses import Response

#: bytes of pages that are kept
MOST_BYTES = 6_000_000
#: pages that are made at a time: twenty threads that want one interpreter only delay each other,
#: and each may hold all papers of a day
AT_A_TIME = 2


class PageCache:
    """Finished public pages, as long as nothing has changed."""

    def __init__(self) -> None:
        self._limiter = CapacityLimiter(AT_A_TIME)
        #: by key, the latest last: the state that it is of, body, ETag and media type
        self._pages: OrderedDict[str, tuple[str, bytes, str, str]] = OrderedDict()
        self._n_bytes = 0
        self._making: dict[str, asyncio.Future[Response]] = {}

    async def answer(
        self, request: Request, key: str, state: str, make: Callable[[], Response]
    ) -> Response:
        """The page under a key, made if it is not there; 304 if the browser has it."""
        known = self._pages.get(key)
        if known is None or known[0] != state:
            made = await self._made(f"{state} {key}", make)
            if made.status_code != 200:
                return made
            body = bytes(made.body)
            etag = f'"{hashlib.sha256(body).hexdigest()[:24]}"'
            known = (state, body, etag, made.headers["content-type"])
        self._keep(key, known)
        _, body, etag, media_type = known
        headers = {
            "Cache-Control": "public, max-age=60",
            "Vary": "Accept-Language",
            "ETag": etag,
        }
        if request.headers.get("if-none-match") == etag:
            return Response(status_code=304, headers=headers)
        return Response(body, headers=headers, media_type=media_type)

    def _keep(self, key: str, page: tuple[str, bytes, str, str]) -> None:
        """Only the event loop's thread comes here."""
        before = self._pages.pop(key, None)
        self._n_bytes += len(page[1]) - (len(before[1]) if before else 0)
        self._pages[key] = page
        while self._n_bytes > MOST_BYTES:
            _, (_, body, _, _) = self._pages.popitem(last=False)
            self._n_bytes -= len(body)

    async def _made(self, key: str, make: Callable[[], Response]) -> Response:
        """Many may ask for a page that is not there yet; it is made once."""
        waiting = self._making.get(key)
        if waiting is not None:
            return await asyncio.shield(waiting)
        job = asyncio.ensure_future(to_thread.run_sync(make, limiter=self._limiter))
        self._making[key] = job
        job.add_done_callback(lambda _: self._making.pop(key, None))
        return await asyncio.shield(job)
