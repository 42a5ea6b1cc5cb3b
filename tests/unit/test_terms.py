"""Terms, and the texts that they stand in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.model import Paper
from digest.ranking.literal import LiteralIndex
from digest.terms import compile_terms, compounds, probe, search_words, searched, singular

STANDS = [
    ("C++", "A C++ library"),
    ("R", "The R package"),
    (".NET", "the .NET runtime"),
    ("AT&T", "AT&T labs"),
    ("GPT-4o", "we test GPT-4o"),
    ("GPT4", "we test GPT-4"),
    ("GPT-4", "we test GPT4"),
    ("α-synuclein", "alpha-synuclein fibrils"),
    ("alpha-synuclein", "aggregation of α-synuclein"),
    ("β decay", "beta decay"),
    ("SARS CoV 2", "SARS-CoV-2 variants"),
    ("pretraining", "pre-training of models"),
    ("pre-training", "pretraining of models"),
    ("pre-training", "pre training"),
    ("data set", "a dataset of"),
    ("dataset", "a data-set of"),
    ("wave function", "the wavefunction"),
    ("e-mail", "email spam"),
    ("3D", "3-D vision"),
    ("k-means", "k‑means"),
    ("k-means", "$k$-means clustering"),
    ("F-score", "the F‑score"),
    ("don't", "they don’t"),
    ("CO2", "CO$_2$ capture"),
    ("H2O", "H₂O molecules"),
    ("naïve Bayes", "Naive Bayes"),
    ("graph neural network", "Graph Neural Networks (GNNs)"),
    ("coral reefs", "a coral reef"),
    ("LLM", "LLMs"),
    ("analysis", "analyses of"),
    ("data analyses", "data analysis"),
    ("theory", "theories of"),
    ("theories", "a theory"),
    ("process", "processes"),
    ("matrix", "matrixes"),
    ("state of the art", "state-of-the-art"),
    ("state-of-the-art", "the state of the art"),
    ("图像", "医学图像分割"),
]
STANDS_NOT = [
    ("news", "a new method"),
    ("gas", "Ga atoms"),
    ("RAG", "a fragment"),
    ("large language model", "large models of language"),
    ("coral bleaching", "coral. Bleaching"),
    ("art", "the start"),
    ("C", "an A"),
    ("pre-training", "pre and training"),
]


def stands(term: str, text: str) -> bool:
    everywhere, in_title = LiteralIndex([Paper(id="x", title="None", abstract=text)]).holding(term)
    assert not in_title
    pattern = compile_terms([term])
    assert pattern is not None
    found = bool(pattern.search(searched(Paper(id="x", title="", abstract=text).text)))
    assert found == bool(everywhere)  # filters and keywords agree
    return found


@pytest.mark.parametrize(("term", "text"), STANDS)
def test_a_term_stands_in_a_text_however_either_is_written(term: str, text: str) -> None:
    assert stands(term, text)


@pytest.mark.parametrize(("term", "text"), STANDS_NOT)
def test_what_is_another_word_is_not_found(term: str, text: str) -> None:
    assert not stands(term, text)


@given(st.text(alphabet="abesxyi \u00e9\u03b1-'\u2011", min_size=1, max_size=20))
def test_every_term_stands_in_itself_and_its_probe_too(term: str) -> None:
    pattern = compile_terms([term])
    if pattern is None:
        assert not probe(term)
        return
    assert pattern.search(searched(term))
    assert probe(term)
    assert probe(term) in searched(term)


@pytest.mark.parametrize("term", ["y", "Y", "s", "-", "sis", "'", "fly"])
def test_a_short_term_breaks_nobodys_mail(term: str) -> None:
    index = LiteralIndex([Paper(id="1", title="An x"), Paper(id="2", title="Two", abstract="b")])
    assert index.holding(term) == (frozenset(), frozenset())


@given(st.text(max_size=12))
def test_a_singular_is_its_own_singular_for_what_is_looked_for(word: str) -> None:
    assert all(w.isalnum() for w in search_words(word))
    assert singular(word)[:3] == word[:3]


def test_compounds_are_indexed_as_one_word_too() -> None:
    assert compounds("Pre‑trained models, state-of-the-art") == (
        "pretrained",
        "stateoftheart",
    )
