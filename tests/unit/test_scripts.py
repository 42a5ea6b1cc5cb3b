"""Scripts without blanks between words: their titles teach, their keywords are found."""

from __future__ import annotations

from datetime import date

import pytest

from digest.model import Paper, Profile
from digest.ranking import fit, select
from digest.ranking.search import Index
from digest.ranking.selection import chance
from digest.ranking.vectors import tokens
from digest.scripts import grams, joined
from digest.terms import compile_terms
from digest.text import as_written, fold
from tests.factories import subscriber

DAY = date(2026, 5, 20)
#: likes, what is like them, and what is not, by language
LIBRARIES = {
    "zh": (
        ["基于深度学习的医学图像分割方法", "半监督医学图像分割综述", "视网膜血管分割的注意力网络"],
        "面向医学图像的分割网络",
        [
            "宏观经济增长的面板数据",
            "农村土地流转的影响因素",
            "古代汉语虚词研究",
            "高铁轨道振动监测",
        ],
    ),
    "ja": (
        ["深層学習による医用画像の領域分割", "医用画像における病変の検出", "画像の領域分割手法"],
        "医用画像の領域分割と不確実性",
        [
            "日本経済の長期停滞について",
            "稲作の気候変動への適応",
            "都市交通の需要予測",
            "古典文学の注釈",
        ],
    ),
    "ko": (
        ["딥러닝을 이용한 의료영상 분할", "의료영상에서의 병변 검출", "영상 분할을 위한 신경망"],
        "의료영상의 분할과 불확실성",
        ["한국 경제의 장기 침체", "기후 변화와 벼농사", "도시 교통 수요 예측", "고전 문학의 주석"],
    ),
    "th": (
        ["การแบ่งส่วนภาพทางการแพทย์ด้วยการเรียนรู้เชิงลึก", "การตรวจหารอยโรคในภาพทางการแพทย์"],
        "ภาพทางการแพทย์และการแบ่งส่วนภาพ",
        ["เศรษฐกิจไทยระยะยาว", "การปลูกข้าวกับสภาพอากาศ", "การจราจรในเมืองใหญ่", "วรรณคดีโบราณ"],
    ),
}


@pytest.mark.parametrize("language", LIBRARIES)
def test_likes_of_every_language_find_what_is_like_them(language: str) -> None:
    likes, wanted, others = LIBRARIES[language]
    noise = [Paper(id=f"x:{n}", title=f"{t} {n}") for n in range(15) for t in others]
    day = [*noise[:30], Paper(id="y", title=wanted), *noise[30:]]
    liked = tuple(Paper(id=f"l:{n}", title=t) for n, t in enumerate(likes))
    reader = subscriber(length=3, trending=0)
    reading = fit([*day, *liked]).read(Profile(subscriber_id="", liked=liked), day)
    picks = select(
        reader.preferences,
        day,
        reading,
        day=date(2026, 5, 20),
        rng=chance(reader, date(2026, 5, 20)),
    )
    assert picks[0].paper.id == "y"
    assert picks[0].score > 0.2


@pytest.mark.parametrize("language", LIBRARIES)
def test_a_search_finds_part_of_a_title(language: str) -> None:
    likes, wanted, others = LIBRARIES[language]
    papers = [Paper(id=t, title=t) for t in (*others, *likes, wanted)]
    (first, *_) = Index(papers).search(Paper(id="q", title=wanted), 3).hits
    assert first.paper_id == wanted


def test_words_of_two_scripts_are_told_apart() -> None:
    assert tokens("基于bert的图像分割") == ["bert", "图像", "像分", "分割"]
    assert tokens("graph neural") == ["graph", "neural"]
    assert grams("データ") == ["デー", "ータ"]
    assert joined("图像 像分") == "图像分"
    assert fold("ガラス 데이터") == "ガラス 데이터"  # letters, not letters with marks


def test_a_keyword_is_found_within_a_row_of_characters() -> None:
    pattern = compile_terms(["图像分割", "net"])
    assert pattern is not None
    assert pattern.search(fold("面向医学图像分割的研究"))
    assert pattern.search(fold("a net of rivers"))
    assert not pattern.search(fold("a network"))
    assert as_written("面向医学图像分割的研究", "图像分割") == "图像分割"


def test_reasons_say_whole_words() -> None:
    likes, wanted, others = LIBRARIES["zh"]
    liked = tuple(Paper(id=f"l:{n}", title=t) for n, t in enumerate(likes))
    day = [Paper(id=t, title=t) for t in (*others, wanted)]
    reader = subscriber(length=1, trending=0)
    reading = fit([*day, *liked]).read(Profile(subscriber_id="", liked=liked), day)
    (pick,) = select(
        reader.preferences,
        day,
        reading,
        day=date(2026, 5, 20),
        rng=chance(reader, date(2026, 5, 20)),
    )
    said = [e for r in pick.reasons if r.kind == "shared_term" for e in r.evidence]
    assert "医学图像" in said
