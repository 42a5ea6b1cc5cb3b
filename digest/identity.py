"""When two records are the same paper, and what of each survives.

The key is what publishers agree on: the arXiv id without its version, the DOI, the PMID. Records
that share none of them are one paper only if title and authors agree and nothing speaks against
it: errata, replies and yearly reports share titles, too.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import fields, replace
from functools import lru_cache

from digest.authors import family_name, is_body, same_person
from digest.identifiers import (
    address_name,
    arxiv_key,
    author_id,
    doi_name,
    is_preprint_doi,
    parse_arxiv_id,
    parse_doi,
    parse_pmid,
)
from digest.latex import readable
from digest.model import Paper, Signals
from digest.text import fold

#: a shorter title says too little; so few words need all authors to agree
MIN_TITLE_WORDS, MIN_TITLE_CHARS, FEW_WORDS = 3, 15, 4
#: a title that says enough without authors
LONG_TITLE_WORDS, LONG_TITLE_CHARS = 8, 50
#: years between a preprint and its journal version; days between two records of one journal's
MAX_YEARS_APART, MAX_DAYS_APART = 5, 180
#: what stands before a title: "[ASAP] ", "Sensors, Vol. 26, Pages 7000: "
_BEFORE_TITLE = re.compile(
    r"^\s*\[(?:ASAP|PDF|HTML|CITATION|BOOK|B|C|Just Accepted|Early View|Preprint)\]\s*"
    r"|^[^:]{2,80}, Vol(?:\.|ume) \d+[^:]{0,60}:\s+(?=\S)",
    re.IGNORECASE,
)
#: news of a work, and what comes out again and again under one title
_NOT_THE_WORK = re.compile(
    r"(?:erratum|errata|corrigend(?:um|a)|addendum|retract(?:ed|ion)|withdraw(?:n|al)|"
    r"expression of concern)\b(?!\s+(?:of|in|from|by)\b)"
    r"|(?:author|publisher|editorial)?\s*corrections?(?=\s*(?::|$|to\b|for\b.*\bet al\b))"
    r"|retraction (?:notice|note)|retraction of\s*:"
    r"|(?:guest\s+)?editorials?\b|editors? (?:note|choice)|from the editor|(?:preface|foreword)\b"
    r"|introduction to (?:the |this )?(?:\w+ )?(?:special|thematic|theme|research) "
    r"(?:issue|section|topic|collection)"
    r"|this (?:week|month) in\b|in this issue\b|daily briefing\b|issue information\b"
    r"|(?:in brief|news|highlights|contents|announcements?|cover (?:picture|image))\s*(?:$|:)"
    r"|table of contents\b|front matter|back matter|masthead|editorial board|list of reviewers"
    r"|acknowledge?ments? (?:of|to) reviewers|obituary|in memoriam|book reviews?\b"
    r"|letters? to the editor"
    r"|(?:.*\b)?(?:annual|yearly|monthly|weekly|quarterly|biannual)\b.*"
    r"\b(?:report|review|bulletin|newsletter|summary|update|survey)\b",
)


def journal_doi(paper: Paper) -> str:
    """The DOI of its version in a journal, or nothing."""
    dois = (n.removeprefix("doi:") for n in names(paper) if n.startswith("doi:"))
    return next((d for d in dois if not is_preprint_doi(d)), "")


def has_known_id(paper: Paper) -> bool:
    """Whether any register knows it: arXiv, a DOI, PubMed."""
    return any(n.startswith(("arxiv:", "doi:", "pmid:", "pmc:")) for n in names(paper))


def author_called(paper: Paper, wanted: str) -> str:
    """The author whom a name, an ORCID iD or an id of OpenAlex means, as the paper writes them;
    empty if it is none of its authors."""
    if known := author_id(wanted):
        told = (a.split(" ", 1) for a in paper.author_ids)
        return next((name for i, name in told if i == known), "")
    return next((a for a in paper.authors if same_person(wanted, a)), "")


def is_preprint(paper: Paper) -> bool:
    """Whether it is known as a preprint, and of no journal."""
    called = names(paper)
    posted = any(
        n.startswith("arxiv:") or (n.startswith("doi:") and is_preprint_doi(n[4:])) for n in called
    )
    return posted and not journal_doi(paper)


def _digest(*parts: str) -> str:
    return hashlib.sha256("\x1f".join(parts).encode("utf-8", "replace")).hexdigest()[:20]


def feed_key(guid: str) -> str:
    return f"feed:{_digest(guid)}"


def text_key(title: str, abstract: str = "") -> str:
    """The id of a document known by its words alone; the abstract counts if there is no title."""
    return f"text:{_digest(fold(title) or fold(abstract))}"


def canonical_id(*, url: str = "", doi: str = "", guid: str = "", title: str = "") -> str:
    """The best id that these facts allow: arXiv, DOI, PMID, then feed entry, then title."""
    for candidate in (doi, url, guid):
        if candidate and (parsed := parse_arxiv_id(candidate)):
            return arxiv_key(parsed[0])
    for candidate in (doi, url, guid):
        if candidate and (found := parse_doi(candidate)):
            return doi_name(found)
    if pmid := next((p for p in map(parse_pmid, (url, guid)) if p), ""):
        return f"pmid:{pmid}"
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


def combine(first: Paper, second: Paper, key: str = "") -> Paper:
    """One record of a paper from two; what the first knows wins, gaps are filled from the second.

    arXiv's own record wins over everybody's copy, and a higher version over a lower one.

    Args:
        key: the id of the result; by default that of the record that wins.
    """
    known_as = {*names(first), *names(second)}
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
    key = key or first.id
    return replace(
        first,
        **filled
        | {  # type: ignore[arg-type]
            "id": key,
            "aliases": tuple(sorted(known_as - {key, doi_name(first.doi or second.doi)})),
            "signals": _richer(first.signals, second.signals),
            "author_ids": tuple(dict.fromkeys((*first.author_ids, *second.author_ids))),
            "published": min(published) if published else None,
            # A replacement must not make an old paper new again.
            "announced": min(announced) if announced else None,
            "announce_type": min((first.announce_type, second.announce_type), key=_novelty),
        },
    )


def address_names(paper: Paper) -> tuple[str, ...]:
    """The addresses that are shown of a paper, as names: whoever copies one means the paper."""
    found = (address_name(u) for u in (paper.url, paper.pdf_url))
    return tuple(dict.fromkeys(n for n in found if n))


def _novelty(announce_type: str) -> int:
    order = ("new", "cross", "replace", "replace-cross")
    return order.index(announce_type) if announce_type in order else len(order)


def merge(papers: Iterable[Paper]) -> tuple[Paper, ...]:
    """One `Paper` a work, in order of first appearance.

    Records are joined when they share a name (see `names`), or are the `same_work`.
    """
    groups: dict[str, Paper] = {}
    group_of: dict[str, str] = {}
    by_title: dict[str, list[str]] = {}
    for paper in papers:
        called = names(paper)
        # A record with id and DOI may show that two groups are one.
        joined = dict.fromkeys(group_of[n] for n in called if n in group_of)
        titles = title_keys(paper)
        if not joined:
            homes = dict.fromkeys(group_of[n] for t in titles for n in by_title.get(t, ()))
            joined = dict.fromkeys(h for h in homes if same_work(groups[h], paper))
        home = next(iter(joined), paper.id)
        together = [groups[g] if g == home else groups.pop(g) for g in joined]
        combined = paper
        for known in reversed(together):
            better = min((known.id, combined.id), key=_standing)
            combined = combine(known, combined, better)
        groups[home] = combined
        for name in called:
            group_of[name] = home
        if len(joined) > 1:
            group_of |= {n: home for n, g in group_of.items() if g in joined}
        for title in titles:
            by_title.setdefault(title, []).append(paper.id)
    return tuple(groups.values())


def _standing(key: str) -> int:
    """arXiv's ids go before all others, and words after them."""
    return (not key.startswith("arxiv:")) + key.startswith("text:")


def names(paper: Paper) -> tuple[str, ...]:
    """What a record is called: its id, its DOI in the same form, its aliases."""
    doi = [doi_name(paper.doi)] if paper.doi else []
    return tuple(dict.fromkeys((paper.id, *doi, *paper.aliases)))


def bare_title(title: str) -> str:
    """A title without what a publisher's feed puts before it."""
    return _BEFORE_TITLE.sub("", title)


def title_words(title: str) -> tuple[str, ...]:
    """The words of a title for comparing.

    However a formula is written, a word has the same letters: those of "B⁰ₛ", "Bs0" and "$B_s^0$"
    are put in order.
    """
    shown = fold(readable(bare_title(title)))
    words = re.split(r"[\s\-‐‑–—/:,;.]+", shown)
    return tuple(w for word in words if (w := "".join(sorted(c for c in word if c.isalnum()))))


def title_keys(paper: Paper) -> tuple[str, ...]:
    """Keys of which two records of one work share at least one: that of the title, and that of the
    title without its subtitle. None where a title says too little, or announces something other
    than the work."""
    return _keys_of(paper.title, bool(paper.authors))


@lru_cache(maxsize=20_000)  # two papers are compared by what each was found by
def _keys_of(full_title: str, has_authors: bool) -> tuple[str, ...]:
    shown = fold(readable(bare_title(full_title))).strip()
    if _NOT_THE_WORK.match(shown):
        return ()
    keys = []
    head = re.split(r"\s*[:?]\s+|\s+[-–—]\s+", bare_title(full_title), maxsplit=1)[0]
    for title in dict.fromkeys((full_title, head)):
        words = title_words(title)
        squeezed = "".join(words)
        # Chinese, Japanese and Korean put no blanks between words
        n_words = len(words) + sum(1 for c in squeezed if ord(c) >= 0x2E80) // 2
        enough = n_words >= MIN_TITLE_WORDS and (
            len(squeezed) >= MIN_TITLE_CHARS or not squeezed.isascii()
        )
        if not has_authors:
            enough = n_words >= LONG_TITLE_WORDS and len(squeezed) >= LONG_TITLE_CHARS
        if enough:
            keys.append(f"title:{_digest(*words)}")
    return tuple(keys)


def titles_alike(first: str, second: str) -> bool:
    """Whether two titles share most of the words of the shorter one; an empty one is like all."""
    ours, theirs = set(title_words(first)), set(title_words(second))
    if not ours or not theirs or sorted("".join(ours)) == sorted("".join(theirs)):
        return True
    return 5 * len(ours & theirs) >= 3 * min(len(ours), len(theirs))


def are_two(first: Paper, second: Paper) -> bool:
    """Whether two records of one id are of two works all the same: their titles have little in
    common, and so has something else. A preprint may get another title, but keeps its authors.

    Programs write one paper's id on another's entry, and a book's on all its chapters.
    """
    if titles_alike(first.title, second.title):
        return False
    ours, theirs = ({family_name(a) for a in p.authors} for p in (first, second))
    if ours and theirs:
        return not ours & theirs
    years = [p.published.year for p in (first, second) if p.published]
    return len(years) == 2 and abs(years[0] - years[1]) > 1


def same_work(first: Paper, second: Paper) -> bool:
    """Whether two records that share no name are versions of one work all the same.

    Titles agree but for case, accents, punctuation and a subtitle; so do the authors (see
    `_same_authors`); and no register tells them apart: two arXiv ids, two PMIDs, two DOIs of
    journals or of one preprint server, two entries of one feed are two papers.
    """
    ours, theirs = title_keys(first), title_keys(second)
    if not ours or not theirs or not (ours[0] in theirs or theirs[0] in ours):
        return False
    if _told_apart(first, second) or not _same_authors(first, second):
        return False
    dates = [p.published for p in (first, second) if p.published]
    if len(dates) < 2:
        return True
    if is_preprint(first) or is_preprint(second):
        return abs(dates[0].year - dates[1].year) <= MAX_YEARS_APART
    return abs(dates[0] - dates[1]).days <= MAX_DAYS_APART


def _same_authors(first: Paper, second: Paper) -> bool:
    """The first author and half of the shorter list, or two thirds of it in another order; all of
    them where the title is short. Collaborations may be missing, and a feed without any authors
    speaks against nothing."""
    if not first.authors or not second.authors:
        return True
    ours, theirs = (
        [family_name(a) for a in p.authors if not is_body(a)] or [fold(a) for a in p.authors]
        for p in (first, second)
    )
    common, shorter = set(ours) & set(theirs), min(len(set(ours)), len(set(theirs)))
    if len(title_words(first.title)) < FEW_WORDS:
        return set(ours) == set(theirs)
    if ours[0] and ours[0] == theirs[0]:
        return 2 * len(common) >= shorter
    return len(common) >= 2 and 3 * len(common) >= 2 * shorter


#: Zenodo numbers versions like works
_NEW_DOI_EACH = "doi:10.5281/zenodo."


def _told_apart(first: Paper, second: Paper) -> bool:
    for register in ("arxiv:", "pmid:"):
        ours, theirs = ({n for n in names(p) if n.startswith(register)} for p in (first, second))
        if ours and theirs and not ours & theirs:
            return True
    ours, theirs = (
        {n[4:] for n in names(p) if n.startswith("doi:") and not n.startswith(_NEW_DOI_EACH)}
        for p in (first, second)
    )
    if {d for d in ours if not is_preprint_doi(d)} and {
        d for d in theirs if not is_preprint_doi(d)
    }:
        return True
    if {d.split("/")[0] for d in ours} & {d.split("/")[0] for d in theirs}:
        return True
    one_feed = first.source == second.source and first.id != second.id
    return one_feed and first.id.startswith("feed:") and second.id.startswith("feed:")
