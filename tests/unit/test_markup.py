"""HTML, JATS, MathML and plain text, as one reader reads them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.markup import lines, of_plain_text, plain

MATH = '<mml:math xmlns:mml="http://www.w3.org/1998/Math/MathML">{}</mml:math>'


def mathml(inner: str) -> str:
    return plain(MATH.format(inner))


@pytest.mark.parametrize(
    "text",
    [
        "if x<y and y>z then",
        "Learning from <mask> tokens",
        "The <think> token",
        "Vec<u8> and Map<K, V>",
        "$x<y$ and $z>0$",
        "the <b> tag",
        "a<b and b>c",
        "I <3 papers",
        "Generic<T> with <T extends Foo>",
    ],
)
def test_what_is_no_element_is_text(text: str) -> None:
    assert plain(text) == text


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("10<sup>-3</sup>", "10⁻³"),
        ("3 x 10<sup>8</sup> m s<sup>-1</sup>", "3 x 10⁸ m s⁻¹"),
        ("CH<sub>4</sub>, Fe<sup>2+</sup>, <sup>13</sup>C", "CH₄, Fe²⁺, ¹³C"),
        (
            "the 15<sup>th</sup> of <sup>99m</sup>Tc in p53<sup>-/-</sup>",
            "the 15th of ⁹⁹ᵐTc in p53⁻/⁻",
        ),
        ("V<sub>max</sub>, K<inf>2</inf>", "V_max, K₂"),
        ("CO&lt;small&gt;&lt;sub&gt;2&lt;/sub&gt;&lt;/small&gt;", "CO₂"),
        ("&amp;amp; and &amp;lt;i&amp;gt;E. coli&amp;lt;/i&amp;gt;", "& and E. coli"),
        ("&#X61; &thinsp;5&micro;m", "a 5µm"),
        ("<jats:title>Abstract</jats:title><jats:p>A</jats:p><jats:p>B</jats:p>", "Abstract A B"),
        ("<scp>GABA</scp> in <italic>vivo</italic>", "GABA in vivo"),
        ("<!-- no --><![CDATA[a < b]]>", "a < b"),
        ("<p>x</p><script>alert(1)</script><style>p{}</style>", "x"),
        ('<a href="broken>text</a> more', "text more"),
    ],
)
def test_markup_is_read_as_its_text(markup: str, text: str) -> None:
    assert plain(markup) == text


@pytest.mark.parametrize(
    "markup",
    [
        "safe <object>description",
        "safe <iframe src=x>description",
        "safe <math>description",
        "safe <noscript>description",
        "<div>safe <b>description",
        "safe <svg>description",
        "<p>safe<script>description",
    ],
)
def test_an_element_that_does_not_end_swallows_nothing(markup: str) -> None:
    assert "safe" in plain(markup)
    assert "description" in plain(markup)


@pytest.mark.parametrize(
    ("inner", "text"),
    [
        ("<mml:mi>α</mml:mi>", "α"),
        ("<mml:mfrac><mml:mn>1</mml:mn><mml:mn>2</mml:mn></mml:mfrac>", "1/2"),
        (
            "<mfrac><mrow><mi>a</mi><mo>+</mo><mi>b</mi></mrow>"
            "<mrow><mi>c</mi><mo>+</mo><mi>d</mi></mrow></mfrac>",
            "(a+b)/(c+d)",
        ),
        ("<mml:msqrt><mml:mn>2</mml:mn></mml:msqrt>", "√2"),
        ("<mml:mroot><mml:mi>x</mml:mi><mml:mn>3</mml:mn></mml:mroot>", "∛x"),
        ("<msup><mn>10</mn><mrow><mo>−</mo><mn>3</mn></mrow></msup>", "10⁻³"),
        ("<mo>(</mo><mfrac linethickness='0'><mi>n</mi><mn>2</mn></mfrac><mo>)</mo>", "C(n,2)"),
        ("<msub><mrow><mo>‖</mo><mi>x</mi><mo>‖</mo></mrow><mn>2</mn></msub>", "‖x‖₂"),
        ("<msub><mi>m</mi><mi>ν</mi></msub><mo>&lt;</mo><mn>0.8</mn>", "m_ν < 0.8"),
        (
            "<msup><mi>K</mi><mo>+</mo></msup><mo>→</mo><msup><mi>π</mi><mo>+</mo></msup>"
            "<mi>ν</mi><mover><mi>ν</mi><mo>¯</mo></mover>",
            "K⁺ → π⁺νν̄",
        ),
        ("<mmultiscripts><mi>C</mi><mprescripts/><none/><mn>13</mn></mmultiscripts>", "¹³C"),
        ("<mi>sin</mi><mo>&#x2061;</mo><mi>x</mi>", "sin x"),
        ("<mfenced><mi>a</mi><mi>b</mi></mfenced>", "(a, b)"),
        (
            "<semantics><mi>α</mi><annotation encoding='application/x-tex'>\\alpha</annotation>"
            "</semantics>",
            "α",
        ),
    ],
)
def test_mathml_reads_as_a_line(inner: str, text: str) -> None:
    assert mathml(inner) == text


def test_a_formula_in_two_writings_is_read_once_and_apart_from_its_neighbours() -> None:
    both = (
        "<jats:alternatives><jats:tex-math>$$\\alpha^2$$</jats:tex-math>"
        + MATH.format("<mml:msup><mml:mi>α</mml:mi><mml:mn>2</mml:mn></mml:msup>")
        + "</jats:alternatives>"
    )
    assert plain(f"with {both} of it") == "with α² of it"
    assert plain(f"in{MATH.format('<mml:mi>N</mml:mi>')} of it") == "in N of it"
    assert plain("the decay <math> K+ -&gt; pi+</math> at") == "the decay K+ -> pi+ at"
    only_tex = r"<tex-math>\documentclass{m}\begin{document}$$\alpha$$\end{document}</tex-math>"
    assert plain(f"an {only_tex}-ray") == r"an $$\alpha$$-ray"


def test_a_plain_text_is_as_written_but_for_what_nobody_writes_in_one() -> None:
    assert of_plain_text("The <b>x</b> of if a<i and i>b") == "The <b>x</b> of if a<i and i>b"
    assert of_plain_text("H<sub>2</sub>O &amp; more") == "H₂O & more"


def test_blocks_are_lines() -> None:
    assert lines("<p>a</p>b<br/>c <i>d</i><div></div>") == ["a", "b", "c d"]


@given(st.text(alphabet="<>ab/&;!-[]\"'= smuprti0123", max_size=120))
def test_no_letter_of_a_text_without_elements_is_lost(text: str) -> None:
    shown = plain(text)
    assert "\n" not in shown
    if not any(c in text for c in "<&"):
        assert shown == " ".join(text.split())


@pytest.mark.parametrize(
    "hostile", ["<!--", "<script>", '<a ="', "<b>", "<sup>", "<![CDATA[", "&lt;"]
)
def test_hostile_markup_is_read_in_passing(hostile: str) -> None:
    assert isinstance(plain(hostile * 20_000), str)
