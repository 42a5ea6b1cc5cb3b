"""bioRxiv, OpenAlex and Crossref as servers on loopback: pages, limits, faults, resumption."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from digest import jobs
from digest.cli.check import checks, tell
from digest.errors import SourceError
from digest.fetcher import Fetcher
from digest.model import Listing
from digest.ports import FetchRequest
from digest.sources.arxiv import ArxivQuerySource
from digest.sources.biorxiv import BiorxivSource
from digest.sources.crossref import CrossrefSource
from digest.sources.openalex import OpenAlexSource
from digest.sources.openreview import OpenReviewSource
from digest.sources.pubmed import BATCH, PubMedSource
from tests.conftest import NOW
from tests.servers import Answer, Request, WebServer, api, rss
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
from tests.worlds import make_world, record

DAY = NOW.date()


def fetcher(slept: list[float] | None = None) -> Fetcher:
    sleeps = slept if slept is not None else []
    return Fetcher(timeout_s=5, retries=1, sleep=sleeps.append)


def answer(body: bytes, **changes: object) -> Answer:
    return Answer(body, content_type="application/json", **changes)  # type: ignore[arg-type]


def day(*covered: int) -> FetchRequest:
    days = frozenset(DAY - timedelta(days=n) for n in covered)
    return FetchRequest(now=NOW, covered=days)


BIORXIV = f"/details/biorxiv/{DAY - timedelta(days=2)}/{DAY}"


def test_biorxiv_is_read_page_by_page_by_the_count_it_gives(web: WebServer) -> None:
    first = [preprint(n) for n in range(30)]
    second = [preprint(n, category="zoology") for n in range(30, 35)]
    web.says(f"{BIORXIV}/0/json", answer(details(*first, total=35)))
    web.says(f"{BIORXIV}/30/json", answer(details(*second, total=35)))
    slept: list[float] = []
    with fetcher(slept) as client:
        source = BiorxivSource(client, base_url=web.url, allow_private=True)
        found = source.fetch(day(1))
    assert len(found.papers) == 35
    assert found.complete
    assert found.days == (DAY - timedelta(days=2), DAY - timedelta(days=1))
    assert any(0.5 < pause <= 1 for pause in slept)


def test_biorxiv_is_narrowed_by_category_and_kind(web: WebServer) -> None:
    body = details(
        preprint(1), preprint(2, category="zoology"), preprint(3, version="2"), preprint(1)
    )
    web.says(f"{BIORXIV}/0/json", answer(body))
    with fetcher() as client:
        plants = BiorxivSource(
            client, base_url=web.url, allow_private=True, categories=["Plant_Biology"]
        )
        assert [p.doi[-1] for p in plants.fetch(day(1)).papers] == ["1"]
        all_ = BiorxivSource(
            client, base_url=web.url, allow_private=True, announce_types=["new", "replace"]
        )
        assert [p.doi[-1] for p in all_.fetch(day(1)).papers] == ["1", "2", "3"]


def test_a_page_that_fails_costs_the_rest_and_is_asked_for_again(web: WebServer) -> None:
    web.says(f"{BIORXIV}/0/json", answer(details(*(preprint(n) for n in range(30)), total=60)))
    web.says(f"{BIORXIV}/30/json", answer(b"", status=500))
    with fetcher() as client:
        source = BiorxivSource(client, base_url=web.url, allow_private=True)
        torn = source.fetch(day(1))
        assert len(torn.papers) == 30
        assert not torn.complete
        assert "page 2 is missing" in torn.fault
        assert torn.days == ()  # the days count as not fetched
        web.says(f"{BIORXIV}/30/json", answer(details(*(preprint(n) for n in range(30, 60)))))
        web.says(f"{BIORXIV}/60/json", answer(details()))
        whole = source.fetch(day(1))
        assert whole.complete
        assert len(whole.papers) == 60


def paged(pages: dict[str, bytes]) -> object:
    def route(request: Request) -> Answer:
        return answer(pages[request.query["cursor"]])

    return route


def test_openalex_follows_its_cursor_and_keeps_filter_and_dates(web: WebServer) -> None:
    web.routes["/works"] = paged(  # type: ignore[assignment]
        {"*": works(work(1), work(2), cursor="next"), "next": works(work(3)), "": b""}
    )
    with fetcher() as client:
        source = OpenAlexSource(
            client,
            base_url=web.url,
            allow_private=True,
            filter="language:en",
            search="coral reef",
        )
        found = source.fetch(day(1))
    assert [p.title[-1] for p in found.papers] == ["1", "2", "3"]
    asked = web.asked("/works")[0].query
    since = DAY - timedelta(days=5)
    assert asked["filter"] == (
        f"language:en,from_publication_date:{since},to_publication_date:{DAY}"
    )
    assert asked["search"] == "coral reef"


def test_crossref_asks_each_journal_and_one_that_fails_costs_itself(web: WebServer) -> None:
    web.says("/journals/1476-4687/works", answer(registered(item(1), item(2))))
    web.says("/journals/0000-0000/works", answer(b"Resource not found.", status=404))
    with fetcher() as client:
        source = CrossrefSource(
            client, base_url=web.url, allow_private=True, issn=["1476-4687", "0000-0000"]
        )
        found = source.fetch(day(1))
        assert len(found.papers) == 2
        assert not found.complete
        assert "404" in found.fault
        alone = CrossrefSource(client, base_url=web.url, allow_private=True, issn=["0000-0000"])
        with pytest.raises(SourceError):
            alone.fetch(day(1))


def test_a_long_journal_is_read_page_by_page(web: WebServer) -> None:
    web.routes["/journals/1476-4687/works"] = paged(  # type: ignore[assignment]
        {
            "*": registered(*(item(n) for n in range(100)), cursor="next", total=103),
            "next": registered(*(item(n) for n in range(100, 103)), cursor="more", total=103),
        }
    )
    with fetcher() as client:
        source = CrossrefSource(client, base_url=web.url, allow_private=True, issn=["1476-4687"])
        assert len(source.fetch(day(1)).papers) == 103


def test_a_venue_of_openreview_is_read_page_by_page(web: WebServer) -> None:
    def route(request: Request) -> Answer:
        start = int(request.query["offset"])
        found = (submission(n) for n in range(start, min(start + 1000, 1200)))
        return answer(notes(*found, total=1200))

    web.routes["/notes"] = route
    with fetcher() as client:
        source = OpenReviewSource(client, base_url=web.url, allow_private=True, venue="x.y/Z")
        found = source.fetch(day(1))
    assert len(found.papers) == 1200
    assert found.complete
    assert web.asked("/notes")[0].query["content.venueid"] == "x.y/Z"


def test_pubmed_is_asked_for_ids_and_then_for_records(web: WebServer) -> None:
    def records(request: Request) -> Answer:
        return Answer(articles(*map(int, request.query["id"].split(","))), content_type="text/xml")

    n = BATCH + 50
    web.says("/esearch.fcgi", answer(pmids(*range(1, n + 1))))
    web.routes["/efetch.fcgi"] = records
    with fetcher() as client:
        source = PubMedSource(client, base_url=web.url, allow_private=True, query="gut[tiab]")
        found = source.fetch(day(1))
        assert len(found.papers) == n
        assert found.complete
        asked = web.asked("/esearch.fcgi")[0].query
        assert (asked["term"], asked["datetype"]) == ("gut[tiab]", "edat")
        assert asked["maxdate"] == f"{DAY:%Y/%m/%d}"
        assert len(web.asked("/efetch.fcgi")) == 2

        turns = iter([records, lambda request: Answer(b"", status=400)])
        web.routes["/efetch.fcgi"] = lambda request: next(turns)(request)
        torn = source.fetch(day(1))
        assert len(torn.papers) == BATCH
        assert "records from the 201st on are missing" in torn.fault

        web.says("/esearch.fcgi", answer(pmids()))
        quiet = source.fetch(day(1))
        assert (quiet.papers, quiet.complete) == ((), True)


def test_an_arxiv_query_is_kept_and_dated(web: WebServer) -> None:
    papers = [
        record(1, submitted="2026-05-18T12:00:00Z"),
        record(2, submitted="2026-05-18T19:00:00Z"),
    ]
    web.says("/api/query", Answer(api(papers)))
    with fetcher() as client:
        source = ArxivQuerySource(
            client, query="ti:laser", api_url=f"{web.url}/api/query", allow_private=True
        )
        found = source.fetch(day(1))
    # the window closes at 14:00 in New York; what comes later is announced a day later
    assert [p.announced for p in found.papers] == [DAY - timedelta(days=1), DAY]
    asked = web.asked("/api/query")[0].query["search_query"]
    assert asked == "(ti:laser) AND submittedDate:[202605150000 TO 202605202359]"


def test_a_service_that_asks_for_patience_gets_it(web: WebServer) -> None:
    busy = answer(b"", status=429, headers={"Retry-After": "7"})
    web.says(f"{BIORXIV}/0/json", busy, answer(details(preprint())))
    slept: list[float] = []
    with fetcher(slept) as client:
        source = BiorxivSource(client, base_url=web.url, allow_private=True)
        found: Listing = source.fetch(day(1))
    assert len(found.papers) == 1
    assert max(slept) >= 7


def test_a_reader_without_arxiv_gets_an_edition(tmp_path: Path) -> None:
    with make_world(tmp_path) as world:
        first = DAY - timedelta(days=2)
        body = details(preprint(1, date=DAY.isoformat()), preprint(2, date=DAY.isoformat()))
        world.web.says(f"/details/medrxiv/{first}/{DAY}/0/json", answer(body))
        world.web.says("/works", answer(works(work(1, publication_date=DAY.isoformat()))))
        world.web.says("/journals/1476-4687/works", answer(registered(item(1))))
        sources = "".join(
            f'[[sources]]\nkind = "{kind}"\n{keys}\nbase_url = "{world.web.url}"\n'
            "allow_private = true\n"
            for kind, keys in (
                ("biorxiv", 'server = "medrxiv"'),
                ("openalex", 'search = "reef"'),
                ("crossref", 'issn = ["1476-4687"]'),
            )
        )
        text = world.write(sources=sources, top="fill = true").read_text("utf-8")
        start, end = text.index("[[sources]]"), text.index('[[sources]]\nkind = "biorxiv"')
        world.config.write_text(text[:start] + text[end:], "utf-8")
        with world.app() as app:
            assert [s.name for s in app.sources] == ["medRxiv", "OpenAlex", "Crossref"]
            report = jobs.run(app)
        assert report is not None
        assert report.warnings == ()
        (mail,) = world.smtp.mails
        for words in (b"Roots & leaves 1", b"Coral reefs 1", b"A study of things 1"):
            assert words in mail.body


STAMP = f"{NOW:%a, %d %b %Y} 00:00:00 +0000"


def test_a_check_that_crashes_costs_only_itself_and_shares_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """IEEE's <authors> gave a traceback, and what stood after it was not checked."""
    with (
        make_world(tmp_path) as world,
        world.app() as app,
    ):
        world.web.says("/rss/cs.CL+cs.LG", Answer(rss([record(1), record(2)], STAMP)))
        tell(checks(app, ""), as_json=False)
        told = capsys.readouterr().out
        assert "arXiv: " in told
        assert "; all with everything" in told or "; of them with " in told
        monkeypatch.setattr(type(app.sources[0]), "fetch", lambda *_: [][1])
        assert tell(checks(app, ""), as_json=False) == 1
        after = capsys.readouterr()
        assert "internal error: IndexError" in after.out + after.err
        assert "nothing was sent" in after.out
