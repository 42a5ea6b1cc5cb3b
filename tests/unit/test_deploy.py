"""Images, workflows and units: no secret in a layer, every promised Python, nothing published that
leads nowhere."""

from __future__ import annotations

import fnmatch
import json
import re
import tomllib
from pathlib import PurePosixPath
from typing import Any

import yaml

from tests.conftest import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


def let_in(path: str) -> bool:
    """Whether a file of the checkout reaches the build, as Docker reads .dockerignore: the last
    pattern that matches the path, or a folder above it, decides."""
    decided = True
    parts = PurePosixPath(path).parts
    above = ["/".join(parts[: n + 1]) for n in range(len(parts))]
    for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines():
        if not line or line.startswith("#"):
            continue
        pattern, admits = line.removeprefix("!"), line.startswith("!")
        if pattern.startswith("**/"):
            matches = any(fnmatch.fnmatch(p, pattern[3:]) for p in parts)
        else:
            matches = any(
                fnmatch.fnmatch(a, pattern) and a.count("/") == pattern.count("/") for a in above
            )
        if matches:
            decided = admits
    return decided


def test_no_secret_and_no_database_reaches_a_build() -> None:
    for path in (
        ".env",
        "config.toml",
        "digest.db",
        "digest.db-wal",
        "docs/deploy/.env",
        "digest/.env",
        "digest/.env.local",
        "digest/copy.db",
        "digest/key.pem",
        "templates/dkim.key",
        ".git/config",
        "Maildir/new/1",
        "demo/ada@example.org.eml",
        "preview/ada@example.org.html",
        "my-library.bib",
        "backup-of-monday",
    ):
        assert not let_in(path), path


def test_all_that_the_image_is_made_of_reaches_the_build() -> None:
    dockerfile = (ROOT / "docs/deploy/Dockerfile").read_text("utf-8")
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", dockerfile, re.M)
    names = [name for line in copied for name in line.split()]
    assert "." not in names
    for name in names:
        path = ROOT / name
        assert path.exists(), name
        files = [path] if path.is_file() else [p for p in path.rglob("*") if p.is_file()]
        for file in files:
            relative = file.relative_to(ROOT).as_posix()
            if "__pycache__" not in relative:
                assert let_in(relative), relative
    force = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["hatch"]["build"]
    for needed in force["targets"]["wheel"]["force-include"]:
        assert needed in names


def test_no_secret_is_written_into_an_image() -> None:
    dockerfile = (ROOT / "docs/deploy/Dockerfile").read_text("utf-8")
    assert not re.search(r"^(ENV|ARG)\b.*(PASSWORD|TOKEN|SECRET|KEY)", dockerfile, re.M)
    last = dockerfile.rpartition("FROM ")[2]
    assert "/source" not in last
    assert re.search(
        r"^USER \d+$", last, re.M
    )  # a name does not tell a cluster that it is not root


def test_containers_run_without_rights_on_a_file_system_that_is_read_only() -> None:
    folder = ROOT / "docs/deploy"
    for name in ("docker-compose.yaml", "docker-compose.one.yaml"):
        services = yaml.safe_load((folder / name).read_text("utf-8"))["services"]
        for service in ("worker", "web"):
            if service in services:
                found = services[service]
                assert (found["read_only"], found["cap_drop"]) == (True, ["ALL"])
    manifests = list(yaml.safe_load_all((folder / "kubernetes.yaml").read_text("utf-8")))
    pods = [m["spec"]["template"]["spec"] for m in manifests if m["kind"] == "Deployment"]
    assert len(pods) == 2
    for pod in pods:
        (container,) = pod["containers"]
        assert pod["securityContext"]["runAsNonRoot"]
        assert container["securityContext"]["readOnlyRootFilesystem"]
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        assert container["livenessProbe"]
        assert {v["name"] for v in pod["volumes"]} == {m["name"] for m in container["volumeMounts"]}
    kept = {m["spec"]["selector"]["matchLabels"]["app"] for m in manifests if "Budget" in m["kind"]}
    assert kept == {"digest-worker", "digest-web"}


def test_dashboard_and_alerts_ask_for_figures_that_are_there() -> None:
    told = (ROOT / "digest/monitor/metrics.py").read_text("utf-8")
    for name in ("grafana.json", "alerts.yaml"):
        text = (ROOT / "docs/deploy" / name).read_text("utf-8")
        asked = set(re.findall(r"digest_\w+", text))
        assert len(asked) >= 6
        for figure in asked - {"digest_week_sent", "digest_week_bounced", "digest_week_complaints"}:
            assert f'"{figure}"' in told, f"{name}: {figure}"
    assert 'f"digest_week_{name}"' in told
    board = json.loads((ROOT / "docs/deploy/grafana.json").read_text("utf-8"))
    assert len({p["id"] for p in board["panels"]}) == len(board["panels"])


def test_a_password_of_any_letters_fits_the_containers() -> None:
    compose = yaml.safe_load((ROOT / "docs/deploy/docker-compose.yaml").read_text("utf-8"))
    for service in ("worker", "web"):
        environment = compose["services"][service]["environment"]
        assert "PASSWORD" not in environment["DIGEST_STORE_URL"]
        assert environment["PGPASSWORD"].startswith("${POSTGRES_PASSWORD:?")


def workflow(name: str) -> dict[str, Any]:
    return dict(yaml.safe_load((ROOT / ".github/workflows" / name).read_text("utf-8")))


def test_the_wheel_is_tested_on_every_python_that_is_promised() -> None:
    versions = workflow("ci.yaml")["jobs"]["test"]["strategy"]["matrix"]["python"]
    promised = [c.rpartition(" ")[2] for c in PROJECT["classifiers"] if "Python :: 3." in c]
    assert versions == promised
    assert f">={versions[0]}" == PROJECT["requires-python"]


def test_a_release_needs_no_stored_token_and_real_addresses() -> None:
    jobs = workflow("release.yaml")["jobs"]
    assert "secrets." not in str(jobs)
    assert jobs["publish"]["permissions"] == {"id-token": "write"}
    assert jobs["publish"]["environment"] == "release"
    checks = str(jobs["build"]["steps"])
    assert "example.org" in checks
    addresses = PROJECT["urls"].values()
    # until there is a repository: reserved by RFC 2606, so nobody can put code there
    assert all(a.startswith("https://example.org/") for a in addresses) or not any(
        "example.org" in a for a in addresses
    )


def test_make_targets_of_the_workflows_exist() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for name in ("ci.yaml", "release.yaml"):
        text = (ROOT / ".github/workflows" / name).read_text("utf-8")
        for target in re.findall(r"run: make ([\w-]+)", text):
            assert re.search(rf"^{target}:", makefile, re.M), target
