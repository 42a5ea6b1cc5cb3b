"""The name under which this program is installed, and how to install a part that is missing."""

from __future__ import annotations

import json
import sys
from importlib import metadata, util
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

#: on package indexes; the package folder and the command are called "digest"
DISTRIBUTION = "preprint-digest"
#: files that say which tool made an environment for one program alone
_PIPX, _UV_TOOL = "pipx_metadata.json", "uv-receipt.toml"


def install_command(extra: str) -> str:
    """A line for a shell that installs an extra into the environment that runs now.

    It repeats where this installation came from: the name alone would ask a package index, which
    may know it as another program or not at all.
    """
    folder = _editable_folder()
    if folder is not None:
        return f'{_pip()} install --editable "{folder}[{extra}]"'
    requirement = f'"{_requirement(extra)}"'
    prefix = Path(sys.prefix)
    if (prefix / _PIPX).exists():
        return f"pipx install --force {requirement}"
    if (prefix / _UV_TOOL).exists():
        return f"uv tool install --force {requirement}"
    return f"{_pip()} install {requirement}"


def missing(what: str, module: str | None, extra: str) -> str:
    """A sentence for whoever asked for a part whose library is not there.

    Args:
        what: the part, as the beginning of a sentence, such as "The web side".
        module: what could not be imported.
    """
    return f"{what} needs {module or 'a library'}, which is not installed: {install_command(extra)}"


def _pip() -> str:
    return "pip" if util.find_spec("pip") else "uv pip"


def _editable_folder() -> Path | None:
    """The checkout that this program runs from, if it does."""
    origin = _origin()
    if origin is None:  # run from a folder, never installed
        return Path(__file__).resolve().parent.parent
    if not origin.get("dir_info", {}).get("editable"):
        return None
    path = unquote(urlsplit(origin["url"]).path)
    return Path(path[1:] if path[2:3] == ":" else path)  # "/C:/papers" on Windows


def _requirement(extra: str) -> str:
    """PEP 508's way to write what is installed now, and the extra."""
    named = f"{DISTRIBUTION}[{extra}]"
    origin = _origin()
    if not origin or "url" not in origin:
        return named
    vcs = origin.get("vcs_info", {})
    if not vcs:
        return f"{named} @ {origin['url']}"
    revision = vcs.get("requested_revision") or vcs.get("commit_id") or ""
    return f"{named} @ {vcs['vcs']}+{origin['url']}" + (f"@{revision}" if revision else "")


def _origin() -> dict[str, Any] | None:
    """PEP 610's record of where the installation came from.

    Empty if it came from an index; None if nothing is installed under our name.
    """
    try:
        text = metadata.distribution(DISTRIBUTION).read_text("direct_url.json")
    except metadata.PackageNotFoundError:
        return None
    found: dict[str, Any] = json.loads(text) if text else {}
    return found
