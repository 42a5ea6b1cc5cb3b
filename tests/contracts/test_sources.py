"""`ports.Source`: what a mail of any source can rely on, run over every kind of the registry."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ConfigDict

from digest.errors import SourceError
from digest.fetcher import Fetcher
from digest.model import Listing
from digest.ports import FetchRequest
from digest.sources.base import BaseSource
from digest.sources.registry import build_sources, kinds
from tests.conftest import NOW
from tests.factories import paper
from tests.integration.test_lookups import recommender
from tests.servers import Answer, Request, WebServer, api, as_json, rss
from tests.unit.test_services import (
    articles,
    details,
    item,
    notes,
    pmids,
    preprint,
    registered,
    submission,
    work,
    works,
)
from tests.worlds import record

DAY = NOW.date()
DETAILS = f"/details/biorxiv/{DAY - timedelta(days=2)}/{DAY}/0/json"
STAMP = f"{DAY:%a, %d %b %Y} 00:00:00 +0000"


@dataclass(frozen=True)
class Example:
    """A kind's table, and the provider behind it that lists two papers."""

    #: of the configuration; "{web}" is the provider's address
    table: dict[str, Any]
    serve: Callable[[WebServer, Path], object]


def xml(body: bytes) -> Answer:
    return Answer(body, content_type="text/xml")


def plain(body: bytes) -> Answer:
    return Answer(body, content_type="application/json")


def hugging_face(number: int) -> dict[str, Any]:
    return {
        "paper": {
            "id": f"2605.{number:05d}",
            "title": f"Daily paper {number}",
            "summary": "A laser beam.",
            "authors": [{"name": "Ada Lovelace"}],
            "publishedAt": f"{DAY}T00:00:00.000Z",
            "upvotes": 3,
        }
    }


def daily_papers(request: Request) -> Answer:
    today = request.query["date"] == str(DAY)
    return as_json([hugging_face(1), hugging_face(2)] if today else [])


def europe_pmc(request: Request) -> Answer:
    listed = [
        {
            "id": str(n),
            "source": "MED",
            "pmid": str(n),
            "title": f"Article {n}.",
            "authorString": "Liu Q, Yu N.",
            "firstIndexDate": str(DAY),
        }
        for n in (1, 2)
    ]
    return as_json({"nextCursorMark": "*", "hitCount": 2, "resultList": {"result": listed}})


def outlines(web: WebServer, folder: Path) -> None:
    path = folder / "feeds.opml"
    path.write_text(
        f'<opml><body><outline text="Journal" xmlUrl="{web.url}/rss"/></body></opml>', "utf-8"
    )
    web.says("/rss", Answer(rss([record(1), record(2)], STAMP)))


def openreview(request: Request) -> Answer:
    first = request.query["offset"] == "0"
    return plain(notes(submission(1), submission(2)) if first else notes())


EXAMPLES = {
    "arxiv": Example(
        {"categories": ["cs.CL"], "base_url": "{web}", "api_url": "{web}/api/query"},
        lambda web, _: web.says("/rss/cs.CL", Answer(rss([record(1), record(2)], STAMP))),
    ),
    "arxiv-query": Example(
        {"query": "ti:laser", "api_url": "{web}/api/query"},
        lambda web, _: web.says("/api/query", Answer(api([record(1), record(2)]))),
    ),
    "biorxiv": Example(
        {"base_url": "{web}"},
        lambda web, _: web.routes.update(
            {DETAILS: lambda _: plain(details(preprint(1), preprint(2), total=2))}
        ),
    ),
    "crossref": Example(
        {"issn": ["1476-4687"], "base_url": "{web}"},
        lambda web, _: web.routes.update(
            {"/journals/1476-4687/works": lambda _: plain(registered(item(1), item(2)))}
        ),
    ),
    "europepmc": Example(
        {"query": "roots", "base_url": "{web}"},
        lambda web, _: web.routes.update({"/search": europe_pmc}),
    ),
    "feed": Example(
        {"url": "{web}/rss"},
        lambda web, _: web.says("/rss", Answer(rss([record(1), record(2)], STAMP))),
    ),
    "huggingface": Example(
        {"base_url": "{web}"},
        lambda web, _: web.routes.update({"/api/daily_papers": daily_papers}),
    ),
    "openalex": Example(
        {"search": "roots", "base_url": "{web}"},
        lambda web, _: web.says("/works", plain(works(work(1), work(2)))),
    ),
    "openreview": Example(
        {"venue": "x.y/Z", "base_url": "{web}"},
        lambda web, _: web.routes.update({"/notes": openreview}),
    ),
    "opml": Example({"path": "{folder}/feeds.opml"}, outlines),
    "pubmed": Example(
        {"query": "gut[tiab]", "base_url": "{web}"},
        lambda web, _: web.routes.update(
            {
                "/esearch.fcgi": lambda _: plain(pmids(1, 2)),
                "/efetch.fcgi": lambda _: xml(articles(1, 2)),
            }
        ),
    ),
    "semantic-scholar": Example(
        {"base_url": "{web}"},
        lambda web, _: recommender(web, "ARXIV:2605.00001", "ARXIV:2605.00002"),
    ),
}


@pytest.fixture
def fetcher() -> Iterator[Fetcher]:
    with Fetcher(timeout_s=5, retries=0, sleep=lambda s: None) as made:
        yield made


def source_of(kind: str, web: WebServer, folder: Path, fetcher: Fetcher) -> BaseSource:
    EXAMPLES[kind].serve(web, folder)
    table = json.loads(
        json.dumps(EXAMPLES[kind].table).replace("{web}", web.url).replace("{folder}", str(folder))
    )
    settings = kinds()[kind].model_validate({"kind": kind, "allow_private": True} | table)
    (source,) = build_sources([settings], fetcher, lambda service: "")
    return source


def ask(source: BaseSource) -> Listing:
    liked = (paper(1), paper(2)) if source.uses_likes else ()
    covered = frozenset(DAY - timedelta(days=n) for n in range(1, 8))
    return source.fetch(FetchRequest(now=NOW, covered=covered, liked=liked))


def break_all(web: WebServer, answer: Answer) -> None:
    for path in list(web.routes):
        web.routes[path] = lambda _: answer


def test_every_kind_of_source_has_an_example_here() -> None:
    assert set(EXAMPLES) == set(kinds())


@pytest.mark.parametrize("kind", EXAMPLES)
def test_what_is_listed_comes_with_all_that_a_mail_needs(
    kind: str, web: WebServer, fetcher: Fetcher, tmp_path: Path
) -> None:
    source = source_of(kind, web, tmp_path, fetcher)
    listing = ask(source)
    assert listing.complete
    assert not listing.fault
    assert listing.source == source.name != ""
    assert listing.fetched_at == NOW
    assert len({p.id for p in listing.papers}) == len(listing.papers) == 2
    for listed in listing.papers:
        namespace, _, number = listed.id.partition(":")
        assert namespace
        assert number
        assert listed.title.strip() == listed.title != ""
        assert listed.url.startswith(("http://", "https://"))
        assert listed.announced is None or listed.announced <= DAY + timedelta(days=1)


@pytest.mark.parametrize("kind", EXAMPLES)
def test_the_same_is_listed_when_it_is_asked_again(
    kind: str, web: WebServer, fetcher: Fetcher, tmp_path: Path
) -> None:
    source = source_of(kind, web, tmp_path, fetcher)
    assert ask(source).papers == ask(source).papers


@pytest.mark.parametrize("kind", EXAMPLES)
@pytest.mark.parametrize(
    "answer",
    [
        Answer(b"", status=503),
        Answer(b"", status=404),
        Answer(b"<html><body><h1>Please sign in</h1></body></html>", content_type="text/html"),
        Answer(b'{"error": "maintenance"}', content_type="application/json"),
        Answer(b"\xff\xfe\x00", content_type="application/octet-stream"),
        Answer(b""),
    ],
    ids=["503", "404", "html", "error", "noise", "nothing"],
)
def test_no_answer_is_a_fault_that_names_the_place_and_never_a_quiet_day(
    kind: str, answer: Answer, web: WebServer, fetcher: Fetcher, tmp_path: Path
) -> None:
    source = source_of(kind, web, tmp_path, fetcher)
    break_all(web, answer)
    try:
        listing = ask(source)
    except SourceError as error:
        told = str(error)
    else:
        assert not listing.complete, "it passes for a quiet day"
        told = listing.fault
    assert "127.0.0.1" in told
    assert "Traceback" not in told
    assert len(told) < 500


@pytest.mark.parametrize("kind", EXAMPLES)
def test_its_table_refuses_what_it_does_not_know(kind: str) -> None:
    settings = kinds()[kind]
    config: ConfigDict = settings.model_config
    assert config.get("extra") == "forbid"
    assert config.get("frozen") is True


# --- completeness: a listing counts as read only when all of it was ------------------------------


def works_of(n: int) -> bytes:
    body = json.loads(works(work(1), work(2), cursor="more"))
    body["meta"]["count"] = n
    return json.dumps(body).encode()


def europe_pmc_of(n: int) -> Answer:
    body = json.loads(europe_pmc(Request("/search", {}, {}, b"")).body)
    return as_json(body | {"hitCount": n})


def first_only(full: Answer, empty: Answer, key: str, start: str) -> Callable[[Request], Answer]:
    """The first page, and nothing on those after it."""
    return lambda request: full if request.query.get(key, start) == start else empty


#: each kind that pages: the provider says that there are nine and gives two
SHORT: dict[str, Callable[[WebServer], object]] = {
    "arxiv-query": lambda web: web.routes.update(
        {
            "/api/query": first_only(
                Answer(api([record(1), record(2)], total=9)), Answer(api([], total=9)), "start", "0"
            )
        }
    ),
    "biorxiv": lambda web: web.routes.update(
        {
            DETAILS: lambda _: plain(details(preprint(1), preprint(2), total=9)),
            DETAILS.replace("/0/json", "/2/json"): lambda _: plain(details(total=9)),
        }
    ),
    "crossref": lambda web: web.routes.update(
        {
            "/journals/1476-4687/works": first_only(
                plain(registered(item(1), item(2), cursor="next", total=9)),
                plain(registered(cursor="next", total=9)),
                "cursor",
                "*",
            )
        }
    ),
    "europepmc": lambda web: web.routes.update({"/search": lambda _: europe_pmc_of(9)}),
    "openalex": lambda web: web.routes.update(
        {"/works": first_only(plain(works_of(9)), as_json({"results": [], "meta": {"count": 9}}),
                              "cursor", "*")}
    ),
    "openreview": lambda web: web.routes.update(
        {
            "/notes": first_only(
                plain(notes(submission(1), submission(2), total=9)), plain(notes(total=9)),
                "offset", "0",
            )
        }
    ),
    "pubmed": lambda web: web.routes.update(
        {"/esearch.fcgi": lambda _: plain(pmids(1, 2, 3, 4, 5, 6, 7, 8, 9))}
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", SHORT)
def test_fewer_records_than_promised_leave_the_day_open(
    kind: str, web: WebServer, tmp_path: Path, fetcher: Fetcher
) -> None:
    source = source_of(kind, web, tmp_path, fetcher)
    SHORT[kind](web)
    found = ask(source)
    assert len(found.papers) == 2
    assert not found.complete
    assert "2 of 9" in found.fault
    assert not found.days


@pytest.mark.parametrize("kind", sorted(set(EXAMPLES) - {"opml"}))
def test_an_answer_without_a_body_is_no_quiet_day(
    kind: str, web: WebServer, tmp_path: Path, fetcher: Fetcher
) -> None:
    source = source_of(kind, web, tmp_path, fetcher)
    break_all(web, Answer(b""))
    try:
        found = ask(source)
    except SourceError:
        return
    assert not found.complete
    assert DAY not in found.days


def test_the_batch_of_the_day_before_is_no_listing_of_today(
    web: WebServer, tmp_path: Path, fetcher: Fetcher
) -> None:
    """Reported of ZJU-REAL/Polaris #414: the date was new, the papers were not."""
    source = source_of("arxiv", web, tmp_path, fetcher)
    yesterday = frozenset({"arxiv:2605.00001", "arxiv:2605.00002"})
    covered = frozenset(DAY - timedelta(days=n) for n in range(1, 8))
    found = source.fetch(FetchRequest(now=NOW, covered=covered, latest=yesterday))
    assert not found.complete
    assert "still shows the papers of the day before" in found.fault
    assert not found.papers
    assert DAY not in found.days
    # the same papers once more, on a day that is known to be theirs, are nothing new
    again = source.fetch(FetchRequest(now=NOW, covered=covered | {DAY}, latest=yesterday))
    assert again.complete


def test_an_empty_weekday_of_arxiv_stays_open_and_an_empty_weekend_does_not(
    web: WebServer, tmp_path: Path, fetcher: Fetcher
) -> None:
    source = source_of("arxiv", web, tmp_path, fetcher)
    web.says("/rss/cs.CL", Answer(rss([], STAMP)))
    assert DAY.weekday() < 5
    found = ask(source)
    assert "a holiday, or is late" in found.remark
    assert DAY not in found.days
    assert not found.validators  # so it is read anew
    saturday = DAY + timedelta(days=(5 - DAY.weekday()) % 7)
    web.says("/rss/cs.CL", Answer(rss([], f"{saturday:%a, %d %b %Y} 00:00:00 +0000")))
    later = NOW + (saturday - DAY)
    covered = frozenset(saturday - timedelta(days=n) for n in range(1, 8))
    found = source.fetch(FetchRequest(now=later, covered=covered))
    assert found.complete
    assert saturday in found.days


def test_a_catch_up_that_comes_in_part_is_asked_for_again(
    web: WebServer, tmp_path: Path, fetcher: Fetcher
) -> None:
    """Reported of arxiv.py #43 and #83: an empty page in the middle of an answer."""
    source = source_of("arxiv", web, tmp_path, fetcher)
    pages = [api([record(3)], total=3), api([], total=3), api([record(4), record(5)], total=3)]
    web.says("/api/query", *map(Answer, pages))
    missed = DAY - timedelta(days=1)
    covered = frozenset(DAY - timedelta(days=n) for n in range(2, 8))
    found = source.fetch(FetchRequest(now=NOW, covered=covered))
    assert found.complete
    assert missed in found.days
    assert len(found.papers) == 5
    web.says("/api/query", Answer(api([record(3)], total=3)), Answer(api([], total=3)))
    found = source.fetch(FetchRequest(now=NOW, covered=covered))
    assert not found.complete
    assert "1 of 3" in found.fault
    assert missed not in found.days


def test_todays_daily_papers_that_are_still_yesterdays_are_not_taken(
    web: WebServer, tmp_path: Path, fetcher: Fetcher
) -> None:
    source = source_of("huggingface", web, tmp_path, fetcher)
    web.routes["/api/daily_papers"] = lambda _: as_json([hugging_face(1), hugging_face(2)])
    covered = frozenset(DAY - timedelta(days=n) for n in range(2, 8))
    found = source.fetch(FetchRequest(now=NOW, covered=covered))
    assert len(found.papers) == 2
    assert "still that of the day before" in found.fault
    assert DAY - timedelta(days=1) in found.days


def linked(models: int, demos: int = 0) -> Answer:
    return as_json({"id": "x", "numTotalModels": models, "numTotalSpaces": demos})


def test_what_names_the_most_upvoted_daily_papers_is_counted(
    web: WebServer, tmp_path: Path, fetcher: Fetcher
) -> None:
    settings = kinds()["huggingface"].model_validate(
        {"kind": "huggingface", "allow_private": True, "base_url": web.url, "linked": 3}
    )
    (source,) = build_sources([settings], fetcher, lambda service: "")
    entries = [hugging_face(n) for n in range(1, 6)]
    for n, entry in enumerate(entries):
        entry["paper"]["upvotes"] = n
    today = str(DAY)
    web.routes["/api/daily_papers"] = lambda r: as_json(entries if r.query["date"] == today else [])
    best = [e["paper"]["id"] for e in entries[:1:-1]]
    web.says(f"/api/papers/{best[0]}", linked(3, 1))
    web.says(f"/api/papers/{best[1]}", Answer(b'{"error": "Paper not found"}', status=404))
    web.says(f"/api/papers/{best[2]}", linked(0))
    found = source.fetch(FetchRequest(now=NOW, covered=frozenset({DAY - timedelta(days=1)})))
    signals = {p.arxiv_id: p.signals for p in found.papers}
    assert [signals[n].models for n in best] == [3, None, 0]
    assert signals[best[0]].demos == 1
    assert found.complete
    assert not [r for r in web.requests if r.path.endswith(entries[0]["paper"]["id"])]
    web.says(f"/api/papers/{best[0]}", Answer(b"no", status=500))
    found = source.fetch(FetchRequest(now=NOW, covered=frozenset({DAY - timedelta(days=1)})))
    assert len(found.papers) >= 5
    assert "models and datasets could not be asked for" in found.remark
