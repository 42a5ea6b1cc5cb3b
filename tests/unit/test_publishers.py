"""The layouts of publishers' feeds, with invented papers in the shapes of the real ones."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from pathlib import Path

import pytest

from digest.model import Paper
from digest.sources import feed
from digest.sources.publishers import read_description, without_heading
from tests.conftest import NOW

SAID = "We grow plants under a laser and count their leaves every morning."
TWO = ("Ann Alpha", "Bo Beta")
SPACES = (
    'xmlns:dc="http://purl.org/dc/elements/1.1/" '
    'xmlns:prism="http://prismstandard.org/namespaces/basic/2.0/" '
    'xmlns:content="http://purl.org/rss/1.0/modules/content/"'
)


def rss(item: str) -> bytes:
    return (
        f'<?xml version="1.0"?><rss version="2.0" {SPACES}><channel><title>J</title>'
        f"<link>https://j.example</link><item>{item}</item></channel></rss>"
    ).encode()


def read(body: bytes) -> Paper:
    (paper,), fault, _ = feed.parse(body, "", url="https://j.example/feed", source="J", now=NOW)
    assert fault == ""
    return paper


@dataclass(frozen=True)
class Layout:
    item: str
    authors: tuple[str, ...] = TWO
    doi: str = ""
    abstract: str = SAID
    title: str = "Plants under a laser"


def described(markup: str, more: str = "", title: str = "Plants under a laser") -> str:
    return f"<title>{escape(title)}</title><description>{escape(markup)}</description>{more}"


CREATORS = "<dc:creator>Ann Alpha</dc:creator><dc:creator>Bo Beta</dc:creator>"
LAYOUTS = {
    "ACS until 2025": Layout(
        described(
            '<p><img alt="TOC Graphic" src="https://x.example/x.gif"/></p><div><cite>Journal of '
            "Plants</cite></div><div>DOI: 10.1021/jplants.6c00001</div>",
            "<dc:creator>Ann Alpha, and Bo Beta</dc:creator>",
            "[ASAP] Plants under a laser",
        ),
        doi="10.1021/jplants.6c00001",
        abstract="",
    ),
    "ACS since 2026, Oxford, AIP": Layout(
        described(
            f'<span class="paragraphSection"><div class="boxTitle">Abstract</div>{SAID}</span>',
            "<link>https://pubs.acs.org/jp/article/doi/10.1021/jplants.6c00001/5279403/Plants-under"
            "</link><dc:creator>Alpha A, Beta B.</dc:creator>",
        ),
        authors=("Alpha A", "Beta B."),
        doi="10.1021/jplants.6c00001",
    ),
    "AIP until 2023": Layout(
        described(f"Physics of Plants, Volume 36, Issue 1, January 2026. <br/>{SAID}", CREATORS)
    ),
    "APS": Layout(
        described(
            f"Author(s): Ann Alpha and Bo Beta<br/><p>{SAID}</p><br/><br/>[Phys. Rev. Plants 137, "
            "211801] Published Mon May 18, 2026",
            "<prism:doi>10.1103/abcd-1234</prism:doi>",
        ),
        doi="10.1103/abcd-1234",
    ),
    "bioRxiv": Layout(
        f"<title>\nPlants under a laser\n</title><description>{SAID}</description>"
        "<link>https://www.biorxiv.org/content/10.64898/2026.05.18.000001v1?rss=1</link>"
        "<dc:creator>Alpha, A., Beta, B.</dc:creator>"
        "<dc:identifier>doi:10.64898/2026.05.18.000001</dc:identifier>",
        authors=("A. Alpha", "B. Beta"),
        doi="10.64898/2026.05.18.000001",
    ),
    "ChemRxiv": Layout(
        f"<title>Plants under a laser</title><description>{SAID}</description>"
        "<link>https://chemrxiv.org/doi/full/10.26434/chemrxiv.15000001/v2?af=R</link>"
        f"<guid isPermaLink='false'>10.26434/chemrxiv.15000001/v2</guid>{CREATORS}",
        doi="10.26434/chemrxiv.15000001/v2",
    ),
    "eLife": Layout(
        described(SAID, "<link>https://elifesciences.org/articles/123456</link>" + CREATORS),
        doi="10.7554/elife.123456",
    ),
    "Elsevier": Layout(
        described(
            "<p>Publication date: January 2027</p><p><b>Source:</b> Journal of Plants, Volume 203"
            "</p><p>Author(s): Ann Alpha, Bo Beta</p>"
        ),
        abstract="",
    ),
    "Elsevier, on one line": Layout(
        described(
            "Publication date: January 2027 Source: Journal of Plants, Volume 203 "
            "Author(s): Ann Alpha, Bo Beta"
        ),
        abstract="",
    ),
    "IEEE Xplore": Layout(
        f"<title><![CDATA[ Plants under a laser ]]></title><description><![CDATA[\n {SAID} ]]>"
        "</description><authors><![CDATA[ Ann Alpha;Bo Beta; ]]></authors>"
    ),
    "IEEE by a bridge": Layout(
        described(
            "Ann Alpha, Bo Beta<br />IEEE Transactions on Plants, vol. 48, issue 7, pp. 1-9"
            "<br />DOI: 10.1109/tplants.2026.1"
        ),
        doi="10.1109/tplants.2026.1",
        abstract="",
    ),
    "IOP": Layout(
        described(SAID, "<link>https://iopscience.iop.org/article/10.1088/1742-6596/1/1/012/meta"
                  "</link><dc:creator>Ann Alpha and Bo Beta</dc:creator>"),
        doi="10.1088/1742-6596/1/1/012",
    ),
    "MDPI": Layout(
        described(
            "<p><b>Sensors, Vol. 26, Pages 7000: Plants under a laser</b></p>\n\t<p>Sensors "
            '<a href="https://www.mdpi.com/x">doi: 10.3390/s26227000</a></p>\n\t<p>Authors:\n\t\t'
            f"Ann Alpha\n\t\tBo Beta\n\t\t</p>\n\t<p>{SAID}</p>",
            title="Sensors, Vol. 26, Pages 7000: Plants under a laser",
        ),
        doi="10.3390/s26227000",
    ),
    "Nature": Layout(
        "<title>Plants under a laser</title><content:encoded><![CDATA[<p>Nature, Published online: "
        '18 May 2026; <a href="https://www.nature.com/articles/s41586-026-00001-1">'
        f"doi:10.1038/s41586-026-00001-1</a></p>{SAID}]]></content:encoded>{CREATORS}",
        doi="10.1038/s41586-026-00001-1",
    ),
    "PLOS": Layout(
        described(
            f"<p>by Ann Alpha, Bo Beta</p>\n\n{SAID}",
            "<link>https://journals.plos.org/plosone/article?id=10.1371/journal.pone.0000001</link>",
        ),
        doi="10.1371/journal.pone.0000001",
    ),
    "PubMed": Layout(
        f"<title>Plants under a laser</title><description>{SAID}</description><content:encoded>"
        '<![CDATA[<div><p style="color: #4aa564;">Plants. 2026 May 18:zsx000. doi: '
        "10.1093/plants/zsx000. Online ahead of print.</p><p><b>ABSTRACT</b></p><p>"
        f'{SAID}</p><p style="color: lightgray">PMID:<a href="https://pubmed.example/39999991/">'
        "39999991</a> | DOI:<a href=https://doi.org/10.1093/plants/zsx000>10.1093/plants/zsx000</a>"
        f"</p></div>]]></content:encoded>{CREATORS}",
        doi="10.1093/plants/zsx000",
    ),
    "RSC until 2025": Layout(
        described(
            "<div><i><b>Chem. Sci.</b></i>, 2026, Advance Article<br/><b>DOI</b>: "
            f"10.1039/D6SC00001A, Edge Article</div><div>Ann Alpha, Bo Beta<br/>{SAID}<br/>To cite "
            "this article before page numbers are assigned, use the DOI form of citation above."
            "<br/>The content of this RSS Feed (c) The Royal Society of Chemistry</div>"
        ),
        doi="10.1039/d6sc00001a",
    ),
    "RSC since 2026": Layout(
        described(
            "<p><strong>Perspective</strong> — 18 May 2026</p><p>Ann Alpha; Bo Beta</p>"
            '<p><a href="https://doi.org/10.1039/D6SC00001A">DOI: 10.1039/D6SC00001A</a></p>'
        ),
        doi="10.1039/d6sc00001a",
        abstract="",
    ),
    "Science": Layout(
        described(
            "Science, Volume 390, Issue 6775, Page 123-130, May 2026. <br/>",
            CREATORS + "<prism:doi>10.1126/science.abc1234</prism:doi>",
        ),
        doi="10.1126/science.abc1234",
        abstract="",
    ),
    "Springer": Layout(
        described(
            f"<title>Abstract</title>\n<p>{SAID}</p>",
            f"<link>https://link.springer.com/10.1007/s00454-026-00001-1</link>{CREATORS}",
        ),
        doi="10.1007/s00454-026-00001-1",
    ),
    "SSRN": Layout(
        described(
            SAID, f"<link>https://papers.ssrn.com/sol3/papers.cfm?abstract_id=1</link>{CREATORS}"
        ),
        doi="10.2139/ssrn.1",
    ),
    "Taylor & Francis": Layout(
        described(
            "Volume 18, Issue 2, May 2026, Page 1-20<br/>. ",
            f"<link>https://www.tandfonline.com/doi/full/10.1080/1?af=R</link>{CREATORS}",
        ),
        doi="10.1080/1",
        abstract="",
    ),
    "Wiley": Layout(
        f"<title>Plants under a laser</title><description>PLANTS, EarlyView.</description>"
        f"<content:encoded>Abstract\n{SAID}</content:encoded>"
        "<dc:creator>Ann Alpha, \nBo Beta</dc:creator><prism:doi>10.1002/tax.1</prism:doi>",
        doi="10.1002/tax.1",
    ),
}  # fmt: skip


@pytest.mark.parametrize("publisher", LAYOUTS)
def test_a_layout_is_read_into_its_parts(publisher: str) -> None:
    layout = LAYOUTS[publisher]
    paper = read(rss(layout.item))
    assert paper.title == layout.title
    assert paper.authors == layout.authors
    assert paper.doi == layout.doi
    assert paper.abstract == layout.abstract


def test_what_only_looks_like_furniture_is_the_abstract() -> None:
    for said in (
        "Abstract reasoning is hard for machines.",
        "Summary statistics are published every year by the ministry of plants and trees.",
        "We published online all data of this study, and we describe them in this paper.",
        "Volume estimation of tumours is an open issue that we address with a new network.",
        "We searched for trials. Data Source: all registers of plants. Journal: none was left out.",
        "By combining lasers and plants we obtain more leaves than anyone before us did.",
    ):
        assert read_description(f"<p>{said}</p>").abstract == said
        assert read_description(said).abstract == said
    assert without_heading("ABSTRACT. We test.") == "We test."
    assert without_heading("Zusammenfassung Wir testen.") == "Wir testen."
    assert without_heading("Abstract") == ""


def test_entries_that_share_a_link_or_a_guid_are_each_a_paper() -> None:
    """Reported of skx/rss2email #111: an issue's page as the link of all its papers."""
    for key in ("<link>https://j.example/issue/7</link>", "<guid>https://j.example/7</guid>"):
        items = "".join(f"<item><title>Paper {n}</title>{key}</item>" for n in range(5))
        body = rss("").replace(b"<item></item>", items.encode())
        papers, _, _ = feed.parse(body, "", url="u", source="J", now=NOW)
        assert len({p.id for p in papers}) == 5


@pytest.mark.parametrize(
    "name", ["authors", "links", "tags", "content", "author", "enclosures", "id", "summary_detail"]
)
def test_an_unknown_element_costs_at_most_its_entry(name: str) -> None:
    odd = f"<item><title>Odd</title><{name}>x;y</{name}></item>"
    body = rss("<title>Sound</title>").replace(b"</channel>", odd.encode() + b"</channel>")
    papers, _, _ = feed.parse(body, "", url="u", source="J", now=NOW)
    assert [p.title for p in papers] == ["Sound", "Odd"]


def test_entries_that_say_nothing_are_told() -> None:
    body = rss("<title>Sound</title><link>https://j.example/1</link>").replace(
        b"</channel>", b"<item><link>https://j.example/2</link></item><item><title>No link"
        b"</title></item></channel>"
    )  # fmt: skip
    papers, fault, remark = feed.parse(body, "", url="u", source="J", now=NOW)
    assert len(papers) == 2
    assert fault == ""
    assert remark == (
        "1 of 3 entries had neither title nor text and were left out; 1 entry had no link"
    )


@pytest.mark.parametrize(
    ("link", "address"),
    [
        ("/paper/1", "https://j.example/paper/1"),
        ("paper/1", "https://j.example/feeds/paper/1"),
        ("//other.example/1", "https://other.example/1"),
        ("https://j.example/a paper's|copy", "https://j.example/a%20paper%27s%7Ccopy"),
    ],
)
def test_a_link_is_relative_to_where_the_feed_was_found(link: str, address: str) -> None:
    body = rss(f"<title>Sound</title><link>{link}</link>")
    (paper,), _, _ = feed.parse(body, "", url="https://j.example/feeds/a.xml", source="J", now=NOW)
    assert paper.url == address


def test_a_home_page_says_where_its_feed_is() -> None:
    page = (
        b'<!doctype html><html><head><link rel="alternate" type="application/rss+xml" '
        b'href="/feed.xml?a=1&amp;b=2"></head><body>x</body></html>'
    )
    with pytest.raises(Exception, match=r"its feed is https://j.example/feed.xml\?a=1&b=2"):
        feed.parse(page, "text/html", url="https://j.example/", source="J", now=NOW)


def test_recorded_journals_lose_their_furniture_and_keep_their_authors(fixtures: Path) -> None:
    n_papers = n_authors = 0
    for path in sorted((fixtures / "journals").glob("*")):
        if path.name.startswith(("_bridge", "medscape", "google")):
            continue  # no papers, or no authors anywhere
        papers, _, _ = feed.parse(
            path.read_bytes(), "", url="https://x.example", source="J", now=NOW
        )
        n_papers += len(papers)
        n_authors += sum(bool(p.authors) for p in papers)
        for paper in papers:
            assert not paper.abstract.lower().startswith(
                ("abstract ", "publication date", "author")
            )
            assert "Published online:" not in paper.abstract
            assert "PMID:" not in paper.abstract
    assert n_papers > 700
    assert n_authors / n_papers > 0.45


def test_an_entry_that_cannot_be_read_costs_itself() -> None:
    body = rss("<title>Sound</title>").replace(
        b"</channel>", b"<item><title>Broken</title></item></channel>"
    )
    parsed = feed.parse_feed(body, "", url="https://j.example/feed")
    sound = Paper(id="feed:1", title="Sound")

    def read_one(entry: dict[str, str]) -> Paper:
        if entry["title"] == "Broken":
            raise TypeError("a dict where a text was expected")
        return sound

    assert feed.read_entries(parsed, read_one) == ([sound], 1)
