"""`ports.Lookup`: run over every service that papers are looked up at."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from digest.errors import SourceError
from digest.fetcher import Fetcher
from digest.ports import Lookup
from digest.sources.arxiv_api import ArxivApi
from digest.sources.crossref import CrossrefApi
from digest.sources.europepmc import EuropePmcApi
from digest.sources.openalex import OpenAlexApi
from digest.sources.semantic_scholar import SemanticScholarApi
from tests.conftest import NOW
from tests.integration.test_lookups import Services
from tests.servers import Answer, WebServer, api, as_json, web_server
from tests.worlds import record

#: class, a name that it knows, one of its form that nobody knows, one of another form
SERVICES = {
    "arxiv": (ArxivApi, "arxiv:2605.00001", "arxiv:2605.09999", "doi:10.1000/a"),
    "openalex": (OpenAlexApi, "doi:10.1000/a", "doi:10.1000/b", "text:abc"),
    "crossref": (CrossrefApi, "doi:10.1000/a", "doi:10.1000/b", "arxiv:2605.00001"),
    "semantic-scholar": (SemanticScholarApi, "doi:10.1000/a", "doi:10.1000/b", "text:abc"),
    "europepmc": (EuropePmcApi, "pmid:7", "doi:10.1000/b", "arxiv:2605.00001"),
}


@pytest.fixture
def web() -> Iterator[WebServer]:
    with web_server() as server:
        held = Services(server)
        held.openalex = held.crossref = held.s2 = {"doi:10.1000/a": True}
        server.routes["/api/query"] = lambda request: Answer(
            api([record(1)] if "2605.00001" in request.query["id_list"] else [])
        )
        article = {"id": "7", "source": "MED", "pmid": "7", "title": "On roots."}
        server.routes["/search"] = lambda request: as_json(
            {
                "hitCount": int("EXT_ID:7 " in request.query["query"]),
                "resultList": {
                    "result": [article] if "EXT_ID:7 " in request.query["query"] else []
                },
            }
        )
        yield server


@pytest.fixture
def service(request: pytest.FixtureRequest, web: WebServer) -> Iterator[Lookup]:
    kind = SERVICES[request.param][0]
    with Fetcher(timeout_s=5, retries=0, sleep=lambda s: None) as fetcher:
        where = {"api_url": f"{web.url}/api/query"} if kind is ArxivApi else {"base_url": web.url}
        yield kind(fetcher, allow_private=True, **where)  # type: ignore[operator]


every = pytest.mark.parametrize(
    ("service", "known", "unknown", "foreign"),
    [(name, *names) for name, (_, *names) in SERVICES.items()],
    indirect=["service"],
    ids=SERVICES,
)


@every
def test_a_paper_is_found_under_the_name_it_was_asked_for(
    service: Lookup, known: str, unknown: str, foreign: str
) -> None:
    assert service.name
    assert service.batch >= 1
    assert service.knows(known)
    assert service.knows(unknown)
    assert not service.knows(foreign)
    found = service.find([known, unknown], NOW)
    assert list(found) == [known]
    assert found[known].title


@every
def test_what_nobody_knows_is_absent_and_no_error(
    service: Lookup, known: str, unknown: str, foreign: str
) -> None:
    assert service.find([unknown], NOW) == {}


@every
@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_service_that_does_not_answer_is_an_error_that_names_it(
    service: Lookup, known: str, unknown: str, foreign: str, status: int, web: WebServer
) -> None:
    for path in web.routes:
        web.says(path, Answer(b"", status=status))
    with pytest.raises(SourceError, match=r"127\.0\.0\.1"):
        service.find([known], NOW)
