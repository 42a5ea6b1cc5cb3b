from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.authors import split_names
from digest.errors import SourceMalformed
from digest.model import Paper
from digest.ports import FetchRequest
from digest.sources import arxiv, arxiv_api, feed, huggingface
from digest.text import clean, safe_url
from tests.conftest import NOW, examples
from tests.servers import rss
from tests.worlds import record

STAMP = "Wed, 20 May 2026 00:00:00 -0400"


def listing(
    body: bytes, content_type: str = "application/rss+xml"
) -> tuple[tuple[Paper, ...], date, str]:
    found = arxiv.parse_listing(body, content_type, url="u", source="arxiv", now=NOW)
    return found.papers, found.day, found.fault


def test_a_listing_gives_ids_types_authors_and_abstracts_without_the_prefix() -> None:
    body = rss(
        [
            record(1, authors=["Huu Danh (Stanford University, CA)", "A. B."]),
            record(2, announce_type="cross", version=3),
            record(3, id="astro-ph/0601001"),
        ],
        STAMP,
    )
    papers, day, fault = listing(body)
    assert (day, fault) == (date(2026, 5, 20), "")
    assert [p.id for p in papers] == [
        "arxiv:2605.00001",
        "arxiv:2605.00002",
        "arxiv:astro-ph/0601001",
    ]
    assert papers[0].authors == ("Huu Danh", "A. B.")
    assert papers[0].abstract.startswith("A laser beam meets")
    assert papers[0].primary_category == "cs.CL"
    assert (papers[1].announce_type, papers[1].version) == ("cross", 3)


def test_the_date_of_a_listing_is_taken_as_printed_whatever_zone_it_names() -> None:
    for stamp in (STAMP, "Wed, 20 May 2026 00:00:00 +0000", "Wed, 20 May 2026 00:00:00 -0500"):
        assert listing(rss([record(1)], stamp))[1] == date(2026, 5, 20)


def test_a_listing_from_the_future_is_dated_today() -> None:
    assert listing(rss([record(1)], "Wed, 20 May 2099 00:00:00 +0000"))[1] == date(2026, 5, 20)


def test_an_empty_listing_is_a_quiet_day_and_not_a_fault() -> None:
    assert listing(rss([], STAMP)) == ((), date(2026, 5, 20), "")


@pytest.mark.parametrize("body", [b"", b"<html><body>Oops</body></html>", b"\x00\x01", b"{}"])
def test_what_is_no_feed_is_refused_with_what_it_was(body: bytes) -> None:
    with pytest.raises(SourceMalformed, match="where a feed was expected"):
        listing(body, "text/html")


def test_a_title_with_markup_or_math_stays_the_text_it_is() -> None:
    papers, _, _ = listing(rss([record(1, title="If a<b then <script>alert(1)</script>")], STAMP))
    assert papers[0].title == "If a<b then <script>alert(1)</script>"


@examples(60)
@given(st.integers(min_value=0, max_value=2000))
def test_a_listing_cut_off_anywhere_keeps_whole_papers_and_says_so(cut: int) -> None:
    body = rss([record(n) for n in range(3)], STAMP)
    cut = min(cut, len(body) - 1)
    try:
        papers, _, fault = listing(body[:cut])
    except SourceMalformed:
        return
    whole = body[:cut].count(b"</item>")
    assert len(papers) >= whole - 1
    if body[:cut].rstrip().endswith(b"</channel>"):
        return  # only the last tag is missing
    assert fault or whole == 0


def test_entries_without_id_or_title_cost_only_themselves() -> None:
    body = rss([record(1), record(2, title=""), record(3)], STAMP)
    found = arxiv.parse_listing(body, "", url="u", source="arxiv", now=NOW)
    assert [p.arxiv_id for p in found.papers] == ["2605.00001", "2605.00003"]
    assert not found.fault
    assert "1 of 3 entries" in found.remark


def test_an_abstract_may_be_missing() -> None:
    papers, _, fault = listing(rss([record(1, abstract="")], STAMP))
    assert papers[0].abstract == ""
    assert fault == ""


def test_submission_windows_follow_the_announcement_calendar() -> None:
    # a Monday listing holds what came from Thursday 14:00 to Friday 14:00 Eastern
    start, end = arxiv.submission_window(date(2026, 5, 25))
    assert (start, end) == (
        datetime(2026, 5, 21, 18, tzinfo=UTC),
        datetime(2026, 5, 22, 18, tzinfo=UTC),
    )
    # a Tuesday listing what came from Friday to Monday
    start, end = arxiv.submission_window(date(2026, 5, 26))
    assert (start.date(), end.date()) == (date(2026, 5, 22), date(2026, 5, 25))


@given(st.datetimes(min_value=datetime(2024, 1, 1), max_value=datetime(2027, 1, 1)))
def test_a_submission_lies_in_the_window_of_its_listing(moment: datetime) -> None:
    submitted = moment.replace(tzinfo=UTC)
    day = arxiv.listing_day(submitted)
    start, end = arxiv.submission_window(day)
    assert day.weekday() < 5
    assert start <= submitted < end


def test_missed_days_are_the_gaps_on_weekdays_and_a_day_asked_for() -> None:
    wed, fri, mon = date(2026, 5, 20), date(2026, 5, 22), date(2026, 5, 25)
    assert arxiv.missed_days(frozenset(), mon, None) == ()
    assert arxiv.missed_days(frozenset({fri}), mon, None) == ()
    assert arxiv.missed_days(frozenset({wed}), mon, None) == (date(2026, 5, 21), fri)
    assert arxiv.missed_days(frozenset(), mon, wed) == (wed,)
    assert arxiv.missed_days(frozenset({date(2026, 1, 5)}), mon, None) == ()


def daily(*papers: object) -> bytes:
    return json.dumps(list(papers)).encode()


def test_daily_papers_survive_missing_keys_and_hidden_authors() -> None:
    body = daily(
        {
            "paper": {
                "id": "2605.00001",
                "title": "Full\nof breaks",
                "summary": "Text",
                "authors": [{"name": "A"}, {"name": "B", "hidden": True}, "odd"],
                "upvotes": 7,
                "githubRepo": "https://example.org/code",
                "githubStars": 3,
                "submittedOnDailyAt": "2026-05-19T00:00:00.000Z",
                "organization": {"name": "org"},
            },
            "numComments": 2,
            "thumbnail": "javascript:alert(1)",
        },
        {"paper": {"id": "2605.00002"}, "title": "Only this"},
    )
    papers, fault = huggingface.parse(body, url="u", day=date(2026, 5, 20), now=NOW)
    first, second = papers
    assert fault == ""
    assert first.title == "Full of breaks"
    assert first.authors == ("A", "odd")
    assert first.announced == date(2026, 5, 19)
    assert first.signals.upvotes == 7
    assert first.signals.comments == 2
    assert first.signals.organization == "org"
    assert first.signals.thumbnail_url == ""
    assert second.announced == date(2026, 5, 20)
    assert second.signals.upvotes is None


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=10),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["paper", "id", "title", "authors", "upvotes", "name", "x"]),
                inner,
                max_size=4,
            )
        ),
        max_leaves=12,
    )
)
def test_any_json_is_read_or_refused(data: object) -> None:
    try:
        huggingface.parse(json.dumps(data).encode(), url="u", day=NOW.date(), now=NOW)
    except SourceMalformed:
        assert not isinstance(data, list)


def test_daily_lists_are_asked_for_yesterday_today_and_what_was_missed() -> None:
    def wanted(*covered: date) -> list[int]:
        request = FetchRequest(now=NOW, covered=frozenset(covered))
        return [d.day for d in huggingface.days_wanted(request)]

    assert wanted() == [19, 20]
    assert wanted(date(2026, 5, 19)) == [19, 20]
    assert wanted(date(2026, 5, 16)) == [17, 18, 19, 20]
    assert wanted(date(2026, 4, 1)) == [19, 20]


def test_names_in_one_field_are_parted_as_their_source_means_it() -> None:
    assert split_names("Kaur, M., Shukla, A.") == ["M. Kaur", "A. Shukla"]
    assert split_names("Ada Lovelace, Grace Hopper and Mary Jones") == [
        "Ada Lovelace",
        "Grace Hopper",
        "Mary Jones",
    ]
    assert split_names("Hopper, Grace") == ["Grace Hopper"]
    assert split_names("A. B.; C. D.") == ["A. B.", "C. D."]


FEED_ENTRY = """<?xml version="1.0"?><rss version="2.0"><channel><title>J</title><item>
<title>&lt;b&gt;Bold&lt;/b&gt; &amp;amp; new&lt;script&gt;alert(1)&lt;/script&gt;</title>
<link>{link}</link><guid>x1</guid><description>&lt;p&gt;Long text.&lt;/p&gt;</description>
<pubDate>{date}</pubDate></item></channel></rss>"""


def entry(link: str = "https://example.org/1", date: str = STAMP) -> Paper:
    body = FEED_ENTRY.format(link=link, date=date).encode()
    papers, _, _ = feed.parse(body, "application/rss+xml", url="u", source="J", now=NOW)
    return papers[0]


def test_a_journal_entry_is_plain_text_and_its_links_are_web_links() -> None:
    assert entry().title == "Bold & new"
    assert entry().abstract == "Long text."
    assert entry("javascript:alert(1)").url == ""
    assert entry("https://arxiv.org/abs/2605.00001v2").id == "arxiv:2605.00001"
    assert entry("https://doi.org/10.1000/x").id == "doi:10.1000/x"


@pytest.mark.parametrize("stamp", ["never", "Fri, 31 Feb 2026", "9999999999999", ""])
def test_absurd_dates_are_no_dates_and_future_ones_are_now(stamp: str) -> None:
    found = entry(date=stamp).published
    assert found is None or found <= NOW
    assert entry(date="Wed, 20 May 2099 00:00:00 +0000").published == NOW


# --- the recorded payloads -----------------------------------------------------------------------

COUNTS = {
    "rss_cs.AI_2026-04-27.xml": 3,
    "rss_cs.CL_2026-04-27.xml": 3,
    "rss_mixed.xml": 7,
    "rss_weekend_empty.xml": 0,
    "rss1_rdf_hep-ex_2018.xml": 3,
    "rss_cs.CV_2026-04-17_rebuilt.xml": 186,
    "rss_cs.CV_2026-04-18_rebuilt.xml": 0,
    "rss_cs.CV_2026-04-21_rebuilt.xml": 501,
    "rss_cs.CL+cs.LG_2026-05-20_rebuilt.xml": 105,
    "atom_cs.CV_2026-04-22_rebuilt.xml": 199,
}


@pytest.mark.parametrize("name", COUNTS)
def test_every_recorded_listing_is_read_whole(fixtures: Path, name: str) -> None:
    body = (fixtures / "arxiv" / name).read_bytes()
    found = arxiv.parse_listing(
        body, "", url=name, source="arxiv", now=datetime(2026, 11, 1, tzinfo=UTC)
    )
    papers = found.papers
    assert (len(papers), found.fault, found.remark) == (COUNTS[name], "", "")
    for p in papers:
        assert p.title
        assert p.abstract
        assert not p.abstract.startswith(("arXiv:", "Abstract"))
        assert p.authors
        assert p.primary_category


def test_the_layout_of_2018_is_read_too(fixtures: Path) -> None:
    body = (fixtures / "arxiv" / "rss1_rdf_hep-ex_2018.xml").read_bytes()
    papers, day, _ = listing(body)
    assert day == date(2018, 5, 23)
    assert {p.announce_type for p in papers} == {"new", "cross", "replace"}
    assert all("arXiv:" not in p.title and "<p>" not in p.abstract for p in papers)


def test_recorded_api_answers_are_read_and_their_errors_named(fixtures: Path) -> None:
    def read(name: str) -> tuple[tuple[Paper, ...], int, int | None]:
        body = (fixtures / "arxiv" / name).read_bytes()
        return arxiv_api.parse_api(body, "", url=name, source="arxiv", now=NOW)

    papers, n_entries, total = read("api_query_15.xml")
    assert (len(papers), n_entries, total) == (15, 15, 214881)
    assert read("api_no_such_id.xml")[:2] == ((), 0)
    assert read("api_old_style_id.xml")[0][0].id == "arxiv:astro-ph/0601001"
    with pytest.raises(SourceMalformed, match="incorrect id format"):
        read("api_bad_id.xml")
    with pytest.raises(SourceMalformed, match="Bad archive"):
        listing((fixtures / "arxiv" / "rss_error_rebuilt.xml").read_bytes())


def test_every_recorded_daily_list_is_read_whole(fixtures: Path) -> None:
    files = sorted((fixtures / "huggingface").glob("*.json"))
    assert len(files) > 35
    for path in files:
        body = path.read_bytes()
        papers, fault = huggingface.parse(body, url=path.name, day=NOW.date(), now=NOW)
        assert (len(papers), fault) == (len(json.loads(body)), ""), path.name


def test_hard_and_broken_feeds_never_crash_and_never_pass_markup_on(fixtures: Path) -> None:
    files = [p for p in (fixtures / "feeds").rglob("*") if p.is_file() and p.suffix != ".gz"]
    assert len(files) > 100
    for path in files:
        try:
            papers, _, _ = feed.parse(
                path.read_bytes(), "application/xml", url=path.name, source="x", now=NOW
            )
        except SourceMalformed:
            continue
        for p in papers:
            assert "<script" not in (p.title + p.abstract).lower(), path.name
            assert "\x00" not in p.title + p.abstract


def test_recorded_journal_feeds_give_titles_and_ids(fixtures: Path) -> None:
    n = 0
    for path in sorted((fixtures / "journals").iterdir()):
        papers, fault, _ = feed.parse(
            path.read_bytes(), "application/xml", url=path.name, source="x", now=NOW
        )
        assert fault == "", path.name
        assert all(p.title for p in papers)
        n += len(papers)
    assert n > 700


# --- feeds that mean harm -----------------------------------------------------------------------


def test_of_a_hundred_thousand_entries_the_first_are_used_and_the_rest_is_not_even_parsed() -> None:
    body = b'<rss version="2.0"><channel>' + b"".join(
        b"<item><title>paper %d</title><guid>%d</guid></item>" % (n, n) for n in range(100_000)
    )
    papers, fault, _ = feed.parse(body, "", url="u", source="x", now=NOW)
    assert len(papers) == feed.MAX_ENTRIES
    assert "100,000 entries" in fault


BOMB = b"""<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY lol "lol">%s]>
<rss version="2.0"><channel><title>t</title><item><title>&lol9;</title><guid>1</guid></item>
</channel></rss>""" % b"".join(
    b'<!ENTITY lol%d "%s">' % (n, b"&lol%d;" % (n - 1) * 10 if n > 1 else b"&lol;" * 10)
    for n in range(1, 10)
)
EXTERNAL = b"""<?xml version="1.0"?><!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]>
<rss version="2.0"><channel><title>t</title><item><title>&x;</title><guid>1</guid></item>
</channel></rss>"""


@pytest.mark.parametrize("body", [BOMB, EXTERNAL], ids=["entity bomb", "external entity"])
def test_entities_are_neither_blown_up_nor_fetched(body: bytes) -> None:
    parsed = feed.parse_feed(body, "", url="https://example.org/feed")
    text = repr(parsed.entries)
    assert len(text) < 10_000
    assert "root:" not in text


FEED_START = b'<?xml version="1.0"?><rss version="2.0"><channel><title>t</title>'


@examples(150)
@given(st.binary(max_size=300), st.integers(0, 400))
def test_any_bytes_of_a_feed_are_read_or_refused(noise: bytes, at: int) -> None:
    sound = FEED_START + (
        b"<item><title>A study</title><link>https://example.org/1</link><guid>1</guid>"
        b"<description>We look at it.</description><pubDate>Wed, 20 May 2026 00:00:00 GMT</pubDate>"
        b"</item></channel></rss>"
    )
    for body in (noise, FEED_START + noise, sound[:at] + noise + sound[at:]):
        try:
            papers, _, _ = feed.parse(body, "", url="u", source="x", now=NOW)
        except SourceMalformed:
            continue
        for paper in papers:
            for text in (paper.title, paper.abstract, *paper.authors):
                assert text == clean(text)
            assert paper.url == safe_url(paper.url)
