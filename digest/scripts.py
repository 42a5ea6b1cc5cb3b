"""Scripts that put no blanks between words, and terms of their texts: overlapping characters.

Chinese, Japanese and Thai have no mark where a word ends, and Korean adds particles to its words.
Pairs of characters find what a dictionary would, nearly as well as one (Nie, Gao, Zhang and Zhou
2000, "On the use of words and n-grams for Chinese information retrieval").
"""

from __future__ import annotations

import re
from collections.abc import Collection

_EAST_ASIAN = (
    "\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uac00-\ud7a3\u1100-\u11ff"
    "\U00020000-\U0003ffff"
)
#: Thai, Lao, Burmese, Khmer: letters, so that three say what two ideographs do
_SOUTH_EAST_ASIAN = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"
_UNSPACED = re.compile(f"[{_EAST_ASIAN}{_SOUTH_EAST_ASIAN}]")
_RUNS = re.compile(f"([{_EAST_ASIAN}]+)|([{_SOUTH_EAST_ASIAN}]+)")
#: what only joins others: Japanese endings, Chinese particles
_JOINING = re.compile("[\u3040-\u309f的了是在和与及或之对为于中把被也都而其该此從]")
#: what every abstract says of itself
_EMPTY = frozenset(
    "本文 提出 研究 方法 一种 一個 一个 基于 通过 结果 表明 进行 实验 具有 以及 采用 "
    "利用 分析 論文 论文 "
    "提案 手法 本稿 我々 結果 検討 有効 연구 방법 결과 제안 논문 통해 위한 대한 기반".split()
)


def is_unspaced(text: str) -> bool:
    """Whether a text has letters of such a script."""
    return not text.isascii() and _UNSPACED.search(text) is not None


def is_unspaced_letter(char: str) -> bool:
    return char > "\u0e00" and _UNSPACED.match(char) is not None


def grams(word: str) -> list[str]:
    """The terms of a word: itself, or where it has letters of such a script, pairs of these and
    what stands between them.

    >>> grams("graph"), grams("基于bert的图像分割")
    (['graph'], ['bert', '图像', '像分', '分割'])
    """
    if not is_unspaced(word):
        return [word]
    found: list[str] = []
    at = 0
    for run in _RUNS.finditer(word):
        if run.start() - at > 1:
            found.append(word[at : run.start()])
        at = run.end()
        size = 2 if run[1] else 3
        letters = run[0]
        pieces = [letters[i : i + size] for i in range(max(1, len(letters) - size + 1))]
        found += [p for p in pieces if len(p) > 1 and not _JOINING.search(p) and p not in _EMPTY]
    if len(word) - at > 1:
        found.append(word[at:])
    return found


def longest_run(text: str, term: str, shared: Collection[str], most: int = 12) -> str:
    """How a folded text writes what a term is part of: the longest row of characters around it of
    which each pair is among the shared ones."""
    term = joined(term)
    start = text.find(term)
    if start < 0:
        return ""
    end = start + len(term)
    size = 2 if re.match(f"[{_EAST_ASIAN}]", term) else 3
    while end < len(text) and end - start < most and text[end - size + 1 : end + 1] in shared:
        end += 1
    while start and end - start < most and text[start - 1 : start - 1 + size] in shared:
        start -= 1
    return text[start:end]


def joined(term: str) -> str:
    """Two neighbouring pairs as the characters that they come from.

    >>> joined("图像 像分"), joined("图像")
    ('图像分', '图像')
    """
    first, *rest = term.split()
    for word in rest:
        overlap = next((n for n in range(len(word) - 1, 0, -1) if first.endswith(word[:n])), 0)
        first += word[overlap:]
    return first
