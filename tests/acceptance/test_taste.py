"""Starting cold: `digest init` on a terminal, and judging papers before the first mail."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest

from digest import jobs
from digest.app import App
from digest.config import load_settings
from tests.acceptance.test_command import digest as command
from tests.acceptance.test_command import world as world
from tests.servers import Answer, api, rss
from tests.worlds import World, record

TOPICS = ("laser beam mirror", "coral reef fish", "medieval trade route")


@pytest.fixture
def listed(world: World) -> World:
    stamp = world.now.strftime("%a, %d %b %Y 00:00:00 +0000")
    papers = [
        record(n, title=f"On {topic} {n}", abstract=f"A study of {topic}, told for the {n}th time.")
        for n, topic in enumerate(TOPICS * 3)
    ]
    world.web.says("/rss/cs.CL+cs.LG", Answer(rss(papers, stamp)))
    world.write(subscribers='[[subscribers]]\nemail = "ada@example.org"\nlikes = []\n')
    return world


def answered(folder: Path, text: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "digest", "taste"],
        cwd=folder,
        input=text,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_answers_sharpen_the_profile_before_the_first_mail(listed: World) -> None:
    first = answered(listed.folder, "\n" * 20)
    assert first.returncode == 0, first.stderr
    assert "No answer, so nothing changes." in first.stdout
    shown = [line for line in first.stdout.splitlines() if ". On " in line]
    answers = "".join("y\n" if "coral" in line else "n\n" for line in shown[:6])
    done = answered(listed.folder, answers + "q\n")
    assert done.returncode == 0, done.stderr
    assert "liked" in done.stdout
    after = done.stdout.split("these would come now:")[1].strip().splitlines()
    assert "coral" in after[0]
    assert listed.smtp.mails == []
    profile = command(listed.folder, "profile")
    assert "coral" in profile.stdout


def test_nothing_to_judge_is_told(world: World) -> None:
    world.quiet()
    world.web.says("/api/query", Answer(api([])))
    world.write(subscribers='[[subscribers]]\nemail = "ada@example.org"\nlikes = []\n')
    done = answered(world.folder, "y\n")
    assert done.returncode == 0, done.stderr
    assert "There is nothing to judge yet." in done.stdout


def test_init_on_a_terminal_asks_shows_and_takes_answers(tmp_path: Path, listed: World) -> None:
    """A person at a terminal: interests, then a few papers, then a profile."""
    main, side = pty.openpty()
    folder = tmp_path / "fresh"
    folder.mkdir()
    (folder / "Meine Bücherei.bib").write_text("@misc{a, title={Fish of the reef}}", "utf-8")
    child = subprocess.Popen(
        [sys.executable, "-m", "digest", "init", "-o", "config.toml"],
        cwd=folder,
        stdin=side,
        stdout=side,
        stderr=side,
        env=os.environ | {"COLUMNS": "120", "TERM": "dumb"},
    )
    os.close(side)
    seen = ""

    def until(words: str) -> None:
        nonlocal seen
        deadline = time.monotonic() + 60
        while words not in seen:
            ready, _, _ = select.select([main], [], [], max(0, deadline - time.monotonic()))
            assert ready, f"{words!r} did not come; so far: {seen[-2000:]}"
            seen += os.read(main, 4096).decode("utf-8", "replace")
        seen = seen.split(words, 1)[1]

    def say(text: str) -> None:
        os.write(main, text.encode() + b"\n")

    try:
        until("Your mail address")
        say("eve")  # a mistake costs its own question alone
        until("is not a mail address")
        until("Your mail address")
        say("eve@example.org")
        until("Numbers [1 2]")
        say("1")
        until("arXiv categories")
        say("Neural Networks")
        until("is no category of arXiv")
        until("arXiv categories")
        say("cs.CL, cs.LG")
        until("Your interests in plain words")
        say("coral reefs, fish")
        until("Papers you like")
        say("mine.bib")
        until("here is no file mine.bib")
        until("Papers you like")
        say("Meine Bücherei.bib")
        until("When should it go out?")
        say("25:00")
        until("is not a time of day")
        until("When should it go out?")
        say("")
        until("Time zone")
        say("UTC")
        until("Mail server")
        say("")
        until("in your browser?")
        # the real arXiv is not reached from a test: the sources are led to the loopback server
        config = folder / "config.toml"
        written = config.read_text("utf-8")
        assert 'keywords = ["coral reefs", "fish"]' in written
        assert '"Meine Bücherei.bib"' in written
        say("n")
        until("Say yes or no to some of it")
        say("n")
        until("sent every day by this machine?")
        say("n")
        until("Next: `digest check`")
    finally:
        child.wait(30)
        os.close(main)
    assert child.returncode == 0
    text = config.read_text("utf-8")
    text = text.replace(
        'categories = ["cs.CL", "cs.LG"]',
        f'categories = ["cs.CL", "cs.LG"]\nbase_url = "{listed.web.url}"\n'
        f'api_url = "{listed.web.url}/api/query"\nallow_private = true',
    )
    config.write_text(text, "utf-8")
    done = answered(folder, "y\nq\n")
    assert done.returncode == 0, done.stderr
    assert "1. On coral reef fish" in done.stdout
    assert "Holds your keyword" in done.stdout
    with App(load_settings(config, {})) as app:
        ratings = app.store.ratings.of(jobs.subscriber(app, "eve@example.org").id)
        assert [(r.value, r.origin) for r in ratings if r.origin == "cli"] == [(1, "cli")]
