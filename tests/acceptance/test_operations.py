"""The commands of whoever runs it, as they type them."""

from __future__ import annotations

import json
import mailbox
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.acceptance.test_command import digest
from tests.servers import Answer, rss
from tests.worlds import ADA, World, make_world, record

BOB = ADA.replace("ada@", "bob@")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Ada got her mail, Bob's was refused for its content."""
    with make_world(tmp_path) as made:
        made.now = datetime.now(UTC)
        made.quiet()
        stamp = made.now.strftime("%a, %d %b %Y 00:00:00 +0000")
        papers = [record(n) for n in range(4)]
        made.web.says("/rss/cs.CL+cs.LG", Answer(rss(papers, stamp)))
        mailbox.Maildir(tmp_path / "inbox", create=True)
        made.write(subscribers=ADA + BOB, sources='[inbox]\nmaildir = "inbox"\n')
        made.smtp.refuse = {"bob@example.org": "554 5.6.0 not understood"}
        assert digest(tmp_path, "run").returncode == 1
        yield made


def test_deliveries_can_be_listed_and_failed_ones_sent_again(world: World) -> None:
    shown = digest(world.folder, "deliveries")
    assert shown.returncode == 0, shown.stderr
    assert "1 sent" in shown.stdout
    assert "1 failed" in shown.stdout
    assert "554 5.6.0 not understood" in shown.stdout

    only = digest(world.folder, "deliveries", "--state", "failed", "--json")
    data = json.loads(only.stdout)
    assert data["counts"] == {"failed": 1, "sent": 1}
    (failed,) = data["deliveries"]
    assert failed["email"] == "bob@example.org"
    assert failed["attempts"] == 1

    assert digest(world.folder, "deliveries", "--state", "lost").returncode == 2
    hers = digest(world.folder, "deliveries", "-s", "ada@example.org")
    assert "bob@" not in hers.stdout

    world.smtp.refuse = {}
    again = digest(world.folder, "retry")
    assert "1 mail ready" in again.stdout
    assert digest(world.folder, "run").returncode == 0
    assert len(world.smtp.to("bob@example.org")) == 1
    assert len(world.smtp.to("ada@example.org")) == 1
    assert "0 mails ready" in digest(world.folder, "retry").stdout


def test_an_address_is_suppressed_and_taken_back(world: World) -> None:
    assert digest(world.folder, "suppress", "bob@example.org").returncode == 0
    world.smtp.refuse = {}
    digest(world.folder, "retry", "bob@example.org")
    digest(world.folder, "run")
    assert not world.smtp.to("bob@example.org")
    status = json.loads(digest(world.folder, "status", "--json").stdout)
    bob = next(s for s in status["subscribers"] if s["email"] == "bob@example.org")
    assert bob["state"] == "suppressed"
    assert status["mails"] == {"sent": 1, "suppressed": 1}

    assert digest(world.folder, "unsuppress", "bob@example.org").returncode == 0
    assert "1 mail ready" in digest(world.folder, "retry", "bob@example.org").stdout
    digest(world.folder, "run")
    assert len(world.smtp.to("bob@example.org")) == 1
    assert digest(world.folder, "suppress", "nobody@example.org").returncode == 2


def test_status_says_why_an_address_is_suppressed(world: World) -> None:
    world.smtp.refuse = {"bob@example.org": "550 5.1.1 no such user"}
    digest(world.folder, "retry")
    digest(world.folder, "run")
    assert "550 5.1.1 no such user" in digest(world.folder, "status").stdout
    data = json.loads(digest(world.folder, "status", "--json").stdout)
    bob = next(s for s in data["subscribers"] if s["email"] == "bob@example.org")
    assert [s["severity"] for s in bob["strikes"]] == ["hard"]


def test_the_inbox_is_read(world: World) -> None:
    mailbox.Maildir(world.folder / "inbox").add(b"Subject: hello\r\n\r\nthere\r\n")
    shown = digest(world.folder, "bounces")
    assert shown.returncode == 0, shown.stderr
    assert "1 mail read: 0 mails of ours, 0 refused, 1 left to people." in shown.stdout
    checked = digest(world.folder, "check")
    assert "inbox: can be read; 1 unread mail" in checked.stdout
    world.write()
    none = digest(world.folder, "bounces")
    assert none.returncode == 2
    assert "There is no inbox" in none.stderr


@pytest.mark.sqlite
def test_a_backup_is_made_and_put_back(world: World) -> None:
    made = digest(world.folder, "backup", "copy.db")
    assert made.returncode == 0, made.stderr
    assert digest(world.folder, "backup", "copy.db").returncode == 1
    refused = digest(world.folder, "restore", "copy.db")
    assert refused.returncode == 1
    assert "--force" in refused.stderr
    back = digest(world.folder, "restore", "copy.db", "--force")
    assert back.returncode == 0, back.stderr
    assert "It knows of mails up to" in back.stdout
    assert "digest.db.before-restore-1" in back.stdout
    digest(world.folder, "run")
    assert len(world.smtp.to("ada@example.org")) == 1


def test_a_key_is_rotated(world: World) -> None:
    assert "stays good" in digest(world.folder, "rotate-key").stdout
    assert "are void" in digest(world.folder, "rotate-key", "--revoke").stdout


def test_logs_can_be_json_without_addresses(world: World) -> None:
    text = world.config.read_text("utf-8")
    world.config.write_text(text + '\n[monitor]\nlog_format = "json"\n', "utf-8")
    digest(world.folder, "retry")
    done = digest(world.folder, "-v", "run")
    lines = [json.loads(line) for line in done.stderr.splitlines() if line.startswith("{")]
    assert "delivery.settled" in {line["event"] for line in lines}
    assert "bob@" not in done.stderr


def test_readable_secrets_are_warned_about(world: World) -> None:
    dotenv = world.folder / ".env"
    dotenv.write_text("SMTP_PASSWORD=x\n")
    dotenv.chmod(0o644)
    assert "can be read by others" in digest(world.folder, "status").stderr


def test_a_paper_tells_where_it_was_listed_who_got_it_and_why(world: World) -> None:
    shown = digest(world.folder, "paper", "2605.00001")
    assert shown.returncode == 0, shown.stderr
    for words in (
        "Laser beam study 1",
        "id: arxiv:2605.00001",
        "arXiv",
        "ada@example.org: no. ",
        "of for you, score",
        "Close to “Laser beam mirror”, which you liked.",
    ):
        assert words in shown.stdout, words
    missing = digest(world.folder, "paper", "2605.99999")
    assert missing.returncode == 1
    assert "is not stored" in missing.stderr
    digest(world.folder, "dislike", "2605.00001", "-s", "ada@example.org")
    assert "disliked by ada@example.org" in digest(world.folder, "paper", "2605.00001").stdout
