"""HTML, JATS and MathML as plain text, in one reader.

Whatever a source writes is a text with or without markup in it. Only elements that HTML, JATS or
MathML have are markup: "if x<y and y>z", "<think>" and "Vec<u8>" are text. What is raised, lowered,
a fraction or a root reads as `notation` writes it. Nothing here produces HTML.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from digest import notation
from digest.text import clean

_BLOCKS = frozenset(
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
_MATHML = frozenset(
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
_KNOWN = _BLOCKS | _INLINE | _MATHML | _OTHERS | frozenset(_SILENT)
_VOID = frozenset(
    "br hr img input meta link wbr col embed param source track break mspace none mprescripts "
    "inline-graphic graphic maligngroup malignmark".split()
)
_PREFIX = r"(?:(?:jats|mml|m|math|ns\d*|html|xhtml|h|ce|sb|xocs):)?"
_TAG = re.compile(
    rf"<(?P<end>/?){_PREFIX}(?P<name>[A-Za-z][A-Za-z0-9-]{{0,20}})"
    r"(?P<attributes>(?:\s+[^\s<>=\"'/]+(?:\s*=\s*(?:\"[^\"<]{0,4000}\"|'[^'<]{0,4000}'"
    r"|[^\s<>\"']{1,4000}))?)*|\s[^<>]{0,300}=\s*[\"'][^<>]{0,300})\s*(?P<empty>/?)>"
)
_REGION = re.compile(
    rf"<!--|<!\[CDATA\[|<!DOCTYPE|<\?|<{_PREFIX}(?P<silent>{'|'.join(_SILENT)})(?:\s[^<>]*)?(?<!/)>",
    re.IGNORECASE,
)
_REFERENCE = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z][a-zA-Z0-9]{1,31});")
_TEX_BODY = re.compile(r"\\begin\s*\{document\}(.*?)\\end\s*\{document\}", re.S)
#: markup in markup that was escaped more than once
MAX_PASSES = 3
#: no abstract is longer, whatever stands around it
MAX_CHARS = 500_000


def plain(markup: str | None) -> str:
    """The text of a piece of HTML, JATS or MathML in one line; of a text without any, itself.

    >>> plain("if x<y and y>z, 10<sup>-3</sup> of CH<sub>4</sub>")
    'if x<y and y>z, 10⁻³ of CH₄'
    """
    return clean(_read(markup, " "))


def lines(markup: str | None) -> list[str]:
    """The text of a piece of HTML, one item for each block of it that says something."""
    return [line for part in _read(markup, "\n").split("\n") if (line := clean(part))]


def of_plain_text(text: str | None) -> str:
    """A text whose source says that it is no markup, in one line.

    It is as written, but for what no author would write in it: H<sub>2</sub>O and MathML are
    markup that was labelled wrongly.
    """
    text = text or ""
    if _MISLABELLED.search(text):
        return plain(text)
    return clean(_REFERENCE.sub(lambda m: html.unescape(m[0]), text))


_MISLABELLED = re.compile(
    rf"<{_PREFIX}(sub|sup|math|inf)(?:\s[^<>]*)?>[^<>]*<(?:/{_PREFIX}\1|{_PREFIX}m\w+[^<>]*)>", re.I
)


def _read(markup: str | None, block: str) -> str:
    text = (markup or "")[:MAX_CHARS]
    for _ in range(MAX_PASSES):
        if "<" not in text and "&" not in text:
            break
        tree, has_elements = _parse(text)
        read = _shown(tree, block)
        again = _REFERENCE.search(read) if has_elements else _REFERENCE.search(text)
        if read == text or not again:
            return read
        text = read
    return text


# --- elements ----------------------------------------------------------------------------------


@dataclass(slots=True)
class _Element:
    name: str
    children: list[_Element | str] = field(default_factory=list)
    attributes: str = ""

    def attribute(self, name: str) -> str | None:
        match = re.search(rf"\b{name}\s*=\s*[\"']?([^\"'>]*)", self.attributes)
        return html.unescape(match[1]) if match else None


def _parse(text: str) -> tuple[_Element, bool]:
    """The tree of a text, and whether any element is in it.

    An element that does not end holds what follows it, and loses nothing.
    """
    if "<" not in text:
        return _Element("", [html.unescape(text)]), False
    text = _without_regions(text)
    tags = [m for m in _TAG.finditer(text) if _is_known(m)]
    if not _has_markup(tags):
        return _Element("", [html.unescape(text)]), False
    root = _Element("")
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
        element = _Element(name, attributes=tag["attributes"])
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
        closing = _CLOSINGS.get(kind) or re.compile(rf"</{_PREFIX}{kind}\s*>", re.IGNORECASE)
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


def _close(open_elements: list[_Element], name: str) -> None:
    for depth in range(len(open_elements) - 1, 0, -1):
        if open_elements[depth].name == name:
            # what does not end inside a formula or a list ends with it
            del open_elements[depth:]
            return


# --- what they show ----------------------------------------------------------------------------


def _shown(element: _Element, block: str) -> str:
    parts: list[str] = []
    for child in element.children:
        if isinstance(child, str):
            parts.append(child)
        else:
            _put(parts, child, block)
    return "".join(parts)


def _put(parts: list[str], element: _Element, block: str) -> None:
    name = element.name
    if name == "math":
        _beside(parts, _formula(element).strip())
    elif name in _MATHML:
        parts.append(_formula_of(element))
    elif name in ("tex-math", "tex", "equationsource"):
        _beside(parts, _tex(_shown(element, " ")))
    elif name == "alternatives":
        parts.append(_best_alternative(element, block))
    elif name in ("sup", "superscript"):
        parts.append(_script(element, notation.superscript))
    elif name in ("sub", "subscript", "inf"):
        parts.append(_script(element, notation.subscript))
    elif name in _BLOCKS:
        parts += [block, _shown(element, block), block]
    elif name == "wbr":
        pass
    else:
        parts.append(_shown(element, block))


def _script(element: _Element, put: Callable[[str], str]) -> str:
    body = _shown(element, " ")
    if len(clean(body)) > MAX_SCRIPT_CHARS:  # it was never closed
        return body
    return put(clean(body))


#: nothing that is raised or lowered is longer
MAX_SCRIPT_CHARS = 60


def _beside(parts: list[str], formula: str) -> None:
    """A formula, apart from the words that it touches."""
    if not formula:
        return
    before = "".join(parts[-1:])
    if re.search(r"[^\W\d_]{2}$", before) and formula[0].isalnum():
        parts.append(" ")
    parts.append(formula)


def _tex(source: str) -> str:
    document = _TEX_BODY.search(source)
    body = (document[1] if document else source).strip()
    body = re.sub(r"\\usepackage\s*(?:\[[^\]]*\])?\s*\{[^{}]*\}|\\documentclass\S*", "", body)
    return body if not body or "$" in body or body.startswith(("\\(", "\\[")) else f"${body}$"


def _best_alternative(element: _Element, block: str) -> str:
    """One writing of what is written in several: MathML, else TeX, else whatever there is."""
    found = [c for c in element.children if isinstance(c, _Element)]
    for wanted in ("math", "tex-math", "tex"):
        for child in found:
            if child.name == wanted:
                parts: list[str] = []
                _put(parts, child, block)
                if "".join(parts).strip():
                    return "".join(parts)
    return _shown(element, block)


# --- MathML ------------------------------------------------------------------------------------

_TOKENS = frozenset("mi mn mo mtext ms".split())
#: U+2061 to U+2064 say how to read a formula aloud
_UNSEEN = dict.fromkeys(range(0x2061, 0x2065))


def _formula(element: _Element) -> str:
    return _without_double_brackets(_row(element.children))


def _row(children: Iterable[_Element | str]) -> str:
    parts: list[str] = []
    before = ""
    items = [c for c in children if not (isinstance(c, str) and not c.strip())]
    for at, child in enumerate(items):
        if isinstance(child, str):
            parts.append(child)
            before = ""
            continue
        shown = _formula_of(child)
        if not shown:
            continue
        if child.name == "mo":
            leads = not parts or before in ("mo", "open")
            shown = _operator(shown, leads, at == len(items) - 1)
        elif before and _needs_blank("".join(parts[-1:]), shown):
            parts.append(" ")
        parts.append(shown)
        before = "open" if shown.strip() in ("(", "[", "{", "|", "⟨") else child.name
    return "".join(parts)


def _needs_blank(left: str, right: str) -> bool:
    """Whether a word, such as the name of a function, would run into its neighbour."""
    long_left = re.search(r"[^\W\d_]{2,}$", left)
    long_right = re.match(r"[^\W\d_]{2,}", right)
    return bool((long_left and right[:1].isalnum()) or (long_right and left[-1:].isalnum()))


def _operator(sign: str, leads: bool, last: bool) -> str:
    if leads or last:
        return sign
    if notation.is_relation(sign) or sign in ("×", "⋅", "∘", "±", "∪", "∩", "⊗", "⊕", "∧", "∨"):
        return f" {sign} "
    return f"{sign} " if sign in (",", ";") else sign


def _formula_of(element: _Element) -> str:
    name = element.name
    if name in _TOKENS:
        return clean(_shown(element, " ").translate(_UNSEEN))
    parts = [_formula_of(c) if isinstance(c, _Element) else c for c in _elements(element)]
    if name == "msup" and len(parts) == 2:
        return parts[0] + notation.superscript(parts[1])
    if name == "msub" and len(parts) == 2:
        return parts[0] + notation.subscript(parts[1])
    if name in ("msubsup", "munderover") and len(parts) == 3:
        return parts[0] + notation.subscript(parts[1]) + notation.superscript(parts[2])
    if name == "mover" and len(parts) == 2:
        sign = parts[1].strip()
        if sign in notation.ABOVE:
            return notation.accented(parts[0], notation.ABOVE[sign])
        return parts[0] + notation.superscript(sign)
    if name == "munder" and len(parts) == 2:
        return parts[0] if parts[1].strip() in "_¯̲‾" else parts[0] + notation.subscript(parts[1])
    if name == "mfrac" and len(parts) == 2:
        if re.fullmatch(
            r"0(?:\.0*)?\s*(?:px|em|pt|ex|%)?", element.attribute("linethickness") or "-"
        ):
            return notation.binomial(parts[0], parts[1])
        return notation.fraction(parts[0], parts[1])
    if name == "msqrt":
        return notation.root(_row(element.children))
    if name == "mroot" and len(parts) == 2:
        return notation.root(parts[0], parts[1])
    if name == "mmultiscripts":
        return _multiscripts(element)
    if name == "mfenced":
        return _fenced(element, parts)
    if name == "mtable":
        return "; ".join(p for p in parts if p)
    if name in ("mtr", "mlabeledtr"):
        return ", ".join(p for p in parts if p)
    if name == "semantics":
        return parts[0] if parts else _row(element.children)
    if name == "mspace":
        return " "
    if name in ("mphantom", "annotation", "annotation-xml", "none", "mprescripts"):
        return ""
    if name in _MATHML:
        return _without_double_brackets(_row(element.children))
    shown: list[str] = []
    _put(shown, element, " ")
    return "".join(shown)


def _without_double_brackets(row: str) -> str:
    """Brackets around n choose k are part of its sign."""
    return re.sub(r"\((C\([^()]*\))\)", r"\1", row)


def _elements(element: _Element) -> list[_Element | str]:
    return [c for c in element.children if not isinstance(c, str) or c.strip()]


def _fenced(element: _Element, parts: Sequence[str]) -> str:
    opening, closing = element.attribute("open"), element.attribute("close")
    separator = (element.attribute("separators") or ",").strip()[:1]
    joined = f"{separator} ".join(parts) if separator == "," else separator.join(parts)
    return _without_double_brackets(
        f"{'(' if opening is None else opening}{joined}{')' if closing is None else closing}"
    )


def _multiscripts(element: _Element) -> str:
    """A letter with scripts on both sides, as isotopes have them."""
    found = [c for c in element.children if isinstance(c, _Element)]
    if not found:
        return ""
    at = next((i for i, c in enumerate(found) if c.name == "mprescripts"), len(found))

    def scripts(items: Sequence[_Element]) -> str:
        shown = []
        for i, item in enumerate(items):
            put = notation.superscript if i % 2 else notation.subscript
            shown.append(put(_formula_of(item)))
        # pairs come as lower, upper; isotopes are written mass first
        return "".join(shown[1::2][:1] + shown[0::2][:1]) if len(shown) == 2 else "".join(shown)

    return scripts(found[at + 1 :]) + _formula_of(found[0]) + scripts(found[1:at])
