"""What the macros of LaTeX mean to somebody who reads the text. Tables."""

from __future__ import annotations

import re
from functools import lru_cache

from digest import notation

#: they change how the rest looks, which plain text cannot show
SILENT = frozenset(
    "bf it em tt sc rm sf sl cal small footnotesize scriptsize tiny large Large LARGE huge Huge "
    "normalsize normalfont bfseries itshape ttfamily mdseries rmfamily sffamily scshape slshape "
    "upshape displaystyle textstyle scriptstyle scriptscriptstyle limits nolimits nonumber notag "
    "noindent indent centering protect relax unskip ignorespaces allowbreak nobreak xspace null "
    "maketitle mathstrut strut left right middle big Big bigg Bigg bigl Bigl biggl Biggl bigr Bigr "
    "biggr Biggr bigm Bigm boldmath unboldmath sloppy raggedright break selectfont "
    "mathopen mathclose mathbin mathrel mathord mathpunct mathinner".split()
)
BLANKS = frozenset(
    "quad qquad enspace enskip thinspace medspace thickspace space hfill hfil par newline "
    "linebreak smallskip medskip bigskip item newpage clearpage nobreakspace".split()
)
#: how many arguments say nothing to a reader, before those that do
UNSAID = {
    "textcolor": 1, "color": 1, "colorbox": 1, "fcolorbox": 2, "raisebox": 1, "hspace": 1,
    "vspace": 1, "includegraphics": 1, "phantom": 1, "hphantom": 1, "vphantom": 1, "rule": 2,
    "resizebox": 2, "scalebox": 1, "cite": 1, "citep": 1, "citet": 1, "citealp": 1, "citealt": 1,
    "citeauthor": 1, "citeyear": 1, "label": 1, "ref": 1, "eqref": 1, "cref": 1, "Cref": 1,
    "autoref": 1, "pageref": 1, "nocite": 1, "parbox": 1, "fontsize": 2, "hypertarget": 1,
    "hyperlink": 1, "hyperref": 0, "foreignlanguage": 1, "begin": 1, "end": 1, "href": 1,
    "vskip": 0, "hskip": 0, "usepackage": 1, "hypersetup": 1, "documentclass": 1, "setlength": 2,
    "texorpdfstring": 1, "index": 1, "bibliography": 1, "bibliographystyle": 1,
}  # fmt: skip
FUNCTIONS = frozenset(
    "log ln lg exp max min sin cos tan sec csc cot sinh cosh tanh coth arcsin arccos arctan arg "
    "sup inf lim liminf limsup det dim ker hom deg gcd lcm Pr Re Im tr Tr diag rank sgn sign "
    "argmax argmin mod bmod".split()
)
FRACTIONS = frozenset("frac dfrac tfrac cfrac sfrac nicefrac xfrac flatfrac".split())
BINOMIALS = frozenset("binom dbinom tbinom".split())
#: accents over what follows
ACCENTS = {
    "'": "\u0301", "`": "\u0300", "^": "\u0302", '"': "\u0308", "~": "\u0303", "=": "\u0304",
    ".": "\u0307", "u": "\u0306", "v": "\u030c", "H": "\u030b", "c": "\u0327", "d": "\u0323",
    "b": "\u0331", "k": "\u0328", "r": "\u030a", "t": "\u0361",
}  # fmt: skip
MATH_ACCENTS = {
    "hat": "\u0302", "widehat": "\u0302", "bar": "\u0304", "overline": "\u0304",
    "tilde": "\u0303", "widetilde": "\u0303", "vec": "\u20d7", "overrightarrow": "\u20d7",
    "dot": "\u0307", "ddot": "\u0308", "dddot": "\u20db", "check": "\u030c", "widecheck": "\u030c",
    "breve": "\u0306", "acute": "\u0301", "grave": "\u0300", "mathring": "\u030a",
}  # fmt: skip
#: one letter in them has a sign of its own, words have not
ALPHABETS = {
    "mathbb": "DOUBLE-STRUCK", "mathcal": "SCRIPT", "mathscr": "SCRIPT", "mathfrak": "FRAKTUR",
}  # fmt: skip
#: what pylatexenc has no sign for
SIGNS = {
    "slash": "/", "textbar": "|", "S": "§", "P": "¶", "pounds": "£", "textsterling": "£",
    "euro": "€", "texteuro": "€", "EUR": "€", "yen": "¥", "checkmark": "✓", "cmark": "✓",
    "xmark": "✗", "LaTeX": "LaTeX", "TeX": "TeX", "BibTeX": "BibTeX", "copyright": "©",
    "textcopyright": "©", "degree": "°", "textdegree": "°", "degreeCelsius": "°C", "celsius": "°C",
    "colon": ":", "lvert": "|", "rvert": "|", "vert": "|", "mid": "|", "lVert": "‖",
    "rVert": "‖", "Vert": "‖", "parallel": "∥", "iff": "⟺", "implies": "⟹", "impliedby": "⟸",
    "lbrace": "{", "rbrace": "}", "lbrack": "[", "rbrack": "]", "textless": "<",
    "textgreater": ">", "lt": "<", "gt": ">", "textbackslash": "\\", "backslash": "\\",
    "textasciicircum": "^", "textasciitilde": "~", "textunderscore": "_", "textbraceleft": "{",
    "textbraceright": "}", "textquotesingle": "'", "textquotedbl": '"', "textendash": "–",
    "textemdash": "—", "micro": "µ", "textmu": "µ", "permil": "‰", "textperthousand": "‰",
    "texttrademark": "™", "textregistered": "®", "textbullet": "•", "dots": "…", "dotsc": "…",
    "dotsb": "…", "dotsm": "…", "dotsi": "…", "dotso": "…", "ldots": "…", "cdots": "⋯",
    "textellipsis": "…", "prime": "′", "AA": "Å", "angstrom": "Å", "lesssim": "≲",
    "gtrsim": "≳", "varnothing": "∅", "emptyset": "∅", "complement": "∁", "coloneqq": "≔",
    "triangleq": "≜", "varepsilon": "ε", "epsilon": "ϵ", "ng": "ŋ", "NG": "Ŋ", "percent": "%",
    "dag": "†", "ddag": "‡", "textdagger": "†", "textdaggerdbl": "‡", "odot": "⊙", "sun": "☉",
    "eg": "e.g.", "ie": "i.e.", "etal": "et al.", "wrt": "w.r.t.", "vs": "vs.", "cf": "cf.",
    "leqslant": "⩽", "geqslant": "⩾", "cdotp": "·", "hslash": "ℏ", "imath": "ı", "jmath": "ȷ",
}  # fmt: skip
STRETCHED = {
    "xrightarrow": "→", "xleftarrow": "←", "xleftrightarrow": "↔", "xRightarrow": "⇒",
    "xLeftarrow": "⇐", "xmapsto": "↦", "xhookrightarrow": "↪",
}  # fmt: skip
TEXT_SCRIPTS = {
    "textsuperscript": notation.superscript,
    "textsubscript": notation.subscript,
    "sp": notation.superscript,
    "sb": notation.subscript,
}
#: what stands in them is text, in a formula too
TEXT_ARGUMENT = frozenset(
    "text textrm textbf textit texttt textsf textsc textsl textmd textup textnormal mbox hbox fbox "
    "emph intertext footnote uline ul st hl MakeUppercase uppercase underline underbar".split()
)
#: a formula, or the name of something, in other letters
LETTERS = frozenset(
    "mathrm mathsf mathtt mathit mathnormal operatorname mathbf boldsymbol bm pmb mathop".split()
)
ESCAPED = frozenset("%&#_$")


#: accents that stand over nothing
ACCENT_ALONE = {"~": "~", "^": "^", "'": "´", "`": "`", '"': "¨"}

TAKES_ARGUMENT = frozenset({*ALPHABETS, *LETTERS, *TEXT_ARGUMENT, *MATH_ACCENTS})


@lru_cache(maxsize=1)
def _signs() -> dict[str, str]:
    """Unicode by the name of its macro, from pylatexenc's table for writing LaTeX."""
    from pylatexenc.latexencode import get_builtin_uni2latex_dict

    found: dict[str, str] = {}
    for code, latex in get_builtin_uni2latex_dict().items():
        match = re.fullmatch(r"(?:\\ensuremath\{)?\\([a-zA-Z]+)\}?", latex)
        if match:
            found.setdefault(match[1], chr(code))
    return found


@lru_cache(maxsize=1)
def _spoken() -> object:
    from pylatexenc.latex2text import get_default_latex_context_db

    return get_default_latex_context_db()


@lru_cache(maxsize=4096)
def sign_of(name: str) -> str:
    """The sign that a macro stands for; empty if it is none, or none that we know."""
    if name in SIGNS:
        return SIGNS[name]
    spec = _spoken().get_macro_spec(name)  # type: ignore[attr-defined]
    shown = getattr(spec, "simplify_repl", None)
    if isinstance(shown, str) and shown.strip() and "%" not in shown:
        return shown
    return _signs().get(name, "")
