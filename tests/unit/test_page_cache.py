"""Finished pages are kept as long as nothing has changed, and no more of them than fit."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest
from starlette.requests import Request
from starlette.responses import Response

from digest.web import page_cache
from digest.web.page_cache import PageCache


def asked() -> Request:
    return Request({"type": "http", "headers": []})


def test_the_pages_that_were_asked_for_last_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_cache, "MOST_BYTES", 250)
    made: list[str] = []

    async def get(cache: PageCache, key: str, state: str = "1", size: int = 100) -> None:
        def make() -> Response:
            made.append(key)
            return Response(b"x" * size, media_type="text/plain")

        answer = await cache.answer(asked(), key, state, make)
        assert len(answer.body) == size

    async def main() -> None:
        cache = PageCache()
        for key in ("a", "b", "a", "c", "a"):  # "b" has to go
            await get(cache, key)
        assert made == ["a", "b", "c"]
        await get(cache, "b")
        assert made == ["a", "b", "c", "b"]
        await get(cache, "b", state="2", size=200)  # another one in its place: "a" has to go
        await get(cache, "huge", size=300)  # larger than all that is kept: answered, not kept
        await get(cache, "huge", size=300)
        assert made[4:] == ["b", "huge", "huge"]

    asyncio.run(main())


def test_a_few_pages_are_made_at_a_time() -> None:
    lock, at_work, most = threading.Lock(), 0, 0

    def make() -> Response:
        nonlocal at_work, most
        with lock:
            at_work += 1
            most = max(most, at_work)
        time.sleep(0.02)
        with lock:
            at_work -= 1
        return Response(b"page", media_type="text/plain")

    async def main() -> None:
        cache = PageCache()
        await asyncio.gather(*(cache.answer(asked(), str(n), "1", make) for n in range(8)))

    asyncio.run(main())
    assert most == page_cache.AT_A_TIME


def test_a_page_that_many_want_is_made_once() -> None:
    made = 0

    def make() -> Response:
        nonlocal made
        made += 1
        return Response(b"page", media_type="text/plain")

    async def main() -> None:
        cache = PageCache()
        answers = (cache.answer(asked(), "a", "1", make) for _ in range(20))
        assert {bytes(a.body) for a in await asyncio.gather(*answers)} == {b"page"}

    asyncio.run(main())
    assert made == 1
