"""Names of authors: out of one field of a feed, in the order people write them, and compared."""

from __future__ import annotations

import re

from digest.text import clean, fold

#: no field of a paper names more
MAX_NAMES = 5_000

_ADDRESSES = re.compile(r"\(mailto:[^)]*\)|<[^<>]*>|\S+@\S+")
_INTRODUCTION = re.compile(r"^(?:by|author\(?s?\)?\s*:|written by|posted by)\s+", re.IGNORECASE)
_MARKS = re.compile(r"[*†‡§¶‖¹²³⁰⁴-⁹]+(?:,[*†‡§¶¹²³⁰⁴-⁹]+)*|(?<=[a-z])\d+(?:,\d+)*(?=[,;\s*]|$)")
_MORE = re.compile(r"[,;]?\s*(?:\band\s+)?\b(?:et\s+al\b\.?|and others\b|u\.\s?a\.(?=\s|$))", re.I)
#: as they are written, for Md is a given name, and Ma and Ba are families
_DEGREE = re.compile(
    r"(?:Ph\.?\s?D|PHD|M\.?\s?D|M\.?\s?Sc|B\.?\s?Sc|MSC|BSC|M\.?\s?P\.?\s?H|D\.?\s?Phil|"
    r"[Dd]r\.?\s?med|MBBS|MBChB|DVM|Pharm\.?D|RN|MBA|LL\.?[BM]|FRCP|FRCS|FACS|FACC|FRS|MRCP|D\.?Sc|"
    r"Sc\.?D|DDS|DMD|Ed\.?D|Dr\.?[-\s]?Ing|Dipl\.?[- ]Ing)\.?"
)
_SUFFIX = re.compile(r"(?:jr|sr|jnr|snr)\.?|I{2,3}|IV", re.IGNORECASE)
_TITLE = re.compile(r"^(?:(?:dr|prof|professor|mr|mrs|ms|sir|dame)\b\.?\s+)+(?=\S+\s+\S)", re.I)
_CORPORATE = re.compile(
    r"\b(?:collaboration|consortium|group|team|network|initiative|project|investigators|"
    r"committee|society|association|institute|centre|center|university|council|organi[sz]ation|"
    r"foundation|department|ministry|academy|commission|agency|office|bureau|laboratory)\b",
    re.IGNORECASE,
)
#: "Centre for Trees and Graphs" is one author
_ONE_BODY = re.compile(
    r"\b(?:centre|center|institute|department|ministry|society|association|office|bureau|college|"
    r"school|academy|council|committee|foundation|laboratory)\s+(?:for|of|on)\s[^,;]*\sand\s",
    re.IGNORECASE,
)
_PARTICLE = re.compile(
    r"(?:van|von|vom|de|del|della|der|den|di|da|dos|du|la|le|el|al|bin|ibn|ter|ten|zu|af|av|st\.?)"
    r"[\s'’-]",
    re.IGNORECASE,
)
_INITIALS = re.compile(r"(?:(?:[^\W\d_a-zß-ÿ]{1,3}|[A-Z][a-z])(?:\.|(?=[\s-])|$)[\s-]*){1,4}")
_PLACE = re.compile(r"^(\S+(?:\s\S+){1,3})\s+in\s+[A-Z]\w+(?:\s\w+)?(?:,\s*[A-Z][\w ]+)?$")


def split_names(field: str) -> list[str]:
    """The authors in one field, as people write them: given name first.

    They are parted by semicolons, bars, "and", or commas; a comma may also stand in a name.

    >>> split_names("Smith, John; Doe, Jane"), split_names("John Smith, PhD, Jane Doe, MD")
    (['John Smith', 'Jane Doe'], ['John Smith', 'Jane Doe'])
    """
    field = clean(_ADDRESSES.sub(" ", field))
    field, bodies = _without_brackets(_INTRODUCTION.sub("", field))
    is_list = re.search(r"[;；|·•]", field) is not None  # also of one, "King, Martin;"
    field = _MARKS.sub("", _MORE.sub(" ", field)).strip(" ,;")
    if place := _PLACE.match(field):
        field = place[1]
    if is_list:
        pieces = [natural_name(p) for p in re.split(r"[;；|·•]", field)]
    elif re.search(r"[、，]", field):
        pieces = re.split(r"[、，]", field)
    elif re.search(r"\s/\s|\w/\w", field):
        pieces = re.split(r"\s*/\s*", field)
    else:
        pieces = _at_commas(field)
    found = (clean(_TITLE.sub("", clean(p))).strip(" ,") for p in [*pieces, *bodies])
    return [n for n in dict.fromkeys(found) if n and not _DEGREE.fullmatch(n)][:MAX_NAMES]


def _without_brackets(field: str) -> tuple[str, list[str]]:
    """A field without affiliations in brackets, and the bodies that stand in some."""
    kept, inside, depth = "", "", 0
    bodies: list[str] = []
    for char in field:
        if char in "([（":
            depth += 1
            inside = "" if depth == 1 else inside + char
        elif char in ")]）" and depth:
            depth -= 1
            if depth:
                inside += char
            elif re.search(r"\b(?:collaboration|consortium)\b", inside, re.IGNORECASE):
                bodies.append(clean(inside))
        elif depth:
            inside += char
        else:
            kept += char
    return clean(kept) or clean(inside), bodies


def _at_commas(field: str) -> list[str]:
    if _ONE_BODY.search(field):
        parts = re.split(r",\s*(?:and\s+|&\s+)?", field)
    else:
        parts = re.split(r",\s*(?:and\b\s*|&\s*)?|\s+(?:and|und|et|&)\s+", field)
    parts = _joined_suffixes([clean(p) for p in parts if clean(p)])
    if len(parts) > 1 and len(parts) % 2 == 0 and _are_inverted(parts):
        return [_turned(f, g) for f, g in zip(parts[::2], parts[1::2], strict=True)]
    return parts


def _joined_suffixes(parts: list[str]) -> list[str]:
    """Without degrees; "Jr." belongs to the name before it."""
    found: list[str] = []
    for part in parts:
        if found and _DEGREE.fullmatch(part):
            continue
        if found and _SUFFIX.fullmatch(part):
            found[-1] = f"{found[-1]} {part}"
        else:
            found.append(part)
    return found


def _are_inverted(parts: list[str]) -> bool:
    """Whether the parts are family and given names in turn."""
    families = [re.sub(rf"\s(?:{_SUFFIX.pattern})$", "", f, flags=re.I) for f in parts[::2]]
    givens = parts[1::2]
    if any(_CORPORATE.search(p) for p in parts):
        return False
    if all(_INITIALS.fullmatch(g) for g in givens):
        return True
    one_word = all(" " not in f or _PARTICLE.match(f) for f in families)
    if len(parts) == 2:
        return one_word and not _PARTICLE.match(givens[0])
    return one_word and all(" " not in g or _INITIALS.fullmatch(g.split(" ", 1)[1]) for g in givens)


def _turned(family: str, given: str) -> str:
    """Given name, family name, and what stands behind both."""
    words = family.split()
    suffix = words.pop() if len(words) > 1 and _SUFFIX.fullmatch(words[-1]) else ""
    tail = given.split()
    if len(tail) > 1 and _SUFFIX.fullmatch(tail[-1]):
        suffix = tail.pop()
    return clean(f"{' '.join(tail)} {' '.join(words)} {suffix}")


def natural_name(name: str) -> str:
    """One name of a library, family name first, as people write it: given name first.

    What has no comma is as it is. A comma at the end keeps a body whole, as EndNote has it; a
    suffix may stand in the middle (BibTeX) or at the end (RIS).

    >>> natural_name("King, Jr., Martin"), natural_name("King, Martin, Jr.")
    ('Martin King, Jr.', 'Martin King, Jr.')
    """
    name = clean(name)
    if name.endswith(","):
        return name.rstrip(", ").replace(",,", ",")
    parts = [clean(p) for p in name.split(",") if clean(p)]
    if len(parts) == 3:
        at = next((i for i in (1, 2) if _SUFFIX.fullmatch(parts[i])), 0)
        if at or not _DEGREE.fullmatch(parts[2]):
            suffix = parts.pop(at or 1)
            return f"{parts[1]} {parts[0]}, {suffix}"
        parts.pop()
    if len(parts) != 2 or _SUFFIX.fullmatch(parts[1]) or _DEGREE.fullmatch(parts[1]):
        return ", ".join(parts) if len(parts) < 3 else name
    family, given = parts
    if _CORPORATE.search(name) and " " in given and not _INITIALS.fullmatch(given):
        return name
    return f"{given} {family}"


def inverted_name(name: str) -> str:
    """A name with the family name first, as libraries keep it; a body, a single word and a name in
    letters without blanks as they are.

    >>> inverted_name("Aaron van den Oord"), inverted_name("Martin King, Jr.")
    ('van den Oord, Aaron', 'King, Martin, Jr.')
    """
    name, _, suffix = name.partition(", ")
    words = name.split()
    if is_body(name) or len(words) < 2 or (suffix and not _SUFFIX.fullmatch(suffix)):
        return f"{name}, {suffix}" if suffix else name
    at = len(words) - 1
    while at > 1 and _PARTICLE.match(f"{words[at - 1]} ") and words[at - 1][0].islower():
        at -= 1
    inverted = f"{' '.join(words[at:])}, {' '.join(words[:at])}"
    return f"{inverted}, {suffix}" if suffix else inverted


# --- comparing ---------------------------------------------------------------------------------

#: "Müller" and "Mueller", "Sørensen" and "Soerensen", "Ångström" and "Aangstrom"
_DIGRAPHS = re.compile(r"([aou])e|(a)a")


def name_parts(name: str) -> list[str]:
    """The words of a name for comparing, given name first, without accents, dots and suffixes."""
    if name.count(",") == 1:  # "Hopper, Grace"
        family, given = name.split(",")
        name = f"{given} {family}"
    words = re.split(r"[\s.\-‐‑–'’]+", fold(name))
    words = [_DIGRAPHS.sub(lambda m: m[1] or m[2], w) for w in words if w]
    while len(words) > 2 and _SUFFIX.fullmatch(words[-1]):
        words.pop()
    return words


#: initials without dots behind a name
_FAMILY_FIRST = re.compile(r"^[^,]{3,} [^\W\d_a-z]{1,2}$")


def family_name(name: str) -> str:
    """The family name, folded, without its particles, however the name is written.

    >>> {family_name(n) for n in ("Jan van der Berg", "van der Berg, J.", "Berg J")}
    {'berg'}
    >>> family_name("Wei Li"), family_name("W. Li")
    ('li', 'li')
    """
    words = name_parts(name)
    if len(words) > 1 and _FAMILY_FIRST.search(name) and not name.isupper():
        words = words[:-1]  # PubMed's "Berg J"; "Wei Li" has a short family
    return words[-1] if words else ""


def same_person(first: str, second: str) -> bool:
    """Whether two names are one person's: the family name agrees, and so do given names or their
    initials as far as both have them."""
    a, b = name_parts(first), name_parts(second)
    if not a or not b:
        return False
    if a == b:
        return True
    if a[-1] != b[-1] or len(a) < 2 or len(b) < 2:
        return False
    return all(
        x == y or (min(len(x), len(y)) == 1 and x[0] == y[0])
        for x, y in zip(a[:-1], b[:-1], strict=False)
    )


def is_body(name: str) -> bool:
    """Whether an author is a collaboration or an institution."""
    return _CORPORATE.search(name) is not None
