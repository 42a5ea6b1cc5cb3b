"""The scheduled workflow of docs/deploy, step by step as a runner does it, with a bare repository
in place of the remote: its state is never lost, and what goes wrong is red and said."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from digest.distribution import DISTRIBUTION
from tests.conftest import ROOT
from tests.servers import Answer, rss
from tests.worlds import World, make_world, record

pytestmark = [
    pytest.mark.sqlite,
    pytest.mark.skipif(shutil.which("git") is None, reason="git is not here"),
]
TEMPLATE = ROOT / "docs" / "deploy" / "template"
WORKFLOW = yaml.safe_load((TEMPLATE / ".github/workflows/daily.yaml").read_text("utf-8"))
TRIAL = yaml.safe_load((TEMPLATE / ".github/workflows/test.yaml").read_text("utf-8"))
SECRETS = {"SMTP_PASSWORD": "hush"}


@dataclass
class Job:
    """What became of a run of the job."""

    outcomes: dict[str, str] = field(default_factory=dict)
    summary: str = ""
    output: str = ""
    is_cancelled: bool = False

    @property
    def is_green(self) -> bool:
        return not self.is_cancelled and "failure" not in self.outcomes.values()


@dataclass
class Runner:
    """Fresh machines that run the job over one remote repository."""

    folder: Path
    world: World
    n_runs: int = 0

    @property
    def remote(self) -> Path:
        return self.folder / "remote.git"

    def git(self, *arguments: str, cwd: Path | None = None) -> str:
        done = subprocess.run(
            ["git", "-c", "user.name=x", "-c", "user.email=x@localhost", *arguments],
            cwd=cwd or self.remote,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip()

    def begin(self, config: str) -> None:
        """The repository that somebody made from the instructions."""
        self.git("init", "--quiet", "--bare", "-b", "main", str(self.remote), cwd=self.folder)
        first = self.folder / "first"
        self.git("clone", "--quiet", str(self.remote), str(first), cwd=self.folder)
        (first / "config.toml").write_text(config, "utf-8")
        self.git("add", "config.toml", cwd=first)
        self.git("commit", "--quiet", "-m", "Begin", cwd=first)
        self.git("push", "--quiet", "origin", "HEAD:main", cwd=first)

    def run(
        self,
        *,
        before: dict[str, Any] | None = None,
        source: str = "https://x/y",
        cancelled_at: str = "",
    ) -> Job:
        """One run of the job on a machine of its own.

        Args:
            before: what happens to the checkout just before the step of a name.
            cancelled_at: the step at whose end the whole run is cancelled.
        """
        self.n_runs += 1
        machine = self.folder / f"machine{self.n_runs}"
        (machine / "temp").mkdir(parents=True)
        checkout, summary = machine / "checkout", machine / "summary.md"
        url = f"file://{self.remote}"
        single = ("--single-branch", "--branch", "main")
        self.git("clone", "--quiet", *single, url, str(checkout), cwd=machine)
        summary.touch()
        tools = machine / "bin"
        tools.mkdir()
        program = tools / "digest"
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m digest "$@"\n', "utf-8")
        program.chmod(0o755)
        job = Job()
        for step in WORKFLOW["jobs"]["send"]["steps"]:
            if "run" not in step:
                continue
            name = step["name"]
            if name == "Install":  # it has its own test
                continue
            if not self._is_due(step.get("if", ""), job):
                job.outcomes[step.get("id", name)] = "skipped"
                continue
            if before and name in before:
                before[name](checkout)
            environ = {k: v for k, v in os.environ.items() if not k.endswith("_PASSWORD")}
            environ |= {
                "PATH": f"{tools}:{environ['PATH']}",
                "PYTHONPATH": str(ROOT),
                "RUNNER_TEMP": str(machine / "temp"),
                "GITHUB_STEP_SUMMARY": str(summary),
            }
            environ |= {k: self._filled(v, source) for k, v in step.get("env", {}).items()}
            done = subprocess.run(
                ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
                cwd=checkout,
                env=environ,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
                timeout=300,
            )
            job.output += f"--- {name}\n{done.stdout}"
            job.outcomes[step.get("id", name)] = "failure" if done.returncode else "success"
            job.is_cancelled |= name == cancelled_at
        job.summary = summary.read_text("utf-8")
        return job

    @staticmethod
    def _filled(text: str, source: str) -> str:
        text = re.sub(r"\$\{\{ secrets\.(\w+) \}\}", lambda m: SECRETS.get(m[1], ""), text)
        return text.replace("${{ vars.DIGEST_SOURCE }}", source)

    @staticmethod
    def _is_due(condition: str, job: Job) -> bool:
        """As the service reads it: without a status function, what failed or was cancelled before
        skips the step."""
        if not condition:
            return job.is_green
        found = re.fullmatch(
            r"\$\{\{ always\(\) && steps\.(\w+)\.outcome == '(\w+)' \}\}", condition
        )
        assert found, f"this test does not know the condition {condition}"
        return job.outcomes.get(found[1]) == found[2]

    # what stands on the branch

    def states(self) -> list[str]:
        found = self.git("for-each-ref", "--format=%(objectname)", "refs/heads/state")
        return self.git("rev-list", "state").split() if found else []

    def kept(self) -> Path:
        path = self.folder / "kept.db"
        body = subprocess.run(
            ["git", "show", "state:digest.db"], cwd=self.remote, capture_output=True, check=True
        ).stdout
        path.write_bytes(body)
        return path

    def asked(self, query: str) -> Any:
        with closing(sqlite3.connect(self.kept())) as connection:
            return connection.execute(query).fetchone()[0]


@pytest.fixture
def runner(tmp_path: Path) -> Iterator[Runner]:
    (tmp_path / "world").mkdir()
    with make_world(tmp_path / "world") as world:
        world.now = datetime.now(UTC)
        world.quiet()
        stamp = world.now.strftime("%a, %d %b %Y 00:00:00 +0000")
        listed = Answer(rss([record(n) for n in range(6)], stamp))
        world.web.says("/rss/cs.CL+cs.LG", listed)
        made = Runner(tmp_path, world)
        made.begin(world.write(services="[]").read_text("utf-8"))
        yield made


KEY = "SELECT value FROM meta WHERE key = 'secret'"


def test_what_a_cancelled_run_has_sent_is_known_to_the_next_one(runner: Runner) -> None:
    cancelled = runner.run(cancelled_at="Send")
    assert not cancelled.is_green
    assert len(runner.world.smtp.mails) == 1
    assert runner.run().is_green
    assert len(runner.world.smtp.mails) == 1  # not the same once more


def test_what_one_run_knows_the_next_one_knows(runner: Runner) -> None:
    first = runner.run()
    assert first.is_green, first.output
    assert "this is the first run" in first.summary
    assert len(runner.world.smtp.mails) == 1
    key = runner.asked(KEY)
    second = runner.run()
    assert second.is_green, second.output
    assert "Already sent at" in second.summary
    assert len(runner.world.smtp.mails) == 1
    assert runner.asked(KEY) == key
    assert len(runner.states()) == 2  # an earlier day can be had back


def test_it_does_not_matter_where_the_database_lies(runner: Runner) -> None:
    config = runner.world.config.read_text("utf-8").replace('"digest.db"', '"data/papers.db"')
    again = Runner(runner.folder / "again", runner.world)
    again.folder.mkdir()
    again.begin(config)
    assert again.run().is_green
    key = again.asked(KEY)
    assert again.run().is_green
    assert again.asked(KEY) == key
    assert len(runner.world.smtp.mails) == 1


def _cut_off(checkout: Path) -> None:
    url = "file:///nowhere/at-all.git"
    subprocess.run(["git", "remote", "set-url", "origin", url], cwd=checkout, check=True)


def test_a_state_that_cannot_be_brought_is_not_replaced_and_nothing_is_sent(
    runner: Runner,
) -> None:
    runner.run()
    before = runner.states()
    job = runner.run(before={"Bring the state": _cut_off})
    assert job.outcomes == {"bring": "failure", "Send": "skipped", "Keep the state": "skipped"}
    assert "could not be brought, so nothing was sent" in job.summary
    assert runner.states() == before
    assert len(runner.world.smtp.mails) == 1
    assert runner.run().is_green


@pytest.mark.parametrize("body", [b"", b"rubbish" * 1000], ids=["empty", "rubbish"])
def test_a_state_that_is_no_database_stops_the_run(runner: Runner, body: bytes) -> None:
    runner.run()
    other = runner.folder / "other"
    runner.git("clone", "--quiet", "-b", "state", str(runner.remote), str(other), cwd=other.parent)
    (other / "digest.db").write_bytes(body)
    runner.git("commit", "--quiet", "-am", "Damage", cwd=other)
    runner.git("push", "--quiet", cwd=other)
    before = runner.states()
    job = runner.run()
    assert job.outcomes["bring"] == "failure"
    assert "brought.db" in job.output
    assert runner.states() == before
    assert len(runner.world.smtp.mails) == 1


def test_a_run_that_fails_is_red_says_why_and_keeps_what_it_knows(runner: Runner) -> None:
    runner.world.smtp.refuse["ada@example.org"] = "550 5.1.1 no such user"
    job = runner.run()
    assert job.outcomes["Send"] == "failure"
    assert "no such user" in job.summary
    assert job.summary.count("```") == 2
    assert job.outcomes["Keep the state"] == "success"
    assert runner.asked("SELECT state FROM deliveries") == "suppressed"


def test_another_runs_state_is_not_overwritten(runner: Runner) -> None:
    runner.run()

    def another(checkout: Path) -> None:
        other = runner.folder / "other"
        clone = ("clone", "--quiet", "-b", "state", str(runner.remote), str(other))
        runner.git(*clone, cwd=runner.folder)
        runner.git("commit", "--quiet", "--allow-empty", "-m", "Another's", cwd=other)
        runner.git("push", "--quiet", cwd=other)

    job = runner.run(before={"Keep the state": another})
    assert job.outcomes["Keep the state"] == "failure"
    assert "could not be kept" in job.summary
    assert "Another's" in runner.git("log", "-1", "--format=%s", "state")


def test_an_emptied_database_is_not_kept_over_a_full_one(runner: Runner) -> None:
    runner.run()
    before = runner.states()

    def emptied(checkout: Path) -> None:
        for file in checkout.glob("digest.db*"):
            file.unlink()

    job = runner.run(before={"Send": emptied})
    assert job.outcomes["Keep the state"] == "failure"
    assert "is not the database that" in job.output
    assert runner.states() == before

    # and none is made to be kept
    job = runner.run(before={"Keep the state": emptied})
    assert job.outcomes["Keep the state"] == "failure"
    assert "There is no database" in job.output
    assert runner.states() == before


# --- what is installed, and where from ---------------------------------------------------------


def test_only_a_source_that_somebody_chose_is_installed(tmp_path: Path) -> None:
    (step,) = (s for s in WORKFLOW["jobs"]["send"]["steps"] if s.get("name") == "Install")
    said, summary = tmp_path / "said", tmp_path / "summary.md"
    pip = tmp_path / "pip"
    pip.write_text(f'#!/bin/sh\necho "$@" >> "{said}"\n', "utf-8")
    pip.chmod(0o755)
    environ = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "GITHUB_STEP_SUMMARY": str(summary)}
    command = ["bash", "-eo", "pipefail", "-c", step["run"]]
    assert subprocess.run(command, env=environ | {"SOURCE": ""}, check=False).returncode == 1
    assert "DIGEST_SOURCE is not set" in summary.read_text("utf-8")
    assert not said.exists()
    chosen = environ | {"SOURCE": "https://host.example/papers@abc"}
    subprocess.run(command, env=chosen, check=True)
    assert (
        said.read_text("utf-8") == f"install {DISTRIBUTION} @ git+https://host.example/papers@abc\n"
    )


def test_secrets_reach_the_step_that_sends_and_no_other() -> None:
    for step in WORKFLOW["jobs"]["send"]["steps"]:
        named = "secrets." in str(step)
        assert named is (step.get("name") == "Send"), step


# --- the trial ---------------------------------------------------------------------------------


def test_the_trial_sends_one_mail_of_the_sample_and_keeps_nothing(
    tmp_path: Path, runner: Runner
) -> None:
    """What somebody has after copying the template, with their mail server in it."""
    world = runner.world
    text = (TEMPLATE / "config.toml").read_text("utf-8")
    for old, new in (
        ("you@example.org", "ada@example.org"),
        ("smtp.gmail.com", "127.0.0.1"),
        ("port = 587", f"port = {world.smtp.port}"),
        ('security = "starttls"', 'security = "none"'),
        ('username = "ada@example.org"\n', ""),
    ):
        assert old in text
        text = text.replace(old, new)
    (tmp_path / "config.toml").write_text(text, "utf-8")
    (step,) = [s for s in TRIAL["jobs"]["send"]["steps"] if s.get("name") == "Send the sample"]
    program = tmp_path / "digest"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m digest "$@"\n', "utf-8")
    program.chmod(0o755)
    summary = tmp_path / "summary.md"
    done = subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
        cwd=tmp_path,
        env=os.environ
        | {
            "PATH": f"{tmp_path}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "GITHUB_STEP_SUMMARY": str(summary),
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (mail,) = world.smtp.to("ada@example.org")
    assert b"(a sample)" in mail.body
    assert b"\n5. " in mail.body
    assert b"\n6. " not in mail.body
    assert not (tmp_path / "digest.db").exists()
    assert "ada@example.org: sent" in summary.read_text("utf-8")


def test_the_template_is_a_configuration_and_its_workflows_install_alike() -> None:
    from digest.config import load_text

    path = TEMPLATE / "config.toml"
    assert load_text(path.read_text("utf-8"), path=path, environ={}).subscribers
    installs = [
        next(s["run"] for s in flow["jobs"]["send"]["steps"] if s.get("name") == "Install")
        for flow in (WORKFLOW, TRIAL)
    ]
    assert installs[0] == installs[1]
