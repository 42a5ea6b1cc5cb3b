from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.colour import DARK_SHEET, SHEET, Accent, contrast, readable_on

COLOURS = st.integers(0, 0xFFFFFF).map(lambda n: f"#{n:06x}")


def test_contrast_is_that_of_wcag() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)
    assert contrast("#123456", "#123456") == 1


@given(COLOURS)
def test_any_accent_can_be_read_in_the_light_and_in_the_dark(colour: str) -> None:
    accent = Accent.of(colour)
    assert contrast(accent.light, SHEET) >= 4.5
    assert contrast(accent.dark, DARK_SHEET) >= 4.5


def test_a_colour_that_can_be_read_stays_as_it_is() -> None:
    assert readable_on("#9A3412", SHEET) == "#9a3412"


def test_what_is_no_colour_is_refused() -> None:
    with pytest.raises(ValueError, match="write it like"):
        contrast("red", "#ffffff")
