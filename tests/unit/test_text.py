from __future__ import annotations

import gzip
import json
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.latex import lost_words, readable
from digest.markup import plain
from digest.terms import compile_terms
from digest.text import clean, fold, safe_url, sentences, shorten


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
        # what a macro holds is text, whether it is known or not
        (r"$\texttt{Barn}$: a $\texttt{barn}$-based code", "Barn: a barn-based code"),
        (r"\mbox{PSNR $=15.2$} of \textsf{Tool} [\texttt{CLS}]", "PSNR =15.2 of Tool [CLS]"),
        (r"We propose \methodname, a \foo{bar}{baz}", "We propose methodname, a bar baz"),
        (
            r"\verb|a_b| \url{http://x.example/c_d} \S 3 a\textbar b",
            "a_b http://x.example/c_d § 3 a|b",
        ),
        (r"On \LaTeX{} at 5\,\pounds, {GaN}{$\slash$}{AlN}", "On LaTeX at 5 £, GaN/AlN"),
        (r"see \href{http://x.example}{\textbf{here}}", "see here"),
        (r"{1.5B, 3B}-Instruct of {DNA} and \{a, b\}", "{1.5B, 3B}-Instruct of DNA and {a, b}"),
        (r"a \textit{b $i$}.", "a b i."),
        (r"\underline{N}etwork, \textcolor{red}{text}", "Network, text"),
        # formulas
        (r"$\|x\|_2 \leq \epsilon$ and $H(P\|Q)$", "‖x‖₂ ≤ ϵ and H(P‖Q)"),
        (r"$\sqrt[3]{x}$, $\sqrt{2}$, $\sqrt{a+b}$", "∛x, √2, √(a+b)"),
        (r"spin-$\tfrac12$, $\frac{a+b}{c+d}$, $\binom{n}{2}$", "spin-1/2, (a+b)/(c+d), C(n,2)"),
        (r"$\overline{x}$, $\bar{\nu}$, $\widetilde X$, $\vec{v}$", "x̄, ν̄, X̃, v⃗"),
        (
            r"$f\colon X\to Y$, $b\equiv r\pmod p$, $\Pr[X>t]$, $\Re z$",
            "f: X→Y, b≡r (mod p), Pr[X>t], Re z",
        ),
        (r"$A\xrightarrow{f}B$ \checkmark, $\underset{x}{\max} f$", "A–f→B ✓, maxₓ f"),
        ("with $ r \\geq s$ and $$ p = 1 $$", "with r ≥ s and p = 1"),
        (r"T$\times $V, \( x^2 \) and \[ x_i \]", "T×V, x² and xᵢ"),
        (
            r"$x \in [0,1]$, $p \leq0.05$, $-1 < x$, $\tau = -0.06$",
            "x ∈ [0,1], p ≤ 0.05, -1 < x, τ = -0.06",
        ),
        (r"$K^+ \to \pi^+\nu\bar\nu$ in $^{13}$C", "K⁺ → π⁺νν̄ in ¹³C"),
        (r"$2\log n$, $O(\log n)$, $\exp(-x)$", "2 log n, O(log n), exp(-x)"),
        # what typists and reference managers do
        (
            r"a -- b, 9--47\%, x---y, cmd --help, pre--trained",
            "a – b, 9–47%, x—y, cmd --help, pre–trained",
        ),
        (r"3~μm, Part~{II}, ~5 and 5~10 kg", "3 μm, Part II, ~5 and 5~10 kg"),
        (r"`x' and ``y''", "‘x’ and “y”"),
        (r"he said \"Hello\", na\"ive", 'he said "Hello", naïve'),
        (
            r"\$\textbackslash mathcal\{V\}\$-Usable in \$10{\textasciicircum}5\$ steps",
            "𝒱-Usable in 10⁵ steps",
        ),
        (r"10^{-3} and 10^5, H_{2}O, foo_bar", "10⁻³ and 10⁵, H₂O, foo_bar"),
        (r"a \$5 fee and \$10", "a $5 fee and $10"),
        ("costs $5 to buy and sells at $10", "costs $5 to buy and sells at $10"),
    ],
)
def test_latex_becomes_what_a_person_reads(latex: str, expected: str) -> None:
    assert readable(latex) == expected


@given(st.text(max_size=200))
def test_any_text_can_be_made_readable(text: str) -> None:
    assert isinstance(readable(clean(text)), str)


_LATEX = st.lists(
    st.sampled_from(
        [
            "\\texttt{", "\\foo{", "\\emph{", "}", "{", "$", "$x_1$", "\\alpha", "\\methodname ",
            "word ", "other", " ", "-", "\\frac{a}{b}", "^{2}", "\\'e", "\\%", "~", ", ",
            "\\(", "\\)",
            "\\begin{x}", "\\left(", "\\|", "\\\\", "[", "]", "\\sqrt", "\\hat",
        ]
    ),
    max_size=25,
).map("".join)  # fmt: skip


@given(_LATEX)
def test_no_word_of_any_latex_is_lost(source: str) -> None:
    shown = readable(source)
    for word in ("word", "other"):
        assert shown.count(word) == source.count(word), (source, shown)


def test_no_word_of_recorded_abstracts_is_lost(fixtures: Path) -> None:
    texts: list[str] = []
    for path in sorted((fixtures / "listings").glob("*.jsonl.gz")):
        with gzip.open(path, "rt") as file:
            papers = [json.loads(line) for line in file]
        texts += [clean(p[k]) for p in papers for k in ("title", "abstract")]
    assert len(texts) > 2_000
    lost = {t[:60]: words for t in texts if (words := lost_words(t, readable(t)))}
    assert not lost


def test_lost_words_are_noticed() -> None:
    assert lost_words(r"the \texttt{Name} of $\mathrm{it}$", "the of it") == ("Name",)
    assert lost_words(r"Erd\H{o}s \cite{foo} at \alpha", "Erdős at α") == ()


@pytest.mark.parametrize(
    "hostile", ["{", "\\a{", "^{", "`", "$\\frac{", "_{a", "\\sqrt[", "$x ", "~"]
)
def test_hostile_latex_is_read_in_passing(hostile: str) -> None:
    assert isinstance(readable(hostile * 3_000), str)


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
