"""Feedback: likes from a mail or a page, and leaving.

No GET changes anything: mail scanners and previews follow every link.
"""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from digest.edition.links import Action
from digest.errors import TokenError
from digest.languages import N_
from digest.model import Paper, Subscriber, SubscriberState
from digest.usecases.feedback import FILE_ORIGIN, VALUES, rate, unrate
from digest.usecases.inbound import carry_out
from digest.web.context import SESSION, WebContext
from digest.web.guard import is_form_token
from digest.web.presenters import view
from digest.web.routes.common import BOTH, ORIGIN, POST, READS, Page, handles_token_errors

FEEDBACK = (Action.LIKE, Action.LATER, Action.DISLIKE, Action.FEWER)
#: what a reader can say of a paper on the site
RATINGS = ("like", "dislike", "none", "later", "not-later")
_VERBS = {
    Action.LIKE: (
        N_("Like this paper?"),
        N_("Like"),
        N_("Papers like it will come more often."),
    ),
    Action.LATER: (
        N_("Keep this paper for later?"),
        N_("Later"),
        N_("Your mail brings it back once a week until you like or dislike it, three times."),
    ),
    Action.DISLIKE: (
        N_("Dislike this paper?"),
        N_("Dislike"),
        N_("Papers like it will come less often."),
    ),
    Action.FEWER: (
        N_("Fewer papers like this?"),
        N_("Fewer like this"),
        N_("It counts like several dislikes."),
    ),
}


class FeedbackRoutes:
    """What a reader says of papers, and that they leave."""

    def __init__(self, web: WebContext) -> None:
        self._web = web

    def routes(self) -> list[Route]:
        def page(answer: Page) -> Page:
            return handles_token_errors(self._web, answer)

        return [
            Route("/rate", page(self.rate), methods=POST),
            Route("/feedback/{token:str}", page(self.feedback), methods=BOTH),
            Route("/unsubscribe/{token:str}", page(self.unsubscribe), methods=BOTH),
        ]

    async def rate(self, request: Request) -> Response:
        """The buttons on a paper's page, for a browser that is recognised."""
        web = self._web
        reader, _ = await run_in_threadpool(web.sessions.of, request)
        async with request.form(max_files=0, max_fields=5) as form:
            token, paper_id = str(form.get("token", "")), str(form.get("paper", ""))[:400]
            value = str(form.get("value", ""))
        cookie = request.cookies.get(SESSION, "")
        if reader is None or not is_form_token(web.store.keys, cookie, token):
            return web.pages.message(
                request,
                N_("You are not recognised here"),
                N_(
                    "The link “Change what you get” in a mail leads to a page where this browser "
                    "can be recognised."
                ),
                status=403,
            )
        if value not in RATINGS:
            return PlainTextResponse("Which value?\n", status_code=400)
        done = await run_in_threadpool(self.rated, reader, paper_id, value)
        if not done:
            return web.pages.message(request, N_("This paper is not here any more."), status=404)
        return RedirectResponse(web.pages.url(f"/paper/{paper_id}"), status_code=303)

    def rated(self, reader: Subscriber, paper_id: str, value: str) -> bool:
        """Do what one of `RATINGS` asks for; False if the paper is not here any more."""
        store = self._web.store
        if paper_id not in store.papers.get({paper_id}):
            return False
        if value == "later":
            store.reading_list.add(reader.id, paper_id, self._web.now())
            return True
        if value == "not-later":
            store.reading_list.remove(reader.id, paper_id)
            return True
        if value == "none":  # takes back what was said by mail or command, too
            unrate(store, reader, [paper_id], self._web.now())
            return True
        self._set_rating(reader, paper_id, Action(value))
        return True

    async def feedback(self, request: Request) -> Response:
        web = self._web
        ticket = web.sessions.ticket(request.path_params["token"], *FEEDBACK)
        reader = await run_in_threadpool(web.sessions.reader, ticket)
        paper = await run_in_threadpool(self._paper, ticket.about)
        heading, verb, effect = _VERBS[ticket.action]
        if request.method in READS:
            return web.pages.page(
                request,
                "ask.html.j2",
                title=heading,
                heading=heading,
                paragraphs=(effect,),
                button=verb,
                action=request.scope["path"],
                fields={},
                back="",
                paper=view(paper, speech=web.pages.speech_of(request)),
            )
        async with request.form(max_files=0, max_fields=5) as form:
            undo, before = form.get("undo") == "yes", str(form.get("before", ""))
        if undo and ticket.action is Action.LATER:
            await run_in_threadpool(web.store.reading_list.remove, reader.id, paper.id)
            return web.pages.message(
                request, N_("Taken back"), N_("It is on your reading list no more.")
            )
        if undo:
            earlier = next((a for a, value in VALUES.items() if before == str(value)), None)
            await run_in_threadpool(self._set_rating, reader, paper.id, earlier)
            return web.pages.message(request, N_("Taken back"), N_("It is as it was before."))
        earlier = await run_in_threadpool(self._said_here, reader, paper.id)
        await run_in_threadpool(lambda: carry_out(ticket, web.store, web.now(), origin=ORIGIN))
        return web.pages.page(
            request,
            "ask.html.j2",
            title=N_("Noted"),
            heading=N_("Noted"),
            paragraphs=(effect,),
            button=N_("Undo"),
            action=request.scope["path"],
            fields={"undo": "yes", "before": str(VALUES[earlier] if earlier else 0)},
            back="",
            paper=view(paper, speech=web.pages.speech_of(request)),
        )

    def _paper(self, paper_id: str) -> Paper:
        found = self._web.store.papers.find(paper_id)
        if found is None:
            raise TokenError(N_("This paper is not here any more."))
        return found

    def _set_rating(self, reader: Subscriber, paper_id: str, action: Action | None) -> None:
        """What was said on the web, in place of what was said there before; nothing said: what was
        said elsewhere holds again."""
        web = self._web
        web.store.ratings.remove(reader.id, paper_id, keep=FILE_ORIGIN, only=ORIGIN)
        if action is not None:
            rate(web.store, reader, [paper_id], action, origin=ORIGIN, now=web.now())

    def _said_here(self, reader: Subscriber, paper_id: str) -> Action | None:
        """What was said on the web, and is not outdone by what was said since."""
        for rating in self._web.store.ratings.of(reader.id):
            if rating.paper_id == paper_id and rating.origin == ORIGIN:
                return next(a for a, value in VALUES.items() if value == rating.value)
        return None

    async def unsubscribe(self, request: Request) -> Response:
        """RFC 8058: one POST without cookie or question; people are asked once."""
        web = self._web
        ticket = web.sessions.ticket(request.path_params["token"], Action.UNSUBSCRIBE)
        speech = web.pages.speech_of(request)
        no_more = speech.gettext("You get no more mail of {title}.").format(
            title=web.settings.title
        )
        try:
            reader = await run_in_threadpool(web.sessions.reader, ticket)
        except TokenError:
            return web.pages.message(
                request,
                N_("You are not subscribed"),
                N_("Nothing about you is stored here any more."),
            )
        if request.method in READS:
            if reader.state is SubscriberState.UNSUBSCRIBED:
                return web.pages.message(request, N_("You are not subscribed"), no_more)
            return web.pages.page(
                request,
                "ask.html.j2",
                title=N_("Unsubscribe"),
                heading=N_("Unsubscribe?"),
                paragraphs=(no_more,),
                button=N_("Unsubscribe"),
                action=request.scope["path"],
                fields={},
                back="",
                paper=None,
            )
        await run_in_threadpool(lambda: carry_out(ticket, web.store, web.now(), origin=ORIGIN))
        answer = web.pages.page(
            request,
            "ask.html.j2",
            title=N_("You are unsubscribed"),
            heading=N_("You are unsubscribed"),
            paragraphs=(
                no_more,
                N_("What you liked is kept, in case you return."),
                N_(
                    "To see or delete what is stored about you, have a link mailed to your address."
                ),
            ),
            button=N_("Mail me a link"),
            action=f"/link/{request.path_params['token']}",
            fields={},
            back="",
            paper=None,
        )
        answer.delete_cookie(SESSION, path=web.pages.prefix or "/")
        return answer
