"""The elements of HTML, JATS and MathML in a text, and what of it is none."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

BLOCKS = frozenset(
    "address article aside blockquote br dd details div dl dt fieldset figcaption figure footer "
    "form h1 h2 h3 h4 h5 h6 header hr legend li main nav ol option p pre section summary table "
    "tbody tfoot thead td th tr ul title sec break disp-formula disp-quote list list-item caption "
    "label para abstract abstracttext simple-para section-title heading".split()
)
_INLINE = frozenset(
    "a abbr acronym b bdi bdo big center cite code del dfn em font i ins kbd mark q s samp small "
    "span strike strong sub sup time tt u var wbr img button input select textarea label data "
    "ruby rb rt rp nobr blink "
    # JATS and its relatives
    "italic bold monospace overline roman sans-serif underline sc scp ext-link xref uri email "
    "named-content styled-content inline-formula tex-math alternatives inline-graphic graphic "
    "fn inf it emphasis subscript superscript inlineequation equationsource equation tex formula "
    "cross-ref inter-ref bold-italic chem-struct".split()
)
MATHML = frozenset(
    "math mi mn mo mtext ms mspace mrow mfrac msqrt mroot mstyle merror mpadded mphantom mfenced "
    "menclose msub msup msubsup munder mover munderover mmultiscripts mprescripts none mtable mtr "
    "mlabeledtr mtd maligngroup malignmark maction semantics annotation annotation-xml".split()
)
#: what they hold is no text, if they end
_SILENT = (
    "script style head template iframe object noscript svg annotation annotation-xml video audio "
    "canvas embed".split()
)
_OTHERS = frozenset("html body meta link col colgroup param source track".split())
_KNOWN = BLOCKS | _INLINE | MATHML | _OTHERS | frozenset(_SILENT)
_VOID = frozenset(
    "br hr img input meta link wbr col embed param source track break mspace none mprescripts "
    "inline-graphic graphic maligngroup malignmark".split()
)
PREFIX = r"(?:(?:jats|mml|m|math|ns\d*|html|xhtml|h|ce|sb|xocs):)?"
_TAG = re.compile(
    rf"<(?P<end>/?){PREFIX}(?P<name>[A-Za-z][A-Za-z0-9-]{{0,20}})"
    r"(?P<attributes>(?:\s+[^\s<>=\"'/]+(?:\s*=\s*(?:\"[^\"<]{0,4000}\"|'[^'<]{0,4000}'"
    r"|[^\s<>\"']{1,4000}))?)*|\s[^<>]{0,300}=\s*[\"'][^<>]{0,300})\s*(?P<empty>/?)>"
)
_REGION = re.compile(
    rf"<!--|<!\[CDATA\[|<!DOCTYPE|<\?|<{PREFIX}(?P<silent>{'|'.join(_SILENT)})(?:\s[^<>]*)?(?<!/)>",
    re.IGNORECASE,
)


@dataclass(slots=True)
class Element:
    name: str
    children: list[Element | str] = field(default_factory=list)
    attributes: str = ""

    def attribute(self, name: str) -> str | None:
        match = re.search(rf"\b{name}\s*=\s*[\"']?([^\"'>]*)", self.attributes)
        return html.unescape(match[1]) if match else None


def parse(text: str) -> tuple[Element, bool]:
    """The tree of a text, and whether any element is in it.

    An element that does not end holds what follows it, and loses nothing.
    """
    if "<" not in text:
        return Element("", [html.unescape(text)]), False
    text = _without_regions(text)
    tags = [m for m in _TAG.finditer(text) if _is_known(m)]
    if not _has_markup(tags):
        return Element("", [html.unescape(text)]), False
    root = Element("")
    open_elements = [root]
    end = 0
    for tag in tags:
        if tag.start() > end:
            open_elements[-1].children.append(html.unescape(text[end : tag.start()]))
        end = tag.end()
        name = tag["name"].lower()
        if tag["end"]:
            _close(open_elements, name)
            continue
        element = Element(name, attributes=tag["attributes"])
        open_elements[-1].children.append(element)
        if not tag["empty"] and name not in _VOID and len(open_elements) < MAX_OPEN:
            open_elements.append(element)
    open_elements[-1].children.append(html.unescape(text[end:]))
    return root, True


#: elements in elements; what lies deeper is read as if it lay there
MAX_OPEN = 200


def _without_regions(text: str) -> str:
    """A text without comments and what is silent; sections of CDATA as the text that they are."""
    parts: list[str] = []
    endless: set[str] = set()  # looked for once, or a hostile text would take for ever
    end = 0
    for found in _REGION.finditer(text):
        if found.start() < end:
            continue
        kind = (found["silent"] or found[0]).lower()
        if kind in endless:
            continue
        closing = _CLOSINGS.get(kind) or re.compile(rf"</{PREFIX}{kind}\s*>", re.IGNORECASE)
        closed = closing.search(text, found.end())
        if closed is None:
            endless.add(kind)
            continue
        parts.append(text[end : found.start()])
        if kind == "<![cdata[":
            parts.append(html.escape(text[found.end() : closed.start()], quote=False))
        end = closed.end()
    return "".join([*parts, text[end:]])


_CLOSINGS = {
    "<!--": re.compile("-->"),
    "<![cdata[": re.compile(r"\]\]>"),
    "<!doctype": re.compile(">"),
    "<?": re.compile(r">"),
}


def _is_known(tag: re.Match[str]) -> bool:
    name = tag["name"].lower()
    if name not in _KNOWN:
        return False
    # "a<b and b>c": attributes without values are words
    bare = re.sub(r"[^\s=]+\s*=\s*(?:\"[^\"]*\"?|'[^']*'?|\S+)", "", tag["attributes"])
    return not bare.strip() or name in ("script", "iframe", "input", "option", "svg", "video")


def _has_markup(tags: Sequence[re.Match[str]]) -> bool:
    """Whether names of elements are used as such: "the <b> tag" is text."""
    opened: set[str] = set()
    for tag in tags:
        name = tag["name"].lower()
        if tag["empty"] or tag["attributes"].strip() or name in _SURELY or _hugs(tag):
            return True
        if tag["end"]:
            if name in opened:
                return True
        else:
            opened.add(name)
    return False


#: nobody writes of them as words
_SURELY = frozenset("p br div li math object iframe noscript".split())


def _hugs(tag: re.Match[str]) -> bool:
    """Whether a tag stands at a word's start, as in "<b>word", and not as in "list<b>" or "<b> ".

    A text that was cut off may have lost the end of the element.
    """
    before, after = tag.string[: tag.start()][-1:], tag.string[tag.end() :][:1]
    return not tag["end"] and (not before or before.isspace()) and after.isalnum()


def _close(open_elements: list[Element], name: str) -> None:
    for depth in range(len(open_elements) - 1, 0, -1):
        if open_elements[depth].name == name:
            # what does not end inside a formula or a list ends with it
            del open_elements[depth:]
            return
