"""The web side over real HTTP and SMTP."""

from __future__ import annotations

import base64
import hashlib
import html
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

import feedparser
import httpx
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from digest import jobs
from digest.edition.links import Action
from digest.errors import StoreError
from digest.model import SubscriberState
from digest.store import schema
from digest.web.routes.feedback import FEEDBACK
from tests.conftest import examples
from tests.factories import paper
from tests.servers import Answer, as_json, rss
from tests.sites import ADMIN, Site, form_of, link_in, served, wait
from tests.worlds import ADA, World, make_world, record

TOPICS = ("laser beam mirror", "coral reef fish", "medieval trade route")


def listed(n: int = 9) -> list[dict[str, object]]:
    return [
        record(
            number,
            title=f"On the {topic}, part {number}",
            abstract=f"A study of the {topic}, told for the {number}th time, with Übersicht.",
            categories=["cs.CL"] if number % 2 else ["cs.LG", "stat.ML"],
        )
        for number, topic in zip(range(1, n + 1), TOPICS * n, strict=False)
    ]


def votes(**by_id: int) -> Answer:
    return as_json(
        [
            {
                "paper": {
                    "id": i.replace("p", "2605.0000"),
                    "title": f"On the {TOPICS[(int(i[1:]) - 1) % 3]}, part {i[1:]}",
                    "summary": "Voted for.",
                    "upvotes": n,
                    "publishedAt": "2026-05-19T10:00:00Z",
                    "submittedOnDailyAt": "2026-05-20T00:00:00Z",
                }
            }
            for i, n in by_id.items()
        ]
    )


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with make_world(tmp_path) as made:
        made.web.says("/rss/cs.CL+cs.LG", Answer(rss(listed(), "Wed, 20 May 2026 00:00:00 -0400")))
        made.web.says("/api/daily_papers", votes(p3=7, p5=40))
        yield made


@pytest.fixture
def site(world: World) -> Iterator[Site]:
    world.write()
    with world.app() as app:
        jobs.run(app)
    with served(world) as made:
        made.indexed(9)
        yield made


def titles(answer: httpx.Response) -> list[str]:
    found = re.findall(r"<h[23] dir=\"auto\">(.*?)</h[23]>", answer.text, re.S)
    return [re.sub(r"<[^>]+>|\bnew\b", "", t).split(maxsplit=1)[1].strip() for t in found]


# --- reading -------------------------------------------------------------------------------------


def test_a_day_is_shown_trending_first_or_as_listed_and_by_category(site: Site) -> None:
    front = site.get("/")
    assert front.status_code == 200
    assert titles(front)[:2] == [
        "On the coral reef fish, part 5",
        "On the medieval trade route, part 3",
    ]
    assert site.get("/papers/2026-05-20").text == front.text
    by_time = site.get("/papers/2026-05-20?sort=time")
    assert titles(by_time)[0] == "On the laser beam mirror, part 1"
    some = site.get("/papers/2026-05-20?category=stat.ML")
    assert len(titles(some)) == 4
    assert "4 papers in stat.ML, of 9" in some.text
    assert "40 upvotes" in front.text
    assert '<span class="new">new</span>' in front.text
    assert "2 authors: Ada Lovelace, Grace Hopper" in front.text


def test_an_empty_day_says_why_and_leads_to_the_nearest(site: Site) -> None:
    saturday = site.get("/papers/2026-05-16")
    assert saturday.status_code == 200
    assert "On weekends most of them list nothing" in saturday.text
    assert 'href="/papers/2026-05-20"' in saturday.text
    assert "has not come yet" in site.get("/papers/2027-01-01").text
    assert site.get("/papers/yesterday").status_code == 404
    before = site.get("/papers/2026-05-19")
    assert 'rel="next" href="/papers/2026-05-20"' in before.text


def test_a_long_day_has_pages(world: World) -> None:
    world.web.says("/rss/cs.CL+cs.LG", Answer(rss(listed(120), "Wed, 20 May 2026 00:00:00 -0400")))
    world.write()
    with world.app() as app:
        jobs.run(app)
    with served(world) as site:
        seen: list[str] = []
        for page in (1, 2, 3):
            seen += titles(site.get(f"/?sort=time&page={page}"))
        assert len(seen) == len(set(seen)) == 120
        assert site.get("/?page=99").status_code == 200
        assert site.get("/?page=x").status_code == 200


def test_a_page_is_asked_for_once_and_made_anew_when_something_came(site: Site) -> None:
    first = site.get("/")
    again = site.get("/", headers={"If-None-Match": first.headers["etag"]})
    assert again.status_code == 304
    assert again.content == b""
    site.world.web.says(
        "/rss/cs.CL+cs.LG",
        Answer(rss([record(77, title="Came later")], "Thu, 21 May 2026 00:00:00 -0400")),
    )
    site.world.now += timedelta(days=1)
    jobs.run(site.app)
    wait(lambda: "Came later" in site.get("/").text)


def test_search_finds_what_is_near_by_words_text_id_or_address(site: Site) -> None:
    by_words = site.get("/search", params={"q": "the coral reef and its fish"})
    assert "coral reef fish" in titles(by_words)[0]
    assert "<mark>coral</mark>" in by_words.text
    assert "<mark>fish</mark>" in by_words.text
    text = "We dive to see a coral reef, count every fish, and tell of it. " * 20
    assert "coral reef fish" in titles(site.get("/search", params={"q": text}))[0]
    for q in ("2605.00002", "https://arxiv.org/abs/2605.00002v1"):
        by_id = site.get("/search", params={"q": q})
        assert titles(by_id)[:1] == ["of the coral reef fish, part 2"] or "part 2" in by_id.text
        assert "The paper itself" in by_id.text
    unknown = site.get("/search", params={"q": "2605.99999"})
    assert "No stored paper has this id" in unknown.text
    assert "None of these words" in site.get("/search", params={"q": "xyzzy"}).text
    assert site.get("/search", params={"q": "<script>alert(1)</script>"}).text.count("<script") == 0


def test_a_papers_words_are_words_on_every_page_that_shows_it(site: Site) -> None:
    site.world.web.says(
        "/rss/cs.CL+cs.LG",
        Answer(
            rss(
                [
                    record(
                        78,
                        title="When a<b & <script>alert(1)</script> meets zebrafish",
                        abstract='If <img src=x onerror=y> & zebrafish "swim" where a<b.',
                    )
                ],
                "Thu, 21 May 2026 00:00:00 -0400",
            )
        ),
    )
    site.world.now += timedelta(days=1)
    jobs.run(site.app)
    wait(lambda: "zebrafish" in site.get("/search", params={"q": "zebrafish"}).text)
    found = site.get("/search", params={"q": "zebrafish"}).text
    assert "<mark>zebrafish</mark>" in found
    for text in (found, site.get("/").text, site.get("/paper/arxiv:2605.00078").text):
        assert "a&lt;b &amp; &lt;script&gt;alert(1)&lt;/script&gt;" in text
        assert "&lt;img src=x onerror=y&gt; &amp;" in text
        assert "<script" not in text
        assert "<img src=x" not in text


def test_a_name_that_one_paper_holds_is_found_first(site: Site) -> None:
    named = record(80, title="Zonohedra", abstract="A coral reef and its fish.")
    other = record(81, title="A note on coral reefs", abstract="Fish, as in Zonohedra, of a reef.")
    site.world.web.says(
        "/rss/cs.CL+cs.LG", Answer(rss([other, named], "Thu, 21 May 2026 00:00:00 -0400"))
    )
    site.world.now += timedelta(days=1)
    jobs.run(site.app)
    found = site.get("/search", params={"q": "zonohedra"})
    assert titles(found) == ["Zonohedra", "A note on coral reefs"]
    assert "<mark>Zonohedra</mark>" in found.text
    assert titles(site.get("/search", params={"q": '"coral reef and its fish"'}))[0] == "Zonohedra"


def test_an_answer_is_kept_until_there_is_another(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    index = site.web_context.index
    find = index.find
    monkeypatch.setattr(index, "find", lambda q, *a: (asked.append(q.text), find(q, *a))[1])
    first = site.get("/search", params={"q": "coral reef"})
    again = site.get("/search", params={"q": "coral reef"})
    assert again.text == first.text
    assert asked == ["coral reef"]
    tag = {"If-None-Match": again.headers["etag"]}
    assert site.get("/search", params={"q": "coral reef"}, headers=tag).status_code == 304
    # another page, another language and another question are others
    site.get("/search", params={"q": "coral reef", "page": 2})
    german = {"Accept-Language": "de"}
    assert 'lang="de"' in site.get("/search", params={"q": "coral reef"}, headers=german).text
    assert len(asked) == 3
    fresh = record(90, title="A coral reef", abstract="Coral reef fish in a coral reef.")
    site.world.web.says("/rss/cs.CL+cs.LG", Answer(rss([fresh], "Thu, 21 May 2026 00:00:00 -0400")))
    site.world.now += timedelta(days=1)
    jobs.run(site.app)
    wait(lambda: "A coral reef" in titles(site.get("/search", params={"q": "coral reef"})))


def test_conditions_hold_for_all_that_is_found(site: Site) -> None:
    def hits(question: str) -> list[str]:
        return titles(site.get("/search", params={"q": question}))

    assert len(hits("category:stat.ML")) == 4
    both = hits("category:stat.ML coral reef")
    assert len(both) == 4
    assert hits("category:math.GT coral reef") == []
    assert "meets all of these" in site.get("/search", params={"q": "category:math.GT"}).text
    assert len(hits('author:"G. Hopper"')) >= 1
    assert hits("date:2026-05-19") == []
    assert len(hits("date:2026-05")) == 9
    unclear = site.get("/search", params={"q": "coral since:monday"})
    assert "“since:monday” says nothing here" in unclear.text
    assert "coral reef fish" in titles(unclear)[0]
    assert 'author:"G. Hopper"' in html.unescape(site.get("/search").text)
    assert len(site.get("/search/feed.json?q=category:stat.ML").json()["items"]) == 4


def test_a_search_can_be_subscribed_to_as_it_stands(site: Site) -> None:
    found = site.get("/search", params={"q": "coral reefs"})
    link = re.search(r'href="(/subscribe\?[^"]+)"', found.text)
    assert link
    form = site.get(link[1].replace("&amp;", "&"))
    assert ">coral reefs</textarea>" in form.text
    by_id = site.get("/search", params={"q": "2605.00002"})
    link = re.search(r'href="(/subscribe\?[^"]+)"', by_id.text)
    assert link
    assert ">2605.00002</textarea>" in site.get(link[1].replace("&amp;", "&")).text


def test_a_paper_has_a_page_under_any_of_its_names(site: Site) -> None:
    page = site.get("/paper/arxiv:2605.00005")
    assert "On the coral reef fish, part 5" in page.text
    assert "Daily Papers" in page.text
    assert "Similar papers" in page.text
    assert site.get("/paper/2605.00005").status_code == 200
    assert site.get("/paper/arxiv:2605.99999").status_code == 404
    assert site.get("/paper/../../etc/passwd").status_code == 404


def test_what_only_readers_like_is_shown_to_nobody_else(site: Site) -> None:
    """Ada's configured like is a text of hers: "Laser beam mirror"."""
    (liked,) = site.app.store.ratings.of(site.reader().id)
    assert site.get(f"/paper/{liked.paper_id}").status_code == 404
    found = site.get("/search", params={"q": "laser beam lens mirror polarisation"})
    assert all("part" in t for t in titles(found))


def test_feeds_are_read_by_feed_readers(site: Site) -> None:
    for path in ("/papers/2026-05-20/feed.atom", "/feed.atom", "/search/feed.atom?q=coral+reef"):
        parsed = feedparser.parse(site.get(path).content)
        assert not parsed.bozo, path
        assert parsed.version == "atom10"
        assert parsed.entries[0].link.startswith(f"{site.url}/paper/arxiv:2605.0000")
    day = site.get("/papers/2026-05-20/feed.json")
    assert day.headers["content-type"].startswith("application/feed+json")
    found = day.json()
    assert found["version"] == "https://jsonfeed.org/version/1.1"
    assert found["items"][0]["title"] == "On the coral reef fish, part 5"
    assert site.get("/papers/2026-05-20/feed.csv").status_code == 404
    own = site.get(f"/feed/{site.token(Action.FEED)}/atom")
    (edition,) = site.app.store.archive.editions_of(site.reader().id, 1)
    assert len(feedparser.parse(own.content).entries) == len(edition.picks) > 0
    assert "noindex" in own.headers["x-robots-tag"]


def test_machines_are_told_where_not_to_go(site: Site) -> None:
    robots = site.get("/robots.txt").text
    assert "Disallow: /preferences/" in robots
    assert f"Sitemap: {site.url}/sitemap.xml" in robots
    assert f"<loc>{site.url}/papers/2026-05-20</loc>" in site.get("/sitemap.xml").text
    assert site.get("/healthz").json()["status"] == "ok"


# --- every page ----------------------------------------------------------------------------------


def pages(site: Site) -> list[str]:
    """An address for every route that can be read, tokens in it where it wants one."""
    paper = "arxiv:2605.00001"
    tokens = {a: site.token(a, paper) for a in FEEDBACK}
    preferences = f"/preferences/{site.token(Action.PREFERENCES)}"
    return [
        "/",
        "/papers/2026-05-20",
        "/papers/2026-05-20/feed.atom",
        "/feed.json",
        *("/days", "/week", "/week/2026-W21", "/month/2026-05"),
        "/search",
        "/search?q=coral",
        "/search/feed.json?q=coral",
        f"/paper/{paper}",
        f"/paper/{paper}.ris",
        "/rate",
        "/subscribe",
        "/subscribe?interests=x&like=y",
        f"/confirm/{site.token(Action.CONFIRM)}",
        preferences,
        *(
            f"{preferences}/{p}"
            for p in (
                *("ratings", "likes", "state", "browser", "links", "export.json", "delete"),
                *("libraries", "likes.bib", "later", "later.bib", "taste"),
            )
        ),
        f"/link/{site.token(Action.PREFERENCES)}",
        *(f"/feedback/{t}" for t in tokens.values()),
        f"/feedback/{tokens[Action.LIKE]}?undo=yes",
        f"/unsubscribe/{site.token(Action.UNSUBSCRIBE)}",
        f"/editions/{site.token(Action.EDITION, '2026-05-20')}",
        f"/editions/{site.token(Action.EDITION, '2026-05-20')}/papers.bib",
        f"/feed/{site.token(Action.FEED)}/json",
        "/site.css",
        "/robots.txt",
        "/sitemap.xml",
        "/healthz",
        "/admin",
        "/admin/subscribers",
        f"/admin/subscribers/{site.reader().id}?paper={paper}",
        "/nothing/here",
        "/api/v1/openapi.json",
        "/api/v1/days/latest",
        f"/api/v1/papers/{paper}",
        "/api/v1/search?q=coral",
        "/api/v1/editions",
        "/api/v1/editions/2026-05-20",
        "/api/v1/ratings",
    ]


def dump(world: World) -> str:
    """Everything that is stored, as text."""
    with world.app() as app, app.store.database.read() as connection:
        return "\n".join(
            f"{table.name}: {row!r}"
            for table in schema.metadata.sorted_tables
            for row in connection.execute(sa.select(table).order_by(*table.primary_key.columns))
        )


def digest_of(world: World) -> str:
    """Of everything that is stored."""
    return hashlib.sha256(dump(world).encode()).hexdigest()


def test_reading_changes_nothing_whatever_is_read(world: World) -> None:
    world.write()
    with world.app() as app:
        jobs.run(app)
    with served(world, admin=ADMIN) as site:
        site.indexed(9)
        # every path that the application has is among the addresses
        from digest.web.site import application

        made = application(site.app, new_id=str)
        known = pages(site)
        for route in made.routes:
            pattern = route.path_regex  # type: ignore[attr-defined]
            assert any(pattern.match(p.partition("?")[0]) for p in known), route
        before = digest_of(world)
        for method in ("GET", "HEAD"):
            for path in known:
                answer = site.http.request(method, path, auth=("x", ADMIN))
                assert answer.status_code < 500, path
                assert digest_of(world) == before, path
        wait(lambda: True)
        assert digest_of(world) == before
        assert len(world.smtp.mails) == 1


def test_every_answer_has_the_headers_that_protect(site: Site) -> None:
    for path in pages(site):
        answer = site.get(path)
        policy = answer.headers["content-security-policy"]
        assert "unsafe" not in policy
        assert "default-src 'none'" in policy
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "strict-transport-security" not in answer.headers
        if "/preferences/" in path or "/editions/" in path or "/feedback/" in path:
            assert answer.headers.get("cache-control", "") in ("no-store", ""), path
        if "html" not in answer.headers["content-type"]:
            continue
        assert "<script" not in answer.text
        assert not re.search(r"<[^>]+ style=", answer.text), path
        assert not re.findall(r'(?:src|href)="https?://(?!127|arxiv|example)', answer.text), path


def test_behind_a_proxy_with_a_prefix_and_tls(world: World) -> None:
    world.write()
    with world.app() as app:
        jobs.run(app)
    with served(world, public="https://example.org/papers-by-mail") as site:
        site.indexed(9)
        stripped = site.get("/")
        whole = site.get("/papers-by-mail/")
        assert stripped.text == whole.text
        assert 'href="/papers-by-mail/site.css"' in whole.text
        assert "max-age=31536000" in whole.headers["strict-transport-security"]
        links = re.findall(r'href="(/[^"]*)"', whole.text)
        assert links
        assert all(link.startswith("/papers-by-mail/") for link in links)
        for link in links[:20]:
            assert site.get(link.replace("&amp;", "&")).status_code == 200, link
        feed = feedparser.parse(site.get("/papers-by-mail/feed.atom").content)
        assert feed.entries[0].link.startswith("https://example.org/papers-by-mail/paper/")
        preferences = f"/papers-by-mail/preferences/{site.token(Action.PREFERENCES)}"
        site.post(f"{preferences}/browser", {"remember": "yes"})
        (cookie,) = site.http.cookies.jar
        assert cookie.secure
        assert cookie.path == "/papers-by-mail"
        assert cookie.has_nonstandard_attr("HttpOnly")


# --- subscribing ---------------------------------------------------------------------------------

FORM = {"email": "eve@example.org", "interests": "coral reefs, fish", "timezone": "Europe/Berlin"}
BIB = """@article{a, title={Laser mirrors in a lab}, author={A B}, abstract={laser beam lens}}
@article{b, year={20"""


def test_somebody_subscribes_confirms_and_gets_their_papers(site: Site) -> None:
    answer = site.post("/subscribe", FORM, files={"library": ("my.bib", BIB.encode())})
    assert answer.status_code == 202
    assert "Check your mail" in answer.text
    assert site.people() == {"ada@example.org": "active"}  # nothing counts yet
    mail = site.mail("eve@example.org")
    link = link_in(mail, "confirm")
    page = site.get(link)
    assert "coral reefs, fish" in page.text
    assert "eve@example.org" not in site.people()
    done = site.post(link)
    assert "You are subscribed" in done.text
    eve = site.reader("eve@example.org")
    assert (eve.state, eve.origin) == (SubscriberState.ACTIVE, "web")
    assert eve.preferences.keywords == ("coral reefs", "fish")
    assert site.post(link).status_code == 200  # pressed twice
    wait(lambda: site.app.store.ratings.of(eve.id))
    (rating,) = site.app.store.ratings.of(eve.id)
    assert rating.origin == "import:when joining"
    site.world.now += timedelta(hours=1)
    jobs.run(site.app)
    edition = site.mail("eve@example.org", 2)
    assert link_in(edition, "preferences").startswith("/preferences/")
    online = site.get(link_in(edition, "editions"))
    assert "coral reef fish" in online.text
    assert "Holds your keyword" in online.text


def test_a_form_that_says_too_little_or_wrong_is_shown_again_with_what_was_typed(
    site: Site,
) -> None:
    for changes, said in (
        ({"email": "eve at example"}, "is not a mail address"),
        ({"interests": ""}, "Say at least one thing you are interested in"),
        ({"time": "25:00"}, "is not a time of day"),
        ({"timezone": "Berlin"}, "did you mean"),
        ({"papers": "not-an-id"}, "is no id or address of a paper"),
    ):
        answer = site.post("/subscribe", FORM | changes)
        assert answer.status_code == 422, changes
        assert said in answer.text
        assert 'role="alert"' in answer.text
        if "email" not in changes:
            assert 'value="eve@example.org"' in answer.text
    wrong = site.post("/subscribe", FORM, files={"library": ("my.exe", b"MZ")})
    assert wrong.status_code == 422
    assert "MZ is no arXiv id, DOI, PMID or known address" in wrong.text
    assert site.app.store.signups.in_state("asked") == ()


def test_no_answer_tells_whether_an_address_is_known(site: Site) -> None:
    unknown = site.post("/subscribe", FORM)
    known = site.post("/subscribe", FORM | {"email": "ada@example.org"})
    assert known.status_code == unknown.status_code == 202
    assert known.text.replace("ada@", "eve@") == unknown.text
    told = site.mail("ada@example.org", 2)  # the first was her edition
    assert "You are subscribed" in told.body.decode()
    assert link_in(told, "preferences")


def test_nobody_can_be_flooded_through_the_form(site: Site) -> None:
    for _ in range(5):
        assert site.post("/subscribe", FORM).status_code == 202
    site.mail("eve@example.org")
    for n in range(5):
        site.post("/subscribe", FORM | {"email": f"eve{n}@example.org"})
    refused = site.post("/subscribe", FORM | {"email": "eve9@example.org"})
    assert refused.status_code == 429
    assert refused.headers["retry-after"] == "3600"
    site.mail("eve4@example.org")
    assert len(site.world.smtp.to("eve@example.org")) == 1
    # whoever keeps asking does not keep the letter away for ever
    site.world.now += timedelta(hours=23)
    site.post("/subscribe", FORM)
    site.world.now += timedelta(hours=2)
    site.post("/subscribe", FORM)
    site.mail("eve@example.org", 2)


def test_an_address_that_bounced_gets_no_letter(site: Site) -> None:
    site.app.store.subscribers.set_state(site.reader().id, SubscriberState.SUPPRESSED)
    assert site.post("/subscribe", FORM | {"email": "ada@example.org"}).status_code == 202
    wait(lambda: site.app.store.signups.in_state("failed"))
    assert len(site.world.smtp.to("ada@example.org")) == 1


def test_a_letter_that_is_put_off_is_tried_again(site: Site) -> None:
    site.world.smtp.refuse["eve@example.org"] = "450 4.2.0 later"
    site.post("/subscribe", FORM)
    wait(lambda: site.app.store.signups.get("signup1").attempts == 1)
    site.world.smtp.refuse.clear()
    site.world.now += timedelta(minutes=20)
    site.post("/subscribe", FORM | {"email": "bob@example.org"})  # wakes the postman
    site.mail("eve@example.org")


def test_a_request_is_forgotten_after_a_week(site: Site) -> None:
    site.post("/subscribe", FORM)
    link = link_in(site.mail("eve@example.org"), "confirm")
    site.world.now += timedelta(days=8)
    answer = site.post(link)
    assert answer.status_code == 410
    assert "too old" in answer.text
    assert "eve@example.org" not in site.people()


def test_signups_can_be_closed(world: World) -> None:
    with served(world, web="signups = false") as site:
        assert site.post("/subscribe", FORM).status_code == 404
        assert "/subscribe" not in site.get("/").text


# --- preferences ---------------------------------------------------------------------------------


@pytest.fixture
def eve(site: Site) -> Site:
    site.post("/subscribe", FORM | {"papers": "2605.00001"})
    site.post(link_in(site.mail("eve@example.org"), "confirm"))
    wait(lambda: site.app.store.ratings.of(site.reader("eve@example.org").id))
    return site


def place(site: Site, email: str = "eve@example.org") -> str:
    return f"/preferences/{site.token(Action.PREFERENCES, email=email)}"


def test_preferences_are_changed_and_kept(eve: Site) -> None:
    form = form_of(eve.get(place(eve)))
    assert form["keywords"] == "coral reefs\nfish"
    assert form["weekdays"] == ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
    changes = {
        "name": "Eve",
        "time": "06:15",
        "timezone": "Asia/Tokyo",
        "weekdays": ["mon", "thu"],
        "length": "7",
        "muted": "survey\n/GPT-\\d/",
        "affiliations": "ETH Zurich",
        "languages": "en de",
        "language": "de",
        "journal_versions": "yes",
    }
    saved = eve.post(place(eve), form | changes)
    assert saved.status_code == 200
    assert "Gespeichert." in saved.text
    reader = eve.reader("eve@example.org")
    assert (
        reader.preferences.name,
        f"{reader.preferences.time:%H:%M}",
        reader.preferences.timezone,
    ) == (
        "Eve",
        "06:15",
        "Asia/Tokyo",
    )
    assert (
        reader.preferences.weekdays,
        reader.preferences.length,
        reader.preferences.language,
    ) == ((0, 3), 7, "de")
    assert reader.preferences.muted == ("survey", "/GPT-\\d/")
    assert reader.preferences.languages == ("en", "de")
    assert reader.preferences.journal_versions
    assert reader.preferences.keywords == ("coral reefs", "fish")
    assert reader.origin == "web"
    again = form_of(eve.get(place(eve)))
    assert again == form | changes | {"journal_versions": ["yes"]}


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("length", "1000", "must be at most 100"),
        ("length", "many", "must be a whole number"),
        ("weekdays", [], "Choose at least one day."),
        ("muted", "/(/", "is no regular expression"),
        ("languages", "german", "should match pattern"),
        ("timezone", "Mars/Base", "is not a time zone"),
        ("min_score", "much", "must be a number"),
    ],
)
def test_what_cannot_be_is_told_beside_its_field_and_nothing_is_saved(
    eve: Site, field: str, value: object, said: str
) -> None:
    before = eve.reader("eve@example.org")
    answer = eve.post(place(eve), form_of(eve.get(place(eve))) | {field: value, "name": "Other"})
    assert answer.status_code == 422
    assert said in answer.text
    assert 'value="Other"' in answer.text
    assert eve.reader("eve@example.org") == before


def test_likes_are_added_and_taken_back(eve: Site) -> None:
    added = eve.post(f"{place(eve)}/likes", {"papers": "2605.00002\n2605.00003"})
    assert "Added to what you like. 2 papers. 2 entries were read." in added.text
    assert added.text.count(">Remove</button>") == 3
    removed = eve.post(f"{place(eve)}/ratings", {"paper": "arxiv:2605.00002"})
    assert removed.text.count(">Remove</button>") == 2
    wrong = eve.post(f"{place(eve)}/likes", {"papers": "nonsense"})
    assert wrong.status_code == 422


def test_a_pause_stops_mail_until_it_ends(eve: Site) -> None:
    assert "Paused." in eve.post(f"{place(eve)}/state", {"state": "pause"}).text
    assert eve.people()["eve@example.org"] == "paused"
    eve.world.now += timedelta(hours=1)
    jobs.run(eve.app)
    assert len(eve.world.smtp.to("eve@example.org")) == 1
    eve.post(f"{place(eve)}/state", {"state": "resume"})
    assert eve.people()["eve@example.org"] == "active"


def test_everything_stored_about_somebody_is_theirs_to_take_and_to_delete(eve: Site) -> None:
    eve.world.now += timedelta(hours=1)
    jobs.run(eve.app)
    exported = eve.get(f"{place(eve)}/export.json")
    assert "attachment" in exported.headers["content-disposition"]
    found = exported.json()
    assert found["subscriber"]["email"] == "eve@example.org"
    assert found["ratings"][0]["paper_id"] == "arxiv:2605.00001"
    assert found["editions"]
    assert "eve@example.org" in found["deliveries"][0]["body"]
    where = place(eve)
    asked = eve.get(f"{where}/delete")
    assert "cannot be brought back" in asked.text
    done = eve.post(f"{where}/delete")
    assert "Everything is deleted" in done.text
    assert eve.get(where).status_code == 404
    stored = dump(eve.world)
    assert "ada@example.org" in stored
    assert "eve@example.org" not in stored


def test_who_stands_in_the_configuration_is_changed_there(site: Site) -> None:
    where = place(site, "ada@example.org")
    page = site.get(where)
    assert "Your subscription is part of" in page.text
    for path, data in ((where, {"name": "Eve"}), (f"{where}/delete", {}), (f"{where}/state", {})):
        assert site.post(path, data).status_code == 409
    assert site.people() == {"ada@example.org": "active"}


# --- feedback ------------------------------------------------------------------------------------


def ratings(site: Site) -> dict[str, int]:
    found = site.app.store.ratings.of(site.reader().id)
    return {r.paper_id: r.value for r in found if r.origin != "config"}


def test_a_link_of_the_mail_asks_acts_on_the_button_and_can_be_undone(site: Site) -> None:
    link = f"/feedback/{site.token(Action.LIKE, 'arxiv:2605.00002')}"
    page = site.get(link)
    assert "Like this paper?" in page.text
    assert "coral reef fish, part 2" in page.text
    assert ratings(site) == {}
    noted = site.post(link)
    assert "Noted" in noted.text
    assert ratings(site) == {"arxiv:2605.00002": 1}
    site.post(f"/feedback/{site.token(Action.FEWER, 'arxiv:2605.00002')}")
    assert ratings(site) == {"arxiv:2605.00002": -3}
    undone = site.post(
        f"/feedback/{site.token(Action.FEWER, 'arxiv:2605.00002')}", {"undo": "yes", "before": "1"}
    )
    assert "Taken back" in undone.text
    assert ratings(site) == {"arxiv:2605.00002": 1}
    site.post(link, {"undo": "yes", "before": "0"})
    assert ratings(site) == {}


def test_undoing_brings_back_what_was_said_elsewhere(site: Site) -> None:
    paper = "arxiv:2605.00002"
    reader = site.reader()
    site.app.store.ratings.sync(reader.id, "import:library", [paper], site.world.now)
    site.world.now += timedelta(hours=1)
    link = f"/feedback/{site.token(Action.DISLIKE, paper)}"
    noted = site.post(link)
    assert ratings(site) == {paper: -1}
    before = re.search(r'name="before" value="(-?\d)"', noted.text)
    assert before
    site.post(link, {"undo": "yes", "before": before[1]})
    assert ratings(site) == {paper: 1}
    assert site.app.store.ratings.by_origin(reader.id)["import:library"] == {paper}


def test_a_link_to_a_paper_that_turned_out_to_be_another_still_works(site: Site) -> None:
    old = paper(3, id="doi:10.1000/x", doi="10.1000/x", title="By its DOI")
    site.app.store.papers.add([old], site.world.now)
    link = f"/feedback/{site.token(Action.LIKE, 'doi:10.1000/x')}"
    joined = paper(2, doi="10.1000/x")
    site.app.store.papers.add([joined], site.world.now)
    assert site.post(link).status_code == 200
    assert ratings(site) == {"arxiv:2605.00002": 1}


def test_a_link_that_is_torn_old_or_for_something_else_does_nothing(site: Site) -> None:
    token = site.token(Action.LIKE, "arxiv:2605.00002")
    # not the last letter, which has bits that say nothing
    torn = f"{token[:-5]}{'A' if token[-5] != 'A' else 'B'}{token[-4:]}"
    for path in (
        f"/feedback/{torn}",
        f"/preferences/{token}",
        f"/unsubscribe/{token}",
        f"/editions/{token}",
        "/feedback/x",
    ):
        assert site.post(path).status_code in (404, 405), path
        assert site.get(path).status_code == 404, path
    site.world.now += timedelta(days=500)
    old = site.post(f"/feedback/{token}")
    assert old.status_code == 410
    assert "too old" in old.text
    assert ratings(site) == {}


def test_one_click_unsubscribes_without_cookie_or_question(site: Site) -> None:
    mail = site.mail("ada@example.org")
    head = mail.body.decode().replace("\r\n ", " ")
    assert "List-Unsubscribe: <http://127.0.0.1" not in head  # the first run had no web side
    link = f"/unsubscribe/{site.token(Action.UNSUBSCRIBE)}"
    bare = httpx.post(f"{site.url}{link}", data={"List-Unsubscribe": "One-Click"})
    assert bare.status_code == 200
    assert site.people() == {"ada@example.org": "unsubscribed"}
    assert httpx.post(f"{site.url}{link}").status_code == 200  # again
    assert "You get no more mail" in site.get(link).text


def test_a_person_is_asked_once(site: Site) -> None:
    link = f"/unsubscribe/{site.token(Action.UNSUBSCRIBE)}"
    assert "Unsubscribe?" in site.get(link).text
    assert site.people() == {"ada@example.org": "active"}
    assert "You are unsubscribed" in site.post(link).text
    assert site.people() == {"ada@example.org": "unsubscribed"}


def test_a_recognised_browser_has_buttons_and_other_sites_cannot_press_them(site: Site) -> None:
    paper = "arxiv:2605.00002"
    assert "Like it: get papers like this by mail" in site.get(f"/paper/{paper}").text
    assert site.post("/rate", {"paper": paper, "value": "like"}).status_code == 403
    site.post(f"{place(site, 'ada@example.org')}/browser", {"remember": "yes"})
    page = site.get(f"/paper/{paper}")
    token = re.search(r'name="token" value="(\w+)"', page.text)
    assert token
    assert page.headers["cache-control"] == "no-store"
    forged = site.post("/rate", {"paper": paper, "value": "like", "token": "0" * 64})
    assert forged.status_code == 403
    assert ratings(site) == {}
    pressed = site.post("/rate", {"paper": paper, "value": "like", "token": token[1]})
    assert 'value="like" aria-pressed="true">Like<' in pressed.text
    assert ratings(site) == {paper: 1}
    site.post("/rate", {"paper": paper, "value": "none", "token": token[1]})
    assert ratings(site) == {}
    site.post(f"{place(site, 'ada@example.org')}/browser", {})
    assert (
        site.post("/rate", {"paper": paper, "value": "like", "token": token[1]}).status_code == 403
    )


# --- admin ---------------------------------------------------------------------------------------


def test_admin_is_off_without_a_password(site: Site) -> None:
    assert site.get("/admin").status_code == 404


def test_admin_shows_what_happened_and_why(world: World) -> None:
    world.write(subscribers=f'{ADA}muted = ["medieval"]\nlength = 2\n')
    with world.app() as app:
        jobs.run(app)
    with served(world, admin=ADMIN, subscribers=f'{ADA}muted = ["medieval"]\nlength = 2\n') as site:
        site.indexed(9)
        assert site.get("/admin").status_code == 401
        assert "Basic" in site.get("/admin").headers["www-authenticate"]
        for header in ("Basic !!", "Basic " + base64.b64encode(b"x:wrong").decode(), "Bearer no"):
            assert site.get("/admin", headers={"Authorization": header}).status_code == 401
        auth = {"Authorization": f"Bearer {ADMIN}"}
        overview = site.get("/admin", headers=auth)
        assert "arXiv: 9 papers" in overview.text
        assert "1 active" in overview.text
        assert "1 sent" in overview.text
        people = site.get("/admin/subscribers?find=ADA", headers=auth)
        assert "ada@example.org" in people.text
        where = f"/admin/subscribers/{site.reader().id}"
        (edition,) = site.app.store.archive.editions_of(site.reader().id, 1)
        got = edition.picks[0].paper.id
        for asked, said in (
            (got, "It stood in the edition of 20 May 2026"),
            ("2605.00003", "A filter took it: a muted word or phrase stands in it."),
            ("2605.00002", "it is not close enough to what they like"),
            ("2605.99999", "is not stored"),
        ):
            page = site.get(where, params={"paper": asked}, headers=auth)
            assert said in page.text, asked
        assert site.get("/admin/subscribers/nobody", headers=auth).status_code == 404


# --- limits --------------------------------------------------------------------------------------


def test_what_is_too_large_or_too_fast_is_refused(world: World) -> None:
    with served(world, web="requests_per_minute = 60") as site:
        large = site.post("/subscribe", FORM | {"interests": "x" * 6_000_000})
        assert large.status_code == 413

        def endless() -> Iterator[bytes]:
            for _ in range(200):
                yield b"x" * 10_000

        streamed = site.http.post(
            "/rate",
            content=endless(),
            headers={"Content-Type": "application/x-www-form-urlencoded"},
        )
        assert streamed.status_code == 413
        assert site.get("/search?q=" + "x" * 20_000).status_code == 414
        codes = [site.get("/healthz").status_code for _ in range(80)]
        assert codes[0] == 200
        assert codes[-1] == 429


# --- anything at all -----------------------------------------------------------------------------


def test_no_request_can_break_it(site: Site) -> None:
    """Paths, questions and forms of any text: an answer, and never a fault of ours."""
    token = site.token(Action.PREFERENCES)
    places = [
        "/search", "/subscribe", "/papers/2026-05-20", "/paper/x", "/rate", "/",
        f"/preferences/{token}", f"/preferences/{token}/likes", f"/preferences/{token}/ratings",
        f"/unsubscribe/{site.token(Action.UNSUBSCRIBE)}x", "/feedback/x.y", "/feed/x/atom",
    ]  # fmt: skip
    names = st.sampled_from(
        "q page sort category interests like text email papers time timezone length weekdays "
        "min_score keywords muted paper value token before undo remember state".split()
    )
    texts = st.text(max_size=40) | st.sampled_from(["-1", "1e999", "\x00", "😀", "../..", "/(/"])

    @examples(60)
    @given(
        st.sampled_from(places),
        st.text(max_size=12),
        st.dictionaries(names, texts, max_size=4),
        st.booleans(),
    )
    def asked(place: str, more: str, fields: dict[str, str], sends: bool) -> None:
        path = quote(f"{place}{more}", safe="/.")
        options = {"data": fields} if sends else {"params": fields}
        answer = site.http.request("POST" if sends else "GET", path, **options)  # type: ignore[arg-type]
        assert answer.status_code < 500, (path, fields)
        assert answer.headers["content-security-policy"]

    asked()


def test_a_full_disk_is_said_and_reading_goes_on(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(signup: object) -> None:
        raise StoreError("The disk is full.")

    monkeypatch.setattr(site.app.store.signups, "add", full)
    answer = site.post("/subscribe", FORM)
    assert answer.status_code == 503
    assert "That cannot be done now" in answer.text
    assert site.get("/").status_code == 200


def test_a_fault_of_ours_is_a_page_that_tells_nothing(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(names: object) -> None:
        raise RuntimeError("secret-detail")

    monkeypatch.setattr(site.app.store.papers, "resolve", broken)
    answer = site.get("/paper/arxiv:2605.00001")
    assert answer.status_code == 500
    assert "Something went wrong" in answer.text
    assert "secret-detail" not in answer.text
    assert answer.headers["content-security-policy"]


# --- citations and libraries -------------------------------------------------------------------


def test_a_paper_and_an_edition_are_cited_in_every_format(site: Site) -> None:
    page = site.get("/paper/arxiv:2605.00001")
    assert '<meta name="citation_title" content="' in page.text
    assert '<meta name="citation_arxiv_id" content="2605.00001">' in page.text
    for ending, start in (("bib", "@misc{"), ("ris", "TY  - "), ("json", "["), ("csv", "Title,")):
        answer = site.get(f"/paper/arxiv:2605.00001.{ending}")
        assert answer.status_code == 200
        assert answer.text.startswith(start)
    edition = f"/editions/{site.token(Action.EDITION, '2026-05-20')}"
    assert site.get(f"{edition}/papers.bib").text.count("@misc{") > 1
    assert site.get(f"{edition}/papers.exe").status_code == 404
    assert site.get("/paper/arxiv:0000.00000.bib").status_code == 404


def test_a_library_is_kept_listed_mended_and_removed(eve: Site) -> None:
    library = f"{place(eve)}/libraries"
    added = eve.post(
        f"{place(eve)}/likes",
        {"papers": "", "back": "libraries"},
        files={"library": ("mine.bib", b"@misc{a, title={A paper}}\n@misc{c, year={2020}}")},
    )
    assert "1 paper. 2 entries were read. 1 could not be used." in added.text
    name = html.unescape(re.findall(r"<h2 dir=\"auto\">(mine[^<]*)</h2>", added.text)[0])
    kept = eve.post(library, {"library": name, "do": "keep"})
    assert "known to you but not counted as likes" in kept.text
    fault = "mine.bib, line 2: c has no title, no abstract and no id."
    assert fault in kept.text
    wrong = eve.post(library, {"library": name, "do": "mend", "entry": fault, "id": "nonsense"})
    assert wrong.status_code == 422
    assert "nonsense is no arXiv id" in wrong.text
    mended = eve.post(library, {"library": name, "do": "mend", "entry": fault, "id": "2605.00002"})
    assert "2 papers" in mended.text
    assert fault not in mended.text
    assert "@misc{" in eve.get(f"{place(eve)}/likes.bib").text
    gone = eve.post(library, {"library": name, "do": "remove"})
    assert name not in html.unescape(gone.text)
    assert eve.post(library, {"library": name, "do": "remove"}).status_code == 422
