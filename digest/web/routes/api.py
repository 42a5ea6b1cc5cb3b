"""The JSON API: days, papers and search for anyone; own editions and ratings with a token.

Faults are problem details (RFC 9457), and the description is OpenAPI 3.1, made from the same table
of operations and the same models that answer.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, Literal

from anyio import CapacityLimiter, to_thread
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.json_schema import models_json_schema
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from digest import __version__
from digest.edition.links import Action
from digest.errors import DigestError, TokenError
from digest.model import Subscriber
from digest.serialization import (
    EditionData,
    EditionHead,
    PaperData,
    edition_data,
    edition_head,
    paper_data,
)
from digest.text import clean
from digest.usecases.lookup import stored_id
from digest.web.context import WebContext
from digest.web.pages import day_of
from digest.web.routes.feedback import FeedbackRoutes
from digest.web.routes.papers import HITS, MAX_QUERY_CHARS, PER_PAGE, PaperRoutes, most_voted

BASE = "/api/v1"
#: requests answered at a time
AT_ONCE = 4
MOST_PAGES = 1_000
MOST_EDITIONS = 100
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"]
_MAX_BODY = 4_096


#: answered before anything is read, as text
_LIMITS = {
    413: "The body is too large.",
    414: "The address is too long.",
    429: "Too many requests; Retry-After says when.",
}


class Problem(BaseModel):
    """What went wrong (RFC 9457)."""

    title: str
    status: int
    detail: str


class DayData(BaseModel):
    """The papers listed on a day, those that readers vote for first."""

    date: date
    n: int
    page: int
    papers: list[PaperData]


class Hits(BaseModel):
    """What a search found, nearest first."""

    query: str
    page: int
    papers: list[PaperData]


class Editions(BaseModel):
    """The latest editions of the token's holder, newest first."""

    editions: list[EditionHead]


class Rating(BaseModel):
    """What a reader says of a paper: "none" takes back, "later" keeps it for later."""

    model_config = ConfigDict(extra="forbid")

    paper: str = Field(min_length=1, max_length=400)
    value: Literal["like", "dislike", "none", "later", "not-later"]


class ApiError(Exception):
    """An answer that is a problem."""

    def __init__(self, status: int, title: str, detail: str) -> None:
        super().__init__(detail)
        self.problem = Problem(title=title, status=status, detail=detail)


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing that can be asked for."""

    path: str
    about: str
    answers: type[BaseModel]
    run: Callable[[Request, bytes], BaseModel]
    #: of the query, with their schemas
    query: Mapping[str, dict[str, Any]] = field(default_factory=dict)
    #: of a POST
    takes: type[BaseModel] | None = None
    needs_token: bool = False

    @property
    def method(self) -> str:
        return "POST" if self.takes else "GET"


_PAGE: dict[str, dict[str, Any]] = {
    "page": {"type": "integer", "minimum": 1, "maximum": MOST_PAGES, "default": 1}
}


class ApiRoutes:
    """Everything below `BASE`."""

    def __init__(self, web: WebContext, papers: PaperRoutes, feedback: FeedbackRoutes) -> None:
        self._web, self._papers, self._feedback = web, papers, feedback
        self._limiter = CapacityLimiter(AT_ONCE)
        question = {"type": "string", "minLength": 1, "maxLength": MAX_QUERY_CHARS}
        self._operations = (
            Operation(
                "/days/{day}",
                "The papers of a day, written like 2026-05-20, or of the latest one.",
                DayData,
                self._day,
                query=_PAGE,
            ),
            Operation(
                "/papers/{paper}",
                "One paper by its id (arxiv:2605.00001), an arXiv number or a DOI.",
                PaperData,
                self._paper,
            ),
            Operation(
                "/search",
                "Search, as the page does it: words, phrases, author:, since: and so on.",
                Hits,
                self._search,
                query={"q": question} | _PAGE,
            ),
            Operation(
                "/editions",
                "The latest editions of the token's holder.",
                Editions,
                self._editions,
                needs_token=True,
            ),
            Operation(
                "/editions/{day}",
                "One of them, with its papers and why each was picked.",
                EditionData,
                self._edition,
                needs_token=True,
            ),
            Operation(
                "/ratings",
                "Like, dislike or keep a paper for the token's holder.",
                Rating,
                self._rate,
                takes=Rating,
                needs_token=True,
            ),
        )

    def routes(self) -> list[Route]:
        made = [
            Route(
                BASE + op.path.replace("{paper}", "{paper:path}"),
                self._answering(op),
                methods=METHODS,
            )
            for op in self._operations
        ]
        return [
            Route(f"{BASE}/openapi.json", self.description, methods=["GET"]),
            *made,
        ]

    async def description(self, request: Request) -> Response:
        return JSONResponse(described(self._operations, self._web.pages.absolute(BASE)))

    def _answering(self, operation: Operation) -> Callable[[Request], Any]:
        allowed = [operation.method, *(["HEAD"] if operation.method == "GET" else [])]

        async def answer(request: Request) -> Response:
            if request.method not in allowed:
                detail = f"What there is: {operation.method}."
                refusal = problem(Problem(title="Not with this method", status=405, detail=detail))
                refusal.headers["Allow"] = ", ".join(allowed)
                return refusal
            body = await request.body() if operation.takes else b""
            return await to_thread.run_sync(run, request, body, limiter=self._limiter)

        def run(request: Request, body: bytes) -> Response:
            try:
                found = operation.run(request, body)
            except ApiError as error:
                return problem(error.problem)
            except DigestError as error:
                return problem(
                    Problem(title="That cannot be done now", status=503, detail=str(error))
                )
            cache = "no-store" if operation.needs_token else "public, max-age=300"
            headers = {"Cache-Control": cache, "X-Robots-Tag": "noindex"}
            return JSONResponse(found.model_dump(mode="json"), headers=headers)

        return answer

    # --- for anyone ----------------------------------------------------------------------------

    def _day(self, request: Request, _: bytes) -> DayData:
        archive, wanted, page = self._web.store.archive, request.path_params["day"], _page(request)
        if wanted == "latest":
            # somewhere on earth it may be tomorrow already
            day = archive.previous_day(self._web.now().date() + timedelta(days=2))
        else:
            day = day_of(wanted)
        listed = archive.listed_on(day) if day else ()
        if not day or not listed:
            raise ApiError(404, "No such day", "Nothing was listed then, or it is no date.")
        shown = most_voted(listed, day)[(page - 1) * PER_PAGE : page * PER_PAGE]
        papers = [paper_data(x.paper) for x in shown]
        return DayData(date=day, n=len(listed), page=page, papers=papers)

    def _paper(self, request: Request, _: bytes) -> PaperData:
        paper = self._papers.listed(stored_id(self._web.store, request.path_params["paper"]))
        if paper is None:
            raise ApiError(404, "No such paper", "No source has listed it, or it was forgotten.")
        return paper_data(paper)

    def _search(self, request: Request, _: bytes) -> Hits:
        question, page = request.query_params.get("q", ""), _page(request)
        asked = clean(question)
        if not asked or len(question) > MAX_QUERY_CHARS:
            raise ApiError(400, "No question", f"q has 1 to {MAX_QUERY_CHARS} characters.")
        found = self._papers.found(asked, page)[2]
        return Hits(query=asked, page=page, papers=[paper_data(p) for p in found.papers[:HITS]])

    # --- with a token --------------------------------------------------------------------------

    def _reader(self, request: Request) -> Subscriber:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        sessions = self._web.sessions
        try:
            if scheme.lower() != "bearer":
                raise TokenError("Send it as “Authorization: Bearer TOKEN”.")
            return sessions.reader(sessions.ticket(token.strip(), Action.API))
        except TokenError as error:
            detail = f"{error} A token stands on the page of your preferences."
            raise ApiError(401, "A token is needed", detail) from error

    def _editions(self, request: Request, _: bytes) -> Editions:
        reader = self._reader(request)
        found = self._web.store.archive.editions_of(reader.id, MOST_EDITIONS)
        return Editions(editions=[edition_head(e) for e in found])

    def _edition(self, request: Request, _: bytes) -> EditionData:
        reader, day = self._reader(request), day_of(request.path_params["day"])
        found = self._web.store.archive.edition_of(reader.id, day) if day else None
        if found is None:
            raise ApiError(404, "No such edition", "There was none on that day.")
        return edition_data(found)

    def _rate(self, request: Request, body: bytes) -> Rating:
        reader = self._reader(request)
        if len(body) > _MAX_BODY:
            raise ApiError(413, "Too large", f"A rating has at most {_MAX_BODY} bytes.")
        try:
            said = Rating.model_validate_json(body)
        except ValidationError as error:
            wrong = error.errors()[0]
            where = ".".join(map(str, wrong["loc"]))
            detail = f"{where}: {wrong['msg']}" if where else str(wrong["msg"])
            raise ApiError(400, "This is no rating", detail) from error
        if not self._feedback.rated(reader, said.paper, said.value):
            raise ApiError(404, "No such paper", "It is not here, or not here any more.")
        return said


def _page(request: Request) -> int:
    text = request.query_params.get("page", "1")
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 6 else 0
    if not 1 <= number <= MOST_PAGES:
        raise ApiError(400, "No such page", f"page is a number from 1 to {MOST_PAGES}.")
    return number


def is_asked(request: Request) -> bool:
    """Whether a program asks, so that a fault is told as one reads it."""
    return str(request.scope["path"]).startswith("/api/")


def problem(told: Problem) -> Response:
    headers = {"Cache-Control": "no-store"}
    if told.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return Response(
        json.dumps({"type": "about:blank"} | told.model_dump(), ensure_ascii=False),
        status_code=told.status,
        media_type="application/problem+json",
        headers=headers,
    )


def described(operations: tuple[Operation, ...], server: str) -> dict[str, Any]:
    """The operations as OpenAPI 3.1."""
    models = {m for op in operations for m in (op.answers, op.takes) if m} | {Problem}
    place = "#/components/schemas/{model}"
    ordered = sorted(models, key=lambda m: m.__name__)
    _, schemas = models_json_schema(
        [(m, "serialization") for m in ordered], ref_template=place, title=None
    )

    def content(model: type[BaseModel], media: str = "application/json") -> dict[str, Any]:
        return {media: {"schema": {"$ref": place.format(model=model.__name__)}}}

    def responses(op: Operation) -> dict[str, Any]:
        faults = [400, 401] if op.takes else [401] if op.needs_token else [400]
        told = {
            str(status): {
                "description": "See its detail.",
                "content": content(Problem, "application/problem+json"),
            }
            for status in (*faults, 404, 405, 503)
        }
        for status, why in _LIMITS.items():
            plain = {"text/plain": {"schema": {"type": "string"}}}
            told[str(status)] = {"description": why, "content": plain}
        return {"200": {"description": "Found.", "content": content(op.answers)}} | told

    paths: dict[str, Any] = {}
    for op in operations:
        inside = [p[1:-1] for p in op.path.split("/") if p.startswith("{")]
        parameters = [
            {"name": n, "in": "path", "required": True, "schema": {"type": "string"}}
            for n in inside
        ] + [
            {"name": n, "in": "query", "required": "default" not in s, "schema": s}
            for n, s in op.query.items()
        ]
        told: dict[str, Any] = {
            "summary": op.about,
            "operationId": f"{op.method.lower()}_{op.path.strip('/').replace('/', '_')}".replace(
                "{", ""
            ).replace("}", ""),
            "parameters": parameters,
            "responses": responses(op),
        }
        if op.takes:
            told["requestBody"] = {"required": True, "content": content(op.takes)}
        if op.needs_token:
            told["security"] = [{"token": []}]
        paths.setdefault(op.path, {})[op.method.lower()] = told
    return {
        "openapi": "3.1.0",
        "info": {"title": "digest", "version": __version__},
        "servers": [{"url": server}],
        "paths": paths,
        "components": {
            "schemas": schemas["$defs"],
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }
