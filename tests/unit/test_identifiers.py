"""Names of papers in the addresses that publishers print. The numbers are invented."""

from __future__ import annotations

import pytest

from digest.identifiers import address_name, doi_name, name_of, parse_doi, version_of

DOIS = [
    (
        "https://pubs.rsc.org/dd/article/doi/10.1039/D6DD00290K/1293461/Learning-the-Reaction-Coordinate-Collective",
        "10.1039/d6dd00290k",
    ),
    ("https://onlinelibrary.wiley.com/doi/10.1002/tax.12650?af=R", "10.1002/tax.12650"),
    (
        "https://academic.oup.com/bioinformatics/article/doi/10.1093/bioinformatics/btaa001/5698123?rss=1",
        "10.1093/bioinformatics/btaa001",
    ),
    (
        "https://academic.oup.com/sleep/advance-article/doi/10.1093/sleep/zsx000/999999/slug-of-it",
        "10.1093/sleep/zsx000",
    ),
    (
        "https://pubs.acs.org/jcisd8/article/doi/10.1021/acs.jcim.6c01357/5292068/DASH-A-Pocket",
        "10.1021/acs.jcim.6c01357",
    ),
    ("https://pubs.acs.org/doi/abs/10.1021/jacs.6c00001", "10.1021/jacs.6c00001"),
    ("https://link.springer.com/article/10.1007/s00454-020-00234-1", "10.1007/s00454-020-00234-1"),
    (
        "https://link.springer.com/content/pdf/10.1007/s00454-020-00234-1.pdf",
        "10.1007/s00454-020-00234-1",
    ),
    (
        "https://link.springer.com/chapter/10.1007/978-3-030-58452-8_13",
        "10.1007/978-3-030-58452-8_13",
    ),
    (
        "https://journals.plos.org/plosone/article?id=10.1371/journal.pone.0000001",
        "10.1371/journal.pone.0000001",
    ),
    (
        "https://journals.plos.org/plosone/article/file?id=10.1371/journal.pone.0000001&type=printable",
        "10.1371/journal.pone.0000001",
    ),
    (
        "https://www.frontiersin.org/articles/10.3389/fnins.2020.00001/full",
        "10.3389/fnins.2020.00001",
    ),
    (
        "https://www.frontiersin.org/journals/neuroscience/articles/10.3389/fnins.2020.00001/abstract",
        "10.3389/fnins.2020.00001",
    ),
    (
        "https://iopscience.iop.org/article/10.1088/1742-6596/1/1/001/meta",
        "10.1088/1742-6596/1/1/001",
    ),
    (
        "https://iopscience.iop.org/article/10.1088/1742-6596/1/1/001/pdf",
        "10.1088/1742-6596/1/1/001",
    ),
    ("https://journals.aps.org/prl/abstract/10.1103/PhysRevLett.1.1", "10.1103/physrevlett.1.1"),
    ("http://link.aps.org/doi/10.1103/abcd-1234", "10.1103/abcd-1234"),
    (
        "https://www.biorxiv.org/content/10.1101/2020.01.01.123456v2.full.pdf",
        "10.1101/2020.01.01.123456",
    ),
    (
        "https://www.biorxiv.org/content/10.1101/2020.01.01.123456v1?rss=1",
        "10.1101/2020.01.01.123456",
    ),
    (
        "https://www.biorxiv.org/content/10.1101/2020.01.01.123456v1.full",
        "10.1101/2020.01.01.123456",
    ),
    ("https://www.biorxiv.org/content/biorxiv/early/2020/01/01/2020.01.01.123456.full.pdf", ""),
    ("https://www.nature.com/articles/s41586-026-00001-1.pdf", "10.1038/s41586-026-00001-1"),
    ("https://www.nature.com/articles/nature12345", "10.1038/nature12345"),
    ("https://www.nature.com/articles/ncomms1234#Abs1", "10.1038/ncomms1234"),
    ("https://www.nature.com/articles/s41586-026-00001-1?ref=pdf", "10.1038/s41586-026-00001-1"),
    (
        "https://www.tandfonline.com/doi/full/10.1080/01621459.2020.1?needAccess=true",
        "10.1080/01621459.2020.1",
    ),
    ("https://www.science.org/doi/10.1126/science.abc1234?af=R", "10.1126/science.abc1234"),
    ("https://www.science.org/doi/epdf/10.1126/science.abc1234", "10.1126/science.abc1234"),
    ("https://dl.acm.org/doi/pdf/10.1145/3372297.3417231", "10.1145/3372297.3417231"),
    ("https://dl.acm.org/doi/fullHtml/10.1145/3372297.3417231", "10.1145/3372297.3417231"),
    ("https://elifesciences.org/articles/12345", "10.7554/elife.12345"),
    ("https://www.researchsquare.com/article/rs-12345/v2", "10.21203/rs.3.rs-12345"),
    ("https://www.preprints.org/manuscript/202401.0001/v1", "10.20944/preprints202401.0001"),
    ("https://papers.ssrn.com/sol3/papers.cfm?abstract_id=123456", "10.2139/ssrn.123456"),
    ("https://zenodo.org/records/123456", "10.5281/zenodo.123456"),
    (
        "https://www.degruyter.com/document/doi/10.1515/crelle-2020-0001/html",
        "10.1515/crelle-2020-0001",
    ),
    (
        "https://www.emerald.com/insight/content/doi/10.1108/IJ-01-2020-0001/full/html",
        "10.1108/ij-01-2020-0001",
    ),
    (
        "https://pubs.aip.org/aip/jcp/article-abstract/doi/10.1063/5.0001234/999999/Title-words?redirectedFrom=fulltext",
        "10.1063/5.0001234",
    ),
    ("https://www.aeaweb.org/articles?id=10.1257%2Faer.20250295", "10.1257/aer.20250295"),
    (
        "https://doi.org/10.1002/(SICI)1097-0258(19980815/30)17:15/16<1661::AID-SIM968>3.0.CO;2-2",
        "10.1002/(sici)1097-0258(19980815/30)17:15/16<1661::aid-sim968>3.0.co;2-2",
    ),
    ("doi:10.1016/j.cell.2020.01.001.", "10.1016/j.cell.2020.01.001"),
    ("(10.1016/0370-2693(85)90001-1)", "10.1016/0370-2693(85)90001-1"),
    (
        "https://chemrxiv.org/doi/full/10.26434/chemrxiv.15007735/v1?af=R",
        "10.26434/chemrxiv.15007735/v1",
    ),
    ("https://doi-org.proxy.lib.edu/10.1016/j.cell.2020.01.001", "10.1016/j.cell.2020.01.001"),
    (
        "https://www.pnas.org/doi/suppl/10.1073/pnas.2001234117/suppl_file/x.pdf",
        "10.1073/pnas.2001234117",
    ),
    (
        "https://bmcbioinformatics.biomedcentral.com/articles/10.1186/s12859-020-1234-5/figures/2",
        "10.1186/s12859-020-1234-5",
    ),
    ("https://aclanthology.org/2020.acl-main.1.pdf", "10.18653/v1/2020.acl-main.1"),
    ("https://peerj.com/articles/cs-123/", "10.7717/peerj-cs.123"),
    ("https://www.cell.com/cell/fulltext/S0092-8674(20)30001-1", ""),
    ("https://acp.copernicus.org/articles/20/1/2020/", "10.5194/acp-20-1-2020"),
    ("https://sci-hub.se/10.1016/j.cell.2020.01.001", "10.1016/j.cell.2020.01.001"),
    (
        "https://www.annualreviews.org/content/journals/10.1146/annurev-astro-081817-051846",
        "10.1146/annurev-astro-081817-051846",
    ),
    ("https://journals.sagepub.com/doi/abs/10.1177/0956797620901234", "10.1177/0956797620901234"),
    ("https://www.jstage.jst.go.jp/article/x/1/1/1_1/_article", ""),
    (
        "https://www.spiedigitallibrary.org/journals/journal-of-biomedical-optics/volume-25/issue-1/1/T/10.1117/1.JBO.25.1.010001.full",
        "10.1117/1.jbo.25.1.010001",
    ),
    ("https://www.mdpi.com/1424-8220/26/22/7000", ""),
    ("https://www.jneurosci.org/content/40/1/1", ""),
    ("https://api.crossref.org/works/10.1000%2Fxyz", "10.1000/xyz"),
    ("https://journals.aps.org/prd/pdf/10.1103/PhysRevD.1.1", "10.1103/physrevd.1.1"),
    ("https://www.pnas.org/content/early/2020/01/01/123.full.pdf", ""),
    ("10.1000/x&rft=1", "10.1000/x"),
    ("https://www.jci.org/articles/view/10.1172/JCI1234/pdf", "10.1172/jci1234"),
    ("https://f1000research.com/articles/9-123/v1", ""),
]
NAMES = [
    ("https://papers.cool/arxiv/2405.01234", "arxiv:2405.01234"),
    ("https://scirate.com/arxiv/2405.01234", "arxiv:2405.01234"),
    ("https://hf.co/papers/2405.01234", "arxiv:2405.01234"),
    ("https://ar5iv.org/abs/2405.01234", "arxiv:2405.01234"),
    ("https://ar5iv.labs.arxiv.org/html/2405.01234", "arxiv:2405.01234"),
    ("https://www.alphaxiv.org/pdf/2405.01234v2", "arxiv:2405.01234"),
    ("https://tldr.takara.ai/p/2405.01234", "arxiv:2405.01234"),
    ("https://www.semanticscholar.org/arxiv/2405.01234", "arxiv:2405.01234"),
    ("https://arxiv.org/pdf/2405.01234v2.pdf", "arxiv:2405.01234"),
    ("10.26434/chemrxiv-2021-abcde-v2", "doi:10.26434/chemrxiv-2021-abcde"),
    ("10.12688/f1000research.12345.1", "doi:10.12688/f1000research.12345"),
    ("10.7554/eLife.12345.2", "doi:10.7554/elife.12345"),
    ("10.31234/osf.io/abcde_v2", "doi:10.31234/osf.io/abcde"),
    ("10.21203/rs.3.rs-123/v1", "doi:10.21203/rs.3.rs-123"),
    ("10.20944/preprints202401.0001.v1", "doi:10.20944/preprints202401.0001"),
    ("10.22541/au.123.456/v1", "doi:10.22541/au.123.456"),
    (
        "https://chemrxiv.org/doi/full/10.26434/chemrxiv.15007735/v1?af=R",
        "doi:10.26434/chemrxiv.15007735",
    ),
    ("https://pubmed.ncbi.nlm.nih.gov/39999991/?utm_source=x", "pmid:39999991"),
    ("https://europepmc.org/article/MED/123", "pmid:123"),
]


@pytest.mark.parametrize(("address", "doi"), DOIS)
def test_the_doi_of_an_address_is_that_of_the_paper(address: str, doi: str) -> None:
    assert parse_doi(address) == doi


@pytest.mark.parametrize(("text", "name"), NAMES)
def test_mirrors_and_versions_name_one_paper(text: str, name: str) -> None:
    assert name_of(text) == name


def test_the_page_of_a_paper_on_our_own_site_names_it() -> None:
    for name in ("arxiv:2405.01234", "doi:10.1000/x", "feed:0123456789abcdef0123"):
        assert name_of(f"https://digest.example.org/paper/{name}?from=mail") == name
        assert name_of(f"https://example.org/digest/paper/{name.replace('/', '%2F')}") == name


def test_a_version_is_told() -> None:
    assert version_of("10.26434/chemrxiv-2026-abcde-v2") == 2
    assert version_of("10.1000/xyz.v2") is None
    assert doi_name("10.1000/xyz.v2") == "doi:10.1000/xyz.v2"


def test_an_address_is_one_name_however_it_was_copied() -> None:
    wanted = address_name("https://www.example.org/science/article/pii/S001?dgcid=rss_sd_all")
    assert wanted == "url:example.org/science/article/pii/S001"
    assert address_name("http://example.org/science/article/pii/S001/#top") == wanted
    assert address_name("https://example.org/forum?id=abc") == "url:example.org/forum?id=abc"
    assert address_name("not an address") == ""
