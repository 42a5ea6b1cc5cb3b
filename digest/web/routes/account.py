"""What is stored about a reader: taken along or deleted; and their links, made void."""

from __future__ import annotations

import json

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from digest.languages import N_
from digest.web.context import SESSION, WebContext
from digest.web.routes.common import BOTH, GET, POST, READS
from digest.web.routes.members import STRONG_DAYS, Members


class AccountRoutes:
    """What only a fresh link opens."""

    def __init__(self, web: WebContext, members: Members) -> None:
        self._web, self._members = web, members

    def routes(self) -> list[Route]:
        mine, only = "/preferences/{token:str}", self._members.only
        return [
            Route(f"{mine}/export.json", only(self.export), methods=GET),
            Route(f"{mine}/delete", only(self.forget), methods=BOTH),
            Route(f"{mine}/links", only(self.revoke_links), methods=POST),
        ]

    async def export(self, request: Request) -> Response:
        """Everything that is stored about somebody, as JSON."""
        reader = await self._members.of(request, STRONG_DAYS)
        found = await run_in_threadpool(self._web.store.personal.export, reader.id)
        body = json.dumps(found, indent=2, ensure_ascii=False)
        return Response(
            body,
            media_type="application/json; charset=utf-8",
            headers={
                "Cache-Control": "no-store",
                "Content-Disposition": 'attachment; filename="digest-data.json"',
            },
        )

    async def forget(self, request: Request) -> Response:
        """Ask once, then delete everything about somebody."""
        web = self._web
        reader = await self._members.of(request, STRONG_DAYS)
        if reader.origin == "config":
            return self._members.changed_elsewhere(request)
        if request.method in READS:
            return web.pages.page(
                request,
                "ask.html.j2",
                title=N_("Delete everything about you"),
                heading=N_("Delete everything about you?"),
                paragraphs=(
                    reader.email,
                    N_(
                        "Your subscription, your likes and dislikes, and what you were sent are "
                        "deleted at once and cannot be brought back."
                    ),
                ),
                button=N_("Delete everything"),
                action=request.scope["path"],
                fields={},
                back=f"/preferences/{request.path_params['token']}",
                paper=None,
            )
        await run_in_threadpool(web.store.personal.forget, reader.id)
        answer = web.pages.message(
            request, N_("Everything is deleted"), N_("Nothing about you is stored here.")
        )
        answer.delete_cookie(SESSION, path=web.pages.prefix or "/")
        return answer

    async def revoke_links(self, request: Request) -> Response:
        """Make all links void that somebody was ever sent, also those in others' hands."""
        web = self._web
        reader = await self._members.of(request, STRONG_DAYS)
        await run_in_threadpool(web.store.subscribers.revoke_links, reader.id)
        answer = web.pages.message(
            request,
            N_("Your links are disabled"),
            N_(
                "Links in earlier mails no longer work, except those to unsubscribe. Your next "
                "mail has new ones. A feed reader needs the new address, too."
            ),
        )
        answer.delete_cookie(SESSION, path=web.pages.prefix or "/")
        return answer
