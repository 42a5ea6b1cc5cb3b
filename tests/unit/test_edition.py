from __future__ import annotations

import re
from dataclasses import replace
from datetime import date
from email import message_from_bytes, policy
from html.parser import HTMLParser
from urllib.parse import unquote

import jinja2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digest.app import TEMPLATES
from digest.edition import Letterhead, Renderer, build_message, compose
from digest.edition.compose import compose_note, subject_line
from digest.edition.links import Action, read_subject
from digest.edition.message import address, unstructured
from digest.edition.render import author_line, wrap
from digest.errors import RenderError
from digest.model import (
    Basis,
    Edition,
    EmptyReason,
    Message,
    NoEdition,
    Pick,
    Reason,
    ReasonKind,
    Section,
    Signals,
    SourceCount,
)
from tests.conftest import NOW
from tests.factories import paper, pick, subscriber

HEAD = Letterhead(
    title="Morning papers",
    sender="Morning papers <digest@example.org>",
    reply_to="digest@example.org",
    secret=b"k",
)
DAY = date(2026, 5, 20)
RENDERER = Renderer(jinja2.FileSystemLoader(TEMPLATES), HEAD)


def edition(*picks: Pick, **changes: object) -> Edition:
    values: dict[str, object] = {
        "title": HEAD.title,
        "day": DAY,
        "picks": picks or (pick(),),
        "basis": Basis.LIKES,
        "n_new": 120,
        "n_considered": 100,
        "n_muted": 0,
        "best_score": 0.5,
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
    assert "digest like ID" in " ".join(shown.text.split())
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


@settings(max_examples=80, deadline=None)
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
    ticket = read_subject(unquote(way[1]), b"k")
    assert (ticket.action, ticket.subscriber_id) == (Action.UNSUBSCRIBE, "s1")
    assert mail["List-Unsubscribe-Post"] is None
    assert mail["Feedback-ID"] == "20260520:edition:digest:example.org"
    assert mail["Auto-Submitted"] == "auto-generated"
    parts = [p.get_content_type() for p in mail.iter_parts()]  # type: ignore[attr-defined]
    assert parts == ["text/plain", "text/html"]


def test_the_same_edition_is_the_same_bytes_and_tells_no_address_in_its_id() -> None:
    first, second = message(edition()), message(edition())
    assert first.body == second.body
    assert "ada" not in first.message_id
    other = message(edition(), replace(HEAD, secret=b"z"))
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
            {"n_new": 9, "n_considered": 0, "n_muted": 4},
            EmptyReason.ALL_FILTERED,
            "All 9 new papers were filtered: 4 by muted words and 5 by categories",
        ),
        ({"n_new": 9, "n_considered": 3}, EmptyReason.BELOW_BAR, "the bar (min_score) is"),
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
        "n_muted": 0,
        "best_score": 0.01,
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
