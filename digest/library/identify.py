"""Which paper an entry is about: ids out of all the fields that programs and people put them in.

One rule for all formats. A field that is made for an id is believed before a remark; a remark that
speaks of another paper ("Comment on arXiv:…") is not about this one.
"""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from digest.identifiers import arxiv_key, doi_name, name_of, parse_arxiv_id, parse_doi

_ARXIV_ID = r"(?:\d{4}\.\d{4,5}|[a-z]+(?:-[a-z]+)*(?:\.[A-Z]{2})?/\d{7})(?:v\d+)?"
#: "arXiv preprint arXiv:2405.01234", "arXiv:2405.01234 [cs]", "abs/2405.01234", "arXiv e-prints
#: 2405.01234 (2024)"
_ARXIV_SAID = re.compile(
    rf"(?:\barxiv(?:\.org)?(?:\s+(?:e-?)?(?:preprints?|prints?))?\s*"
    rf"(?:(?:id|identifier|no|number)\.?)?[\s:,#(\[/]*(?:arxiv\s*:\s*)?(?:abs/)?|\babs/)"
    rf"({_ARXIV_ID})(?![\d/])",
    re.IGNORECASE,
)
_ARXIV_BARE = re.compile(rf"^\W*({_ARXIV_ID})(?:\s*\[[\w.\-, ]+\]|\s*\([\w.\-, ]+\))?\W*$", re.I)
_ADDRESS = re.compile(r"https?://[^\s\"'{}|\\^`]+", re.IGNORECASE)
_DOI_SAID = re.compile(r"\bdoi\b\s*(?:number|no\.?)?\s*[:=]?\s*(10\.\d{4,9}/\S+)", re.IGNORECASE)
_PMID_SAID = re.compile(r"\b(?:PMID|PubMed ID|pubmed:|MEDLINE:)\s*:?\s*(\d{5,9})\b", re.I)
#: without any of these, a remark names no paper
TELLING = re.compile(
    r"arxiv|abs/|\b10\.\d{4}|pmid|pubmed|medline|://|^(?:pmc|s2|openalex):", re.IGNORECASE
)
#: what is said of another paper
_OF_ANOTHER = re.compile(
    r"\b(?:comments?|reply|replies|response|errat(?:um|a)|addend(?:um|a)|corrigend(?:um|a)|"
    r"corrections?|companion|supplement\w*|see|cf\.?|cited|citing|cites|extends|based on|"
    r"follow-?up|superse\w+|translat\w+|reviews?|related|data|dataset|code|software)\b[^.;\n]{0,60}$",
    re.IGNORECASE,
)
#: characters of a remark that are read
MAX_MENTION_CHARS = 3_000
#: Mendeley wrote this one on hundreds of entries that have nothing to do with it
_WRITTEN_BY_MISTAKE = frozenset({"1011.1669"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Ids:
    """What an entry calls its paper; empty where it says nothing."""

    arxiv: str = ""
    doi: str = ""
    pmid: str = ""
    #: a name of another register, "pmc:…", "s2:…" or "openalex:…"
    other: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """See `identifiers.name_of`, the best one first."""
        found = (
            arxiv_key(self.arxiv) if self.arxiv else "",
            doi_name(self.doi) if self.doi else "",
            f"pmid:{self.pmid}" if self.pmid else "",
            self.other,
        )
        return tuple(dict.fromkeys(n for n in found if n))

    @property
    def name(self) -> str:
        return next(iter(self.names), "")

    def without(self, name: str) -> Ids:
        """The others."""
        return replace(
            self,
            arxiv="" if self.arxiv and arxiv_key(self.arxiv) == name else self.arxiv,
            doi="" if self.doi and doi_name(self.doi) == name else self.doi,
            pmid="" if name == f"pmid:{self.pmid}" else self.pmid,
            other="" if name == self.other else self.other,
        )


def identify(ids: Sequence[str], mentions: Sequence[str] = ()) -> Ids:
    """The ids in the fields of an entry.

    Args:
        ids: texts of fields that are made for an id or an address, the most telling first.
        mentions: texts in which an id may stand among other words.
    """
    found: dict[str, str] = {}
    for text in ids:
        _put(found, text)
    for text in mentions:
        _mentioned(found, text[:MAX_MENTION_CHARS])
    if found.get("arxiv") in _WRITTEN_BY_MISTAKE:
        del found["arxiv"]
    return Ids(**found)


def _put(found: dict[str, str], text: str) -> None:
    """The ids in a field that is made for them."""
    text = _unescaped(text)
    if not text:
        return
    said = _ARXIV_SAID.search(text) or _ARXIV_BARE.match(text)
    if arxiv := parse_arxiv_id(said[1] if said else text):
        found.setdefault("arxiv", arxiv[0])
        return
    name = name_of(text) or next((n for a in _ADDRESS.findall(text) if (n := name_of(a))), "")
    register, _, rest = name.partition(":")
    if register == "doi":
        found.setdefault("doi", parse_doi(text) or rest)
    elif register in ("arxiv", "pmid"):
        found.setdefault(register, rest)
    elif register in ("s2", "openalex", "pmc"):
        found.setdefault("other", name)


def _mentioned(found: dict[str, str], text: str) -> None:
    """The ids in a remark."""
    if not TELLING.search(text):
        return
    for key, pattern in (("arxiv", _ARXIV_SAID), ("doi", _DOI_SAID), ("pmid", _PMID_SAID)):
        for match in pattern.finditer(text):
            if key in found or _OF_ANOTHER.search(text[max(0, match.start() - 90) : match.start()]):
                continue
            if key == "pmid":
                found[key] = match[1]
            else:
                _put(found, match[1])
    bare = text.strip()
    for match in _ADDRESS.finditer(text):
        if not _OF_ANOTHER.search(text[max(0, match.start() - 90) : match.start()]):
            _put(found, match[0].rstrip(".,;)"))
    if bare.startswith(("10.", "pmc:", "s2:", "openalex:")) and " " not in bare:
        _put(found, bare)


def _unescaped(text: str) -> str:
    """Angles and signs as they are in a DOI, however a program escaped them."""
    text = text.strip()
    if "&" in text:
        text = re.sub(r"\\?&\\?(lt|gt|amp)\\?;", lambda m: html.unescape(f"&{m[1]};"), text)
    return text.replace("$<$", "<").replace("$>$", ">")
