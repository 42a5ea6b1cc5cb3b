"""What authors write into abstract and comment for who reads on: where their code is, a page of the
project, where the paper was accepted, how long it is."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import urlsplit

from digest.model import Paper
from digest.text import clean, safe_url, shorten

#: the longest that a venue is shown
VENUE_CHARS = 90
#: where code lies under the name of its owner; an address there of less is no repository
_CODE_HOSTS = frozenset(
    ("github.com", "gitlab.com", "codeberg.org", "bitbucket.org", "anonymous.4open.science")
)
#: paths of these hosts that are no owners
_NO_OWNERS = frozenset(("features", "topics", "orgs", "sponsors", "about", "search"))
_ADDRESS = re.compile(
    r"(?:https?://|(?<![\w./@-])(?=(?:github|gitlab)\.com/))[^\s<>\"'{}|\\^`]+", re.IGNORECASE
)
#: what some copies of arXiv have in the place of addresses
_GONE = re.compile(r"this https?,? URL", re.IGNORECASE)
#: what ends a sentence and not an address
_BEHIND = ".,;:!?)]*"
_PROJECT = re.compile(r"\b(?:project|home|web)[\s-]?(?:page|site)?s?\b[^.;]{0,40}$", re.IGNORECASE)
_ACCEPTED = re.compile(
    r"\b(?:accept(?:ed|ance)?|to appear|appear(?:s|ed|ing)?\s+(?:in|at)|published|presented|"
    r"camera[\s-]ready|in proceedings?|proceedings of)\b",
    re.IGNORECASE,
)
#: what is accepted is not always the paper
_NOT_YET = re.compile(r"\b(?:submitted|under review|not yet|in review)\b", re.IGNORECASE)
#: a full stop behind these ends no sentence
_SHORT = "".join(f"(?<!{w})" for w in "Proc Conf Int Trans Symp Lett Sci Comput".split())
_CLAUSES = re.compile(
    rf"[;\n]\s*|{_SHORT}\.\s+(?=[A-Z0-9])|,\s+(?=\d+\s+(?:pages|figures|tables|pp\b))"
)
#: what stands before an address, and says nothing without it
_LABEL = re.compile(
    r"(?:^|[\s,.;:(]+)(?:the |our |source )?"
    r"(?:code|github|project|home|web|dataset|data|demo|video)\b[\w\s/&]{0,30}[:\s(]*$",
    re.IGNORECASE,
)
_PAGES = re.compile(r"\b(\d{1,4})\s*(?:\+\s*\d+\s*)?(?:pages|pp\b)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Resources:
    """Each once, or empty."""

    code_url: str = ""
    project_url: str = ""
    #: as the authors write it: "Accepted at ICML 2026"
    venue: str = ""
    n_pages: int = 0


@lru_cache(maxsize=256)  # what a card says of a paper and what it links to, one after the other
def resources_of(paper: Paper) -> Resources:
    """What abstract and comment tell; what a source says itself goes before it."""
    code, project = "", ""
    for text in (paper.comment, paper.abstract):
        for found in _ADDRESS.finditer(text) if "/" in text else ():
            url = _safe(found[0])
            if not url:
                continue
            if not code and _is_repository(url):
                code = url
            elif not project and _is_project(url, text[: found.start()]):
                project = url
    pages = _PAGES.search(paper.comment)
    return Resources(code, project, venue_of(paper.comment), int(pages[1]) if pages else 0)


def venue_of(comment: str) -> str:
    """The part of a comment that says where the paper was accepted, or nothing.

    >>> venue_of("12 pages, 5 figures. Accepted at ICML 2026; code at https://example.org")
    'Accepted at ICML 2026'
    """
    for clause in _CLAUSES.split(_GONE.sub(";\n", _ADDRESS.sub(";\n", clean(comment)))):
        clause = _LABEL.sub("", clause.strip(" .,:;"))
        if _ACCEPTED.search(clause) and not _NOT_YET.search(clause):
            # "9 pages, 3 figures, accepted at …": what stands before it is told elsewhere
            said = re.sub(r"^(?:[\d\w+ ]*\b(?:pages?|figures?|tables?|pp)\b[,.]?\s*)+", "", clause)
            said = said.strip(" .,:;")
            if said.startswith("(") or said.count("(") != said.count(")"):
                said = said.strip("() ") + (")" if "(" in said.strip("() ") else "")
            said = shorten(said, VENUE_CHARS)
            return said[:1].upper() + said[1:]
    return ""


def _safe(found: str) -> str:
    url = found if "://" in found else f"https://{found}"
    return safe_url(url.rstrip(_BEHIND).removesuffix(".git"))


def _is_repository(url: str) -> bool:
    parts = urlsplit(url)
    host = parts.netloc.lower().removeprefix("www.")
    path = [p for p in parts.path.split("/") if p]
    return host in _CODE_HOSTS and len(path) >= 2 and path[0].lower() not in _NO_OWNERS


def _is_project(url: str, before: str) -> bool:
    """A page of the project: the text says so, or it is a page of GitHub's for one."""
    host = urlsplit(url).netloc.lower()
    if host.removeprefix("www.") in _CODE_HOSTS:
        return False
    return host.endswith((".github.io", ".gitlab.io")) or _PROJECT.search(before[-60:]) is not None
