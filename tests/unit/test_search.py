"""The archive's index, and terms as pages mark them."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from digest.model import Paper
from digest.ranking.search import Index
from digest.text import fold
from digest.web.forms import lines, words
from digest.web.guard import RateLimiter, client_of, form_token, is_form_token
from digest.web.presenters import _words, marked

TOPICS = {
    "reef": "coral reef fish swim along the coral in clear water",
    "laser": "laser beam mirror lens polarisation of light in a cavity",
    "trade": "medieval trade route merchant silk caravan silver coin",
}


def archive(n: int = 90) -> list[Paper]:
    names = list(TOPICS)
    return [
        Paper(
            id=f"{names[i % 3]}:{i}",
            title=f"Part {i} on the {names[i % 3]}",
            abstract=f"{TOPICS[names[i % 3]]}. Case number{chr(97 + i % 26)} of a series.",
        )
        for i in range(n)
    ]


def found(index: Index, text: str, n: int = 5) -> list[str]:
    return [h.paper_id.split(":")[0] for h in index.search(Paper(id="", title=text), n).hits]


def test_words_and_whole_texts_find_what_is_about_them() -> None:
    index = Index(archive())
    assert set(found(index, "coral fish", 30)) == {"reef"}
    assert set(found(index, TOPICS["trade"], 30)) == {"trade"}
    answer = index.search(Paper(id="", title="laser cavity"), 3)
    assert set(answer.terms) >= {"laser", "cavity"}
    scores = [h.score for h in answer.hits]
    assert scores == sorted(scores, reverse=True)
    assert all(0 < s <= 1 for s in scores)


def test_a_paper_is_its_own_nearest_unless_it_is_left_out() -> None:
    papers = archive(78)  # no two of these have the same words
    index = Index(papers)
    assert index.search(papers[4], 3).hits[0].paper_id == papers[4].id
    left = index.search(papers[4], 3, leave_out=papers[4].id)
    assert papers[4].id not in {h.paper_id for h in left.hits}
    assert len(left.hits) == 3


def test_unknown_words_find_nothing_and_an_empty_archive_is_one() -> None:
    assert found(Index(archive()), "xyzzy") == []
    assert found(Index([]), "coral") == []
    assert len(Index([])) == 0


def test_what_arrives_is_added_until_the_statistics_are_old() -> None:
    papers = archive()
    index = Index(papers[:80])
    larger = index.with_more(papers[80:])
    assert larger is not None
    assert len(larger) == 90
    assert papers[89].id in {h.paper_id for h in larger.search(papers[89], 3).hits}
    again = larger.with_more(papers[85:])  # the same once more
    assert again is not None
    assert len(again) == 90
    assert index.with_more(archive(200)[80:]) is None


def test_among_equals_the_latest_comes_first() -> None:
    papers = [Paper(id=f"p{n}", title="coral reef fish", abstract="") for n in range(5)]
    papers += archive(60)
    assert [h.paper_id for h in Index(papers).search(papers[0], 5).hits] == [
        "p4",
        "p3",
        "p2",
        "p1",
        "p0",
    ]


def test_terms_are_marked_where_they_stand_whatever_the_accents() -> None:
    pieces = marked("Über die Corals: ÜBER-coral, Coraline", _words(("uber", "coral")))
    assert [p.text for p in pieces if p.marked] == ["Über", "Corals", "ÜBER", "coral"]
    odd = marked("Straße straße ﬁsh", _words(("strasse", "fish")))
    assert [p.text for p in odd if p.marked] == ["Straße", "straße", "ﬁsh"]
    plurals = marked("A lens, two lenses; uncoral coral_x corals' lensed", _words(("coral lens",)))
    assert [p.text for p in plurals if p.marked] == ["lens", "lenses", "coral", "corals"]


@given(st.text(max_size=60), st.lists(st.text(min_size=1, max_size=5), max_size=4))
def test_marking_loses_nothing(text: str, terms: list[str]) -> None:
    pieces = marked(text, _words(tuple(fold(t) for t in terms)))
    assert "".join(p.text for p in pieces) == text


def test_a_pace_lets_a_client_through_again_after_a_while() -> None:
    pace = RateLimiter(60)
    assert [pace.allows("a", 0.0) for _ in range(61)] == [True] * 60 + [False]
    assert pace.allows("b", 0.0)
    assert pace.allows("a", 1.1)
    assert not pace.allows("a", 1.1)
    assert all(RateLimiter(0).allows("a", 0.0) for _ in range(100))


def test_a_household_is_one_client() -> None:
    def client(host: str) -> str:
        return client_of({"type": "http", "client": (host, 1)})

    assert client("2001:db8:1:2::5") == client("2001:db8:1:2:ffff::9")
    assert client("192.0.2.1") != client("192.0.2.2")


@given(st.text(max_size=50), st.text(max_size=50))
def test_a_form_token_is_of_one_session_and_one_key(session: str, other: str) -> None:
    keys = (b"old", b"new")
    token = form_token(keys, session)
    assert re.fullmatch(r"[0-9a-f]{64}", token)
    assert is_form_token(keys, session, token)
    assert is_form_token((b"new", b"newer"), session, token)
    assert not is_form_token((b"else",), session, token)
    assert is_form_token(keys, other, token) is (session == other)


def test_fields_of_forms_are_read_as_people_fill_them() -> None:
    assert lines("coral reefs\r\n\r\n  fish ,x\ncoral reefs") == ["coral reefs", "fish ,x"]
    assert lines("coral reefs, fish\nwhales", commas=True) == ["coral reefs", "fish", "whales"]
    assert words("cs.CL, stat.ML  cs.CL") == ["cs.CL", "stat.ML"]
