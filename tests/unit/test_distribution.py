"""What is installed under our name, and how to install a part that is missing."""

from __future__ import annotations

import json
import re
import sys
import tomllib
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from digest import distribution
from digest.distribution import DISTRIBUTION, install_command
from tests.conftest import ROOT

Install = Callable[..., None]


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Pretends that the program was installed from somewhere, by some tool."""

    def pretend(origin: dict[str, Any] | None, receipt: str = "") -> None:
        class Found:
            def read_text(self, name: str) -> str | None:
                assert name == "direct_url.json"
                return json.dumps(origin) if origin else None

        monkeypatch.setattr(metadata, "distribution", lambda name: Found())
        monkeypatch.setattr(sys, "prefix", str(tmp_path))
        if receipt:
            (tmp_path / receipt).touch()

    return pretend


GIT = {
    "url": "https://example.org/papers.git",
    "vcs_info": {"vcs": "git", "requested_revision": "v0.3.0", "commit_id": "a" * 40},
}


def test_a_checkout_is_installed_again_where_it_lies(installed: Install) -> None:
    installed({"url": "file:///home/ada/my%20papers", "dir_info": {"editable": True}})
    assert install_command("web") == 'pip install --editable "/home/ada/my papers[web]"'


def test_a_folder_that_was_never_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(name: str) -> None:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "distribution", nothing)
    folder = Path(distribution.__file__).resolve().parent.parent
    assert install_command("web") == f'pip install --editable "{folder}[web]"'


def test_a_repository_is_named_with_its_revision(installed: Install) -> None:
    installed(GIT)
    assert install_command("dkim") == (
        'pip install "preprint-digest[dkim] @ git+https://example.org/papers.git@v0.3.0"'
    )


def test_a_wheel_is_named_by_its_path(installed: Install) -> None:
    installed({"url": "file:///tmp/preprint_digest-0.3.0.whl", "archive_info": {}})
    assert install_command("plot") == (
        'pip install "preprint-digest[plot] @ file:///tmp/preprint_digest-0.3.0.whl"'
    )


def test_what_came_from_an_index_has_its_own_name(installed: Install) -> None:
    installed({})
    assert install_command("plot") == 'pip install "preprint-digest[plot]"'


@pytest.mark.parametrize(
    ("receipt", "tool"),
    [("pipx_metadata.json", "pipx install"), ("uv-receipt.toml", "uv tool install")],
)
def test_tools_with_an_environment_a_program_are_asked_themselves(
    installed: Install, receipt: str, tool: str
) -> None:
    installed(GIT, receipt)
    assert install_command("web").startswith(f'{tool} --force "preprint-digest[web] @ git+')


def test_an_environment_without_pip_is_uvs(
    installed: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed({})
    monkeypatch.setattr(distribution.util, "find_spec", lambda name: None)
    assert install_command("web").startswith("uv pip install ")


#: an installer, its options, and what it is told to install
_INSTALLING = re.compile(
    r"(?:pip3?|pipx|uv|uvx)\s+(?:tool\s+|pip\s+)?(?:install|inject|run|--from|--with)\s+(.*)"
)
_REQUIREMENT = re.compile(r"[\"']?([A-Za-z][\w.-]*)(?:\[[\w,]*\])?")
#: installed beside ours, and well known
_TOOLS = {"build", "pip", "pip-audit", "uv"}


def _files() -> list[Path]:
    kinds = {".py", ".md", ".toml", ".yaml", ".yml", ".service", ".j2", ".sh", ""}
    folders = [ROOT / n for n in ("digest", "docs", "templates", "benchmarks", ".ci", ".github")]
    found = [p for f in folders for p in f.rglob("*") if p.is_file() and p.suffix in kinds]
    top = [p for p in ROOT.iterdir() if p.is_file() and p.suffix in kinds]
    left = (".git", ".coverage")  # a work tree's, and what `make coverage` leaves
    return [p for p in (*found, *top) if "__pycache__" not in p.parts and p.name not in left]


def test_nothing_tells_anybody_to_install_another_name() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"][
        "optional-dependencies"
    ]
    n_found = 0
    for path in _files():
        for line in path.read_text("utf-8").splitlines():
            assert "paper-digest" not in line, f"{path}: {line}"
            for told in _INSTALLING.findall(line):
                words = [w for w in told.split() if not w.startswith("-")]
                found = _REQUIREMENT.match(words[0]) if words else None
                if found is None:  # a path, a variable, a hole in a sentence
                    continue
                n_found += 1
                assert found[1] in {DISTRIBUTION, *_TOOLS}, f"{path}: {line}"
            for name in re.findall(rf"{DISTRIBUTION}\[([\w,]+)\]", line):
                assert set(name.split(",")) <= extras.keys(), f"{path}: {line}"
    assert n_found >= 3


def test_one_name_in_code_and_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["name"] == DISTRIBUTION
    versions = {c.rpartition(" ")[2] for c in project["classifiers"] if "Python :: 3." in c}
    assert versions == {"3.11", "3.12", "3.13", "3.14"}
    assert (ROOT / "digest" / "py.typed").exists()
