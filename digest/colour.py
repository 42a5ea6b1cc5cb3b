"""Colours that can be read: contrast as WCAG 2 defines it, and accents moved until they have it."""

from __future__ import annotations

import colorsys
import re
from dataclasses import dataclass

#: WCAG 2.2, level AA, for text of any size
LEAST_CONTRAST = 4.5
#: what the accent stands on, in the light and in the dark mail
SHEET, DARK_SHEET = "#ffffff", "#1e1c1a"


def rgb(colour: str) -> tuple[int, int, int]:
    """The parts, 0 to 255, of "#rrggbb".

    Raises:
        ValueError: it is something else.
    """
    if not re.fullmatch(r"#[0-9a-fA-F]{6}", colour):
        raise ValueError(f'"{colour}" is not a colour; write it like "#9a3412"')
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def luminance(colour: str) -> float:
    """Relative luminance, 0 to 1."""
    parts = [c / 255 for c in rgb(colour)]
    r, g, b = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def contrast(one: str, other: str) -> float:
    """From 1 (the same) to 21 (black on white)."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def readable_on(colour: str, ground: str, least: float = LEAST_CONTRAST) -> str:
    """The colour, made darker or lighter in small steps until it can be read on the ground."""
    if contrast(colour, ground) >= least:
        return colour.lower()
    hue, lightness, saturation = colorsys.rgb_to_hls(*(c / 255 for c in rgb(colour)))
    step = 0.01 if luminance(ground) < 0.18 else -0.01
    moved = colour
    while contrast(moved, ground) < least and 0 <= lightness <= 1:
        lightness += step
        parts = colorsys.hls_to_rgb(hue, min(1.0, max(0.0, lightness)), saturation)
        moved = "#" + "".join(f"{round(255 * c):02x}" for c in parts)
    return moved


DEFAULT_ACCENT = "#9a3412"


@dataclass(frozen=True, slots=True)
class Accent:
    """The one colour of a digest, for a light and for a dark mail."""

    light: str
    dark: str

    @classmethod
    def of(cls, colour: str = DEFAULT_ACCENT) -> Accent:
        return cls(readable_on(colour, SHEET, 5.0), readable_on(colour, DARK_SHEET, 7.0))
