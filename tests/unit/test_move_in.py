"""Moving in from zotero-arxiv-daily, and what starts the digest every day."""

from __future__ import annotations

import plistlib
import shutil
import subprocess
from datetime import time
from pathlib import Path

import pytest

from digest.cli import questions, timer
from digest.cli.init import Answers, config_text
from digest.cli.move_in import move_in
from digest.config import load_text
from digest.errors import ConfigError

THEIRS = """
zotero:
  user_id: ${oc.env:ZOTERO_ID}
  api_key: ${oc.env:ZOTERO_KEY}
  include_path: ["2026/survey/**", "Reading [new]/*"]
  ignore_path: ["archive/**"]
source:
  arxiv:
    category: ["cs.AI", "cs.CV"]
    include_cross_list: false
  biorxiv:
    category: ["biochemistry"]
  chemrxiv:
    include_new_versions: false
email:
  sender: me@example.net   # the account
  receiver: ada@example.org
  smtp_server: smtp.example.net
  smtp_port: 465
  sender_password: ${oc.env:SENDER_PASSWORD}
llm:
  api:
    key: ${oc.env:OPENAI_API_KEY}
    base_url: https://api.example.com/v1
  generation_kwargs:
    model: small-1
  language: Chinese
executor:
  debug: ${oc.env:DEBUG,null}
  source: ['arxiv', 'biorxiv', 'chemrxiv']
  max_paper_num: 25
  send_empty: true
"""
ENVIRON = {"ZOTERO_ID": "4711", "ZOTERO_KEY": "zkey", "SENDER_PASSWORD": "it's # a secret"}


def config_of(file: Path, **environ: str) -> str:
    found = move_in(file, environ)
    return config_text(Answers(**found.answers))


@pytest.fixture
def theirs(tmp_path: Path) -> Path:
    pytest.importorskip("yaml")
    file = tmp_path / "custom.yaml"
    file.write_text(THEIRS, "utf-8")
    return file


def test_what_it_said_is_a_configuration_of_ours(theirs: Path) -> None:
    settings = load_text(config_of(theirs, **ENVIRON), path=theirs, environ={})
    (reader,) = settings.subscribers
    assert reader.email == "ada@example.org"
    assert [s.kind for s in settings.sources] == ["arxiv", "biorxiv"]
    assert settings.smtp[0].host == "smtp.example.net"
    assert (settings.smtp[0].port, settings.smtp[0].security) == (465, "tls")
    assert settings.length == 25
    assert settings.on_empty == "note"
    assert settings.mail.language == "zh"
    assert settings.summary is not None
    assert (settings.summary.base_url, settings.summary.model) == (
        "https://api.example.com/v1",
        "small-1",
    )
    text = config_of(theirs, **ENVIRON)
    assert 'zotero = "users/4711"' in text
    assert 'collections = ["2026/survey", "Reading [new]"], exclude = ["archive"]' in text


def test_secrets_go_apart_and_what_has_no_counterpart_is_told(theirs: Path) -> None:
    found = move_in(theirs, ENVIRON)
    assert found.secrets == {"ZOTERO_API_KEY": "zkey", "SMTP_PASSWORD": "it's # a secret"}
    assert "zkey" not in config_text(Answers(**found.answers))
    said = " ".join(found.left)
    assert "chemrxiv" in said
    assert "OPENAI_API_KEY is not set here" in said
    assert "DEBUG" not in said  # it has a default


def test_its_older_versions_ran_on_variables(tmp_path: Path) -> None:
    file = tmp_path / "secrets.env"
    file.write_text(
        "ZOTERO_ID=1\nZOTERO_KEY=k\nARXIV_QUERY=cs.AI+cs.CV\nSMTP_SERVER=smtp.qq.com\n"
        "SMTP_PORT=465\nSENDER=me@qq.com\nRECEIVER=me@qq.com\nSENDER_PASSWORD=code\n"
        "MAX_PAPER_NUM=500\n",
        "utf-8",
    )
    text = config_of(file)
    assert 'categories = ["cs.AI", "cs.CV"]' in text
    settings = load_text(text, path=file, environ={})
    assert settings.length == 100  # the most there may be
    assert move_in(file, {}).secrets == {"ZOTERO_API_KEY": "k", "SMTP_PASSWORD": "code"}


@pytest.mark.parametrize("text", ["", "a: [", "- 1", "x: 1", "\x00"])
def test_anything_else_is_told(tmp_path: Path, text: str) -> None:
    pytest.importorskip("yaml")
    file = tmp_path / "x.yaml"
    file.write_text(text, "utf-8")
    with pytest.raises(ConfigError, match=r"x\.yaml"):
        move_in(file, {})


def test_its_template_with_nothing_filled_in_makes_no_nonsense(tmp_path: Path) -> None:
    pytest.importorskip("yaml")
    file = tmp_path / "base.yaml"
    file.write_text(
        "zotero:\n  user_id: ???\n  api_key: ???\nsource:\n  arxiv:\n    category: null\n"
        "email:\n  sender: ???\n  receiver: ???\n  smtp_server: ???\n  smtp_port: ???\n"
        "executor:\n  source: ???\n  max_paper_num: 100\n",
        "utf-8",
    )
    found = move_in(file, {})
    assert found.answers["email"] == ""
    assert "likes" not in found.answers
    assert found.secrets == {}


# --- answers -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "likes"),
    [
        ("", []),
        ("2405.01234, 10.1038/nature21707", ["2405.01234", "10.1038/nature21707"]),
        ("users/123", [{"zotero": "users/123"}]),
        ("Zotero: groups/45", [{"zotero": "groups/45"}]),
    ],
)
def test_likes_are_what_people_type(text: str, likes: list[object]) -> None:
    assert questions.likes(text) == likes


@pytest.mark.parametrize("text", ["my papers", "no/such/file.bib", "cs.CL"])
def test_a_like_that_is_none_is_told_at_once(text: str) -> None:
    with pytest.raises(ValueError, match=r"no arXiv id|there is no file"):
        questions.likes(text)


# --- what starts it every day ------------------------------------------------------------------


def made(platform: str, **more: bool) -> timer.Timer:
    return timer.timer_for(
        platform,
        home=Path("/home/ada"),
        folder=Path("/home/ada/my papers"),
        config=Path("/home/ada/my papers/config.toml"),
        at=time(6, 45),
        weekdays=(0, 2, 4),
        python="/opt/it's/python",
        **more,
    )


def test_a_timer_of_systemd_outlives_the_session_and_a_night_switched_off(tmp_path: Path) -> None:
    found = made("linux")
    files = {path.name: text for path, text in found.files}
    assert "OnCalendar=Mon,Wed,Fri 06:45" in files["digest-run.timer"]
    assert "Persistent=true" in files["digest-run.timer"]
    assert any(c[:2] == ("loginctl", "enable-linger") for c in found.start)
    analyse = shutil.which("systemd-analyze")
    if analyse is None:
        pytest.skip("systemd-analyze is not here, so nobody checks the units")
    for name, text in files.items():
        (tmp_path / name).write_text(text.replace("/opt/it's/python", "/bin/true"), "utf-8")
    command = [analyse, "verify", "--user", str(tmp_path / "digest-run.timer")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "Failed to parse" not in done.stderr


def test_a_launch_agent_is_a_property_list_with_each_day() -> None:
    ((path, text),) = made("darwin").files
    assert path.parts[-2:] == ("LaunchAgents", "org.preprint-digest.run.plist")
    found = plistlib.loads(text.encode())
    assert found["ProgramArguments"][0] == "/opt/it's/python"
    assert found["WorkingDirectory"] == "/home/ada/my papers"
    days = [(d["Weekday"], d["Hour"], d["Minute"]) for d in found["StartCalendarInterval"]]
    assert days == [(1, 6, 45), (3, 6, 45), (5, 6, 45)]


def test_a_scheduled_task_of_windows_quotes_what_has_blanks() -> None:
    (command,) = made("win32").start
    assert command[command.index("/D") + 1] == "MON,WED,FRI"
    assert '"/home/ada/my papers/config.toml"' in command[command.index("/TR") + 1]


def test_elsewhere_the_line_for_cron_is_shown() -> None:
    said = made("linux", has_systemd=False).by_hand
    assert "45 6 * * mon,wed,fri cd '/home/ada/my papers' && " in said


def test_a_timer_is_written_started_and_taken_away(tmp_path: Path) -> None:
    marks = tmp_path / "marks"
    file = tmp_path / "deep" / "unit"
    found = timer.Timer(
        kind="a test",
        files=((file, "text"),),
        start=(("sh", "-c", f"echo on >> {marks}"),),
        stop=(("sh", "-c", f"echo off >> {marks}"),),
    )
    timer.install(found)
    assert file.read_text() == "text"
    timer.remove(found)
    assert not file.exists()
    assert marks.read_text().split() == ["on", "off"]


def test_a_system_that_says_no_is_told() -> None:
    refusing = timer.Timer(kind="x", start=(("sh", "-c", "echo no bus >&2; exit 3"),))
    with pytest.raises(Exception, match="no bus"):
        timer.install(refusing)
    absent = timer.Timer(kind="x", start=(("no-such-command",),))
    with pytest.raises(Exception, match="does not work here"):
        timer.install(absent)
