"""Pages of paper sites that somebody saved as text: a Daily Papers page, a topic page with title
and abstract on alternating lines, an arXiv listing."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from itertools import pairwise

from digest.identifiers import parse_arxiv_id
from digest.library.encoding import decode
from digest.library.limits import MAX_ABSTRACT_CHARS, MAX_ENTRIES
from digest.library.records import Collector, Record, Wanted, everything, refuse_more_than, title_of
from digest.ports import Likes
from digest.text import clean

_AUTHORS = re.compile(r"^\W*(\d+) authors?$")
_DATE = re.compile(r"^[A-Z][a-z]{2} \d{1,2}, \d{4}$")
#: the box above a topic page, to whose button the first title is glued
_BOX = re.compile(r"^Get trending papers in your email inbox.*$|^Subscribe$", re.M)
_GLUED = re.compile(r"^Subscribe(?=[A-Z0-9])", re.M)
_LISTED = re.compile(r"^[ \t]*(?:\[\d+\][ \t]*)?arXiv:(\S+)", re.M)
_FIELD = re.compile(r"^\s*(Title|Authors):\s*(.*)$")
#: an abstract is longer than this, a title shorter
MIN_ABSTRACT_CHARS, MAX_TITLE_CHARS = 200, 300


def looks_like(text: str) -> bool:
    """Whether a text is such a page rather than a list of ids."""
    if _BOX.search(text) or _GLUED.search(text):
        return True
    lines = text.splitlines()
    return sum(1 for line in lines if _AUTHORS.match(line.strip())) > 1 or (
        bool(_LISTED.search(text)) and sum(1 for line in lines if _FIELD.match(line)) > 1
    )


def parse(
    body: bytes, *, place: str, max_entries: int = MAX_ENTRIES, wanted: Wanted = everything
) -> Likes:
    """The papers of a saved page, in its order, one a title.

    Raises:
        LibraryError: there is text, but no paper in it, or there are too many.
    """
    decoded = decode(body)
    text = decoded.text
    collector = Collector(place, "page", wanted)
    is_listing = bool(_LISTED.search(text)) and not _BOX.search(text)
    lines = _LISTED.findall(text) if is_listing else text.splitlines()
    refuse_more_than(max_entries if is_listing else 20 * max_entries, len(lines), place)
    read = _listing if is_listing else _page
    read(text, collector)
    return collector.likes_of(decoded, "title with its abstract")


def _page(text: str, collector: Collector) -> None:
    """A title and the long line after it are a paper; what stands between two is left alone."""
    text = _GLUED.sub("", _BOX.sub("", text))
    lines = [(n, line.strip()) for n, line in enumerate(text.splitlines(), 1) if line.strip()]
    for at, ((number, title), (_, abstract)) in enumerate(pairwise(lines)):
        if len(abstract) < MIN_ABSTRACT_CHARS or len(title) > MAX_TITLE_CHARS:
            continue
        following = [line for _, line in lines[at + 2 : at + 6]]
        record = Record(
            title=title_of(title),
            abstract=clean(abstract[:MAX_ABSTRACT_CHARS]),
            date=next((line for line in following if _DATE.match(line)), ""),
        )
        collector.put(record, where=f"line {number}")


def _listing(text: str, collector: Collector) -> None:
    """An arXiv listing: ids, then titles and authors; abstracts only on some."""
    starts = list(_LISTED.finditer(text))
    line = 1 + text.count("\n", 0, starts[0].start())
    after = line
    for start, end in zip(starts, [*starts[1:], None], strict=True):
        block = text[start.start() : end.start() if end else len(text)]
        line, after = after, after + block.count("\n")
        found = parse_arxiv_id(start[1])
        if found is None:
            collector.fault(f"line {line}", f"{start[1][:40]} is no arXiv id")
            continue
        collector.put(_listed(found[0], block), where=f"line {line}")


def _listed(arxiv_id: str, block: str) -> Record:
    """The record that a listing gives; arXiv itself is asked for the abstract."""
    fields: dict[str, str] = {}
    for line in block.splitlines():
        if match := _FIELD.match(line):
            fields.setdefault(match[1], clean(match[2]))
    return Record(
        title=title_of(fields.get("Title", "")),
        authors=tuple(clean(a) for a in fields.get("Authors", "").split(",") if a.strip()),
        ids=(f"arxiv:{arxiv_id}",),
        date=str(datetime.strptime(arxiv_id[:2], "%y").replace(tzinfo=UTC).year)
        if arxiv_id[:4].isdigit()
        else "",
    )
