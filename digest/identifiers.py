"""Names of papers in ids and addresses: arXiv ids, DOIs, PMIDs, and other registers' own.

Publishers write one DOI into a dozen addresses; preprint servers give each version one of its own.
What is the same work has the same name here. Addresses as seen in 2018 to 2026.
"""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, unquote, urlsplit

_NEW_STYLE = r"\d{4}\.\d{4,5}"
_OLD_STYLE = r"[a-z]+(?:-[a-z]+)*(?:\.[A-Z]{2})?/\d{7}"
_ARXIV_ID = re.compile(rf"({_NEW_STYLE}|{_OLD_STYLE})(?:v(\d+))?", re.IGNORECASE)
#: arXiv itself, and places that show its papers under their ids
_ARXIV_URL = re.compile(
    rf"(?:arxiv\.org/(?:abs|pdf|html|format|e-print|ps|src|list/[\w.-]+)/"
    rf"|alphaxiv\.org/(?:abs|pdf|overview|html)/|(?:huggingface\.co|hf\.co)/papers/"
    rf"|doi\.org/10\.48550/arxiv\.|papers\.cool/arxiv/|scirate\.com/arxiv/"
    rf"|ar5iv(?:\.labs\.arxiv)?\.org/(?:abs|html|pdf)?/?|takara\.ai/p/"
    rf"|semanticscholar\.org/arxiv/|arxiv-vanity\.com/papers/|paperswithcode\.com/paper/arxiv/"
    rf"|moonlight\.com/arxiv/|connectedpapers\.com/main/arxiv/|arxivlens\.com/\w+/"
    rf"|emergentmind\.com/papers/|catalyzex\.com/paper/arxiv:|deeplearn\.org/arxiv/"
    rf"|synthical\.com/\w+/arxiv/|inspirehep\.net/arxiv/|adsabs\.harvard\.edu/abs/arxiv:)"
    rf"({_NEW_STYLE}|{_OLD_STYLE})(?:v(\d+))?(?!\d)",
    re.IGNORECASE,
)
#: as they stand in a text: older ones hold brackets, angles and semicolons
_DOI = re.compile(r"10\.\d{4,9}/[^\s\"]+")
#: the part of a serial in some of those: <1661::AID-SIM968>3.0.CO;2-2, <0103:ABC>2.0.CO;2
_SICI = re.compile(r"<[\w.?]*:[^<>\s]*>\d")
_ESCAPED_SICI = re.compile(r"&(?:amp;)?lt;(?=[\w.?]*:)|(?<=[\w:-])&(?:amp;)?gt;(?=\d\.\d)")
#: the Astrophysics Data System's code of an arXiv paper: 2020arXiv200507513A, 2006astro.ph..1001B
_BIBCODE = re.compile(r"(?<!\d)(?:19|20)\d\darXiv(\d{4})\.?(\d{4,5})[A-Z.]", re.IGNORECASE)
_PMID = re.compile(
    r"(?:pubmed\.ncbi\.nlm\.nih\.gov/|ncbi\.nlm\.nih\.gov/(?:pubmed|m/pubmed)/"
    r"|europepmc\.org/(?:article|abstract)/med/|^pubmed:\s*|^pmid:?\s*)(\d{1,9})\b"
)
_PMCID = re.compile(
    r"(?:pmc\.ncbi\.nlm\.nih\.gov/articles/|ncbi\.nlm\.nih\.gov/(?:pmc|labs/pmc)/articles/"
    r"|europepmc\.org/(?:articles?|abstract)/(?:pmc/)?|^pmcid:?\s*|^)(?:pmc)(\d{3,9})\b"
)
_OTHER_REGISTERS = re.compile(
    r"semanticscholar\.org/paper/(?:[^/\s]+/)?([0-9a-f]{40})|^corpusid:\s*(\d{1,12})$"
    r"|(?:openalex\.org/(?:works/)?|^openalex:)(W\d{3,12})",
    re.IGNORECASE,
)
#: registrants of preprints: arXiv, bioRxiv and medRxiv (two), Research Square, ChemRxiv,
#: Preprints.org, OSF's servers, SSRN, Authorea, TechRxiv, Zenodo, PeerJ, Cambridge, figshare, SAGE
_PREPRINT_DOIS = (
    "10.48550/", "10.1101/", "10.64898/", "10.21203/rs", "10.26434/", "10.20944/",
    "10.31234/", "10.31235/", "10.31219/", "10.31222/", "10.31223/", "10.31224/", "10.2139/ssrn",
    "10.22541/", "10.36227/", "10.5281/", "10.7287/", "10.33774/", "10.6084/", "10.31124/",
    "10.35542/", "10.51224/",
)  # fmt: skip
#: how registrants that give each version a DOI write its number, in lower case
_VERSIONS = (
    (re.compile(r"10\.26434/chemrxiv"), re.compile(r"(?:[-./]v\d+)$")),
    (re.compile(r"10\.33774/coe"), re.compile(r"-v\d+$")),
    (re.compile(r"10\.21203/rs\."), re.compile(r"/v\d+$")),
    (re.compile(r"10\.20944/preprints"), re.compile(r"\.v\d+$")),
    (re.compile(r"10\.(?:36227|31124|6084|22541|14293)/"), re.compile(r"[./]v\d+$")),
    # F1000's platforms: f1000research.12345.1, wellcomeopenres.12345.2
    (re.compile(r"10\.(?:12688|21955)/[a-z0-9]+\.\d+\.\d"), re.compile(r"\.\d{1,2}$")),
    (re.compile(r"10\.7554/elife\.\d{5,6}\.\d$"), re.compile(r"\.\d$")),
    (re.compile(r"10\.\d{5}/osf\.io/"), re.compile(r"_v\d+$")),
    (re.compile(r"10\.3(?:12|55)\d+/"), re.compile(r"_v\d+$")),
    (re.compile(r"10\.7287/peerj\.preprints"), re.compile(r"v\d+$")),
    (re.compile(r"10\.32388/"), re.compile(r"\.\d{1,2}$")),
)


_BEFORE_ID = re.compile(r"^(?:oai:)?arxiv(?:\.org)?:\s*|^10\.48550/arxiv\.", re.IGNORECASE)


def parse_arxiv_id(text: str) -> tuple[str, int | None] | None:
    """The bare id and version in "2405.01234v2", "arXiv:…", an oai id or an address; or None.

    >>> parse_arxiv_id("https://arxiv.org/abs/astro-ph/0601001v3")
    ('astro-ph/0601001', 3)
    """
    text = unquote(text.strip())
    match = _ARXIV_URL.search(text)
    if match is None and (code := _BIBCODE.search(text)):
        return f"{code[1]}.{code[2]}", None
    if match is None:
        match = _ARXIV_ID.fullmatch(_BEFORE_ID.sub("", text))
    if match is None:
        return None
    arxiv_id = match[1]
    if "/" in arxiv_id:
        archive, number = arxiv_id.split("/")
        # "math.GT/0309136" and "math/0309136" are one paper; the class is only decoration
        arxiv_id = f"{archive.split('.')[0].lower()}/{number}"
    return arxiv_id, int(match[2]) if match[2] else None


# --- DOIs --------------------------------------------------------------------------------------

_IS_ADDRESS = re.compile(
    r"^(?:https?:)?//|^(?:www\.|dx\.|doi\.org/)|^[\w-]+(?:\.[\w-]+)+/\S*10\.\d{4}"
)
#: what publishers write behind a DOI in an address
_TAILS = re.compile(
    r"(?:/(?:v\d+/)?(?:full|abstract|abs|pdf|epdf|epub|meta|html|fulltext|full-text|summary|"
    r"references|reference|figures|figure|metrics|suppinfo|supplementary|supplementary-material|"
    r"supplementary-info|citations|citation|cited-by|download|tables|related|"
    r"similar|comments|review|reviews|export|print|mobile|media|asset|info|article-info|"
    r"full/html|full/pdf|pdf/download|xml|tab-(?:pdf|article-info|figures-data)|"
    r"keyword|powerpoint|short|suppl_file/\S*|issue|full\.html|full\.pdf|"
    r"fulltext\.html|fulltext\.pdf|(?:figures?|tables?)/\d+|type/\w+))$"
    r"|(?:\.full|\.abstract|\.short|\.article-info|\.article-metrics|\.supplementary-material|"
    r"\.full-text|\.figures-only|\.long|\.extract|\.citation)?(?:\.(?:pdf|epub|html?|xml|txt))$"
    r"|\.(?:full|abstract|short|article-info|article-metrics|supplementary-material|full-text|"
    r"figures-only|long|extract)$",
    re.IGNORECASE,
)
#: Silverchair's platforms (Oxford, AIP, RSC, ACS): the DOI, their own number, the title's words
_SLUG = re.compile(r"/\d{5,}(?:/[^/]*)?$")
_SILVERCHAIR = re.compile(
    r"/(?:article|article-abstract|advance-article|advance-article-abstract|article-pdf|"
    r"article-lookup|book|chapter|chapter-abstract|proceedings|proceedings-article)/doi/",
    re.IGNORECASE,
)
#: parameters of addresses that may hold a DOI
_PARAMETERS = ("doi", "id", "doid", "uri", "articleid", "key", "q", "url", "target", "redirect_uri")
#: addresses that are made of the last part of a DOI
_MADE_OF = tuple(
    (re.compile(pattern, re.IGNORECASE), template)
    for pattern, template in (
        (
            r"nature\.com/articles/([sd]4\d{4}-\d{3}-\d{4,6}-[\dxyz]|[a-z]{2,12}[.\d]\d*(?:\.\d+)*)",
            "10.1038/{}",
        ),
        (
            r"pubs\.rsc\.org/\w\w/content/article(?:landing|html|pdf|db)/\d{4}/\w\w/([a-z]\d\w{6,8})",
            "10.1039/{}",
        ),
        (r"elifesciences\.org/(?:articles|reviewed-preprints)/(\d{4,6})", "10.7554/elife.{}"),
        (r"researchsquare\.com/article/(rs-\d+)", "10.21203/rs.3.{}"),
        (r"preprints\.org/manuscript/(\d{6}\.\d{4})", "10.20944/preprints{}"),
        (r"ssrn\.com/(?:\S*[?&/])?abstract(?:_?id)?=(\d+)", "10.2139/ssrn.{}"),
        (r"zenodo\.org/records?/(\d+)", "10.5281/zenodo.{}"),
        (r"jstor\.org/(?:stable|discover)/(?:10\.2307/)?(\d{5,10})(?!\d)", "10.2307/{}"),
        (r"osf\.io/preprints/psyarxiv/([a-z0-9]{5})", "10.31234/osf.io/{}"),
        (r"osf\.io/preprints/socarxiv/([a-z0-9]{5})", "10.31235/osf.io/{}"),
        (r"osf\.io/preprints/(?:osf/)?([a-z0-9]{5})(?![a-z0-9])", "10.31219/osf.io/{}"),
        (r"psyarxiv\.com/([a-z0-9]{5})", "10.31234/osf.io/{}"),
        (r"peerj\.com/articles/(\d+)", "10.7717/peerj.{}"),
        (r"peerj\.com/articles/(cs|[apoi]chem|matsci)-(\d+)", "10.7717/peerj-{}.{}"),
        (r"hindawi\.com/journals/\w+/(\d{4})/(\d{5,8})", "10.1155/{}/{}"),
        (
            r"aclanthology\.org/([\w.-]+?-[\w.]+\.\d+|[a-z]\d{2}-\d{4})(?:\.pdf|/|$)",
            "10.18653/v1/{}",
        ),
        (r"(\w+)\.copernicus\.org/articles/(\d+)/(\d+)/(\d{4})", "10.5194/{}-{}-{}-{}"),
        (
            r"rxiv\.org/content/early/\d{4}/\d\d/\d\d/(\d{6,}|\d{4}\.\d\d\.\d\d\.\d+)",
            "10.1101/{}",
        ),
        (r"dl\.acm\.org/citation\.cfm\?(?:\S*&)?(?:id|doid)=\d+\.(\d+)", "10.1145/{}"),
    )
)


def parse_doi(text: str) -> str:
    """The DOI in a text or an address, lower case; empty if there is none.

    >>> parse_doi("https://onlinelibrary.wiley.com/doi/full/10.1002/tax.12650?af=R")
    '10.1002/tax.12650'
    """
    text = _ESCAPED_SICI.sub(lambda m: "<" if "lt" in m[0] else ">", text.strip())
    if _IS_ADDRESS.search(text) and " " not in text:
        return _doi_of_address(text)
    match = _DOI.search(unquote(text) if "%2f" in text.lower() else text)
    return _trimmed(match[0]) if match else ""


def _doi_of_address(url: str) -> str:
    try:
        parts = urlsplit(url if "//" in url else f"//{url}")
    except ValueError:
        return ""
    for key, value in parse_qsl(parts.query):
        if key.lower() in _PARAMETERS and (match := _DOI.search(value)):
            return _without_tails(_trimmed(match[0]))
    path = unquote(parts.path)
    if match := _DOI.search(path):
        doi = match[0]
        if _SILVERCHAIR.search(path):
            doi = _SLUG.sub("", doi)
        return _without_tails(_trimmed(doi))
    for pattern, template in _MADE_OF:
        if made := pattern.search(url):
            return template.format(*made.groups()).lower()
    return ""


def _without_tails(doi: str) -> str:
    for _ in range(4):
        shorter = _TAILS.sub("", doi)
        # a slug behind a number of the platform's own
        shorter = re.sub(r"/\d{5,}/[a-z][\w%]*-[\w%-]+$", "", shorter)
        if shorter == doi or shorter.count("/") < 1 or shorter.endswith("/"):
            break
        doi = shorter
    return _trimmed(doi)


def _trimmed(doi: str) -> str:
    """A DOI without what belongs to the sentence around it."""
    doi = re.split(r"&(?:amp;)?[a-z_]+=|&(?:lt|gt|quot|#)", doi, maxsplit=1)[0]
    if "<" in doi and not _SICI.search(doi):
        doi = doi.split("<")[0]
    if doi.count(">") > doi.count("<"):
        doi = doi.split(">")[0]
    doi = doi.rstrip(".,;:'\"*…’”?!/|\\")
    # a closing bracket belongs to the sentence around, unless the DOI opened it
    for opening, closing in ("()", "[]", "{}"):
        while doi.endswith(closing) and doi.count(closing) > doi.count(opening):
            doi = doi[:-1].rstrip(".,;:'\"")
    # bioRxiv and medRxiv write versions into addresses, which are no part of the DOI
    return re.sub(r"^(10\.(?:1101|64898)/[\d.]+)v\d+$", r"\1", doi.lower())


def without_version(doi: str) -> str:
    """A DOI without the number of a version, where its registrant gives each one of its own.

    >>> without_version("10.26434/chemrxiv-2026-abc12-v2"), without_version("10.1000/x.v2")
    ('10.26434/chemrxiv-2026-abc12', '10.1000/x.v2')
    """
    for registrant, version in _VERSIONS:
        if registrant.match(doi):
            return version.sub("", doi)
    return doi


def version_of(doi: str) -> int | None:
    """The number of a version that a DOI names."""
    rest = doi[len(without_version(doi)) :]
    digits = re.sub(r"\D", "", rest)
    return int(digits) if digits else None


def is_preprint_doi(doi: str) -> bool:
    return doi.startswith(_PREPRINT_DOIS)


_ORCID = re.compile(r"(?:^|[/:])(\d{4}-\d{4}-\d{4}-\d{3}[\dXx])$")
_AUTHOR = re.compile(r"(?:^|[/:])([Aa]\d{4,12})$")


def author_id(text: str) -> str:
    """The ORCID iD or OpenAlex id in a text or address; empty if there is none.

    >>> author_id("https://orcid.org/0000-0002-1825-0097"), author_id("a5023888391")
    ('0000-0002-1825-0097', 'A5023888391')
    """
    match = _ORCID.search(text.strip()) or _AUTHOR.search(text.strip())
    return match[1].upper() if match else ""


# --- names -------------------------------------------------------------------------------------


#: names as they are here, of registers whose own ids have no such form
_OWN_NAME = re.compile(r"pmc:PMC\d{3,9}|s2:[0-9a-f]{40}|s2:CorpusId:\d{1,12}|openalex:W\d{3,12}")
#: a paper's page on a site of digest itself
_OWN_PAGE = re.compile(
    r"^https?://[^/\s]+/(?:\S*/)?paper/((?:arxiv|doi|pmid|pmc|feed|text|s2|openalex):[^?#\s]+)"
)


def parse_pmid(text: str) -> str:
    """The number in "PMID: 1234" or an address of PubMed; empty if there is none."""
    match = _PMID.search(text.strip().lower())
    return match[1] if match else ""


def arxiv_key(arxiv_id: str) -> str:
    return f"arxiv:{arxiv_id}"


def doi_name(doi: str) -> str:
    """A DOI as a name: arXiv's are the paper's own id, and all versions have one.

    >>> doi_name("10.1000/x"), doi_name("10.48550/arxiv.2405.01234")
    ('doi:10.1000/x', 'arxiv:2405.01234')
    """
    arxiv = parse_arxiv_id(doi)
    return arxiv_key(arxiv[0]) if arxiv else f"doi:{without_version(doi.lower())}"


def name_of(ref: str) -> str:
    """The name of a paper behind an id or an address that somebody wrote down; empty if it is none
    that we know.

    >>> name_of("https://huggingface.co/papers/2405.01234"), name_of("PMID: 1234")
    ('arxiv:2405.01234', 'pmid:1234')
    """
    if page := _OWN_PAGE.search(unquote(ref.strip())):
        return page[1]
    if parsed := parse_arxiv_id(ref):
        return arxiv_key(parsed[0])
    if pmid := parse_pmid(ref):
        return f"pmid:{pmid}"
    if article := _PMCID.search(ref.strip().lower()):
        return f"pmc:PMC{article[1]}"
    if _OWN_NAME.fullmatch(ref.strip()):
        return ref.strip()
    if match := _OTHER_REGISTERS.search(ref.strip()):
        sha, corpus, openalex = match.groups()
        if openalex:
            return f"openalex:{openalex.upper()}"
        return f"s2:{sha.lower()}" if sha else f"s2:CorpusId:{corpus}"
    doi = parse_doi(ref)
    return doi_name(doi) if doi else ""


_ADDRESS = re.compile(r"https?://(?:www\.)?([^/?#]+)([^?#]*)(?:\?([^#]*))?", re.IGNORECASE)
#: what the store keeps of a name
MAX_NAME_CHARS = 400
_TRACKING = re.compile(r"(?:utm_\w+|af|dgcid|rss|ref|fc|ff|v|source|feed)=")


def address_name(url: str) -> str:
    """An address as a name: without scheme, fragment and what trackers add; empty if it is none.

    >>> address_name("https://www.example.org/a/?utm_source=rss#top")
    'url:example.org/a'
    """
    match = _ADDRESS.match(url.strip())
    if match is None:
        return ""
    kept = [p for p in (match[3] or "").split("&") if p and not _TRACKING.match(p)]
    query = f"?{'&'.join(kept)}" if kept else ""
    return f"url:{match[1].lower()}{match[2].rstrip('/')}{query}"[:MAX_NAME_CHARS]
