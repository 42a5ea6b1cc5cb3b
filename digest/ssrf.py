"""Requests that lead to public addresses only: a source must not make us ask our own network."""

from __future__ import annotations

import ipaddress
import socket
import urllib.request
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import httpcore
import httpx

#: addresses that `is_global` lets through although they lead back inside
_TRANSLATED = (ipaddress.ip_network("64:ff9b::/96"), ipaddress.ip_network("2002::/16"))


class PrivateAddress(httpcore.ConnectError):
    """A name led to an address on a private network."""


def is_public(address: str) -> bool:
    ip = ipaddress.ip_address(address.split("%")[0])
    mapped = getattr(ip, "ipv4_mapped", None)
    if mapped is not None:
        ip = mapped
    if any(ip in network for network in _TRANSLATED if ip.version == network.version):
        return False
    return ip.is_global and not ip.is_multicast


class _PublicOnly(httpcore.NetworkBackend):
    """Connects to the very address it has checked, so that a second answer of the name server
    cannot lead elsewhere; TLS still verifies the name."""

    def __init__(self) -> None:
        self._inner = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError(f"the name {host} cannot be resolved") from error
        addresses = list(dict.fromkeys(str(info[4][0]) for info in found))
        public = [a for a in addresses if is_public(a)]
        if not public:
            raise PrivateAddress(
                f"{host} is a private address; set allow_private = true for it "
                "if that is what you want"
            )
        last: httpcore.ConnectError | httpcore.ConnectTimeout | None = None
        for address in public[:4]:
            try:
                return self._inner.connect_tcp(
                    address, port, timeout, local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                last = error
        assert last is not None
        raise last


class PublicOnlyTransport(httpx.BaseTransport):
    """What `httpx.HTTPTransport` does, over httpcore's own interface, by which a network backend
    can be handed over."""

    def __init__(self) -> None:
        self._pool = httpcore.ConnectionPool(
            ssl_context=httpx.create_ssl_context(), network_backend=_PublicOnly()
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        assert isinstance(request.stream, httpx.SyncByteStream)
        asked = httpcore.Request(
            method=request.method,
            url=httpcore.URL(
                scheme=request.url.raw_scheme,
                host=request.url.raw_host,
                port=request.url.port,
                target=request.url.raw_path,
            ),
            headers=request.headers.raw,
            content=request.stream,
            extensions=request.extensions,
        )
        with _as_httpx():
            answer = self._pool.handle_request(asked)
        assert isinstance(answer.stream, Iterable)
        return httpx.Response(
            status_code=answer.status,
            headers=answer.headers,
            stream=_Body(answer),
            extensions=answer.extensions,
        )

    def close(self) -> None:
        self._pool.close()


class _Body(httpx.SyncByteStream):
    def __init__(self, answer: httpcore.Response) -> None:
        self._answer = answer

    def __iter__(self) -> Iterator[bytes]:
        with _as_httpx():
            yield from self._answer.iter_stream()

    def close(self) -> None:
        self._answer.close()


@contextmanager
def _as_httpx() -> Iterator[None]:
    """Errors of httpcore as those of httpx, which have the same names."""
    try:
        yield
    except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException) as error:
        names = (kind.__name__ for kind in type(error).__mro__)
        found = next((n for n in names if hasattr(httpx, n)), "TransportError")
        raise getattr(httpx, found)(str(error)) from error


class _ByEnvironment(httpx.BaseTransport):
    """Through the proxies that HTTP_PROXY, HTTPS_PROXY and NO_PROXY name, as curl has it."""

    def __init__(self, direct: httpx.BaseTransport) -> None:
        self._direct = direct
        self._proxied: dict[str, httpx.BaseTransport] = {}

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        host = request.url.host
        named = urllib.request.getproxies().get(request.url.scheme, "")
        if not named or urllib.request.proxy_bypass(host):
            return self._direct.handle_request(request)
        if named not in self._proxied:
            address = named if "://" in named else f"http://{named}"
            self._proxied[named] = httpx.HTTPTransport(proxy=address)
        return self._proxied[named].handle_request(request)

    def close(self) -> None:
        for made in (self._direct, *self._proxied.values()):
            made.close()


class _GuardedProxy(httpx.BaseTransport):
    """A proxy connects where it likes, so what it is asked for is looked at before.

    A name that cannot be resolved here is left to the proxy: behind one there is often no other
    name server.
    """

    def __init__(self, inner: httpx.BaseTransport) -> None:
        self._inner = inner

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        host = request.url.host
        try:
            found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            found = []
        if host.rstrip(".").endswith("localhost") or (
            found and not any(is_public(str(info[4][0])) for info in found)
        ):
            raise httpx.ConnectError(f"{host} is private") from PrivateAddress(
                f"{host} is a private address; set allow_private = true for it "
                "if that is what you want"
            )
        return self._inner.handle_request(request)

    def close(self) -> None:
        self._inner.close()


def transport(*, allow_private: bool, proxy: str = "") -> httpx.BaseTransport:
    """How requests travel: directly, or through a proxy; to public addresses unless allowed."""
    direct = httpx.HTTPTransport() if allow_private else PublicOnlyTransport()
    if not proxy:
        return direct
    by_proxy: httpx.BaseTransport = (
        _ByEnvironment(direct) if proxy == "environment" else httpx.HTTPTransport(proxy=proxy)
    )
    return by_proxy if allow_private else _GuardedProxy(by_proxy)
