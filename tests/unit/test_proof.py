"""Every check finds the fault planted for it, and finds nothing in a sound mail."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from digest.app import speeches
from digest.edition import Renderer, build_message
from digest.model import Signals
from digest.proof import Finding, Severity, proofread
from digest.proof.clients import condensed, load
from digest.proof.html import inverted
from tests.conftest import NOW
from tests.factories import paper, pick, subscriber
from tests.unit.test_edition import HEAD, LOADER, edition

WEB = replace(HEAD, web_url="https://papers.example.org")


def mail(head: object = HEAD, language: str = "en") -> bytes:
    renderer = Renderer(LOADER, head, speeches())  # type: ignore[arg-type]
    picks = [
        pick(
            n,
            paper=paper(
                n,
                signals=Signals(
                    upvotes=3,
                    github_url=f"https://example.org/{n}",
                    thumbnail_url=f"https://example.org/{n}.png",
                ),
            ),
            key_sentence="We examine subject.",
        )
        for n in range(1, 6)
    ]
    made = replace(edition(*picks), subscriber=subscriber(name="Ada", language=language))
    return build_message(made, renderer.render(made), renderer.letterhead, now=NOW).body


def worse(found: tuple[Finding, ...]) -> list[Finding]:
    return [f for f in found if f.severity is not Severity.NOTE]


@pytest.mark.parametrize("language", ["en", "de"])
@pytest.mark.parametrize("head", [HEAD, WEB], ids=["by mail", "with a web side and thumbnails"])
def test_our_own_mail_passes_every_check(head: object, language: str) -> None:
    assert worse(proofread(mail(head, language), with_spam=False)) == []


@pytest.mark.parametrize("colour", ["#ffee00", "#00ff88", "#ffffff", "#000000", "#ff00ff"])
def test_our_own_mail_can_be_read_in_any_accent(colour: str) -> None:
    from digest.colour import Accent

    head = replace(HEAD, accent=Accent.of(colour))
    found = [f for f in proofread(mail(head), with_spam=False) if f.check == "contrast"]
    assert [f for f in found if f.severity is Severity.ERROR] == []


PAGE = (
    '<!doctype html><html lang="en"><head><title>T</title><style>{css}</style></head>'
    "<body><h1>One</h1>{body}</body></html>"
)


def message(
    body: str = "", css: str = "", html: str = "", change: Callable[[bytes], bytes] = lambda b: b
) -> bytes:
    page = html or PAGE.format(body=body, css=css)
    raw = (
        "From: a@example.org\nTo: b@example.org\nSubject: s\n"
        "Date: Wed, 20 May 2026 05:30:00 +0000\n"
        "Message-ID: <x@example.org>\nList-Id: <l.example.org>\nMIME-Version: 1.0\n"
        "List-Unsubscribe: <mailto:a@example.org>\n"
        'Content-Type: multipart/alternative; boundary="b"\n\n'
        "--b\nContent-Type: text/plain; charset=utf-8\n\nfive words of plain text stand here\n"
        f"--b\nContent-Type: text/html; charset=utf-8\n\n{page}\n--b--\n"
    )
    return change(raw.replace("\n", "\r\n").encode())


def texts(body: bytes, severity: Severity) -> str:
    return "\n".join(f.text for f in proofread(body, with_spam=False) if f.severity is severity)


def test_a_sound_message_passes() -> None:
    assert worse(proofread(message(), with_spam=False)) == []


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("<p>" + "x" * 103_000 + "</p>", "Gmail clips it"),
        ('<img src="https://example.org/a.png" width="1" height="1">', "no alt text"),
        ('<img src="https://example.org/a.png" alt="">', "has no size"),
        ('<p style="color:#999999">pale words</p>', "a contrast of 2.8"),
        ('<p style="background:#000;color:rgb(10, 10, 10)">dark</p>', "a contrast of 1.1"),
        ("<a>nothing</a>", "leads nowhere"),
        ('<a href="#">top</a>', "leads nowhere"),
        ('<a href="#there">there</a>', "which is not in the mail"),
        ('<a href="/settings">settings</a>', "is relative"),
        ('<a href="javascript:x()">x</a>', "has the scheme javascript:"),
        ('<a href="mailto:nobody">write</a>', "is no mail address"),
        ('<a href="https://example.org/"></a>', "has no text"),
        ("<table><tr><td>1</td></tr></table>", "read out as data"),
        ("<h3>Three</h3>", "A heading <h3> follows <h1>"),
        ("<script>1</script>", "There is a <script>"),
        ('<p onclick="x()">p</p>', "has a script handler"),
        ("<p>\u202eabc</p>", "turn the direction"),
        ("<p>\u2068abc</p>", "turn the direction"),
        ('<p style="position: fixed">p</p>', "position: fixed is dropped by"),
        ('<p style="display: grid">p</p>', "display: grid is dropped by"),
    ],
)
def test_a_fault_of_the_html_is_found(body: str, words: str) -> None:
    assert words in texts(message(body), Severity.ERROR)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ('<a href="http://localhost:80/x">x</a>', "no reader elsewhere can open"),
        ('<a href="http://192.168.1.4/x">x</a>', "no reader elsewhere can open"),
        (
            '<a href="https://example.org/1">PDF</a> <a href="https://example.org/2">PDF</a>',
            "2 links of different targets are all called",
        ),
        (
            '<img src="http://example.org/a.png" alt="" width="1" height="1">',
            "not fetched over https",
        ),
        ('<p style="background-image: url(https://example.org/a.png)">p</p>', "is dropped by"),
    ],
)
def test_a_weakness_of_the_html_is_a_warning(body: str, words: str) -> None:
    found = texts(message(body), Severity.WARNING)
    assert words in found
    assert words not in texts(message(body), Severity.ERROR)


def test_the_dark_mail_is_looked_at_too() -> None:
    css = (
        "@media (prefers-color-scheme: dark) { p { color: #333333 !important; } "
        "body { background-color: #000000 !important; } }"
    )
    found = texts(message('<p style="color:#333333">words</p>', css), Severity.ERROR)
    assert "In the dark mail “words”" in found
    assert "In the light mail" not in found


def test_large_text_may_be_paler() -> None:
    pale = "color:#8a8a8a"
    assert "contrast" in texts(message(f'<p style="{pale}">p</p>'), Severity.ERROR)
    large = f'<p style="{pale};font-size:26px">p</p>'
    assert "In the light mail" not in texts(message(large), Severity.ERROR)


def test_a_mail_without_language_or_title_is_told() -> None:
    body = message(html="<html><head></head><body><h1>x</h1></body></html>")
    assert "does not say its language" in texts(body, Severity.ERROR)
    assert "no <title>" in texts(body, Severity.WARNING)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (b"Message-ID: <x@example.org>\r\n", b"", "no Message-ID"),
        (b"Subject: s\r\n", b"Subject: s\r\nSubject: t\r\n", "more than once"),
        (b"Subject: s", b"Subject: " + b"s" * 999, "octets"),
        (b"<mailto:a@example.org>", b"<ftp://example.org>", "neither web nor mail"),
        (b"<mailto:a@example.org>", b"<https://example.org/u>", "List-Unsubscribe-Post is missing"),
        (b"List-Id", b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\nList-Id", "https"),
        (b"text/plain", b"text/calendar", "The parts are"),
        (b"five words of plain text stand here", b"see HTML", "next to nothing"),
        (b"--b--\r\n", b"", "malformed"),
        (b"Subject: s\r\n", b"Subject: s\n", "carriage return"),
    ],
)
def test_a_fault_of_the_message_is_found(old: bytes, new: bytes, words: str) -> None:
    body = message(change=lambda b: b.replace(old, new, 1))
    assert words in texts(body, Severity.ERROR)


def test_the_worst_comes_first() -> None:
    found = proofread(
        message('<a href="#">x</a><a href="http://localhost/">y</a>'), with_spam=False
    )
    assert [f.severity for f in found] == sorted((f.severity for f in found), key=lambda s: s.order)


def test_the_client_data_is_there_dated_and_licensed() -> None:
    from importlib.resources import files

    data = load()
    assert data.dated >= "2025-09-09"
    assert len(data.features) > 250
    assert "Gmail (iOS)" in data.features["css-display-grid"].dropped_by
    assert "MIT" in (files("digest.proof") / "data" / "caniemail-LICENSE").read_text("utf-8")


def test_client_data_is_condensed_to_the_last_version_tested() -> None:
    full = {
        "nicenames": {"family": {"gmail": "Gmail"}, "platform": {"ios": "iOS"}},
        "data": [
            {
                "slug": "css-x",
                "title": "x",
                "url": "u",
                "category": "css",
                "stats": {"gmail": {"ios": {"2019": "n", "2024": "y #1"}}, "hey": {"web": {}}},
            },
            {"slug": "bimi", "category": "others"},
        ],
    }
    assert condensed(full) == {
        "clients": [("gmail/ios", "Gmail (iOS)"), ("hey/web", "hey (web)")],
        "features": {"css-x": ("x", "u", "y-")},
    }


def test_inverting_turns_lightness_over_and_keeps_the_hue() -> None:
    assert inverted("#ffffff") < "#222222"
    assert inverted("#000000") == "#ffffff"
