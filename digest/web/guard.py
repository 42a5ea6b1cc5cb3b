"""What stands before every page: size and pace of requests, the prefix, and headers."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address, ip_network

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from digest.address import is_trusted

log = logging.getLogger(__name__)

#: an uploaded library, and everything else that a form sends
MAX_UPLOAD_BYTES, MAX_FORM_BYTES = 5_000_000, 100_000
MAX_ADDRESS_CHARS = 12_000
#: forms of one client in a minute
POSTS_PER_MINUTE = 30
#: clients remembered at a time
MAX_CLIENTS = 20_000
#: a form must arrive within this
MAX_BODY_S = 60.0


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at: float


class RateLimiter:
    """A token bucket for each client."""

    def __init__(self, per_minute: int) -> None:
        self._most, self._per_s = float(per_minute), per_minute / 60
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def allows(self, client: str, now: float) -> bool:
        if not self._most:
            return True
        bucket = self._buckets.pop(client, None) or _Bucket(self._most, now)
        bucket.tokens = min(self._most, bucket.tokens + (now - bucket.at) * self._per_s)
        bucket.at = now
        self._buckets[client] = bucket
        if len(self._buckets) > MAX_CLIENTS:
            self._buckets.popitem(last=False)
        if bucket.tokens < 1:
            return False
        bucket.tokens -= 1
        return True


def client_of(scope: Scope) -> str:
    """Whose request it is: an address, or the network of one where addresses are plentiful."""
    host = str((scope.get("client") or ("",))[0])
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:  # a socket of the file system has none
        return host
    if not isinstance(address, IPv6Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    # one household has 2^64 addresses of IPv6
    return str(ip_network((address, 64), strict=False))


class ProxyWatch:
    """Middleware that notices a proxy which is not trusted: all its visitors would be one client.

    Args:
        seen: told the peer's address, once.
    """

    def __init__(
        self, app: ASGIApp, *, trusted: Sequence[str], seen: Callable[[str], None]
    ) -> None:
        self._app, self._trusted, self._seen = app, trusted, seen
        self._told = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not self._told and scope["type"] == "http" and "x-forwarded-for" in Headers(scope=scope):
            peer = str((scope.get("client") or ("",))[0])
            if not is_trusted(peer, self._trusted):
                self._told = True
                log.warning(
                    "web.proxy_not_trusted peer=%s: if this is your proxy, name it in [web] "
                    "trusted_proxies; until then all its visitors count as one",
                    peer,
                )
                await run_in_threadpool(self._seen, peer)
        await self._app(scope, receive, send)


class LimitsMiddleware:
    """Middleware; pure ASGI, since it looks at the body as it comes.

    Args:
        prefix: of all paths behind a proxy, such as "/digest"; removed where the proxy left it.
        requests_per_minute: of one client; 0: any number.
        is_exempt: whether a POST to a path is never too much: leaving with a valid link, which
            mail providers send for many of their users from few addresses.
        headers: put on every answer that does not have them.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        prefix: str,
        requests_per_minute: int,
        headers: Mapping[str, str],
        is_exempt: Callable[[str], bool] = lambda path: False,
    ) -> None:
        self._app, self._prefix, self._headers = app, prefix, headers
        self._is_exempt = is_exempt
        self._all = RateLimiter(requests_per_minute)
        self._posts = RateLimiter(POSTS_PER_MINUTE if requests_per_minute else 0)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path = scope["path"]
        if self._prefix and (path == self._prefix or path.startswith(f"{self._prefix}/")):
            path = path[len(self._prefix) :]
        # "/admin/" is "/admin" without a redirect, which would name a host
        scope = dict(scope) | {"path": path.rstrip("/") or "/"}
        answer = self._refusal(scope)
        if answer is not None:
            await answer(scope, receive, self._with_headers(send))
            return
        limited = _Limited(receive, _most_bytes(scope["path"]))
        try:
            await self._app(scope, limited, self._with_headers(send))
        except _TooLarge:
            if not limited.answered:
                refusal = PlainTextResponse("That is too large.\n", status_code=413)
                await refusal(scope, receive, self._with_headers(send))

    def _refusal(self, scope: Scope) -> PlainTextResponse | None:
        now, client = time.monotonic(), client_of(scope)
        length = Headers(scope=scope).get("content-length", "0")
        if not length.isdigit() or int(length) > _most_bytes(scope["path"]):
            return PlainTextResponse("That is too large.\n", status_code=413)
        if len(scope["path"]) + len(scope.get("query_string", b"")) > MAX_ADDRESS_CHARS:
            return PlainTextResponse("That address is too long.\n", status_code=414)
        if scope["method"] == "POST" and self._is_exempt(scope["path"]):
            return None
        allowed = self._all.allows(client, now)
        if scope["method"] == "POST":
            allowed = self._posts.allows(client, now) and allowed
        if not allowed:
            return PlainTextResponse(
                "Too many requests; please wait a minute.\n",
                status_code=429,
                headers={"Retry-After": "60"},
            )
        return None

    def _with_headers(self, send: Send) -> Send:
        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                found = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    found.setdefault(name, value)
            await send(message)

        return sending


def _most_bytes(path: str) -> int:
    takes_files = path.rstrip("/").endswith(("/subscribe", "/likes"))
    takes_files |= path.startswith("/reports/")  # a provider may tell of a thousand at once
    return MAX_UPLOAD_BYTES if takes_files else MAX_FORM_BYTES


class _TooLarge(Exception):
    """The body is longer than it may be."""


class _Limited:
    """Counts a body whose length was not announced, or was announced wrongly; and its time."""

    def __init__(self, receive: Receive, most: int) -> None:
        self._receive, self._left = receive, most
        self._until = time.monotonic() + MAX_BODY_S
        self._whole = self.answered = False

    async def __call__(self) -> Message:
        if self._whole:  # what follows is the client's leaving, however late
            return await self._receive()
        patience = max(0.0, self._until - time.monotonic())
        try:
            message = await asyncio.wait_for(self._receive(), patience)
        except TimeoutError as error:
            raise _TooLarge from error
        if message["type"] == "http.request":
            self._left -= len(message.get("body", b""))
            self._whole = not message.get("more_body", False)
            if self._left < 0:
                raise _TooLarge
        return message


def form_token(keys: tuple[bytes, ...], session: str) -> str:
    """What a form must carry besides the cookie: other sites can send the cookie, not this."""
    return hmac.new(keys[-1], b"form|" + session.encode(), hashlib.sha256).hexdigest()


def is_form_token(keys: tuple[bytes, ...], session: str, token: str) -> bool:
    wanted = (hmac.new(k, b"form|" + session.encode(), hashlib.sha256).hexdigest() for k in keys)
    return any(hmac.compare_digest(w, token) for w in wanted)


def policy(*, thumbnails: bool) -> str:
    """The Content-Security-Policy of all pages: nothing from elsewhere, and no scripts at all."""
    images = "'self' https:" if thumbnails else "'self'"
    return (
        f"default-src 'none'; style-src 'self'; img-src {images}; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    )
