"""One mail as different programs show it: dark or light, without <style>."""

from __future__ import annotations

import re

_SCHEME = re.compile(r"\(\s*prefers-color-scheme\s*:\s*(dark|light)\s*\)", re.IGNORECASE)
_STYLE = re.compile(r"<style\b[^>]*>.*?</style\s*>", re.IGNORECASE | re.DOTALL)


def in_scheme(html: str, scheme: str) -> str:
    """The mail as a program shows it whose colour scheme is "light" or "dark", whatever the
    browser's own is: queries for it become such that always or never hold."""
    return _SCHEME.sub(
        lambda m: "(min-width: 0px)" if m[1].lower() == scheme else "(max-width: 0px)", html
    )


def without_style(html: str) -> str:
    """The mail as programs show it that drop <style>; what is inline stays."""
    return _STYLE.sub("", html)
