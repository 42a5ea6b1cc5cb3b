"""Subscribing, preferences, feedback, leaving; and one's own editions.

No GET here changes anything: mail scanners and previews follow every link. The forms carry their
authority in their address (a signed token) or, where a browser is recognised, a token of their own.

No page hands out more than its own link is for. Mails are forwarded and kept for years, so the link
to the preferences that stands in each of them is good for everything on its day and the next, for
settings in its first week, and after that only to have a fresh one mailed to the reader's address.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, time
from functools import lru_cache
from time import monotonic
from typing import Any
from zoneinfo import available_timezones

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response

from digest import schedule
from digest.edition.links import Action
from digest.edition.render import why
from digest.errors import LibraryError, TokenError, TokenExpired
from digest.membership import MAX_PAPERS, ask, ask_for_link, confirm, may_ask, wished
from digest.model import Paper, Rating, Section, Subscriber, SubscriberState
from digest.ports import Likes, StoredEdition
from digest.ranking.filters import unused_terms
from digest.returns import carry_out
from digest.subscriptions import FILE_ORIGIN, HandedIn, import_likes
from digest.text import safe_url
from digest.web import feeds, forms
from digest.web.guard import is_form_token
from digest.web.office import SESSION, Office, day_of
from digest.web.views import view

SESSION_S = 180 * 86_400
#: days that the link of a mail is good for everything (export, deletion, calling in links), and
#: for settings; who comes later is mailed another
STRONG_DAYS, FRESH_DAYS = 1, 7
#: what a page says whose link is too old for what was asked
_WANTS_FRESH = (
    f"Mails get forwarded and kept, so their links change settings for {FRESH_DAYS} days, and only "
    "export or delete what is stored on their day and the next."
)
#: of ratings that are made here
ORIGIN = "web"
#: a HEAD reads as a GET does; scanners of mail send both
READS = ("GET", "HEAD")
FEEDBACK = (Action.LIKE, Action.DISLIKE, Action.FEWER)
_HEADINGS = {
    Section.FOLLOWED: "From those you follow",
    Section.FOR_YOU: "For you",
    Section.TRENDING: "Trending",
    Section.PUBLISHED: "Preprints you know, now in a journal",
}
_VERBS = {
    Action.LIKE: ("Like this paper?", "Like", "Papers like it will come more often."),
    Action.DISLIKE: ("Dislike this paper?", "Dislike", "Papers like it will come less often."),
    Action.FEWER: (
        "Fewer papers like this?",
        "Fewer like this",
        "It counts like several dislikes.",
    ),
}

Page = Callable[[Request], Awaitable[Response]]


class People:
    """See the module."""

    def __init__(self, office: Office) -> None:
        self._office = office

    def told(self, page: Page) -> Page:
        """A page whose faults are pages: a link that is old, torn, or for something else."""

        async def answer(request: Request) -> Response:
            try:
                return await page(request)
            except TokenError as error:
                return self._office.said(
                    request,
                    "This link does not work",
                    str(error),
                    "The links of a newer mail do.",
                    status=410 if isinstance(error, TokenExpired) else 404,
                )

        return answer

    # --- subscribing ---------------------------------------------------------------------------

    async def subscribe(self, request: Request) -> Response:
        office = self._office
        if not office.can_join:
            return office.said(
                request,
                "Nobody can subscribe here",
                "Whoever runs this site has not opened it for subscriptions.",
                status=404,
            )
        if request.method in READS:
            query = request.query_params
            values = {
                "interests": query.get("interests", "")[:1000],
                "text": query.get("text", "")[:6000],
                "papers": query.get("like", "")[:300].removeprefix("arxiv:").removeprefix("doi:"),
            }
            return self._join_form(request, values, {}, 200)
        client, now = office.client(request), office.now()
        if not await run_in_threadpool(may_ask, office.store, client, now):
            return self._asked_too_often(request)
        async with request.form(max_files=1, max_fields=30) as form:
            filled = await forms.joining(form, office.settings, self._reading(request, client))
        if filled.subscriber is None:
            return self._join_form(request, filled.values, filled.faults, 422)
        wish, likes = filled.subscriber, filled.likes
        allowed = await run_in_threadpool(
            lambda: ask(
                office.store,
                wish,
                likes,
                signup_id=office.new_id(),
                client=client,
                now=now,
            )
        )
        if not allowed:
            return self._asked_too_often(request)
        office.postman.wake()
        more = len(likes.papers) + len(likes.refs) - MAX_PAPERS
        cut = [
            f"Your library is large: {MAX_PAPERS:,} of its papers are taken for now. Add all of it "
            "once you are subscribed."
        ]
        return office.said(
            request,
            "Look into your mail",
            f"If {wish.email} can be subscribed, a mail is on its way there. Nothing else is sent "
            "before you press the button that it leads to.",
            "At most one such mail a day goes to an address. Nothing came? Look among the spam, or "
            "try again tomorrow.",
            *(cut if more > 0 else ()),
            status=202,
        )

    def _asked_too_often(self, request: Request) -> Response:
        return self._office.said(
            request,
            "Please wait a while",
            "Too much was asked for from where you are. Try again in an hour.",
            status=429,
            headers={"Retry-After": "3600"},
        )

    def _reading(self, request: Request, client: str) -> forms.ReadLibrary:
        """Reads the library of a form, unless this client hands in too many."""
        uploads = self._office.uploads

        async def read(kind: str, body: bytes, place: str) -> Likes:
            if not uploads.allows(client, monotonic()):
                raise LibraryError(
                    "You have handed in several files just now. Please wait a minute.", place=place
                )
            return await uploads.read(kind, body, place)

        return read

    def _join_form(
        self,
        request: Request,
        values: Mapping[str, Any],
        faults: Mapping[str, str],
        status: int,
    ) -> Response:
        office = self._office
        settings = office.settings.schedule
        empty = {
            "email": "",
            "interests": "",
            "categories": "",
            "text": "",
            "papers": "",
            "time": f"{settings.time:%H:%M}",
            "timezone": settings.timezone,
        }
        return office.page(
            request,
            "subscribe.html.j2",
            status=status,
            title="Subscribe",
            values=empty | dict(values),
            faults=faults,
            zones=_zones(),
        )

    async def confirm(self, request: Request) -> Response:
        office = self._office
        ticket = office.ticket(request.path_params["token"], Action.CONFIRM)
        wish = await run_in_threadpool(wished, office.store, ticket.subscriber_id, office.now())
        if wish is None:
            return self._has_begun(request)
        if request.method in READS:
            return office.page(
                request,
                "confirm.html.j2",
                title="Confirm",
                wish=wish,
                days=schedule.describe_weekdays(wish.weekdays),
                action=request.scope["path"],
            )
        reader = await run_in_threadpool(confirm, office.store, ticket.subscriber_id, office.now())
        if reader is None:
            return self._has_begun(request)
        office.postman.wake()
        days = schedule.describe_weekdays(reader.weekdays)
        return office.said(
            request,
            "You are subscribed",
            f"Your papers come to {reader.email} at {reader.send_at:%H:%M} ({reader.timezone}), "
            f"{days}. Every mail has a link that changes that, and one that ends it.",
            # the first press proves, just now, that the address is theirs; no later one does
            link=(
                "See and change what you get",
                office.url(f"/preferences/{office.token(Action.PREFERENCES, reader)}"),
            ),
        )

    def _has_begun(self, request: Request) -> Response:
        return self._office.said(
            request,
            "This has begun",
            "The subscription was confirmed. Every mail has a link that changes what you get.",
        )

    # --- preferences ---------------------------------------------------------------------------

    def _age_days(self, request: Request) -> int:
        ticket = self._office.ticket(request.path_params["token"], Action.PREFERENCES)
        return ticket.age_days(self._office.now().date())

    async def _member(self, request: Request, most_days: int = FRESH_DAYS) -> Subscriber:
        """Whose preferences a link opens.

        Raises:
            _Weak: the link is older than this needs.
            TokenError: it is no such link.
        """
        ticket = self._office.ticket(request.path_params["token"], Action.PREFERENCES)
        reader = await run_in_threadpool(self._office.reader, ticket)
        if self._age_days(request) > most_days:
            raise _Weak
        return reader

    def strong(self, page: Page) -> Page:
        """A page that offers a stronger link where the one at hand is not enough."""

        async def answer(request: Request) -> Response:
            try:
                return await page(request)
            except _Weak:
                return self._offer_link(request, 200 if request.method in READS else 403)

        return answer

    def _offer_link(self, request: Request, status: int) -> Response:
        heading = "You need a fresh link"
        if not self._office.public_url:
            return self._office.said(request, heading, _WANTS_FRESH, status=status)
        return self._office.page(
            request,
            "ask.html.j2",
            status=status,
            title=heading,
            heading=heading,
            paragraphs=(
                _WANTS_FRESH,
                "Press the button: a fresh link is mailed to the address that gets your papers.",
            ),
            button="Mail me a link",
            action=f"/link/{request.path_params['token']}",
            fields={},
            back="",
            paper=None,
        )

    async def mail_link(self, request: Request) -> Response:
        """Mail a link to everything about a reader to their own address."""
        office = self._office
        ticket = office.ticket(request.path_params["token"], Action.PREFERENCES, Action.UNSUBSCRIBE)
        reader = await run_in_threadpool(office.reader, ticket)
        allowed = bool(office.public_url) and await run_in_threadpool(
            lambda: ask_for_link(
                office.store,
                reader,
                signup_id=office.new_id(),
                client=office.client(request),
                now=office.now(),
            )
        )
        if not allowed:
            return self._asked_too_often(request)
        office.postman.wake()
        return office.said(
            request,
            "Look into your mail",
            "A link is on its way to the address that your papers go to.",
            status=202,
        )

    async def preferences(self, request: Request) -> Response:
        office = self._office
        reader = await self._member(request)
        if request.method in READS:
            return await run_in_threadpool(
                self._preferences_page, request, reader, forms.values_of(reader), {}, 200
            )
        if reader.origin == "config":
            return self._elsewhere(request)
        async with request.form(max_files=0, max_fields=60) as form:
            filled = forms.preferences(form, reader, office.settings)
        if filled.subscriber is None:
            return await run_in_threadpool(
                self._preferences_page, request, reader, filled.values, filled.faults, 422
            )
        changed = replace(
            filled.subscriber,
            id=reader.id,
            email=reader.email,
            state=reader.state,
            origin=reader.origin,
            link_generation=reader.link_generation,
        )
        await run_in_threadpool(office.store.save_subscriber, changed)
        return self._back(request, "saved")

    def _preferences_page(
        self,
        request: Request,
        reader: Subscriber,
        values: Mapping[str, Any],
        faults: Mapping[str, str],
        status: int,
    ) -> Response:
        office = self._office
        token = request.path_params["token"]
        ratings = office.store.ratings(reader.id)
        papers = office.store.rated_papers(reader.id)
        rated = [
            (r, papers[r.paper_id].title, safe_url(papers[r.paper_id].url))
            for r in sorted(ratings, key=lambda r: r.rated_at, reverse=True)
            if r.paper_id in papers
        ]
        known, _ = office.session(request)
        return office.page(
            request,
            "preferences.html.j2",
            status=status,
            title="What you get",
            reader=reader,
            values=values,
            faults=faults,
            here=f"/preferences/{token}",
            done=request.query_params.get("done", ""),
            zones=_zones(),
            weekdays=schedule.WEEKDAYS,
            languages=(("en", "English"), ("de", "Deutsch")),
            unused=unused_terms(reader),
            liked=[x for x in rated if x[0].value > 0][:300],
            disliked=[x for x in rated if x[0].value < 0][:300],
            is_known_here=known is not None and known.id == reader.id,
            feed=office.absolute(f"/feed/{office.token(Action.FEED, reader)}/atom")
            if office.public_url
            else "",
            unsubscribe=office.url(f"/unsubscribe/{office.token(Action.UNSUBSCRIBE, reader)}"),
            is_strong=self._age_days(request) <= STRONG_DAYS,
        )

    def _back(self, request: Request, done: str) -> Response:
        """To the page after a form, so that a reload does not send it again."""
        path = f"/preferences/{request.path_params['token']}"
        return RedirectResponse(self._office.url(path, done=done), status_code=303)

    def _elsewhere(self, request: Request) -> Response:
        return self._office.said(
            request,
            "This is changed elsewhere",
            "You stand in the configuration of this site, so whoever runs it changes this. Your "
            "likes and dislikes, and leaving, are yours.",
            status=409,
        )

    async def take_back(self, request: Request) -> Response:
        """A like or a dislike is removed."""
        reader = await self._member(request)
        async with request.form(max_files=0, max_fields=5) as form:
            paper_id = str(form.get("paper", ""))[:400]
        await run_in_threadpool(
            lambda: self._office.store.remove_rating(reader.id, paper_id, keep=FILE_ORIGIN)
        )
        return self._back(request, "removed")

    async def add_likes(self, request: Request) -> Response:
        """Ids, links or a library become likes, as an import that stays beside what was there."""
        reader = await self._member(request)
        async with request.form(max_files=1, max_fields=5) as form:
            likes, fault = await forms.likes_in(form, self._reading(request, reader.id))
        if fault:
            return await run_in_threadpool(
                self._preferences_page,
                request,
                reader,
                forms.values_of(reader),
                {"papers": fault},
                422,
            )
        await run_in_threadpool(self._import, reader, likes)
        return self._back(request, "added")

    def _import(self, reader: Subscriber, likes: Likes) -> None:
        office = self._office
        now = office.now()
        name = f"web {now:%Y-%m-%d %H:%M:%S}"
        import_likes(
            office.store,
            office.app.lookups,
            reader,
            HandedIn(likes, name),
            name,
            now,
            dry_run=False,
        )

    async def pause(self, request: Request) -> Response:
        """No mail for now, or mail again."""
        reader = await self._member(request)
        if reader.origin == "config":
            return self._elsewhere(request)
        async with request.form(max_files=0, max_fields=5) as form:
            wanted = str(form.get("state", ""))
        state = SubscriberState.PAUSED if wanted == "pause" else SubscriberState.ACTIVE
        if reader.state is SubscriberState.SUPPRESSED:
            return self._office.said(
                request,
                "Mail to you came back",
                "Nothing is sent to this address, because mail to it was refused.",
                status=409,
            )
        await run_in_threadpool(self._office.store.set_state, reader.id, state)
        return self._back(request, "paused" if state is SubscriberState.PAUSED else "resumed")

    async def export(self, request: Request) -> Response:
        """Everything that is stored about somebody, as JSON."""
        reader = await self._member(request, STRONG_DAYS)
        found = await run_in_threadpool(self._office.store.everything_about, reader.id)
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
        office = self._office
        reader = await self._member(request, STRONG_DAYS)
        if reader.origin == "config":
            return self._elsewhere(request)
        if request.method in READS:
            return office.page(
                request,
                "ask.html.j2",
                title="Delete everything about you",
                heading="Delete everything about you?",
                paragraphs=(
                    f"Your subscription of {reader.email}, your likes and dislikes, and what you "
                    "were sent are deleted at once and cannot be brought back.",
                ),
                button="Delete everything",
                action=request.scope["path"],
                fields={},
                back=f"/preferences/{request.path_params['token']}",
                paper=None,
            )
        await run_in_threadpool(office.store.forget_subscriber, reader.id)
        answer = office.said(request, "Everything is deleted", "Nothing about you is stored here.")
        answer.delete_cookie(SESSION, path=office.prefix or "/")
        return answer

    async def call_in(self, request: Request) -> Response:
        """Make all links void that somebody was ever sent, also those in others' hands."""
        office = self._office
        reader = await self._member(request, STRONG_DAYS)
        await run_in_threadpool(office.store.revoke_links, reader.id)
        answer = office.said(
            request,
            "Your links are void",
            "No link of an earlier mail opens anything of yours any more, but for those to "
            "unsubscribe. The next mail has new ones. A feed reader needs the new address, too.",
        )
        answer.delete_cookie(SESSION, path=office.prefix or "/")
        return answer

    # --- being recognised ----------------------------------------------------------------------

    async def recognise(self, request: Request) -> Response:
        """This browser's pages show like buttons from now on, or do not any more."""
        office = self._office
        reader = await self._member(request)
        async with request.form(max_files=0, max_fields=5) as form:
            wanted = form.get("remember") == "yes"
        answer = self._back(request, "recognised" if wanted else "not-recognised")
        place = office.prefix or "/"
        if wanted:
            answer.set_cookie(
                SESSION,
                office.token(Action.SESSION, reader),
                max_age=SESSION_S,
                path=place,
                secure=office.is_secure,
                httponly=True,
                samesite="lax",
            )
        else:
            answer.delete_cookie(SESSION, path=place)
        return answer

    async def rate(self, request: Request) -> Response:
        """The buttons on a paper's page, for a browser that is recognised."""
        office = self._office
        reader, _ = await run_in_threadpool(office.session, request)
        async with request.form(max_files=0, max_fields=5) as form:
            token, paper_id = str(form.get("token", "")), str(form.get("paper", ""))[:400]
            value = {"like": 1, "dislike": -1, "none": 0}.get(str(form.get("value", "")))
        cookie = request.cookies.get(SESSION, "")
        if reader is None or not is_form_token(office.store.keys, cookie, token):
            return office.said(
                request,
                "You are not recognised here",
                "The link “Change what you get” in a mail leads to a page where this browser can "
                "be recognised.",
                status=403,
            )
        if value is None:
            return PlainTextResponse("Which value?\n", status_code=400)
        done = await run_in_threadpool(self._rated, reader, paper_id, value)
        if not done:
            return office.said(request, "This paper is not here any more", status=404)
        return RedirectResponse(office.url(f"/paper/{paper_id}"), status_code=303)

    def _rated(self, reader: Subscriber, paper_id: str, value: int) -> bool:
        store = self._office.store
        if paper_id not in store.papers({paper_id}):
            return False
        if not value:  # "neither" takes back what was said by mail or command, too
            store.remove_rating(reader.id, paper_id, keep=FILE_ORIGIN)
        self._set_rating(reader, paper_id, value)
        return True

    # --- feedback from the mail ----------------------------------------------------------------

    async def feedback(self, request: Request) -> Response:
        office = self._office
        ticket = office.ticket(request.path_params["token"], *FEEDBACK)
        reader = await run_in_threadpool(office.reader, ticket)
        paper = await run_in_threadpool(self._paper, ticket.about)
        heading, verb, effect = _VERBS[ticket.action]
        if request.method in READS:
            return office.page(
                request,
                "ask.html.j2",
                title=heading,
                heading=heading,
                paragraphs=(effect,),
                button=verb,
                action=request.scope["path"],
                fields={},
                back="",
                paper=view(paper),
            )
        async with request.form(max_files=0, max_fields=5) as form:
            undo, before = form.get("undo") == "yes", str(form.get("before", ""))
        if undo:
            earlier = int(before) if before in ("1", "-1", "-3") else 0
            await run_in_threadpool(self._set_rating, reader, paper.id, earlier)
            return office.said(
                request, "Taken back", f"“{paper.title}” is as it was before.", link=None
            )
        earlier = await run_in_threadpool(self._said_here, reader, paper.id)
        await run_in_threadpool(
            lambda: carry_out(ticket, office.store, office.now(), origin=ORIGIN)
        )
        return office.page(
            request,
            "ask.html.j2",
            title=f"{verb}: noted",
            heading="Noted",
            paragraphs=(f"{verb}: {effect[0].lower()}{effect[1:]}",),
            button="Undo",
            action=request.scope["path"],
            fields={"undo": "yes", "before": str(earlier)},
            back="",
            paper=view(paper),
        )

    def _paper(self, paper_id: str) -> Paper:
        # Two papers that turned out to be one are found by either id.
        store = self._office.store
        found = store.papers(set(store.known_as({paper_id}).values()) or {paper_id})
        if not found:
            raise TokenError("This paper is not here any more.")
        return next(iter(found.values()))

    def _set_rating(self, reader: Subscriber, paper_id: str, value: int) -> None:
        """What was said on the web, in place of what was said there before; 0 says nothing, and
        what was said elsewhere holds again."""
        office = self._office
        office.store.remove_rating(reader.id, paper_id, keep=FILE_ORIGIN, only=ORIGIN)
        if value:
            rating = Rating(
                subscriber_id=reader.id,
                paper_id=paper_id,
                value=value,
                rated_at=office.now(),
                origin=ORIGIN,
            )
            office.store.add_ratings([rating])

    def _said_here(self, reader: Subscriber, paper_id: str) -> int:
        """The value that was said on the web, and is not outdone by what was said since."""
        for rating in self._office.store.ratings(reader.id):
            if rating.paper_id == paper_id and rating.origin == ORIGIN:
                return rating.value
        return 0

    async def unsubscribe(self, request: Request) -> Response:
        """RFC 8058: one POST without cookie or question; people are asked once."""
        office = self._office
        ticket = office.ticket(request.path_params["token"], Action.UNSUBSCRIBE)
        title = office.settings.title
        try:
            reader = await run_in_threadpool(office.reader, ticket)
        except TokenError:
            return office.said(
                request, "You are not subscribed", "Nothing about you is stored here any more."
            )
        if request.method in READS:
            if reader.state is SubscriberState.UNSUBSCRIBED:
                return office.said(
                    request, "You are not subscribed", f"You get no more mail of {title}."
                )
            return office.page(
                request,
                "ask.html.j2",
                title="Unsubscribe",
                heading="Unsubscribe?",
                paragraphs=(f"You will get no more mail of {title}.",),
                button="Unsubscribe",
                action=request.scope["path"],
                fields={},
                back="",
                paper=None,
            )
        await run_in_threadpool(
            lambda: carry_out(ticket, office.store, office.now(), origin=ORIGIN)
        )
        answer = office.page(
            request,
            "ask.html.j2",
            title="You are unsubscribed",
            heading="You are unsubscribed",
            paragraphs=(
                f"You get no more mail of {title}. What you liked is kept, in case you return.",
                "To see or delete what is stored about you, have a link mailed to your address.",
            ),
            button="Mail me a link",
            action=f"/link/{request.path_params['token']}",
            fields={},
            back="",
            paper=None,
        )
        answer.delete_cookie(SESSION, path=office.prefix or "/")
        return answer

    # --- one's own editions --------------------------------------------------------------------

    async def edition(self, request: Request) -> Response:
        office = self._office
        ticket = office.ticket(request.path_params["token"], Action.EDITION)
        reader = await run_in_threadpool(office.reader, ticket)
        day = day_of(ticket.about)
        found = await run_in_threadpool(office.store.edition_of, reader.id, day) if day else None
        if found is None:
            raise TokenError("This edition is not here any more.")
        return await run_in_threadpool(self._edition_page, request, found)

    def _edition_page(self, request: Request, found: StoredEdition) -> Response:
        """One edition to show to others: it names nobody, and nothing on it does anything."""
        office, speech = self._office, self._office.app.renderer.speech("en")
        parts = [
            (_HEADINGS[section], [(p.rank, view(p.paper, why=why(p.reasons, speech))) for p in of])
            for section in Section
            if (of := [p for p in found.picks if p.section is section])
        ]
        return office.page(
            request, "edition.html.j2", title=found.subject, edition=found, parts=parts
        )

    async def own_feed(self, request: Request) -> Response:
        """The latest editions as a feed, for who reads there."""
        office = self._office
        form = request.path_params["form"]
        ticket = office.ticket(request.path_params["token"], Action.FEED)
        if form not in ("atom", "json"):
            return PlainTextResponse("There is no such feed.\n", status_code=404)
        reader = await run_in_threadpool(office.reader, ticket)
        editions = await run_in_threadpool(office.store.editions_of, reader.id, 10)
        entries: dict[str, feeds.Entry] = {}
        for edition in editions:
            at = datetime.combine(edition.edition_date, time(), tzinfo=UTC)
            for p in edition.picks:
                url = office.absolute(f"/paper/{p.paper.id}")
                entries.setdefault(p.paper.id, feeds.entry_of(p.paper, url, at))
        return feeds.answer(
            feeds.Feed(
                title=f"{office.settings.title}: your papers",
                url=office.absolute("/"),
                own_url=office.absolute(f"/feed/{request.path_params['token']}/{form}"),
                updated=feeds.latest([e.composed_at for e in editions], office.now()),
                entries=tuple(entries.values()),
            ),
            form,
            {"Cache-Control": "private, max-age=600", "X-Robots-Tag": "noindex, nofollow"},
        )


class _Weak(Exception):
    """The link at hand is good, and not good enough."""


@lru_cache(maxsize=1)
def _zones() -> tuple[str, ...]:
    """Names of time zones that people live in."""
    named = (z for z in available_timezones() if "/" in z and not z.startswith("Etc/"))
    return (*sorted(named), "UTC")
