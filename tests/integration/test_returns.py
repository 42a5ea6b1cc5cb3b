"""Bounces, complaints and actions that come by mail, applied to a real installation."""

from __future__ import annotations

import base64
import mailbox
import socket
import threading
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from digest import jobs
from digest.edition.links import Action, Seal, Ticket
from digest.errors import ConfigError, InboxError, TokenError
from digest.model import SubscriberState
from digest.usecases.inbound import InboxReport, carry_out
from digest.worker import Worker
from tests.servers import Answer, rss
from tests.unit.test_edition import links
from tests.unit.test_letters import complaint, report
from tests.worlds import ADA, World, make_world, record

BOB = ADA.replace("ada@", "bob@")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Everybody has today's mail; the inbox is an empty Maildir."""
    with make_world(tmp_path) as made:
        stamp = made.now.strftime("%a, %d %b %Y 00:00:00 -0400")
        made.web.says("/rss/cs.CL+cs.LG", Answer(rss([record(n) for n in range(5)], stamp)))
        mailbox.Maildir(tmp_path / "inbox", create=True)
        made.write(subscribers=ADA + BOB, sources='[inbox]\nmaildir = "inbox"\n')
        text = made.config.read_text("utf-8")
        verp = text.replace('security = "none"', 'security = "none"\nbounces_to = "b@example.org"')
        made.config.write_text(verp, "utf-8")
        with made.app() as app:
            jobs.run(app)
        yield made


def arrives(world: World, *mails: bytes) -> None:
    box = mailbox.Maildir(world.folder / "inbox")
    for mail in mails:
        box.add(mail)


def look(world: World, dry_run: bool = False) -> InboxReport:
    with world.app() as app:
        return jobs.read_inbox(app, dry_run=dry_run)


def state(world: World, email: str = "ada@example.org") -> SubscriberState:
    with world.app() as app:
        return jobs.subscriber(app, email).state


def sent_to(world: World, email: str = "ada@example.org") -> EmailMessage:
    (mail,) = world.smtp.to(email)
    return message_from_bytes(mail.body, policy=policy.default)  # type: ignore[return-value]


def about(world: World, raw: bytes, email: str = "ada@example.org") -> bytes:
    """A report about the mail that this reader got."""
    message_id = str(sent_to(world, email)["Message-ID"]).encode()
    return raw.replace(b"<0123456789abcdef@example.org>", message_id)


def pressed(world: World, label: str, email: str = "ada@example.org") -> bytes:
    """The mail that a press on an action of the mail prepares, as a mail program sends it."""
    html = sent_to(world, email).get_body(("html",)).get_content()  # type: ignore[union-attr]
    found = next(u for u in links(html) if f"subject={label}" in unquote(u))
    reply = EmailMessage()
    reply["From"] = email
    reply["To"] = unquote(urlsplit(found).path)
    reply["Subject"] = parse_qs(urlsplit(found).query)["subject"][0]
    reply.set_content("")
    return reply.as_bytes()


def test_a_hard_bounce_suppresses_and_says_why(world: World) -> None:
    arrives(world, about(world, report()))
    found = look(world)
    assert found.told == [
        "ada@example.org: bounce, 5.1.1 550 5.1.1 no such user (hard); suppressed"
    ]
    assert state(world) is SubscriberState.SUPPRESSED
    assert state(world, "bob@example.org") is SubscriberState.ACTIVE
    world.now += timedelta(days=1)
    with world.app() as app:
        told = jobs.run(app)
    assert told is not None
    assert "no such user" in told.subscribers[0].detail


def test_a_report_without_the_mail_is_known_by_its_return_address(world: World) -> None:
    (mail,) = world.smtp.to("ada@example.org")
    assert mail.sender.startswith("b+")
    assert sent_to(world)["From"] == "Morning papers <digest@example.org>"
    arrives(world, report(to=mail.sender, enclosed="text/plain"))
    look(world)
    assert state(world) is SubscriberState.SUPPRESSED


def test_soft_bounces_suppress_only_after_some_editions(world: World) -> None:
    arrives(world, about(world, report(status="5.2.2")), about(world, report(status="5.2.2")))
    assert look(world).n_applied == 2
    assert state(world) is SubscriberState.ACTIVE
    with world.app() as app:
        reader = jobs.subscriber(app, "ada@example.org")
        assert len(app.store.strikes.of(reader.id)) == 1  # one edition is one strike


def test_a_complaint_suppresses_at_once(world: World) -> None:
    arrives(world, about(world, complaint(), "bob@example.org"))
    look(world)
    assert state(world, "bob@example.org") is SubscriberState.SUPPRESSED


def test_nobody_can_be_silenced_by_a_forged_report(world: World) -> None:
    (mail,) = world.smtp.to("ada@example.org")
    other = "1" if mail.sender[-16] == "0" else "0"  # a digit of the signature
    forged = mail.sender[:-16] + other + mail.sender[-15:]
    arrives(world, report(), complaint(), report(to=forged), report(to="ada@example.org"))
    found = look(world)
    assert (found.n_read, found.n_applied, found.n_others) == (4, 0, 4)
    assert state(world) is SubscriberState.ACTIVE


@pytest.mark.parametrize(
    ("label", "value"), [("Like", 1), ("Dislike", -1), ("Fewer like this", -3)]
)
def test_a_press_in_the_mail_becomes_a_rating(world: World, label: str, value: int) -> None:
    arrives(world, pressed(world, label))
    assert look(world).n_applied == 1
    with world.app() as app:
        reader = jobs.subscriber(app, "ada@example.org")
        rated = [r for r in app.store.ratings.of(reader.id) if r.origin == "mail"]
        assert [r.value for r in rated] == [value]
        told = app.store.ratings.reader_state(reader.id, world.now.date())
        assert sum(told.dislike_weights) == (0 if value > 0 else -value)
        if value < 0:
            assert jobs.profile(app, reader)  # ranks with it
    assert look(world).n_read == 0  # it is marked as read


def test_a_changed_mind_counts(world: World) -> None:
    arrives(world, pressed(world, "Like"))
    look(world)
    world.now += timedelta(minutes=1)
    arrives(world, pressed(world, "Dislike"))
    look(world)
    with world.app() as app:
        reader = jobs.subscriber(app, "ada@example.org")
        values = [r.value for r in app.store.ratings.of(reader.id) if r.origin == "mail"]
    assert values == [-1]


def test_whoever_unsubscribes_by_mail_gets_no_more_and_the_file_does_not_bring_them_back(
    world: World,
) -> None:
    arrives(world, pressed(world, "Unsubscribe"))
    assert look(world).told == ["ada@example.org: unsubscribed"]
    world.now += timedelta(days=1)
    with world.app() as app:
        jobs.run(app)
    assert len(world.smtp.to("ada@example.org")) == 1
    assert state(world) is SubscriberState.UNSUBSCRIBED


def test_a_letter_to_a_person_is_left_unread_and_a_forged_press_refused(world: World) -> None:
    letter = b"Subject: thank you\r\n\r\nnice papers\r\n"
    token = Seal((b"somebody else's",)).sign(Ticket(Action.LIKE, "s", "p"), world.now.date())
    forged = f"Subject: Like: this [{token}]\r\n\r\n".encode()
    vacation = pressed(world, "Like").replace(b"To:", b"Auto-Submitted: auto-replied\r\nTo:")
    arrives(world, letter, forged, vacation)
    found = look(world)
    assert (found.n_read, found.n_applied, found.n_refused, found.n_others) == (3, 0, 1, 2)
    assert look(world).n_read == 3
    with world.app() as app:
        reader = jobs.subscriber(app, "ada@example.org")
        assert not [r for r in app.store.ratings.of(reader.id) if r.origin == "mail"]


def test_a_dry_run_tells_and_changes_nothing(world: World) -> None:
    arrives(world, about(world, report()), pressed(world, "Unsubscribe", "bob@example.org"))
    assert look(world, dry_run=True).n_applied == 2
    assert state(world) is SubscriberState.ACTIVE
    assert state(world, "bob@example.org") is SubscriberState.ACTIVE
    assert look(world).n_applied == 2


def test_links_of_a_rotated_key_work_until_it_is_revoked(world: World) -> None:
    with world.app() as app:
        app.store.rotate_keys(revoke=False)
    arrives(world, pressed(world, "Like"))
    assert look(world).n_applied == 1
    with world.app() as app:
        app.store.rotate_keys(revoke=True)
    arrives(world, pressed(world, "Dislike"))
    assert look(world).n_refused == 1


def test_what_a_ticket_names_must_still_be_here(world: World) -> None:
    with world.app() as app:
        reader = jobs.subscriber(app, "ada@example.org")
        for ticket in (
            Ticket(Action.LIKE, "nobody", "arxiv:2605.00001"),
            Ticket(Action.LIKE, reader.id, "arxiv:9999.00001"),
            Ticket(Action.EDITION, reader.id, "2026-05-20"),
        ):
            with pytest.raises(TokenError):
                carry_out(ticket, app.store, world.now, origin="mail")


def test_the_worker_looks_into_the_inbox_now_and_then(world: World) -> None:
    with world.app() as app:
        planned = {job.func.__name__: job for job in Worker(app).scheduler().get_jobs()}
        assert set(planned) == {"read_inbox", "tick"}
        assert planned["read_inbox"].trigger.interval == timedelta(minutes=10)
        assert all(job.next_run_time == world.now for job in planned.values())
        arrives(world, pressed(world, "Unsubscribe"))
        planned["read_inbox"].func()
        assert jobs.subscriber(app, "ada@example.org").state is SubscriberState.UNSUBSCRIBED


def test_a_mailbox_that_is_not_there_is_told_and_does_not_stop_the_worker(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    (world.folder / "inbox" / "new").rename(world.folder / "inbox" / "old")
    with pytest.raises(InboxError, match="is no Maildir"):
        look(world)
    with world.app() as app:
        Worker(app).read_inbox()
    assert "inbox.failed" in caplog.text
    world.write()
    with world.app() as app, pytest.raises(ConfigError, match="no \\[inbox\\]"):
        jobs.read_inbox(app)


# --- IMAP --------------------------------------------------------------------------------------


@dataclass
class ImapServer:
    """As much of RFC 3501 as reading a mailbox needs, spoken over a real socket."""

    mails: dict[int, bytes] = field(default_factory=dict)
    seen: set[int] = field(default_factory=set)
    password: str = "hush"
    folders: set[str] = field(default_factory=lambda: {"INBOX"})
    offers_plain: bool = False
    port: int = 0
    commands: list[str] = field(default_factory=list)

    def serve(self, connection: socket.socket) -> None:
        with connection, suppress(OSError), connection.makefile("rwb") as stream:

            def say(text: bytes) -> None:
                stream.write(text + b"\r\n")
                stream.flush()

            say(b"* OK ready")
            while line := stream.readline():
                tag, _, rest = line.decode().strip().partition(" ")
                self.commands.append(rest)
                verb = rest.upper()
                if verb.startswith("CAPABILITY"):
                    say(b"* CAPABILITY IMAP4rev1" + b" AUTH=PLAIN" * self.offers_plain)
                elif verb.startswith("AUTHENTICATE PLAIN"):
                    say(b"+ ")
                    answer = base64.b64decode(stream.readline()).decode()
                    if answer.split("\0")[2] != unicodedata.normalize("NFC", self.password):
                        say(f"{tag} NO wrong password".encode())
                        continue
                elif verb.startswith("LOGIN") and self.password not in rest:
                    say(f"{tag} NO wrong password".encode())
                    continue
                elif verb.startswith("SELECT") and rest[8:-1] not in self.folders:
                    say(f"{tag} NO no such folder".encode())
                    continue
                elif verb.startswith("UID SEARCH"):
                    open_ = " ".join(str(u) for u in self.mails if u not in self.seen)
                    say(f"* SEARCH {open_}".encode())
                elif verb.startswith("UID FETCH"):
                    uid = int(rest.split()[2])
                    body = self.mails[uid]
                    say(f"* 1 FETCH (UID {uid} BODY[] {{{len(body)}}}".encode())
                    stream.write(body)
                    say(b")")
                elif verb.startswith("UID STORE"):
                    self.seen.add(int(rest.split()[2]))
                elif verb.startswith("LOGOUT"):
                    say(b"* BYE")
                    say(f"{tag} OK".encode())
                    return
                say(f"{tag} OK done".encode())


@contextmanager
def imap_server() -> Iterator[ImapServer]:
    box = ImapServer()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        box.port = listener.getsockname()[1]

        def accept() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    threading.Thread(target=box.serve, args=(connection,), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield box


def use_imap(world: World, port: int, folder: str = "INBOX") -> None:
    text = world.config.read_text("utf-8")
    table = (
        f'[inbox]\nhost = "127.0.0.1"\nport = {port}\nsecurity = "none"\nusername = "digest"\n'
        f'folder = "{folder}"\n'
    )
    world.config.write_text(text.replace('[inbox]\nmaildir = "inbox"\n', table), "utf-8")
    (world.folder / ".env").write_text("INBOX_PASSWORD=hush\n", "utf-8")


def test_an_imap_mailbox_is_read_and_only_what_is_ours_is_marked(world: World) -> None:
    with imap_server() as imap:
        use_imap(world, imap.port)
        imap.mails = {
            7: b"Subject: thank you\r\n\r\nnice\r\n",
            9: about(world, report()),
        }
        assert look(world).n_applied == 1
        assert state(world) is SubscriberState.SUPPRESSED
        assert imap.seen == {9}
        assert not any("DELETED" in c.upper() for c in imap.commands)
        assert look(world).n_read == 1


def test_an_imap_server_that_refuses_is_told(world: World) -> None:
    with imap_server() as imap:
        use_imap(world, imap.port, folder="Nowhere")
        with pytest.raises(InboxError, match="has no folder Nowhere"):
            look(world)
        imap.password = "other"
        with pytest.raises(InboxError, match=r"wrong password.*INBOX_PASSWORD"):
            look(world)
    use_imap(world, 1)
    text = world.config.read_text("utf-8")
    world.config.write_text(text.replace(f"port = {imap.port}", "port = 1"), "utf-8")
    with pytest.raises(InboxError, match=r"127\.0\.0\.1:1 cannot be read"):
        look(world)


def test_seals_and_links_agree_with_the_store(world: World) -> None:
    with world.app() as app:
        html = sent_to(world).get_body(("html",)).get_content()  # type: ignore[union-attr]
        mail = next(u for u in links(html) if "subject=Like" in u)
        ticket = Seal(app.store.keys).read_subject(unquote(mail), world.now.date())
        assert ticket.subscriber_id == jobs.subscriber(app, "ada@example.org").id
