"""Checks of the HTML part, without a browser: every check is about what stands in the source."""

from __future__ import annotations

import colorsys
import ipaddress
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

import css_inline
import tinycss2
from bs4 import BeautifulSoup, Tag
from bs4.element import Comment, NavigableString

from digest.colour import contrast
from digest.proof.clients import ClientData, Support
from digest.proof.findings import Finding, Severity, error, note, warning
from digest.text import counted, shorten

#: what Gmail shows of a message
CLIPPED_AT = 102_000
_LARGE_PX, _LARGE_BOLD_PX = 24.0, 18.66
#: share of clients that must drop something for it to be an error; and for it to matter at all
MOST, FEW = 0.5, 0.05
#: What may be lost without hiding, covering or misplacing anything: finer lines and corners, better
#: line breaks, queries that only add, names for the ear, and <style>, whose rules stand inline too.
_GRACEFUL = re.compile(
    r"""@media | <style> | <body> | the\ attribute\ (aria- | role | lang | dir)
    | (border-radius | box-shadow | text-shadow | text-decoration[a-z-]* | letter-spacing
    | overflow-wrap | word-wrap | word-break | hyphens | text-wrap | color-scheme
    | height | max-height | overflow | cursor | transition) :""",
    re.X,
)
#: what holds a layout: without it things lie upon each other, so one large client is enough
_LAYOUT = re.compile(r"display: (inline-)?(flex|grid)|position|float|inset|grid|flex|transform")
_FORBIDDEN = {
    "script": "Mail programs remove scripts, and filters distrust mails that have them.",
    "form": "Many mail programs disable forms or warn of them; link to a page instead.",
    "iframe": "Mail programs remove frames.",
    "object": "Mail programs remove embedded objects.",
    "video": "Few mail programs play videos; link to it.",
    "link": "External style sheets are not fetched; put the CSS into the template's <style>.",
    "base": "A <base> breaks links in several mail programs; write them out.",
}


def check_html(html: str, clients: ClientData) -> Iterator[Finding]:
    """All that can be said about the HTML part."""
    soup = BeautifulSoup(html, "html.parser")
    yield from check_size(html)
    yield from check_structure(soup)
    yield from check_images(soup)
    yield from check_links(soup)
    yield from check_support(soup, clients)
    for scheme, found in schemes(html).items():
        yield from check_contrast(found, scheme)


# --- size ----------------------------------------------------------------------------------------


def check_size(html: str) -> Iterator[Finding]:
    n_bytes = len(html.encode())
    if n_bytes > CLIPPED_AT:
        yield error(
            "size",
            f"The HTML has {n_bytes:,} bytes; Gmail clips it after {CLIPPED_AT:,}.",
            "Make the templates shorter, or `length` smaller.",
        )
    else:
        yield note("size", f"The HTML has {n_bytes:,} of {CLIPPED_AT:,} bytes.")


# --- structure and images ------------------------------------------------------------------------


def check_structure(soup: BeautifulSoup) -> Iterator[Finding]:
    """What screen readers and sanitisers see."""
    root = soup.find("html")
    if not (isinstance(root, Tag) and root.get("lang")):
        yield error(
            "structure",
            "The mail does not say its language.",
            'Write <html lang="{{ language }}">.',
        )
    if not (soup.title and soup.title.get_text(strip=True)):
        yield warning("structure", "The mail has no <title>.", "Put the subject there.")
    tables = [t for t in soup.find_all("table") if t.get("role") != "presentation"]
    if tables:
        yield error(
            "structure",
            f"{counted(len(tables), 'layout table')} would be read out as data.",
            'Write role="presentation" on tables that only place things.',
        )
    for name, why in _FORBIDDEN.items():
        if soup.find(name):
            yield error("structure", f"There is a <{name}>. {why}")
    for tag in soup.find_all(lambda t: any(a.startswith("on") for a in t.attrs)):
        yield error("structure", f"<{tag.name}> has a script handler.", "Mail programs remove it.")
    level = 0
    for heading in soup.find_all(re.compile("^h[1-6]$")):
        now = int(heading.name[1])
        if now > level + 1:
            yield error(
                "structure",
                f"A heading <h{now}> follows <h{level}>: "
                f"“{shorten(heading.get_text(' ', strip=True), 50)}”."
                if level
                else f"The first heading is <h{now}>.",
                "Headings go down one level at a time, so that they can be jumped through.",
            )
        level = now
    text = soup.get_text()
    if re.search("[\u202a-\u202e]", text) or text.count("\u2068") != text.count("\u2069"):
        yield error(
            "structure",
            "There are characters that turn the direction of what follows.",
            "Outside text must pass the project's cleaning on its way in.",
        )


def check_images(soup: BeautifulSoup) -> Iterator[Finding]:
    for image in soup.find_all("img"):
        name = shorten(str(image.get("src", "")), 60)
        if image.get("alt") is None:
            yield error(
                "image", f"The image {name} has no alt text.", 'Say what it shows, or alt="".'
            )
        if not (image.get("width") and image.get("height")):
            yield error(
                "image",
                f"The image {name} has no size, so the mail jumps when it arrives.",
                "Write width and height as attributes.",
            )
        if urlsplit(str(image.get("src", ""))).scheme not in ("https", "cid"):
            yield warning(
                "image", f"The image {name} is not fetched over https.", "Many programs refuse it."
            )


# --- links ---------------------------------------------------------------------------------------


def check_links(soup: BeautifulSoup) -> Iterator[Finding]:
    """Links that lead nowhere, and such that say nothing when read alone."""
    private: set[str] = set()
    names: dict[str, set[str]] = {}
    ids = {str(t["id"]) for t in soup.find_all(id=True)} | {
        str(t["name"]) for t in soup.find_all("a", attrs={"name": True})
    }
    for link in soup.find_all("a"):
        if link.get("name") and not link.get("href"):
            continue
        href = str(link.get("href") or "").strip()
        text = link.get_text(" ", strip=True)
        label = str(link.get("aria-label") or link.get("title") or text).strip()
        shown = f"“{shorten(text or label, 50)}”"
        if not label and not link.find("img", alt=True):
            yield error("link", f"A link to {shorten(href, 60)} has no text.", "Give it words.")
        fault = _fault_of(href, ids)
        if fault:
            yield error("link", f"The link {shown} {fault}.", "Mend it, or leave it out.")
            continue
        if _is_private(href):
            private.add(urlsplit(href).netloc)
        names.setdefault(label, set()).add(href)
    for host in sorted(private):
        yield warning("link", f"Links lead to {host}, which no reader elsewhere can open.")
    for label, targets in names.items():
        if len(targets) > 1:
            yield warning(
                "link",
                f"{len(targets)} links of different targets are all called “{shorten(label, 50)}”.",
                "Add an aria-label that says which is meant.",
            )


def _fault_of(href: str, ids: set[str]) -> str:
    if href in ("", "#"):
        return "leads nowhere"
    if href.startswith("#"):
        return "" if href[1:] in ids else f"leads to {href}, which is not in the mail"
    parts = urlsplit(href)
    if parts.scheme in ("http", "https"):
        return "" if parts.hostname else f"has no host ({shorten(href, 60)})"
    if parts.scheme == "mailto":
        sound = re.fullmatch(r"[^@\s]+@[^@\s]+", unquote(parts.path))
        return "" if sound else f"is no mail address ({shorten(href, 60)})"
    if not parts.scheme:
        return f"is relative ({shorten(href, 60)}), and a mail has no place to start from"
    return f"has the scheme {parts.scheme}:, which mail programs remove"


def _is_private(href: str) -> bool:
    host = urlsplit(href).hostname or ""
    if host == "localhost" or (host and "." not in host and ":" not in host):
        return urlsplit(href).scheme != "mailto"
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return False


# --- what clients drop ---------------------------------------------------------------------------


def check_support(soup: BeautifulSoup, clients: ClientData) -> Iterator[Finding]:
    """HTML and CSS that known clients drop. What stands in a media query is an extra already."""
    used: dict[str, tuple[str, Support]] = {}

    def met(name: str, support: Support | None) -> None:
        if support is not None and support.dropped_by:
            used.setdefault(support.title, (name, support))

    for tag in soup.find_all(True):
        met(f"<{tag.name}>", clients.element(tag.name))
        for attribute in tag.attrs:
            met(f"the attribute {attribute}", clients.attribute(attribute))
        for name, value in declarations(str(tag.get("style", ""))):
            met(f"{name}: {shorten(value, 30)}", clients.property(name, value))
    for style in soup.find_all("style"):
        for name, prelude in _at_rules(style.get_text()):
            met(f"@{name}{prelude}", clients.at_rule(name, prelude))
    for name, support in used.values():
        graceful = _GRACEFUL.match(name) is not None or support.share < FEW
        severity, remedy = Severity.NOTE, "Nothing is lost that matters."
        if not graceful:
            misplaced = bool(_LAYOUT.match(name)) and bool(support.dropped_by_major)
            severity = Severity.WARNING
            if misplaced or support.share >= MOST:
                severity = Severity.ERROR
            remedy = "See that the mail is good without it, or do without it."
        yield Finding(
            severity=severity,
            check="html" if name.startswith(("<", "the")) else "css",
            text=f"{name} is dropped by {_few(support)}.",
            remedy=remedy,
            url=support.url,
        )


def _few(support: Support) -> str:
    first = [*support.dropped_by_major, *support.dropped_by]
    names = list(dict.fromkeys(first))
    if len(names) <= 4:
        return ", ".join(names)
    return f"{', '.join(names[:3])} and {len(names) - 3} more"


def declarations(css: str) -> list[tuple[str, str]]:
    """(property, value) pairs of a style attribute."""
    parsed = tinycss2.parse_blocks_contents(css, skip_comments=True, skip_whitespace=True)
    return [
        (d.lower_name, tinycss2.serialize(d.value).strip())
        for d in parsed
        if d.type == "declaration"
    ]


def _at_rules(css: str) -> list[tuple[str, str]]:
    rules = tinycss2.parse_stylesheet(css, skip_comments=True, skip_whitespace=True)
    return [
        (r.lower_at_keyword, " " + tinycss2.serialize(r.prelude).strip())
        for r in rules
        if r.type == "at-rule"
    ]


# --- contrast ------------------------------------------------------------------------------------


def schemes(html: str) -> dict[str, BeautifulSoup]:
    """The mail as shown by light, dark, and colour-inverting programs, with all colours inline."""
    inline = css_inline.CSSInliner(keep_style_tags=True, keep_at_rules=True)
    rules = "".join(dark_rules(html))
    dark = inline.inline(_insert_style(html, rules)) if rules else html
    return {
        "light": BeautifulSoup(html, "html.parser"),
        "dark": BeautifulSoup(dark, "html.parser"),
    }


def dark_rules(html: str) -> list[str]:
    """What stands inside the media queries for dark screens."""
    found = []
    for style in BeautifulSoup(html, "html.parser").find_all("style"):
        for rule in tinycss2.parse_stylesheet(style.get_text()):
            if rule.type == "at-rule" and rule.lower_at_keyword == "media":
                prelude = tinycss2.serialize(rule.prelude)
                if re.search(r"prefers-color-scheme\s*:\s*dark", prelude) and rule.content:
                    found.append(tinycss2.serialize(rule.content))
    return found


def _insert_style(html: str, rules: str) -> str:
    """RetryPolicy at the end of the head, so that they come last and win."""
    at = html.lower().find("</head>")
    return f"{html[:at]}<style>{rules}</style>{html[at:]}" if at >= 0 else html


@dataclass(frozen=True, slots=True)
class _Look:
    """What an element inherits."""

    colour: str = "#000000"
    ground: str = "#ffffff"
    size_px: float = 16.0
    bold: bool = False
    hidden: bool = False


def check_contrast(soup: BeautifulSoup, scheme: str) -> Iterator[Finding]:
    """WCAG 2.2 AA for every piece of text; and again as clients show it that invert lightness."""
    start = _Look() if scheme == "light" else _Look(colour="#ffffff", ground="#121212")
    worst: dict[tuple[str, str, bool], str] = {}
    body = soup.body or soup
    for text, look in _texts(body, start):
        large = look.size_px >= _LARGE_PX or (look.bold and look.size_px >= _LARGE_BOLD_PX)
        worst.setdefault((look.colour, look.ground, large), text)
    views: list[tuple[str, Callable[[str], str], Callable[..., Finding]]] = [
        (scheme, lambda c: c, error)
    ]
    if scheme == "light":
        views.append(("inverted", inverted, warning))
    for view, shown, make in views:
        for (colour, ground, large), text in worst.items():
            least = 3.0 if large else 4.5
            ratio = contrast(shown(colour), shown(ground))
            if ratio < least - 0.005:
                yield make(
                    "contrast",
                    f"In the {view} mail “{shorten(text, 40)}” has a contrast of {ratio:.1f} "
                    f"({shown(colour)} on {shown(ground)}); {least:g} is the least.",
                    "Move one of the colours.",
                )


def inverted(colour: str) -> str:
    """As clients do that make their own dark mode: the lightness turned over, the hue kept."""
    r, g, b = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    hue, lightness, saturation = colorsys.rgb_to_hls(r, g, b)
    parts = colorsys.hls_to_rgb(hue, 1 - 0.93 * lightness, saturation)
    return "#" + "".join(f"{round(255 * c):02x}" for c in parts)


def _texts(tag: Tag, look: _Look) -> Iterator[tuple[str, _Look]]:
    for child in tag.children:
        if isinstance(child, Tag):
            yield from _texts(child, _looking(child, look))
        elif isinstance(child, NavigableString) and not isinstance(child, Comment):
            text = " ".join(str(child).split())
            # separators such as a middle dot carry nothing to read
            if re.search(r"\w", text) and not look.hidden:
                yield text, look


def _looking(tag: Tag, look: _Look) -> _Look:
    style: Mapping[str, str] = dict(declarations(str(tag.get("style", ""))))
    ground = _colour(str(tag.get("bgcolor", ""))) or look.ground
    ground = _colour(style.get("background-color", style.get("background", ""))) or ground
    weight = style.get("font-weight", "")
    bold = look.bold or tag.name in ("b", "strong", "th", "h1", "h2", "h3")
    if weight:
        bold = weight in ("bold", "bolder", "600", "700", "800", "900")
    size = re.fullmatch(r"([\d.]+)px", style.get("font-size", ""))
    return _Look(
        colour=_colour(style.get("color", "")) or look.colour,
        ground=ground,
        size_px=float(size[1]) if size else look.size_px,
        bold=bold,
        hidden=look.hidden
        or style.get("display") == "none"
        or tag.name in ("style", "script", "title", "head"),
    )


def _colour(css: str) -> str:
    """The first colour in a value as #rrggbb; nothing if it has none, or none that is opaque."""
    match = re.search(r"#([0-9a-fA-F]{6}|[0-9a-fA-F]{3})\b", css)
    if match:
        digits = match[1] if len(match[1]) == 6 else "".join(2 * c for c in match[1])
        return f"#{digits.lower()}"
    match = re.search(r"rgb\(\s*(\d+)[,\s]+(\d+)[,\s]+(\d+)\s*\)", css)
    if match:
        return "#" + "".join(f"{min(255, int(p)):02x}" for p in match.groups())
    named = {"white": "#ffffff", "black": "#000000"}
    return named.get(css.strip().split(" ")[0].lower(), "") if css.strip() else ""
