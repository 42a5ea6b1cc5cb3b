"""What a sentence of an abstract does: tells background, how it was done, or what came out.

Abstracts go through moves: the field, the gap, the purpose, the method, the result, the
conclusion (Swales, Genre Analysis, 1990; Teufel and Moens 2002 call the parts zones). Set phrases
and the place in the abstract tell them apart well enough to choose one sentence; who reads one
sentence wants the idea or the result.
"""

from __future__ import annotations

import re
from collections.abc import Sequence


def _any(*words: str) -> str:
    return "(?:" + "|".join(words) + ")"


def _verbs(*stems: str) -> str:
    """Verbs in all their endings, so that "achieve" finds "achieved" and "achieving"."""
    endings = [stem.removesuffix("e") + r"(?:e|es|ed|ing|s)?" for stem in stems]
    return rf"\b{_any(*endings)}\b"


_AUTHORS = _any(
    r"\bwe\b",
    r"\bour\b",
    r"\bthis (?:paper|work|study|article|thesis|letter|note)\b",
    r"\bthe (?:proposed|presented|resulting)\b",
    r"\bin this (?:paper|work|study|article)\b",
    r"\bhere(?:in)?\b",
    r"本文|本研究|我们|我們|本論文",
    r"\bwir\b|\bnous\b",
)
_SHOWN = (
    _verbs(
        *"show demonstrate indicate reveal confirm suggest find observe report prove establish "
        "conclude verify validate highlight uncover".split()
    )
    + r"|\bfound\b|\bshown\b|\bproven\b|\bfindings\b"
)
_FINDINGS = _any(
    r"\b(?:experiments?|experimental results?|results?|evaluations?|findings|analys[ie]s"
    r"|simulations?|experimentation|comparisons?|ablations?|observations?|benchmarks?"
    r"|case stud(?:y|ies)|trials?)\b"
)
#: what came out
_RESULT = tuple(
    re.compile(p, re.IGNORECASE)
    for p in (
        rf"{_FINDINGS}[^.;]{{0,120}}(?:{_SHOWN})|(?:{_SHOWN})[^.;]{{0,80}}\bthat\b",
        _verbs("outperform", "surpass", "exceed")
        + r"|\bstate[- ]of[- ]the[- ]art (?:performance|results?|accuracy)\b|\bsuperior\b"
        r"|\bcompared (?:to|with)\b|\bbetter than\b|\bon par with\b",
        _verbs("achieve", "improve", "reduce", "increase", "yield", "attain", "enable", "boost")
        + r"|\b(?:higher|lower|faster|fewer|greater) \w+|\bsignificant(?:ly)?\b",
        r"\d\s?(?:%|\\%|percent|percentage|points?\b|x\b|×|times\b|-?fold\b)|\bp\s?[<=]\s?0?\.\d"
        r"|\b(?:up to|by|of|over) \d",
        r"^(?:results?|findings|conclusions?|interpretation)\s?[:.]"
        r"|\bwe conclude\b|\bin conclusion\b",
        r"结果表明|實驗|实验(?:结果)?(?:表明|显示)|結果|示した|示された|明らか|zeigen|montrons",
    )
)
#: how it was done, and what is new in it
_IDEA = tuple(
    re.compile(p, re.IGNORECASE)
    for p in (
        rf"{_AUTHORS}[^.;]{{0,100}}"
        + _verbs(
            *"propose introduce develop design devise formulate derive construct build combine "
            "integrate decompose employ leverage exploit incorporate extend adapt train learn "
            "augment model approximate replace reformulate unify generalize generalise utilize "
            "utilise adopt create collect release contribute address apply define".split()
        ),
        r"\bby (?:first |jointly |explicitly |directly )?\w+ing\b|\bvia (?:an? )?\w+"
        r"|\b(?:key|core|main|central) (?:idea|insight|contribution|observation)s?\b"
        r"|\bto (?:this|that) end\b"
        r"|\bto (?:address|tackle|overcome|solve|mitigate|achieve) (?:th|it)"
        r"|\b(?:novel|new)\b",
        r"\b(?:specifically|in particular|concretely|our (?:method|approach|framework|model|system"
        r"|algorithm|key))\b",
        r"提出|提案|schlagen wir|wir stellen|proposons",
    )
)
#: the field and the gap
_BACKGROUND = re.compile(
    r"^(?:however|existing|recent(?:ly)?|traditional(?:ly)?|previous(?:ly)?|prior|current(?:ly)?"
    r"|despite|although|while|whereas|in recent years|many|most|many of|with the"
    r"|the (?:rise|advent|success|growing|rapid|goal|task|problem)|there (?:is|are|has|have)"
    r"|background|objectives?|introduction|aims?|motivation|purpose)\b"
    r"|\b(?:remains?|is|are) (?:an? )?(?:open|challenging|crucial|essential|important|difficult"
    r"|understudied|unclear|unknown|poorly|still|often|widely|largely|limited)\b"
    r"|\b(?:suffers? from|has been|have been|has become|have become|little is known|is known to)\b",
    re.IGNORECASE,
)
#: what is no news: where the code is, what comes next
_OUTSIDE = re.compile(
    r"https?:|www\.|\b(?:code|codes|dataset|datasets|data|models?|project|page|video|demo|website"
    r"|implementation)\b[^.;]{0,60}\b(?:available|released|found at|accessible)\b|\bgithub\b"
    r"|\bfuture (?:work|research|directions?)\b|\baccepted (?:at|to|by)\b|\bopen[- ]sourced?\b"
    r"|^(?:keywords?|funding|trial registration|clinicaltrials)\b",
    re.IGNORECASE,
)
#: what is added to a result that was told before
_ADDED = re.compile(
    r"^(?:besides|in addition|additionally|moreover|furthermore|also|lastly|finally)\b",
    re.IGNORECASE,
)
#: a purpose alone says what is attempted, not what came of it
_PURPOSE = re.compile(
    r"^(?:in this (?:paper|work|study|article),? )?(?:we|this (?:paper|work|study|article|survey)"
    r"|the (?:aim|goal|purpose|objective)[^.]{0,30})\b[^.;]{0,30}\b(?:study|studies|investigates?"
    r"|considers?|consider|examines?|explores?|discuss(?:es)?|reviews?|aims?|was to|is to|present"
    r"|presents|focus(?:es)? on|revisits?)\b",
    re.IGNORECASE,
)


def merits(sentences: Sequence[str]) -> list[float]:
    """How much each of an abstract's sentences tells what the paper does or found: -3 to 6."""
    return [_merit(s.strip(), n, len(sentences)) for n, s in enumerate(sentences)]


def _merit(sentence: str, position: int, n: int) -> float:
    n_results = sum(1 for p in _RESULT if p.search(sentence))
    n_ideas = sum(1 for p in _IDEA if p.search(sentence))
    is_ours = re.search(_AUTHORS, sentence, re.IGNORECASE) is not None
    merit = 1.2 * min(n_results, 3) + 0.9 * min(n_ideas, 2)
    if _BACKGROUND.search(sentence) and not (is_ours and n_ideas + n_results):
        merit -= 1.5
    if _PURPOSE.search(sentence) and not n_results:
        merit -= 0.8
    if _OUTSIDE.search(sentence):
        merit -= 3
    if _ADDED.search(sentence):
        merit -= 0.6
    # The field comes first and the result last.
    place = position / max(1, n - 1)
    merit += 1.5 * place - (1.0 if position == 0 else 0)
    return merit if len(sentence.split()) >= 6 or not sentence.isascii() else merit - 2
