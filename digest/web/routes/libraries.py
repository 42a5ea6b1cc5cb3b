"""A reader's libraries: what each brought and when, what of it was not found, and its way out."""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from digest.bibliography import SUFFIXES
from digest.languages import N_
from digest.model import Subscriber
from digest.ports import Likes
from digest.usecases.export import liked_papers
from digest.usecases.imports import HandedIn, forget_import, import_likes
from digest.usecases.library_list import (
    Open,
    correct,
    count_import,
    libraries_of,
    open_entries,
)
from digest.web import forms
from digest.web.context import WebContext
from digest.web.routes.common import GET, POST, bibliography, reading
from digest.web.routes.members import Members

#: entries of one library that are shown for mending
MAX_OPEN = 100


class LibraryRoutes:
    """The page of a reader's libraries and its forms."""

    def __init__(self, web: WebContext, members: Members) -> None:
        self._web, self._members = web, members

    def routes(self) -> list[Route]:
        mine, only = "/preferences/{token:str}", self._members.only
        return [
            Route(f"{mine}/libraries", only(self.libraries), methods=GET),
            Route(f"{mine}/libraries", only(self.change), methods=POST),
            Route(f"{mine}/likes", only(self.add_likes), methods=POST),
            Route(f"{mine}/likes.{{form:str}}", only(self.export), methods=GET),
        ]

    async def libraries(self, request: Request) -> Response:
        reader = await self._members.of(request)
        return await run_in_threadpool(self._page, request, reader, "")

    def _page(
        self, request: Request, reader: Subscriber, fault: str, status: int = 200
    ) -> Response:
        web = self._web
        entries = [
            (
                entry,
                ()
                if entry.is_configured
                else open_entries(web.store, reader, entry.name)[:MAX_OPEN],
            )
            for entry in libraries_of(web.store, reader)
        ]
        return web.pages.page(
            request,
            "libraries.html.j2",
            status=status,
            title=N_("Your libraries"),
            reader=reader,
            entries=entries,
            faults={"papers": fault} if fault else {},
            here=f"/preferences/{request.path_params['token']}",
            done=request.query_params.get("done", ""),
        )

    async def change(self, request: Request) -> Response:
        """A library is removed, counts or does not, or an entry of it is mended."""
        reader = await self._members.of(request)
        async with request.form(max_files=0, max_fields=6) as form:
            values = {k: str(v) for k, v in form.items()}
        fault = await run_in_threadpool(self._changed, reader, values)
        if fault:
            return await run_in_threadpool(self._page, request, reader, fault, 422)
        return self._members.back(request, "saved", "/libraries")

    def _changed(self, reader: Subscriber, values: dict[str, str]) -> str:
        """Carry out what a form asks for; what is wrong with it, or nothing."""
        web, name = self._web, values.get("library", "")
        known = {e.name for e in libraries_of(web.store, reader) if not e.is_configured}
        if name not in known:
            return N_("There is no such library any more.")
        action = values.get("do", "")
        if action == "remove":
            forget_import(web.store, reader, name, web.now())
        elif action in ("count", "keep"):
            count_import(web.store, reader, name, counts=action == "count")
        else:
            return self._mended(reader, name, values.get("entry", ""), values.get("id", "").strip())
        return ""

    def _mended(self, reader: Subscriber, name: str, key: str, ref: str) -> str:
        web = self._web
        found = {e.key: e for e in open_entries(web.store, reader, name)}
        entry: Open | None = found.get(key)
        if entry is None:
            return N_("This entry is not open any more.")
        fault = correct(
            web.store, web.app.lookups, reader, name, entry=entry, ref=ref, now=web.now()
        )
        return f"This stays as it is: {fault}." if fault else ""

    async def add_likes(self, request: Request) -> Response:
        """Ids, links or a library become likes, as an import that stays beside what was there."""
        reader = await self._members.of(request)
        async with request.form(max_files=1, max_fields=5) as form:
            upload = form.get("library")
            likes, fault = await forms.likes_in(form, reading(self._web, reader.id))
            named = getattr(upload, "filename", None) or "papers"
            below = "/libraries" if form.get("back") == "libraries" else ""
        if fault:
            return await run_in_threadpool(self._page, request, reader, fault, 422)
        await run_in_threadpool(self._import, reader, likes, forms.file_name(named))
        return self._members.back(request, "added", below)

    def _import(self, reader: Subscriber, likes: Likes, named: str) -> None:
        web = self._web
        now = web.now()
        name = f"{named}, {now:%Y-%m-%d %H:%M:%S}"
        import_likes(
            web.store,
            web.app.lookups,
            reader,
            HandedIn(likes, name),
            name,
            now,
            dry_run=False,
            max_titles=0,  # the daily run looks for them; nobody waits for a thousand requests
        )

    async def export(self, request: Request) -> Response:
        """What the reader likes, for a reference manager."""
        form = SUFFIXES.get(f".{request.path_params['form']}")
        if form is None:
            return PlainTextResponse("There is no such format.\n", status_code=404)
        reader = await self._members.of(request)
        papers = await run_in_threadpool(liked_papers, self._web.store, reader)
        return bibliography(request, papers, form)
