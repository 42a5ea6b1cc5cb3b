from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.latex import readable
from digest.markup import plain
from digest.text import clean, compile_terms, fold, safe_url, sentences, shorten


@pytest.mark.parametrize(
    ("latex", "expected"),
    [
        (r"Erd\H{o}s and Poincar\'e", "Erdős and Poincaré"),
        (r"by $40.9%$ ($0.208$ vs. $0.352$)", "by 40.9% (0.208 vs. 0.352)"),
        (r"$O(n^{2}\log n)$ and $\ell_p$", "O(n² log n) and ℓₚ"),
        (r"$\alpha\to\beta$, $10^{-3}$", "α→β, 10⁻³"),
        (r"\textbf{bold} \emph{x}, 50\% of A\&B", "bold x, 50% of A&B"),
        (r"``quoted'' text", "“quoted” text"),
        ("a tie~to it, at example.org/~me", "a tie to it, at example.org/~me"),
        ("a $≥$7B model with a 4$×$4 matrix", "a ≥7B model with a 4×4 matrix"),
        ("it costs $5 and $10 today", "it costs $5 and $10 today"),
        (r"$\frac{a}{b}$ at $90^\circ$", "a/b at 90°"),
        (r"$p<0.05$ and $x_{\text{max}}$", "p<0.05 and x_max"),
        (r"see \url{http://a.example/c_d} \cite{foo}", "see http://a.example/c_d"),
        ("unbalanced {brace and $dollar", "unbalanced {brace and $dollar"),
        (r"\href{broken", r"\href{broken"),
    ],
)
def test_latex_becomes_what_a_person_reads(latex: str, expected: str) -> None:
    assert readable(latex) == expected


@given(st.text(max_size=200))
def test_any_text_can_be_made_readable(text: str) -> None:
    assert isinstance(readable(clean(text)), str)


@given(st.text(max_size=300))
def test_cleaned_text_is_one_line_without_control_or_bidi_characters(text: str) -> None:
    cleaned = clean(text)
    assert clean(cleaned) == cleaned
    for char in cleaned:
        assert unicodedata.category(char) not in ("Cc", "Cs")
        assert char not in "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f"


def test_markup_leaves_its_text_and_scripts_leave_nothing() -> None:
    assert (
        plain("<p>Hi &amp; <b>you</b></p><script>alert(1)</script><p>there</p>") == "Hi & you there"
    )
    assert plain("when a < b and c > d") == "when a < b and c > d"
    assert plain("<style>p{}</style>x<svg onload=alert(1)>y</svg>z") == "xz"


@given(st.text(alphabet="<>ab/&;!-[]\"'= ", max_size=80))
def test_any_markup_can_be_made_plain(text: str) -> None:
    assert "\n" not in plain(text)


def test_abbreviations_and_initials_do_not_end_a_sentence() -> None:
    text = "We use e.g. GPT. It is by J. Doe et al. Good! 这是。好的。 End?"
    assert sentences(text) == (
        "We use e.g. GPT.",
        "It is by J. Doe et al. Good!",
        "这是。",
        "好的。",
        "End?",
    )


@given(st.text(min_size=1, max_size=400), st.integers(min_value=5, max_value=100))
def test_shortened_text_fits(text: str, limit: int) -> None:
    assert len(shorten(clean(text), limit)) <= limit


def test_sentences_that_fill_less_than_half_are_left_for_whole_words() -> None:
    text = "Short. Then comes a sentence which goes on for longer than there is room."
    assert shorten(text, 40) == "Short. Then comes a sentence which goes…"


@pytest.mark.parametrize("sign", ["\u00ad", "\u200b", "\u2060", "\ufeff", "\u202e", "\u2066"])
def test_a_muted_word_cannot_hide_behind_what_nobody_sees(sign: str) -> None:
    assert clean(f"blockch{sign}ain") == "blockchain"


def test_shortening_prefers_whole_sentences() -> None:
    text = "This is the first sentence. And this is a second one that is longer."
    assert shorten(text, 40) == "This is the first sentence."
    assert shorten("one two three four five six", 15) == "one two three…"


def test_terms_are_found_as_whole_words_across_hyphens_plurals_and_accents() -> None:
    found = compile_terms(["large language model", "naïve", "RAG"])
    assert found is not None
    assert found.search(fold("Large-Language  Models rule"))
    assert found.search(fold("a naive approach"))
    assert found.search(fold("RAGs"))
    assert not found.search(fold("fragment of language"))
    assert compile_terms(["", " "]) is None


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "data:text/html,x",
        'http://a"b',
        "http://a b",
        "http://a|b/c",
        "",
        "ftp://x",
    ],
)
def test_only_web_addresses_are_linked(url: str) -> None:
    assert safe_url(url) == ""
    assert safe_url("https://example.org/a?b=c#d") == "https://example.org/a?b=c#d"
