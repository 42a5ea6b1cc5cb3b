"""Writing a page's CSS into its templates, once, when they are loaded.

Many mail programs drop <style>, so every element carries its own style. Doing that to each finished
mail takes as long as rendering it. A template is HTML with holes: the holes are stopped with
comments, the CSS is written into the elements, and the holes are opened again. That cannot work for
every template that somebody may write; it is checked, and where it did not work, finished mails are
styled one by one.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from html import unescape

import css_inline
import jinja2

log = logging.getLogger(__name__)

#: what Jinja replaces. A translated text is a hole as a whole, since its words are its name; so is
#: a block that is CSS
_HOLE = re.compile(
    r"\{%-?\s*trans\b.*?\{%-?\s*endtrans\b.*?%\}"
    r"|\{%-?\s*block\s+more_css\b.*?\{%-?\s*endblock\b.*?%\}"
    r"|\{%.*?%\}|\{\{.*?\}\}|\{#.*?#\}",
    re.DOTALL,
)
_STOPPED = re.compile(r'<!--hole(\d+)-->|/\*hole(\d+)\*/|hole(\d+)(?:="")?(?!\d)')
#: pieces of HTML in which a comment would be text, or would end something
_INSIDE = re.compile(
    r"<title\b.*?</title>|<style\b.*?</style>|<!--.*?-->|<[a-zA-Z/!](?:\"[^\"]*\"|'[^']*'|[^'\">])*>",
    re.DOTALL | re.IGNORECASE,
)
_TAG = re.compile(r"<(/?[a-zA-Z][a-zA-Z0-9]*)")
_TAGS = re.compile(r"(<[a-zA-Z][^<>]*>)")
_MARKUP = re.compile(r"<!--.*?-->|<[^>]*>", re.DOTALL)
#: but for those that css_inline is told to leave alone
_STYLE = re.compile(
    r"<style\b(?![^>]*data-css-inline)[^>]*>(.*?)</style>", re.DOTALL | re.IGNORECASE
)
#: what brings the stylesheet into a page
_INLINED = '{% include "mail.css.j2" %}'
_BEGIN, _END = "<!--begin-->", "<!--end-->"
_SHEET = '<table class="page"><tbody><tr><td class="edge"><table class="sheet"><tbody>'
#: what stands around a template that is no whole page
_AROUND = {
    "card": f'{_SHEET}<tr><td class="card">{_BEGIN}%s{_END}</td></tr></tbody></table>',
    "": f"{_SHEET}{_BEGIN}%s{_END}</tbody></table>",
}


class NotStyled(Exception):
    """A template is not such that its styles can be written into it."""


def css_of(page: str) -> str:
    """What stands in the <style> elements of a rendered page."""
    return "\n".join(_STYLE.findall(page))


def inliner(css: str = "") -> css_inline.CSSInliner:
    """Writes CSS into elements: that of the page, and what is given. Media queries stay in the
    page's own <style>, for programs that keep it."""
    return css_inline.CSSInliner(
        keep_style_tags=True,
        keep_at_rules=not css,
        load_remote_stylesheets=False,
        minify_css=True,
        extra_css=css or None,
    )


def styled(source: str, name: str, css: str) -> str:
    """The source of a template with the styles of its elements in them.

    Raises:
        NotStyled: writing them in would change more than that.
    """
    holes: list[str] = []

    def stop(match: re.Match[str]) -> str:
        holes.append(match[0])
        return f"\ufdd0{len(holes) - 1}\ufdd1"  # no character of any text

    stopped = _HOLE.sub(stop, source)
    stopped = _INSIDE.sub(_as_words, stopped)
    stopped = re.sub("\ufdd0(\\d+)\ufdd1", r"<!--hole\1-->", stopped)
    around = "%s"
    if "<html" not in stopped.lower():
        around = _AROUND["card" if name.rpartition("/")[2].startswith("card.") else ""]
    found = inliner(css).inline(around.replace("%s", stopped))
    if around != "%s":
        found = found.partition(_BEGIN)[2].partition(_END)[0]
    if "<tbody" not in stopped.lower():  # the parser adds it to tables, perhaps inside of a loop
        found = re.sub("</?tbody>", "", found)
    order = [int(next(g for g in m.groups() if g)) for m in _STOPPED.finditer(found)]
    if order != list(range(len(holes))) or _skeleton(found) != _skeleton(stopped):
        raise NotStyled(name)
    return _STOPPED.sub(lambda m: holes[int(next(g for g in m.groups() if g))], found)


def _as_words(match: re.Match[str]) -> str:
    """A tag, a comment, a title or a stylesheet, with holes that do not break it."""
    if match[0].lower().startswith("<style"):
        return re.sub("\ufdd0(\\d+)\ufdd1", r"/*hole\1*/", match[0])
    return re.sub("\ufdd0(\\d+)\ufdd1", r"hole\1", match[0])


def _skeleton(text: str) -> tuple[list[str], str]:
    """Names of tags in order, and the text between them."""
    tags = [t.lower() for t in _TAG.findall(text)]
    return tags, "".join(unescape(_MARKUP.sub("", text)).split())


def with_plain_quotes(html: str) -> str:
    """With quotes as HTML is serialised: entities only where an attribute would end."""
    html = html.replace("&#39;", "'")
    if "&#34;" not in html:
        return html
    parts = _TAGS.split(html)
    return "".join(
        part.replace("&#34;", "&quot;" if n % 2 else '"') for n, part in enumerate(parts)
    )


class StyledLoader(jinja2.BaseLoader):
    """Loads templates of a loader with their styles written in.

    Args:
        on_failure: told the name of a template that styles could not be written into.
    """

    def __init__(
        self, inner: jinja2.BaseLoader, css: str, on_failure: Callable[[str], None]
    ) -> None:
        self._inner, self._css, self._on_failure = inner, css, on_failure

    def get_source(
        self, environment: jinja2.Environment, template: str
    ) -> tuple[str, str | None, Callable[[], bool] | None]:
        source, filename, is_fresh = self._inner.get_source(environment, template)
        source = source.removesuffix("\n")  # as Jinja does, before the parser moves it into <body>
        if not template.endswith(".html.j2"):
            return source, filename, is_fresh
        try:
            # line numbers of mistakes stay true, as styling adds no line
            found = styled(source, template, self._css)
            # what stands in every element now need not be sent once more
            return found.replace(_INLINED, ""), filename, is_fresh
        except Exception as error:
            log.info("styles.after_rendering template=%s why=%r", template, error)
            self._on_failure(template)
            return source, filename, is_fresh
