"""`digest preview --serve`: mails beside each other in a browser, reloading by themselves.

Only this machine is answered. Mails stand in frames without scripts and without the network, but
for images, if they are switched on.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from urllib.parse import urlencode

import jinja2
import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response, StreamingResponse
from starlette.routing import Route
from watchfiles import Change, awatch

from digest.errors import DigestError, UnknownSubscriber
from digest.preview.mails import PreviewMails
from digest.preview.views import in_scheme, without_style
from digest.proof.findings import Severity
from digest.proof.spam import check_spam
from digest.text import counted

HOST = "127.0.0.1"
#: what a browser asks again after, if the program is stopped and started
_RETRY_MS = 1000
_HEARTBEAT_S = 15.0
_FRAMES = (("Desktop", 680, "light"), ("Phone", 375, "light"), ("Dark", 680, "dark"))
_TABS = (("frames", "Mail"), ("text", "Text"), ("source", "Source"), ("headers", "Headers"))
_PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; frame-src 'self'; base-uri 'none'; form-action 'none'"
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the address of the page asks for."""

    who: str
    day: str = ""
    sent: bool = False
    tab: str = "frames"
    images: bool = True
    style: bool = True

    @classmethod
    def of(cls, request: Request) -> Wanted:
        query = request.query_params
        return cls(
            who=query.get("who", ""),
            day=query.get("day", ""),
            sent=query.get("as") == "sent",
            tab=query.get("tab", "frames"),
            images=query.get("images") != "off",
            style=query.get("style") != "off",
        )

    def url(self, path: str = "", **changes: object) -> str:
        """A relative address for this with something changed."""
        made = replace(self, **changes)  # type: ignore[arg-type]
        query = {"who": made.who, "day": made.day, "tab": made.tab}
        query |= {"as": "sent"} if made.sent else {}
        query |= {} if made.images else {"images": "off"}
        query |= {} if made.style else {"style": "off"}
        return f"{path}?{urlencode(query)}"


class Changes:
    """Counts changes, and wakes whoever waits for the next."""

    def __init__(self) -> None:
        self.n = 0
        self._happened = asyncio.Condition()

    async def tell(self) -> None:
        async with self._happened:
            self.n += 1
            self._happened.notify_all()

    async def after(self, seen: int, timeout_s: float) -> int:
        """The count once it is another than `seen`, or after a while anyway."""
        async with self._happened:
            with suppress(TimeoutError):
                await asyncio.wait_for(
                    self._happened.wait_for(lambda: self.n != seen), timeout=timeout_s
                )
            return self.n


class Site:
    """The pages over one shelf.

    Args:
        config: its changes are looked for, and those of .env beside it.
        templates: the folder of the page's own templates.
        more: further folders whose changes restyle the mails.
    """

    def __init__(
        self, shelf: PreviewMails, *, config: Path, templates: Path, more: Iterable[Path]
    ) -> None:
        self._shelf, self._config = shelf, config.resolve()
        self._folders = [templates, *more]
        self._own = templates / "preview"
        self._environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader(self._own),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._changes = Changes()
        self._ending = asyncio.Event()

    def application(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/", self._page),
                Route("/mail", self._mail),
                Route("/spam", self._spam),
                Route("/changes", self._listen),
                Route("/preview.css", self._file("preview.css", "text/css")),
                Route("/preview.js", self._file("preview.js", "text/javascript")),
            ],
            # against pages elsewhere that make a browser ask for another name at this address
            middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=[HOST, "localhost"])],
            lifespan=self._watching,
        )

    # --- pages ---------------------------------------------------------------------------------

    async def _page(self, request: Request) -> Response:
        return await run_in_threadpool(self._rendered_page, Wanted.of(request))

    def _rendered_page(self, wanted: Wanted) -> Response:
        people = self._shelf.people()
        problems = list(self._shelf.faults)
        context: dict[str, object] = {
            "title": self._shelf.title,
            "people": people,
            "days": (),
            "mail": None,
            "tabs": _TABS,
            "frames": _FRAMES,
            "version": self._changes.n,
            "tally": "",
        }
        if people:
            wanted = replace(wanted, who=wanted.who or people[0])
            try:
                days = self._shelf.days(wanted.who)
            except UnknownSubscriber as error:
                problems.append(str(error))
            else:
                day = _day(wanted.day) or days[0].date
                wanted = replace(wanted, day=day.isoformat())
                mail = self._shelf.mail(wanted.who, day, sent=wanted.sent)
                problems += [p for p in mail.problems if p not in problems]
                chosen = next((d for d in days if d.date == day), None)
                context |= {"days": days, "mail": mail, "chosen": chosen}
                tally = [
                    counted(n, s.value)
                    for s in (Severity.ERROR, Severity.WARNING)
                    if (n := sum(f.severity is s for f in mail.findings))
                ]
                context["tally"] = ", ".join(tally) or "all is well"
        elif not problems:
            problems.append("There are no subscribers; add [[subscribers]] to the configuration.")
        page = self._environment.get_template("page.html.j2")
        html = page.render(wanted=wanted, problems=problems, **context)
        return HTMLResponse(html, headers=_headers(_PAGE_POLICY))

    async def _mail(self, request: Request) -> Response:
        wanted, scheme = Wanted.of(request), request.query_params.get("scheme", "light")
        day = _day(wanted.day)
        if day is None:
            return Response("Which date?", status_code=400)
        mail = await run_in_threadpool(self._shelf.mail, wanted.who, day, sent=wanted.sent)
        if not mail.html:
            return Response("\n".join(mail.problems), status_code=404, media_type="text/plain")
        html = in_scheme(mail.html if wanted.style else without_style(mail.html), scheme)
        images = "http: https: data:" if wanted.images else "'none'"
        policy = (
            f"default-src 'none'; img-src {images}; style-src 'unsafe-inline'; "
            "sandbox allow-same-origin allow-popups"
        )
        return HTMLResponse(html, headers=_headers(policy))

    async def _spam(self, request: Request) -> Response:
        """SpamAssassin takes seconds, so the page asks for its word afterwards."""
        wanted = Wanted.of(request)
        day = _day(wanted.day)
        if day is None:
            return Response("Which date?", status_code=400)
        mail = await run_in_threadpool(self._shelf.mail, wanted.who, day, sent=wanted.sent)
        body = mail.body
        asked = asyncio.ensure_future(
            run_in_threadpool(lambda: list(check_spam(body)) if body else [])
        )
        ending = asyncio.ensure_future(self._ending.wait())
        await asyncio.wait({asked, ending}, return_when=asyncio.FIRST_COMPLETED)
        ending.cancel()
        if not asked.done():  # Ctrl-C does not wait for it
            return Response(status_code=503)
        found = asked.result()
        html = self._environment.get_template("findings.html.j2").render(findings=found)
        return HTMLResponse(html, headers=_headers(_PAGE_POLICY))

    def _file(self, name: str, media_type: str) -> Callable[[Request], Response]:
        def answer(request: Request) -> Response:
            body = (self._own / name).read_bytes()
            return Response(body, media_type=media_type, headers=_headers(_PAGE_POLICY))

        return answer

    # --- changes -------------------------------------------------------------------------------

    async def _listen(self, request: Request) -> Response:
        """Server-sent events: one for each change."""

        async def events() -> AsyncIterator[str]:
            seen = self._changes.n
            yield f"retry: {_RETRY_MS}\ndata: {seen}\n\n"
            while not self._ending.is_set():
                now = await self._changes.after(seen, _HEARTBEAT_S)
                yield f"data: {now}\n\n" if now != seen else ": still here\n\n"
                seen = now

        return StreamingResponse(events(), media_type="text/event-stream", headers=_headers(""))

    @asynccontextmanager
    async def _watching(self, _: Starlette) -> AsyncIterator[None]:
        tasks = [
            asyncio.create_task(self._watch_config()),
            asyncio.create_task(self._watch_looks()),
        ]
        try:
            yield
        finally:
            await self._end()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._shelf.close()

    async def _end(self) -> None:
        self._ending.set()
        await self._changes.tell()

    async def _watch_config(self) -> None:
        names = {self._config.name, ".env"}

        def mine(_: Change, path: str) -> bool:
            return Path(path).name in names

        folder = self._config.parent
        async for _ in awatch(folder, watch_filter=mine, recursive=False, stop_event=self._ending):
            await run_in_threadpool(self._shelf.reload)
            await self._changes.tell()

    async def _watch_looks(self) -> None:
        folders = [*self._folders, *self._shelf.folders()]
        there = list(dict.fromkeys(f for f in folders if f.is_dir()))
        async for _ in awatch(*there, stop_event=self._ending):
            await run_in_threadpool(self._shelf.restyle)
            await self._changes.tell()


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _headers(policy: str) -> dict[str, str]:
    found = {
        "Cache-Control": "no-store",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }
    return found | ({"Content-Security-Policy": policy} if policy else {})


class _Server(uvicorn.Server):
    """Ends open event streams when it is told to stop, instead of waiting for their browsers."""

    def __init__(self, config: uvicorn.Config, on_exit: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_exit = on_exit

    def handle_exit(self, sig: int, frame: object) -> None:
        self._on_exit()
        super().handle_exit(sig, frame)  # type: ignore[arg-type]


def serve(site: Site, port: int, on_ready: Callable[[str], None]) -> None:
    """Answer until Ctrl-C.

    Raises:
        DigestError: the port is taken.
    """
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
        listener.listen()  # whoever is told the address may come at once, and waits
    except OSError as error:
        listener.close()
        raise DigestError(
            f"Port {port} of this machine cannot be used ({error.strerror}); --port names another."
        ) from error

    async def main() -> None:
        loop = asyncio.get_running_loop()
        config = uvicorn.Config(site.application(), log_level="error", timeout_graceful_shutdown=3)
        server = _Server(
            config,
            lambda: loop.call_soon_threadsafe(lambda: loop.create_task(site._end())),  # type: ignore[arg-type]
        )
        on_ready(f"http://{HOST}:{listener.getsockname()[1]}/")
        await server.serve(sockets=[listener])

    with suppress(KeyboardInterrupt):  # Ctrl-C is how it is meant to end
        asyncio.run(main())
