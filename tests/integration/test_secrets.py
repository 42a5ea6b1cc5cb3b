"""What nobody else may read, who needs which password, and passwords of any letters."""

from __future__ import annotations

import base64
import logging
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from digest import jobs
from digest.channels.email.mailboxes import ImapBox, modified_utf7
from digest.channels.email.smtp import SmtpTransport
from digest.cli.shared import app as command_line
from digest.errors import InboxError, RouteError, StoreError
from digest.files import make_private
from digest.store import open_store, sqlite
from digest.store.sqlite import restore
from tests.integration.test_returns import ImapServer, imap_server
from tests.servers import Answer, mail_server, rss
from tests.worlds import World, make_world, record

pytestmark = pytest.mark.sqlite
ANY_LETTERS = [
    *("gehäim", "пароль", "秘密の言葉", "pass\u2003word", "q\u0308", 'quote"back\\slash', "a b"),
]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with make_world(tmp_path) as made:
        stamp = made.now.strftime("%a, %d %b %Y 00:00:00 -0400")
        made.web.says("/rss/cs.CL+cs.LG", Answer(rss([record(n) for n in range(1, 9)], stamp)))
        yield made


@pytest.fixture(autouse=True)
def logs_as_before() -> Iterator[None]:
    """Commands run here set up the logs of their process, which is that of all tests."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture
def wide_open() -> Iterator[None]:
    """New files are everybody's, unless whoever makes them says otherwise."""
    before = os.umask(0)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


# --- files -------------------------------------------------------------------------------------


@pytest.mark.usefixtures("wide_open")
def test_the_database_and_all_that_lies_beside_it_are_its_owners(world: World) -> None:
    database = world.folder / "digest.db"
    with world.app() as app:
        jobs.run(app)
        beside = sorted(world.folder.glob("*digest.db*"))
        assert [p.name for p in beside] == [
            "digest.db", "digest.db-shm", "digest.db-wal", "digest.db.lock",
        ]  # fmt: skip
        assert {mode(p) for p in beside} == {0o600}
        app.store.database.copy_to(world.folder / "copy.db")
    assert mode(world.folder / "copy.db") == 0o600
    database.chmod(0o644)
    kept = restore(world.folder / "copy.db", database, force=True)
    assert kept is not None
    assert (mode(kept), mode(database)) == (0o600, 0o600)


def test_a_log_that_its_last_user_takes_away_while_we_open_is_no_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "digest.db"
    open_store(path).close()
    log = tmp_path / "digest.db-wal"
    log.write_bytes(b"")

    def taken_away(file: Path) -> None:
        log.unlink(missing_ok=True)
        make_private(file)

    monkeypatch.setattr(sqlite, "make_private", taken_away)
    open_store(path).close()


@pytest.mark.parametrize(
    ("before", "after"), [(0o644, 0o600), (0o640, 0o600), (0o666, 0o660), (0o660, 0o660)]
)
def test_a_database_of_earlier_is_made_its_owners_but_for_a_group_that_writes(
    tmp_path: Path, before: int, after: int
) -> None:
    path = tmp_path / "digest.db"
    open_store(path).close()
    path.chmod(before)
    open_store(path).close()
    assert mode(path) == after


def test_what_is_no_file_of_ours_keeps_its_mode(tmp_path: Path) -> None:
    """A mistaken path may name a folder or a device of everybody's."""
    folder = tmp_path / "everybody's"
    folder.mkdir()
    folder.chmod(0o1777)
    (tmp_path / "link").symlink_to(folder)
    os.mkfifo(tmp_path / "pipe", 0o644)
    os.chmod(tmp_path / "pipe", 0o644)
    for path in (folder, tmp_path / "link", tmp_path / "pipe"):
        before = path.stat().st_mode
        with pytest.raises(StoreError, match="is no file"):
            open_store(path)
        make_private(path)
        assert path.stat().st_mode == before


def test_a_group_that_may_write_the_database_may_lock_it(tmp_path: Path) -> None:
    path = tmp_path / "digest.db"
    open_store(path).close()
    path.chmod(0o660)
    with open_store(path) as store, store.exclusive():
        store.facts.set("x", "y")
        assert {mode(p) for p in tmp_path.iterdir()} == {0o660}


@pytest.mark.usefixtures("wide_open")
def test_init_and_preview_write_for_their_owner_alone(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(world.folder)
    done = CliRunner().invoke(
        command_line, ["init", "--email", "ada@example.org", "--output", "new.toml"]
    )
    assert done.exit_code == 0, done.output
    assert mode(world.folder / "new.toml") == 0o600
    done = CliRunner().invoke(command_line, ["-c", str(world.write()), "preview"])
    assert done.exit_code == 0, done.output
    files = list((world.folder / "preview").iterdir())
    assert len(files) == 3
    assert {mode(p) for p in files} == {0o600}


# --- who needs a password ----------------------------------------------------------------------


def without_password(world: World) -> list[str]:
    path = world.write()
    text = path.read_text("utf-8").replace(
        'security = "none"', 'security = "none"\nusername = "ada"'
    )
    path.write_text(text, "utf-8")
    return ["-c", str(path)]


@pytest.mark.parametrize(
    "command",
    [
        ["preview", "--stored", "--out", "{folder}/p"],
        ["status"],
        ["deliveries"],
        ["like", "2605.00001"],
        ["dislike", "2605.00002"],
        ["profile"],
        ["evaluate"],
        ["paper", "2605.00001"],
        ["backup", "{folder}/copy.db"],
        ["run", "--dry-run"],
        ["rotate-key"],
        ["revoke-links", "ada@example.org"],
    ],
    ids=lambda c: c[0],
)
def test_looking_liking_and_copying_need_no_mail_password(
    world: World, command: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SMTP_PASSWORD", raising=False)
    with world.app() as app:
        jobs.fetch_all(app)
    line = [*without_password(world), *(c.format(folder=world.folder) for c in command)]
    done = CliRunner().invoke(command_line, line)
    assert done.exit_code == 0, done.output
    assert "SMTP_PASSWORD" not in done.output


@pytest.mark.parametrize("command", [["run"], ["worker"], ["retry"], ["check"]], ids=lambda c: c[0])
def test_what_sends_tells_that_the_password_is_missing(
    world: World, command: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SMTP_PASSWORD", raising=False)
    done = CliRunner().invoke(command_line, [*without_password(world), *command])
    assert done.exit_code == (1 if command == ["check"] else 2)
    assert "there is no password for it; set SMTP_PASSWORD" in done.output
    assert not world.smtp.mails


def test_a_password_file_that_cannot_be_read_is_told_by_what_sends(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SMTP_PASSWORD", raising=False)
    line = without_password(world)
    path = Path(line[1])
    (world.folder / "pw").write_bytes(b"\xff\xfe\x00")
    named = 'username = "ada"\npassword_file = "pw"'
    path.write_text(path.read_text("utf-8").replace('username = "ada"', named), "utf-8")
    assert CliRunner().invoke(command_line, [*line, "status"]).exit_code == 0
    done = CliRunner().invoke(command_line, [*line, "run"])
    assert done.exit_code == 2
    assert "password_file" in done.output


def test_a_backup_of_no_database_makes_none(world: World) -> None:
    line = ["-c", str(world.write()), "backup", str(world.folder / "copy.db")]
    done = CliRunner().invoke(command_line, line)
    assert done.exit_code == 1
    assert "There is no database" in done.output
    assert not list(world.folder.glob("*.db"))


# --- letters of any kind -----------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:Requiring AUTH")
@pytest.mark.parametrize("password", ANY_LETTERS)
def test_smtp_takes_a_password_of_any_letters(password: str) -> None:
    with mail_server(auth_required=True, auth_require_tls=False) as server:
        server.password = password
        with SmtpTransport(
            host="127.0.0.1", port=server.port, security="none", username="ädä", password=password
        ) as transport:
            transport.connect()
        assert server.logins == ["ädä"]
        with (
            SmtpTransport(
                host="127.0.0.1", port=server.port, security="none", username="a", password="nö"
            ) as transport,
            pytest.raises(RouteError, match="refuses the login"),
        ):
            transport.connect()


def test_smtp_answers_every_mechanism_in_utf8() -> None:
    """CRAM-MD5 and LOGIN as well: what a server offers is not ours to choose."""
    from digest.channels.email.smtp_login import Login

    said: list[str] = []

    class Scripted(Login):
        def docmd(self, cmd: str, args: str = "") -> tuple[int, bytes]:
            said.append(f"{cmd} {args}".strip())
            return (334, base64.b64encode(b"<1@x>")) if len(said) % 3 else (235, b"ok")

    smtp = Scripted()
    smtp.user, smtp.password = "ädä", "gehäim"
    assert smtp.auth("CRAM-MD5", smtp.auth_cram_md5, initial_response_ok=False)[0] == 235
    assert smtp.auth("LOGIN", smtp.auth_login)[0] == 235
    assert base64.b64decode(said[1]).decode().startswith("ädä ")
    assert base64.b64decode(said[4]).decode() == "gehäim"


def box(server: ImapServer, folder: str, password: str) -> ImapBox:
    return ImapBox(
        host="127.0.0.1",
        port=server.port,
        security="none",
        username="ädä",
        password=password,
        folder=folder,
    )


@pytest.mark.parametrize("password", ANY_LETTERS)
def test_imap_takes_a_password_and_a_folder_of_any_letters(password: str) -> None:
    with imap_server() as server:
        server.password, server.offers_plain = password, True
        server.folders = {"Entw&APw-rfe &- mehr"}
        box(server, "Entwürfe & mehr", password).close()
        with pytest.raises(InboxError, match="has no folder Müll"):
            box(server, "Müll", password)


def test_imap_without_a_way_for_such_a_password_says_so() -> None:
    with imap_server() as server, pytest.raises(InboxError, match="letters outside ASCII"):
        box(server, "INBOX", "gehäim")


def test_a_folder_that_is_written_as_the_server_does_is_found() -> None:
    with imap_server() as server:
        server.offers_plain = True
        server.folders = {"Entw&APw-rfe"}
        box(server, "Entw&APw-rfe", server.password).close()


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("INBOX", "INBOX"),
        ("Entwürfe", "Entw&APw-rfe"),
        ("R&D", "R&-D"),
        ("~peter/mail/台北/日本語", "~peter/mail/&U,BTFw-/&ZeVnLIqe-"),  # RFC 3501's own
        ("Boîte de réception", "Bo&AO4-te de r&AOk-ception"),
        ("📥", "&2D3c5Q-"),
        ("Входящие", "&BBIERQQ+BDQETwRJBDgENQ-"),
    ],
)
def test_folders_are_written_as_rfc_3501_has_it(name: str, written: str) -> None:
    assert modified_utf7(name) == written


# --- private addresses -------------------------------------------------------------------------


@pytest.mark.parametrize("login", ["ada:hush-hush", "hush-hush", ":hush-hush", "ada:hush-hush%40"])
def test_the_login_of_a_private_feed_stands_in_no_message_no_log_and_no_mail(
    world: World, login: str, capfd: pytest.CaptureFixture[str]
) -> None:
    address = world.web.url.replace("://", f"://{login}@")
    world.write(
        sources=f'[[sources]]\nkind = "feed"\nallow_private = true\nurl = "{address}/gone.xml"\n'
    )
    done = CliRunner().invoke(command_line, ["-c", str(world.config), "-vv", "run"])
    said = done.output + capfd.readouterr().err
    assert "gone.xml" in said
    with world.app() as app:
        stored = str(app.store.runs.latest(5))
    for place in (said, stored, *(m.body.decode() for m in world.smtp.mails)):
        assert "hush-hush" not in place
    world.write(top=f'[monitor]\nping_url = "https://{login}@a..b/"')
    done = CliRunner().invoke(command_line, ["-c", str(world.config), "status"])
    assert done.exit_code == 2
    assert "hush-hush" not in done.output
