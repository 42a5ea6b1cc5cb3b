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
from urllib.parse import unquote

from digest.authors import family_name
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
_PMID = re.compile(
    r"(?:pubmed\.ncbi\.nlm\.nih\.gov/|ncbi\.nlm\.nih\.gov/pubmed/|^pmid:?\s*)(\d{1,9})\b"
)
_OTHER_REGISTERS = re.compile(
    r"semanticscholar\.org/paper/(?:[^/\s]+/)?([0-9a-f]{40})|^corpusid:\s*(\d{1,12})$"
    r"|(?:openalex\.org/(?:works/)?|^openalex:)(W\d{3,12})",
    re.IGNORECASE,
)
#: registrants of preprints: arXiv, bioRxiv and medRxiv (two), Research Square, ChemRxiv,
#: Preprints.org, OSF's servers, SSRN, Authorea, TechRxiv, Zenodo
_PREPRINT_DOIS = (
    "10.48550/", "10.1101/", "10.64898/", "10.21203/rs", "10.26434/", "10.20944/",
    "10.31234/", "10.31235/", "10.31219/", "10.2139/ssrn", "10.22541/", "10.36227/", "10.5281/",
)  # fmt: skip
_WORDS = re.compile(r"\w+")
#: a shorter title says too little
MIN_TITLE_WORDS, MIN_TITLE_CHARS = 4, 20
#: years between a preprint and its journal version
MAX_YEARS_APART = 5
_NOT_THE_WORK = re.compile(
    r"(erratum|errata|corrigend|correction|retract|withdrawn|repl(y|ies) to|response to|comment"
    r"|author correction|publisher correction|editorial)"
)


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


def parse_pmid(text: str) -> str:
    """The number in "PMID: 1234" or an address of PubMed; empty if there is none."""
    match = _PMID.search(text.strip().lower())
    return match[1] if match else ""


def name_of(ref: str) -> str:
    """The name of a paper behind an id or an address that somebody wrote down; empty if it is none
    that we know.

    >>> name_of("https://huggingface.co/papers/2405.01234"), name_of("PMID: 1234")
    ('arxiv:2405.01234', 'pmid:1234')
    """
    if parsed := parse_arxiv_id(ref):
        return arxiv_key(parsed[0])
    if pmid := parse_pmid(ref):
        return f"pmid:{pmid}"
    if match := _OTHER_REGISTERS.search(ref.strip()):
        sha, corpus, openalex = match.groups()
        if openalex:
            return f"openalex:{openalex.upper()}"
        return f"s2:{sha.lower()}" if sha else f"s2:CorpusId:{corpus}"
    doi = parse_doi(ref)
    return f"doi:{doi}" if doi else ""


def is_preprint_doi(doi: str) -> bool:
    return doi.startswith(_PREPRINT_DOIS)


def journal_doi(paper: Paper) -> str:
    """The DOI of its version in a journal, or nothing."""
    dois = (n.removeprefix("doi:") for n in names(paper) if n.startswith("doi:"))
    return next((d for d in dois if not is_preprint_doi(d)), "")


def is_preprint(paper: Paper) -> bool:
    """Whether it is known as a preprint, and of no journal."""
    called = names(paper)
    posted = any(
        n.startswith("arxiv:") or (n.startswith("doi:") and is_preprint_doi(n[4:])) for n in called
    )
    return posted and not journal_doi(paper)


def _digest(*parts: str) -> str:
    return hashlib.sha256("\x1f".join(parts).encode("utf-8", "replace")).hexdigest()[:20]


def arxiv_key(arxiv_id: str) -> str:
    return f"arxiv:{arxiv_id}"


def doi_name(doi: str) -> str:
    """A DOI as a name; arXiv's are the paper's own id.

    >>> doi_name("10.1000/x"), doi_name("10.48550/arxiv.2405.01234")
    ('doi:10.1000/x', 'arxiv:2405.01234')
    """
    arxiv = parse_arxiv_id(doi)
    return arxiv_key(arxiv[0]) if arxiv else f"doi:{doi.lower()}"


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
    if doi and (found := parse_doi(doi)):
        return f"doi:{found}"
    for candidate in (url, guid):
        if "doi.org/" in candidate.lower() and (found := parse_doi(candidate)):
            return f"doi:{found}"
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
            "published": min(published) if published else None,
            # A replacement must not make an old paper new again.
            "announced": min(announced) if announced else None,
            "announce_type": min((first.announce_type, second.announce_type), key=_novelty),
        },
    )


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
        title = title_key(paper)
        if title and not joined:
            homes = dict.fromkeys(group_of[n] for n in by_title.get(title, ()))
            joined = dict.fromkeys(h for h in homes if same_work(groups[h], paper))
        home = next(iter(joined), paper.id)
        together = [groups[g] if g == home else groups.pop(g) for g in joined]
        combined = paper
        for known in reversed(together):
            better = min((known.id, combined.id), key=lambda i: not i.startswith("arxiv:"))
            combined = combine(known, combined, better)
        groups[home] = combined
        for name in called:
            group_of[name] = home
        if len(joined) > 1:
            group_of |= {n: home for n, g in group_of.items() if g in joined}
        if title:
            by_title.setdefault(title, []).append(paper.id)
    return tuple(groups.values())


def names(paper: Paper) -> tuple[str, ...]:
    """What a record is called: its id, its DOI in the same form, its aliases."""
    doi = [doi_name(paper.doi)] if paper.doi else []
    return tuple(dict.fromkeys((paper.id, *doi, *paper.aliases)))


def title_key(paper: Paper) -> str:
    """A key that records of one work share if their titles agree; empty where a title says too
    little, announces something other than the work, or stands there without authors."""
    if not paper.authors:
        return ""
    words = _WORDS.findall(fold(paper.title))
    squeezed = " ".join(words)
    if len(words) < MIN_TITLE_WORDS or len(squeezed) < MIN_TITLE_CHARS:
        return ""
    return "" if _NOT_THE_WORK.match(squeezed) else f"title:{_digest(*words)}"


def same_work(first: Paper, second: Paper) -> bool:
    """Whether two records that share no name are versions of one work all the same.

    Titles agree but for case, accents and punctuation; so do the first author and at least half of
    the shorter list of authors; and no register tells them apart: two arXiv ids, two PMIDs, two
    DOIs of journals or of one preprint server, two entries of one feed are two papers.
    """
    key = title_key(first)
    if not key or key != title_key(second) or _told_apart(first, second):
        return False
    ours, theirs = ([family_name(a) for a in p.authors] for p in (first, second))
    if ours[0] != theirs[0] or not ours[0]:
        return False
    shorter = min(len(set(ours)), len(set(theirs)))
    if 2 * len(set(ours) & set(theirs)) < shorter:
        return False
    dates = [p.published for p in (first, second) if p.published]
    return len(dates) < 2 or abs(dates[0].year - dates[1].year) <= MAX_YEARS_APART


def _told_apart(first: Paper, second: Paper) -> bool:
    for register in ("arxiv:", "pmid:"):
        ours, theirs = ({n for n in names(p) if n.startswith(register)} for p in (first, second))
        if ours and theirs and not ours & theirs:
            return True
    ours, theirs = ({n[4:] for n in names(p) if n.startswith("doi:")} for p in (first, second))
    if {d for d in ours if not is_preprint_doi(d)} and {
        d for d in theirs if not is_preprint_doi(d)
    }:
        return True
    if {d.split("/")[0] for d in ours} & {d.split("/")[0] for d in theirs}:
        return True
    one_feed = first.source == second.source and first.id != second.id
    return one_feed and first.id.startswith("feed:") and second.id.startswith("feed:")
