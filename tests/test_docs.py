"""README, docs and help agree with the code."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from typer.main import get_command

from digest.cli.shared import app
from digest.config import load_text
from tests.conftest import ROOT

COMMANDS = sorted(get_command(app).commands)  # type: ignore[attr-defined]
PAGES = [ROOT / "README.md", ROOT / "SECURITY.md", *sorted((ROOT / "docs").rglob("*.md"))]


def text(path: Path) -> str:
    return path.read_text("utf-8")


def test_every_command_is_in_the_reference() -> None:
    reference = text(ROOT / "docs" / "commands.md")
    for command in COMMANDS:
        assert f"`digest {command}" in reference, command


def test_every_option_is_in_the_reference() -> None:
    reference = text(ROOT / "docs" / "commands.md")
    for name, command in get_command(app).commands.items():  # type: ignore[attr-defined]
        for parameter in command.params:
            for option in parameter.opts:
                hidden = getattr(parameter, "hidden", False)
                if option.startswith("--") and not hidden:
                    assert option in reference, f"{name} {option}"


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_commands_named_in_the_docs_exist(page: Path) -> None:
    for found in re.findall(r"`digest ([a-z][a-z-]+)", text(page)):
        assert found in COMMANDS, found


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_to_files_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text(page)):
        assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_configurations_in_the_docs_pass(page: Path) -> None:
    for block in re.findall(r"```toml\n(.*?)```", text(page), re.S):
        if "[[sources]]" in block:
            load_text(block, path=Path("config.toml"), environ={"SMTP_PASSWORD": "x"})
        else:
            tomllib.loads(block)


@pytest.mark.parametrize("name", ["preferences", "replies"])
def test_a_page_that_is_written_by_a_program_is_that_of_the_code(name: str) -> None:
    command = [sys.executable, str(ROOT / ".ci" / name)]
    made = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert made == text(ROOT / "docs" / f"{name}.md"), "make docs"


def test_every_kind_of_source_has_its_page_and_its_line() -> None:
    from digest.sources.registry import kinds

    index = text(ROOT / "docs" / "sources.md")
    pages = {p.stem for p in (ROOT / "docs" / "sources").glob("*.md")}
    assert pages == set(kinds())
    for kind in kinds():
        assert f"(sources/{kind}.md)" in index


def test_make_targets_named_in_the_readme_exist() -> None:
    makefile = text(ROOT / "Makefile")
    for target in re.findall(r"`?make ([a-z]+)", text(ROOT / "README.md")):
        assert re.search(rf"^{target}:", makefile, re.M), target


def test_the_changelog_knows_this_version() -> None:
    from digest import __version__

    assert f"## {__version__}" in text(ROOT / "CHANGELOG.md")
    assert tomllib.loads(text(ROOT / "pyproject.toml"))["project"]["version"] == __version__


def test_no_machine_path_and_no_registry_stands_in_the_project() -> None:
    pattern = re.compile(r"/work/|/root/|pypi\.org|registry\.npmjs|deb\.debian")
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode:
        pytest.skip("this is no git checkout")
    for name in listed.stdout.splitlines():
        path = ROOT / name
        if path.is_file() and not path.samefile(__file__) and path.suffix != ".png":
            assert not pattern.search(path.read_text("utf-8", "ignore")), name


@pytest.mark.parametrize("page", [ROOT / "SECURITY.md", ROOT / "docs" / "reliability.md"])
def test_the_tests_that_the_docs_name_exist(page: Path) -> None:
    tests = "\n".join(text(p) for p in (ROOT / "tests").rglob("test_*.py"))
    named = re.findall(r"`(test_\w+)`", text(page))
    assert len(named) > 10
    for name in named:
        assert f"def {name}(" in tests, name


def test_files_to_deploy_with_are_sound_and_start_commands_that_exist() -> None:
    import yaml

    folder = ROOT / "docs" / "deploy"
    parsed = {p.name: list(yaml.safe_load_all(p.read_text("utf-8"))) for p in folder.glob("*.yaml")}
    assert set(parsed) == {
        "alerts.yaml",
        "docker-compose.yaml",
        "docker-compose.one.yaml",
        "kubernetes.yaml",
        "kubernetes-migrate.yaml",
    }
    services = parsed["docker-compose.yaml"][0]["services"]
    started = {services[name]["command"][0] for name in ("worker", "web")}
    for manifest in parsed["kubernetes.yaml"]:
        if manifest["kind"] == "Deployment":
            (container,) = manifest["spec"]["template"]["spec"]["containers"]
            started.add(container["args"][0])
    units = [p.read_text("utf-8") for p in folder.glob("*.service")]
    started |= {re.search(r"^ExecStart=\S+/digest (\w+)", unit, re.M)[1] for unit in units}  # type: ignore[index]
    flows = [
        yaml.safe_load(p.read_text("utf-8"))
        for p in (folder / "template/.github/workflows").glob("*.yaml")
    ]
    assert len(flows) == 2
    text = "\n".join(s.get("run", "") for f in flows for s in f["jobs"]["send"]["steps"])
    started |= set(re.findall(r"^\s*digest (\w+)", text, re.M))
    started |= set(re.findall(r"^\w+: digest (\w+)", (ROOT / "Procfile").read_text(), re.M))
    assert started == {"worker", "serve", "run", "backup", "restore", "demo"}
    assert started <= set(COMMANDS)
    linked = (ROOT / "docs" / "scale.md").read_text("utf-8")
    assert all(f"deploy/{p.name}" in linked for p in folder.iterdir())
