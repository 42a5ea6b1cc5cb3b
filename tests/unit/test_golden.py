"""The mail of a fixed day, byte for byte.

`DIGEST_UPDATE_GOLDEN=1` writes it anew, to be looked at.
"""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import date

import jinja2
import pytest

from digest.app import TEMPLATES, speeches
from digest.edition import Letterhead, Renderer, compose
from digest.edition.compose import compose_note
from digest.languages import known_languages
from digest.model import (
    Basis,
    Closeness,
    Edition,
    EmptyReason,
    NoEdition,
    Pick,
    Reason,
    ReasonKind,
    Section,
    Signals,
    SourceCount,
)
from digest.preview.views import without_style
from tests.conftest import ROOT
from tests.factories import paper, pick, subscriber

GOLDEN = ROOT / "tests" / "data" / "golden"
DAY = date(2026, 5, 20)
HEAD = Letterhead(
    title="Morning papers",
    sender="Morning papers <digest@example.org>",
    reply_to="digest@example.org",
    keys=(b"golden",),
)
RENDERER = Renderer(jinja2.FileSystemLoader(TEMPLATES), HEAD, speeches())
SOURCES = (
    SourceCount(name="arXiv", n_papers=812, complete=True),
    SourceCount(
        name="Journal of Examples",
        n_papers=0,
        complete=False,
        fault="journal.example.org did not answer within 30 seconds.",
    ),
)


def picks() -> tuple[Pick, ...]:
    """All that is hard to set: formulas, scripts, directions, lengths."""
    return (
        pick(
            1,
            section=Section.FOLLOWED,
            paper=paper(1, title=r"On $\alpha$-flows of Erd\H{o}s and $O(n^2 \log n)$ graphs"),
            reasons=(Reason(kind=ReasonKind.FOLLOWED_AUTHOR, evidence=("Ada Lovelace",)),),
        ),
        pick(
            2,
            paper=paper(
                2,
                title="混合専門家モデルのための効率的なルーティング手法と分散学習における負荷分散",
                authors=(
                    "山田太郎",
                    "Ada Lovelace",
                    "محمد علي",
                    "דוד כהן",
                    "Łukasz Żółć",
                    "x",
                    "y",
                ),
                abstract="我々は新しい手法を提案する。計算量は半分になる。精度は変わらない。",
                comment="12 pages, 3 figures; accepted at Pond 2026",
                signals=Signals(
                    upvotes=1204,
                    comments=1,
                    github_stars=3,
                    github_url="https://example.org/code",
                    project_url="https://example.org/project",
                    discussion_url="https://example.org/talk",
                    organization="Northern Lights Lab",
                    summary="Routing by age halves the cost of sparse experts.",
                ),
            ),
            key_sentence="計算量は半分になる。",
            score=0.47,
            closeness=Closeness.STRONG,
            reasons=(
                Reason(
                    kind=ReasonKind.SIMILAR_PAPER, evidence=("Sparse experts",), contribution=0.3
                ),
                Reason(kind=ReasonKind.SIMILAR_PAPER, evidence=("Routing",), contribution=0.1),
                Reason(kind=ReasonKind.SHARED_TERM, evidence=("experts", "routing")),
            ),
        ),
        pick(
            3,
            paper=paper(
                3,
                title="شبكات عصبية عميقة لترجمة اللغات",
                abstract="نقترح طريقة جديدة. The results hold. نختبرها على ثلاث لغات.",
                announce_type="replace",
            ),
            reasons=(Reason(kind=ReasonKind.KEYWORD, evidence=("translation",), contribution=0.2),),
        ),
        pick(
            4,
            paper=paper(
                4,
                title='"Quoted" <b>bold</b> & an emoji 🦙👩‍🔬 in 100% of $5 titles',
                abstract="One. Two sentences with 50% more. Three. " * 30,
                authors=(),
            ),
            key_sentence="Two sentences with 50% more.",
            reasons=(Reason(kind=ReasonKind.EXPLORATION, evidence=()),),
        ),
        pick(
            5,
            section=Section.TRENDING,
            paper=paper(5, announce_type="cross", categories=("cs.CL", "cs.LG"), upvotes=1),
            reasons=(Reason(kind=ReasonKind.TRENDING, evidence=("1",)),),
        ),
    )


def letter(language: str) -> Edition:
    made = compose(
        subscriber(name="Ada", language=language),
        title=HEAD.title,
        day=DAY,
        picks=picks(),
        basis=Basis.LIKES,
        n_new=812,
        n_considered=790,
        dropped={},
        sources=SOURCES,
        speech=RENDERER.speech(language),
    )
    assert isinstance(made, Edition)
    return made


def note(language: str) -> Edition:
    empty = NoEdition(
        subscriber=subscriber(language=language),
        edition_date=DAY,
        reason=EmptyReason.NO_LISTING,
        detail="No listing today: no source had a paper that is new to you.",
        told=RENDERER.speech(language).gettext(
            "No listing today: no source had a paper that is new to you."
        ),
    )
    return compose_note(empty, title=HEAD.title, sources=(), speech=RENDERER.speech(language))


@pytest.mark.parametrize("language", known_languages())
@pytest.mark.parametrize("kind", ["edition", "note"])
def test_the_mail_is_as_it_was_looked_at(kind: str, language: str) -> None:
    made = letter(language) if kind == "edition" else note(language)
    shown = RENDERER.render(replace(made))
    for suffix, text in (("html", shown.html), ("txt", shown.text)):
        path = GOLDEN / f"{kind}.{language}.{suffix}"
        if os.environ.get("DIGEST_UPDATE_GOLDEN"):
            path.write_text(text, "utf-8")
        golden = path.read_text("utf-8")
        # where the inliner leaves <style> differs between its versions; what is inline does not
        assert without_style(text) == without_style(golden), f"{path.name} is not the mail now"
