"""Styles that are written into templates make the mails that styling finished mails makes."""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from datetime import UTC, date, datetime
from email import message_from_bytes
from email.policy import SMTP

import jinja2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from itsdangerous import Signer
from itsdangerous.encoding import base64_decode

from digest.app import TEMPLATES, speeches
from digest.edition import Letterhead, Renderer, build_message
from digest.edition.compose import subject_line
from digest.edition.links import Action, Seal, Ticket
from digest.edition.styles import NotStyled, inliner, styled
from digest.model import Basis, Edition, EditionKind, Pick, Reason, ReasonKind, Section, SourceCount
from tests.conftest import examples
from tests.factories import paper, subscriber

HEAD = Letterhead(
    title="Morning & papers",
    sender="Morning papers <digest@example.org>",
    reply_to="digest@example.org",
    keys=(b"one", b"two"),
    web_url="https://digest.example.org",
)
LOADER = jinja2.FileSystemLoader(TEMPLATES)
SPEECHES = speeches()
ODD = st.text(
    st.characters(codec="utf-8", exclude_characters="\ue000\ue001\ue002\ue003"), max_size=60
)
SIZES = st.integers(0, 14)
#: of reasons that hold more than a text
EVIDENCE = {
    ReasonKind.TRENDING: ("7",),
    ReasonKind.KEPT: ("2026-05-01",),
    ReasonKind.GROUP: ("2", "the lab"),
}


def edition(titles: list[str], *, name: str = "Ada", language: str = "en", n: int = 900) -> Edition:
    kinds = list(ReasonKind)
    sections = sorted(
        (list(Section)[(i + len(titles)) % len(Section)] for i in range(len(titles))),
        key=list(Section).index,
    )
    picks = tuple(
        Pick(
            paper=paper(
                i, title=title, abstract=f"One {title}. Two is here. Three.", authors=(title, "G")
            ),
            score=0.07 * i,
            percentile=min(1.0, 0.11 * i),
            rank=i,
            section=section,
            reasons=tuple(
                Reason(kind=kind, evidence=EVIDENCE.get(kind, (title,)))
                for kind in kinds[i % len(kinds) :][:3]
            ),
            key_sentence="Two is here." if i % 2 else "",
        )
        for i, (title, section) in enumerate(zip(titles, sections, strict=True), 1)
    )
    return Edition(
        subscriber=subscriber(id="s1", name=name, language=language),
        edition_date=date(2026, 5, 20),
        kind=EditionKind.EDITION,
        subject=subject_line("Today", date(2026, 5, 20), titles[0]),
        picks=picks,
        n_new=n,
        n_considered=n,
        basis=Basis.KEYWORDS if len(titles) % 2 else Basis.LIKES,
        sources=(SourceCount(name="arXiv", n_papers=n, complete=True),),
    )


RENDERER = Renderer(LOADER, HEAD, SPEECHES)


class AfterRendering(Renderer):
    """Writes styles into finished mails only."""

    def _page(self, name, whole, speech):  # type: ignore[no-untyped-def]
        return inliner().inline(self._fill(name, whole, self._environment(speech)))


PLAIN = AfterRendering(LOADER, HEAD, SPEECHES)


def same(html: str) -> str:
    """A page without what the order of declarations and the place of <style> may change."""
    html = re.sub(r"<style>.*?</style>", "", html, flags=re.DOTALL)
    return re.sub(
        r' style="([^"]*)"', lambda m: f' style="{sorted(m[1].strip(";").split(";"))}"', html
    )


@examples(60)
@given(
    titles=st.lists(ODD, min_size=1, max_size=14),
    name=ODD,
    language=st.sampled_from(["en", "de"]),
    n=st.integers(1, 3000),
)
def test_styles_in_templates_make_the_same_mail(
    titles: list[str], name: str, language: str, n: int
) -> None:
    made = edition(titles, name=name, language=language, n=n)
    quick, anew = RENDERER.render(made), PLAIN.render(made)
    assert same(quick.html) == same(anew.html)
    assert quick.text == anew.text
    assert not RENDERER._unstyled


def test_two_readers_share_a_card_and_not_their_links() -> None:
    first = edition(["A title", "Another"])
    other = replace(first, subscriber=replace(first.subscriber, id="s2", email="eve@example.org"))
    one, two = RENDERER.render(first), RENDERER.render(other)
    assert "ada@example.org" in one.html
    assert "ada@example.org" not in two.html + two.text
    assert set(re.findall(r"/feedback/[^\"]+", one.html)).isdisjoint(
        re.findall(r"/feedback/[^\"]+", two.html)
    )


@pytest.mark.parametrize(
    ("card", "expected"),
    [
        ("{% if card.rank > 1 %}later{% else %}first{% endif %}", "later"),
        ("{{ card.why | join(' ') | length }}", ""),
        ("{{ card.why[0][:5] }}", ""),
        ("{% for c in card.match %}{{ c }}.{% endfor %}", ""),
        ("{{ '%05d' | format(card.rank) }}", "00002"),
        ("{{ email }}", "ada@example.org"),
        ("<p class='why'>{{ card.title }}</p>", "border-left:3px"),
    ],
)
def test_a_template_may_look_at_any_value(card: str, expected: str) -> None:
    own = jinja2.DictLoader({"card.html.j2": card})
    renderer = Renderer(jinja2.ChoiceLoader([own, LOADER]), HEAD, SPEECHES)
    made = edition(["A title", "Another", "Third"])
    assert expected in renderer.render(made).html
    assert not renderer._unstyled


@pytest.mark.parametrize(
    "card",
    [
        "text beside <td class='why'>a cell</td>",  # the parser would move it
        "{% raw %}<p>{{ }}</p>{% endraw %}</div>",
    ],
)
def test_a_template_that_styles_cannot_be_written_into_is_styled_afterwards(card: str) -> None:
    own = jinja2.DictLoader({"card.html.j2": card})
    loader = jinja2.ChoiceLoader([own, LOADER])
    made = edition(["A title", "Another", "Third"])
    renderer = Renderer(loader, HEAD, SPEECHES)
    anew = AfterRendering(loader, HEAD, SPEECHES).render(made)
    assert same(renderer.render(made).html) == same(anew.html)
    assert renderer._unstyled == {"card.html.j2"}
    with pytest.raises(NotStyled):
        styled(card, "card.html.j2", "p { color: red }")


def test_a_block_of_ones_own_is_styled_by_the_pages_css() -> None:
    own = jinja2.DictLoader(
        {
            "digest.html.j2": '{% extends "default/digest.html.j2" %}{% block footer %}\n'
            '<tr><td class="mine">Brewed for {{ email }} {% trans %}Unsubscribe{% endtrans %}'
            "</td></tr>{% endblock %}{% block more_css %}.mine { color: #123456; }{% endblock %}"
        }
    )
    default = jinja2.PrefixLoader({"default": LOADER})
    renderer = Renderer(jinja2.ChoiceLoader([own, LOADER, default]), HEAD, SPEECHES)
    html = renderer.render(edition(["A title"], language="de")).html
    assert re.search(r'class="mine" style="color:#123456;?">Brewed for ada@example.org Abb', html)
    assert not renderer._unstyled


@pytest.mark.parametrize("odd", ["\ue003", "\ufdd0 0", "hole0", "<!--hole1-->", "/*hole2*/"])
def test_a_paper_that_looks_like_a_hole_is_only_a_text(odd: str) -> None:
    made = edition([f"An {odd} odd one", "Another"])
    assert same(RENDERER.render(made).html) == same(PLAIN.render(made).html)


# --- the message ---------------------------------------------------------------------------------


@examples(80)
@given(text=st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Zl", "Zp"))))
def test_bodies_come_back_as_they_were(text: str) -> None:
    lines = f"{text}\n.\nFrom here = \t\n{text * 3}\n"
    shown = replace(RENDERER.render(edition(["A"])), text=lines, html=lines)
    made = build_message(edition(["A"]), shown, HEAD, now=datetime(2026, 5, 20, tzinfo=UTC))
    bodies = made.body.partition(b"\r\n\r\n")[2]
    assert all(len(line) <= 76 for line in bodies.split(b"\r\n"))
    assert b"\n" not in made.body.replace(b"\r\n", b"")
    parsed = message_from_bytes(made.body, policy=SMTP)
    for part in parsed.iter_parts():  # type: ignore[attr-defined]
        assert part.get_content().replace("\r\n", "\n") == lines
        assert not part.defects


def test_a_signature_is_half_of_what_itsdangerous_signs_and_a_whole_one_is_taken_too() -> None:
    ticket = Ticket(Action.LIKE, "s1", "arxiv:1")
    seal, day = Seal((b"old", b"new")), date(2026, 5, 20)
    token = seal.sign(ticket, day)
    payload, _, half = token.rpartition(".")
    for key in (b"old", b"new"):  # mails that were sent before hold whole ones
        signer = Signer(
            key, salt=b"digest.ticket", key_derivation="hmac", digest_method=hashlib.sha256
        )
        whole = signer.sign(payload).decode()
        assert seal.read(whole, day) == ticket
        assert seal.is_in(whole)
    mac = base64_decode(whole.rpartition(".")[2])
    assert base64_decode(half) == mac[:16]
