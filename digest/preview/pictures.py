"""Pictures of a mail, by a Chromium that is on this machine."""

from __future__ import annotations

import html as markup
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from digest.errors import DigestError
from digest.preview.views import in_scheme, without_style

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
_FLAGS = (
    "--headless",
    "--no-sandbox",  # the page is our own mail, its scripts and the network are off
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--host-resolver-policy=MAP * ~NOTFOUND",
)
TIMEOUT_S = 60
#: Chromium makes no narrower window; a narrower mail stands in a frame
_LEAST_WINDOW = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """How a mail is shown for one picture."""

    name: str
    #: CSS pixels
    width: int
    scheme: str = "light"
    style: bool = True


VIEWS: Sequence[View] = (
    View(name="desktop", width=760),
    View(name="dark", width=760, scheme="dark"),
    View(name="phone", width=375),
    View(name="narrow", width=320),
    View(name="plain", width=760, style=False),
)


def find_chromium(environ: Mapping[str, str]) -> str:
    """$DIGEST_CHROMIUM, else the first Chromium or Chrome on the path.

    Raises:
        DigestError: there is none.
    """
    named = environ.get("DIGEST_CHROMIUM")
    for name in [named] if named else _NAMES:
        found = shutil.which(name)
        if found:
            return found
    raise DigestError(
        f"$DIGEST_CHROMIUM is {named}, and no such program is here."
        if named
        else "Pictures need Chromium or Chrome, and none was found; DIGEST_CHROMIUM can name one."
    )


def take(html: str, view: View, target: Path, chromium: str, max_height: int = 0) -> None:
    """A picture of the whole mail, or of its first `max_height` pixels.

    Raises:
        DigestError: Chromium failed, or the file cannot be written.
    """
    shown = in_scheme(html if view.style else without_style(html), view.scheme)
    with _page(shown, view) as page:
        height = _height(page, view, chromium)
        if max_height:
            height = min(height, max_height)
        window = f"--window-size={max(view.width, _LEAST_WINDOW)},{height}"
        raw = page.with_suffix(".png")
        _run(chromium, [window, f"--screenshot={raw}", page.as_uri()], page.parent)
        if not raw.is_file():
            raise DigestError(f"Chromium made no picture of {target.stem}.")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(raw, target)
        except OSError as error:
            raise DigestError(f"{target} cannot be written: {error.strerror}.") from error


@contextmanager
def _page(html: str, view: View) -> Iterator[Path]:
    """A page whose frame holds the mail, and which knows how high the mail is."""
    ground = "#131211" if view.scheme == "dark" else "#f3f1ec"
    frame = (
        f'<body style="margin:0;background:{ground}"><iframe id="mail" style="display:block;'
        f'margin:0 auto;border:0;width:{view.width}px;height:20000px" sandbox="allow-same-origin" '
        f'srcdoc="{markup.escape(html)}"></iframe><script>'
        'onload=()=>{const d=document.getElementById("mail").contentDocument;'
        'document.title="height:"+Math.ceil(d.body.getBoundingClientRect().height)}</script>'
    )
    with tempfile.TemporaryDirectory(prefix="digest-picture-") as folder:
        page = Path(folder) / "mail.html"
        page.write_text(f"<!doctype html><meta charset=utf-8><title></title>{frame}", "utf-8")
        yield page


def _height(page: Path, view: View, chromium: str) -> int:
    dumped = _run(chromium, ["--dump-dom", page.as_uri()], page.parent)
    match = re.search(r"<title>height:(\d+)</title>", dumped)
    if match is None:
        raise DigestError("Chromium could not say how high the mail is.")
    return min(max(int(match[1]), 100), 16_000)  # Chromium's largest texture is 16,384


def _run(chromium: str, arguments: Sequence[str], folder: Path) -> str:
    profile = folder / "profile"
    command = [chromium, *_FLAGS, f"--user-data-dir={profile}", *arguments]
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            timeout=TIMEOUT_S,
            check=True,
            env={**os.environ, "HOME": str(folder)},
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise DigestError(f"Chromium failed: {error}.") from error
    return done.stdout.decode("utf-8", "replace")
