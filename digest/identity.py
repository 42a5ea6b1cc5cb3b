"""When two records are the same paper, and what of each survives.

The key is what publishers agree on: the arXiv id without its version, else the DOI. Titles are
never compared here: errata, replies and yearly reports share them.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import fields, replace
from urllib.parse import unquote

from digest.model import Paper, Signals
from digest.text import fold

_NEW_STYLE = r"\d{4}\.\d{4,5}"
_OLD_STYLE = r"[a-z]+(?:-[a-z]+)*(?:\.[A-Z]{2})?/\d{7}"
_ARXIV_ID = re.compile(rf"({_NEW_STYLE}|{_OLD_STYLE})(?:v(\d+))?", re.IGNORECASE)
_ARXIV_URL = re.compile(
    rf"(?:arxiv\.org/(?:abs|pdf|html|format|e-print)/|alphaxiv\.org/(?:abs|overview)/"
    rf"|huggingface\.co/papers/|doi\.org/10\.48550/arxiv\.)({_NEW_STYLE}|{_OLD_STYLE})(?:v(\d+))?",
    re.IGNORECASE,
)
_DOI = re.compile(r"10\.\d{4,9}/[^\s\"<>]+")


def parse_arxiv_id(text: str) -> tuple[str, int | None] | None:
    """The bare id and version in "2405.01234v2", "arXiv:…", an oai id or an address; or None.

    >>> parse_arxiv_id("https://arxiv.org/abs/astro-ph/0601001v3")
    ('astro-ph/0601001', 3)
    """
    text = unquote(text.strip())
    match = _ARXIV_URL.search(text)
    if match is None:
        bare = re.sub(r"^(?:oai:)?arxiv(?:\.org)?:\s*", "", text, flags=re.IGNORECASE)
        bare = re.sub(r"^10\.48550/arxiv\.", "", bare, flags=re.IGNORECASE)
        match = _ARXIV_ID.fullmatch(bare)
    if match is None:
        return None
    arxiv_id = match[1]
    if "/" in arxiv_id:
        archive, number = arxiv_id.split("/")
        # "math.GT/0309136" and "math/0309136" are one paper; the class is only decoration
        arxiv_id = f"{archive.split('.')[0].lower()}/{number}"
    return arxiv_id, int(match[2]) if match[2] else None


def parse_doi(text: str) -> str:
    """The DOI in a text or address, lower case; empty if there is none."""
    match = _DOI.search(unquote(text.strip()))
    if match is None:
        return ""
    doi = match[0].rstrip(".,;:'\"")
    # a closing bracket belongs to the sentence around, unless the DOI opened it
    while (
        doi
        and doi[-1] in ")]"
        and doi.count(")") + doi.count("]") > doi.count("(") + doi.count("[")
    ):
        doi = doi[:-1]
    return doi.lower()


def _digest(*parts: str) -> str:
    return hashlib.sha256("\x1f".join(parts).encode("utf-8", "replace")).hexdigest()[:20]


def arxiv_key(arxiv_id: str) -> str:
    return f"arxiv:{arxiv_id}"


def feed_key(guid: str) -> str:
    return f"feed:{_digest(guid)}"


def text_key(title: str, abstract: str = "") -> str:
    """The id of a document known by its words alone; the abstract counts if there is no title."""
    return f"text:{_digest(fold(title) or fold(abstract))}"


def canonical_id(*, url: str = "", doi: str = "", guid: str = "", title: str = "") -> str:
    """The best id that these facts allow: arXiv, then DOI, then feed entry, then title."""
    for candidate in (doi, url, guid):
        if candidate and (parsed := parse_arxiv_id(candidate)):
            return arxiv_key(parsed[0])
    if doi and (found := parse_doi(doi)):
        return f"doi:{found}"
    for candidate in (url, guid):
        if "doi.org/" in candidate.lower() and (found := parse_doi(candidate)):
            return f"doi:{found}"
    if guid or url:
        return feed_key(guid or url)
    return text_key(title)


def _richer(first: Signals, second: Signals) -> Signals:
    """Field by field: the greater number, else the first text that says something."""
    merged: dict[str, object] = {}
    for f in fields(Signals):
        a, b = getattr(first, f.name), getattr(second, f.name)
        if isinstance(a, int) and isinstance(b, int):
            merged[f.name] = max(a, b)
        else:
            merged[f.name] = a if a not in (None, "") else b
    return Signals(**merged)  # type: ignore[arg-type]


def combine(first: Paper, second: Paper) -> Paper:
    """One record of a paper from two; what the first knows wins, gaps are filled from the second.

    arXiv's own record wins over everybody's copy, and a higher version over a lower one.
    """
    if (second.source == "arxiv", second.version or 0) > (
        first.source == "arxiv",
        first.version or 0,
    ):
        first, second = second, first
    filled: dict[str, object] = {
        f.name: getattr(second, f.name)
        for f in fields(Paper)
        if f.name not in ("id", "signals", "announce_type", "published", "announced")
        and getattr(first, f.name) in (None, "", ())
    }
    published = [p for p in (first.published, second.published) if p is not None]
    announced = [a for a in (first.announced, second.announced) if a is not None]
    return replace(
        first,
        **filled,  # type: ignore[arg-type]
        signals=_richer(first.signals, second.signals),
        published=min(published) if published else None,
        # A replacement must not make an old paper new again.
        announced=min(announced) if announced else None,
        announce_type=min(
            (first.announce_type, second.announce_type),
            key=lambda t: (
                ("new", "cross", "replace", "replace-cross").index(t)
                if t in ("new", "cross", "replace", "replace-cross")
                else 4
            ),
        ),
    )


def merge(papers: Iterable[Paper]) -> tuple[Paper, ...]:
    """One `Paper` a work, in order of first appearance.

    Records are joined when they share an id, or a DOI that one of them carries beside its id.
    """
    groups: dict[str, Paper] = {}
    group_of: dict[str, str] = {}
    for paper in papers:
        names = _names(paper)
        # A record with id and DOI may show that two groups are one.
        joined = dict.fromkeys(group_of[n] for n in names if n in group_of)
        home = next(iter(joined), paper.id)
        together = [groups[g] if g == home else groups.pop(g) for g in joined]
        combined = paper
        for known in reversed(together):
            better = min((known.id, combined.id), key=lambda i: not i.startswith("arxiv:"))
            combined = replace(combine(known, combined), id=better)
        groups[home] = combined
        for name in names:
            group_of[name] = home
        if len(joined) > 1:
            group_of |= {n: home for n, g in group_of.items() if g in joined}
    return tuple(groups.values())


def _names(paper: Paper) -> tuple[str, ...]:
    """What else a record is called: its id, and its DOI in the same form."""
    return tuple(dict.fromkeys((paper.id, *([f"doi:{paper.doi.lower()}"] if paper.doi else []))))
