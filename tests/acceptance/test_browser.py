"""The mail and the preview page in a real browser: Playwright drives the system's Chromium."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from digest.edition import Renderer
from digest.errors import DigestError
from digest.preview.views import in_scheme, without_style
from tests.conftest import ROOT
from tests.servers import Answer, rss
from tests.unit.test_golden import HEAD, RENDERER, letter
from tests.worlds import World, make_world, record

sync_api = pytest.importorskip(
    "playwright.sync_api", reason="Playwright is not installed, so no browser looks at the mail"
)

LETTER = letter("en")


@pytest.fixture(scope="module")
def browser() -> Iterator[object]:
    from digest.preview.pictures import find_chromium

    try:
        chromium = find_chromium(os.environ)
    except DigestError as error:
        pytest.skip(f"no browser looks at the mail: {error}")
    with sync_api.sync_playwright() as playwright:
        made = playwright.chromium.launch(
            executable_path=chromium,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        yield made
        made.close()


def opened(browser: object, html: str, width: int, scheme: str = "light") -> object:
    page = browser.new_page(  # type: ignore[attr-defined]
        viewport={"width": width, "height": 900}, color_scheme=scheme
    )
    page.set_content(html)
    return page


HOSTILE = "Pneumonoultramicroscopicsilicovolcanoconiosis" * 4


def hostile_html() -> str:
    """Words that no line is long enough for."""
    first = LETTER.picks[1]
    worst = replace(
        first,
        paper=replace(first.paper, title=HOSTILE, authors=(HOSTILE,), categories=(HOSTILE,)),
        key_sentence="",
    )
    return RENDERER.render(replace(LETTER, picks=(worst, *LETTER.picks))).html


@pytest.mark.parametrize("width", [320, 375, 640, 1200])
@pytest.mark.parametrize("kind", ["calm", "hostile", "without style"])
def test_no_width_needs_scrolling_sideways(browser: object, width: int, kind: str) -> None:
    html = hostile_html() if kind == "hostile" else RENDERER.render(LETTER).html
    if kind == "without style":
        html = without_style(html)
    page = opened(browser, html, width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width  # type: ignore[attr-defined]
    page.close()  # type: ignore[attr-defined]


@pytest.mark.parametrize(("width", "sheet"), [(320, 320), (480, 480), (640, 624), (1200, 640)])
def test_the_sheet_is_as_wide_as_it_may_be(browser: object, width: int, sheet: int) -> None:
    page = opened(browser, RENDERER.render(LETTER).html, width)
    box = page.locator("table.sheet").bounding_box()  # type: ignore[attr-defined]
    assert box["width"] == sheet
    assert abs(box["x"] - (width - sheet) / 2) <= 1
    page.close()  # type: ignore[attr-defined]


# Every piece of text with the colour it has and the nearest ground that is painted behind it.
COLOURS = """() => {
  const found = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const text = walk.currentNode.textContent.trim();
    let at = walk.currentNode.parentElement;
    const seen = at.checkVisibility() && !at.closest('.preheader');
    if (!seen || !/[\\p{L}\\p{N}]/u.test(text)) continue;
    const style = getComputedStyle(at);
    let ground = 'rgba(0, 0, 0, 0)';
    for (let e = at; e && ground === 'rgba(0, 0, 0, 0)'; e = e.parentElement)
      ground = getComputedStyle(e).backgroundColor;
    found.push([text.slice(0, 40), style.color, ground]);
  }
  return found;
}"""


def as_hex(css: str) -> str:
    parts = css.removeprefix("rgb(").removesuffix(")").split(",")
    return "#" + "".join(f"{int(p):02x}" for p in parts)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("accent", ["#9a3412", "#ffee00", "#1d4ed8"])
def test_everything_can_be_read_in_light_and_dark(
    browser: object, scheme: str, accent: str
) -> None:
    from digest.colour import Accent, contrast

    head = replace(HEAD, accent=Accent.of(accent))
    html = Renderer(RENDERER._loader, head).render(LETTER).html
    page = opened(browser, html, 700, scheme)
    texts = page.evaluate(COLOURS)  # type: ignore[attr-defined]
    page.close()  # type: ignore[attr-defined]
    assert len(texts) > 50
    pale = [t for t in texts if contrast(as_hex(t[1]), as_hex(t[2])) < 4.5]
    assert pale == []
    grounds = {t[2] for t in texts}
    assert ("rgb(30, 28, 26)" in grounds) == (scheme == "dark")


def test_the_preview_forces_a_scheme_whatever_the_browser_prefers(browser: object) -> None:
    html = RENDERER.render(LETTER).html
    for wanted, preferred, ground in (
        ("dark", "light", "rgb(30, 28, 26)"),
        ("light", "dark", "rgb(255, 255, 255)"),
    ):
        page = opened(browser, in_scheme(html, wanted), 700, preferred)
        sheet = page.locator("table.sheet")  # type: ignore[attr-defined]
        assert sheet.evaluate("e => getComputedStyle(e).backgroundColor") == ground
        page.close()  # type: ignore[attr-defined]


def test_a_reader_of_headings_gets_title_sections_and_papers(browser: object) -> None:
    page = opened(browser, RENDERER.render(LETTER).html, 700)
    levels = page.evaluate(  # type: ignore[attr-defined]
        "[...document.querySelectorAll('h1,h2,h3')].map(h => h.tagName)"
    )
    page.close()  # type: ignore[attr-defined]
    assert levels == ["H1", "H2", "H3", "H2", "H3", "H3", "H3", "H2", "H3"]


# --- the preview page --------------------------------------------------------------------------


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with make_world(tmp_path) as made:
        made.now = datetime.now(UTC)
        made.quiet()
        stamp = made.now.strftime("%a, %d %b %Y 00:00:00 +0000")
        papers = [record(n) for n in range(6)]
        made.web.says("/rss/cs.CL+cs.LG", Answer(rss(papers, stamp)))
        (tmp_path / "own").mkdir()
        made.write(top='[mail]\ntemplates = "own"')
        yield made


@pytest.fixture
def served(world: World) -> Iterator[str]:
    """The command as a person runs it; yields its address, and ends it with Ctrl-C."""
    process = subprocess.Popen(
        [sys.executable, "-m", "digest", "preview", "--serve", "--port", "0"],
        cwd=world.folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"},
    )
    assert process.stdout is not None
    assert process.stderr is not None
    url = ""
    for line in process.stdout:
        if line.startswith("http://127.0.0.1:"):
            url = line.split()[0]
            break
    assert url, process.stderr.read()
    yield url
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 0, errors
    assert errors == ""


def test_the_page_reloads_by_itself_after_a_change(
    browser: object, served: str, world: World
) -> None:
    page = browser.new_page(viewport={"width": 1600, "height": 900})  # type: ignore[attr-defined]
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda m: faults.append(m.text) if m.type == "error" else None)
    page.goto(served)
    expect = sync_api.expect
    desktop = page.frame_locator("iframe[title=Desktop]")
    expect(desktop.locator("h1")).to_have_text("Morning papers")
    expect(page.locator("#live")).to_have_text("preview, reloads by itself")

    # a template
    card = world.folder / "own" / "card.html.j2"
    card.write_text("<p>Hand-made {{ card.rank }}</p>", "utf-8")
    expect(desktop.locator("text=Hand-made 1")).to_be_visible(timeout=20_000)
    card.write_text("<p>\n{{ card.nonsense }}</p>", "utf-8")
    expect(page.locator(".problems")).to_contain_text("card.html.j2, line 2", timeout=20_000)

    # the CSS
    card.unlink()
    (world.folder / "own" / "mail.css.j2").write_text("h1 { color: rgb(1, 2, 3); }", "utf-8")
    expect(desktop.locator("h1")).to_have_css("color", "rgb(1, 2, 3)", timeout=20_000)

    # the configuration, broken and mended
    text = world.config.read_text("utf-8")
    world.config.write_text(text.replace("title =", "titel ="), "utf-8")
    expect(page.locator(".problems")).to_contain_text("there is no such key", timeout=20_000)
    world.config.write_text(text.replace("Morning papers", "Evening papers"), "utf-8")
    expect(desktop.locator("h1")).to_have_text("Evening papers", timeout=20_000)

    assert faults == []
    page.close()


def test_the_page_works_without_scripts(browser: object, served: str) -> None:
    context = browser.new_context(java_script_enabled=False)  # type: ignore[attr-defined]
    page = context.new_page()
    page.goto(served)
    page.get_by_role("link", name="Text", exact=True).click()
    sync_api.expect(page.locator("pre.text")).to_contain_text("MORNING PAPERS")
    page.get_by_role("link", name="Headers").click()
    sync_api.expect(page.locator("table")).to_contain_text("List-Unsubscribe")
    context.close()
