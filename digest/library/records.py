"""What library files have in common: an entry, the paper in it, and what a whole file held."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from digest.authors import family_name, natural_name, split_names
from digest.dates import parse_date
from digest.errors import LibraryError
from digest.identity import are_two, canonical_id, merge, names, text_key, title_words, titles_alike
from digest.latex import readable
from digest.library.encoding import Decoded
from digest.library.identify import Ids, identify
from digest.library.limits import MAX_ABSTRACT_CHARS, MAX_TITLE_CHARS
from digest.markup import plain
from digest.model import Paper
from digest.ports import Likes
from digest.text import safe_url


def refuse_more_than(max_entries: int, n_entries: int, place: str) -> None:
    """Counting is quick, reading is not, so it comes first.

    Raises:
        LibraryError: a file holds more entries than are read from one.
    """
    if n_entries > max_entries:
        raise LibraryError(
            f"{place} holds {n_entries:,} entries; at most {max_entries:,} are read from one file.",
            place=place,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """An entry of a library, whatever format it came in: texts in one line, as a person reads them.

    The ids of a paper stand in many fields; which of them agree is for `identify` to say.
    """

    title: str = ""
    abstract: str = ""
    #: given name first
    authors: tuple[str, ...] = ()
    #: in any spelling
    date: str = ""
    journal: str = ""
    language: str = ""
    url: str = ""
    #: texts of fields that are made for an id or an address, the most telling first
    ids: tuple[str, ...] = ()
    #: texts of fields in which programs and people write an id among other words
    mentions: tuple[str, ...] = ()
    #: when the reader took it in
    added: datetime | None = None
    #: keywords of the reader or the publisher
    tags: tuple[str, ...] = ()
    #: folders of the reader, "Reading/2026"
    groups: tuple[str, ...] = ()


#: whether an entry is one of those that are wanted
Wanted = Callable[[Record], bool]


def everything(_: Record) -> bool:
    """A `Wanted` that wants all."""
    return True


def paper_of(record: Record, source: str, ids: Ids | None = None) -> Paper | None:
    """An entry as a paper; None if it has neither title nor abstract.

    Args:
        ids: what it is called, if that is known already.
    """
    if not record.title and not record.abstract:
        return None
    found = identify(record.ids, record.mentions) if ids is None else ids
    url = safe_url(record.url)
    arxiv_page = f"https://arxiv.org/abs/{found.arxiv}" if found.arxiv else ""
    key = canonical_id(
        url=arxiv_page,
        doi=found.doi,
        guid=f"pmid:{found.pmid}" if found.pmid else "",
        title=record.title or record.abstract,
    )
    if key.startswith("text:") and found.other:
        key = found.other
    others = (f"pmid:{found.pmid}" if found.pmid else "", found.other)
    return Paper(
        id=key,
        title=record.title,
        abstract=record.abstract,
        authors=record.authors,
        url=arxiv_page or url or (safe_url(f"https://doi.org/{found.doi}") if found.doi else ""),
        doi=found.doi,
        published=_published(record.date),
        journal_ref=record.journal,
        source=source,
        language=_code_of(record.language),
        aliases=tuple(o for o in others if o and o != key),
    )


#: by the names of languages as packages of LaTeX and catalogues have them
_LANGUAGES = {
    "english": "en", "american": "en", "british": "en", "usenglish": "en", "ukenglish": "en",
    "eng": "en", "german": "de", "ngerman": "de", "ger": "de", "deu": "de", "french": "fr",
    "fre": "fr", "fra": "fr", "spanish": "es", "spa": "es", "italian": "it", "ita": "it",
    "russian": "ru", "rus": "ru", "portuguese": "pt", "por": "pt", "dutch": "nl", "dut": "nl",
    "nld": "nl", "polish": "pl", "pol": "pl", "japanese": "ja", "jpn": "ja", "chinese": "zh",
    "chi": "zh", "zho": "zh", "korean": "ko", "kor": "ko", "turkish": "tr", "tur": "tr",
}  # fmt: skip


def _code_of(language: str) -> str:
    """The code of a language, "en", by its code or name; empty where it is not known."""
    name = re.split(r"[-_\s;,]", language.strip().lower(), maxsplit=1)[0]
    return name if re.fullmatch(r"[a-z]{2}", name) else _LANGUAGES.get(name, "")


def _published(text: str) -> datetime | None:
    """The day that a text names, or the first of the year in it."""
    year = re.search(r"(?<!\d)1[5-9]\d\d(?!\d)|(?<!\d)20\d\d(?!\d)", text)
    if year is None:
        return None
    day = parse_date(text.strip(" /-"))
    if day is not None and day.year == int(year[0]):
        return datetime(day.year, day.month, day.day, tzinfo=UTC)
    return datetime(int(year[0]), 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class _Entry:
    record: Record
    where: str
    ids: Ids


class Collector:
    """Collects what a file holds, and counts it, so that no entry is lost without a word.

    Args:
        place: how messages call the file.
        source: how papers call what brought them.
    """

    def __init__(self, place: str, source: str, wanted: Wanted = everything) -> None:
        self._place, self._source, self._wanted = place, source, wanted
        self._entries: list[_Entry] = []
        self._refs: dict[str, str] = {}
        self._faults: list[str] = []
        self._remarks: dict[str, None] = {}
        self._n_entries = self._n_unwanted = self._n_same_refs = 0

    @property
    def n_entries(self) -> int:
        """What was put here so far."""
        return self._n_entries

    def put(self, record: Record, *, where: str, what: str = "this record") -> None:
        """An entry: a paper; or a mere reference, if it has no words; or the fault that it is
        neither."""
        if not self._wanted(record):
            self._n_unwanted += 1
            return
        ids = identify(record.ids, record.mentions)
        if record.title or record.abstract:
            self._n_entries += 1
            self._entries.append(_Entry(record, where, ids))
        elif ids.name:
            self.ref(ids.name)
        else:
            self.fault(where, f"{what} has no title, no abstract and no id")

    def ref(self, name: str) -> None:
        """An entry that is nothing but the name of a paper; see `identifiers.name_of`."""
        self._n_entries += 1
        self._n_same_refs += name in self._refs
        self._refs.setdefault(name, _shown(name))

    def fault(self, where: str, text: str) -> None:
        """An entry that cannot be used, and why."""
        self._n_entries += 1
        self._faults.append(f"{self._place}, {where}: {text}.")

    def remark(self, text: str) -> None:
        """What is worth telling of entries that are used all the same."""
        self._remarks.setdefault(f"{self._place}: {text}.")

    def likes_of(self, decoded: Decoded, what: str) -> Likes:
        """See `likes`.

        Args:
            decoded: the text of the file.
            what: an entry of its kind.

        Raises:
            LibraryError: there is text, but not one entry in it.
        """
        if decoded.remark:
            self.remark(decoded.remark)
        if not self._n_entries and not self._n_unwanted and decoded.text.strip():
            raise LibraryError(f"{self._place} holds no {what}.", place=self._place)
        return self.likes()

    def likes(self) -> Likes:
        """All that was put here, one paper a work, what one record lacks filled from its
        duplicates."""
        self._distrust_shared_ids()
        papers = self._papers()
        added: dict[str, datetime] = {}
        for entry, paper in zip(self._entries, papers, strict=True):
            if entry.record.added is not None:
                added[paper.id] = min(added.get(paper.id, entry.record.added), entry.record.added)
        merged = merge(papers)
        owner = {n: p.id for p in merged for n in names(p)}
        dates: dict[str, datetime] = {}
        for key, at in added.items():
            home = owner.get(key, key)
            dates[home] = min(dates.get(home, at), at)
        refs = [ref for name, ref in self._refs.items() if name not in owner]
        if self._n_unwanted:
            self.remark(f"{self._n_unwanted:,} entries are none of those that you chose")
        return Likes(
            papers=merged,
            refs=tuple(refs),
            faults=tuple(self._faults),
            remarks=tuple(self._remarks),
            n_duplicates=self._n_same_refs
            + len(self._refs)
            - len(refs)
            + len(papers)
            - len(merged),
            n_entries=self._n_entries,
            added=dates,
        )

    def _paper(self, entry: _Entry) -> Paper:
        paper = paper_of(entry.record, self._source, entry.ids)
        assert paper is not None  # entries have words
        return paper

    def _papers(self) -> list[Paper]:
        """A paper an entry. What is known by its title alone is another paper if its authors are
        others: many are called "Introduction"."""
        papers: list[Paper] = []
        authors_of: dict[str, set[str]] = {}
        for entry in self._entries:
            paper = self._paper(entry)
            if paper.id.startswith("text:") and paper.authors:
                ours = {family_name(a) for a in paper.authors}
                if ours.isdisjoint(authors_of.setdefault(paper.id, ours)):
                    title = f"{paper.title} {' '.join(sorted(ours))}"
                    paper = replace(paper, id=text_key(title))
            papers.append(paper)
        return papers

    def _distrust_shared_ids(self) -> None:
        """Take an id away from entries that share it although their titles are of other works:
        programs write one paper's id on another's entry, and a book's on all its chapters."""
        by_name: dict[str, list[_Entry]] = {}
        for entry in self._entries:
            for name in entry.ids.names:
                by_name.setdefault(name, []).append(entry)
        for name, entries in by_name.items():
            if len(entries) < 2 or not _are_several([self._paper(e) for e in entries]):
                continue
            for entry in entries:
                entry.ids = entry.ids.without(name)
            places = ", ".join(e.where for e in entries[:5])
            more = f" and {len(entries) - 5} more" if len(entries) > 5 else ""
            self.remark(
                f"{_shown(name)} stands in {len(entries)} entries of different titles, so it "
                f"names none of them ({places}{more})"
            )


def _are_several(papers: Sequence[Paper]) -> bool:
    """Whether entries of one id are of several works; see `identity.are_two`."""
    by_title = {tuple(title_words(p.title)): p for p in papers if p.title}
    one, *others = by_title.values() or (None,)
    if one is None:
        return False
    unlike = [p for p in others if not titles_alike(one.title, p.title)]
    if len(unlike) > 1 and all(p.authors for p in unlike):  # chapters under a book's DOI
        return True
    dois = {p.doi for p in (one, *unlike) if p.doi}
    return any(are_two(one, p) for p in unlike) or (bool(unlike) and len(dois) > 1)


def _shown(name: str) -> str:
    """A name as people write it."""
    return name.removeprefix("arxiv:").removeprefix("doi:")


# --- fields ------------------------------------------------------------------------------------


def first(values: Mapping[str, list[str]], *tags: str) -> str:
    """The first text of the first of these tags that has one."""
    return next((v for tag in tags for v in values.get(tag, ()) if v), "")


def every(values: Mapping[str, list[str]], *tags: str) -> tuple[str, ...]:
    """All texts of some tags, each once, in their order."""
    return tuple(dict.fromkeys(v for tag in tags for v in values.get(tag, ()) if v))


def title_of(text: str) -> str:
    """A title or the name of a journal, without markup and LaTeX."""
    read = readable(text[:MAX_TITLE_CHARS])
    shown = plain(read)
    # <tex> and its like may hold LaTeX in turn
    return readable(shown) if "$" in shown and "$" not in read else shown


def abstract_of(text: str) -> str:
    """An abstract without markup; its LaTeX is read when it is shown, as that of sources is."""
    return plain(text[:MAX_ABSTRACT_CHARS])


def names_of(names: Sequence[str]) -> tuple[str, ...]:
    """Authors of a list of names, family name first or given name first."""
    parted = (one for n in names for one in (split_names(n) if ";" in n else [natural_name(n)]))
    found = (title_of(n) for n in parted)
    return tuple(dict.fromkeys(n for n in found if n))


def moment_of(text: str) -> datetime | None:
    """When a reader took an entry in, as programs write it."""
    return parse_date(text) if text else None
