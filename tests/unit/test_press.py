"""Mails from forms are the mails that rendering makes; and templates that look into blanks."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, date, datetime
from email import message_from_bytes
from email.policy import SMTP

import jinja2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from itsdangerous import Signer

from digest.app import TEMPLATES, speeches
from digest.edition import Letterhead, Renderer, build_message
from digest.edition.compose import subject_line
from digest.edition.forms import Blank, Maker, NotShared
from digest.edition.links import Action, Seal, Ticket
from digest.model import Basis, Edition, EditionKind, Pick, Reason, ReasonKind, Section, SourceCount
from tests.conftest import examples
from tests.factories import paper, subscriber

HEAD = Letterhead(
    title="Morning & papers",
    sender="Morning papers <digest@example.org>",
    reply_to="digest@example.org",
    keys=(b"one", b"two"),
    web_url="https://digest.example.org",
    thumbnails=True,
)
LOADER = jinja2.FileSystemLoader(TEMPLATES)
SPEECHES = speeches()
ODD = st.text(
    st.characters(codec="utf-8", exclude_characters="\ue000\ue001\ue002\ue003"), max_size=60
)
SIZES = st.integers(0, 14)


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
                Reason(kind=kind, evidence=("7",) if kind is ReasonKind.TRENDING else (title,))
                for kind in kinds[i % len(kinds) :][:3]
            ),
            key_sentence="Two is here." if i % 2 else "",
        )
        for i, (title, section) in enumerate(zip(titles, sections, strict=True), 1)
    )
    return Edition(
        subscriber=subscriber(id="s1", name=name, language=language, email="ada@example.org"),
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


@examples(60)
@given(
    titles=st.lists(ODD, min_size=1, max_size=14),
    name=ODD,
    language=st.sampled_from(["en", "de"]),
    n=st.integers(1, 3000),
)
def test_a_mail_from_forms_is_the_mail_that_rendering_makes(
    titles: list[str], name: str, language: str, n: int
) -> None:
    made = edition(titles, name=name, language=language, n=n)
    quick = RENDERER._press._filled_in(made, RENDERER.speech(language))
    assert quick == RENDERER.render_anew(made)


def test_forms_are_used_and_not_only_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    renderer = Renderer(LOADER, HEAD, SPEECHES)
    calls: list[Edition] = []
    anew = renderer.render_anew
    monkeypatch.setattr(renderer, "render_anew", lambda e: calls.append(e) or anew(e))
    made = edition(["A title", "Another"])
    shown = [renderer.render(made) for _ in range(10)]
    assert len(calls) == 3
    assert len(set(shown)) == 1


def test_two_readers_share_a_card_and_not_their_links() -> None:
    first = edition(["A title", "Another"])
    other = replace(first, subscriber=replace(first.subscriber, id="s2", email="eve@example.org"))
    for made in [first] * 4:
        RENDERER.render(made)
    one, two = RENDERER.render(first), RENDERER.render(other)
    assert "ada@example.org" in one.html
    assert "ada@example.org" not in two.html + two.text
    assert two == RENDERER.render_anew(other)
    assert two != one


@pytest.mark.parametrize(
    "card",
    [
        "{% if card.rank > 1 %}later{% endif %}",
        "{% if card.rank == 1 %}first{% endif %}",
        "{{ card.why | join(' ') | length }}",
        "{{ card.why | join(' ') | upper }}",
        "{{ card.why[0][:5] }}",
        "{% for c in card.match %}{{ c }}.{% endfor %}",
        "{{ '%05d' | format(card.rank) }}",
        "{{ card.match ~ '!' | truncate(9) }}",
        "{{ email }}",
        "{{ loop.index }}",
    ],
)
def test_templates_that_look_into_blanks_are_rendered_for_everybody(card: str) -> None:
    own = jinja2.DictLoader({"card.html.j2": card})
    renderer = Renderer(jinja2.ChoiceLoader([own, LOADER]), HEAD, SPEECHES)
    made = edition(["A title", "Another", "Third"])
    for _ in range(5):
        assert renderer.render(made) == renderer.render_anew(made)
    third = replace(made, picks=made.picks[:1])
    assert renderer.render(third) == renderer.render_anew(third)


@pytest.mark.parametrize(
    "css",
    [".card + tr { color: red; }", "tr:first-child .why { color: red; }"],
)
def test_css_about_neighbours_is_noticed(css: str) -> None:
    own = jinja2.DictLoader({"mail.css.j2": css + " h3 { color: blue; }"})
    renderer = Renderer(jinja2.ChoiceLoader([own, LOADER]), HEAD, SPEECHES)
    made = edition(["A title", "Another", "Third"])
    for _ in range(6):
        assert renderer.render(made) == renderer.render_anew(made)


@pytest.mark.parametrize("odd", ["\ue003", "\ue002", "\ue000aZ0\ue001", "\ue000"])
def test_a_paper_that_looks_like_a_blank_costs_only_its_own_readers_the_short_cut(odd: str) -> None:
    renderer = Renderer(LOADER, HEAD, SPEECHES)
    plain, strange = edition(["A title", "Another"]), edition([f"An {odd} odd one", "Another"])
    assert renderer.render(strange) == renderer.render_anew(strange)
    assert "Another" in renderer.render(strange).html
    assert renderer._press._given_up == set()
    assert renderer._press.render(plain, renderer.speech("en")) == renderer.render_anew(plain)


def test_a_blank_can_be_printed_and_nothing_else() -> None:
    maker = Maker()
    blank = maker.blank("x")
    assert maker.form("a " + str(blank) + " b", html=False).fill({"x": "<1>"}) == "a <1> b"
    assert maker.form("a " + str(blank) + " b", html=True).fill({"x": "<1>"}) == "a &lt;1&gt; b"
    found = maker.form('<a title="' + str(blank) + '">', html=True).fill({"x": '<"1&2">'})
    assert found == '<a title="<&quot;1&amp;2&quot;>">'
    tricky = maker.form(f'<a aria-label="1 > 0" title="{blank!s}">{blank!s}</a>', html=True)
    assert tricky.fill({"x": '">'}) == '<a aria-label="1 > 0" title="&quot;>">"&gt;</a>'
    with pytest.raises(NotShared):
        maker.form(f"<!-- {blank!s} -->", html=True)
    for looks in (lambda b: b == 1, lambda b: b > 1, len, list, int, hash, lambda b: b + "x"):
        with pytest.raises((NotShared, TypeError)):
            looks(blank)
    with pytest.raises(NotShared):
        maker.form(str(blank).upper(), html=False)
    assert isinstance(blank, Blank)


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


def test_a_signature_is_what_itsdangerous_signs() -> None:
    token = Seal((b"old", b"new")).sign(Ticket(Action.LIKE, "s1", "arxiv:1"), date(2026, 5, 20))
    signer = Signer(
        b"new", salt=b"digest.ticket", key_derivation="hmac", digest_method=hashlib.sha256
    )
    payload = token.rpartition(".")[0]
    assert signer.sign(payload).decode() == token
