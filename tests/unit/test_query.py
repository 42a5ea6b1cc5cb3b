"""Questions to a search box, taken apart."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.query import Field, Phrase, Query, parse
from digest.terms import search_words

TEXT = (Field.TITLE, Field.ABSTRACT)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("coral reefs", Query(text="coral reefs")),
        (
            '"coral reefs" fish',
            Query(text="coral reefs fish", phrases=(Phrase(("coral", "reef")),)),
        ),
        ("“coral reefs”", Query(text="coral reefs", phrases=(Phrase(("coral", "reef")),))),
        ("„Korallen“", Query(text="Korallen", phrases=(Phrase(("korallen",)),))),
        ("title:ColBERT", Query(phrases=(Phrase(("colbert",), (Field.TITLE,)),))),
        (
            "cat:cs.CL fish",
            Query(text="fish", phrases=(Phrase(("cs", "cl"), (Field.CATEGORIES,)),)),
        ),
        ('au:"G. Hopper" author:Noether', Query(authors=("G. Hopper", "Noether"))),
        ("since:2026-05 until:2026-06", Query(since=date(2026, 5, 1), until=date(2026, 6, 30))),
        ("date:2024-2", Query(since=date(2024, 2, 1), until=date(2024, 2, 29))),
        ("date:2026-05-20", Query(since=date(2026, 5, 20), until=date(2026, 5, 20))),
        ("date:2026 until:2026-05-20", Query(since=date(2026, 1, 1), until=date(2026, 5, 20))),
        ("since:yesterday x", Query(text="x", unclear=("since:yesterday",))),
        ("date:2026-02-30 x", Query(text="x", unclear=("date:2026-02-30",))),
        ('author:"" x', Query(text="x", unclear=('author:""',))),
        ("title: a history", Query(text="title: a history")),
        ("GAN:the start doi:10.1000/1", Query(text="GAN:the start doi:10.1000/1")),
        ('an open "quote', Query(text='an open "quote')),
        ('"!?"', Query(unclear=('"!?"',))),
        ("", Query()),
    ],
)
def test_conditions_are_taken_out_of_a_question(text: str, wanted: Query) -> None:
    assert parse(text) == wanted


def test_in_a_pasted_abstract_quotes_are_quotes() -> None:
    text = 'We call it "fish" and author:none of it matters. ' * 10
    assert parse(text) == Query(text=text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Coral-Reefs", ("coral", "reef")),
        ("GPT-4 and p53, 3D", ("gpt", "4", "and", "p53", "3d")),
        ("Łukasz Müller’s class", ("lukasz", "muller", "s", "class")),
        ("基于BERT的图像", ("bert", "图像")),
        ("cs.CL", ("cs", "cl")),
        ("C++ & R", ("c", "r")),
        ("«»!?", ()),
    ],
)
def test_words_are_found_however_they_are_written(text: str, words: tuple[str, ...]) -> None:
    assert search_words(text) == words


@given(st.text(max_size=200))
def test_any_text_is_a_question(text: str) -> None:
    found = parse(text)
    assert all(p.words for p in found.phrases)
    assert all(w.isalnum() for p in found.phrases for w in p.words)
