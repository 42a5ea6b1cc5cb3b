from __future__ import annotations

import re
from dataclasses import replace
from datetime import date
from email import message_from_bytes, policy
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import jinja2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.app import TEMPLATES, speeches
from digest.edition import Letterhead, Renderer, build_message, compose
from digest.edition.cards import author_line
from digest.edition.compose import compose_note, subject_line
from digest.edition.links import Action, Seal
from digest.edition.message import address, unstructured
from digest.edition.plaintext import wrap
from digest.edition.render import MAX_HTML_BYTES
from digest.errors import RenderError
from digest.model import (
    Basis,
    Edition,
    EmptyReason,
    FilterKind,
    Message,
    NoEdition,
    Pick,
    Reason,
    ReasonKind,
    Section,
    Shortfall,
    Signals,
    SourceCount,
)
from tests.conftest import NOW, examples
from tests.factories import paper, pick, subscriber

HEAD = Letterhead(
    title="Morning papers",
    sender="Morning papers <digest@example.org>",
    reply_to="digest@example.org",
    keys=(b"k",),
)
DAY = date(2026, 5, 20)
SEAL = Seal((b"k",))
LOADER = jinja2.FileSystemLoader(TEMPLATES)
RENDERER = Renderer(LOADER, HEAD)


def edition(*picks: Pick, **changes: object) -> Edition:
    values: dict[str, object] = {
        "title": HEAD.title,
        "day": DAY,
        "picks": picks or (pick(),),
        "basis": Basis.LIKES,
        "n_new": 120,
        "n_considered": 100,
        "dropped": {},
        "sources": (),
    }
    made = compose(subscriber(name="Ada"), **(values | changes))  # type: ignore[arg-type]
    assert isinstance(made, Edition)
    return made


def message(made: Edition, head: Letterhead = HEAD) -> Message:
    return build_message(made, RENDERER.render(made), head, now=NOW)


class Tags(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def test_a_mail_shows_what_a_reader_needs_of_a_paper() -> None:
    made = edition(
        pick(
            1,
            paper=paper(
                1,
                title=r"On $\alpha$-flows of Erd\H{o}s",
                authors=tuple(f"Author {n}" for n in range(9)),
                signals=Signals(
                    upvotes=12,
                    comments=1,
                    github_url="https://example.org/code",
                    github_stars=1234,
                    discussion_url="https://example.org/talk",
                ),
            ),
            reasons=(
                Reason(
                    kind=ReasonKind.SIMILAR_PAPER, evidence=("An old friend",), contribution=0.3
                ),
                Reason(kind=ReasonKind.SHARED_TERM, evidence=("flow", "graph")),
            ),
        ),
        pick(
            2,
            section=Section.TRENDING,
            reasons=(Reason(kind=ReasonKind.TRENDING, evidence=("7",)),),
        ),
        sources=(
            SourceCount(name="arXiv", n_papers=120, complete=True),
            SourceCount(name="Journal", n_papers=0, complete=False, fault="it did not answer"),
        ),
    )
    shown = RENDERER.render(made)
    for body in (shown.html, shown.text):
        for text in (
            "On α-flows of Erdős",
            "and 5 others",
            "12 upvotes",
            "1 comment",
            "1,234 GitHub stars",
            "https://example.org/code",
            "https://example.org/talk",
            "https://arxiv.org/pdf/2605.00001",
            "2 of 120 new papers",
            "Wednesday, 20 May 2026",
            "it did not answer",
            "arXiv (120)",
        ):
            assert text in " ".join(body.split()), text
    assert "Close to “An old friend”, which you liked." in shown.html
    assert "In common: flow, graph." in shown.html
    assert "Author 0, Author 1, Author 2, Author 3 and 5 others" in shown.text
    assert "<img" not in shown.html
    assert "<script" not in shown.html


def test_plain_text_is_wrapped_and_has_each_link_once() -> None:
    text = RENDERER.render(edition(pick(1), pick(2))).text
    lines = [line for line in text.splitlines() if "mailto:" not in line]
    assert all(len(line) <= 72 for line in lines)
    urls = re.findall(r"https?://\S+", text)
    assert len(urls) == len(set(urls))
    assert "\n\n\n\n" not in text


@pytest.mark.parametrize(
    "basis", [Basis.KEYWORDS, Basis.TRENDING, Basis.NEWEST], ids=lambda b: b.value
)
def test_a_mail_not_made_from_likes_says_so_and_how_to_change_it(basis: Basis) -> None:
    shown = RENDERER.render(edition(basis=basis))
    assert "becomes yours" in " ".join(shown.text.split())
    assert "likes = […]" in shown.html


def test_layout_survives_without_style_and_names_its_colour_schemes() -> None:
    html = RENDERER.render(edition()).html
    tags = Tags(html).tags
    assert all(a.get("role") == "presentation" for t, a in tags if t == "table")
    assert all("style" in a for t, a in tags if t in ("h1", "h2", "h3"))
    assert any(t == "meta" and a.get("name") == "color-scheme" for t, a in tags)
    assert next(a["lang"] for t, a in tags if t == "html") == "en"


HOSTILE = st.text(
    alphabet=st.one_of(
        st.characters(), st.sampled_from("<>\"'&\r\n\0\u202e${}%\\`"), st.sampled_from("=?:;@")
    ),
    max_size=80,
)


@examples(80)
@given(title=HOSTILE, author=HOSTILE, abstract=HOSTILE, term=HOSTILE)
def test_no_text_of_a_paper_can_add_markup_or_headers(
    title: str, author: str, abstract: str, term: str
) -> None:
    calm, wild = (
        edition(
            pick(
                1,
                paper=paper(1, title=t, authors=(a,), abstract=b),
                reasons=(Reason(kind=ReasonKind.SHARED_TERM, evidence=(s,)),),
            )
        )
        for t, a, b, s in (("x", "x", "x", "x"), (title, author, abstract, term))
    )
    allowed = {(t, frozenset(a)) for t, a in Tags(RENDERER.render(calm).html).tags}
    found = {(t, frozenset(a)) for t, a in Tags(RENDERER.render(wild).html).tags}
    assert found <= allowed
    mail = message_from_bytes(message(wild).body, policy=policy.default)
    expected = message_from_bytes(message(calm).body, policy=policy.default)
    assert mail.keys() == expected.keys()
    assert not mail.defects
    assert "\n" not in mail["Subject"]


def test_markup_in_a_title_is_shown_not_run() -> None:
    title = "<script>alert(1)</script> & <img src=x onerror=y>"
    html = RENDERER.render(edition(pick(1, paper=paper(1, title=title)))).html
    assert "<script" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; &lt;img" in html


def test_a_link_that_is_no_web_link_is_left_out() -> None:
    bad = paper(1, url="javascript:alert(1)", pdf_url="data:text/html,x")
    html = RENDERER.render(edition(pick(1, paper=bad))).html
    assert "javascript:" not in html
    assert "data:text" not in html


# --- the message ------------------------------------------------------------------------------


def test_headers_are_complete_and_right() -> None:
    mail = message_from_bytes(message(edition()).body, policy=policy.default)
    assert mail["From"] == "Morning papers <digest@example.org>"
    assert mail["To"] == "Ada <ada@example.org>"
    assert mail["Subject"] == "Morning papers, 20 May: A study of subject 1"
    assert mail["Date"].datetime == NOW
    assert re.fullmatch(r"<[0-9a-f]{32}@example\.org>", mail["Message-ID"])
    assert mail["List-Id"] == '"Morning papers" <digest.example.org>'
    way = re.fullmatch(r"<mailto:digest@example.org\?subject=(.*)>", mail["List-Unsubscribe"])
    assert way is not None
    ticket = SEAL.read_subject(unquote(way[1]), DAY)
    assert (ticket.action, ticket.subscriber_id) == (Action.UNSUBSCRIBE, "s1")
    assert mail["List-Unsubscribe-Post"] is None
    assert mail["Feedback-ID"] == "edition:digest:exampleorg"
    assert mail["Auto-Submitted"] == "auto-generated"
    parts = [p.get_content_type() for p in mail.iter_parts()]  # type: ignore[attr-defined]
    assert parts == ["text/plain", "text/html"]


def test_the_same_edition_is_the_same_bytes_and_tells_no_address_in_its_id() -> None:
    first, second = message(edition()), message(edition())
    assert first.body == second.body
    assert "ada" not in first.message_id
    other = message(edition(), replace(HEAD, keys=(b"z",)))
    assert other.message_id != first.message_id


@pytest.mark.parametrize(
    "title",
    [
        "Größe und Maß: 混合専門家 🦙 " + "très " * 40,
        "x" * 400,
        "A\r\nBcc: victim@example.org",
        "=?utf-8?q?trick?=",
    ],
)
def test_any_title_makes_a_sound_subject(title: str) -> None:
    made = edition(pick(1, paper=paper(1, title=title)))
    body = message(made).body
    mail = message_from_bytes(body, policy=policy.default)
    assert mail["Bcc"] is None
    assert str(mail["Subject"]) == made.subject
    assert max(len(line) for line in body.split(b"\r\n")) <= 998
    assert b"\n" not in body.replace(b"\r\n", b"")


def test_no_header_value_can_begin_another_header() -> None:
    for made in (
        unstructured("Subject", "hello\r\nBcc: victim@example.org"),
        address("To", "Ada\r\nBcc: victim@example.org", "ada@example.org"),
        address("To", "Ädä\nBcc: victim@example.org", "ada@example.org"),
    ):
        assert message_from_bytes(made + b"\r\n", policy=policy.default).keys() in (
            ["Subject"],
            ["To"],
        )


def test_a_subject_has_the_date_and_the_top_title() -> None:
    assert subject_line("M", DAY, r"On $\beta$-VAEs") == "M, 20 May: On β-VAEs"
    assert len(subject_line("M", DAY, "word " * 100)) <= 140


# --- empty days -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "reason", "words"),
    [
        ({"n_new": 0}, EmptyReason.NO_LISTING, "No listing today"),
        (
            {
                "n_new": 0,
                "sources": (SourceCount(name="X", n_papers=0, complete=False, fault="f"),),
            },
            EmptyReason.SOURCES_FAILED,
            "X could not be read",
        ),
        (
            {
                "n_new": 9,
                "n_considered": 0,
                "dropped": {FilterKind.MUTED_TERMS: 4, FilterKind.CATEGORIES: 5},
            },
            EmptyReason.ALL_FILTERED,
            "All 9 new papers were filtered: 4 by muted words and 5 by categories",
        ),
        ({"n_new": 9, "n_considered": 3}, EmptyReason.BELOW_BAR, "the bar (min_score) is"),
        (
            {"n_new": 9, "n_considered": 3, "shortfall": Shortfall("On foxes", 0.01, 0.07)},
            EmptyReason.BELOW_BAR,
            "None of 3 papers is close to what you like; the nearest was “On foxes”.",
        ),
        (
            {"n_new": 1, "n_considered": 1, "shortfall": Shortfall("On foxes", 0.01, 0.07)},
            EmptyReason.BELOW_BAR,
            "The only paper, “On foxes”, is not close to what you like.",
        ),
    ],
)
def test_an_empty_day_says_which_kind_it_was(
    changes: dict[str, object], reason: EmptyReason, words: str
) -> None:
    values: dict[str, object] = {
        "title": "M",
        "day": DAY,
        "picks": (),
        "basis": Basis.LIKES,
        "n_new": 5,
        "n_considered": 5,
        "dropped": {},
        "shortfall": Shortfall("A paper", 0.01, 0.0),
        "sources": (),
    }
    made = compose(subscriber(), **(values | changes))  # type: ignore[arg-type]
    assert isinstance(made, NoEdition)
    assert made.reason is reason
    assert words in made.detail
    note = RENDERER.render(compose_note(made, title="M", sources=()))
    assert words in " ".join(note.text.split())
    assert "No papers today" in note.html


# --- templates --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("template", "line"),
    [
        ("line one\n{% if %}", 2),
        ("a\n\n{{ nothing_like_this }}", 3),
        ("{{ title.missing.deep }}", 1),
    ],
)
def test_a_mistake_in_a_template_is_told_with_file_and_line(template: str, line: int) -> None:
    loader = jinja2.DictLoader({"digest.html.j2": template, "digest.txt.j2": "x"})
    with pytest.raises(RenderError) as caught:
        Renderer(loader, HEAD).render(edition())
    assert caught.value.line == line
    assert "digest.html.j2" in str(caught.value)


def test_the_key_sentence_is_marked_wherever_it_stands() -> None:
    long = " ".join(f"Sentence number {n} says little about it." for n in range(40))
    for abstract, key in (
        ("One thing. Two things. Three.", "Two things."),
        (f"{long} The point is here. {long}", "The point is here."),
        (f"One. The point is here. {long}", "The point is here."),
        (f"First. {'word ' * 200}.", f"{'word ' * 200}."),
    ):
        made = edition(pick(1, paper=paper(1, abstract=abstract), key_sentence=key))
        html = RENDERER.render(made).html
        marked = re.search(r'<b class="key"[^>]*>(.*?)</b>', html)
        assert marked is not None
        assert key.startswith(marked[1].rstrip("…"))
        assert key[:10] in RENDERER.render(made).text
        assert len(re.sub("<[^>]+>", "", html.split('class="abstract"')[1].split("</p>")[0])) < 900


def test_authors_are_shortened_with_a_count() -> None:
    assert author_line(("A", "B", "C", "D", "E")) == (("A", "B", "C", "D", "E"), "")
    assert author_line(("A", "B", "C", "D", "E", "F")) == (("A", "B", "C", "D"), "and 2 others")


def test_wrapping_keeps_addresses_whole() -> None:
    url = "https://example.org/" + "x" * 100
    assert url in wrap(f"see {url} there", "  ")


# --- what a long day does to it ----------------------------------------------------------------


def long_day(n: int, **changes: object) -> Edition:
    """Many papers of which each says much."""
    return edition(
        *(
            pick(
                i,
                paper=paper(
                    i,
                    title=f"Subject {i}, {'or something of the kind ' * 6}",
                    abstract=f"It is number {i}. " + "A sentence of some length stands here. " * 40,
                    authors=tuple(f"Maximiliane Mustermann-{k}" for k in range(12)),
                    **changes,
                ),
            )
            for i in range(1, n + 1)
        )
    )


def abstracts(html: str) -> list[str]:
    """Of full cards the opening, of brief ones a sentence."""
    return re.findall(
        r'<(?:p|div) class="(?:abstract|sentence)"[^>]*>(.*?)</(?:p|div)>', html, re.S
    )


def test_abstracts_are_shortened_before_papers_are_left_out() -> None:
    few, more = (RENDERER.render(long_day(n)).html for n in (12, 44))
    assert len(more.encode()) <= MAX_HTML_BYTES
    assert len(abstracts(more)) == 44
    for part in (slice(3), slice(3, None)):  # the leads, and the brief ones
        assert max(map(len, abstracts(more)[part])) < min(map(len, abstracts(few)[part]))
    assert "plain-text part" not in more


@pytest.mark.parametrize("n", [60, 100])
def test_a_mail_is_never_clipped_and_says_what_it_left_out(n: int) -> None:
    shown = RENDERER.render(long_day(n))
    assert MAX_HTML_BYTES * 0.9 < len(shown.html.encode()) <= MAX_HTML_BYTES
    n_cards = len(abstracts(shown.html))
    assert 10 < n_cards < n
    assert f"{n - n_cards} more papers were chosen than fit" in shown.html
    assert "The plain-text part of this mail has everything." in shown.html
    for i in range(1, n + 1):
        assert f"https://arxiv.org/abs/2605.{i:05d}" in shown.html
        assert f"\n{i}. Subject {i}," in shown.text


def test_not_even_endless_titles_and_addresses_clip_a_mail() -> None:
    wide = "宽" * 5000
    endless = "https://example.org/" + "x" * 1900
    picks = [
        pick(i, paper=paper(i, title=f"{wide}{i}", authors=(wide,) * 3, url=endless + str(i)))
        for i in range(1, 101)
    ]
    faults = tuple(
        SourceCount(name=wide, n_papers=1, complete=False, fault=wide) for _ in range(50)
    )
    html = RENDERER.render(edition(*picks, sources=faults)).html
    assert len(html.encode()) <= MAX_HTML_BYTES
    assert "more papers were chosen than fit" in html


def test_a_template_that_is_too_long_by_itself_is_an_error_and_no_mail() -> None:
    loader = jinja2.DictLoader({"digest.html.j2": "x" * 200_000, "digest.txt.j2": "x"})
    with pytest.raises(RenderError, match="Make the templates shorter"):
        Renderer(loader, HEAD).render(edition())


# --- what a reader can do ----------------------------------------------------------------------


def links(html: str) -> list[str]:
    return [str(a["href"]) for t, a in Tags(html).tags if t == "a"]


def test_without_a_web_side_every_action_is_a_prepared_mail() -> None:
    html = RENDERER.render(edition(pick(1))).html
    mails = [unquote(u) for u in links(html) if u.startswith("mailto:digest@example.org?subject=")]
    found = [SEAL.read_subject(m, DAY) for m in mails]
    assert [(t.action, t.subscriber_id, t.about) for t in found] == [
        (Action.LIKE, "s1", "arxiv:2605.00001"),
        (Action.LATER, "s1", "arxiv:2605.00001"),
        (Action.DISLIKE, "s1", "arxiv:2605.00001"),
        (Action.FEWER, "s1", "arxiv:2605.00001"),
        (Action.UNSUBSCRIBE, "s1", ""),
    ]
    assert "Like: A study of subject 1 [" in mails[0]


def test_with_a_web_side_actions_are_pages_and_unsubscribing_takes_one_click() -> None:
    head = replace(HEAD, web_url="https://papers.example.org")
    renderer = Renderer(LOADER, head)
    made = edition(pick(1))
    shown = renderer.render(made)
    assert not any(u.startswith("mailto:") for u in links(shown.html))
    found = [u for u in links(shown.html) if "papers.example.org/" in u]
    cited = [u for u in found if u.endswith("/papers.bib")]
    tokens = [u.rsplit("/", 1)[1] for u in found if u not in cited]
    assert cited == [f"{tokens_url(shown.html, 'editions')}/papers.bib"]
    assert [SEAL.read(t, DAY).action for t in tokens] == [
        Action.LIKE,
        Action.LATER,
        Action.DISLIKE,
        Action.FEWER,
        Action.EDITION,
        Action.PREFERENCES,
        Action.UNSUBSCRIBE,
    ]
    mail = message_from_bytes(build_message(made, shown, head, now=NOW).body, policy=policy.default)
    page, other = re.findall(r"<([^>]*)>", mail["List-Unsubscribe"])
    assert page == tokens_url(shown.html, "unsubscribe")
    assert other.startswith("mailto:")
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


def tokens_url(html: str, place: str) -> str:
    return next(u for u in links(html) if f"/{place}/" in u)


def test_one_click_needs_https() -> None:
    head = replace(HEAD, web_url="http://papers.example.org")
    made = edition()
    rendered = Renderer(LOADER, head).render(made)
    assert b"List-Unsubscribe-Post" not in build_message(made, rendered, head, now=NOW).body


def test_links_make_sense_alone() -> None:
    html = RENDERER.render(edition(pick(1), pick(2))).html
    names = [
        (a.get("aria-label"), a["href"])
        for t, a in Tags(html).tags
        if t == "a" and "aria-label" in a
    ]
    assert ("PDF, 1", "https://arxiv.org/pdf/2605.00001") in names
    assert len({n for n, _ in names}) == len(names)


def test_thirty_papers_are_thirty_cards_in_half_the_bytes() -> None:
    """What `length = 30` needed 96,754 bytes for was 24 cards, and 12 papers 55,899."""
    head = replace(HEAD, web_url="https://papers.example.org")
    html = Renderer(LOADER, head).render(long_day(30)).html
    assert len(html.encode()) <= MAX_HTML_BYTES
    assert len(abstracts(html)) == 30
    assert html.count(">Like</a>") == 30
    styles = sum(map(len, re.findall(r' style="[^"]*"', html)))
    assert styles < 0.25 * len(html)


def test_what_several_papers_have_in_common_is_said_once() -> None:
    liked = Reason(kind=ReasonKind.SIMILAR_PAPER, evidence=("Routing by age",), contribution=0.3)
    also = Reason(kind=ReasonKind.SHARED_TERM, evidence=("experts",))
    made = edition(*(pick(n, reasons=(liked, also)) for n in range(1, 8)))
    shown = RENDERER.render(made)
    for body in (shown.html, shown.text):
        assert body.count("Because you liked “Routing by age”: 4 papers") == 1
        assert body.count("Close to “Routing by age”, which you liked.") == 3  # of the leads
    assert shown.html.count("In common: experts.") == 7


def test_a_masthead_says_what_there_is_of_each_kind() -> None:
    html = RENDERER.render(
        edition(
            pick(1, section=Section.FOLLOWED), pick(2), pick(3), pick(4, section=Section.TRENDING)
        )
    ).html
    assert "4 of 120 new papers: 1 by people you follow, 2 for you and 1 trending" in html


def test_thumbnails_are_carried_with_their_size_and_words() -> None:
    url = Signals(thumbnail_url="https://example.org/1.png")
    without = edition(pick(1, paper=paper(1, signals=url)))
    assert "<img" not in RENDERER.render(without).html
    shown = RENDERER.render(edition(pick(1, paper=paper(1, signals=url), thumbnail=b"jpeg")))
    (image,) = [a for t, a in Tags(shown.html).tags if t == "img"]
    assert shown.images == {str(image["src"]).removeprefix("cid:"): b"jpeg"}
    assert (image["width"], image["height"]) == ("280", "151")
    assert image["alt"] == "First page of “A study of subject 1”"


# --- scripts and languages ---------------------------------------------------------------------


def test_a_name_written_right_to_left_does_not_turn_its_neighbours() -> None:
    made = edition(pick(1, paper=paper(1, authors=("Ada Lovelace", "محمد علي", "דוד"))))
    shown = RENDERER.render(made)
    assert '<span dir="auto">محمد علي</span>, ' in shown.html
    assert "Ada Lovelace, \u2068محمد علي\u2069, \u2068דוד\u2069" in shown.text


def test_overrides_from_a_feed_are_gone_everywhere() -> None:
    evil = "safe\u202etxt.exe\u2066\u2069\u200f"
    made = edition(pick(1, paper=paper(1, title=evil, authors=(evil,), abstract=evil)))
    shown = RENDERER.render(made)
    for body in (shown.html, shown.text, str(made.subject)):
        assert not re.search("[\u202a-\u202e\u2066-\u2069\u200e\u200f]", body)


def test_text_without_blanks_is_wrapped_by_its_width() -> None:
    lines = wrap("混合専門家モデルのための効率的なルーティング" * 8, "  ").splitlines()
    assert len(lines) > 3
    assert all(2 + 2 * (len(line) - 2) <= 72 for line in lines)
    assert (
        "".join(line.strip() for line in lines)
        == "混合専門家モデルのための効率的なルーティング" * 8
    )


@given(text=st.text(max_size=400), indent=st.sampled_from(["", "   "]))
def test_wrapping_loses_nothing(text: str, indent: str) -> None:
    wrapped = wrap(text, indent, "  ")
    assert "".join(wrapped.split()) == "".join(text.split())
    assert all(line.startswith(indent) for line in wrapped.splitlines() if line)


def test_a_german_reader_gets_a_german_mail() -> None:
    renderer = Renderer(LOADER, HEAD, speeches())
    reason = Reason(kind=ReasonKind.SIMILAR_PAPER, evidence=("Alt",), contribution=0.3)
    signals = Signals(upvotes=1234, github_stars=1)
    picks = [
        pick(n, paper=paper(n, signals=signals), reasons=(reason,), score=0.47) for n in range(1, 6)
    ]
    reader = subscriber(name="Ada", language="de")
    made = compose(
        reader,
        title="Morgenpost",
        day=DAY,
        picks=picks,
        basis=Basis.LIKES,
        n_new=1200,
        n_considered=1000,
        dropped={},
        sources=(),
        speech=renderer.speech("de"),
    )
    assert isinstance(made, Edition)
    shown = renderer.render(made)
    assert made.subject == "Morgenpost, 20. Mai: A study of subject 1"
    assert '<html lang="de"' in shown.html
    for body in (shown.html, shown.text):
        text = " ".join(body.split())
        for words in (
            "Mittwoch, 20. Mai 2026",
            "5 von 1.200 neuen Arbeiten",
            "1.234 Stimmen",
            "1 GitHub-Stern",
            "Nah an „Alt“, das Ihnen gefiel.",
            "Passt gut",
        ):
            assert words in text, words
    assert "Gefällt mir" in shown.html
    assert "Per Mail abbestellen" in shown.html


def test_an_unknown_language_is_english() -> None:
    made = replace(edition(), subscriber=subscriber(language="tlh"))
    assert "Wednesday" in RENDERER.render(made).html


# --- addresses ---------------------------------------------------------------------------------


def test_a_domain_outside_ascii_is_written_as_idna() -> None:
    made = replace(edition(), subscriber=subscriber(name="Jörg", email="ada@bücher.example"))
    sent = message(made)
    assert sent.recipient == "ada@xn--bcher-kva.example"
    assert sent.body.split(b"\r\n\r\n")[0].isascii()
    mail = message_from_bytes(sent.body, policy=policy.default)
    assert mail["To"].addresses[0].addr_spec == "ada@xn--bcher-kva.example"
    assert mail["To"].addresses[0].display_name == "Jörg"


def test_a_local_part_outside_ascii_stands_in_the_headers_as_utf8() -> None:
    made = replace(edition(), subscriber=subscriber(name="Jörg", email="jörg@bücher.example"))
    sent = message(made)
    assert sent.recipient == "jörg@xn--bcher-kva.example"
    assert "<jörg@xn--bcher-kva.example>".encode() in sent.body
    mail = message_from_bytes(sent.body, policy=policy.SMTPUTF8)
    # the parser keeps bytes beyond ASCII as surrogates
    parsed = mail["To"].addresses[0].addr_spec.encode("ascii", "surrogateescape").decode()
    assert parsed == "jörg@xn--bcher-kva.example"


@given(name=HOSTILE, title=HOSTILE)
@examples(60)
def test_a_message_parses_back_to_what_was_put_in(name: str, title: str) -> None:
    made = replace(edition(pick(1, paper=paper(1, title=title))), subscriber=subscriber(name=name))
    rendered = RENDERER.render(made)
    body = build_message(made, rendered, HEAD, now=NOW).body
    mail = message_from_bytes(body, policy=policy.default)
    assert not any(part.defects for part in mail.walk())
    assert mail.get_body(("plain",)).get_content().replace("\r\n", "\n") == rendered.text  # type: ignore[union-attr]
    assert mail.get_body(("html",)).get_content().replace("\r\n", "\n").rstrip("\n") == (  # type: ignore[union-attr]
        rendered.html.rstrip("\n")
    )
    assert str(mail["Subject"]) == made.subject
    assert max(len(line) for line in body.split(b"\r\n")) <= 998


# --- templates of one's own --------------------------------------------------------------------


def own(**files: str) -> Renderer:
    """A renderer with these files before ours."""
    named = {name.replace("__", "."): text for name, text in files.items()}
    ours = jinja2.PrefixLoader({"default": LOADER})
    return Renderer(jinja2.ChoiceLoader([jinja2.DictLoader(named), LOADER, ours]), HEAD)


def test_a_single_block_can_be_replaced() -> None:
    shown = own(
        digest__html__j2='{% extends "default/digest.html.j2" %}'
        "{% block footer %}<tr><td>Brewed for {{ email }}</td></tr>{% endblock %}"
    ).render(edition())
    assert "Brewed for ada@example.org" in shown.html
    assert "Unsubscribe" not in shown.html
    assert "A study of subject 1" in shown.html


def test_a_block_of_the_card_or_a_whole_file_can_be_replaced() -> None:
    html = (
        own(
            card__html__j2='{% extends "default/card.html.j2" %}'
            "{% block why %}<p>Because.</p>{% endblock %}",
            mail__css__j2="h3 { color: #123456; }",
        )
        .render(edition(pick(1), pick(2)))
        .html
    )
    assert html.count("<p>Because.</p>") == 2
    assert "color:#123456" in html
    assert "A study of subject 2" in html


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("\n\n{{ card.nonsense }}", 3, "nonsense"),
        ("\n{{ 1 / 0 }}", 2, "ZeroDivisionError"),
        ("{{ card.title | nonsense }}", 1, "nonsense"),
        ("\n{{ card.rank + card.title }}", 2, "TypeError"),
    ],
)
def test_a_mistake_in_an_included_template_names_that_file(
    tmp_path: Path, text: str, line: int, words: str
) -> None:
    (tmp_path / "card.html.j2").write_text(text, "utf-8")
    loader = jinja2.ChoiceLoader([jinja2.FileSystemLoader(tmp_path), LOADER])
    with pytest.raises(RenderError) as caught:
        Renderer(loader, HEAD).render(edition())
    assert caught.value.line == line
    assert str(tmp_path / "card.html.j2") in str(caught.value)
    assert words in str(caught.value)


def test_a_shortened_abstract_keeps_the_blank_after_its_key_sentence() -> None:
    abstract = "One. The point. " + "Three is long enough. " * 60
    made = edition(pick(1, paper=paper(1, abstract=abstract), key_sentence="The point."))
    assert "One. The point. Three is" in " ".join(RENDERER.render(made).text.split())


@pytest.mark.parametrize(("origin", "tells"), [("web", False), ("config", True)])
def test_newcomers_are_told_what_they_can_do(origin: str, tells: bool) -> None:
    made = replace(edition(), basis=Basis.TRENDING)
    made = replace(made, subscriber=replace(made.subscriber, origin=origin))
    text = " ".join(RENDERER.render(made).text.split())
    assert "Press Like below what interests you" in text
    assert ("in the configuration" in text) is tells
