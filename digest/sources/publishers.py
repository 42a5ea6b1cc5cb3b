"""What publishers' feeds write into a description: authors, DOI and date out of it, the rest off.

A description is read line by line. A line is the abstract, or it is known by its kind: a label with
its value, a list of names, a line about the issue, a heading, a publisher's notice. The kinds are
those of ACS, AIP, APS, Elsevier, IEEE, IOP, MDPI, Nature, Oxford, PLOS, PubMed, RSC, Science,
Springer, Taylor & Francis and Wiley, as their feeds looked in 2021 to 2026.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import datetime

from digest.authors import split_names
from digest.dates import parse_date
from digest.identifiers import parse_doi
from digest.markup import lines
from digest.text import clean, fold

_HEADING = (
    r"(?:graphical\s+|structured\s+)?abstract|summary|zusammenfassung|résumé|resumen|resumo|"
    r"riassunto|abstrakt|synopsis|аннотация|摘要|要旨|초록"
)
_ONLY_HEADING = re.compile(rf"(?:{_HEADING})\s*[.:–—-]?", re.IGNORECASE)
_BEFORE_ABSTRACT = re.compile(rf"^(?i:{_HEADING})(?:\s*[.:–—-]+\s+|\s+(?=[A-Z0-9“\"(]))")
#: one line with everything in it, as some readers of Elsevier's feeds fold it; elsewhere "Source:"
#: may stand in an abstract
_FOLDED = re.compile(r"Publication date\s?:", re.IGNORECASE)
_LABELS = re.compile(r"\s+(?=(?:Source|Author\(s\)|Authors?)\s?:\s)")
_AUTHORS = re.compile(r"^(?:author\(s\)|authors?)\s*:\s*(?P<names>.*)$", re.IGNORECASE)
_BY = re.compile(r"^by\s+(?P<names>[A-ZÀ-Þ].*)$")
_DATED = re.compile(
    r"(?:published(?:\s+online)?|first published|posted|online|available online)\s*:?\s+(?:on\s+)?"
    r"(?P<date>(?:[A-Z][a-z]{2,8}\.?,?\s+)?[\w.]+\s+[\w.]+,?\s+\d{4}|\d{4}-\d\d-\d\d)",
    re.IGNORECASE,
)
_KIND_AND_DATE = re.compile(r"^[A-Z][\w /-]{2,40}\s[—–-]\s(?P<date>\d{1,2} [A-Z][a-z]+ \d{4})$")
_ABOUT_ISSUE = re.compile(
    r"^(?:publication date|cover date|source|journal(?: name)?|volume|issue|pages?|doi|pmid|pmcid|"
    r"keywords?|article type|section|issn|publisher)\s*:"
    r"|^(?:doi\s*:?\s*)?(?:https?://(?:dx\.)?doi\.org/)?10\.\d{4,9}/\S+$"
    r"|\bvol(?:\.|ume)\s*\d+.*\b(?:issue|no\.|number|pp?\.|pages?)\s*\w*\d"
    r"|,\s*volume\s+\d+(?:,[^.]*)?\.?$"
    r"|^[^.]{2,120},\s*(?:early\s?view|ahead of print|accepted articles?|just accepted)\.?$"
    r"|^[^.]{2,120},\s*(?:articles? )?in press\.?$"
    r"|^\[[^\]]{5,80}\]\s*published\b"
    r"|^[A-Z][\w. &-]{1,60},\s*(?:19|20)\d\d(?:,[\w\s,.()-]{0,60})?$"
    r"|^pmid:\s*\d+|\|\s*doi\s*:",
    re.IGNORECASE,
)
_NOTICE = re.compile(
    r"^to cite this article|^the content of this rss feed"
    r"|^(?:view|read|see) (?:the )?(?:full |whole )?(?:article|text|more|paper|abstract)"
    r"|^read more|^continue reading|^full text|^click here"
    r"|^(?:copyright|©|\(c\))\s|all rights reserved\.?$|^the post .* appeared first on"
    r"|^(?:toc graphic|graphical abstract|\[image\]|image)$|^sciencedirect publication"
    r"|^(?:no )?abstract (?:is )?(?:not )?available\.?$|^no abstract\.?$"
    r"|^(?:online )?ahead of print\.?$|^early view\.?$|^(?:open access|free access)$"
    r"|^(?:www\.)?[\w-]+(?:\.[\w-]+)+/?$",
    re.IGNORECASE,
)
_NAME = re.compile(
    r"(?:(?:[^\W\d_a-zß-ÿ](?:[\w'’-]*|\.)|d[aeiou]s?|v[ao]n|de[nrl]|l[ae]|el|al|bin|ter|y|e|zu)\.?\s*){1,6}"
)
#: MDPI: one name a line
_LISTED_AUTHORS = re.compile(r"(Authors?:)\s*\n((?:\s*[^\n<>]+\n)+)")
#: less is no abstract
FEW_WORDS = 9
#: a line about the issue is no longer
MAX_LINE_CHARS = 260


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """What a description says, taken apart."""

    abstract: str = ""
    authors: tuple[str, ...] = ()
    doi: str = ""
    published: datetime | None = None


def read_description(markup: str, title: str = "") -> Description:
    """A description of a feed's entry, without what is no abstract.

    Args:
        title: that of the entry, which some repeat.
    """
    found = Description()
    kept: list[str] = []
    after_furniture = False
    markup = _LISTED_AUTHORS.sub(lambda m: m[1] + "; ".join(m[2].split("\n")), markup)
    parts = [
        part
        for line in lines(markup)
        for part in (_LABELS.split(line) if _FOLDED.match(line) else [line])
    ]
    for at, line in enumerate(parts):
        if _is_title(line, title):
            continue
        told = _told(
            line, found, first=at < 3 and not kept, more=len(parts) > 1, after=after_furniture
        )
        if told is None:
            kept.append(line)
        else:
            found, after_furniture = told, True
    abstract = without_heading(clean(" ".join(kept)))
    if title and len(abstract) > len(title) and abstract.startswith(title):
        abstract = abstract[len(title) :].strip(" .:–—-")
    sentence = abstract.endswith((".", "!", "?", "…", "。")) and abstract.count(" ") > 2
    if after_furniture and len(abstract.split()) < FEW_WORDS and not sentence:
        abstract = ""  # the name of the journal, or of a section
    return replace(found, abstract=abstract)


def without_heading(abstract: str) -> str:
    """An abstract without the word "Abstract" before it.

    >>> without_heading("ABSTRACT. We test."), without_heading("Abstract reasoning is hard.")
    ('We test.', 'Abstract reasoning is hard.')
    """
    if _ONLY_HEADING.fullmatch(abstract):
        return ""
    return _BEFORE_ABSTRACT.sub("", abstract)


def _told(
    line: str, found: Description, *, first: bool, more: bool, after: bool
) -> Description | None:
    """What is known after a line that is no abstract; None if it is one.

    Args:
        first: no abstract has begun.
        more: there are other lines.
        after: a line before it was no abstract.
    """
    if match := _AUTHORS.match(line) or (_BY.match(line) if first and more else None):
        names = tuple(split_names(match["names"]))
        if _AUTHORS.match(line) or _are_names(match["names"]):
            return replace(found, authors=found.authors or names)
    if _ONLY_HEADING.fullmatch(line) or _NOTICE.search(line):
        return found
    if len(line) <= MAX_LINE_CHARS:
        doi = parse_doi(line)
        dated = _DATED.search(line) or _KIND_AND_DATE.match(line)
        about = _ABOUT_ISSUE.search(line)
        alone = doi and len(line) <= len(doi) + 120 and not _is_prose(line)
        if about or alone or (dated and not _is_prose(line)):
            when = parse_date(dated["date"]) if dated else None
            return replace(found, doi=found.doi or doi, published=found.published or when)
        several = bool(re.search(r"[,;&]|\sand\s", line))
        if first and more and (several or after) and not found.authors and _are_names(line):
            return replace(found, authors=tuple(split_names(line)))
    return None


def _is_prose(line: str) -> bool:
    """Whether a line has a sentence in it."""
    return re.search(r"\b[a-z]{3,}\s+[a-z]{2,}\s+[a-z]{2,}\s+[a-z]{2,}", line) is not None


def _are_names(line: str) -> bool:
    if line.endswith((".", "?", "!")) and not re.search(r"\b[A-Z]\.$", line):
        return False
    names = split_names(line)
    return bool(names) and all(_NAME.fullmatch(n) and 2 <= len(n.split()) <= 6 for n in names)


def _is_title(line: str, title: str) -> bool:
    """Whether a line repeats the title, alone or behind the journal."""
    if not title or not line:
        return False
    said, wanted = _letters(line), _letters(title)
    return bool(wanted) and (
        said == wanted
        or (len(wanted) > 20 and said.endswith(wanted) and len(said) < len(wanted) + 60)
    )


def _letters(text: str) -> str:
    return re.sub(r"[\W_]+", "", fold(text))
