"""The installed command, as a person types it in a folder."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import venv
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from email import message_from_bytes, policy
from pathlib import Path

import httpx
import pytest

from digest.errors import DigestError
from digest.preview.pictures import find_chromium
from digest.proof.spam import find_spamassassin, score
from tests import postgres
from tests.conftest import ROOT
from tests.servers import Answer, api, rss
from tests.worlds import World, make_world, record


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with make_world(tmp_path) as made:
        made.now = datetime.now(UTC)
        made.quiet()
        stamp = made.now.strftime("%a, %d %b %Y 00:00:00 +0000")
        papers = [record(n) for n in range(6)]
        made.web.says("/rss/cs.CL+cs.LG", Answer(rss(papers, stamp)))
        made.web.says("/api/query", Answer(api([record(77, id="2405.01234", title="A liked one")])))
        made.write()
        yield made


def digest(
    folder: Path, *arguments: str, environ: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "digest", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={k: v for k, v in os.environ.items() if k != "DIGEST_CONFIG"} | (environ or {}),
    )


def test_run_status_and_run_again(world: World) -> None:
    first = digest(world.folder, "run")
    assert first.returncode == 0, first.stderr
    assert "arXiv: 6 papers, 6 not known before" in first.stdout
    assert "ada@example.org" in first.stdout
    assert " sent " in first.stdout
    again = digest(world.folder, "run")
    assert again.returncode == 0
    assert "Already sent at" in again.stdout
    assert len(world.smtp.mails) == 1
    status = digest(world.folder, "status")
    assert status.returncode == 0
    assert "sent" in status.stdout
    assert "Laser beam study" in status.stdout
    told = json.loads(digest(world.folder, "status", "--json").stdout)
    (person,) = told["subscribers"]
    assert person["history"][0]["outcome"] == "sent"
    assert person["history"][0]["n_picks"] == 6
    assert told["runs"][0]["sources"][0]["source"] == "arXiv"
    assert told["store"]["papers"] >= 6


@pytest.mark.sqlite
def test_the_config_is_found_by_option_environment_or_folder(world: World, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    assert digest(elsewhere, "status").returncode == 2
    assert digest(elsewhere, "status", "--config", str(world.config)).returncode == 0
    assert digest(elsewhere, "--config", str(world.config), "status").returncode == 0
    found = digest(elsewhere, "status", environ={"DIGEST_CONFIG": str(world.config)})
    assert found.returncode == 0
    assert (world.folder / "digest.db").exists()
    assert not (elsewhere / "digest.db").exists()


def test_exit_codes_tell_usage_from_failure(world: World) -> None:
    assert digest(world.folder, "frobnicate").returncode == 2
    assert digest(world.folder, "run", "--date", "yesterday").returncode == 2
    assert digest(world.folder, "run", "--date", "2999-01-01").returncode == 2
    assert digest(world.folder, "run", "--only", "eve@example.org").returncode == 2
    world.smtp.refuse = {"ada@example.org": "550 5.1.1 gone"}
    failed = digest(world.folder, "run")
    assert failed.returncode == 1
    assert "gone" in failed.stdout
    world.config.write_text(world.config.read_text().replace("title =", "titel ="))
    wrong = digest(world.folder, "run")
    assert wrong.returncode == 2
    assert 'did you mean "title"' in wrong.stderr
    assert "Traceback" not in wrong.stderr


def test_preview_writes_three_files_a_reader_and_sends_nothing(world: World) -> None:
    shown = digest(world.folder, "preview", "--out", "p")
    assert shown.returncode == 0, shown.stderr
    names = sorted(p.name for p in (world.folder / "p").iterdir())
    assert names == [f"ada@example.org{s}" for s in (".eml", ".html", ".txt")]
    mail = message_from_bytes((world.folder / "p" / names[0]).read_bytes(), policy=policy.default)
    assert mail["To"] == "ada@example.org"
    assert world.smtp.mails == []
    assert " sent " in digest(world.folder, "run").stdout


def test_preview_needs_no_mail_server_and_no_weekday(world: World) -> None:
    text = world.config.read_text()
    start, end = text.index("[smtp]"), text.index("[store]")
    other_day = (datetime.now(UTC).weekday() + 3) % 7
    text = (text[:start] + text[end:]).replace(
        "[[sources]]", f"weekdays = [{other_day}]\n\n[[sources]]", 1
    )
    world.config.write_text(text)
    assert digest(world.folder, "preview").returncode == 0
    assert (world.folder / "preview" / "ada@example.org.html").exists()
    run = digest(world.folder, "run")
    assert run.returncode == 2
    assert "neither [smtp] nor [maildir]" in run.stderr


def test_check_tells_part_by_part_and_sends_only_if_asked(world: World) -> None:
    fine = digest(world.folder, "check")
    assert fine.returncode == 0, fine.stderr
    assert "arXiv: 6 papers" in fine.stdout
    assert "nothing was sent" in fine.stdout
    assert world.smtp.mails == []
    assert digest(world.folder, "check", "--send-test", "me@example.org").returncode == 0
    assert [m.recipient for m in world.smtp.mails] == ["me@example.org"]
    assert digest(world.folder, "check", "--send-test", "nobody").returncode == 2
    world.web.says("/rss/cs.CL+cs.LG", Answer(b"<html>no</html>"))
    broken = digest(world.folder, "check")
    assert broken.returncode == 1
    assert "where a feed was expected" in broken.stderr
    assert "Daily Papers: 0 papers" in broken.stdout


def test_check_tells_where_the_mails_links_lead(world: World) -> None:
    path = world.write()
    path.write_text(path.read_text() + '\n[web]\nurl = "http://papers.example.org"\n')
    told = digest(world.folder, "check", environ={"DIGEST_ADMIN_PASSWORD": "x"})
    assert told.returncode == 0, told.stderr
    assert "web side: the mail's links lead to http://papers.example.org; signups are open" in (
        told.stdout
    )
    assert "admin pages are on" in told.stdout
    assert "is not https" in told.stderr


def test_init_writes_a_config_that_check_accepts(tmp_path: Path) -> None:
    made = digest(
        tmp_path,
        "init",
        *("--email", "ada@example.org", "--name", 'Ada "the" L.', "--category", "hep-th"),
        *("--like", "2405.01234", "--keyword", "dark matter", "--author", "G. Hopper"),
    )
    assert made.returncode == 0, made.stderr
    assert "# " in (tmp_path / "config.toml").read_text()
    assert digest(tmp_path, "status").returncode == 0
    again = digest(tmp_path, "init", "--email", "ada@example.org")
    assert again.returncode == 2
    assert "--force" in again.stderr
    gmail = digest(tmp_path, "init", "--force", "--email", "ada.l@gmail.com")
    assert gmail.returncode == 0
    assert "SMTP_PASSWORD" in gmail.stdout
    assert 'host = "smtp.gmail.com"' in (tmp_path / "config.toml").read_text()
    assert digest(tmp_path, "init", "-o", "x.toml").returncode == 2
    assert digest(tmp_path, "init", "-o", "x.toml", "--email", "nope").returncode == 2
    assert not (tmp_path / "x.toml").exists()


def test_likes_dislikes_and_the_profile(world: World) -> None:
    liked = digest(world.folder, "like", "2405.01234", "--subscriber", "ada@example.org")
    assert liked.returncode == 0, liked.stderr
    assert "liked: A liked one" in liked.stdout
    digest(world.folder, "run")
    disliked = digest(world.folder, "dislike", "https://arxiv.org/abs/2605.00001", "nonsense")
    assert disliked.returncode == 1
    assert "disliked: Laser beam study 1" in disliked.stdout
    assert "nonsense was not disliked" in disliked.stderr
    profile = digest(world.folder, "profile", "ada@example.org")
    assert profile.returncode == 0, profile.stderr
    for text in ("2405.01234", "A liked one", "Dislikes (1)", "laser", "█", "cli", "config"):
        assert text in profile.stdout
    assert digest(world.folder, "unlike", "2405.01234").returncode == 0
    assert digest(world.folder, "unlike", "2405.01234").returncode == 1
    assert "A liked one" not in digest(world.folder, "profile").stdout


def test_evaluate_tells_how_good_the_ranking_is_or_that_nobody_can_tell(world: World) -> None:
    few = digest(world.folder, "evaluate")
    assert few.returncode == 0, few.stderr
    assert "too few to tell" in few.stdout
    beams = ",".join(
        f'{{ title = "Laser beam {n}", abstract = "A laser beam, a mirror and lens {n}." }}'
        for n in range(12)
    )
    world.write(subscribers=f'[[subscribers]]\nemail = "ada@example.org"\nlikes = [{beams}]\n')
    papers = [
        record(n, title=f"Court case {n}", abstract=f"A judge hears an appeal on tort, no. {n}.")
        for n in range(40)
    ]
    stamp = world.now.strftime("%a, %d %b %Y 00:00:00 +0000")
    world.web.says("/rss/cs.CL+cs.LG", Answer(rss(papers, stamp)))
    digest(world.folder, "run")
    told = digest(world.folder, "evaluate", "--plot", "out.png")
    assert told.returncode == 0, told.stderr
    for text in (
        "12 likes, each hidden once",
        "nDCG@10",
        "plain centroid",
        "newest first",
        "digest",
    ):
        assert text in told.stdout
    assert "No source lists anything near" in told.stderr
    assert "Close to this profile: 0 of 40 papers" in digest(world.folder, "profile").stdout
    assert (world.folder / "out.png").read_bytes().startswith(b"\x89PNG")
    assert digest(world.folder, "evaluate", "--plot", "no/such/out.png").returncode == 1


def test_the_worker_sends_and_leaves_on_sigterm(world: World) -> None:
    world.config.write_text(world.config.read_text().replace('time = "07:30"', 'time = "00:00"'))
    process = subprocess.Popen(
        [sys.executable, "-m", "digest", "worker"],
        cwd=world.folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 60
    while not world.smtp.mails and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.1)
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert len(world.smtp.mails) == 1
    assert ("worker.stopped" if postgres.wanted else "day.done") in err
    assert "ada@example.org" not in err
    assert "1 subscriber" in out
    assert "Already sent" in digest(world.folder, "run").stdout


def test_a_worker_answers_for_its_figures_where_it_is_told_to(world: World) -> None:
    pytest.importorskip("prometheus_client", reason="the extra metrics is not installed")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    world.config  # noqa: B018 - it is written when it is first asked for
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "digest", "worker"),
            *("--metrics-host", "127.0.0.1", "--metrics-port", str(port)),
        ],
        cwd=world.folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        deadline = time.monotonic() + 60
        text = ""
        while not text and time.monotonic() < deadline and process.poll() is None:
            time.sleep(0.2)
            with suppress(httpx.TransportError), httpx.Client(trust_env=False) as client:
                text = client.get(f"http://127.0.0.1:{port}/metrics").text
        assert "digest_up 1.0" in text
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)


def test_two_runs_at_once_send_once(world: World) -> None:
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "digest", "run"],
            cwd=world.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    outputs = [p.communicate(timeout=120) for p in processes]
    assert [p.returncode for p in processes] == [0, 0, 0], outputs
    assert len(world.smtp.mails) == 1


def test_a_killed_run_is_taken_up_by_the_next(world: World) -> None:
    people = "".join(
        f'[[subscribers]]\nemail = "p{n}@example.org"\nkeywords = ["laser"]\n' for n in range(12)
    )
    world.write(subscribers=people)

    process = subprocess.Popen(
        [sys.executable, "-m", "digest", "run"], cwd=world.folder, stdout=subprocess.DEVNULL
    )
    world.smtp.on_mail = lambda mail: (
        process.kill() if len(world.smtp.mails) == 5 else None  # in the middle of the answers
    )
    process.wait(timeout=60)
    assert process.returncode == -signal.SIGKILL
    world.smtp.on_mail = lambda mail: None
    n_before = len(world.smtp.mails)
    resumed = digest(world.folder, "run")
    assert resumed.returncode == 0, resumed.stdout + resumed.stderr
    recipients = [m.recipient for m in world.smtp.mails]
    assert set(recipients) == {f"p{n}@example.org" for n in range(12)}
    twice = {r for r in recipients if recipients.count(r) > 1}
    # Only the one message whose answer was on its way may have come twice, as the same mail.
    assert len(twice) <= 1
    assert n_before < 12
    for r in twice:
        bodies = {m.body for m in world.smtp.to(r)}
        assert len(bodies) == 1


def test_the_demo_leaves_two_different_mails(tmp_path: Path) -> None:
    shown = digest(tmp_path, "demo", "--out", "d")
    assert shown.returncode == 0, shown.stderr
    for who in ("ada", "edwin"):
        for suffix in (".eml", ".html", ".txt"):
            assert (tmp_path / "d" / f"{who}@example.org{suffix}").exists()
    ada, edwin = (
        (tmp_path / "d" / f"{who}@example.org.txt").read_text() for who in ("ada", "edwin")
    )
    assert "Citations That Hold" in ada
    assert "FROM AUTHORS YOU FOLLOW" in ada
    assert "Proverbs" not in ada
    assert "Starspots" in edwin
    assert "Citations That Hold" not in edwin
    assert digest(tmp_path, "demo", "--out", "d").returncode == 0


@pytest.mark.skipif(os.environ.get("DIGEST_SKIP_WHEEL") == "1", reason="DIGEST_SKIP_WHEEL says so")
def test_the_wheel_alone_has_all_the_demo_needs(tmp_path: Path) -> None:
    built = subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--outdir", str(tmp_path), str(ROOT)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stdout + built.stderr
    (wheel,) = tmp_path.glob("*.whl")
    home = tmp_path / "venv"
    venv.create(home, with_pip=True, system_site_packages=False)
    # The dependencies are those of this environment; only the package itself comes from the wheel.
    site = next(home.glob("lib/python*/site-packages"))
    here = next(p for p in map(Path, sys.path) if p.name == "site-packages")
    (site / "borrowed.pth").write_text(str(here))
    installed = subprocess.run(
        [home / "bin" / "pip", "install", "--quiet", "--no-deps", "--force-reinstall", str(wheel)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert installed.returncode == 0, installed.stderr
    empty = tmp_path / "empty"
    empty.mkdir()
    shown = subprocess.run(
        [home / "bin" / "python", "-P", "-m", "digest", "demo"],
        cwd=empty,
        capture_output=True,
        text=True,
        check=False,
    )
    assert shown.returncode == 0, shown.stderr
    assert (empty / "demo" / "ada@example.org.html").exists()
    checked = subprocess.run(  # the clients' data, the page's templates and the catalogues too
        [
            home / "bin" / "python",
            "-P",
            "-m",
            "digest",
            "preview",
            "--check",
            "demo/ada@example.org.eml",
        ],
        cwd=empty,
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
    package = next(home.glob("lib/python*/site-packages/digest"))
    assert (package / "templates" / "preview" / "preview.js").exists()
    assert (package / "locale" / "de" / "LC_MESSAGES" / "digest.po").exists()
    where = subprocess.run(
        [home / "bin" / "python", "-P", "-c", "import digest; print(digest.__file__)"],
        cwd=empty,
        capture_output=True,
        text=True,
        check=True,
    )
    assert str(home) in where.stdout


# --- looking at mails ---------------------------------------------------------------------------


def test_preview_from_the_store_fetches_nothing(world: World) -> None:
    assert digest(world.folder, "preview").returncode == 0
    n_asked = len(world.web.requests)
    shown = digest(world.folder, "preview", "--stored", "--out", "again")
    assert shown.returncode == 0, shown.stderr
    assert "of 6 new papers" in shown.stdout
    assert len(world.web.requests) == n_asked


def test_preview_check_passes_a_sound_mail_and_fails_a_faulty_one(world: World) -> None:
    sound = digest(world.folder, "preview", "--check")
    assert sound.returncode == 0, sound.stdout + sound.stderr
    assert "ada@example.org: " in sound.stdout
    assert "The HTML has" in sound.stdout
    assert not (world.folder / "preview").exists()

    own = world.folder / "own"
    own.mkdir()
    (own / "card.html.j2").write_text('<p style="color:#eeeeee">{{ card.title }}</p>', "utf-8")
    world.write(top='[mail]\ntemplates = "own"')
    faulty = digest(world.folder, "preview", "--check", "--stored")
    assert faulty.returncode == 1
    assert "error (contrast): In the light mail" in faulty.stdout


def test_preview_check_reads_mails_from_files(world: World) -> None:
    assert digest(world.folder, "preview", "--out", "p").returncode == 0
    mail = world.folder / "p" / "ada@example.org.eml"
    unix = world.folder / "p" / "as-in-a-maildir.eml"
    unix.write_bytes(mail.read_bytes().replace(b"\r\n", b"\n"))
    checked = digest(world.folder, "preview", "--check", str(mail), str(unix))
    assert checked.returncode == 0, checked.stdout
    assert "as-in-a-maildir: " in checked.stdout
    mail.write_bytes(mail.read_bytes().replace(b"List-Unsubscribe:", b"X-Was:"))
    checked = digest(world.folder, "preview", "--check", str(mail))
    assert checked.returncode == 1
    assert "There is no List-Unsubscribe header" in checked.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["x.eml"], "files go with --check or --png"),
        (["--check", "x.eml"], "x.eml cannot be read"),
        (["--serve", "--check"], "--serve"),
        (["--png"], "--png"),
    ],
)
def test_preview_says_what_cannot_go_together(
    world: World, arguments: list[str], words: str
) -> None:
    done = digest(world.folder, "preview", *arguments)
    assert done.returncode == 2
    assert words in done.stderr


def test_preview_says_when_its_port_is_taken(world: World) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = digest(world.folder, "preview", "--serve", "--stored", "--port", port)
    assert done.returncode == 1
    assert f"Port {port} of this machine cannot be used" in done.stderr


def test_preview_draws_pictures(world: World) -> None:
    try:
        find_chromium(os.environ)
    except DigestError as error:
        pytest.skip(f"nothing draws here: {error}")
    done = digest(world.folder, "preview", "--png", "pictures", "--height", "700")
    assert done.returncode == 0, done.stderr
    sizes = {p.name: png_size(p) for p in (world.folder / "pictures").glob("*.png")}
    assert sizes == {
        "ada@example.org-desktop.png": (760, 700),
        "ada@example.org-dark.png": (760, 700),
        "ada@example.org-plain.png": (760, 700),
        "ada@example.org-phone.png": (500, 700),
        "ada@example.org-narrow.png": (500, 700),
    }


def png_size(path: Path) -> tuple[int, int]:
    head = path.read_bytes()[:24]
    assert head[:8] == b"\x89PNG\r\n\x1a\n"
    return int.from_bytes(head[16:20], "big"), int.from_bytes(head[20:24], "big")


def test_pictures_say_what_they_need(world: World) -> None:
    done = digest(world.folder, "preview", "--png", "p", environ={"DIGEST_CHROMIUM": "nothing"})
    assert done.returncode == 1
    assert "$DIGEST_CHROMIUM is nothing, and no such program is here" in done.stderr


def test_a_missing_extra_is_named(world: World) -> None:
    (world.folder / "bs4.py").write_text("raise ModuleNotFoundError(name='bs4')", "utf-8")
    done = digest(world.folder, "preview", "--check")
    assert done.returncode == 1
    assert "needs bs4" in done.stderr
    assert '[preview]"' in done.stderr


def test_a_template_that_is_wrong_sends_nothing_and_names_its_line(world: World) -> None:
    (world.folder / "own").mkdir()
    card = world.folder / "own" / "card.html.j2"
    card.write_text("<p>\n{% if card.rank %}</p>", "utf-8")
    world.write(top='[mail]\ntemplates = "own"')
    done = digest(world.folder, "run")
    assert done.returncode == 1
    assert "own/card.html.j2, line 2" in done.stdout
    assert not world.smtp.mails


def test_the_demos_mails_are_no_spam(tmp_path: Path) -> None:
    program = find_spamassassin()
    if program is None:
        pytest.skip("SpamAssassin is not installed, so nobody says whether the mails are spam")
    assert digest(tmp_path, "demo", "--out", "d").returncode == 0
    mails = sorted((tmp_path / "d").glob("*.eml"))
    assert len(mails) == 2
    for mail in mails:
        points, rules = score(mail.read_bytes(), program)
        assert points < 1, rules


def test_the_demo_can_be_looked_at_afterwards(tmp_path: Path) -> None:
    assert digest(tmp_path, "demo", "--out", "d").returncode == 0
    shown = digest(tmp_path, "preview", "--stored", "--config", "d/config.toml", "--check")
    assert shown.returncode == 0, shown.stdout + shown.stderr
    assert "edwin@example.org: " in shown.stdout


def test_likes_and_editions_go_out_as_files(tmp_path: Path) -> None:
    assert digest(tmp_path, "demo", "--out", "demo").returncode == 0
    ada = ("-c", "demo/config.toml", "-s", "ada@example.org")
    sent = digest(tmp_path, "export", "sent", *ada)
    assert sent.returncode == 0, sent.stderr
    assert sent.stdout.count("\n@") > 5
    likes = digest(tmp_path, "export", "likes", "--out", "likes.ris", *ada)
    assert "in likes.ris" in likes.stdout
    assert (tmp_path / "likes.ris").read_text("utf-8").startswith("TY  - ")
    again = digest(tmp_path, "import", "likes.ris", "--dry-run", *ada)
    assert "0 would be new" in again.stdout
    assert digest(tmp_path, "export", "likes", "--out", "likes.xyz", *ada).returncode == 2
    unknown = digest(tmp_path, "export", "2405.99999", *ada)
    assert unknown.returncode == 1
    assert "is not stored" in unknown.stderr
    made = digest(tmp_path, "publish", "site", "--url", "https://papers.example.net", *ada)
    assert made.returncode == 0, made.stderr
    (page,) = (tmp_path / "site").glob("2*.html")
    assert page.name in (tmp_path / "site" / "index.html").read_text("utf-8")
    assert "https://papers.example.net" in (tmp_path / "site" / "feed.atom").read_text("utf-8")
    everything = "".join(p.read_text("utf-8") for p in (tmp_path / "site").iterdir())
    assert "ada@example.org" not in everything
    assert 'href="/' not in everything
