"""BibTeX and BibLaTeX files as liked papers. One broken entry costs only itself, and is named."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime

from digest.authors import natural_name, split_names
from digest.latex import readable
from digest.library.bibtex_reader import MONTHS, NO_WORKS, Entry, read
from digest.library.encoding import decode
from digest.library.identify import TELLING
from digest.library.limits import MAX_ABSTRACT_CHARS, MAX_ENTRIES, MAX_TITLE_CHARS
from digest.library.records import (
    Collector,
    Record,
    Wanted,
    everything,
    moment_of,
    refuse_more_than,
    title_of,
)
from digest.markup import plain
from digest.ports import Likes
from digest.text import clean

#: what begins an entry, a string, a comment
_BLOCK = re.compile(r"@[ \t]*\w+\s*[{(]")
_IDS = (
    "doi",
    "eprint",
    "arxivid",
    "arxiv",
    "url",
    "ee",
    "pmid",
    "pmcid",
    "link",
    "uri",
    "ads-url",
    "adsurl",
)
_MENTIONS = (
    *(
        "note",
        "howpublished",
        "journal",
        "journaltitle",
        "volume",
        "number",
        "annote",
        "annotation",
    ),
    *("archiveid", "archive", "publisher", "series", "extra", "comment", "eprintid", "institution"),
    *("type", "booktitle", "pubstate", "addendum", "urldate", "biburl", "keywords", "annotate"),
)


def parse(
    body: bytes, *, place: str, max_entries: int = MAX_ENTRIES, wanted: Wanted = everything
) -> Likes:
    """Papers of a BibTeX file, in its order, one a work.

    Raises:
        LibraryError: there is text, but not one entry in it, or there are too many.
    """
    decoded = decode(body)
    refuse_more_than(max_entries, len(_BLOCK.findall(decoded.text)), place)
    found = read(decoded.text)
    groups = _groups(found.comments)
    collector = Collector(place, "bibtex", wanted)
    mended: dict[str, list[str]] = {}
    for entry in found.entries:
        where = f"line {entry.line}"
        if entry.kind in NO_WORKS:
            collector.fault(where, f"{entry.key or 'this entry'} is no work, it serves others")
            continue
        for what in entry.mended[:1]:
            mended.setdefault(what, []).append(where)
        collector.put(_record(entry, groups), where=where, what=entry.key or "this entry")
    for what, places in mended.items():
        more = f" and {len(places) - 5:,} more" if len(places) > 5 else ""
        collector.remark(f"{what}, and used all the same ({', '.join(places[:5])}{more})")
    return collector.likes_of(decoded, "BibTeX entry")


def _record(entry: Entry, groups: Mapping[str, list[str]]) -> Record:
    fields = entry.fields
    title, subtitle = _title(fields.get("title", "")), _title(fields.get("subtitle", ""))
    if title and subtitle and subtitle.lower() not in title.lower():
        title = f"{title} {subtitle}" if title[-1] in ":?!.–" else f"{title}: {subtitle}"
    title = title or next(
        (
            t
            for k in ("maintitle", "shorttitle", "booktitle", "titleaddon")
            if (t := _title(fields.get(k, "")))
        ),
        "",
    )
    abstract = _shown(fields.get("abstract", "")[:MAX_ABSTRACT_CHARS], readable)
    return Record(
        title=title,
        abstract=plain(abstract),
        authors=_authors(fields.get("author", "") or fields.get("authors", "")),
        date=_date(fields),
        journal=next(
            (
                t
                for k in (
                    "journal",
                    "journaltitle",
                    "booktitle",
                    "fjournal",
                    "maintitle",
                    "eventtitle",
                )
                if (t := _title(fields.get(k, "")))
            ),
            "",
        ),
        language=_verbatim(fields.get("langid") or fields.get("language", "")),
        url=_verbatim(fields.get("url", "")),
        ids=tuple(_ids(fields)),
        mentions=tuple(_mentions(fields)),
        added=_added(fields),
        tags=tuple(
            t
            for k in ("keywords", "mendeley-tags", "keyword")
            for v in re.split(r"[,;]", _title(fields.get(k, "")))
            if (t := clean(v))
        ),
        groups=(
            *(t for v in re.split(r"[,;]", fields.get("groups", "")) if (t := clean(v))),
            *(groups.get(entry.key, ()) if entry.key else ()),
        ),
    )


# --- fields ------------------------------------------------------------------------------------


_BRACES_GONE = str.maketrans("", "", "{}")


def _unbraced(text: str) -> str:
    return text.translate(_BRACES_GONE)


def _title(raw: str) -> str:
    """A text with LaTeX, and with the HTML that some programs write into it."""
    return _shown(raw, title_of) if raw else ""


#: braces that are part of a text, while those around groups are taken away
_ESCAPED_BRACE = re.compile(r"(?<!\\)\\([{}])")
_HELD = {"{": "\ue000", "}": "\ue001"}
_RELEASED = str.maketrans({"\ue000": "{", "\ue001": "}"})


def _shown(raw: str, read: Callable[[str], str]) -> str:
    """A text as it is read, without braces but those that were escaped."""
    if raw.count("\\$") < 2:  # the braces of an escaped formula belong to LaTeX
        raw = _ESCAPED_BRACE.sub(lambda m: _HELD[m[1]], raw)
    return clean(_unbraced(read(clean(raw))).translate(_RELEASED))


_ESCAPES = {
    "textless": "<", "textgreater": ">", "textasciitilde": "~", "_": "_", "textunderscore": "_",
    "textbackslash": "\\", "textasciicircum": "^", "textendash": "-", "slash": "/", "string": "",
    "allowbreak": "", "textquotesingle": "'", "textbar": "|",
}  # fmt: skip
_ESCAPE = re.compile(r"\\([A-Za-z]+)(?:\{\}|\s+(?=\S)|(?![A-Za-z]))|\\([^A-Za-z\s])")
_WRAPPED = re.compile(r"\\(?:url|path|nolinkurl|href|texttt|doi)\s*\{([^{}]*)\}")


def _verbatim(raw: str) -> str:
    """An id or an address as it was before a program escaped it for LaTeX."""
    text = raw
    if "\\" in text:
        for _ in range(3):
            text = _WRAPPED.sub(r"\1 ", text)
        text = _ESCAPE.sub(lambda m: _ESCAPES.get(m[1], "") if m[1] else m[2], text)
    if "$" in text:
        text = text.replace("$<$", "<").replace("$>$", ">").replace("$\\sim$", "~")
    return clean(_unbraced(text))


def _ids(fields: Mapping[str, str]) -> Iterator[str]:
    archive = _verbatim(f"{fields.get('archiveprefix', '')} {fields.get('eprinttype', '')}").lower()
    eprint = _verbatim(fields.get("eprint", ""))
    yield _verbatim(fields.get("doi", ""))
    if eprint:
        subject = _verbatim(fields.get("primaryclass", "") or fields.get("eprintclass", ""))
        if re.fullmatch(r"\d{7}(v\d+)?", eprint) and subject:  # INSPIRE, old
            yield f"arxiv:{subject.split('.')[0]}/{eprint}"
        elif "pubmed" in archive or "pmid" in archive:
            yield f"pmid:{eprint}"
        elif not archive or "arxiv" in archive or eprint.startswith("10."):
            yield eprint
        else:
            yield f"{archive.strip()}:{eprint}"
    for name, raw in fields.items():
        if name in _IDS[2:] or name.startswith(("bdsk-url", "local-url", "url-")):
            value = _verbatim(raw)
            yield f"{name}:{value}" if name in ("pmid", "pmcid") and value[:1].isalnum() else value


def _mentions(fields: Mapping[str, str]) -> Iterator[str]:
    for name in _MENTIONS:
        if (raw := fields.get(name)) and TELLING.search(raw):
            yield _verbatim(raw[:MAX_TITLE_CHARS])


def _date(fields: Mapping[str, str]) -> str:
    """The date of BibLaTeX, of a range its beginning; else the year, with its month."""
    date = _verbatim(fields.get("date", "")).split("/")[0].rstrip("?~%")
    if re.search(r"\d{4}", date):
        return date
    year = _verbatim(fields.get("year", "")) or _verbatim(fields.get("origdate", ""))
    month = _verbatim(fields.get("month", "")).replace("~", " ")
    if month.isdigit() and 1 <= int(month) <= 12:
        month = MONTHS[int(month) - 1]
    day = _verbatim(fields.get("day", ""))
    return clean(f"{day} {month} {year}") if month else year


def _added(fields: Mapping[str, str]) -> datetime | None:
    """When the reader took it in: BibDesk, JabRef, Papers. DBLP's stamp is its own."""
    for name in ("date-added", "creationdate", "dateadded", "date_added", "timestamp", "added-at"):
        if (raw := fields.get(name)) and not (name == "timestamp" and "biburl" in fields):
            return moment_of(_verbatim(raw).replace(".", "-"))
    return None


# --- authors -----------------------------------------------------------------------------------

_AND = re.compile(r"\\.|[{}]|(?<=[\s}])and(?=[\s{])", re.IGNORECASE | re.DOTALL)


def _divided(names: str, pattern: re.Pattern[str], word: str) -> Iterator[str]:
    """The parts of a text between words that stand in no braces."""
    depth = start = 0
    for match in pattern.finditer(names):
        if match[0] == "{":
            depth += 1
        elif match[0] == "}":
            depth = max(0, depth - 1)
        elif match[0].lower() == word and not depth:
            yield names[start : match.start()]
            start = match.end()
    yield names[start:]


def _authors(raw: str) -> tuple[str, ...]:
    parts = [p.strip() for p in _divided(raw, _AND, "and")]
    parts = [p for p in parts if p and p.strip("{} .").lower() not in ("others", "et al")]
    if len(parts) == 1 and not parts[0].startswith("{") and re.search(r";|,.*,.*,", parts[0]):
        found = split_names(_title(parts[0]))
    else:
        found = [_name(p) for p in parts]
    return tuple(dict.fromkeys(n for n in found if n))


_COMMA = re.compile(r"\\.|[{}]|,", re.DOTALL)
_EXTENDED = re.compile(
    r"\s*\"?(family|given|prefix|suffix|useprefix|id|giveni|familyi|prefixi)\s*=", re.I
)


def _name(raw: str) -> str:
    """One author: in braces a body, as it is; in BibLaTeX's extended format; else in BibTeX's."""
    if raw.startswith("{") and raw.endswith("}") and _is_one_group(raw):
        return _title(raw)
    parts = list(_divided(raw, _COMMA, ","))
    if _EXTENDED.match(parts[0]):
        return _extended(parts)
    shown = [_title(p).strip() for p in parts]
    if any("," in s for s in shown):  # a comma in braces belongs to the name
        shown = [s.replace(",", "\x00") for s in shown]
    return natural_name(", ".join(s for s in shown if s)).replace("\x00", ",")


def _is_one_group(raw: str) -> bool:
    depth = 0
    for match in _BRACES.finditer(raw):
        depth += {"{": 1, "}": -1}.get(match[0], 0)
        if not depth:
            return match.end() == len(raw)
    return False


_BRACES = re.compile(r"\\.|[{}]", re.DOTALL)


def _extended(parts: list[str]) -> str:
    values: dict[str, str] = {}
    for part in parts:
        name, _, value = part.strip().strip('"').partition("=")
        values[name.strip().lower()] = _title(value)
    name = " ".join(v for k in ("given", "prefix", "family") if (v := values.get(k)))
    return f"{name}, {values['suffix']}" if values.get("suffix") else name


# --- JabRef's groups ---------------------------------------------------------------------------

_GROUP = re.compile(r"\d+\s+ExplicitGroup:(.*)", re.DOTALL)


def _groups(comments: list[str]) -> dict[str, list[str]]:
    """Groups by the keys of their entries, as JabRef wrote them before each entry named its own."""
    found: dict[str, list[str]] = {}
    for comment in comments:
        if not re.match(r"\s*jabref-meta:\s*group", comment):
            continue
        for line in comment.split(";\n"):
            match = _GROUP.match(line.strip())
            if match is None:
                continue
            name, *rest = (clean(p.replace("\n", "")) for p in match[1].split("\\;"))
            for key in rest[1:]:
                if key and key != ";":
                    found.setdefault(key, []).append(name)
    return found
