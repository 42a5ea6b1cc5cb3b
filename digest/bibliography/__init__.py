"""Papers as reference managers read them: BibTeX, RIS, CSL-JSON, CSV, and Markdown for people.

What `digest.library` reads of these files is the same papers again.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module

from digest.model import Paper

__all__ = ["FORMATS", "MEDIA_TYPES", "SUFFIXES", "write"]

#: by what `digest export` calls them: the module that writes them
FORMATS = {
    "bibtex": "bibtex",
    "ris": "ris",
    "csl-json": "csl",
    "csv": "csv_table",
    "markdown": "markdown",
}
#: by the end of a file's name
SUFFIXES = {
    ".bib": "bibtex",
    ".ris": "ris",
    ".json": "csl-json",
    ".csv": "csv",
    ".md": "markdown",
}
MEDIA_TYPES = {
    "bibtex": "application/x-bibtex",
    "ris": "application/x-research-info-systems",
    "csl-json": "application/vnd.citationstyles.csl+json",
    "csv": "text/csv",
    "markdown": "text/markdown",
}


def write(papers: Iterable[Paper], form: str) -> str:
    """Papers in a format, in their order, each under a citation key of its own.

    Args:
        form: one of FORMATS.
    """
    found: str = import_module(f"digest.bibliography.{FORMATS[form]}").write(tuple(papers))
    return found
