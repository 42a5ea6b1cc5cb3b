"""The one polite HTTP client: every byte that a source sends comes through here.

It names itself and a contact, keeps a pause between requests to a host, asks only for what has
changed, retries what may pass and obeys Retry-After, and it bounds everything that the other side
decides: time for an answer, time in all, size before and after decompression, redirects, and the
addresses it can make us connect to.
"""

from __future__ import annotations

import email.utils
import json
import logging
import re
import ssl
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import TracebackType
from urllib.parse import urlencode, urljoin, urlsplit

import httpx
import tenacity

from digest import __version__
from digest.distribution import DISTRIBUTION
from digest.errors import SourceUnavailable
from digest.inflate import Inflate
from digest.model import Validators
from digest.pacing import Pacer
from digest.ssrf import PrivateAddress, transport

log = logging.getLogger(__name__)

MAX_REDIRECTS = 5
#: a server that wants a longer pause is left alone until the next run
MAX_RETRY_AFTER_S = 60.0
_RETRY_STATUS = frozenset({408, 425, 429, 500, 502, 503, 504})


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """One answer."""

    url: str
    status: int
    body: bytes
    content_type: str
    validators: Validators
    #: 304: what was fetched last time still holds; `body` is empty
    unchanged: bool = False
    #: where it was found in the end, after redirects
    location: str = ""
    #: of the answer, with names in lower case
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Request:
    """One request in all its attempts; see `Fetcher.get`."""

    url: str
    #: with what no message may show
    asked: str
    headers: dict[str, str]
    content: bytes | None
    allow_private: bool
    max_bytes: int
    interval_s: float
    accept_status: frozenset[int]


class _Transient(Exception):
    """An attempt failed in a way that may pass."""

    def __init__(self, fault: SourceUnavailable) -> None:
        self.fault = fault
        super().__init__(str(fault))


class Fetcher:
    """See the module's docstring.

    Args:
        contact: who the operators of a source may write to; stands in the User-Agent.
        timeout_s: for each single answer of the server (connect, one read).
        proxy: the address of a proxy, "environment" for what HTTP_PROXY and the like say; private
            addresses are refused with one, too.
        deadline_s: for one request in all, however steadily it trickles.
        retries: further attempts after a passing fault.
        reserve: takes a turn at a host whose pace all processes share, and gives the seconds to
            wait for it; asked for requests with a `min_interval_s`.
    """

    def __init__(
        self,
        *,
        contact: str = "",
        timeout_s: float = 30.0,
        deadline_s: float = 180.0,
        retries: int = 3,
        pause_s: float = 0.3,
        proxy: str = "",
        sleep: Callable[[float], None] = time.sleep,
        monotonic: Callable[[], float] = time.monotonic,
        reserve: Callable[[str, float], float] | None = None,
    ) -> None:
        about = f"{DISTRIBUTION}/{__version__}"
        # A header is latin-1 at best; a contact that is not cannot travel.
        contact = contact.encode("ascii", "ignore").decode().strip()
        self._headers = {
            "User-Agent": f"{about} (daily paper digest; contact: {contact})" if contact else about,
            "Accept-Encoding": "gzip, deflate",
        }
        self._timeout_s, self._deadline_s = timeout_s, deadline_s
        self._attempts, self._pause_s = retries + 1, pause_s
        self._proxy = proxy
        self._sleep, self._monotonic = sleep, monotonic
        self._pacer, self._reserve = Pacer(monotonic, sleep), reserve
        self._clients: dict[bool, httpx.Client] = {}
        self._guard = threading.Lock()

    def __enter__(self) -> Fetcher:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        for client in self._clients.values():
            client.close()
        self._clients.clear()

    def _client(self, allow_private: bool) -> httpx.Client:
        with self._guard:
            if allow_private not in self._clients:
                self._clients[allow_private] = httpx.Client(
                    transport=transport(allow_private=allow_private, proxy=self._proxy),
                    headers=self._headers,
                    timeout=self._timeout_s,
                    follow_redirects=False,
                    trust_env=False,
                )
            return self._clients[allow_private]

    def get(
        self,
        url: str,
        *,
        accept: str = "*/*",
        validators: Validators | None = None,
        allow_private: bool = False,
        max_bytes: int = 50_000_000,
        min_interval_s: float | None = None,
        accept_status: frozenset[int] = frozenset(),
        headers: Mapping[str, str] | None = None,
        secret_query: Mapping[str, str] | None = None,
        body: object = None,
    ) -> Fetched:
        """Fetch one address.

        Args:
            validators: of the last answer; makes the request conditional.
            max_bytes: of the body after decompression.
            min_interval_s: least time between two requests to this host.
            accept_status: error statuses whose body is wanted all the same.
            headers: further ones, such as a key; they are not sent on to another host.
            secret_query: such as a key where a service wants it in the address; it stands in no
                message, and is not sent on by a redirect of ours.
            body: a question to ask by POST, as JSON; None: a GET.

        Raises:
            SourceUnavailable: with a sentence, the status if there was one, and how long the
                server asked to be left alone.
        """
        secret = urlencode({k: v for k, v in (secret_query or {}).items() if v})
        request = _Request(
            url=url,
            asked=f"{url}{'&' if '?' in url else '?'}{secret}" if secret else url,
            headers={"Accept": accept, **_conditions(validators), **(headers or {})},
            content=None if body is None else json.dumps(body).encode(),
            allow_private=allow_private,
            max_bytes=max_bytes,
            interval_s=self._pause_s if min_interval_s is None else min_interval_s,
            accept_status=accept_status,
        )

        def attempt() -> Fetched:
            if min_interval_s and self._reserve is not None:
                self._sleep(self._reserve(_host(url), min_interval_s))
            return self._follow(request)

        retrying = tenacity.Retrying(
            stop=tenacity.stop_after_attempt(self._attempts),
            wait=self._wait,
            retry=tenacity.retry_if_exception_type(_Transient),
            sleep=self._sleep,
            reraise=True,
        )
        try:
            fetched = retrying(attempt)
        except _Transient as error:
            raise error.fault from error.__cause__
        log.debug("fetched url=%s status=%s bytes=%s", url, fetched.status, len(fetched.body))
        return fetched

    def _wait(self, state: tenacity.RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        asked = error.fault.retry_after_s if isinstance(error, _Transient) else None
        usual = tenacity.wait_exponential_jitter(initial=1.0, max=20.0, jitter=1.0)(state)
        return max(asked or 0.0, usual) if asked else usual

    def _follow(self, request: _Request) -> Fetched:
        url, headers = request.url, request.headers
        deadline = self._monotonic() + self._deadline_s
        client = self._client(request.allow_private)
        method, current = "GET" if request.content is None else "POST", request.asked
        if request.content is not None:
            headers = headers | {"Content-Type": "application/json"}
        for _ in range(MAX_REDIRECTS + 1):
            parts = urlsplit(current)
            if parts.scheme not in ("http", "https") or not parts.hostname:
                raise SourceUnavailable(f"{url} leads to something that is no web address.")
            self._pacer.wait(_host(current), request.interval_s)
            try:
                with client.stream(
                    method, current, headers=headers, content=request.content
                ) as response:
                    redirected = response.is_redirect and "location" in response.headers
                    if redirected and method == "GET":
                        current = urljoin(current, response.headers["location"])
                        if _host(current) != parts.netloc.rpartition("@")[2]:
                            # a key must not travel on to wherever a server points
                            headers = {"Accept": headers["Accept"]}
                        continue
                    return self._read(request, response, deadline)
            except (httpx.HTTPError, httpx.InvalidURL, ssl.SSLError, OSError) as error:
                raise self._translated(url, error) from error
        raise SourceUnavailable(f"{url} redirects more than {MAX_REDIRECTS} times.")

    def _translated(self, url: str, error: Exception) -> Exception:
        host = _host(url)
        cause = error.__cause__ or error
        if isinstance(cause, PrivateAddress):
            return SourceUnavailable(f"{url} is refused: {cause}.")
        if isinstance(error, httpx.TimeoutException):
            return _Transient(
                SourceUnavailable(f"{host} did not answer within {self._timeout_s:g} seconds.")
            )
        if isinstance(error, httpx.ConnectError):
            return _Transient(SourceUnavailable(f"{host} cannot be reached: {_plainly(cause)}."))
        if isinstance(error, httpx.TransportError):
            return _Transient(
                SourceUnavailable(f"the connection to {host} broke: {_plainly(error)}.")
            )
        return SourceUnavailable(f"{url} cannot be fetched: {error}.")

    def _read(self, request: _Request, response: httpx.Response, deadline: float) -> Fetched:
        url, status = request.url, response.status_code
        if status != 304 and not response.is_success and status not in request.accept_status:
            raise self._refused(url, response)
        backoff = response.headers.get("backoff", "")  # Zotero's way to ask for a slower pace
        if backoff.isdigit():
            self._pacer.hold(_host(url), min(float(backoff), MAX_RETRY_AFTER_S))
        validators = Validators(
            url=url,
            etag=response.headers.get("etag", ""),
            last_modified=response.headers.get("last-modified", ""),
        )
        body = b""
        if status != 304:
            body = b"".join(self._body(url, response, request.max_bytes, deadline))
        return Fetched(
            url=url,
            status=status,
            body=body,
            content_type=response.headers.get("content-type", ""),
            validators=validators,
            unchanged=status == 304,
            location=str(response.url),
            headers={k.lower(): v for k, v in response.headers.items()},
        )

    def _refused(self, url: str, response: httpx.Response) -> Exception:
        status = response.status_code
        host = _host(url)
        phrase = f"{status} {response.reason_phrase}".strip()
        wait = _retry_after(response.headers)
        fault = SourceUnavailable(
            f"{host} answered {phrase} to {url}.", status=status, retry_after_s=wait
        )
        if status not in _RETRY_STATUS:
            return fault
        if wait is not None and wait > MAX_RETRY_AFTER_S:
            minutes = round(wait / 60)
            return SourceUnavailable(
                f"{host} answered {phrase} and wants to be left alone for {minutes} minutes.",
                status=status,
                retry_after_s=wait,
            )
        return _Transient(fault)

    def _body(
        self, url: str, response: httpx.Response, max_bytes: int, deadline: float
    ) -> Iterator[bytes]:
        """The decompressed body in pieces, never more than `max_bytes` held or made."""
        encoding = response.headers.get("content-encoding", "identity").strip().lower()
        if encoding not in ("", "identity", "gzip", "x-gzip", "deflate"):
            raise SourceUnavailable(f"{url} is sent as {encoding}, which we did not ask for.")
        inflate = Inflate() if encoding not in ("", "identity") else None
        size = 0
        for chunk in response.iter_raw():
            if self._monotonic() > deadline:
                raise _Transient(
                    SourceUnavailable(f"{url} took longer than {self._deadline_s:g} seconds.")
                )
            try:
                piece = inflate(chunk, max_bytes - size + 1) if inflate else chunk
            except zlib.error as error:
                raise _Transient(SourceUnavailable(f"{url} is broken: {error}.")) from error
            size += len(piece)
            if size > max_bytes:
                raise SourceUnavailable(
                    f"{url} is larger than {max_bytes // 1_000_000} MB and was given up."
                )
            yield piece


def _conditions(validators: Validators | None) -> dict[str, str]:
    """Headers that ask only for what has changed."""
    headers = {}
    if validators and validators.etag:
        headers["If-None-Match"] = validators.etag
    if validators and validators.last_modified:
        headers["If-Modified-Since"] = validators.last_modified
    return headers


def _plainly(error: BaseException) -> str:
    """An error without the number that only programs know."""
    return re.sub(r"^\[Errno -?\d+\]\s*", "", str(error)).rstrip(".") or type(error).__name__


def _host(url: str) -> str:
    """Host and port of an address, without a login."""
    return urlsplit(url).netloc.rpartition("@")[2]


def _retry_after(headers: httpx.Headers) -> float | None:
    """Seconds the server asks for, from either form of the header; None if absent or senseless."""
    value = headers.get("retry-after", "").strip()
    if value.isdigit():
        return float(min(int(value), 10**9))
    try:
        when = email.utils.parsedate_to_datetime(value)
        base = email.utils.parsedate_to_datetime(headers.get("date", ""))
    except (TypeError, ValueError):
        return None
    if when.tzinfo is None or base.tzinfo is None:
        when, base = when.replace(tzinfo=UTC), base.replace(tzinfo=UTC)
    return max(0.0, _seconds(base, when))


def _seconds(start: datetime, end: datetime) -> float:
    return (end - start).total_seconds()
